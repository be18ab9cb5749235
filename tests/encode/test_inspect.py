"""A shard tells what it holds without a word of its text."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.encode.inspect import describe
from pipelines.encode.shards import write_shard
from schemas.errors import InputError
from schemas.hops import tokens_schema


def test_a_shard_is_described_by_its_own_numbers(tmp_path: Path) -> None:
    schema = tokens_schema(1000, {"tokenizer": "abc"})
    rows = [("a", "en", [1, 2, 3]), ("a", None, [4]), ("b", "en", [])]
    table = pa.table(
        {
            "doc_id": pa.array([bytes([i]) * 16 for i in range(3)], pa.binary(16)),
            "source": pa.array([row[0] for row in rows], pa.large_string()),
            "lang": pa.array([row[1] for row in rows], pa.large_string()),
            "tokens": pa.array([row[2] for row in rows], pa.large_list(pa.field("item", pa.uint16(), nullable=False))),
            "n_tokens": pa.array([len(row[2]) for row in rows], pa.uint32()),
        }
    )
    path = tmp_path / "train.arrow"
    write_shard(table, path, schema)
    found = describe(path)
    assert (found["documents"], found["tokens"], found["metadata"]) == (3, 4, {"tokenizer": "abc"})
    assert found["sources"] == {"a": {"documents": 2, "tokens": 4}, "b": {"documents": 1, "tokens": 0}}
    assert found["languages"] == {"en": {"documents": 2, "tokens": 3}, "not known": {"documents": 1, "tokens": 1}}
    assert (found["lengths"][0], found["lengths"][0.5], found["lengths"][1]) == (0, 1, 3)
    assert found["columns"]["tokens"] == "large_list<item: uint16 not null>"


def test_what_is_no_shard_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is not a file"):
        describe(tmp_path / "none.arrow")
    (tmp_path / "bad.arrow").write_text("text")
    with pytest.raises(InputError, match=r"bad\.arrow is not an Arrow IPC file"):
        describe(tmp_path / "bad.arrow")
    with pa.ipc.new_file(str(tmp_path / "other.arrow"), pa.schema([("text", pa.large_string())])):
        pass
    with pytest.raises(InputError, match="lacks the columns lang, n_tokens, source, tokens"):
        describe(tmp_path / "other.arrow")
