"""The documents of one source on their way through the rule sets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.filters.clean.steps import run_steps
from pipelines.filters.limits import Languages
from pipelines.filters.verdict import Verdict, dropped_rows
from pipelines.text.segment import join_chinese
from pipelines.text.words import Words, split_words
from schemas.hops import MAX_BATCH_BYTES

Rows = npt.NDArray[np.int64]
"""Row numbers in a batch."""


class PendingRows:
    """The rows of one source that no rule has dropped yet, and the ledger rows of those that one has."""

    def __init__(self, documents: pa.RecordBatch, rows: Rows) -> None:
        """`rows` are their numbers in the whole batch."""
        self.documents, self.rows = documents, rows
        self.profile = np.zeros(len(rows), np.int32)
        self.by_jieba = np.zeros(len(rows), np.bool_)
        self.identified = False
        self.removed: list[tuple[pa.RecordBatch, Rows]] = []
        self._words: Words | None = None

    @property
    def text(self) -> pa.Array:
        """What the rule sets so far have made of raw_text."""
        return self.column("raw_text")

    @property
    def words(self) -> Words:
        """`split_words` of the text, without places. Consecutive sets share them; those of a huge text are not kept in memory."""
        words = self._words
        if words is None:
            by_jieba = bool(self.by_jieba.any())
            words = split_words(self.text, places=by_jieba)
            words = join_chinese(words, self.text, self.by_jieba) if by_jieba else words
            self._words = words if self.text.nbytes <= MAX_BATCH_BYTES else None
        return words

    def column(self, name: str) -> pa.Array:
        """One column of the documents."""
        return self.documents.column(name)

    def clean(self, steps: tuple[str, ...]) -> None:
        """Clean the text, and record how many characters each step took out."""
        if steps:
            text, counts = run_steps(self.text, steps)
            self.set_text(text)
            for name, taken in zip(steps, counts, strict=True):
                self.set(f"clean.{name}", pa.array(taken))

    def set(self, name: str, column: pa.Array) -> None:
        """Set or replace a column."""
        at = self.documents.schema.get_field_index(name)
        field = pa.field(name, column.type)
        self.documents = self.documents.append_column(field, column) if at < 0 else self.documents.set_column(at, field, column)

    def set_text(self, text: pa.Array) -> None:
        """Replace raw_text."""
        self.set("raw_text", text)
        self._words = None

    def set_language(self, lang: pa.Array, score: pa.Array, n_words: pa.Array, languages: Languages) -> None:
        """Record every row's language, by the columns of `identify.LANGUAGE_FIELDS`."""
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
        self.removed.append((dropped_rows(self.documents, fails, verdict.reasons, failed, value, limit), self.rows[fails]))
        stays = ~fails
        self.documents = self.documents.filter(pa.array(stays))
        self.rows, self.profile, self.by_jieba = self.rows[stays], self.profile[stays], self.by_jieba[stays]
        if self._words is not None:
            self._words = self._words.take(stays)
