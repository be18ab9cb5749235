"""Ledger rows of what dedup decides about a batch of the pool. Each function returns the rows of one decision."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pyarrow as pa

from pipelines.dedup.arrays import Int64s
from pipelines.dedup.evals.decontaminate import EvalHits
from schemas.ledger import Outcome, entries

STEP: Final = "dedup"
_MERGE_COLUMNS: Final = ("reason", "value", "limit", "survivor_id")

Reasons = Mapping[str, pa.Array]
"""Columns `reason`, `value` and `limit` by the rows of a batch, as `eval_reasons` makes them; empty without evaluation sets."""


def merge_entries(batch: pa.RecordBatch, merges: pa.Table, rows: Int64s, outcome: Outcome) -> pa.RecordBatch:
    """Rows of documents that end by MERGE rows; `rows` has the row of each in the batch."""
    columns = {name: merges.column(name).combine_chunks() for name in _MERGE_COLUMNS}
    return entries(batch.take(pa.array(rows)), STEP, outcome, **columns)


def contamination_entries(batch: pa.RecordBatch, hits: EvalHits, reasons: Reasons) -> pa.RecordBatch:
    """Rows of the documents that are dropped because they hold an evaluation item."""
    rows = pa.array(np.flatnonzero(hits.dropped))
    return entries(batch.take(rows), STEP, Outcome.DROPPED, **{name: column.take(rows) for name, column in reasons.items()})


def kept_entries(documents: pa.RecordBatch, rows: Int64s, reasons: Reasons) -> pa.RecordBatch:
    """Rows of the documents that stay; `rows` has the row of each in the batch. Where an item was cut, the reason names its set."""
    taken = {name: column.take(pa.array(rows)) for name, column in reasons.items()}
    return entries(documents, STEP, Outcome.KEPT, **taken)
