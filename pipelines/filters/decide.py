"""Signal columns -> which rules each document fails. No text is read, so decisions can be made again at any time.

The rule sets of a document's source judge in their order; the first limit that the document fails is the reason for which it is dropped.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.filters.limits import Profiles
from pipelines.filters.registry import REGISTRY
from pipelines.filters.rule_set import RuleContext, language_words
from pipelines.filters.verdict import Mask, RuleOutcome, Verdict, dropped_rows, without_text
from schemas.recipe import Recipe

ExtraRules = Callable[[pa.RecordBatch], Iterable[RuleOutcome]]
"""Rules of another room on the documents of all sources, which judge after the rule sets."""
Verdicts = list[tuple[npt.NDArray[np.int64], Verdict]]
"""(rows, what a rule set says about them), by source and then in the order in which its sets judge."""


class Decider:
    """Documents with their signals -> which of them stay, and the ledger rows of the others."""

    def __init__(self, context: RuleContext, rules: dict[str, tuple[str, ...]], extra_rules: ExtraRules | None = None) -> None:
        """`rules` are the rule sets of each source. RecipeError if a file that a setting names cannot be read."""
        self.context, self.rules, self.extra_rules = context, rules, extra_rules
        for rule_set in REGISTRY.values():
            if rule_set.check:
                rule_set.check(context.filters)

    @classmethod
    def of(cls, recipe: Recipe, extra_rules: ExtraRules | None = None) -> Self:
        """The rules of a recipe."""
        return cls(RuleContext.of(recipe), rules_of(recipe), extra_rules)

    def keeps(self, documents: pa.RecordBatch) -> Mask:
        """bool[n]: which documents stay."""
        return n_failed(documents.num_rows, self.verdicts(documents)) == 0

    def dropped(self, documents: pa.RecordBatch, verdicts: Verdicts | None = None) -> pa.RecordBatch:
        """LEDGER rows of the documents that do not stay, in their order."""
        n = documents.num_rows
        reasons: list[str] = []
        first = np.full(n, -1)
        value, limit = np.full((2, n), np.nan)
        for rows, verdict in self.verdicts(documents) if verdicts is None else verdicts:
            failed = verdict.failed
            fresh = np.flatnonzero((failed >= 0) & (first[rows] < 0))
            first[rows[fresh]] = failed[fresh] + len(reasons)
            value[rows[fresh]], limit[rows[fresh]] = verdict.values[failed[fresh], fresh], verdict.limits[failed[fresh], fresh]
            reasons += verdict.reasons
        return dropped_rows(documents, first >= 0, reasons, first, value, limit)

    def verdicts(self, documents: pa.RecordBatch) -> Verdicts:
        """What every rule says about every document."""
        extra = Verdict.of(self.extra_rules(documents), documents.num_rows) if self.extra_rules else None
        documents = without_text(documents)
        source = documents.column("source").dictionary_encode()
        of_source = source.indices.to_numpy(zero_copy_only=False)
        found = []
        for number, name in enumerate(source.dictionary.to_pylist()):
            rows = np.flatnonzero(of_source == number)
            part = documents if len(rows) == documents.num_rows else documents.take(pa.array(rows))
            score = part.column("lang_score").to_numpy(zero_copy_only=False)
            profile = self.context.languages.profile(part.column("lang"), score, language_words(part))
            found += [(rows, self.verdict(rule_set, part, profile)) for rule_set in self.rules[name]]
        if extra is not None:
            found.append((np.arange(documents.num_rows), extra))
        return found

    def verdict(self, rule_set: str, documents: pa.RecordBatch, profile: Profiles) -> Verdict:
        """What one rule set says; `profile` numbers the documents' language profiles."""
        return REGISTRY[rule_set].verdict(documents, profile, self.context)


def n_failed(n: int, verdicts: Verdicts) -> npt.NDArray[np.int64]:
    """int64[n]: how many rules each document fails."""
    total = np.zeros(n, np.int64)
    for rows, verdict in verdicts:
        total[rows] += verdict.fails.sum(axis=0)
    return total


def tally(n: int, verdicts: Verdicts) -> dict[str, tuple[int, int]]:
    """Per rule (how many documents fail it, how many fail it and no other)."""
    total = n_failed(n, verdicts)
    found: dict[str, tuple[int, int]] = {}
    for rows, verdict in verdicts:
        for reason, fails in zip(verdict.reasons, verdict.fails, strict=True):
            joint, alone = found.get(reason, (0, 0))
            found[reason] = joint + int(fails.sum()), alone + int((fails & (total[rows] == 1)).sum())
    return found


def rules_of(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """The rule sets of each source, in order."""
    return {name: recipe.filters.rules if source.rules is None else source.rules for name, source in recipe.sources.items()}
