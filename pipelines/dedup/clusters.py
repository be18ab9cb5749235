"""How many documents a document stands for: itself and those that were merged into it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pipelines.dedup.frames import as_frame

CLUSTER_SIZE = pa.field("cluster_size", pa.uint32(), nullable=False)
"""A column of the documents; 1 where there was no copy."""

Sizes = tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]
"""(rows, sizes) of a segment's documents that have copies, ascending."""


def cluster_sizes(merges: pa.Table, kinds: tuple[str, ...]) -> pa.RecordBatch:
    """(at, cluster_size) of the survivors and of what was merged into them; `kinds` are those that compare whole documents."""
    frame = as_frame(merges.select(["at", "survivor_at", "reason"])).filter(pl.col("reason").is_in(kinds))
    sizes = frame.group_by("survivor_at").agg((pl.len() + 1).cast(pl.UInt32).alias("cluster_size"))
    members = frame.join(sizes, on="survivor_at").select("at", "cluster_size")
    both = pl.concat([members, sizes.select(pl.col("survivor_at").alias("at"), "cluster_size")]).sort("at")
    schema = pa.schema([pa.field("at", pa.uint64(), nullable=False), CLUSTER_SIZE])
    columns = [pa.array(both.get_column(field.name).to_numpy(), field.type) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def sizes_of(rows: pa.Table | None) -> Sizes:
    """The rows of `cluster_sizes` that are of one segment."""
    if rows is None:
        return np.zeros(0, np.int64), np.zeros(0, np.uint32)
    places = (rows.column("at").to_numpy() & np.uint64(0xFFFFFFFF)).astype(np.int64)
    order = np.argsort(places)
    return places[order], rows.column(CLUSTER_SIZE.name).to_numpy()[order]


def with_cluster_size(batch: pa.RecordBatch, first: int, sizes: Sizes) -> pa.RecordBatch:
    """The batch, whose first row is number `first` of its segment, with the column `cluster_size`."""
    rows, of_row = sizes
    low, high = np.searchsorted(rows, [first, first + batch.num_rows])
    column = np.ones(batch.num_rows, np.uint32)
    column[rows[low:high] - first] = of_row[low:high]
    return batch.append_column(CLUSTER_SIZE, pa.array(column))
