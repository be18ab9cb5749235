"""What rules say about documents: comparing signals with limits, and the ledger rows of the documents that fail."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.filters.limits import Floats, Limits, Profiles
from schemas.ledger import Outcome, entries

STEP: Final = "filters"
"""What the ledger calls this step."""

Mask = npt.NDArray[np.bool_]
RuleOutcome = tuple[str, Mask, Floats, float]
"""(rule, which rows fail it, their values, the limit); values and limit are NaN where the rule has no number."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What each rule of a set says about each of n rows."""

    reasons: tuple[str, ...]
    """The rules in the order in which they judge, such as "gopher_quality.min_words"."""
    fails: Mask
    """[rule, n]"""
    values: Floats
    """[rule, n]: the signal that decides; NaN where there is none."""
    limits: Floats
    """[rule, n]; NaN where there is none."""

    @staticmethod
    def of(outcomes: Iterable[RuleOutcome], n: int) -> Verdict:
        """The outcomes of rules on n rows, in the order in which the rules judge."""
        judged = list(outcomes)
        fails, values, limits = (np.empty((len(judged), n), kind) for kind in (bool, float, float))
        for number, (_, failed, value, limit) in enumerate(judged):
            fails[number], values[number], limits[number] = failed, value, limit
        return Verdict(tuple(name for name, *_ in judged), fails, values, limits)

    @property
    def failed(self) -> npt.NDArray[np.int64]:
        """[n]: the index in `reasons` of the first rule that a row fails, or -1."""
        if not self.reasons:
            return np.full(self.fails.shape[1], -1)
        return np.where(self.fails.any(axis=0), np.argmax(self.fails, axis=0), -1)

    def followed_by(self, later: Verdict) -> Verdict:
        """These rules first, then those of another verdict on the same rows."""
        return Verdict(
            (*self.reasons, *later.reasons),
            np.vstack([self.fails, later.fails]),
            np.vstack([self.values, later.values]),
            np.vstack([self.limits, later.limits]),
        )

    def pass_where(self, rules: Mask, rows: Mask) -> Verdict:
        """The verdict in which the `rows` pass the `rules`, both masks; they broadcast to [rule, n]."""
        return replace(self, fails=self.fails & ~(rules & rows))


def judge_limits(rule_set: str, limits: Limits, signals: Mapping[str, Floats], profile: Profiles) -> Verdict:
    """Compare each limit `min_X` or `max_X` with the signal X, in order. The limit itself passes; NaN fails unless the limit is off.

    Limits without a signal of their name act while the set measures and are ignored here.
    """
    names = [name for name in limits.names if signal_of(name) in signals]
    if not names:
        return Verdict((), *np.zeros((3, 0, len(profile))))
    values = np.stack([signals[signal_of(name)] for name in names])
    bounds = np.stack([limits.of(name, profile) for name in names])
    is_min = np.array([name.startswith("min_") for name in names])[:, None]
    within = np.where(is_min, values >= bounds, values <= bounds) | np.isinf(bounds)
    return Verdict(tuple(f"{rule_set}.{name}" for name in names), ~within, values, bounds)


def signal_of(setting: str) -> str:
    """The signal that a limit acts on: "min_words" and "max_words" act on "words". "" for other settings."""
    prefix, _, signal = setting.partition("_")
    return signal if prefix in ("min", "max") else ""


def dropped_rows(
    documents: pa.RecordBatch,
    fails: Mask,
    reasons: list[str] | tuple[str, ...],
    reason: npt.NDArray[np.int64],
    value: Floats,
    limit: Floats,
) -> pa.RecordBatch:
    """LEDGER rows of the documents that fail; `reason` holds indices into `reasons`."""
    given = {
        "reason": pa.array(reasons, pa.large_string()).take(pa.array(reason[fails])),
        "value": pa.array(value[fails], from_pandas=True),
        "limit": pa.array(limit[fails], from_pandas=True),
    }
    return entries(without_text(documents).filter(pa.array(fails)), STEP, Outcome.DROPPED, **given)


def without_text(documents: pa.RecordBatch) -> pa.RecordBatch:
    """All other columns, so that choosing rows copies no text."""
    return documents.select([name for name in documents.schema.names if name not in ("raw_text", "text")])
