"""A column that a recipe names and no record has is an error; one that some records have is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.commands.files import Files
from pipelines.commands.train import documents
from pipelines.read import missing_columns
from pipelines.read.batches import read_split
from pipelines.read.columns import ColumnCounts
from pipelines.read.missing_columns import check_column_counts, check_sample
from pipelines.read.splits import plan
from schemas.errors import InputError
from schemas.recipe import Read, Source


def write(folder: Path, name: str, rows: list[dict[str, Any]]) -> Path:
    if name.endswith(".parquet"):
        pq.write_table(pa.Table.from_pylist(rows), folder / name)
    else:
        (folder / name).write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    return folder / name


def check(folder: Path, **source: Any) -> list[str]:
    """The messages about a source before it is read."""
    messages: list[str] = []
    sources = {"web": Source(path=(str(folder),), **source)}
    check_sample(sources, plan(sources, folder), messages.append)
    return messages


ROW = {"text": "words", "id": 1, "metadata": {"url": "http://a.example/", "lang": "en"}}


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
@pytest.mark.parametrize(
    "setting", [{"text_column": "body"}, {"url_column": "link"}, {"url_column": "metadata.link"}, {"url_column": "id.url"}]
)
def test_a_missing_column_is_an_error_that_names_the_existing_ones(tmp_path: Path, name: str, setting: dict[str, str]) -> None:
    write(tmp_path, name, [ROW])
    ((key, value),) = setting.items()
    found = r"columns found: text, id, metadata, metadata\.url, metadata\.lang\. Set "
    with pytest.raises(
        InputError, match=rf"^CM-READ-002: sources\.web\.{key} = '{value}': no record has it; {found}sources\.web\.{key} to one of them"
    ):
        check(tmp_path, **setting)


@pytest.mark.parametrize("name", ["b.jsonl", "b.parquet"])
def test_a_column_that_some_records_have_is_fine_though_it_be_null(tmp_path: Path, name: str) -> None:
    write(tmp_path, "a.jsonl", [ROW] * 50)
    write(tmp_path, name, [{"text": "words", "link": None}])
    assert check(tmp_path, url_column="link") == []


def test_a_source_without_urls_needs_no_url_column(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", [{"text": "words"}])
    assert check(tmp_path) == []


def test_where_only_the_first_records_were_looked_at_a_line_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(missing_columns, "_SAMPLE_ROWS", 10)
    write(tmp_path, "a.jsonl", [ROW] * 20)
    (line,) = check(tmp_path, url_column="link")
    assert line.startswith("sources.web.url_column = 'link': none of the first records has it; columns found: text, id, metadata")


def test_after_reading_it_is_certain(tmp_path: Path) -> None:
    write(tmp_path, "a.jsonl", [ROW, {"text": None}])
    write(tmp_path, "b.parquet", [ROW])
    sources = {"web": Source(path=(str(tmp_path),), url_column="link")}
    splits, seen = plan(sources, tmp_path), ColumnCounts()
    for split in splits:
        list(read_split(split, sources["web"], Read(), seen))
    assert (seen.rows, seen.text, seen.url) == (3, 3, 0)
    with pytest.raises(InputError, match=r"sources\.web\.url_column = 'link': no record has it"):
        check_column_counts(sources, splits, {"web": seen})
    seen.url = 1
    check_column_counts(sources, splits, {"web": seen})


def test_a_source_may_have_its_text_in_files_of_other_formats(tmp_path: Path) -> None:
    write(tmp_path, "settings.jsonl", [{"a": 1}])
    (tmp_path / "a.txt").write_text("words")
    assert check(tmp_path) == []


def test_files_that_a_command_names_are_checked_too(tmp_path: Path) -> None:
    path = str(write(tmp_path, "a.jsonl", [{"body": "words"}]))
    for reading in (lambda: Files([path]), lambda: next(documents([path]))):
        with pytest.raises(InputError, match=r"a\.jsonl: no record has a column 'text'; columns found: body\. Rename"):
            reading()


def test_a_column_that_only_a_later_file_has_is_no_error_before_all_are_read(tmp_path: Path) -> None:
    """The sample is of the first files; whether the others have it is known when they have been read."""
    for number in range(missing_columns._SAMPLE_FILES):
        write(tmp_path, f"{number:02d}.jsonl", [{"text": "words"}])
    with pytest.raises(InputError, match="no record has it"):
        check(tmp_path, url_column="link")
    write(tmp_path, "last.jsonl", [{"text": "words", "link": "http://a.example/"}])
    (said,) = check(tmp_path, url_column="link")
    assert said.startswith("sources.web.url_column = 'link': none of the first records has it; columns found: text")
