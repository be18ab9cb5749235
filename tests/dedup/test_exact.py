"""Copies equal under a key."""

from __future__ import annotations

import hashlib

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dedup.exact import MIN_REMOVABLE_RANK, content_hashes, merge_equal, salted, url_hashes, winner_rows
from pipelines.dedup.frames import as_frame
from pipelines.dedup.minhash import ranks
from pipelines.text.urls import canonical_urls, page_urls


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
        ("http://例子.中国/路径/", "xn--fsqu00a.xn--fiqs8s/%E8%B7%AF%E5%BE%84"),
    ],
)
def test_canonical_url(url: str, canonical: str) -> None:
    assert canonical_urls(pl.Series([url])).item() == canonical


@pytest.mark.parametrize(
    ("url", "page"),
    [
        ("http://a.example/book#div24", "a.example/book"),
        ("http://a.example/#!/user/1/", "a.example#!/user/1"),
        ("https://a.example/app/#/inbox?x=1", "a.example/app#/inbox?x=1"),
        (" http://a.example/#!/user/1/\n", "a.example#!/user/1"),
        ("http://a.example/#/", "a.example"),
        ("http://a.example/#!", "a.example"),
        (None, None),
    ],
)
def test_a_fragment_is_part_of_an_address_where_it_is_a_route(url: str | None, page: str | None) -> None:
    assert page_urls(pl.Series([url], dtype=pl.String)).item() == page


def test_pages_that_differ_in_a_route_alone_have_other_url_hashes() -> None:
    urls = ["http://a.example/#!/user/1", "http://a.example/#!/user/2", "http://a.example/#top", "http://a.example"]
    one, two, fragment, none = url_hashes(pa.array(urls, pa.large_string())).to_pylist()
    assert len({one, two, none}) == 3
    assert fragment == none


def test_a_document_without_url_has_no_url_hash() -> None:
    one, two, none = url_hashes(pa.array(["http://a.example/", "https://www.a.example", None], pa.large_string())).to_pylist()
    assert one == two is not None
    assert none is None


def signature_rows(rows: list[tuple[int, int, bytes | None]]) -> pa.Table:
    """(row_ref, n_chars, key)"""
    ids = pa.array([bytes([255 - at]) * 16 for at, _, _ in rows], pa.binary(16))
    return pa.table(
        {
            "row_ref": pa.array([at for at, _, _ in rows], pa.uint64()),
            "rank": pa.array(ranks(np.ones(len(rows), np.uint8), np.array([n for _, n, _ in rows], np.uint64), ids)),
            "doc_id": ids,
            "key": pa.array([key and key * 16 for _, _, key in rows], pa.binary(16)),
        }
    )


def test_the_longest_stays_then_the_smallest_id_and_null_equals_nothing() -> None:
    stays, merges = merge_equal(signature_rows([(1, 5, b"a"), (2, 9, b"a"), (3, 9, b"a"), (4, 1, None), (5, 1, None)]), "key", "exact")
    # 2 and 3 are equally long; the id of 3 (252...) is smaller than that of 2 (253...).
    assert stays.column("row_ref").to_pylist() == [3, 4, 5]
    assert [(m["row_ref"], m["survivor_ref"], m["reason"]) for m in merges.to_pylist()] == [(1, 3, "exact"), (2, 3, "exact")]
    assert all(m["survivor_id"] == bytes([252]) * 16 for m in merges.to_pylist())


def test_rows_with_equal_ids_leave_exactly_one() -> None:
    table = signature_rows([(1, 5, b"a"), (2, 5, b"a")])
    table = table.set_column(1, "rank", pa.array([MIN_REMOVABLE_RANK + 7] * 2, pa.uint64()))
    table = table.set_column(2, "doc_id", pa.array([b"x" * 16] * 2, pa.binary(16)))
    stays, merges = merge_equal(table, "key", "exact")
    assert stays.column("row_ref").to_pylist() == [1]
    assert merges.column("row_ref").to_pylist() == [2]


def test_protected_rows_stay_and_their_copies_end_in_them() -> None:
    table = signature_rows([(1, 5, b"a"), (2, 9, b"a"), (3, 9, b"a")])
    ranks = table.column("rank").to_numpy().copy()
    ranks[[0, 1]] -= np.uint64(MIN_REMOVABLE_RANK)
    stays, merges = merge_equal(table.set_column(1, "rank", pa.array(ranks)), "key", "exact")
    assert stays.column("row_ref").to_pylist() == [1, 2]
    assert [(m["row_ref"], m["survivor_ref"]) for m in merges.to_pylist()] == [(3, 2)]


def test_a_table_may_come_in_parts() -> None:
    table = signature_rows([(at, at % 7, bytes([at % 3])) for at in range(50)])
    parts = [table.slice(0, 20), table.slice(20, 20), table.slice(40)]
    best = winner_rows([winner_rows(as_frame(part.select(["key", "rank", "row_ref", "doc_id"])), "key") for part in parts], "key")
    stays, merges = zip(*(merge_equal(part, "key", "exact", best) for part in parts), strict=True)
    whole_stays, whole_merges = merge_equal(table, "key", "exact")
    assert pa.concat_tables(stays).equals(whole_stays)
    assert pa.Table.from_batches(merges).equals(pa.Table.from_batches([whole_merges]))


def test_salted_hashes_differ_where_the_salts_do() -> None:
    hashes = content_hashes(pa.array(["a", "a", "a", None], pa.large_string()))
    hashes = pa.compute.if_else(pa.array([True, True, True, False]), hashes, pa.scalar(None, hashes.type))
    assert salted(hashes, np.zeros(4, np.uint64)) is hashes
    mixed = salted(hashes, np.array([1, 1, 2, 3], np.uint64)).to_pylist()
    assert mixed[0] == mixed[1] != mixed[2]
    assert mixed[3] is None
