"""Merges whose survivors were merged later themselves: they point at the final survivor if it is similar enough, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.dedup.arrays import Floats, UInt64s
from pipelines.dedup.frames import as_batch, as_frame
from pipelines.dedup.near.compare import SIMILARITY_KINDS
from schemas.hops import MERGE

Measure = Callable[[str, UInt64s, UInt64s], Floats]
"""(kind, row refs of survivors, row refs of documents merged into them) -> float64[n]: similarity by the measure of the kind."""

_NAMES: Final = ("survivor_ref", "survivor_id", "reason", "value", "limit")


def compose(before: pa.Table, new: pa.Table, measure: Measure, *, with_new: bool = False) -> pa.RecordBatch:
    """MERGE rows with survivors that stay, and the similarity to those.

    `before` are the merges of earlier kinds, `new` those of the kind that just ran; `with_new` adds these to the result. If the survivor of
    an earlier merge is merged now, an exact copy of it goes where it goes, since it has the same text. A similar document is measured
    against the new survivor: by the kind that just ran, then by its own. If it reaches neither limit, it loses its row and stays. If the
    survivor was removed by a kind that cuts, the document is removed for the same reason.
    """
    added = as_frame(new)
    onward = added.select(
        pl.col("row_ref").alias("survivor_ref"), pl.lit(True).alias("ended"), *(pl.col(name).alias(f"next_{name}") for name in _NAMES)
    )
    earlier = as_frame(before).join(onward, on="survivor_ref", how="left").with_columns(pl.col("ended").fill_null(False))
    moved = pl.col("ended") & pl.col("next_survivor_ref").is_not_null()
    was_similarity, is_similarity = pl.col("reason").is_in(SIMILARITY_KINDS), pl.col("next_reason").is_in(SIMILARITY_KINDS)
    to_measure = moved & was_similarity & is_similarity
    goes_with = pl.col("ended") & ((pl.col("reason") == "exact") | (was_similarity & (pl.col("next_reason") != "exact")) | ~moved)
    pointed = earlier.filter(~to_measure).with_columns(
        pl.when(pl.col("ended") if name.startswith("survivor") else goes_with).then(f"next_{name}").otherwise(name).alias(name)
        for name in _NAMES
    )
    parts = [pointed.select(MERGE.names), _measured(earlier.filter(to_measure), measure)]
    return as_batch(pl.concat([*parts, added.select(MERGE.names)] if with_new else parts), MERGE)


def _measured(chains: pl.DataFrame, measure: Measure) -> pl.DataFrame:
    """MERGE rows of the documents that are similar enough to the new survivor."""
    chains = chains.sort("next_survivor_ref", "row_ref")
    winners, losers = (chains.get_column(name).to_numpy() for name in ("next_survivor_ref", "row_ref"))
    found = []
    for kind, limit in (("next_reason", "next_limit"), ("reason", "limit")):
        value = np.zeros(chains.height)
        for name in chains.get_column(kind).unique(maintain_order=True):
            rows = np.flatnonzero((chains.get_column(kind) == name).to_numpy())
            value[rows] = measure(name, winners[rows], losers[rows])
        found.append(
            chains.select(
                "row_ref",
                pl.col("next_survivor_ref").alias("survivor_ref"),
                pl.col("next_survivor_id").alias("survivor_id"),
                pl.col(kind).alias("reason"),
                pl.Series("value", value),
                pl.col(limit).alias("limit"),
            ).filter(pl.col("value") >= pl.col("limit"))
        )
    by_new, by_own = found
    return pl.concat([by_new, by_own.join(by_new, on="row_ref", how="anti")]).select(MERGE.names)
