"""Merges whose survivors ended later themselves: pointed at the final survivor if they are like that one, too."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pipelines.dedup.frames import as_batch, as_frame
from pipelines.dedup.minhash import UInt64s
from pipelines.dedup.near.compare import ALIKE
from schemas.hops import MERGE

Measure = Callable[[str, UInt64s, UInt64s], npt.NDArray[np.float64]]
"""(kind, places of survivors, places of documents that end in them) -> how alike each two are by the measure of the kind."""

_NAMES: Final = ("survivor_at", "survivor_id", "reason", "value", "limit")


def compose(before: pa.Table, now: pa.Table, measure: Measure, *, with_now: bool = False) -> pa.RecordBatch:
    """MERGE rows of which every survivor stays, with the similarity to that one.

    `before` are merges made before, `now` those of the kind that just ran, which `with_now` adds to the result. An exact copy of one that
    is merged now is merged as that one is, whose text it has. One that was like it is measured against the new survivor: by the kind that
    just ran, then by its own. If it reaches neither limit it has no row any more, and stays. Where its survivor was cut up or dropped, it
    ends for the same reason.
    """
    later = as_frame(now)
    onward = later.select(
        pl.col("at").alias("survivor_at"), pl.lit(True).alias("ended"), *(pl.col(name).alias(f"next_{name}") for name in _NAMES)
    )
    earlier = as_frame(before).join(onward, on="survivor_at", how="left").with_columns(pl.col("ended").fill_null(False))
    moved = pl.col("ended") & pl.col("next_survivor_at").is_not_null()
    was_alike, is_alike = pl.col("reason").is_in(ALIKE), pl.col("next_reason").is_in(ALIKE)
    to_measure = moved & was_alike & is_alike
    goes_with = pl.col("ended") & ((pl.col("reason") == "exact") | (was_alike & (pl.col("next_reason") != "exact")) | ~moved)
    pointed = earlier.filter(~to_measure).with_columns(
        pl.when(pl.col("ended") if name.startswith("survivor") else goes_with).then(f"next_{name}").otherwise(name).alias(name)
        for name in _NAMES
    )
    parts = [pointed.select(MERGE.names), _measured(earlier.filter(to_measure), measure)]
    return as_batch(pl.concat([*parts, later.select(MERGE.names)] if with_now else parts), MERGE)


def _measured(chains: pl.DataFrame, measure: Measure) -> pl.DataFrame:
    """MERGE rows of those that are like the new survivor."""
    chains = chains.sort("next_survivor_at", "at")
    better, worse = (chains.get_column(name).to_numpy() for name in ("next_survivor_at", "at"))
    found = []
    for kind, limit in (("next_reason", "next_limit"), ("reason", "limit")):
        value = np.zeros(chains.height)
        for name in chains.get_column(kind).unique(maintain_order=True):
            rows = np.flatnonzero((chains.get_column(kind) == name).to_numpy())
            value[rows] = measure(name, better[rows], worse[rows])
        found.append(
            chains.select(
                "at",
                pl.col("next_survivor_at").alias("survivor_at"),
                pl.col("next_survivor_id").alias("survivor_id"),
                pl.col(kind).alias("reason"),
                pl.Series("value", value),
                pl.col(limit).alias("limit"),
            ).filter(pl.col("value") >= pl.col("limit"))
        )
    by_new, by_own = found
    return pl.concat([by_new, by_own.join(by_new, on="at", how="anti")]).select(MERGE.names)
