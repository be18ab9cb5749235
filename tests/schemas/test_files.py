"""Files are whole or not there; markers hold only while nothing has changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from schemas.errors import OutputError
from schemas.files import entry, sha256_of, whole_file
from schemas.manifest import StageRecord, changed_files, changed_settings, changed_versions, read_marker, write_marker


def test_a_block_that_raises_leaves_nothing(tmp_path: Path) -> None:
    def write_and_fail() -> None:
        with whole_file(tmp_path / "sub" / "x") as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_and_fail()
    assert list((tmp_path / "sub").iterdir()) == []


def test_a_finished_block_replaces_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("old")
    with whole_file(path) as temporary:
        temporary.write_text("new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [file.name for file in tmp_path.iterdir()] == ["x"]
    assert sha256_of(path) == hashlib.sha256(b"new").hexdigest()


def test_files_that_are_missing_or_changed_are_named(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("result")
    (tmp_path / "work").write_text("intermediate")
    record = StageRecord(
        stage="s",
        recipe_digest="r",
        inputs=("i",),
        outputs=(entry(tmp_path / "out", tmp_path),),
        intermediates=(entry(tmp_path / "work", tmp_path),),
    )
    write_marker(tmp_path, record)
    assert read_marker(tmp_path, "s") == record
    assert list(changed_files(tmp_path, record, used_up=False)) == []
    (tmp_path / "work").unlink()
    assert list(changed_files(tmp_path, record, used_up=False)) == ["work is missing"]
    assert list(changed_files(tmp_path, record, used_up=True)) == []
    (tmp_path / "out").write_text("tampered")
    assert list(changed_files(tmp_path, record, used_up=True)) == ["out is not as it was written"]


def test_changed_settings_and_versions_are_named_with_both_values() -> None:
    before = {"seed": 1, "encode": {"valid_ratio": 0.5, "shard_tokens": 9}, "limit": None}
    after = {"seed": 2, "encode": {"valid_ratio": 0.5, "shard_tokens": 8}, "limit": 3}
    assert list(changed_settings(before, after)) == [
        "seed changed from 1 to 2",
        "encode.shard_tokens changed from 9 to 8",
        "limit changed from off to 3",
    ]
    assert list(changed_settings(before, dict(before))) == []
    versions = {"code": "a", "corpusmill": "1", "polars": "2.0", "jieba": "1"}
    assert list(changed_versions(versions, {"code": "a", "corpusmill": "2", "polars": "2.1", "torch": "3"})) == [
        "polars changed from 2.0 to 2.1"
    ]
    assert list(changed_versions(versions, versions | {"code": "b"})) == ["corpusmill's own code changed"]
    assert list(changed_versions({}, versions)) == ["an earlier version of corpusmill made it"]


def test_a_damaged_marker_is_named(tmp_path: Path) -> None:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "s.json").write_text("{")
    with pytest.raises(OutputError, match=r"stages/s\.json is damaged"):
        read_marker(tmp_path, "s")
