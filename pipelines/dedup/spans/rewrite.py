"""A batch of documents and the cuts of one kind -> the batch with the text that is left, and MERGE rows of the documents it removes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.dedup.arrays import Floats, Mask, UInt32s, UInt64s
from pipelines.dedup.frames import as_batch, as_frame
from pipelines.dedup.spans.cut import apply_cuts, resolve_cuts
from pipelines.text.utf8 import prove_utf8
from schemas.hops import MERGE
from schemas.recipe import Cuts, Dedup

ELIGIBLE: Final = "dedup_eligible"
"""A column of segments whose texts were cut: whether the document is eligible for the kinds that follow."""

Rescrub = Callable[[pa.RecordBatch], pa.RecordBatch]
"""Scrubs documents again after a cut: where two parts of a text meet, a private value may come about."""


class CutKind(NamedTuple):
    """How one kind cuts."""

    name: str
    config: Cuts
    """The kind's section of the recipe."""
    rescrub: Rescrub

    @property
    def chars_column(self) -> str:
        """Name of the column that counts the characters cut from a document."""
        return f"n_cut_chars_{self.name}"

    @property
    def spans_column(self) -> str:
        """Name of the column that counts the spans cut from a document."""
        return f"n_cut_spans_{self.name}"


def no_rescrub(batch: pa.RecordBatch) -> pa.RecordBatch:
    """The batch as it is."""
    return batch


def cut_fields(dedup: Dedup) -> list[pa.Field]:
    """The columns that say how much each kind cut from a document."""
    return [field for kind in dedup.cut_kinds for field in _count_fields(kind)]


def rewritten_schema(schema: pa.Schema, kind: str) -> pa.Schema:
    """The schema of a segment after `kind` has cut its texts."""
    fields = [field for field in schema if field.name != ELIGIBLE]
    return pa.schema([*fields, *_count_fields(kind), pa.field(ELIGIBLE, pa.bool_(), nullable=False)])


def _count_fields(kind: str) -> list[pa.Field]:
    return [pa.field(f"n_cut_{what}_{kind}", pa.uint32(), nullable=False) for what in ("chars", "spans")]


def rewrite_batch(
    batch: pa.RecordBatch, eligible: Mask, first_ref: np.uint64, cuts: pa.Table, kind: CutKind
) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """(batch of `rewritten_schema`, MERGE rows without survivor_id).

    `first_ref` is the row reference of the batch's first row, `cuts` are the CUT rows of the batch. The survivor of a document that is
    removed is the one that keeps most of what was cut.
    """
    rows = (cuts.column("row_ref").to_numpy() - first_ref).astype(np.int64)
    kept = cuts.column("kept").to_numpy(zero_copy_only=False)
    spans = resolve_cuts(rows, cuts.column("start").to_numpy(), cuts.column("end").to_numpy(), kept)
    text, n_chars, n_spans = apply_cuts(batch.column("text"), spans)
    holds_kept = np.zeros(batch.num_rows, bool)
    holds_kept[rows[kept]] = True
    removed, reasons = _removals(batch.column("text"), text, n_chars, holds_kept, kind)
    reasons = reasons.with_columns(pl.Series("row_ref", np.flatnonzero(removed).astype(np.uint64) + first_ref, pl.UInt64))
    cut = batch.set_column(batch.schema.get_field_index("text"), batch.schema.field("text"), text)
    cut = _rescrub_rows(prove_utf8(cut, f"dedup.{kind.name}"), (n_chars > 0) & ~removed, kind.rescrub)
    new = {kind.chars_column: pa.array(n_chars), kind.spans_column: pa.array(n_spans), ELIGIBLE: pa.array(eligible & ~removed)}
    schema = rewritten_schema(batch.schema, kind.name)
    columns = [new[name] if name in new else cut.column(name) for name in schema.names]
    return pa.RecordBatch.from_arrays(columns, schema=schema), _merge_rows(reasons, cuts)


def _removals(before: pa.Array, after: pa.Array, n_chars: UInt32s, holds_kept: Mask, kind: CutKind) -> tuple[Mask, pl.DataFrame]:
    """(bool[n]: documents of which too little is left; their reason, value and limit). A document that holds a kept span stays."""
    config = kind.config
    n_before, n_after = (pc.utf8_length(column).to_numpy() for column in (before, after))
    share: Floats = n_chars / np.maximum(n_before, 1)
    too_much = np.zeros(len(share), bool) if config.max_share is None else share > config.max_share
    removed = (n_chars > 0) & ~holds_kept & (too_much | (n_after < config.min_left))
    columns = {
        "reason": np.where(too_much, f"{kind.name}.max_share", f"{kind.name}.min_left")[removed].tolist(),
        "value": np.where(too_much, share, n_after)[removed],
        "limit": np.where(too_much, config.max_share or 0.0, config.min_left)[removed],
    }
    return removed, pl.DataFrame(columns, schema_overrides={"reason": pl.String})


def _rescrub_rows(batch: pa.RecordBatch, rows: Mask, rescrub: Rescrub) -> pa.RecordBatch:
    """The batch with some rows scrubbed again."""
    if not rows.any():
        return batch
    scrubbed = rescrub(batch.filter(pa.array(rows)))
    source_rows = np.arange(batch.num_rows)
    source_rows[rows] = batch.num_rows + np.arange(scrubbed.num_rows)
    return pa.concat_batches([batch, scrubbed.cast(batch.schema)]).take(pa.array(source_rows))


def _merge_rows(removals: pl.DataFrame, cuts: pa.Table) -> pa.RecordBatch:
    """MERGE rows of the removed documents (columns row_ref, reason, value, limit); survivor_ref is null where no document keeps a span."""
    of_removed = pl.col("row_ref").is_in(removals.get_column("row_ref").implode())
    elsewhere = as_frame(cuts).filter(of_removed, pl.col("row_ref") != pl.col("survivor_ref"))
    keepers = elsewhere.group_by("row_ref", "survivor_ref").agg((pl.col("end") - pl.col("start")).sum().alias("n"))
    keepers = keepers.sort("row_ref", "n", "survivor_ref", descending=[False, True, False])
    main_keeper = keepers.unique("row_ref", keep="first", maintain_order=True).select("row_ref", "survivor_ref")
    merges = removals.join(main_keeper, on="row_ref", how="left")
    return as_batch(merges.with_columns(pl.lit(None, pl.Binary).alias("survivor_id")).sort("row_ref"), MERGE)


def with_survivor_ids(merges: pa.RecordBatch, take_ids: Callable[[UInt64s], pa.Array]) -> pa.RecordBatch:
    """MERGE rows with the survivors' doc_ids; `take_ids` looks them up by ascending row references."""
    survivors = merges.column("survivor_ref")
    refs = np.unique(survivors.drop_null().to_numpy())
    if not len(refs):
        return merges
    ids = take_ids(refs).take(pc.index_in(survivors, value_set=pa.array(refs)))
    return merges.set_column(merges.schema.get_field_index("survivor_id"), MERGE.field("survivor_id"), ids)
