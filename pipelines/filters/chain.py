"""The rule sets of a recipe as one kernel: documents in, the same with their signals out; `decide` says which of them stay.

A source's cleaning steps come first: what they leave is what every rule set sees; what they took out is a column each.
Each source has its rule sets, in order; signals of sets that a source does not have are null. C4 and RefinedWeb cut lines out of
`raw_text`: what they leave is what the sets behind them see and what goes on.
A language is told for rows that meet `language` or a set whose limits depend on it, on the text as it is then, even where
no rule decides on it; rows that meet neither have none.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.filters import (
    c4,
    classifier,
    code,
    fineweb,
    function_words,
    gopher_dolma,
    gopher_nemo,
    gopher_quality,
    gopher_repetition,
    integrity,
    ngram_score,
    refinedweb,
    roots,
    safety,
    sections,
    word_lists,
)
from pipelines.filters.clean.steps import clean, cleaning_steps
from pipelines.filters.decide import Decider, drop, rules_of
from pipelines.filters.identify import identify, identify_samples, sample_text
from pipelines.filters.language_lines import mixed_lines
from pipelines.filters.limits import Floats, Languages, Limits, Verdict
from pipelines.filters.signals import LANGUAGE_FIELDS, SIGNALS
from pipelines.text.segment import join_chinese
from pipelines.text.words import Words, split_on_space, split_words
from schemas.hops import DOCUMENT, LEDGER, MAX_BATCH_BYTES, conform
from schemas.recipe import CLEANING_STEPS, RULE_SETS, Filters, Language, Recipe

_OF_NO_LANGUAGE: Final = ("length", "url", "code", "metadata", "sections", "quality", "integrity")

Rows = npt.NDArray[np.int64]


class FilterChain:
    """DOCUMENT batch -> its rows with signals: all of them by `measure`, or by calling it those that no rule drops."""

    def __init__(
        self, filters: Filters, rules: dict[str, tuple[str, ...]], seed: int, steps: dict[str, tuple[str, ...]] | None = None
    ) -> None:
        """`rules` and `steps` are the rule sets and cleaning steps of each source."""
        self.filters, self.rules, self.seed, self.steps = filters, rules, seed, steps or {}
        self.decider = Decider(filters, rules)
        self.languages = self.decider.languages
        self.schema = pa.schema([*DOCUMENT, *self.fields()])

    @classmethod
    def of(cls, recipe: Recipe) -> Self:
        """The chain of a recipe. It reads the list of blocked domains; models are loaded when a batch needs them."""
        return cls(recipe.filters, rules_of(recipe), recipe.seed, cleaning_steps(recipe))

    def fields(self) -> list[pa.Field]:
        """What is appended to DOCUMENT: LANGUAGE_FIELDS, `clean.step` and `rule_set.signal` for each step and set that a source has."""
        taken = {name for steps in self.steps.values() for name in steps}
        used = {name for rules in self.rules.values() for name in rules}
        signals = [f"{name}.{signal}" for name in RULE_SETS if name in used for signal in SIGNALS[name]]
        cleaning = [f"clean.{name}" for name in CLEANING_STEPS if name in taken]
        return [*LANGUAGE_FIELDS, *(pa.field(name, pa.float64()) for name in (*cleaning, *signals))]

    def measure(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Every row with every signal of its source's rule sets, whatever they say about it."""
        measured = []
        for alive, rules in self._by_source(batch):
            for rule_set in rules:
                self.measure_set(rule_set, alive)
            measured.append((self._completed(alive.documents), alive.rows))
        return _in_order(measured, self.schema)

    def __call__(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """(rows that stay, LEDGER rows of the others), each in the order of the input; no row is measured further than to its end."""
        kept, ended = [], []
        for alive, rules in self._by_source(batch):
            for rule_set in rules:
                alive.drop(self.verdict(rule_set, alive))
            kept.append((self._completed(alive.documents), alive.rows))
            ended += alive.ended
        return _in_order(kept, self.schema), _in_order(ended, LEDGER)

    def _by_source(self, batch: pa.RecordBatch) -> Iterator[tuple[Alive, tuple[str, ...]]]:
        source = batch.column("source").dictionary_encode()
        of_source = source.indices.to_numpy(zero_copy_only=False)
        for number, name in enumerate(source.dictionary.to_pylist()):
            rows = np.flatnonzero(of_source == number)
            alive = Alive(batch if len(rows) == batch.num_rows else batch.take(pa.array(rows)), rows)
            alive.clean(self.steps.get(name, ()))
            yield alive, self.rules[name]

    def _completed(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        for field in self.schema:
            if field.name not in documents.schema.names:
                documents = documents.append_column(field, pa.nulls(documents.num_rows, field.type))
        return conform(documents, self.schema)

    def verdict(self, rule_set: str, alive: Alive) -> Verdict:
        """Measure what is alive, and say which rows fail."""
        self.measure_set(rule_set, alive)
        return self.decider.verdict(rule_set, alive.documents, alive.profile)

    def measure_set(self, rule_set: str, alive: Alive) -> None:
        """Set the signals of a rule set as columns; for one that cuts text, the text, too."""
        if self.needs_language(rule_set) and not alive.identified:
            alive.set_language(*_told(alive.text, self.filters.language), self.languages)
        if SIGNALS[rule_set]:
            measure: Callable[[Alive, Limits], Floats] = getattr(self, f"_{rule_set}")
            for name, values in zip(SIGNALS[rule_set], measure(alive, self.languages.limits[rule_set]), strict=True):
                alive.set(f"{rule_set}.{name}", pa.array(values, from_pandas=True))

    def needs_language(self, rule_set: str) -> bool:
        """Whether the documents' language must be known before the rule set measures."""
        return rule_set not in _OF_NO_LANGUAGE or any(rule_set in sets for sets in self.filters.profiles.values())

    # --- One method per rule set: SIGNALS of what is alive, float64[signal, n] ------------------------------------------------

    def _length(self, alive: Alive, limits: Limits) -> Floats:
        return pc.utf8_length(alive.text).to_numpy(zero_copy_only=False).astype(np.float64)[None]

    def _language(self, alive: Alive, limits: Limits) -> Floats:
        config = self.filters.language
        if config.lines == "keep":
            return np.full((1, len(alive.rows)), np.nan)
        text, ratio = mixed_lines(alive.text, alive.documents.column("lang"), config)
        if config.lines == "cut":
            alive.set_text(text)
        return ratio[None]

    def _gopher_repetition(self, alive: Alive, limits: Limits) -> Floats:
        variant = self.filters.gopher_repetition.variant
        if variant == "datatrove":
            return gopher_repetition.measure(alive.text, alive.words)
        measure = gopher_dolma.repetition if variant == "dolma" else gopher_nemo.repetition
        return measure(alive.text, split_on_space(alive.text, places=variant == "nemo"))

    def _gopher_quality(self, alive: Alive, limits: Limits) -> Floats:
        variant, tables = self.filters.gopher_quality.variant, self.languages.tables
        words = alive.words if variant == "datatrove" else split_on_space(alive.text)
        if variant in ("dolma", "nemo"):
            measure = gopher_dolma.quality if variant == "dolma" else gopher_nemo.quality
            return measure(alive.text, words, alive.profile, tables)
        return gopher_quality.measure(alive.text, words, alive.profile, tables, count_punctuation=variant == "paper")

    def _c4(self, alive: Alive, limits: Limits) -> Floats:
        words, tables = split_on_space(alive.text, hashes=False), self.languages.tables
        min_words, max_chars = (limits.of(name, alive.profile) for name in ("min_line_words", "max_word_chars"))
        text, signals = c4.clean(alive.text, words, self.filters.c4, min_words, max_chars, alive.profile, tables)
        alive.set_text(text)
        return signals

    def _fineweb(self, alive: Alive, limits: Limits) -> Floats:
        short = self.filters.fineweb.short_line_chars
        return fineweb.measure(alive.text, alive.words.counts, short, alive.profile, self.languages.tables)

    def _refinedweb(self, alive: Alive, limits: Limits) -> Floats:
        min_words, max_upper = (limits.of(name, alive.profile) for name in ("min_line_words", "max_line_upper_ratio"))
        text, signals = refinedweb.clean(alive.text, self.filters.refinedweb, min_words, max_upper)
        alive.set_text(text)
        return signals

    def _roots(self, alive: Alive, limits: Limits) -> Floats:
        config, lang = self.filters.roots, alive.documents.column("lang")
        char_ngram = self.languages.tables.char_ngram[alive.profile]
        measured = roots.measure(alive.text, split_on_space(alive.text, places=False), char_ngram, config.word_ngram)
        stop_words = word_lists.listed_word_shares(alive.text, lang, config.stop_words, "filters.roots.stop_words")
        flagged_words = word_lists.listed_word_shares(alive.text, lang, config.flagged_words, "filters.roots.flagged_words")
        score = alive.documents.column("lang_score").to_numpy(zero_copy_only=False)
        return np.vstack([measured, stop_words, flagged_words, score])

    def _code(self, alive: Alive, limits: Limits) -> Floats:
        return code.measure(alive.text, alive.documents.column("meta"))

    def _sections(self, alive: Alive, limits: Limits) -> Floats:
        return sections.measure(alive.text, alive.documents.column("meta"), self.filters.sections)

    def _quality(self, alive: Alive, limits: Limits) -> Floats:
        doc_id = alive.documents.column("doc_id")
        return classifier.measure(alive.text, doc_id, self.filters.quality, self.seed)

    def _perplexity(self, alive: Alive, limits: Limits) -> Floats:
        return ngram_score.measure(alive.text, alive.documents.column("lang"), self.filters.perplexity)

    def _safety(self, alive: Alive, limits: Limits) -> Floats:
        return safety.measure(alive.text, alive.documents.column("lang"), self.filters.safety)

    def _integrity(self, alive: Alive, limits: Limits) -> Floats:
        return integrity.measure(alive.text)


class Alive:
    """The rows of one source that no rule has dropped yet, and the ledger rows of those that one has."""

    def __init__(self, documents: pa.RecordBatch, rows: Rows) -> None:
        """`rows` are their places in the whole batch."""
        self.documents, self.rows = documents, rows
        self.profile = np.zeros(len(rows), np.int32)
        self.by_jieba = np.zeros(len(rows), np.bool_)
        self.identified = False
        self.ended: list[tuple[pa.RecordBatch, Rows]] = []
        self._words: Words | None = None

    @property
    def text(self) -> pa.Array:
        """What the rule sets so far have made of raw_text."""
        return self.documents.column("raw_text")

    @property
    def words(self) -> Words:
        """`split_words` of the text without places, split once for the sets in a row that share it; those of a huge text are not held."""
        words = self._words
        if words is None:
            by_jieba = bool(self.by_jieba.any())
            words = split_words(self.text, places=by_jieba)
            words = join_chinese(words, self.text, self.by_jieba) if by_jieba else words
            self._words = words if self.text.nbytes <= MAX_BATCH_BYTES else None
        return words

    def clean(self, steps: tuple[str, ...]) -> None:
        """Mend the text, and note how many characters each step took out."""
        if steps:
            text, counts = clean(self.text, steps)
            self.set_text(text)
            for name, taken in zip(steps, counts, strict=True):
                self.set(f"clean.{name}", pa.array(taken))

    def set(self, name: str, column: pa.Array) -> None:
        """Set or replace a column."""
        at = self.documents.schema.get_field_index(name)
        field = pa.field(name, column.type)
        self.documents = self.documents.append_column(field, column) if at < 0 else self.documents.set_column(at, field, column)

    def set_text(self, text: pa.Array) -> None:
        """Put another text in the place of raw_text."""
        self.set("raw_text", text)
        self._words = None

    def set_language(self, lang: pa.Array, score: pa.Array, n_words: pa.Array, languages: Languages) -> None:
        """Note every row's language."""
        self.set("lang", lang)
        self.set("lang_score", score)
        self.set("lang_words", n_words)
        self.profile = languages.profile(lang, score.to_numpy(), n_words)
        self.by_jieba = languages.by_jieba[self.profile]
        self.identified = True

    def drop(self, verdict: Verdict) -> None:
        """Write the rows that fail into the ledger and go on with the others."""
        failed = verdict.failed
        fails = failed >= 0
        if not fails.any():
            return
        value, limit = verdict.values[failed, np.arange(len(failed))], verdict.limits[failed, np.arange(len(failed))]
        self.ended.append((drop(self.documents, fails, verdict.reasons, failed, value, limit), self.rows[fails]))
        stays = ~fails
        self.documents = self.documents.filter(pa.array(stays))
        self.rows, self.profile, self.by_jieba = self.rows[stays], self.profile[stays], self.by_jieba[stays]
        if self._words is not None:
            self._words = self._words.take(stays)


def _told(text: pa.Array, config: Language) -> tuple[pa.Array, pa.Array, pa.Array]:
    """LANGUAGE_FIELDS of every row."""
    if config.assume is not None:
        return *identify(text, config), pa.nulls(len(text), pa.float64())
    samples = sample_text(text)
    lang, score = identify_samples(samples, config)
    return lang, score, function_words.count_function_words(samples, lang, score)


def _in_order(pieces: list[tuple[pa.RecordBatch, Rows]], schema: pa.Schema) -> pa.RecordBatch:
    """The batches as one, their rows sorted by place."""
    if not pieces:
        return pa.RecordBatch.from_pylist([], schema)
    if len(pieces) == 1:
        return pieces[0][0]
    table = pa.concat_batches([batch for batch, _ in pieces])
    return table.take(pa.array(np.argsort(np.concatenate([rows for _, rows in pieces]))))
