"""SimHash: bits by majority, blocks that near hashes must share, pairs that are near and no others."""

from __future__ import annotations

import random
from itertools import combinations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dedup.simhash import block_keys, block_masks, near_pairs, simhashes
from schemas.errors import RecipeError
from schemas.recipe import SimHash
from tests.dedup.reference import shingle_hashes
from tests.text.strategies import TEXTS, padded


@given(TEXTS, st.integers(1, 3))
def test_each_bit_is_the_majority_of_the_shingles(texts: list[str], size: int) -> None:
    hashes, n_shingles = simhashes(padded(texts), size)
    for row, text in enumerate(texts):
        shingles = shingle_hashes(text, size)
        bits = [2 * sum(shingle >> bit & 1 for shingle in shingles) > len(shingles) for bit in range(64)]
        assert int(hashes[row]) == sum(1 << bit for bit, is_set in enumerate(bits) if is_set)
        assert n_shingles[row] == len(shingles)


@given(st.integers(0, 2**64 - 1), st.sets(st.integers(0, 63), max_size=4))
def test_near_hashes_agree_in_a_choice_of_blocks(value: int, flipped: set[int]) -> None:
    other = value
    for bit in flipped:
        other ^= 1 << bit
    masks = [int(mask) for mask in block_masks(SimHash())]
    assert len(masks) == 15
    assert any((value & mask) == (other & mask) for mask in masks)


def signature(hashes: list[int]) -> pa.RecordBatch:
    n = len(hashes)
    columns = {
        "row_ref": pa.array(range(n), pa.uint64()),
        "rank": pa.array([(1 << 60) + n - i for i in range(n)], pa.uint64()),  # the last is the best
        "salt": pa.array([0] * n, pa.uint64()),
        "n_simhash": pa.array([int(value != 0) for value in hashes], pa.uint32()),
        "simhash": pa.array(hashes, pa.uint64()),
    }
    return pa.RecordBatch.from_pydict(columns)


def pairs_of(hashes: list[int], config: SimHash) -> tuple[dict[tuple[int, int], int], int]:
    winner, winner_rank, loser, loser_rank, distance, crowded = near_pairs(
        pa.Table.from_batches([block_keys(signature(hashes), config)]), config
    )
    assert (winner_rank < loser_rank).all()
    return dict(zip(zip(winner.tolist(), loser.tolist(), strict=True), distance.tolist(), strict=True)), crowded


@pytest.mark.parametrize("distance", [0, 2, 4])
def test_all_near_pairs_are_found_and_no_others(distance: int) -> None:
    rng = random.Random(distance)
    hashes = [rng.getrandbits(64) for _ in range(60)]
    hashes += [value ^ sum(1 << bit for bit in rng.sample(range(64), k)) for value in hashes[:40] for k in (1, 3, 4, 5)]
    hashes += [0, 0]  # no shingles: no pair
    found, crowded = pairs_of(hashes, SimHash(distance=distance))
    near = {(j, i): (hashes[i] ^ hashes[j]).bit_count() for i, j in combinations(range(len(hashes) - 2), 2)}
    assert found == {pair: n for pair, n in near.items() if n <= distance}
    assert crowded == 0


def test_a_million_equal_hashes_meet_the_winner_only() -> None:
    config = SimHash(blocks=5)
    n = 1_000_000 // 5
    found, crowded = pairs_of([12345] * n, config)
    assert found == {(n - 1, i): 0 for i in range(n - 1)}
    assert crowded == 0


def test_a_crowded_bucket_is_counted_and_bounded() -> None:
    hashes = [1 << 63 | i for i in range(3000)]  # all agree in the upper blocks
    found, crowded = pairs_of(hashes, SimHash(max_comparisons=8))
    assert crowded > 0
    assert len(found) <= 15 * 8 * len(hashes)
    assert all(n <= 4 for n in found.values())


def test_keys_do_not_depend_on_the_batch() -> None:
    whole = signature([5, 6, 0, 7])
    parts = [block_keys(whole.slice(0, 1), SimHash()), block_keys(whole.slice(1), SimHash())]
    assert pa.Table.from_batches(parts).combine_chunks().equals(pa.Table.from_batches([block_keys(whole, SimHash())]))
    assert np.unique(block_keys(whole, SimHash()).column("key").to_numpy()).size > 1


def test_blocks_must_outnumber_the_bits_that_may_differ() -> None:
    with pytest.raises(RecipeError, match=r"dedup\.simhash\.blocks = 4: must be above the distance, 4"):
        SimHash(blocks=4)
