"""Of equal units the first in the order of documents stays."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dedup.spans.cut import resolve_cuts
from pipelines.dedup.spans.repeats.first_copies import UNIT, within_documents
from pipelines.dedup.spans.repeats.stage import KeepFirst
from pipelines.dedup.spans.units import Units
from schemas.hops import CUT
from schemas.recipe import Dedup
from tests.dedup.spans import reference

Documents = st.lists(st.lists(st.integers(1, 6), max_size=8), max_size=6)


def units_of(documents: list[list[int]], width: int) -> Units:
    """Unit i of a document lies at bytes i to i + width; its number is its key."""
    rows = [(row, i, i + width, key) for row, units in enumerate(documents) for i, key in enumerate(units)]
    row, start, end, key = (np.array([row[i] for row in rows], np.int64) for i in range(4))
    check = key.astype(np.uint64)
    return Units(row, start, end, check * np.uint64(0x9E3779B97F4A7C15), check)


def keep_first(units: pa.Table, rows_at_once: int = 1000) -> pa.Table:
    """CUT rows, gone through in parts."""
    reduce = KeepFirst(Dedup())
    reduce.max_bytes = rows_at_once * (units.nbytes // max(1, units.num_rows))
    return pa.Table.from_batches(reduce(0, units)).select(CUT.names)


def cut_of(documents: list[list[int]], ranks: list[int], width: int, seed: int = 0, rows_at_once: int = 1000) -> list[set[int]]:
    """The bytes cut of each document; units arrive in an order of `seed`."""
    refs = np.arange(len(documents), dtype=np.uint64)
    units, cuts = within_documents(units_of(documents, width), refs, np.array(ranks, np.uint64), alone=False)
    order = random.Random(seed).sample(range(units.num_rows), units.num_rows)
    arrived = pa.Table.from_batches([units]).take(pa.array(order, pa.int64()))
    found = pa.concat_tables([pa.Table.from_batches([cuts]), keep_first(arrived, rows_at_once)]).combine_chunks()
    at = found.column("row_ref").to_numpy().astype(np.int64)
    kept = found.column("kept").to_numpy(zero_copy_only=False)
    settled = resolve_cuts(at, found.column("start").to_numpy(), found.column("end").to_numpy(), kept)
    result: list[set[int]] = [set() for _ in documents]
    for row, start, end in zip(settled.rows, settled.starts, settled.ends, strict=True):
        result[row] |= set(range(start, end))
    return result


@given(Documents, st.randoms(use_true_random=False), st.integers(1, 3))
def test_the_bytes_that_are_cut_are_those_of_the_slow_reference(documents: list[list[int]], rng: random.Random, width: int) -> None:
    ranks = [rng.randrange(3) for _ in documents]
    order = sorted(range(len(documents)), key=lambda number: (ranks[number], number))
    given_units = [[(str(key), (i, i + width)) for i, key in enumerate(documents[number])] for number in order]
    expected = dict(zip(order, reference.cut_bytes(given_units), strict=True))
    rows_at_once = rng.choice([1, 2, 1000])
    assert cut_of(documents, ranks, width, rng.randrange(100), rows_at_once) == [expected[number] for number in range(len(documents))]


@given(Documents)
def test_alone_a_document_keeps_its_first_of_each(documents: list[list[int]]) -> None:
    refs = np.arange(len(documents), dtype=np.uint64)
    units, cuts = within_documents(units_of(documents, 1), refs, refs, alone=True)
    assert units.num_rows == 0
    rows = cuts.to_pylist()
    cut = {(row["row_ref"], row["start"]) for row in rows if not row["kept"]}
    assert cut == {(at, i) for at, units in enumerate(documents) for i, key in enumerate(units) if key in units[:i]}


def test_the_survivor_is_the_first_document() -> None:
    refs = np.array([7, 8, 9], np.uint64)
    units, _ = within_documents(units_of([[1], [1], [1]], 1), refs, np.array([5, 2, 2], np.uint64), alone=False)
    rows = sorted(keep_first(pa.Table.from_batches([units])).to_pylist(), key=lambda row: int(row["row_ref"]))
    assert [(row["row_ref"], row["survivor_ref"], row["kept"]) for row in rows] == [(7, 8, False), (8, 8, True), (9, 8, False)]


def test_equal_keys_with_another_check_are_no_copies() -> None:
    units, _ = within_documents(units_of([[1], [1]], 1), np.arange(2, dtype=np.uint64), np.zeros(2, np.uint64), alone=False)
    table = pa.Table.from_batches([units]).set_column(1, UNIT.field("check"), pa.array([1, 2], pa.uint64()))
    assert keep_first(table).num_rows == 0
