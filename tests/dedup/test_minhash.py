"""Bands propose what they should, the truth decides, and removals are stars."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dedup.arrays import UInt64s
from pipelines.dedup.minhash import (
    CANDIDATE,
    band_keys,
    candidate_pairs,
    detection_probability,
    pair_with_leaders,
    rank_chars,
    ranks,
    recurring_rows,
)
from pipelines.dedup.near.survivors import Measure, Survivors, attach_unresolved, join_components, resolve_stars
from pipelines.dedup.row_reader import RowReader
from pipelines.dedup.shingles import permutations, shingle_sets, signatures
from pipelines.dedup.verify import EDGE, length_classes, similarities
from schemas.hops import signature_schema
from schemas.recipe import MinHash
from tests.dedup.reference import greedy_stars, jaccard, pairs_of, shingles


def test_detection_curve_of_fineweb() -> None:
    # The published 14 x 8: 0.565 / 0.924 / 0.9996 at 0.7 / 0.8 / 0.9.
    assert np.allclose(detection_probability([0.7, 0.8, 0.9, 0.0, 1.0], 14, 8), [0.565, 0.924, 0.9996, 0, 1], atol=5e-4)


def signed(texts: list[str], config: MinHash) -> pa.RecordBatch:
    a, b = permutations(config.bands * config.rows, config.seed)
    values, n_shingles = signatures(pa.array(texts, pa.large_string()), config.shingle, a, b)
    schema = signature_schema(len(a))
    n = len(texts)
    columns = [
        pa.array(range(n), pa.uint64()),
        pa.array([bytes([i]) * 16 for i in range(n)], pa.binary(16)),
        pa.array(range(n), pa.uint64()),
        pa.array([0] * n, pa.uint64()),
        pa.nulls(n, pa.binary(16)),
        pa.array([bytes([i]) * 16 for i in range(n)], pa.binary(16)),
        pa.array(n_shingles),
        pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), type=schema.field("minhash").type),
        pa.array([0] * n, pa.uint32()),
        pa.array([0] * n, pa.uint64()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def test_documents_that_share_a_band_share_a_key_and_short_ones_have_none() -> None:
    config = MinHash(bands=4, rows=2, shingle=2)
    text = "a b c d e f g h"
    rows = band_keys(signed([text, text.upper() + "!", "q r s t u v w x", "short"], config), config)
    keys = {at: set(rows.filter(pa.compute.equal(rows.column("row_ref"), at)).column("key").to_pylist()) for at in range(4)}
    assert keys[0] == keys[1]
    assert len(keys[0]) == 4
    assert not keys[0] & keys[2]
    assert keys[3] == set()
    groups = dict(zip(rows.column("row_ref").to_pylist(), rows.column("groups").to_pylist(), strict=True))
    assert groups[0] == groups[1] != groups[2]
    assert len(groups[0]) == 8


@given(st.lists(st.tuples(st.integers(0, 15), st.integers(0, 2**28 - 1), st.binary(min_size=16, max_size=16)), min_size=2, max_size=6))
def test_rank_is_priority_then_length_then_id(rows: list[tuple[int, int, bytes]]) -> None:
    priority, chars, ids = zip(*rows, strict=True)
    rank = ranks(np.array(priority, np.uint8), np.array(chars, np.uint64), pa.array(ids, pa.binary(16)))
    by_rank = sorted(range(len(rows)), key=lambda i: (rank[i], i))
    assert by_rank == sorted(range(len(rows)), key=lambda i: (priority[i], -chars[i], ids[i][:4], i))
    assert rank_chars(rank).tolist() == list(chars)
    classes = length_classes(rank_chars(rank), rank >> np.uint64(60))
    assert all(classes[a] <= classes[b] for a, b in pairwise(by_rank))


def test_a_text_longer_than_a_rank_can_say_still_has_one() -> None:
    ids = pa.array([b"a" * 16] * 2, pa.binary(16))
    long, longer = ranks(np.zeros(2, np.uint8), np.array([2**28 - 1, 2**40], np.uint64), ids)
    assert long == longer


MORTAL = 1 << 60  # what a rank is at least, of a document that may be merged


def band_table(buckets: list[list[int]], groups: dict[int, list[int]] | None = None) -> pa.Table:
    """Members are named by their rank; without `groups` all signatures differ in every band."""
    rows = [(key, at) for key, bucket in enumerate(buckets) for at in bucket]
    given = groups or {at: [at] * 4 for _, at in rows}
    return pa.table(
        {
            "key": pa.array([key for key, _ in rows], pa.uint64()),
            "row_ref": pa.array([at for _, at in rows], pa.uint64()),
            "rank": pa.array([MORTAL + at for _, at in rows], pa.uint64()),
            "groups": pa.array([np.array(given[at], np.uint16).tobytes() for _, at in rows], pa.binary(8)),
        }
    )


def proposed(table: pa.Table, most: int) -> tuple[list[tuple[int, int]], int]:
    pairs, n_crowded, _ = candidate_pairs(table, most)
    for side in ("winner", "loser"):
        assert [rank - MORTAL for rank in pairs.column(f"{side}_rank").to_pylist()] == pairs.column(f"{side}_ref").to_pylist()
    return list(zip(pairs.column("winner_ref").to_pylist(), pairs.column("loser_ref").to_pylist(), strict=True)), n_crowded


@given(st.lists(st.one_of(st.integers(0, 9), st.integers(0, 2**64 - 1)), max_size=40))
def test_no_row_whose_key_recurs_is_passed_over(keys: list[int]) -> None:
    kept = recurring_rows(np.array(keys, np.uint64)).tolist()
    assert kept == sorted(set(kept))
    assert {row for row, key in enumerate(keys) if keys.count(key) > 1} <= set(kept)


def test_most_rows_whose_key_does_not_recur_are_passed_over() -> None:
    keys = np.random.default_rng(0).integers(0, 2**64, 10_000, np.uint64)
    assert len(recurring_rows(keys)) < 3000


@given(st.lists(st.lists(st.integers(0, 12), unique=True, max_size=8), max_size=6))
def test_every_pair_of_a_bucket_is_proposed_once(buckets: list[list[int]]) -> None:
    found, n_crowded = proposed(band_table(buckets), 100)
    assert len(found) == len(set(found))
    assert set(found) == pairs_of([sorted(bucket) for bucket in buckets])
    assert n_crowded == 0


def test_a_crowded_bucket_costs_linearly_and_is_counted() -> None:
    found, n_crowded = proposed(band_table([list(range(50)), [1, 2]]), 4)
    assert n_crowded == 1
    # Half the best, half the nearest in rank.
    assert {b for b, w in found if w == 49} == {0, 1, 47, 48}
    assert len(found) == 4 * 46 + 6


def test_near_duplicates_in_a_crowded_bucket_meet_by_another_band() -> None:
    # 200 pages share the band of their template; 20 and 150 are copies that also share their third band.
    groups = {at: [0, 1000 + at, 2000 + at, 3000 + at] for at in range(200)}
    groups[150][2] = groups[20][2]
    found, n_crowded = proposed(band_table([list(range(200))], groups), 4)
    assert n_crowded == 1
    assert (20, 150) in found
    assert len(found) <= 200 * 4 + 1


def test_a_crowd_within_a_crowd_is_split_again() -> None:
    # All share bands 0 and 1; 20 and 150 also share band 3.
    groups = {at: [0, at // 100, 2000 + at, 3000 + at] for at in range(400)}
    groups[150] = [0, 0, 9, groups[20][3]]
    groups[20][1] = 0
    groups[20][3] = groups[150][3]
    found, _ = proposed(band_table([list(range(400))], groups), 8)
    assert (20, 150) in found
    assert len(found) <= 400 * 8 * 4


def test_identical_signatures_meet_the_winner_only() -> None:
    groups = {at: [7, 7, 7, 7] for at in range(1000)}
    found, n_crowded = proposed(band_table([list(range(1000))] * 3, groups), 4)
    assert found == [(0, at) for at in range(1, 1000)]
    assert n_crowded == 0


WORDS = st.lists(st.sampled_from(["a", "b", "c", "国", "民"]), max_size=12).map(" ".join)


@given(st.lists(WORDS, min_size=2, max_size=6), st.integers(1, 3))
def test_similarities_are_those_of_the_shingle_sets(texts: list[str], size: int) -> None:
    hashes, offsets = shingle_sets(pa.array(texts, pa.large_string()), size)
    first, second = np.arange(len(texts) - 1), np.arange(1, len(texts))
    sets = [shingles(text, size) for text in texts]
    expected = [jaccard(a, b) for a, b in pairwise(sets)]
    assert similarities(hashes, offsets, first, second, False).tolist() == expected
    contained = [len(a & b) / len(b) if b else 0.0 for a, b in pairwise(sets)]
    assert similarities(hashes, offsets, first, second, True).tolist() == contained


Similarity = dict[tuple[int, int], float]


def edges(similarity: Similarity) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {"winner_ref": b, "winner_rank": MORTAL + b, "loser_ref": w, "loser_rank": MORTAL + w, "similarity": s, "local": b % 2 == w % 2}
            for (b, w), s in similarity.items()
        ],
        EDGE,
    )


class FakeReader(RowReader):
    """16 documents in one file; the id of number 3 is 0303...03."""

    def first_rows(self) -> np.ndarray[Any, Any]:
        return np.array([0, 16], np.uint64)

    def take(self, refs: np.ndarray[Any, Any], columns: Any) -> pa.RecordBatch:
        return pa.record_batch({"doc_id": pa.array([bytes([ref]) * 16 for ref in refs.tolist()], pa.binary(16))})


def resolved(*parts: Similarity, equal_sets: bool = True) -> list[dict[str, Any]]:
    """The merges of edges that come in parts."""
    with TemporaryDirectory() as folder:
        survivors = Survivors(Path(folder) / "survivors", FakeReader([]))
        for part in parts:
            resolve_stars(edges(part), survivors, equal_sets=equal_sets)
        return [merge for batch in survivors.merges(0.75, "minhash", 512) for merge in batch.to_pylist()]


SIMILARITY = st.dictionaries(
    st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda p: p[0] < p[1]), st.sampled_from([0.75, 0.8, 0.9])
)


@given(SIMILARITY, st.integers(0, 10))
def test_stars_are_those_of_the_greedy_reference_however_the_edges_are_parted(similarity: Similarity, cut: int) -> None:
    merges = resolved({p: s for p, s in similarity.items() if p[1] < cut}, {p: s for p, s in similarity.items() if p[1] >= cut})
    found = {m["row_ref"]: m["survivor_ref"] for m in merges}
    assert found == greedy_stars(list(range(10)), similarity)
    assert not set(found.values()) & set(found)
    for merge in merges:
        assert similarity[merge["survivor_ref"], merge["row_ref"]] == merge["value"] >= merge["limit"] == 0.75
        assert merge["survivor_id"] == bytes([merge["survivor_ref"]]) * 16


def test_a_chain_is_not_a_cluster() -> None:
    # 0 ~ 1 ~ 2, but 0 and 2 are not similar: 2 must stay, because its only similar document is gone.
    merges = resolved({(0, 1): 0.8, (1, 2): 0.8})
    assert [(m["row_ref"], m["survivor_ref"]) for m in merges] == [(1, 0)]


def test_where_an_equal_document_goes_its_equals_go_too() -> None:
    # 1 and 2 have the same shingles; only 1 was compared with 0, which holds for 2 as well. By containment, 1 says no such thing.
    pairs = {(0, 1): 0.8, (1, 2): 1.0}
    assert [(m["row_ref"], m["survivor_ref"], m["value"]) for m in resolved(pairs)] == [(1, 0, 0.8), (2, 0, 0.8)]
    assert [(m["row_ref"], m["survivor_ref"]) for m in resolved(pairs, equal_sets=False)] == [(1, 0)]


def measure_by(similarity: Similarity) -> Measure:
    """0.5 where nothing is said."""

    def measure(winner: UInt64s, loser: UInt64s) -> npt.NDArray[np.float64]:
        return np.array([similarity.get(pair, 0.5) for pair in zip(winner.tolist(), loser.tolist(), strict=True)])

    return measure


def test_a_document_whose_near_ones_were_merged_is_measured_against_their_survivor() -> None:
    """2 and 3 were compared with 1 alone, which ended in 0; 4 is far from 0, and 5 ends in 4, which therefore stays."""
    near = {(0, 1): 0.8, (1, 2): 0.9, (1, 3): 0.9, (1, 4): 0.9, (4, 5): 0.9}
    with TemporaryDirectory() as folder:
        survivors = Survivors(Path(folder) / "survivors", FakeReader([]))
        resolve_stars(edges(near), survivors, equal_sets=True)
        attach_unresolved([edges(near)], survivors, measure_by({(0, 2): 0.75, (0, 3): 0.7, (0, 4): 0.99}), 0.75)
        merges = [merge for batch in survivors.merges(0.75, "minhash", 512) for merge in batch.to_pylist()]
    assert [(m["row_ref"], m["survivor_ref"], m["value"]) for m in merges] == [(1, 0, 0.8), (2, 0, 0.75), (5, 4, 0.9)]


def components(similarity: Similarity, cut: int) -> dict[int, int]:
    """{merged: first of its component}, the slow way."""
    cluster = {at: {at} for at in range(16)}
    for pair in similarity:
        joined = cluster[pair[0]] | cluster[pair[1]]
        for at in joined:
            cluster[at] = joined
    return {at: min(cluster[at]) for at in range(16) if at != min(cluster[at])}


@given(SIMILARITY, st.integers(0, 10))
def test_components_end_in_their_first_document_however_the_edges_are_parted(similarity: Similarity, cut: int) -> None:
    parts = [{p: s for p, s in similarity.items() if (p[1] < cut) == first} for first in (True, False)]
    with TemporaryDirectory() as folder:
        survivors = Survivors(Path(folder) / "survivors", FakeReader([]))
        join_components(lambda: (edges(part) for part in parts), survivors)
        survivors.measure_chains(measure_by(similarity), 2)
        merges = [merge for batch in survivors.merges(0.75, "minhash", 512) for merge in batch.to_pylist()]
    assert {m["row_ref"]: m["survivor_ref"] for m in merges} == components(similarity, cut)
    for merge in merges:
        assert merge["value"] == similarity.get((merge["survivor_ref"], merge["row_ref"]), 0.5)  # of the survivor, not of who led to it
        assert merge["survivor_id"] == bytes([merge["survivor_ref"]]) * 16


def test_a_bucket_that_does_not_fit_is_thinned_to_the_winner_of_each_kind() -> None:
    groups = {at: [at % 3] * 4 for at in range(100)}
    table = band_table([list(range(100))], groups)
    pairs, leaders = pair_with_leaders(lambda: iter([table.slice(0, 40), table.slice(40, 25), table.slice(65)]))
    assert sorted(leaders.column("row_ref").to_pylist()) == [0, 1, 2]
    found = [(p["winner_ref"], p["loser_ref"]) for batch in pairs for p in batch.to_pylist()]
    assert sorted(found) == sorted((at % 3, at) for at in range(3, 100))


def test_a_protected_document_is_never_the_loser() -> None:
    table = band_table([[1, 2, 3]])
    ranks = table.column("rank").to_numpy().copy()
    ranks[[0, 2]] -= np.uint64(MORTAL)
    pairs, _, largest = candidate_pairs(table.set_column(2, "rank", pa.array(ranks)), 4)
    assert {(p["winner_ref"], p["loser_ref"]) for p in pairs.to_pylist()} == {(1, 2), (3, 2)}
    assert largest == 3


def test_no_edges_no_merges() -> None:
    assert resolved({}) == []
    assert candidate_pairs(band_table([]), 4)[0].schema == CANDIDATE
