"""Of equal units one stays: the first by (rank, row_ref, start). So the order in which units arrive does not matter.

The copy that stays is protected. Where units overlap, as runs of sentences and windows of words do, nothing that lies in a kept copy is
cut. So each repeated unit is still there once, whole.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.dedup.arrays import Int64s, Mask, UInt64s
from pipelines.dedup.frames import as_batch, as_frame
from pipelines.dedup.spans.units import Units
from pipelines.text.hashing import table_size
from schemas.hops import CUT

UNIT: Final = pa.schema(
    [
        *(pa.field(name, pa.uint64(), nullable=False) for name in ("key", "check", "row_ref", "rank")),
        *(pa.field(name, pa.int64(), nullable=False) for name in ("start", "end")),
        pa.field("again", pa.bool_(), nullable=False),
    ]
)
"""The first of equal units in a document. `start` and `end` are bytes of the text; `again`: the document has more of them."""
UNIT_BYTES: Final = 6 * 8 + 1


def within_documents(units: Units, refs: UInt64s, ranks: UInt64s, *, alone: bool) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """(UNIT rows to compare with other documents, CUT rows of units that come earlier in the same document).

    `refs` and `ranks` are by row of the texts. `alone`: no other document is compared, and the firsts of equal units are CUT rows that
    are kept.
    """
    firsts, again = _first_in_rows(units.rows, units.keys, units.checks)
    is_first = firsts == np.arange(len(units))
    first, later = units.take(is_first), units.take(~is_first)
    cuts = cut_rows(later, refs[later.rows], refs[later.rows], kept=False)
    if alone:
        repeated = units.take(again)
        cuts = pa.concat_batches([cuts, cut_rows(repeated, refs[repeated.rows], refs[repeated.rows], kept=True)])
        return pa.RecordBatch.from_pylist([], UNIT), cuts
    columns = (first.keys, first.checks, refs[first.rows], ranks[first.rows], first.starts, first.ends, again[is_first])
    return pa.RecordBatch.from_arrays([pa.array(column) for column in columns], schema=UNIT), cuts


def first_of_equal(units: pa.Table, *, repeated_only: bool) -> pa.Table:
    """UNIT rows: of equal ones the first by (rank, row_ref, start), with `again` true; units without an equal as they are, or left out.

    So the firsts of a table are the firsts of the firsts of its parts.
    """
    key, again = units.column("key").to_numpy(), units.column("again").to_numpy()
    order = np.argsort(key)
    ordered = key[order]
    same = ordered[1:] == ordered[:-1]
    met = np.append(same, False) | np.insert(same, 0, False) if len(order) else np.zeros(0, bool)
    lone = order[~met & ~again[order] & (not repeated_only)]
    chosen = units.take(pa.array(order[met | again[order]]))
    column = {name: chosen.column(name).to_numpy() for name in UNIT.names}
    order = np.lexsort([column[name] for name in ("start", "row_ref", "rank", "check", "key")])
    column = {name: values[order] for name, values in column.items()}
    fresh = np.ones(len(order), bool)
    fresh[1:] = (column["key"][1:] != column["key"][:-1]) | (column["check"][1:] != column["check"][:-1])
    group = np.cumsum(fresh) - 1
    column = {name: values[fresh] for name, values in column.items()} | {"again": np.bincount(group, 1.0 + column["again"]) > 1}
    wanted = column["again"] | (not repeated_only)
    firsts = pa.Table.from_arrays([pa.array(column[name][wanted]) for name in UNIT.names], schema=UNIT)
    return pa.concat_tables([firsts, units.take(pa.array(lone))])


def cut_later(units: pa.Table, firsts: pa.Table) -> pa.RecordBatch:
    """CUT rows of the units that are equal to one of `firsts`: that one is kept, the others are cut.

    `firsts` is what `first_of_equal` makes of these rows and all others that may be equal.
    """
    same = as_frame(units.select(["key", "check", "row_ref", "start", "end"])).join(
        as_frame(firsts.select(["key", "check", "row_ref", "start"])), on=["key", "check"], suffix="_first"
    )
    kept = (pl.col("row_ref") == pl.col("row_ref_first")) & (pl.col("start") == pl.col("start_first"))
    return as_batch(same.select("row_ref", "start", "end", pl.col("row_ref_first").alias("survivor_ref"), kept.alias("kept")), CUT)


def cut_rows(units: Units, refs: UInt64s, survivor_refs: UInt64s | None, *, kept: bool) -> pa.RecordBatch:
    """CUT rows of units, with a row reference and a survivor for each; None if no copy stays."""
    n = len(units)
    survivor = pa.nulls(n, pa.uint64()) if survivor_refs is None else pa.array(survivor_refs, pa.uint64())
    columns = [pa.array(refs, pa.uint64()), pa.array(units.starts), pa.array(units.ends), survivor, pa.array(np.full(n, kept))]
    return pa.RecordBatch.from_arrays(columns, schema=CUT)


@numba.njit(cache=True, nogil=True)
def _first_in_rows(rows: Int64s, keys: UInt64s, checks: UInt64s) -> tuple[Int64s, Mask]:
    """(int64[n]: the first equal unit of the same row, bool[n]: whether a unit is such a first one)."""
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
