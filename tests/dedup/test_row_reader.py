"""Rows are read by row reference from files of every column type that is read, whatever batches they lie in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dedup.row_reader import RowReader, sorted_unique

SCHEMA = pa.schema(
    {
        "text": pa.large_string(),
        "doc_id": pa.binary(16),
        "rank": pa.uint64(),
        "stays": pa.bool_(),
        "url": pa.large_string(),
        "minhash": pa.list_(pa.field("item", pa.uint32(), nullable=False), 3),
        "shingles": pa.large_list(pa.field("item", pa.uint64(), nullable=False)),
    }
)
COLUMNS = ("text", "doc_id", "rank", "minhash", "shingles")
N_ROWS = 60
ROWS = pa.RecordBatch.from_pylist(
    [
        {
            "text": "\u00e4" * (row % 7),
            "doc_id": bytes([row]) * 16,
            "rank": row << 40,
            "stays": row % 2 == 0,
            "url": None if row % 3 else "https://example.org/",
            "minhash": [row, row + 1, row + 2],
            "shingles": list(range(row % 5)),
        }
        for row in range(N_ROWS)
    ],
    schema=SCHEMA,
)


def write_segments(folder: Path) -> list[str]:
    """Twenty rows a file, in batches of nine, of none and of eleven; slices with an offset."""
    paths = []
    for number in range(3):
        paths.append(str(folder / f"segment-{number}.arrow"))
        with pa.ipc.new_file(paths[-1], SCHEMA) as writer:
            for first, n in ((0, 9), (9, 0), (9, 11)):
                writer.write_batch(ROWS.slice(20 * number + first, n))
    return paths


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> RowReader:
    return RowReader(write_segments(tmp_path_factory.mktemp("segments")))


@given(rows=st.sets(st.integers(0, N_ROWS - 1), min_size=1))
def test_rows_are_those_that_arrow_takes(reader: RowReader, rows: set[int]) -> None:
    wanted = sorted(rows)
    refs = np.array([(row // 20 << 32) + row % 20 for row in wanted], np.uint64)
    taken = reader.take(refs, COLUMNS)
    taken.validate(full=True)
    assert taken.to_pylist() == ROWS.select(list(COLUMNS)).take(pa.array(wanted)).to_pylist()
    assert taken.schema.types == [SCHEMA.field(name).type for name in COLUMNS]


def test_segments_are_numbered_through(reader: RowReader) -> None:
    assert reader.first_rows().tolist() == [0, 20, 40, 60]


@given(st.lists(st.integers(0, 2**64 - 1)))
def test_distinct_values_are_those_of_a_set(values: list[int]) -> None:
    assert sorted_unique(np.array(values, np.uint64)).tolist() == sorted(set(values))
