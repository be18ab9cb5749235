"""Which documents of the pool are eligible for dedup: those that the rules keep and that hold no evaluation item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pipelines.dedup.arrays import Int64s, Mask
from pipelines.dedup.evals.decontaminate import EvalHits, cuts_items, decontaminate
from pipelines.dedup.evals.sets import EvalSets, load_evals
from pipelines.dedup.spans.rewrite import ELIGIBLE
from pipelines.text.utf8 import prove_utf8
from schemas.recipe import Decontaminate, Dedup

RowFilter = Callable[[pa.RecordBatch], Mask]
"""A pool batch -> bool[n]: which of its documents earlier steps keep. The others are not eligible."""


def keep_all(batch: pa.RecordBatch) -> Mask:
    """Keep every document."""
    return np.ones(batch.num_rows, bool)


def keep_eligible(batch: pa.RecordBatch) -> Mask:
    """Keep the documents of a rewritten segment that were eligible before and that no kind that cuts has removed."""
    eligible: Mask = batch.column(ELIGIBLE).to_numpy(zero_copy_only=False).copy()
    return eligible


class EligibleRows(NamedTuple):
    """The eligible documents of a batch."""

    documents: pa.RecordBatch
    rows: Int64s
    """int64[documents]: their rows in the batch, ascending."""
    hits: EvalHits | None
    """By the rows of the batch; None if the recipe names no evaluation sets."""


class Eligibility:
    """A pool batch -> its eligible documents.

    A pure function of each document, called wherever the pool is read. `ignored` are files of n-grams that are no evidence of an item,
    as `FindCommonGrams` writes them.
    """

    def __init__(self, row_filter: RowFilter = keep_all, config: Decontaminate | None = None, ignored: tuple[Path, ...] = ()) -> None:
        self.row_filter, self.ignored = row_filter, ignored
        self.config = config if config is not None and config.paths else None

    @property
    def evals(self) -> EvalSets:
        """The evaluation sets, read once per process."""
        return load_evals(self.config or Decontaminate(), self.ignored)

    def __call__(self, batch: pa.RecordBatch, columns: Sequence[str] | None = None) -> EligibleRows:
        """The eligible documents, with all columns or some of them; their texts are without evaluation items."""
        rows = np.flatnonzero(self.row_filter(batch))
        documents = (batch if columns is None else batch.select(list(columns))).take(pa.array(rows))
        if self.config is None:
            return EligibleRows(documents, rows, None)
        cleaned = decontaminate(documents.column("text"), self.evals, self.config)
        documents = _with_text(documents, cleaned.text).filter(pa.array(cleaned.stays))
        return EligibleRows(documents, rows[cleaned.stays], EvalHits.of(cleaned, rows, batch.num_rows, self.config))

    def with_mask(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, Mask]:
        """(all rows of the batch, the eligible ones without evaluation items; bool[n]: which rows are eligible)."""
        eligible = self.row_filter(batch).copy()
        if self.config is None:
            return batch, eligible
        rows = np.flatnonzero(eligible)
        text = batch.column("text")
        cleaned = decontaminate(text.take(pa.array(rows)), self.evals, self.config)
        eligible[rows] = cleaned.stays
        if not cuts_items(self.config):
            return batch, eligible
        source_rows = np.arange(len(text))
        source_rows[rows] = len(text) + np.arange(len(rows))
        return _with_text(batch, pa.concat_arrays([text, cleaned.text]).take(pa.array(source_rows))), eligible

    def clean_text(self, text: pa.Array) -> pa.Array:
        """The texts of eligible documents without evaluation items."""
        if self.config is None or not cuts_items(self.config):
            return text
        return decontaminate(text, self.evals, self.config).text

    def after_cuts(self, dedup: Dedup) -> Eligibility:
        """The eligibility of the segments that `Deduplicate` returns: where kinds cut, the rewritten texts and marks are final."""
        return Eligibility(keep_eligible) if dedup.cut_kinds else self


def _with_text(batch: pa.RecordBatch, text: pa.Array) -> pa.RecordBatch:
    index = batch.schema.get_field_index("text")
    return prove_utf8(batch.set_column(index, batch.schema.field(index), text), "decontaminate")
