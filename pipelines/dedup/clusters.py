"""How many documents a document stands for: itself and those that were merged into it."""

from __future__ import annotations

import polars as pl
import pyarrow as pa

from pipelines.dedup.frames import as_frame

CLUSTER_SIZE = pa.field("cluster_size", pa.uint32(), nullable=False)
"""A column of the documents; 1 where there was no copy."""


def cluster_sizes(merges: pa.Table, kinds: tuple[str, ...]) -> pa.RecordBatch:
    """(at, cluster_size) of the survivors and of what was merged into them; `kinds` are those that compare whole documents."""
    frame = as_frame(merges.select(["at", "survivor_at", "reason"])).filter(pl.col("reason").is_in(kinds))
    sizes = frame.group_by("survivor_at").agg((pl.len() + 1).cast(pl.UInt32).alias("cluster_size"))
    members = frame.join(sizes, on="survivor_at").select("at", "cluster_size")
    both = pl.concat([members, sizes.select(pl.col("survivor_at").alias("at"), "cluster_size")]).sort("at")
    schema = pa.schema([pa.field("at", pa.uint64(), nullable=False), CLUSTER_SIZE])
    columns = [pa.array(both.get_column(field.name).to_numpy(), field.type) for field in schema]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
