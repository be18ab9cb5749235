"""Which documents of the pool take part: those that the rules keep and that hold no evaluation item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.dedup.evals.decontaminate import Found, cuts_items, decontaminate
from pipelines.dedup.evals.sets import EvalSets, load_evals
from pipelines.dedup.spans.rewrite import STAYS
from pipelines.text.utf8 import prove_utf8
from schemas.recipe import Decontaminate, Dedup

Mask = npt.NDArray[np.bool_]
Keeps = Callable[[pa.RecordBatch], Mask]
"""Which documents of a batch the rules before this room keep; the others take no part."""


def all_of(batch: pa.RecordBatch) -> Mask:
    """Keeps every document."""
    return np.ones(batch.num_rows, bool)


def stays_so_far(batch: pa.RecordBatch) -> Mask:
    """Keeps the documents of a rewritten segment that took part before and that no kind which cuts has ended."""
    stays: Mask = batch.column(STAYS).to_numpy(zero_copy_only=False).copy()
    return stays


class TakePart:
    """A pool batch -> (the documents that take part, their rows in the batch, what was found of evaluation sets).

    A function of each document alone: it is asked wherever the pool is read, and gives the same every time. `ignored` are files
    of n-grams that are no evidence, as `FindCommonGrams` writes them.
    """

    def __init__(self, keeps: Keeps = all_of, config: Decontaminate | None = None, ignored: tuple[Path, ...] = ()) -> None:
        self.keeps, self.ignored = keeps, ignored
        self.config = config if config is not None and config.paths else None

    @property
    def evals(self) -> EvalSets:
        """The evaluation sets, read once per process."""
        return load_evals(self.config or Decontaminate(), self.ignored)

    def __call__(
        self, batch: pa.RecordBatch, columns: Sequence[str] | None = None
    ) -> tuple[pa.RecordBatch, npt.NDArray[np.int64], Found | None]:
        """`Found` is None where the recipe names no evaluation sets; its rows are those of the batch."""
        rows = np.flatnonzero(self.keeps(batch))
        documents = (batch if columns is None else batch.select(list(columns))).take(pa.array(rows))
        if self.config is None:
            return documents, rows, None
        cleaned = decontaminate(documents.column("text"), self.evals, self.config)
        documents = _with_text(documents, cleaned.text).filter(pa.array(cleaned.stays))
        found = Found.of(cleaned, rows, batch.num_rows, self.config)
        return documents, rows[cleaned.stays], found

    def in_place(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Mask]:
        """(the batch with all of its rows, those that take part with their texts as they leave the pool; which take part)."""
        stays = self.keeps(batch).copy()
        if self.config is None:
            return batch, stays
        rows = np.flatnonzero(stays)
        text = batch.column("text")
        cleaned = decontaminate(text.take(pa.array(rows)), self.evals, self.config)
        stays[rows] = cleaned.stays
        if not cuts_items(self.config):
            return batch, stays
        places = np.arange(len(text))
        places[rows] = len(text) + np.arange(len(rows))
        return _with_text(batch, pa.concat_arrays([text, cleaned.text]).take(pa.array(places))), stays

    def text(self, text: pa.Array) -> pa.Array:
        """Texts of documents that take part, as they leave this room."""
        if self.config is None or not cuts_items(self.config):
            return text
        return decontaminate(text, self.evals, self.config).text

    def left_by(self, dedup: Dedup) -> TakePart:
        """How the segments that `Deduplicate` hands on are read: where kinds cut, what they wrote is final."""
        return TakePart(stays_so_far) if dedup.cut_kinds else self


def _with_text(batch: pa.RecordBatch, text: pa.Array) -> pa.RecordBatch:
    where = batch.schema.get_field_index("text")
    return prove_utf8(batch.set_column(where, batch.schema.field(where), text), "decontaminate")
