"""The ledger: the outcome of every input record, and the sums that must hold.

`entries` makes the rows, the engine's sink writes them as Parquet into DIR/ledger, and they are checked by `check_step` after every step
and by `check_run` at the end of the run.
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


_NAME_OF_FORMAT_1: Final = "stage"
"""The name of the column `step` in ledgers of format 1."""
ADDRESS_NAMES: Final = tuple(field.name for field in ADDRESS)


def entries(
    batch: pa.RecordBatch,
    step: str,
    outcome: Outcome,
    *,
    reason: pa.Array | str | None = None,
    value: pa.Array | None = None,
    limit: pa.Array | None = None,
    survivor_id: pa.Array | None = None,
) -> pa.RecordBatch:
    """LEDGER rows for the rows of `batch`, which has the address columns, doc_id, source and perhaps lang."""
    n = batch.num_rows
    given = {
        "step": pa.repeat(pa.scalar(step, pa.large_string()), n),
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


def scan_ledger(ledger: Path) -> pl.LazyFrame:
    """The rows of a ledger folder, also of one of format 1, where the column `step` was called `stage`."""
    paths = sorted(ledger.glob("*.parquet"))
    if not paths:
        return pl.DataFrame(LEDGER.empty_table()).lazy()
    old = [path for path in paths if _NAME_OF_FORMAT_1 in pl.read_parquet_schema(path)]
    now = [path for path in paths if path not in old] if old else paths
    frames = [pl.scan_parquet(path).rename({_NAME_OF_FORMAT_1: "step"}) for path in old]
    return pl.concat([*frames, pl.scan_parquet(now)] if now else frames)


def as_now(schema: pa.Schema) -> pa.Schema:
    """The schema of a ledger file with today's column names; any other schema unchanged."""
    if "survivor_id" not in schema.names or _NAME_OF_FORMAT_1 not in schema.names:
        return schema
    return pa.schema([field.with_name("step" if field.name == _NAME_OF_FORMAT_1 else field.name) for field in schema], schema.metadata)


def check_step(step: str, n_in: int, n_out: int, n_ended: int) -> None:
    """Raise unless every record that entered `step` either left it or ended in the ledger there."""
    if n_in != n_out + n_ended:
        raise ConservationError(
            "CM-RECORD-004",
            f"step {step!r} took in {n_in} records but passed on {n_out} and ended {n_ended}: "
            f"{n_in - n_out - n_ended:+d} are unaccounted for. This is a bug; do not use the run's output.",
        )


def check_run(folder: Path, n_records: int) -> pl.DataFrame:
    """Raise unless the ledger under `folder` holds each of `n_records` input records exactly once.

    Returns counts by step, outcome and reason, most frequent first.
    """
    ledger = scan_ledger(folder)
    n_rows, n_distinct = ledger.select(pl.len(), pl.struct(ADDRESS_NAMES).n_unique().alias("distinct")).collect().row(0)
    if n_rows != n_distinct:
        raise ConservationError(
            "CM-RECORD-005",
            f"{folder}: {n_rows - n_distinct} records are in the ledger more than once. This is a bug; do not use the run's output.",
        )
    if n_rows != n_records:
        raise ConservationError(
            "CM-RECORD-006",
            f"{folder}: {n_records} records were read, but {n_rows} are in the ledger. This is a bug; do not use the run's output.",
        )
    return ledger.group_by("step", "outcome", "reason").len("n").sort("n", "step", "reason", descending=[True, False, False]).collect()
