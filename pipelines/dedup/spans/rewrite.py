"""A batch of documents and the cuts of one kind -> the batch with the texts that are left, and the documents that end by it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.frames import as_batch, as_frame
from pipelines.dedup.spans.cut import apply_cuts, settle
from pipelines.dedup.spans.units import UInt64s
from pipelines.text.utf8 import prove_utf8
from schemas.hops import MERGE
from schemas.recipe import Cuts, Dedup

STAYS: Final = "dedup_stays"
"""A column of segments whose texts were cut: whether the document takes part in the kinds that follow."""

Mend = Callable[[pa.RecordBatch], pa.RecordBatch]
"""What texts that were cut must go through: where two parts meet, a private value may have come about."""


def unchanged(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Mends nothing."""
    return batch


def cut_fields(dedup: Dedup) -> list[pa.Field]:
    """The columns that say how much each kind cut out of a document."""
    return [pa.field(f"n_cut_{what}_{kind}", pa.uint32(), nullable=False) for kind in dedup.cut_kinds for what in ("chars", "spans")]


def rewritten_schema(schema: pa.Schema, kind: str) -> pa.Schema:
    """The schema of a segment after `kind` has cut its texts."""
    fields = [field for field in schema if field.name != STAYS]
    numbers = [pa.field(f"n_cut_{what}_{kind}", pa.uint32(), nullable=False) for what in ("chars", "spans")]
    return pa.schema([*fields, *numbers, pa.field(STAYS, pa.bool_(), nullable=False)])


def rewrite(
    batch: pa.RecordBatch, stays: npt.NDArray[np.bool_], first: int, cuts: pa.Table, kind: str, config: Cuts, mend: Mend = unchanged
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """(batch of `rewritten_schema`, MERGE rows without survivor_id): `cuts` are the CUT rows of this batch.

    `first` is the place of its first row. Of a document that ends, the survivor is the one that keeps most of what was cut.
    """
    rows = (cuts.column("at").to_numpy() - np.uint64(first)).astype(np.int64)
    kept = cuts.column("kept").to_numpy(zero_copy_only=False)
    text, n_chars, n_spans = apply_cuts(
        batch.column("text"), settle(rows, cuts.column("start").to_numpy(), cuts.column("end").to_numpy(), kept)
    )
    holds = np.zeros(batch.num_rows, bool)
    holds[rows[kept]] = True
    before, left = (pc.utf8_length(column).to_numpy() for column in (batch.column("text"), text))
    share = n_chars / np.maximum(before, 1)
    too_much = np.zeros(len(share), bool) if config.max_share is None else share > config.max_share
    ends = (n_chars > 0) & ~holds & (too_much | (left < config.min_left))
    value = np.where(too_much, share, left)[ends]
    limit = np.where(too_much, config.max_share or 0.0, config.min_left)[ends]
    reason = np.where(too_much, f"{kind}.max_share", f"{kind}.min_left")[ends]
    merges = _ended(np.flatnonzero(ends).astype(np.uint64) + np.uint64(first), reason.tolist(), value, limit, cuts)
    cut = batch.set_column(batch.schema.get_field_index("text"), batch.schema.field("text"), text)
    cut = _mended(prove_utf8(cut, f"dedup.{kind}"), (n_chars > 0) & ~ends, mend)
    numbers = {f"n_cut_chars_{kind}": pa.array(n_chars), f"n_cut_spans_{kind}": pa.array(n_spans), STAYS: pa.array(stays & ~ends)}
    schema = rewritten_schema(batch.schema, kind)
    return pa.RecordBatch.from_arrays(
        [numbers.get(name, cut.column(name) if name in cut.schema.names else None) for name in schema.names], schema=schema
    ), merges


def _mended(batch: pa.RecordBatch, rows: npt.NDArray[np.bool_], mend: Mend) -> pa.RecordBatch:
    """The batch with some rows mended."""
    if not rows.any():
        return batch
    mended = mend(batch.filter(pa.array(rows)))
    places = np.arange(batch.num_rows)
    places[rows] = batch.num_rows + np.arange(mended.num_rows)
    return pa.concat_batches([batch, mended.cast(batch.schema)]).take(pa.array(places))


def _ended(
    at: UInt64s, reason: list[str], value: npt.NDArray[np.float64], limit: npt.NDArray[np.float64], cuts: pa.Table
) -> pa.RecordBatch:
    ended = pl.DataFrame(
        {"at": at, "reason": reason, "value": value, "limit": limit}, schema_overrides={"at": pl.UInt64, "reason": pl.String}
    )
    frame = as_frame(cuts).filter(pl.col("at").is_in(ended.get_column("at").implode()), pl.col("at") != pl.col("survivor_at"))
    held = frame.group_by("at", "survivor_at").agg((pl.col("end") - pl.col("start")).sum().alias("n"))
    held = held.sort("at", "n", "survivor_at", descending=[False, True, False]).unique("at", keep="first", maintain_order=True)
    found = ended.join(held.select("at", "survivor_at"), on="at", how="left").with_columns(pl.lit(None, pl.Binary).alias("survivor_id"))
    return as_batch(found.sort("at"), MERGE)


def with_survivor_ids(merges: pa.RecordBatch, take_ids: Callable[[UInt64s], pa.Array]) -> pa.RecordBatch:
    """MERGE rows with the survivors' doc_ids, given where to look them up by ascending places."""
    survivors = merges.column("survivor_at")
    places = np.unique(survivors.drop_null().to_numpy())
    if not len(places):
        return merges
    ids = take_ids(places).take(pc.index_in(survivors, value_set=pa.array(places)))
    return merges.set_column(merges.schema.get_field_index("survivor_id"), MERGE.field("survivor_id"), ids)
