"""Signal columns -> which rules each document fails. No text is looked at, so a decision can be made again at any time.

The rule sets of a document's source judge in their order, and it goes by the first limit that it fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.filters import code, metadata, roots, url
from pipelines.filters.limits import Languages, Verdict, decide
from pipelines.filters.signals import SIGNALS
from pipelines.text.labels import code_of, kept_labels
from schemas.ledger import Outcome, entries
from schemas.recipe import RULE_SETS, Filters, Recipe

STAGE: Final = "filters"

Mask = npt.NDArray[np.bool_]
Profiles = npt.NDArray[np.int32]
Judge = Callable[[pa.RecordBatch], Iterable[tuple[str, Mask, npt.NDArray[np.float64], float]]]
"""Documents -> (rule, which rows fail it, their values, the limit) for each rule."""
Verdicts = list[tuple[npt.NDArray[np.int64], Verdict]]
"""(rows, what a rule set says about them), by source and then in the order in which its sets judge."""


class Decider:
    """Documents with their signals -> what becomes of them."""

    def __init__(self, filters: Filters, rules: dict[str, tuple[str, ...]], more: Judge | None = None) -> None:
        """`rules` are the rule sets of each source; `more` judges documents of all sources after them."""
        self.filters, self.rules, self.more = filters, rules, more
        self.languages = Languages.of(filters)
        self.url = url.UrlRules.of(filters.url)

    @classmethod
    def of(cls, recipe: Recipe, more: Judge | None = None) -> Self:
        """The limits of a recipe. It reads the list of blocked domains."""
        return cls(recipe.filters, rules_of(recipe), more)

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
        more = _verdict(list(self.more(documents)), documents.num_rows) if self.more else None
        documents = without_text(documents)
        source = documents.column("source").dictionary_encode()
        of_source = source.indices.to_numpy(zero_copy_only=False)
        found = []
        for number, name in enumerate(source.dictionary.to_pylist()):
            rows = np.flatnonzero(of_source == number)
            part = documents if len(rows) == documents.num_rows else documents.take(pa.array(rows))
            score = part.column("lang_score").to_numpy(zero_copy_only=False)
            profile = self.languages.profile(part.column("lang"), score, _n_words(part))
            found += [(rows, self.verdict(rule_set, part, profile)) for rule_set in self.rules[name]]
        if more is not None:
            found.append((np.arange(documents.num_rows), more))
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
        signals = {"score": score, "mixed_line_ratio": documents.column("language.mixed_line_ratio").to_numpy(zero_copy_only=False)}
        by_limits = decide("language", self.languages.limits["language"], signals, profile)
        by_limits = self._sparing("language.min_score", self._confirmed(documents), documents, by_limits)
        labels = kept_labels(lang.unique().to_pylist(), self.filters.language.keep)
        unwanted = ~pc.is_in(lang, pa.array(labels, lang.type)).to_numpy(zero_copy_only=False) & bool(self.filters.language.keep)
        return Verdict(
            ("language.keep", *by_limits.reasons),
            np.vstack([unwanted, by_limits.fails]),
            np.vstack([score, by_limits.values]),
            np.vstack([np.full(len(score), np.nan), by_limits.limits]),
        )

    def _fineweb(self, documents: pa.RecordBatch, profile: Profiles) -> Verdict:
        """Of a text that is one line, how that line ends does not say how its lines end."""
        one_line = documents.column("fineweb.newline_word_ratio").to_numpy(zero_copy_only=False) == 0
        one_line &= self.filters.limits == "profiles"
        return self._sparing("fineweb.min_terminal_line_ratio", one_line, documents, self._by_limits("fineweb", documents, profile))

    def _sparing(self, rule: str, spared: Mask, documents: pa.RecordBatch, verdict: Verdict) -> Verdict:
        """The verdict without failures of the rows to be spared at a limit, unless the recipe states one of its own."""
        rule_set, name = rule.split(".")
        if getattr(getattr(self.filters, rule_set), name) != getattr(RULE_SETS[rule_set](), name):
            return verdict
        lang = documents.column("lang")
        stated = [code for code, sets in self.filters.profiles.items() if name in sets.get(rule_set, {})]
        own = kept_labels(lang.unique().to_pylist(), stated)
        fails = verdict.fails.copy()
        fails[verdict.reasons.index(rule)] &= ~spared | pc.is_in(lang, pa.array(own, lang.type)).to_numpy(zero_copy_only=False)
        return Verdict(verdict.reasons, fails, verdict.values, verdict.limits)

    def _confirmed(self, documents: pa.RecordBatch) -> Mask:
        return self.languages.confirmed(_n_words(documents), documents.num_rows)

    def _url(self, documents: pa.RecordBatch, profile: Profiles) -> Verdict:
        return _verdict(list(url.judge(documents.column("url"), self.url)), documents.num_rows)

    def _metadata(self, documents: pa.RecordBatch, profile: Profiles) -> Verdict:
        return _verdict(list(metadata.judge(documents, self.filters.metadata)), documents.num_rows)

    def _roots(self, documents: pa.RecordBatch, profile: Profiles) -> Verdict:
        """By a list of words a document is judged only if there is one of its language."""
        verdict = self._by_limits("roots", documents, profile)
        verdict = self._sparing("roots.min_language_score", self._confirmed(documents), documents, verdict)
        by_list = np.array([reason.partition(".")[2][4:] in roots.OF_LISTS for reason in verdict.reasons])[:, None]
        return Verdict(verdict.reasons, verdict.fails & ~(by_list & np.isnan(verdict.values)), verdict.values, verdict.limits)

    def _code(self, documents: pa.RecordBatch, profile: Profiles) -> Verdict:
        by_limits, extensions = self._by_limits("code", documents, profile), self.filters.code.extensions
        if not extensions:
            return by_limits
        nothing = np.full((1, documents.num_rows), np.nan)
        return Verdict(
            ("code.extensions", *by_limits.reasons),
            np.vstack([~code.has_extension(documents, extensions), by_limits.fails]),
            np.vstack([nothing, by_limits.values]),
            np.vstack([nothing, by_limits.limits]),
        )

    def _perplexity(self, documents: pa.RecordBatch, profile: Profiles) -> Verdict:
        """Documents of a language without a model are not judged, and those without cut-offs not by bucket."""
        verdict = self._by_limits("perplexity", documents, profile)
        lang, models = documents.column("lang"), self.filters.perplexity.models
        labels = [label for label in lang.unique().to_pylist() if label in models or code_of(label) in models]
        has_model = pc.is_in(lang, pa.array(labels, lang.type)).to_numpy(zero_copy_only=False)
        without_bucket = np.array(verdict.reasons)[:, None] == "perplexity.max_bucket"
        fails = verdict.fails & has_model & ~(without_bucket & np.isnan(verdict.values))
        return Verdict(verdict.reasons, fails, verdict.values, verdict.limits)


def _n_words(documents: pa.RecordBatch) -> pa.Array | None:
    return documents.column("lang_words") if "lang_words" in documents.schema.names else None


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


def _verdict(judged: list[tuple[str, Mask, npt.NDArray[np.float64], float]], n: int) -> Verdict:
    """Predicates as a verdict: (rule, which of n rows fail, their values, the limit) each."""
    fails, values, limits = (np.empty((len(judged), n), kind) for kind in (bool, float, float))
    for number, (_, failed, value, limit) in enumerate(judged):
        fails[number], values[number], limits[number] = failed, value, limit
    return Verdict(tuple(name for name, *_ in judged), fails, values, limits)


def decides(rule_set: str, key: str) -> bool:
    """Whether a setting of a rule set acts on signals alone, so that changing it leaves every measurement as it is."""
    if rule_set == "language":
        return key in ("keep", "min_score", "max_mixed_line_ratio")
    if (rule_set, key) == ("code", "extensions"):
        return True
    return not SIGNALS[rule_set] or (key.startswith(("min_", "max_")) and key[4:] in SIGNALS[rule_set])


def rules_of(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """The rule sets of each source, in order."""
    return {name: recipe.filters.rules if source.rules is None else source.rules for name, source in recipe.sources.items()}


def without_text(documents: pa.RecordBatch) -> pa.RecordBatch:
    """All other columns, so that choosing rows copies no text."""
    return documents.select([name for name in documents.schema.names if name not in ("raw_text", "text")])


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
    return entries(without_text(documents).filter(pa.array(fails)), STAGE, Outcome.DROPPED, **given)
