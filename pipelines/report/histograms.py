"""Numeric columns -> counts in bins: one pass for the bounds of all columns, then one pass over each column."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import polars as pl

N_BINS: Final = 30
LOGARITHMIC_FROM: Final = 100
"""Signals that reach this value are counts, most of which are small."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """The number of a column's values in each bin; `edges` are evenly spaced, on a log1p scale if `logarithmic`."""

    name: str
    edges: tuple[float, ...]
    counts: tuple[int, ...]
    kept: tuple[int, ...] | None = None
    """Counts of kept documents only."""
    logarithmic: bool = False
    limits: tuple[float, ...] = ()
    mean: float | None = None
    constant: bool = False
    """Whether all values are equal."""


def histograms(frame: pl.LazyFrame, limits: Mapping[str, tuple[float, ...]], kept: pl.LazyFrame | None = None) -> list[Histogram]:
    """One histogram for each column that `limits` names, wide enough to include its limits; none for a column without values."""
    names = list(limits)
    if not names:
        return []
    bounds = [frame.select(bound).collect(engine="streaming").row(0) for bound in (pl.col(names).min(), pl.col(names).max())]
    found = []
    for name, low, high in zip(names, *bounds, strict=True):
        if low is not None:
            first, last = float(min(low, *limits[name], high)), float(max(high, *limits[name], low))
            wide = first >= 0 and last >= LOGARITHMIC_FROM
            one = histogram_of(frame, name, first, last, logarithmic=wide, limits=limits[name])
            if kept is not None:
                one = replace(one, kept=histogram_of(kept, name, first, last, logarithmic=wide).counts)
            found.append(replace(one, constant=low == high))
    return found


def histogram_of(
    frame: pl.LazyFrame, name: str, low: float, high: float, *, logarithmic: bool = False, limits: tuple[float, ...] = ()
) -> Histogram:
    """The histogram of one column from `low` to `high`; a value on an edge counts in the bin above, on the last edge in the bin below."""
    value = pl.col(name).cast(pl.Float64)
    at, first, last = (value.log1p(), np.log1p(low), np.log1p(high)) if logarithmic else (value, low, high)
    last = last if last > first else first + 1.0
    position = ((at - first) / (last - first) * N_BINS).floor().clip(0, N_BINS - 1).cast(pl.Int64)
    binned = frame.filter(value.is_finite()).group_by(position.alias("bin")).agg(n=pl.len(), total=value.sum())
    rows = binned.collect(engine="streaming").sort("bin").rows()
    counts = {number: n for number, n, _ in rows}
    line = np.linspace(first, last, N_BINS + 1)
    return Histogram(
        name=name,
        edges=tuple((np.expm1(line) if logarithmic else line).tolist()),
        counts=tuple(counts.get(number, 0) for number in range(N_BINS)),
        logarithmic=logarithmic,
        limits=limits,
        mean=sum(total for _, _, total in rows) / sum(counts.values()) if rows else None,
    )
