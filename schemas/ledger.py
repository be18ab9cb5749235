"""The ledger: what became of every input record, and the sums that must hold.

Rows are made by `entries`, written by the runtime's sink as Parquet under DIR/ledger, and checked by `check_stage`
after every stage and by `check_run` at the end of the run.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa

from schemas.errors import ConservationError
from schemas.hops import ADDRESS, LEDGER


class Outcome(StrEnum):
    """How a record ends."""

    KEPT = "kept"
    DROPPED = "dropped"  # by a rule: reason, value and limit say which
    MERGED = "merged"  # into survivor_id, of which it is a copy
    FAILED = "failed"  # unreadable: reason says how


ADDRESS_NAMES: Final = tuple(field.name for field in ADDRESS)


def entries(
    batch: pa.RecordBatch,
    stage: str,
    outcome: Outcome,
    *,
    reason: pa.Array | str | None = None,
    value: pa.Array | None = None,
    limit: pa.Array | None = None,
    survivor_id: pa.Array | None = None,
) -> pa.RecordBatch:
    """Ledger rows for the rows of `batch`, which has the address columns, doc_id, source and perhaps lang."""
    n = batch.num_rows
    given = {
        "stage": pa.repeat(pa.scalar(stage, pa.large_string()), n),
        "outcome": pa.repeat(pa.scalar(outcome.value, pa.large_string()), n),
        "reason": pa.repeat(pa.scalar(reason, pa.large_string()), n) if isinstance(reason, str) else reason,
        "value": value,
        "limit": limit,
        "survivor_id": survivor_id,
    }
    columns = []
    for field in LEDGER:
        column = given.get(field.name)
        if column is None and field.name not in given and field.name in batch.schema.names:
            column = batch.column(field.name)
        if column is None:
            column = pa.nulls(n, field.type)
        columns.append(column.cast(field.type))
    return pa.RecordBatch.from_arrays(columns, schema=LEDGER)


def check_stage(stage: str, n_in: int, n_out: int, n_ended: int) -> None:
    """Raise unless every record that entered `stage` either left it or ended in the ledger there."""
    if n_in != n_out + n_ended:
        raise ConservationError(
            f"stage {stage!r} took in {n_in} records but passed on {n_out} and ended {n_ended}: "
            f"{n_in - n_out - n_ended:+d} are unaccounted for. This is a bug; the run's output is not to be trusted."
        )


def check_run(folder: Path, n_records: int) -> pl.DataFrame:
    """Raise unless the ledger under `folder` holds each of `n_records` input records exactly once.

    Returns counts by stage, outcome and reason, most frequent first.
    """
    ledger = pl.scan_parquet(folder / "*.parquet")
    n_rows, n_distinct = ledger.select(pl.len(), pl.struct(ADDRESS_NAMES).n_unique().alias("distinct")).collect().row(0)
    if n_rows != n_distinct:
        raise ConservationError(f"{folder}: {n_rows - n_distinct} records stand in the ledger more than once")
    if n_rows != n_records:
        raise ConservationError(f"{folder}: {n_records} records were read but {n_rows} stand in the ledger")
    return ledger.group_by("stage", "outcome", "reason").len("n").sort("n", "stage", "reason", descending=[True, False, False]).collect()
