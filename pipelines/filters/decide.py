"""Signal columns -> which rules each document fails. No text is looked at, so a decision can be made again at any time.

The rule sets of a document's source judge in their order, and it goes by the first limit that it fails.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.filters import metadata
from pipelines.filters.limits import Languages, Verdict, decide
from pipelines.filters.profiles import code_of
from pipelines.filters.signals import SIGNALS
from pipelines.filters.url import UrlRules, has_blocked_word, in_blocked_domain
from schemas.ledger import Outcome, entries
from schemas.recipe import Filters, Recipe

STAGE: Final = "filters"

Mask = npt.NDArray[np.bool_]
Profiles = npt.NDArray[np.int32]
Verdicts = list[tuple[npt.NDArray[np.int64], Verdict]]
"""(rows, what a rule set says about them), by source and then in the order in which its sets judge."""


class Decider:
    """Documents with their signals -> what becomes of them."""

    def __init__(self, filters: Filters, rules: dict[str, tuple[str, ...]]) -> None:
        """`rules` are the rule sets of each source."""
        self.filters, self.rules = filters, rules
        self.languages = Languages.of(filters)
        self.url = UrlRules.of(filters.url)

    @classmethod
    def of(cls, recipe: Recipe) -> Self:
        """The limits of a recipe. It reads the list of blocked domains."""
        return cls(recipe.filters, rules_of(recipe))

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
        return drop(documents, first >= 0, reasons, first, value, limit)

    def verdicts(self, documents: pa.RecordBatch) -> Verdicts:
        """Everything that the rules say, about every document."""
        source = documents.column("source").dictionary_encode()
        of_source = source.indices.to_numpy(zero_copy_only=False)
        found = []
        for number, name in enumerate(source.dictionary.to_pylist()):
            rows = np.flatnonzero(of_source == number)
            part = documents if len(rows) == documents.num_rows else documents.take(pa.array(rows))
            profile = self.languages.profile(part.column("lang"))
            found += [(rows, self.verdict(rule_set, part, profile)) for rule_set in self.rules[name]]
        return found

    def verdict(self, rule_set: str, documents: pa.RecordBatch, profile: Profiles) -> Verdict:
        """What one rule set says; `profile` numbers the documents' language profiles."""
        special: Callable[[pa.RecordBatch, Profiles], Verdict] | None = getattr(self, f"_{rule_set}", None)
        return special(documents, profile) if special else self._by_limits(rule_set, documents, profile)

    def _by_limits(self, rule_set: str, documents: pa.RecordBatch, profile: Profiles) -> Verdict:
        signals = {name: documents.column(f"{rule_set}.{name}").to_numpy(zero_copy_only=False) for name in SIGNALS[rule_set]}
        return decide(rule_set, self.languages.limits[rule_set], signals, profile)

    # --- Rule sets that look at other columns, too -------------------------------------------------------------------

    def _language(self, documents: pa.RecordBatch, profile: Profiles) -> Verdict:
        lang, score = documents.column("lang"), documents.column("lang_score").to_numpy(zero_copy_only=False)
        by_score = decide("language", self.languages.limits["language"], {"score": score}, profile)
        keep = self.filters.language.keep
        labels = [label for label in lang.unique().to_pylist() if label in keep or code_of(label) in keep]
        unwanted = ~pc.is_in(lang, pa.array(labels, lang.type)).to_numpy(zero_copy_only=False) & bool(keep)
        return Verdict(
            ("language.keep", *by_score.reasons),
            np.vstack([unwanted, by_score.fails]),
            np.vstack([score, by_score.values]),
            np.vstack([np.full(len(score), np.nan), by_score.limits]),
        )

    def _url(self, documents: pa.RecordBatch, profile: Profiles) -> Verdict:
        url, fails = documents.column("url"), np.zeros((2, documents.num_rows), bool)
        if self.url.domains is not None:
            fails[0] = in_blocked_domain(url, self.url.domains)
        if self.url.words is not None:
            fails[1] = has_blocked_word(url, self.url.words)
        nothing = np.full(fails.shape, np.nan)
        return Verdict(("url.block_domains", "url.block_words"), fails, nothing, nothing)

    def _metadata(self, documents: pa.RecordBatch, profile: Profiles) -> Verdict:
        judged = list(metadata.judge(documents, self.filters.metadata))
        fails, values, limits = (np.empty((len(judged), documents.num_rows), kind) for kind in (bool, float, float))
        for number, (_, failed, value, limit) in enumerate(judged):
            fails[number], values[number], limits[number] = failed, value, limit
        return Verdict(tuple(name for name, *_ in judged), fails, values, limits)

    def _perplexity(self, documents: pa.RecordBatch, profile: Profiles) -> Verdict:
        """Documents of a language without a model are not judged, and those without cut-offs not by bucket."""
        verdict = self._by_limits("perplexity", documents, profile)
        lang, models = documents.column("lang"), self.filters.perplexity.models
        labels = [label for label in lang.unique().to_pylist() if label in models or code_of(label) in models]
        has_model = pc.is_in(lang, pa.array(labels, lang.type)).to_numpy(zero_copy_only=False)
        without_bucket = np.array(verdict.reasons)[:, None] == "perplexity.max_bucket"
        fails = verdict.fails & has_model & ~(without_bucket & np.isnan(verdict.values))
        return Verdict(verdict.reasons, fails, verdict.values, verdict.limits)


def n_failed(n: int, verdicts: Verdicts) -> npt.NDArray[np.int64]:
    """int64[n]: how many rules each document fails."""
    total = np.zeros(n, np.int64)
    for rows, verdict in verdicts:
        total[rows] += verdict.fails.sum(axis=0)
    return total


def tally(n: int, verdicts: Verdicts) -> dict[str, tuple[int, int]]:
    """Per rule how many documents fail it, whatever else they fail; and how many fail it alone: what it removes by itself."""
    total = n_failed(n, verdicts)
    found: dict[str, tuple[int, int]] = {}
    for rows, verdict in verdicts:
        for reason, fails in zip(verdict.reasons, verdict.fails, strict=True):
            joint, alone = found.get(reason, (0, 0))
            found[reason] = joint + int(fails.sum()), alone + int((fails & (total[rows] == 1)).sum())
    return found


def decides(rule_set: str, key: str) -> bool:
    """Whether a setting of a rule set acts on signals alone, so that changing it leaves every measurement as it is."""
    if rule_set == "language":
        return key in ("keep", "min_score")
    return not SIGNALS[rule_set] or (key.startswith(("min_", "max_")) and key[4:] in SIGNALS[rule_set])


def rules_of(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """The rule sets of each source, in order."""
    return {name: recipe.filters.rules if source.rules is None else source.rules for name, source in recipe.sources.items()}


def drop(
    documents: pa.RecordBatch,
    fails: Mask,
    reasons: list[str] | tuple[str, ...],
    reason: npt.NDArray[np.int64],
    value: npt.NDArray[np.float64],
    limit: npt.NDArray[np.float64],
) -> pa.RecordBatch:
    """LEDGER rows of the documents that fail, `reason` being places in `reasons`."""
    given = {
        "reason": pa.array(reasons, pa.large_string()).take(pa.array(reason[fails])),
        "value": pa.array(value[fails], from_pandas=True),
        "limit": pa.array(limit[fails], from_pandas=True),
    }
    return entries(documents.filter(pa.array(fails)), STAGE, Outcome.DROPPED, **given)
