"""Pairs of documents are measured from their texts, in portions that fit the memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipelines.dedup.near.address import with_address_key
from pipelines.dedup.near.compare import PairComparer
from pipelines.dedup.simhash import simhashes
from schemas.recipe import Dedup, MinHash
from tests.dedup.reference import jaccard, shingles
from tests.dedup.test_stage import near, words, write_segments

TEXTS = [" ".join(text) for text in (words(200, "a"), near(words(200, "a"), 2, "b"), words(60, "a"), words(200, "c"))]
WINNERS, LOSERS = np.array([0, 0, 1, 2], np.uint64), np.array([1, 2, 3, 3], np.uint64)


def compare_texts(folder: Path, dedup: Dedup) -> PairComparer:
    segments = write_segments(folder / "segments", [TEXTS])
    return PairComparer(dedup, [str(segment) for segment in segments], None, lambda text: text)


def test_each_kind_has_its_measure(tmp_path: Path) -> None:
    comparer = compare_texts(tmp_path, Dedup(minhash=MinHash(min_containment=0.8)))
    sets = [shingles(text, comparer.dedup.minhash.shingle) for text in TEXTS]
    hashes = simhashes(pa.array(TEXTS, pa.large_string()), comparer.dedup.simhash.shingle)[0].tolist()
    pairs = list(zip(WINNERS.tolist(), LOSERS.tolist(), strict=True))
    expected = {
        "url": [jaccard(sets[a], sets[b]) for a, b in pairs],
        "minhash": [len(sets[a] & sets[b]) / len(sets[b]) for a, b in pairs],
        "simhash": [1 - (hashes[a] ^ hashes[b]).bit_count() / 64 for a, b in pairs],
    }
    for kind, values in expected.items():
        similarity, is_local = comparer(kind, WINNERS, LOSERS)
        assert similarity.tolist() == pytest.approx(values)
        assert is_local.all()


def test_portions_have_every_pair_once_and_about_as_many_bytes_as_allowed(tmp_path: Path) -> None:
    comparer = compare_texts(tmp_path, Dedup())
    assert list(comparer.portions(WINNERS, LOSERS)) == [(0, 4)]
    whole, _ = comparer("url", WINNERS, LOSERS)
    comparer.max_bytes = max(map(len, TEXTS)) // 2
    portions = list(comparer.portions(WINNERS, LOSERS))
    assert [pair for start, end in portions for pair in range(start, end)] == [0, 1, 2, 3]
    assert len(portions) > 2
    assert comparer("url", WINNERS, LOSERS)[0].tolist() == whole.tolist()
    assert list(comparer.portions(WINNERS[:0], LOSERS[:0])) == []


def test_documents_without_an_address_are_spread_over_many_keys() -> None:
    hashes = pa.array([b"a" * 16, None, b"a" * 16, None], pa.binary(16))
    one, two, again, three = with_address_key(pa.table({"url_hash": hashes, "row_ref": pa.array(range(4), pa.uint64())}))["key"].to_pylist()
    assert one == again
    assert len({one, two, three}) == 3
