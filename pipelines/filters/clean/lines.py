"""Columns of texts as frames of lines, and back."""

from __future__ import annotations

import numpy as np
import polars as pl
import pyarrow as pa


def split_lines(text: pa.Array) -> pl.DataFrame:
    """(row, line, plain, pos): each line, the same without white space around it, and how many lines with text precede it."""
    rows = pl.Series(pl.from_arrow(text), dtype=pl.String)
    lines = pl.DataFrame({"row": np.arange(len(text), dtype=np.int64), "line": rows.str.split("\n")}).explode("line")
    lines = lines.with_columns(plain=pl.col("line").str.strip_chars())
    filled = (pl.col("plain") != "").cast(pl.Int64)
    return lines.with_columns(pos=(filled.cum_sum() - filled).over("row"))


def join_lines(lines: pl.DataFrame, dropped: pl.Expr, text: pa.Array) -> pa.Array:
    """The column with the dropped lines left out; a row that loses none stays as it is."""
    marked = lines.with_columns(gone=dropped.fill_null(False))
    touched = marked.filter("gone").get_column("row").unique()
    if touched.is_empty():
        return text
    left = marked.filter(pl.col("row").is_in(touched.implode()))
    joined = left.group_by("row", maintain_order=True).agg(pl.col("line").filter(~pl.col("gone")).str.join("\n"))
    chosen = np.zeros(len(text), bool)
    chosen[joined.get_column("row").to_numpy()] = True
    return pa.compute.replace_with_mask(text, pa.array(chosen), joined.get_column("line").to_arrow().cast(pa.large_string()))
