"""How many documents a document represents: itself and those that were merged into it."""

from __future__ import annotations

from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.dedup.arrays import Int64s, UInt32s
from pipelines.dedup.frames import as_frame
from pipelines.dedup.row_refs import row_of

CLUSTER_SIZE: Final = pa.field("cluster_size", pa.uint32(), nullable=False)
"""A column of the documents; 1 where there was no copy."""

Sizes = tuple[Int64s, UInt32s]
"""(rows, cluster sizes) of the documents of a segment that have copies; rows ascend."""


def cluster_sizes(merges: pa.Table, kinds: tuple[str, ...]) -> pa.RecordBatch:
    """(row_ref, cluster_size) of survivors and of documents merged into them; `kinds` are those that compare whole documents."""
    frame = as_frame(merges.select(["row_ref", "survivor_ref", "reason"])).filter(pl.col("reason").is_in(kinds))
    sizes = frame.group_by("survivor_ref").agg((pl.len() + 1).cast(pl.UInt32).alias("cluster_size"))
    members = frame.join(sizes, on="survivor_ref").select("row_ref", "cluster_size")
    both = pl.concat([members, sizes.select(pl.col("survivor_ref").alias("row_ref"), "cluster_size")]).sort("row_ref")
    schema = pa.schema([pa.field("row_ref", pa.uint64(), nullable=False), CLUSTER_SIZE])
    columns = [pa.array(both.get_column(field.name).to_numpy(), field.type) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def segment_cluster_sizes(rows: pa.Table | None) -> Sizes:
    """The rows of `cluster_sizes` of one segment; None if it has none."""
    if rows is None:
        return np.zeros(0, np.int64), np.zeros(0, np.uint32)
    numbers = row_of(rows.column("row_ref").to_numpy())
    order = np.argsort(numbers)
    return numbers[order], rows.column(CLUSTER_SIZE.name).to_numpy()[order]


def with_cluster_size(batch: pa.RecordBatch, first: int, sizes: Sizes) -> pa.RecordBatch:
    """The batch with the column `cluster_size`; its first row is row `first` of the segment."""
    rows, of_row = sizes
    low, high = np.searchsorted(rows, [first, first + batch.num_rows])
    column = np.ones(batch.num_rows, np.uint32)
    column[rows[low:high] - first] = of_row[low:high]
    return batch.append_column(CLUSTER_SIZE, pa.array(column))
