"""The rule sets of a recipe as one kernel: documents in, those that pass with their signals out, and ledger rows of the rest.

Each source has its rule sets, in order. A set is measured on the rows that the sets before it left, and a row goes by the
first limit that it fails; signals of a set that a row never met are null. C4 cuts lines out of `raw_text`: what it
leaves is what the sets behind it see and what goes on.
A language is told for rows that meet `language` or a set whose limits depend on it, on the text as it is then, even where
no rule decides on it; rows that meet neither have none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.filters import c4, classifier, code, fineweb, gopher_quality, gopher_repetition, metadata, ngram_score, refinedweb, roots
from pipelines.filters.language import identify
from pipelines.filters.limits import Floats, Languages, Limits, Verdict, decide
from pipelines.filters.profiles import code_of
from pipelines.filters.url import UrlRules, has_blocked_word, in_blocked_domain
from pipelines.text.words import Words, split_on_space, split_words
from schemas.hops import DOCUMENT, LEDGER, conform
from schemas.ledger import Outcome, entries
from schemas.recipe import RULE_SETS, Filters, Recipe

STAGE: Final = "filters"
LANGUAGE_FIELDS: Final = (pa.field("lang", pa.large_string()), pa.field("lang_score", pa.float64()))
SIGNALS: Final = {
    "length": ("chars",),
    "language": (),  # its score is lang_score
    "url": (),
    "gopher_repetition": gopher_repetition.SIGNALS,
    "gopher_quality": gopher_quality.SIGNALS,
    "c4": c4.SIGNALS,
    "fineweb": fineweb.SIGNALS,
    "refinedweb": refinedweb.SIGNALS,
    "roots": roots.SIGNALS,
    "code": code.SIGNALS,
    "metadata": (),
    "quality": classifier.SIGNALS,
    "perplexity": ngram_score.SIGNALS,
}
"""What every rule set measures."""

_OF_NO_LANGUAGE: Final = ("length", "url", "code", "metadata", "quality")

Rows = npt.NDArray[np.int64]


class FilterChain:
    """DOCUMENT batch -> (kept rows with signals, LEDGER rows of the dropped ones), both in the order of the input."""

    def __init__(self, filters: Filters, rules: dict[str, tuple[str, ...]], seed: int) -> None:
        """`rules` are the rule sets of each source."""
        self.filters, self.rules, self.seed = filters, rules, seed
        self.languages = Languages.of(filters)
        self.url = UrlRules.of(filters.url)
        self.schema = pa.schema([*DOCUMENT, *self.fields()])

    @classmethod
    def of(cls, recipe: Recipe) -> Self:
        """The chain of a recipe. It reads the list of blocked domains; models are loaded when a batch needs them."""
        rules = {name: recipe.filters.rules if source.rules is None else source.rules for name, source in recipe.sources.items()}
        return cls(recipe.filters, rules, recipe.seed)

    def fields(self) -> list[pa.Field]:
        """What is appended to DOCUMENT: lang, lang_score, and `rule_set.signal` for each set that a source uses."""
        used = {name for rules in self.rules.values() for name in rules}
        signals = [f"{name}.{signal}" for name in RULE_SETS if name in used for signal in SIGNALS[name]]
        return [*LANGUAGE_FIELDS, *(pa.field(name, pa.float64()) for name in signals)]

    def __call__(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """Judge every row by the rules of its source."""
        source = batch.column("source").dictionary_encode()
        of_source = source.indices.to_numpy(zero_copy_only=False)
        judged = []
        for number, name in enumerate(source.dictionary.to_pylist()):
            rows = np.flatnonzero(of_source == number)
            part = batch if len(rows) == batch.num_rows else batch.take(pa.array(rows))
            judged.append(self._judge(Alive(part, rows), self.rules[name]))
        kept = [(conform(self._completed(alive.documents), self.schema), alive.rows) for alive in judged]
        return _in_order(kept, self.schema), _in_order([piece for alive in judged for piece in alive.ended], LEDGER)

    def _completed(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        for field in self.schema:
            if field.name not in documents.schema.names:
                documents = documents.append_column(field, pa.nulls(documents.num_rows, field.type))
        return documents

    def _judge(self, alive: Alive, rules: tuple[str, ...]) -> Alive:
        for name in rules:
            alive.drop(self.verdict(name, alive))
        return alive

    def verdict(self, rule_set: str, alive: Alive) -> Verdict:
        """Measure what is alive, set the signals of the rule set as columns, and say which rows fail."""
        if self._needs_language(rule_set) and not alive.identified:
            alive.set_language(*identify(alive.text, self.filters.language), self.languages)
        measure: Callable[[Alive, Limits], Verdict] = getattr(self, f"_{rule_set}")
        return measure(alive, self.languages.limits[rule_set])

    def _needs_language(self, rule_set: str) -> bool:
        return rule_set not in _OF_NO_LANGUAGE or any(rule_set in sets for sets in self.filters.profiles.values())

    # --- One method per rule set: measure what is alive, set its signals, decide -----------------------------------------

    def _length(self, alive: Alive, limits: Limits) -> Verdict:
        return self._decide("length", alive, limits, pc.utf8_length(alive.text).to_numpy(zero_copy_only=False).astype(np.float64)[None])

    def _language(self, alive: Alive, limits: Limits) -> Verdict:
        lang, score = alive.documents.column("lang"), alive.documents.column("lang_score").to_numpy()
        by_score = decide("language", limits, {"score": score}, alive.profile)
        labels = [
            label
            for label in lang.unique().to_pylist()
            if label in self.filters.language.keep or code_of(label) in self.filters.language.keep
        ]
        unwanted = ~pc.is_in(lang, pa.array(labels, lang.type)).to_numpy(zero_copy_only=False) & bool(self.filters.language.keep)
        reasons = ("language.keep", *by_score.reasons)
        failed = np.where(unwanted, 0, np.where(by_score.failed < 0, -1, by_score.failed + 1))
        return Verdict(reasons, failed, by_score.value, np.where(unwanted, np.nan, by_score.limit))

    def _url(self, alive: Alive, limits: Limits) -> Verdict:
        url, failed = alive.documents.column("url"), np.full(len(alive.rows), -1)
        if self.url.words is not None:
            failed[has_blocked_word(url, self.url.words)] = 1
        if self.url.domains is not None:
            failed[in_blocked_domain(url, self.url.domains)] = 0
        nothing = np.full(len(failed), np.nan)
        return Verdict(("url.block_domains", "url.block_words"), failed, nothing, nothing)

    def _metadata(self, alive: Alive, limits: Limits) -> Verdict:
        judged = list(metadata.judge(alive.documents, self.filters.metadata))
        failed = np.full(len(alive.rows), -1)
        value, limit = np.full((2, len(failed)), np.nan)
        for number in range(len(judged) - 1, -1, -1):  # so that the first one that fails is what stays written
            _, fails, values, bound = judged[number]
            failed[fails], value[fails], limit[fails] = number, values[fails], bound
        return Verdict(tuple(name for name, *_ in judged), failed, value, limit)

    def _gopher_repetition(self, alive: Alive, limits: Limits) -> Verdict:
        return self._decide("gopher_repetition", alive, limits, gopher_repetition.measure(alive.text, alive.words))

    def _gopher_quality(self, alive: Alive, limits: Limits) -> Verdict:
        paper = self.filters.gopher_quality.variant == "paper"
        words = split_on_space(alive.text) if paper else alive.words
        signals = gopher_quality.measure(alive.text, words, alive.profile, self.languages.tables, count_punctuation=paper)
        return self._decide("gopher_quality", alive, limits, signals)

    def _c4(self, alive: Alive, limits: Limits) -> Verdict:
        words, tables = split_on_space(alive.text), self.languages.tables
        min_words, max_chars = (limits.of(name, alive.profile) for name in ("min_line_words", "max_word_chars"))
        text, signals = c4.clean(alive.text, words, self.filters.c4, min_words, max_chars, alive.profile, tables)
        alive.set_text(text)
        return self._decide("c4", alive, limits, signals)

    def _fineweb(self, alive: Alive, limits: Limits) -> Verdict:
        short = self.filters.fineweb.short_line_chars
        signals = fineweb.measure(alive.text, alive.words.counts, short, alive.profile, self.languages.tables)
        return self._decide("fineweb", alive, limits, signals)

    def _refinedweb(self, alive: Alive, limits: Limits) -> Verdict:
        min_words, max_upper = (limits.of(name, alive.profile) for name in ("min_line_words", "max_line_upper_ratio"))
        text, signals = refinedweb.clean(alive.text, self.filters.refinedweb, min_words, max_upper)
        alive.set_text(text)
        return self._decide("refinedweb", alive, limits, signals)

    def _roots(self, alive: Alive, limits: Limits) -> Verdict:
        char_ngram = self.languages.tables.char_ngram[alive.profile]
        signals = roots.measure(alive.text, split_on_space(alive.text), char_ngram, self.filters.roots.word_ngram)
        return self._decide("roots", alive, limits, signals)

    def _code(self, alive: Alive, limits: Limits) -> Verdict:
        return self._decide("code", alive, limits, code.measure(alive.text, alive.documents.column("meta")))

    def _quality(self, alive: Alive, limits: Limits) -> Verdict:
        doc_id = alive.documents.column("doc_id")
        return self._decide("quality", alive, limits, classifier.measure(alive.text, doc_id, self.filters.quality, self.seed))

    def _perplexity(self, alive: Alive, limits: Limits) -> Verdict:
        measured, judged = ngram_score.measure(alive.text, alive.documents.column("lang"), self.filters.perplexity)
        verdict = self._decide("perplexity", alive, limits, measured)
        no_bucket = np.isnan(measured[1]) & (np.array(verdict.reasons)[verdict.failed] == "perplexity.max_bucket")
        return dataclasses.replace(verdict, failed=np.where(judged & ~no_bucket, verdict.failed, -1))

    def _decide(self, rule_set: str, alive: Alive, limits: Limits, measured: Floats) -> Verdict:
        """`measured` is float64[signal, n] in the order of SIGNALS."""
        signals = dict(zip(SIGNALS[rule_set], measured, strict=True))
        for name, values in signals.items():
            alive.set(f"{rule_set}.{name}", pa.array(values, from_pandas=True))
        return decide(rule_set, limits, signals, alive.profile)


class Alive:
    """The rows of one source that no rule has dropped yet, and the ledger rows of those that one has."""

    def __init__(self, documents: pa.RecordBatch, rows: Rows) -> None:
        """`rows` are their places in the whole batch."""
        self.documents, self.rows = documents, rows
        self.profile = np.zeros(len(rows), np.int32)
        self.identified = False
        self.ended: list[tuple[pa.RecordBatch, Rows]] = []
        self._words: Words | None = None

    @property
    def text(self) -> pa.Array:
        """What the rule sets so far have made of raw_text."""
        return self.documents.column("raw_text")

    @property
    def words(self) -> Words:
        """`split_words` of the text, split once for the sets in a row that share it."""
        if self._words is None:
            self._words = split_words(self.text)
        return self._words

    def set(self, name: str, column: pa.Array) -> None:
        """Set or replace a column."""
        at = self.documents.schema.get_field_index(name)
        field = pa.field(name, column.type)
        self.documents = self.documents.append_column(field, column) if at < 0 else self.documents.set_column(at, field, column)

    def set_text(self, text: pa.Array) -> None:
        """Put another text in the place of raw_text."""
        self.set("raw_text", text)
        self._words = None

    def set_language(self, lang: pa.Array, score: pa.Array, languages: Languages) -> None:
        """Note every row's language."""
        self.set("lang", lang)
        self.set("lang_score", score)
        self.profile = languages.profile(lang)
        self.identified = True

    def drop(self, verdict: Verdict) -> None:
        """Write the rows that fail into the ledger and go on with the others."""
        fails = verdict.failed >= 0
        if not fails.any():
            return
        reason = pa.array(verdict.reasons, pa.large_string()).take(pa.array(verdict.failed[fails]))
        value, limit = (pa.array(column[fails], from_pandas=True) for column in (verdict.value, verdict.limit))
        documents = self.documents.drop_columns(["raw_text"]).filter(pa.array(fails))
        self.ended.append((entries(documents, STAGE, Outcome.DROPPED, reason=reason, value=value, limit=limit), self.rows[fails]))
        stays = ~fails
        self.documents = self.documents.filter(pa.array(stays))
        self.rows, self.profile = self.rows[stays], self.profile[stays]
        if self._words is not None:
            self._words = self._words.take(stays)


def _in_order(pieces: list[tuple[pa.RecordBatch, Rows]], schema: pa.Schema) -> pa.RecordBatch:
    """The batches as one, their rows sorted by place."""
    if not pieces:
        return pa.RecordBatch.from_pylist([], schema)
    if len(pieces) == 1:
        return pieces[0][0]
    table = pa.concat_batches([batch for batch, _ in pieces])
    return table.take(pa.array(np.argsort(np.concatenate([rows for _, rows in pieces]))))
