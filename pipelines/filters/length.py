"""Limits on the number of characters."""

from __future__ import annotations

import numpy as np
import pyarrow.compute as pc

from pipelines.filters.limits import Floats
from pipelines.filters.pending import PendingRows
from pipelines.filters.rule_set import RuleContext, RuleSet
from schemas.recipe import Length


def _measure(pending: PendingRows, context: RuleContext) -> Floats:
    return pc.utf8_length(pending.text).to_numpy(zero_copy_only=False).astype(np.float64)[None]


RULE_SET = RuleSet(name="length", config=Length, signals=("chars",), measure=_measure, needs_language=False)
