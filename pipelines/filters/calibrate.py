"""Limits for a language without published ones, from the signals of a sample of its good documents.

FineWeb2 (arXiv 2506.20920) derives limits from the distributions of a language's own corpora. So does this, at one percentile: each
limit lets that share of the sample pass. Signals come in as columns, so no text is read.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_CEILING, ROUND_FLOOR, Context
from typing import Final

import numpy as np
import numpy.typing as npt

from pipelines.filters.registry import REGISTRY
from pipelines.filters.verdict import signal_of
from pipelines.text.labels import code_of

QUANTILES: Final = (0.01, 0.05, 0.5, 0.95, 0.99)
N_BINS: Final = 14
DIGITS: Final = 3

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """One limit: the distribution of its signal in the sample, today's limit and the proposed one. Shares are of the documents."""

    rule_set: str
    name: str
    """For example "min_words"."""
    quantiles: tuple[float, ...]
    """The signal's, at QUANTILES."""
    histogram: tuple[int, ...]
    """Documents in N_BINS equal bins between the least and the greatest of the middle 98 %; values outside are in the outer bins."""
    now: float
    """Infinite where the limit is off."""
    removed_now: float
    proposed: float
    removed: float
    removed_alone: float
    """Documents that no other proposed limit removes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibration:
    """The proposals for one language."""

    lang: str
    n_documents: int
    proposals: tuple[Proposal, ...]
    removed_by_set: dict[str, float]
    """By rule set: documents that any of its proposed limits removes."""
    removed: float
    """Documents that any proposed limit removes."""
    removed_now: float
    """Documents that any of today's limits removes."""


def limits_of(rule_set: str, names: Sequence[str]) -> list[str]:
    """Those of a rule set's limits that act on a signal."""
    return [name for name in names if signal_of(name) in REGISTRY[rule_set].signals]


def propose_limits(signals: Mapping[str, Floats], now: Mapping[str, float], lang: str, keep: float) -> Calibration:
    """Propose a limit for each key of `now`, today's limits by "rule_set.name"; `signals` are columns by "rule_set.signal".

    NaN is within every limit. `keep` is the share of the sample that each limit lets pass, before it is rounded outwards.
    """
    fails: dict[str, Mask] = {}
    fails_now: list[Mask] = []
    proposed: dict[str, float] = {}
    n = len(next(iter(signals.values()), ()))
    for key, limit in now.items():
        values = _signal(signals, key)
        proposed[key] = propose(values, keep, limit, is_min=_is_min(key))
        fails[key] = _fails(values, proposed[key], is_min=_is_min(key))
        fails_now.append(_fails(values, limit, is_min=_is_min(key)))
    n_failed = np.sum([*fails.values(), np.zeros(n, bool)], axis=0)
    proposals = tuple(
        Proposal(
            rule_set=key.split(".")[0],
            name=key.split(".")[1],
            quantiles=quantiles(_signal(signals, key)),
            histogram=signal_histogram(_signal(signals, key)),
            now=now[key],
            removed_now=float(was.mean()),
            proposed=proposed[key],
            removed=float(failed.mean()),
            removed_alone=float((failed & (n_failed == 1)).mean()),
        )
        for (key, failed), was in zip(fails.items(), fails_now, strict=True)
    )
    by_set = {name: [fails[key] for key in fails if key.startswith(f"{name}.")] for name in dict.fromkeys(p.rule_set for p in proposals)}
    return Calibration(
        lang=lang,
        n_documents=n,
        proposals=proposals,
        removed_by_set={name: float(np.any(masks, axis=0).mean()) for name, masks in by_set.items()},
        removed=float((n_failed > 0).mean()),
        removed_now=float(np.any(fails_now, axis=0).mean()),
    )


def propose(values: Floats, keep: float, now: float, *, is_min: bool) -> float:
    """The limit that lets `keep` of the values pass, outwards to three digits.

    `now` stays where no value is known, and where the signal hardly occurs: then the sample does not show how much is too much.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return now
    # A value of the sample itself, beyond the percentile, so that at least the share `keep` passes.
    exact = float(np.quantile(known, 1 - keep if is_min else keep, method="lower" if is_min else "higher"))
    return now if exact == 0 and not is_min else rounded(exact, up=not is_min)


def rounded(value: float, *, up: bool) -> float:
    """The nearest number of three digits that is not below (`up`) or not above the value."""
    return float(Context(prec=DIGITS, rounding=ROUND_CEILING if up else ROUND_FLOOR).create_decimal(repr(value)))


def quantiles(values: Floats) -> tuple[float, ...]:
    """At QUANTILES; NaN without values."""
    known = values[~np.isnan(values)]
    return tuple(np.quantile(known, QUANTILES).tolist()) if len(known) else (math.nan,) * len(QUANTILES)


def signal_histogram(values: Floats) -> tuple[int, ...]:
    """Values in N_BINS bins; all zero without values."""
    known = values[~np.isnan(values)]
    if not len(known):
        return (0,) * N_BINS
    low, high = np.quantile(known, (0.01, 0.99))
    return tuple(np.histogram(known.clip(low, high), N_BINS, (low, high if high > low else low + 1))[0].tolist())


def as_toml(found: Calibration) -> str:
    """The proposals as a recipe's section; limits without a measured signal are left out."""
    lines = [f"# From {found.n_documents} documents, of which all these limits together remove {found.removed:.1%}."]
    for rule_set in found.removed_by_set:
        lines += ["", f"[filters.profiles.{code_of(found.lang)}.{rule_set}]"]
        for one in found.proposals:
            if one.rule_set == rule_set and math.isfinite(one.proposed):
                value = int(one.proposed) if one.proposed.is_integer() else one.proposed
                lines.append(f"{one.name} = {value}")
    return "\n".join(lines) + "\n"


def _is_min(key: str) -> bool:
    return ".min_" in key


def _signal(signals: Mapping[str, Floats], key: str) -> Floats:
    rule_set, name = key.split(".")
    return signals[f"{rule_set}.{signal_of(name)}"]


def _fails(values: Floats, limit: float, *, is_min: bool) -> Mask:
    return values < limit if is_min else values > limit
