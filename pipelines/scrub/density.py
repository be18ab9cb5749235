"""Documents and hosts with too many private values: rules over the counts that scrub writes, applied and recorded like filter rules.

Dolma drops documents with more than five values (arXiv 2402.00159); LLaMA 2 leaves out sites known for a high volume of personal
data (arXiv 2307.09288), which `values_by_host` finds.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from schemas.recipe import Scrub, redaction_column, redaction_columns


def judge_density(scrubbed: pa.RecordBatch, config: Scrub) -> Iterator[tuple[str, npt.NDArray[np.bool_], npt.NDArray[np.float64], float]]:
    """(rule, bool[n] rows that break it, float64[n] values, limit) for each rule that is set; the batch is one of `scrub_batch`."""
    counts = {kind: scrubbed.column(redaction_column(kind)).to_numpy().astype(np.float64) for kind in config.kinds}
    values = sum(counts.values(), np.zeros(scrubbed.num_rows))
    rules = [(f"scrub.modes.{kind}", counts[kind], 0.0) for kind in config.kinds if config.mode(kind) == "drop_document"]
    if config.max_values is not None:
        rules.append(("scrub.max_values", values, config.max_values))
    if config.max_values_per_1000_chars is not None:
        rules.append(("scrub.max_values_per_1000_chars", per_1000_chars(scrubbed, values), config.max_values_per_1000_chars))
    yield from ((name, signal > most, signal, most) for name, signal, most in rules)


def per_1000_chars(scrubbed: pa.RecordBatch, values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """float64[n]: private values per 1,000 characters of the text."""
    chars = pc.utf8_length(scrubbed.column("text")).to_numpy(zero_copy_only=False)
    return 1000.0 * values / np.maximum(chars, 1)


def url_hosts(url: pa.Array) -> pl.Series:
    """The host of every URL, in lower case; null without one."""
    return pl.DataFrame({"url": pl.Series(pl.from_arrow(url), dtype=pl.String)}).select(_host(pl.col("url"))).to_series()


def _host(url: pl.Expr) -> pl.Expr:
    return url.str.extract(r"^[A-Za-z][A-Za-z0-9+.-]*://(?:[^/?#@]*@)?([^/?#:]+)", 1).str.to_lowercase()


def values_by_host(scrubbed: pa.Table) -> pl.DataFrame:
    """host, documents, values, chars and values_per_1000_chars, the densest host first, of a table with url, text and n_redacted_*.

    Documents without a URL count under the host null.
    """
    frame = pl.DataFrame(scrubbed)
    return (
        frame.select(
            host=_host(pl.col("url")),
            values=pl.sum_horizontal(pl.lit(0, pl.UInt64), *(pl.col(name).cast(pl.UInt64) for name in redaction_columns(frame.columns))),
            chars=pl.col("text").str.len_chars().cast(pl.UInt64),
        )
        .group_by("host")
        .agg(documents=pl.len(), values=pl.col("values").sum(), chars=pl.col("chars").sum())
        .with_columns(values_per_1000_chars=1000 * pl.col("values") / pl.max_horizontal(pl.col("chars"), pl.lit(1)))
        .sort("values_per_1000_chars", "host", descending=[True, False])
    )
