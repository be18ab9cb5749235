"""Parquet: every row is a document or has a reason, whatever the other columns are."""

from __future__ import annotations

import datetime
import json
import random
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.read.columns import ColumnCounts, Columns
from pipelines.read.formats import parquet
from pipelines.read.formats.parquet import read_parquet
from pipelines.read.records import FILE_REASONS, Document
from testkit.archives import read_file, reasons

BROKEN_UTF8 = pa.StringArray.from_buffers(2, pa.array([0, 2, 3], pa.int32()).buffers()[1], pa.py_buffer(b"a\xffb"))


def texts(path: Path, **source: Any) -> list[str]:
    documents, failures = read_file(path, **source)
    assert failures == []
    return [row["raw_text"] for row in documents]


def test_parquet_rows_are_read_like_lines(tmp_path: Path) -> None:
    table = pa.table(
        {
            "text": pa.array(["one", None, "", "four"]),
            "url": pa.array(["http://a.example/", None, None, ""]),
            "score": pa.array([0.5, 1.0, 1.0, None]),
            "nested": pa.array([[1], [2], [3], [4]]),
            "day": pa.array([18_000, 0, 0, 0], pa.date32()),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    documents, failures = read_file(tmp_path / "a.parquet")
    assert [(row["origin_offset"], row["raw_text"], row["url"]) for row in documents] == [
        (0, "one", "http://a.example/"),
        (3, "four", None),
    ]
    assert json.loads(documents[0]["meta"]) == {"score": 0.5, "day": "2019-04-14"}
    assert reasons(failures) == [(1, "failed", "no_text"), (2, "dropped", "empty_text")]


@pytest.mark.parametrize(
    "kind", [pa.large_string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string()), pa.binary(), pa.large_binary(), pa.binary_view()]
)
def test_columns_of_strings_or_bytes_of_every_kind_are_text(tmp_path: Path, kind: pa.DataType) -> None:
    pq.write_table(pa.table({"text": pa.array(["a", "b", "a"]).cast(kind)}), tmp_path / "a.parquet")
    assert texts(tmp_path / "a.parquet") == ["a", "b", "a"]


def test_a_list_of_strings_is_the_paragraphs_of_a_text(tmp_path: Path) -> None:
    for kind in (pa.list_(pa.string()), pa.large_list(pa.large_string()), pa.list_(pa.string(), 2)):
        pq.write_table(pa.table({"text": pa.array([["one", "two"]], kind)}), tmp_path / "a.parquet")
        assert texts(tmp_path / "a.parquet") == ["one\n\ntwo"]


@pytest.mark.parametrize("kind", [pa.string(), pa.string_view(), pa.dictionary(pa.int32(), pa.string())])
def test_licence_url_and_meta_are_read_from_strings_of_every_kind(tmp_path: Path, kind: pa.DataType) -> None:
    values = {"text": ["words"], "url": ["http://a.example/"], "license": ["MIT"], "title": ["T"]}
    pq.write_table(pa.table({name: pa.array(value).cast(kind) for name, value in values.items()}), tmp_path / "a.parquet")
    ((document,), _) = read_file(tmp_path / "a.parquet")
    assert (document["url"], document["licence"], json.loads(document["meta"])) == ("http://a.example/", "MIT", {"title": "T"})


def test_text_that_is_not_a_string_fails_and_invalid_utf8_is_marked(tmp_path: Path) -> None:
    pq.write_table(pa.table({"text": pa.array([5])}), tmp_path / "a.parquet")
    assert reasons(read_file(tmp_path / "a.parquet")[1]) == [(0, "failed", "text_not_string")]
    for number, column in enumerate(
        (
            BROKEN_UTF8,
            pa.DictionaryArray.from_arrays(pa.array([0, 1], pa.int32()), BROKEN_UTF8),
            pa.ListArray.from_arrays(pa.array([0, 1, 2], pa.int32()), BROKEN_UTF8),
        )
    ):
        pq.write_table(pa.table({"text": column}), tmp_path / f"{number}.parquet")
        assert texts(tmp_path / f"{number}.parquet") == ["a\ufffd", "b"]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([Decimal(1)], pa.decimal128(38, 2)),
        pa.array([Decimal(1)], pa.decimal256(60, 2)),
        pa.array([1], pa.duration("s")),
        pa.array([b"x" * 12], pa.binary(12)),
        pa.array([[("a", "b")]], pa.map_(pa.string(), pa.string())),
        pa.array([[{"a": [1]}]]),
        pa.array([None]),
        pa.array([2**62], pa.timestamp("us")),
        pa.array([1], pa.timestamp("us", tz="Nowhere/Land")),
        pa.array([b"\xff" * 16], pa.binary_view()),
    ],
    ids=lambda column: str(column.type),
)
def test_the_text_is_read_whatever_the_other_columns_are(tmp_path: Path, column: pa.Array) -> None:
    pq.write_table(pa.table({"text": ["words"], "other": column}), tmp_path / "a.parquet")
    ((document,), _) = read_file(tmp_path / "a.parquet")
    assert (document["raw_text"], document["meta"]) == ("words", None)


