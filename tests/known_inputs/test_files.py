"""Files, archives and names as they come: damaged, padded, cut, misnamed, linked, or with a member that no reader knows."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from tests.known_inputs.command import CASES, needs_cases, run

pytestmark = needs_cases
KEPT = ("kept", None)


@pytest.mark.parametrize(
    ("folder", "settings", "unused"),
    [
        ("a-empty-first", (), [("failed", "no_text")]),
        ("c-all-filtered", ('filters.rules=["length"]', "filters.length.min_chars=200"), [("dropped", "length.min_chars")] * 5),
    ],
)
def test_a_first_file_of_which_nothing_is_kept_does_not_stop_the_run(
    tmp_path: Path, folder: str, settings: tuple[str, ...], unused: list[tuple[str, str]]
) -> None:
    done = run(tmp_path / "out", CASES / "first-file" / folder, *settings)
    assert (done.status, done.message) == (0, "")
    assert done.endings == {"a.jsonl": unused, "m.jsonl": [KEPT] * 10}


def test_streams_behind_the_first_are_read_or_have_a_row(tmp_path: Path) -> None:
    names = ("00.jsonl", "a_damaged_2nd_header.jsonl.bz2", "c_junk_tail.jsonl.bz2", "e_padded.jsonl.xz", "12_long31.jsonl.zst")
    done = run(tmp_path / "out", [CASES / "bz2-xz" / name for name in names])
    assert done.status == 0
    damaged = ("failed", "bzip2_damaged")
    assert {name: sorted(rows, key=str) for name, rows in done.endings.items()} == {
        "00.jsonl": [KEPT],
        "a_damaged_2nd_header.jsonl.bz2": [damaged] + [KEPT] * 6,
        "c_junk_tail.jsonl.bz2": [damaged] + [KEPT] * 2,
        "e_padded.jsonl.xz": [KEPT] * 6,
        "12_long31.jsonl.zst": [KEPT] * 3,
    }


def test_a_window_above_the_limit_is_a_row_that_names_it(tmp_path: Path) -> None:
    files = [CASES / "bz2-xz" / name for name in ("00.jsonl", "12_long31.jsonl.zst")]
    done = run(tmp_path / "out", files, "read.max_window_bytes=134217728")
    assert done.status == 0
    assert done.endings == {"00.jsonl": [KEPT], "12_long31.jsonl.zst": [("failed", "window_too_large")]}
    failed = done.ledger.filter(pl.col("outcome") == "failed")
    assert failed.select("value", "limit").rows() == [(2**31, 2**27)]


def test_members_behind_a_damaged_one_are_read(tmp_path: Path) -> None:
    path = CASES / "bz2-xz" / "many-members.jsonl.gz"
    done = run(tmp_path / "out", path)
    assert done.status == 0
    rows = done.endings[path.name]
    assert (len(rows), rows.count(KEPT), rows.count(("failed", "gzip_damaged"))) == (858, 857, 1)
    assert "8.0 kB of source s could not be read" in done.shown


def test_damage_beyond_the_guard_stops_the_run(tmp_path: Path) -> None:
    done = run(tmp_path / "out", CASES / "bz2-xz" / "many-members.jsonl.gz", "guards.max_lost_bytes=0.001")
    assert done.status == 2
    assert "guards.max_lost_bytes" in done.message


def test_a_damaged_frame_costs_one_record_and_no_other(tmp_path: Path) -> None:
    done = run(tmp_path / "out", CASES / "warc" / "bad10.warc.zst")
    assert done.status == 0
    rows = done.endings["bad10.warc.zst"]
    assert len(rows) == 48
    assert [row for row in rows if row != KEPT] == [("failed", "zstd_damaged"), ("dropped", "no_main_content")]
    assert len(done.documents) == 46


def test_a_packed_name_on_plain_bytes_is_read_as_what_it_is(tmp_path: Path) -> None:
    done = run(tmp_path / "out", CASES / "warc" / "plain-named.warc.gz")
    assert done.status == 0
    assert [row["url"] for row in done.documents] == ["https://w370.example.com/page", "https://w371.example.com/page"]


def test_a_date_at_either_end_of_the_calendar_is_a_document_without_a_date(tmp_path: Path) -> None:
    done = run(tmp_path / "out", CASES / "dates" / "*.warc.gz")
    assert done.status == 0
    assert done.endings == {"date-0001.warc.gz": [KEPT] * 7, "date-9999.warc.gz": [KEPT]}
    undated = [row["url"] for row in done.documents if row["fetched_at"] is None]
    assert undated == ["http://e.org/9", "http://e.org/"]


@pytest.mark.parametrize("path", ["c4/*.json.gz", "c4"])
def test_json_lines_under_another_ending_are_read(tmp_path: Path, path: str) -> None:
    done = run(tmp_path / "out", CASES / "names" / path)
    assert done.status == 0
    assert done.endings == {"c4-train.00000-of-00002.json.gz": [KEPT] * 5}


def test_a_linked_folder_and_a_linked_file_are_followed_and_read_once(tmp_path: Path) -> None:
    folder = tmp_path / "links"
    (folder / "real").mkdir(parents=True)
    (tmp_path / "store").mkdir()
    shutil.copyfile(CASES / "names" / "store" / "part.jsonl", tmp_path / "store" / "part.jsonl")
    shutil.copyfile(CASES / "names" / "links" / "real" / "x.jsonl", folder / "real" / "x.jsonl")
    (folder / "real" / "y.jsonl").symlink_to("x.jsonl")
    (folder / "linked_dir").symlink_to("../store")
    done = run(tmp_path / "out", folder)
    assert done.status == 0
    assert done.endings == {"part.jsonl": [KEPT] * 3, "x.jsonl": [KEPT] * 2}


def test_one_file_under_two_spellings_is_read_once(tmp_path: Path) -> None:
    folder = CASES / "names" / "dup"
    done = run(tmp_path / "out", [folder / "a.jsonl", folder / ".." / "dup" / "a.jsonl"])
    assert done.status == 0
    assert done.endings == {"a.jsonl": [KEPT] * 4}


def test_a_column_of_wide_integers_does_not_cost_the_text(tmp_path: Path) -> None:
    done = run(tmp_path / "out", CASES / "parquet" / "polars-int128-column.parquet")
    assert done.status == 0
    assert [row["text"] for row in done.documents] == ["first line here", "second line here"]
    assert [json.loads(row["meta"])["i128"] for row in done.documents] == [2**70, 1]


BAD_FILES: dict[str, tuple[str, str | None]] = {
    "a-empty": ("01.warc.gz", "empty_file"),
    "b-xml-error": ("01.warc.gz", "not_a_warc"),
    "c-gz-of-html": ("01.warc.gz", "not_a_warc"),
    "e-plain": ("01.warc.gz", None),
    "h-parquet-cut": ("01.parquet", "unreadable_file"),
    "i-parquet-other-columns": ("01.parquet", "no_text_column"),
}


@pytest.mark.parametrize(("folder", "file", "reason"), [(folder, *bad) for folder, bad in BAD_FILES.items()])
def test_a_bad_file_among_good_ones_is_one_row_and_named_beforehand(tmp_path: Path, folder: str, file: str, reason: str | None) -> None:
    path = CASES / "bad-files" / folder
    done = run(tmp_path / "out", path)
    assert done.status == 0
    rows: dict[str, Any] = {file.replace("01", "00"): [KEPT] * 2, file: [("failed", reason)] if reason else [KEPT] * 2}
    assert done.endings == rows
    foreseen = run(tmp_path / "never", path, dry=True)
    assert (f"cannot be read: {path / file} ({reason})" in foreseen.shown) == (reason is not None)


def test_more_bad_files_than_the_guard_allows_stop_the_run(tmp_path: Path) -> None:
    done = run(tmp_path / "out", CASES / "bad-files" / "a-empty", "guards.max_failed_files=0.4")
    assert done.status == 2
    assert "guards.max_failed_files" in done.message
