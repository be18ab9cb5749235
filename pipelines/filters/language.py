"""Which languages are kept, how sure the model must be of them, and lines in other languages.

The language itself and the model's score are the columns lang and lang_score (identify.py); the only signal of the set's own is the share
of lines in other languages.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.filters.language_lines import mixed_lines
from pipelines.filters.limits import Floats, Profiles
from pipelines.filters.pending import PendingRows
from pipelines.filters.rule_set import RuleContext, RuleSet
from pipelines.filters.verdict import Verdict, judge_limits
from pipelines.text.labels import kept_labels
from schemas.recipe import Language


def _measure(pending: PendingRows, context: RuleContext) -> Floats:
    config = context.filters.language
    if config.lines == "keep":
        return np.full((1, len(pending.rows)), np.nan)
    text, ratio = mixed_lines(pending.text, pending.column("lang"), config)
    if config.lines == "cut":
        pending.set_text(text)
    return ratio[None]


def _judge(documents: pa.RecordBatch, profile: Profiles, context: RuleContext) -> Verdict:
    """A document whose words confirm its language passes the limit on the score."""
    lang, score = documents.column("lang"), documents.column("lang_score").to_numpy(zero_copy_only=False)
    signals = {"score": score, "mixed_line_ratio": documents.column("language.mixed_line_ratio").to_numpy(zero_copy_only=False)}
    by_limits = judge_limits("language", context.languages.limits["language"], signals, profile)
    by_limits = context.spared(by_limits, "language.min_score", context.confirmed(documents), documents)
    keep = context.filters.language.keep
    labels = pa.array(kept_labels(lang.unique().to_pylist(), keep), lang.type)
    unwanted = ~pc.is_in(lang, labels).to_numpy(zero_copy_only=False) & bool(keep)
    return Verdict.of([("language.keep", unwanted, score, np.nan)], len(score)).followed_by(by_limits)


RULE_SET = RuleSet(
    name="language",
    config=Language,
    signals=("mixed_line_ratio",),
    measure=_measure,
    judge=_judge,
    settings_that_decide=frozenset({"keep", "min_score"}),
)