def test_a_file_with_types_that_pyarrow_does_not_know_is_read_by_polars(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {
            "text": ["one", "two"],
            "id": pl.Series([2**70, 1], dtype=pl.Int128),
            "day": [datetime.date(2019, 4, 14), None],
            "metadata": [{"url": "http://a.example/", "license": "MIT"}] * 2,
            "wait": [datetime.timedelta(1)] * 2,
        }
    )
    frame.write_parquet(tmp_path / "a[1].parquet")
    documents, failures = read_file(tmp_path / "a[1].parquet")
    assert failures == []
    assert [(row["origin_offset"], row["raw_text"], row["url"], row["licence"]) for row in documents] == [
        (0, "one", "http://a.example/", "MIT"),
        (1, "two", "http://a.example/", "MIT"),
    ]
    assert json.loads(documents[0]["meta"]) == {"id": 2**70, "day": "2019-04-14"}


def test_members_of_structs_maps_and_json_are_found_by_dotted_names(tmp_path: Path) -> None:
    url = {"url": "http://a.example/", "other": "x"}
    for column in (pa.array([url]), pa.array([list(url.items())], pa.map_(pa.string(), pa.string())), pa.array([json.dumps(url)])):
        pq.write_table(pa.table({"text": ["words"], "metadata": column}), tmp_path / "a.parquet")
        ((document,), _) = read_file(tmp_path / "a.parquet")
        assert document["url"] == "http://a.example/"
    table = pa.table({"doc": pa.array([{"body": "inner"}]), "doc.body": ["literal"]})
    pq.write_table(table, tmp_path / "b.parquet")
    assert texts(tmp_path / "b.parquet", text_column="doc.body") == ["literal"]
    pq.write_table(table.select(["doc"]), tmp_path / "c.parquet")
    assert texts(tmp_path / "c.parquet", text_column="doc.body") == ["inner"]


