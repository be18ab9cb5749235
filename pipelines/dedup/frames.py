"""Arrow tables as polars frames, and back with the exact types of a schema."""

from __future__ import annotations

import polars as pl
import pyarrow as pa


def as_frame(table: pa.Table | pa.RecordBatch) -> pl.DataFrame:
    """The table as a polars frame; fixed-size binary becomes binary."""
    return pl.DataFrame(table)


def as_batch(frame: pl.DataFrame, schema: pa.Schema) -> pa.RecordBatch:
    """The columns that `schema` names, as one batch of exactly that schema."""
    table = frame.select(schema.names).to_arrow()
    columns = [pa.concat_arrays(table.column(field.name).chunks) if frame.height else pa.array([], field.type) for field in schema]
    return pa.RecordBatch.from_arrays([c.cast(f.type) for c, f in zip(columns, schema, strict=True)], schema=schema)
