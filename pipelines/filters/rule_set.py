"""What a rule set is: a name, its section of the recipe, the signals that it measures and the rules by which it judges.

To add one, write three things:
1. its config class in schemas/recipe/published_rules.py, model_rules.py or document_rules.py, and a field of that class in `Filters`;
2. a module in this folder that ends with `RULE_SET = RuleSet(...)`;
3. a line in registry.py.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.filters.limits import Floats, Languages, Profiles
from pipelines.filters.pending import PendingRows
from pipelines.filters.verdict import Mask, Verdict, judge_limits, signal_of
from pipelines.text.labels import kept_labels
from schemas.recipe import RULE_SETS, Filters, Recipe


@dataclass(frozen=True, slots=True)
class RuleContext:
    """What a rule set knows besides the documents."""

    filters: Filters
    """The recipe's section: `filters.c4` is the config of c4."""
    languages: Languages
    """Limits and tables of every language."""
    seed: int

    @staticmethod
    def of(recipe: Recipe) -> RuleContext:
        """Resolve the limits of a recipe; RecipeError names one that cannot be meant."""
        return RuleContext(recipe.filters, Languages.of(recipe.filters), recipe.seed)

    def limit(self, key: str, profile: Profiles) -> Floats:
        """float64[n]: the limit "rule_set.name" for rows of these profiles, infinite where it is off."""
        rule_set, _, name = key.partition(".")
        return self.languages.limits[rule_set].of(name, profile)

    def confirmed(self, documents: pa.RecordBatch) -> Mask:
        """bool[n]: documents whose function words confirm their language."""
        return self.languages.confirmed(language_words(documents), documents.num_rows)

    def spared(self, verdict: Verdict, key: str, rows: Mask, documents: pa.RecordBatch) -> Verdict:
        """The verdict in which `rows` pass the limit "rule_set.name", unless the recipe states a limit of its own."""
        rule_set, _, name = key.partition(".")
        if getattr(getattr(self.filters, rule_set), name) != getattr(RULE_SETS[rule_set](), name):
            return verdict
        lang = documents.column("lang")
        stated = [code for code, sets in self.filters.profiles.items() if name in sets.get(rule_set, {})]
        has_own = pc.is_in(lang, pa.array(kept_labels(lang.unique().to_pylist(), stated), lang.type)).to_numpy(zero_copy_only=False)
        return verdict.pass_where(np.array(verdict.reasons)[:, None] == key, rows & ~has_own)


Measure = Callable[[PendingRows, RuleContext], Floats]
"""The signals of the rows, float64[signal, n]. A set that cuts text also sets the text of the rows."""
Judge = Callable[[pa.RecordBatch, Profiles, RuleContext], Verdict]
"""What the rules say about documents with signals; `Profiles` numbers their language profiles."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleSet:
    """A rule set."""

    name: str
    """As in the recipe's `filters.rules`; its columns are `name.signal`."""
    config: type
    """Its section of the recipe."""
    signals: tuple[str, ...] = ()
    measure: Measure | None = None
    """None for a set without signals."""
    judge: Judge | None = None
    """None for a set that judges by limits on its signals alone."""
    check: Callable[[Filters], object] | None = None
    """Reads the files that the settings name, to raise RecipeError before the run begins; None where measuring reads them."""
    needs_language: bool = True
    """Whether the language of the documents must be known before it measures."""
    settings_that_decide: frozenset[str] = frozenset()
    """Settings besides limits on signals that change no measurement."""

    def verdict(self, documents: pa.RecordBatch, profile: Profiles, context: RuleContext) -> Verdict:
        """What the rules say about documents with signals."""
        return self.judge(documents, profile, context) if self.judge else self.by_limits(documents, profile, context)

    def by_limits(self, documents: pa.RecordBatch, profile: Profiles, context: RuleContext) -> Verdict:
        """What the limits on the signals say."""
        signals = {name: documents.column(f"{self.name}.{name}").to_numpy(zero_copy_only=False) for name in self.signals}
        return judge_limits(self.name, context.languages.limits[self.name], signals, profile)

    def only_decides(self, setting: str) -> bool:
        """Whether a setting acts on signals alone, so that a change of it leaves every measurement as it is."""
        return not self.signals or setting in self.settings_that_decide or signal_of(setting) in self.signals


def language_words(documents: pa.RecordBatch) -> pa.Array | None:
    """The column lang_words, which the first runs did not write."""
    return documents.column("lang_words") if "lang_words" in documents.schema.names else None
