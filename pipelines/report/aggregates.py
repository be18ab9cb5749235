"""Frames collected in exact columns and types, and their sums."""

from __future__ import annotations

import polars as pl


def collect_as(frame: pl.LazyFrame, schema: pl.Schema) -> pl.DataFrame:
    """The collected frame in exactly the columns and types of `schema`."""
    return frame.select(pl.col(name).cast(kind) for name, kind in schema.items()).collect(engine="streaming")


def sums_by(frame: pl.DataFrame, key: str) -> dict[str | None, dict[str, int]]:
    """Sums of the frame's integer columns, by the values of one of its other columns."""
    sums = frame.group_by(key).agg(pl.selectors.integer().sum())
    return {row.pop(key): row for row in sums.to_dicts()}
