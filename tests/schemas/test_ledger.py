"""The sums that must hold, and what is said where they do not."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from schemas.errors import ConservationError
from schemas.hops import LEDGER
from schemas.ledger import Outcome, check_run, check_step, entries


def rows(offsets: list[int]) -> pa.RecordBatch:
    n = len(offsets)
    return pa.RecordBatch.from_pydict(
        {
            "doc_id": pa.array([bytes([i]) * 16 for i in offsets], pa.binary(16)),
            "source": pa.array(["web"] * n),
            "origin_file": pa.array(["a.warc"] * n),
            "origin_offset": pa.array(offsets, pa.uint64()),
            "part": pa.array([0] * n, pa.uint32()),
        }
    )


def test_entries_carry_address_reason_and_limit() -> None:
    ledger = entries(
        rows([7, 9]),
        "filters",
        Outcome.DROPPED,
        reason="gopher_quality.min_words",
        value=pa.array([3.0, 4.0]),
        limit=pa.array([50.0, 50.0]),
    )
    assert ledger.schema == LEDGER
    assert ledger.to_pylist()[1] == {
        "origin_file": "a.warc", "origin_offset": 9, "part": 0, "doc_id": b"\t" * 16, "source": "web", "lang": None, "step": "filters",
        "outcome": "dropped", "reason": "gopher_quality.min_words", "value": 4.0, "limit": 50.0, "survivor_id": None,
    }  # fmt: skip


def test_entries_of_no_rows_are_an_empty_ledger() -> None:
    assert entries(rows([]), "read", Outcome.FAILED, reason="bad_json").num_rows == 0


def test_a_stage_that_loses_a_record_fails() -> None:
    check_step("filters", 10, 7, 3)
    with pytest.raises(ConservationError, match=r"'filters' took in 10 records but passed on 7 and ended 2: \+1"):
        check_step("filters", 10, 7, 2)


def test_a_run_fails_on_a_missing_or_doubled_record(tmp_path: Path) -> None:
    def write(name: str, offsets: list[int]) -> None:
        pq.write_table(pa.Table.from_batches([entries(rows(offsets), "scrub", Outcome.KEPT)]), tmp_path / name)

    write("a.parquet", [1, 2])
    write("b.parquet", [3])
    assert check_run(tmp_path, 3).to_dicts() == [{"step": "scrub", "outcome": "kept", "reason": None, "n": 3}]
    with pytest.raises(ConservationError, match=r"CM-RECORD-006: .*4 records .* 3 "):
        check_run(tmp_path, 4)
    write("c.parquet", [3])
    with pytest.raises(ConservationError, match=r"CM-RECORD-005: .*1 records"):
        check_run(tmp_path, 4)
