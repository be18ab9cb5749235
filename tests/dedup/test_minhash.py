"""Bands propose what they should, the truth decides, and removals are stars."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dedup.minhash import CANDIDATE, band_keys, candidate_pairs, detection_probability
from pipelines.dedup.shingles import permutations, shingle_sets, signatures
from pipelines.dedup.verify import EDGE, jaccard_of_pairs, resolve_stars
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
        pa.array([len(t) for t in texts], pa.uint64()),
        pa.nulls(n, pa.binary(16)),
        pa.array([bytes([i]) * 16 for i in range(n)], pa.binary(16)),
        pa.array(n_shingles),
        pa.FixedSizeListArray.from_arrays(pa.array(values.reshape(-1)), type=schema.field("minhash").type),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def test_documents_that_share_a_band_share_a_key_and_short_ones_have_none() -> None:
    config = MinHash(bands=4, rows=2, shingle=2)
    text = "a b c d e f g h"
    rows = band_keys(signed([text, text.upper() + "!", "q r s t u v w x", "short"], config), config)
    keys = {at: set(rows.filter(pa.compute.equal(rows.column("at"), at)).column("key").to_pylist()) for at in range(4)}
    assert keys[0] == keys[1]
    assert len(keys[0]) == 4
    assert not keys[0] & keys[2]
    assert keys[3] == set()


def band_table(buckets: list[list[int]]) -> pa.Table:
    """Members are named by their rank: 0 is the longest."""
    rows = [(key, at) for key, bucket in enumerate(buckets) for at in bucket]
    return pa.table(
        {
            "key": pa.array([key for key, _ in rows], pa.uint64()),
            "at": pa.array([at for _, at in rows], pa.uint64()),
            "n_chars": pa.array([1000 - at for _, at in rows], pa.uint64()),
            "doc_id": pa.array([bytes([at]) * 16 for _, at in rows], pa.binary(16)),
        }
    )


@given(st.lists(st.lists(st.integers(0, 12), unique=True, max_size=8), max_size=6))
def test_every_pair_of_a_bucket_is_proposed_once(buckets: list[list[int]]) -> None:
    pairs, n_capped = candidate_pairs(band_table(buckets), 100)
    found = [(p["better_at"], p["worse_at"]) for p in pairs.to_pylist()]
    assert len(found) == len(set(found))
    assert set(found) == pairs_of([sorted(bucket) for bucket in buckets])
    assert n_capped == 0


def test_a_large_bucket_costs_linearly_and_is_counted() -> None:
    pairs, n_capped = candidate_pairs(band_table([list(range(50)), [1, 2]]), 3)
    found = {(p["better_at"], p["worse_at"]) for p in pairs.to_pylist()}
    assert n_capped == 1
    assert len(found) == 3 * 47 + 3
    assert {b for b, w in found if w == 49} == {0, 1, 2}


WORDS = st.lists(st.sampled_from(["a", "b", "c", "国", "民"]), max_size=12).map(" ".join)


@given(st.lists(WORDS, min_size=2, max_size=6), st.integers(1, 3))
def test_jaccard_is_that_of_the_shingle_sets(texts: list[str], size: int) -> None:
    hashes, offsets = shingle_sets(pa.array(texts, pa.large_string()), size)
    first, second = np.arange(len(texts) - 1), np.arange(1, len(texts))
    expected = [jaccard(shingles(texts[i], size), shingles(texts[j], size)) for i, j in zip(first, second, strict=True)]
    assert jaccard_of_pairs(hashes, offsets, first, second).tolist() == expected


def edges(similarity: dict[tuple[int, int], float]) -> pa.Table:
    def side(name: str, at: int) -> dict[str, object]:
        return {f"{name}_at": at, f"{name}_n_chars": 1000 - at, f"{name}_doc_id": bytes([at]) * 16}

    return pa.Table.from_pylist([{**side("better", b), **side("worse", w), "jaccard": s} for (b, w), s in similarity.items()], EDGE)


@given(st.dictionaries(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda p: p[0] < p[1]), st.sampled_from([0.75, 0.8, 0.9])))
def test_stars_are_those_of_the_greedy_reference(similarity: dict[tuple[int, int], float]) -> None:
    merges = resolve_stars(edges(similarity), 0.75, "minhash")
    found = {m["at"]: m["survivor_at"] for m in merges.to_pylist()}
    assert found == greedy_stars(list(range(10)), similarity)
    assert not set(found.values()) & set(found)
    for merge in merges.to_pylist():
        assert similarity[merge["survivor_at"], merge["at"]] == merge["value"] >= merge["limit"] == 0.75


def test_a_chain_is_not_a_cluster() -> None:
    # 0 ~ 1 ~ 2, but 0 and 2 are not similar: 2 must stay, because its only similar document is gone.
    merges = resolve_stars(edges({(0, 1): 0.8, (1, 2): 0.8}), 0.75, "minhash").to_pylist()
    assert [(m["at"], m["survivor_at"]) for m in merges] == [(1, 0)]


def test_no_edges_no_merges() -> None:
    assert resolve_stars(edges({}), 0.75, "minhash").num_rows == 0
    assert candidate_pairs(band_table([]), 4)[0].schema == CANDIDATE
