"""Order, split and shards come from ids and the seed alone."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.encode.shards import final_names, in_shuffled_order, shard_counts, shard_partitions, source_totals, split_shards, write_shard
from schemas.hops import tokens_schema


def test_the_validation_split_has_a_range_of_its_own() -> None:
    order = np.array([0, 2**63, 2**64 - 1, 5], np.uint64)
    assert shard_partitions(order, np.array([False, False, False, True]), 4).to_pylist() == [0, 2, 3, 4]


def rows(n: int) -> pa.Table:
    return pa.table(
        {
            "doc_id": pa.array([bytes([i]) * 16 for i in range(n)], pa.binary(16)),
            "source": pa.array(["web" if i % 2 else "code" for i in range(n)], pa.large_string()),
            "lang": pa.array(["en"] * n, pa.large_string()),
            "origin_file": pa.array(["f"] * n, pa.large_string()),
            "origin_offset": pa.array(range(n), pa.uint64()),
            "part": pa.array([0] * n, pa.uint32()),
            "tokens": pa.array([list(range(i)) for i in range(n)], pa.large_list(pa.field("item", pa.uint16(), nullable=False))),
            "n_tokens": pa.array(range(n), pa.uint32()),
            "order": pa.array([(i * 7) % n for i in range(n)], pa.uint64()),
        }
    )


def test_order_of_arrival_does_not_show() -> None:
    table = rows(11)
    mixed = table.take(pa.array(random.Random(1).sample(range(11), 11)))
    assert in_shuffled_order(mixed).equals(in_shuffled_order(table))
    assert in_shuffled_order(table).column("order").to_pylist() == list(range(11))


@given(st.integers(0, 12), st.integers(1, 30))
def test_shards_hold_every_row_once_and_are_bounded(n: int, most: int) -> None:
    pieces = list(split_shards(rows(n), most))
    assert [row for piece in pieces for row in piece.column("doc_id").to_pylist()] == rows(n).column("doc_id").to_pylist()
    for piece in pieces:
        assert piece.num_rows >= 1
        assert sum(piece.column("n_tokens").to_pylist()) <= most or piece.num_rows == 1


def test_shard_numbers_follow_ranges_per_split() -> None:
    names = ["train-r000001-000000.arrow", "valid-r000002-000000.arrow", "train-r000000-000001.arrow", "train-r000000-000000.arrow"]
    assert final_names(names) == {
        "train-r000000-000000.arrow": "train-00000-of-00003.arrow",
        "train-r000000-000001.arrow": "train-00001-of-00003.arrow",
        "train-r000001-000000.arrow": "train-00002-of-00003.arrow",
        "valid-r000002-000000.arrow": "valid-00000-of-00001.arrow",
    }


def test_a_shard_opens_everywhere_and_names_its_makers(tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    path = tmp_path / "train-00000-of-00001.arrow"
    write_shard(rows(5), path, tokens_schema(1000, {"tokenizer": "t", "recipe": "r", "scrub": "s"}))
    with pa.memory_map(str(path)) as file:
        before = pa.total_allocated_bytes()
        table = pa.ipc.open_file(file).read_all()
        assert pa.total_allocated_bytes() - before < 4096, "a mapped shard must not be copied"
        assert table.schema.metadata == {b"tokenizer": b"t", b"recipe": b"r", b"scrub": b"s"}
        assert table.column("tokens").to_pylist() == [list(range(i)) for i in range(5)]
    assert pl.read_ipc(path).get_column("tokens").to_list()[3] == [0, 1, 2]
    loaded = datasets.load_dataset("arrow", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
    assert loaded[3]["tokens"] == [0, 1, 2]
    assert shard_counts(path) == (5, 10)
    assert source_totals([path]) == {"code": {"n_documents": 3, "n_tokens": 6}, "web": {"n_documents": 2, "n_tokens": 4}}


def test_ids_are_as_narrow_as_the_vocabulary_allows() -> None:
    assert tokens_schema(65_536).field("tokens").type.value_type == pa.uint16()
    assert tokens_schema(65_537).field("tokens").type.value_type == pa.uint32()
