"""Of equal units one stays: the first in the best document. Which that is depends on ranks and places, never on arrival.

The copy that stays is protected: where units overlap, as runs of sentences and windows of words do, nothing that lies in a
staying copy is cut, so that each repeated unit is found once more, whole.
"""

from __future__ import annotations

from typing import Any, Final

import numba
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pipelines.dedup.frames import as_batch, as_frame
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
UNIT_BYTES: Final = 6 * 8 + 1


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


def first_of_equal(units: pa.Table, *, repeated_only: bool) -> pa.Table:
    """UNIT rows: of equal ones the first by (rank, at, start), `again` where there is more than one; others as they are or left out.

    So the firsts of a table are those of the firsts of its parts.
    """
    key, again = units.column("key").to_numpy(), units.column("again").to_numpy()
    order = np.argsort(key)
    ordered = key[order]
    same = ordered[1:] == ordered[:-1]
    met = np.append(same, False) | np.insert(same, 0, False) if len(order) else np.zeros(0, bool)
    lone = order[~met & ~again[order] & (not repeated_only)]
    chosen = units.take(pa.array(order[met | again[order]]))
    column = {name: chosen.column(name).to_numpy() for name in UNIT.names}
    order = np.lexsort([column[name] for name in ("start", "at", "rank", "check", "key")])
    column = {name: values[order] for name, values in column.items()}
    fresh = np.ones(len(order), bool)
    fresh[1:] = (column["key"][1:] != column["key"][:-1]) | (column["check"][1:] != column["check"][:-1])
    group = np.cumsum(fresh) - 1
    column = {name: values[fresh] for name, values in column.items()} | {"again": np.bincount(group, 1.0 + column["again"]) > 1}
    wanted = column["again"] | (not repeated_only)
    firsts = pa.Table.from_arrays([pa.array(column[name][wanted]) for name in UNIT.names], schema=UNIT)
    return pa.concat_tables([firsts, units.take(pa.array(lone))])


def cut_later(units: pa.Table, firsts: pa.Table) -> pa.RecordBatch:
    """CUT rows of UNIT rows: those equal to one of `firsts` are cut, itself stays.

    `firsts` are what `first_of_equal` gives of these rows and of all others that may be equal.
    """
    same = as_frame(units.select(["key", "check", "at", "start", "end"])).join(
        as_frame(firsts.select(["key", "check", "at", "start"])), on=["key", "check"], suffix="_first"
    )
    kept = (pl.col("at") == pl.col("at_first")) & (pl.col("start") == pl.col("start_first"))
    return as_batch(same.select("at", "start", "end", pl.col("at_first").alias("survivor_at"), kept.alias("kept")), CUT)


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
