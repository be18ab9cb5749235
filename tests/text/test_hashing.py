"""Hashes of spans and the table that they are looked up in."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.text.hashing import SEED, append_hash, finish, hash_bytes, slot_of, table_size

SPANS = st.lists(st.binary(max_size=20), min_size=1, max_size=30)


def hash_of(span: bytes, before: bytes = b"") -> int:
    data = np.frombuffer(before + span + b"behind", np.uint8)
    return int(hash_bytes(data, len(before), len(before) + len(span)))


@given(SPANS)
def test_spans_are_equal_when_their_hashes_are(spans: list[bytes]) -> None:
    hashes = [hash_of(span) for span in spans]
    assert 0 not in hashes
    assert len(set(hashes)) == len(set(spans))
    assert hashes == [hash_of(span, b"elsewhere") for span in spans]


def test_zeros_and_lengths_count() -> None:
    assert len({hash_of(b"\0" * n) for n in range(40)}) == 40


@given(st.lists(st.integers(1, 2**64 - 1), max_size=50))
def test_a_table_finds_what_was_put_in_and_nothing_else(keys: list[int]) -> None:
    table = np.zeros(table_size(len(keys)), np.uint64)
    for key in keys:
        table[slot_of(table, np.uint64(key))] = key
    assert sorted(set(keys)) == sorted(int(key) for key in table if key)
    assert all(table[slot_of(table, np.uint64(key))] == key for key in keys)
    assert len(table) >= 2 * len(keys)


def test_hashes_of_sequences_depend_on_order_and_are_never_zero() -> None:
    a, b = np.uint64(finish(SEED)), np.uint64(finish(SEED ^ np.uint64(1)))
    assert append_hash(a, b) != append_hash(b, a)
    cancels = np.uint64(2**64 - int(append_hash(a, np.uint64(0))))
    assert append_hash(a, cancels) == 1
