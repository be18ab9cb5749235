"""Copies equal under a key."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dedup.exact import canonical_url, compose, content_hashes, merge_equal, url_hashes
from pipelines.dedup.minhash import ranks
from schemas.hops import MERGE


@given(st.lists(st.text(), max_size=6), st.integers(0, 6))
def test_content_hash_is_blake2b_of_the_text_with_single_spaces(texts: list[str], start: int) -> None:
    hashes = content_hashes(pa.array(texts, pa.large_string()).slice(start))
    assert hashes.to_pylist() == [hashlib.blake2b(" ".join(t.split()).encode(), digest_size=16).digest() for t in texts[start:]]


def test_white_space_alone_does_not_make_a_text_another() -> None:
    a, b, c = content_hashes(pa.array([" 一 二\n\n三 ", "一 二　三", "一 二 四"], pa.large_string())).to_pylist()
    assert a == b != c


@pytest.mark.parametrize(
    ("url", "canonical"),
    [
        ("HTTPS://User@WWW.Example.COM:443/A/b/#top", "example.com/A/b"),
        ("http://example.com", "example.com"),
        ("http://example.com:8080/?q=1", "example.com:8080/?q=1"),
        ("http://例子.中国/路径/", "例子.中国/路径"),
    ],
)
def test_canonical_url(url: str, canonical: str) -> None:
    assert pl.DataFrame({"url": [url]}).select(canonical_url(pl.col("url"))).item() == canonical


def test_a_document_without_url_has_no_url_hash() -> None:
    one, two, none = url_hashes(pa.array(["http://a.example/", "https://www.a.example", None], pa.large_string())).to_pylist()
    assert one == two is not None
    assert none is None


def signature_rows(rows: list[tuple[int, int, bytes | None]]) -> pa.Table:
    """(at, n_chars, key)"""
    ids = pa.array([bytes([255 - at]) * 16 for at, _, _ in rows], pa.binary(16))
    return pa.table(
        {
            "at": pa.array([at for at, _, _ in rows], pa.uint64()),
            "rank": pa.array(ranks(np.zeros(len(rows), np.uint8), np.array([n for _, n, _ in rows], np.uint64), ids)),
            "doc_id": ids,
            "key": pa.array([key and key * 16 for _, _, key in rows], pa.binary(16)),
        }
    )


def test_the_longest_stays_then_the_smallest_id_and_null_equals_nothing() -> None:
    stays, merges = merge_equal(signature_rows([(1, 5, b"a"), (2, 9, b"a"), (3, 9, b"a"), (4, 1, None), (5, 1, None)]), "key", "exact")
    # 2 and 3 are equally long; the id of 3 (252...) is smaller than that of 2 (253...).
    assert stays.column("at").to_pylist() == [3, 4, 5]
    assert [(m["at"], m["survivor_at"], m["reason"]) for m in merges.to_pylist()] == [(2, 3, "exact"), (1, 3, "exact")]
    assert all(m["survivor_id"] == bytes([252]) * 16 for m in merges.to_pylist())


def test_rows_with_equal_ids_leave_exactly_one() -> None:
    table = signature_rows([(1, 5, b"a"), (2, 5, b"a")])
    table = table.set_column(1, "rank", pa.array([7, 7], pa.uint64())).set_column(2, "doc_id", pa.array([b"x" * 16] * 2, pa.binary(16)))
    stays, merges = merge_equal(table, "key", "exact")
    assert stays.column("at").to_pylist() == [1]
    assert merges.column("at").to_pylist() == [2]


def test_compose_points_at_the_survivor_that_stays() -> None:
    def merge(at: int, survivor: int, reason: str, value: float) -> dict[str, object]:
        return {"at": at, "survivor_at": survivor, "survivor_id": bytes([survivor]) * 16, "reason": reason, "value": value, "limit": 0.7}

    before = pa.Table.from_pylist([merge(1, 2, "exact", 1.0), merge(5, 6, "exact", 1.0)], MERGE)
    now = pa.Table.from_pylist([merge(2, 3, "minhash", 0.8)], MERGE)
    both = pa.concat_tables([t.append_column("later", pa.repeat(pa.scalar(i == 1), t.num_rows)) for i, t in enumerate((before, now))])
    composed = {m["at"]: m for m in compose(both).to_pylist()}
    assert {at: m["survivor_at"] for at, m in composed.items()} == {1: 3, 5: 6, 2: 3}
    assert composed[1]["survivor_id"] == bytes([3]) * 16
    assert composed[1]["reason"] == "exact"
