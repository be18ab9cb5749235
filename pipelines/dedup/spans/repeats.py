"""Of equal units one stays: the first in the best document. Which that is depends on ranks and places, never on arrival.

The copy that stays is protected: where units overlap, as runs of sentences and windows of words do, nothing that lies in a
staying copy is cut, so that each repeated unit is found once more, whole.
"""

from __future__ import annotations

from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.dedup.spans.units import Ints, UInt64s, Units
from pipelines.text.hashing import table_size
from schemas.hops import CUT

UNIT: Final = pa.schema(
    [
        *(pa.field(name, pa.uint64(), nullable=False) for name in ("key", "check", "at", "rank")),
        *(pa.field(name, pa.int64(), nullable=False) for name in ("start", "end")),
        pa.field("again", pa.bool_(), nullable=False),
    ]
)
"""The first of equal units in one document; `again`: the document has more of them."""


def within_documents(units: Units, places: UInt64s, ranks: UInt64s, *, alone: bool) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """(UNIT, CUT): what has to be looked for in other documents, and what is cut because its own document has it before.

    `alone`: no other document is looked at, and the first of equal units are given as CUT rows that stay.
    """
    firsts, again = _first_in_rows(units.rows, units.keys, units.checks)
    is_first = firsts == np.arange(len(units))
    first, later = units.take(is_first), units.take(~is_first)
    cuts = cut_rows(later, places[later.rows], places[later.rows], kept=False)
    if alone:
        held = units.take(again)
        cuts = pa.concat_batches([cuts, cut_rows(held, places[held.rows], places[held.rows], kept=True)])
        return pa.RecordBatch.from_pylist([], UNIT), cuts
    columns = (first.keys, first.checks, places[first.rows], ranks[first.rows], first.starts, first.ends, again[is_first])
    return pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=UNIT), cuts


def keep_first(units: pa.Table) -> pa.RecordBatch:
    """CUT rows of every document's UNIT rows of some range of keys: of equal ones the first by (rank, at, start) stays."""
    key, again = units.column("key").to_numpy(), units.column("again").to_numpy(zero_copy_only=False)
    order = np.argsort(key)
    ordered = key[order]
    same = ordered[1:] == ordered[:-1]
    shared = order[np.append(same, False) | np.insert(same, 0, False) | again[order]] if len(order) else order
    chosen = units.take(pa.array(shared))
    column = {name: chosen.column(name).to_numpy(zero_copy_only=False) for name in UNIT.names}
    order = np.lexsort([column[name] for name in ("start", "at", "rank", "check", "key")])
    column = {name: values[order] for name, values in column.items()}
    fresh = np.ones(len(order), bool)
    fresh[1:] = (column["key"][1:] != column["key"][:-1]) | (column["check"][1:] != column["check"][:-1])
    group = np.cumsum(fresh) - 1
    leaders = np.flatnonzero(fresh)
    size = np.bincount(group, minlength=len(leaders)) + np.bincount(group, column["again"], minlength=len(leaders))
    held = leaders[size > 1]
    rows = np.concatenate([held, np.flatnonzero(~fresh)])
    survivor = column["at"][leaders[group[rows]]]
    kept = np.zeros(len(rows), bool)
    kept[: len(held)] = True
    values = (column["at"][rows], column["start"][rows], column["end"][rows], survivor, kept)
    return pa.RecordBatch.from_arrays([pa.array(value) for value in values], schema=CUT)


def cut_rows(units: Units, at: UInt64s, survivor_at: UInt64s | None, *, kept: bool) -> pa.RecordBatch:
    """CUT rows of the units."""
    n = len(units)
    survivor = pa.nulls(n, pa.uint64()) if survivor_at is None else pa.array(survivor_at, pa.uint64())
    columns = [pa.array(at, pa.uint64()), pa.array(units.starts), pa.array(units.ends), survivor, pa.array(np.full(n, kept))]
    return pa.RecordBatch.from_arrays(columns, schema=CUT)


@numba.njit(cache=True, nogil=True)
def _first_in_rows(rows: Ints, keys: UInt64s, checks: UInt64s) -> tuple[Ints, npt.NDArray[Any]]:
    """(the first equal unit of the same row, whether a unit is one that has later ones)."""
    n = len(rows)
    firsts = np.empty(n, np.int64)
    again = np.zeros(n, np.bool_)
    begin = 0
    while begin < n:
        end = begin
        while end < n and rows[end] == rows[begin]:
            end += 1
        table = np.zeros(table_size(end - begin), np.int64)  # number of a unit, from 1
        mask = len(table) - 1
        for i in range(begin, end):
            slot = int(np.int64(keys[i])) & mask
            while table[slot] != 0:
                other = table[slot] - 1
                if keys[other] == keys[i] and checks[other] == checks[i]:
                    break
                slot = (slot + 1) & mask
            if table[slot] == 0:
                table[slot] = i + 1
                firsts[i] = i
            else:
                firsts[i] = table[slot] - 1
                again[firsts[i]] = True
        begin = end
    return firsts, again
