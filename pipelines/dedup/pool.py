"""Which documents of the pool take part: those that the rules keep and that hold no evaluation item."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.dedup.decontaminate import EvalSets, Found, decontaminate, load_evals
from schemas.recipe import Decontaminate

Keeps = Callable[[pa.RecordBatch], npt.NDArray[np.bool_]]
"""Which documents of a batch the rules before this room keep; the others take no part."""


def all_of(batch: pa.RecordBatch) -> npt.NDArray[np.bool_]:
    """Keeps every document."""
    return np.ones(batch.num_rows, bool)


class TakePart:
    """A pool batch -> (the documents that take part, their rows in the batch, what was found of evaluation sets).

    A function of each document alone: it is asked wherever the pool is read, and gives the same every time.
    """

    def __init__(self, keeps: Keeps = all_of, config: Decontaminate | None = None) -> None:
        self.keeps = keeps
        self.config = config if config is not None and config.paths else None

    @property
    def evals(self) -> EvalSets:
        """The evaluation sets, read once per process."""
        return load_evals(self.config or Decontaminate())

    def __call__(
        self, batch: pa.RecordBatch, columns: Sequence[str] | None = None
    ) -> tuple[pa.RecordBatch, npt.NDArray[np.int64], Found | None]:
        """`Found` is None where the recipe names no evaluation sets; its rows are those of the batch."""
        rows = np.flatnonzero(self.keeps(batch))
        documents = (batch if columns is None else batch.select(list(columns))).take(pa.array(rows))
        if self.config is None:
            return documents, rows, None
        cleaned = decontaminate(documents.column("text"), self.evals, self.config)
        where = documents.schema.get_field_index("text")
        documents = documents.set_column(where, documents.schema.field(where), cleaned.text).filter(pa.array(cleaned.stays))
        found = Found.of(cleaned, rows, batch.num_rows, self.config)
        return documents, rows[cleaned.stays], found

    def text(self, text: pa.Array) -> pa.Array:
        """Texts of documents that take part, as they leave this room."""
        if self.config is None or self.config.outcome == "drop":
            return text
        return decontaminate(text, self.evals, self.config).text
