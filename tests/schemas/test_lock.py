"""One process at a time writes into a run folder, and what a killed one left unfinished is gone."""

from __future__ import annotations

import fcntl
import os
import platform
import signal
import subprocess
import sys
from pathlib import Path
from typing import IO

import pytest

from schemas.errors import OutputError
from schemas.lock import LOCK_FILE, locked

HOLD = """
import sys, time
from pathlib import Path
from schemas.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_folder_is_held_by_one_and_the_message_names_process_and_host(tmp_path: Path) -> None:
    with (
        locked(tmp_path),
        pytest.raises(OutputError, match=rf"is in use by process {os.getpid()} on {platform.node()}; wait until"),
        locked(tmp_path),
    ):
        pass
    assert list(tmp_path.iterdir()) == []
    with locked(tmp_path):
        pass


def test_a_lock_ends_with_its_process_however_it_ended(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], cwd=Path(__file__).parents[2], stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(OutputError, match=f"process {holder.pid} "), locked(tmp_path):
            pass
        holder.send_signal(signal.SIGKILL)
        holder.wait()
    assert (tmp_path / LOCK_FILE).exists()
    with locked(tmp_path):
        pass


def test_a_lock_file_that_its_holder_deletes_meanwhile_is_no_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flock, n_tried = fcntl.flock, 0

    def after_its_holder(file: IO[bytes], how: int) -> None:
        nonlocal n_tried
        n_tried += 1
        if n_tried == 1:
            (tmp_path / LOCK_FILE).unlink()
        flock(file, how)

    monkeypatch.setattr("schemas.lock.fcntl.flock", after_its_holder)
    with locked(tmp_path):
        assert (tmp_path / LOCK_FILE).exists()
    assert n_tried == 2


def test_unfinished_files_of_a_killed_process_are_deleted_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "shards").mkdir()
    for name in ("shards/.a.arrow.123.partial", ".run.json.9.partial", "shards/a.arrow", "shards/mine.partial"):
        (tmp_path / name).write_text("x")
    with locked(tmp_path):
        pass
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == ["a.arrow", "mine.partial"]


def test_a_folder_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    with locked(tmp_path / "none"):
        pass
    assert not (tmp_path / "none").exists()
