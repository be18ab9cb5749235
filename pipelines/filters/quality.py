"""The score of a fastText classifier of quality, with a limit or with GPT-3's draw (arXiv 2005.14165, appendix A)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from pipelines.filters.classifier import probability
from pipelines.filters.limits import Floats
from pipelines.filters.pending import PendingRows
from pipelines.filters.rule_set import RuleContext, RuleSet
from schemas.recipe import Quality
from schemas.sampling import draws, hash_ids

SIGNALS = ("score", "pareto_margin")


def classifier_signals(text: pa.Array, doc_id: pa.Array, config: Quality, seed: int) -> Floats:
    """SIGNALS of every row, float64[2, n]. A text without a word has score 0."""
    score = probability(text, config.model, config.label, config.reads, "filters.quality")
    return np.stack([score, pareto_margin(score, doc_id, config.pareto_alpha, seed)])


def pareto_margin(score: Floats, doc_id: pa.Array, alpha: float, seed: int) -> Floats:
    """float64[n]: a sample from Pareto(alpha) less 1 - score. It is 0 or more with probability (2 - score)^-alpha.

    The distribution is numpy's pareto (the Lomax distribution), P(X > x) = (1 + x)^-alpha, by inversion of a uniform number that
    hash(seed, doc_id) decides.
    """
    sampled: Floats = draws(hash_ids(doc_id, seed, "quality")) ** (-1 / alpha) - 1
    return sampled - (1 - score)


def _measure(pending: PendingRows, context: RuleContext) -> Floats:
    return classifier_signals(pending.text, pending.column("doc_id"), context.filters.quality, context.seed)


RULE_SET = RuleSet(name="quality", config=Quality, signals=SIGNALS, measure=_measure, needs_language=False)