@pytest.mark.parametrize(
    ("content", "reason"), [(b"", "empty_file"), (b"no parquet at all", "not_parquet"), (b"PAR1 but not", "unreadable_file")]
)
def test_a_file_that_cannot_be_read_is_one_failed_row(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.parquet").write_bytes(content)
    documents, failures = read_file(tmp_path / "a.parquet")
    assert (documents, reasons(failures)) == ([], [(0, "failed", reason)])
    assert reason in FILE_REASONS


def test_a_file_without_the_text_column_is_one_failed_row(tmp_path: Path) -> None:
    pq.write_table(pa.table({"content": ["a", "b"]}), tmp_path / "a.parquet")
    assert reasons(read_file(tmp_path / "a.parquet")[1]) == [(0, "failed", "no_text_column")]


@pytest.mark.parametrize(
    ("column", "group", "n_failed", "unreadable"), [(0, 1, 250, {}), (1, 2, 250, {}), (2, 0, 0, {"other": 1}), (2, 3, 0, {"other": 1})]
)
def test_damage_costs_the_rows_of_its_group_or_a_column_that_nobody_asked_for(
    tmp_path: Path, column: int, group: int, n_failed: int, unreadable: dict[str, int]
) -> None:
    """Rows whose URL cannot be read fail, too: lists of people who opted out could not be applied to them."""
    rng = random.Random(1)
    n = 1000
    table = pa.table(
        {
            "text": [f"number {i}" for i in range(n)],
            "url": [f"http://a.example/{i}" for i in range(n)],
            "other": [str(rng.random()) for _ in range(n)],
        }
    )
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, row_group_size=250, write_page_checksum=True, use_dictionary=False)
    stored = pq.read_metadata(path).row_group(group).column(column)
    content = bytearray(path.read_bytes())
    content[stored.data_page_offset + stored.total_compressed_size // 2] ^= 0xFF
    path.write_bytes(content)
    counts = ColumnCounts()
    items = list(read_parquet(path, Columns("text", None), counts))
    assert [address.offset for address, _ in items] == list(range(n))
    failed = [address.offset for address, item in items if not isinstance(item, Document)]
    assert failed == (list(range(250 * group, 250 * group + 250)) if n_failed else [])
    assert all(item.text == f"number {address.offset}" for address, item in items if isinstance(item, Document))
    assert {item.reason for _, item in items if not isinstance(item, Document)} == ({"parquet_damaged"} if n_failed else set())
    assert counts.unreadable == Counter(unreadable)


def test_of_columns_of_one_name_the_last_is_read_as_of_members_of_an_object(tmp_path: Path) -> None:
    columns = [pa.array(["first"]), pa.array(["second"]), pa.array(["http://a.example/"])]
    pq.write_table(pa.Table.from_arrays(columns, ["text", "text", "url"]), tmp_path / "a.parquet")
    assert texts(tmp_path / "a.parquet") == ["second"]


def test_url_and_licence_may_be_stored_as_bytes(tmp_path: Path) -> None:
    columns = {"text": [b"words"], "url": [b"http://a.example/"], "license": [b"MIT"]}
    pq.write_table(pa.table({name: pa.array(value, pa.binary()) for name, value in columns.items()}), tmp_path / "a.parquet")
    ((document,), _) = read_file(tmp_path / "a.parquet")
    assert (document["raw_text"], document["url"], document["licence"]) == ("words", "http://a.example/", "MIT")


def test_rows_that_were_given_before_a_column_broke_are_given_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The damage lies in a late page of a column that nobody asked for; the group is then read once more without it."""
    monkeypatch.setattr(parquet, "_BATCH_ROWS", 16)
    n = 400
    table = pa.table({"text": [f"number {i}" for i in range(n)], "other": [f"{i:050d}" for i in range(n)]})
    path = tmp_path / "a.parquet"
    pq.write_table(table, path, write_page_checksum=True, use_dictionary=False, data_page_size=512, write_batch_size=8, compression="none")
    stored = pq.read_metadata(path).row_group(0).column(1)
    content = bytearray(path.read_bytes())
    content[stored.data_page_offset + stored.total_compressed_size - 30] ^= 0xFF
    path.write_bytes(content)
    monkeypatch.setattr(parquet, "_reads", lambda file, group, name: name != "other")
    counts = ColumnCounts()
    items = list(read_parquet(path, Columns("text", None), counts))
    assert counts.unreadable == Counter({"other": 1}), "the group was read once more"
    assert [(address.offset, item.text) for address, item in items if isinstance(item, Document)] == [(i, f"number {i}") for i in range(n)]
    assert {"other" in (item.meta or {}) for _, item in items[:16] if isinstance(item, Document)} == {True}
    assert {"other" in (item.meta or {}) for _, item in items[-16:] if isinstance(item, Document)} == {False}
