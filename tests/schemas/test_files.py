"""Files are whole or not there; markers hold only while nothing has changed."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from schemas.errors import OutputError
from schemas.files import entry, sha256_of, whole_file
from schemas.manifest import StageRecord, read_marker, still_holds, write_marker


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


def test_a_marker_holds_until_recipe_inputs_or_a_file_change(tmp_path: Path) -> None:
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
    assert still_holds(tmp_path, record, "r", ("i",), used_up=False)
    assert not still_holds(tmp_path, record, "other", ("i",), used_up=False)
    assert not still_holds(tmp_path, record, "r", ("j",), used_up=False)
    (tmp_path / "work").unlink()
    assert not still_holds(tmp_path, record, "r", ("i",), used_up=False)
    assert still_holds(tmp_path, record, "r", ("i",), used_up=True)
    (tmp_path / "out").write_text("tampered")
    assert not still_holds(tmp_path, record, "r", ("i",), used_up=True)


def test_a_damaged_marker_is_named(tmp_path: Path) -> None:
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages" / "s.json").write_text("{")
    with pytest.raises(OutputError, match=r"stages/s\.json is damaged"):
        read_marker(tmp_path, "s")
