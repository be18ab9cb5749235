"""What a run has done so far: one marker per finished stage, and DIR/run.json which gathers them.

A marker carries everything that a resume may trust: the recipe's digest, the stage's inputs and the digests of its
outputs. A stage is taken as done only if all three still hold.
"""

from __future__ import annotations

import importlib.metadata
import platform
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from schemas.errors import OutputError
from schemas.files import FileEntry, sha256_of, whole_file
from schemas.recipe import Recipe

PACKAGES: Final = ("corpusmill", "apache-beam", "pyarrow", "polars", "numpy", "numba", "tokenizers", "resiliparse", "fasttext", "torch")


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """Records that entered a room and how they left it; `n_in == n_out + dropped + merged + failed`."""

    n_in: int = 0
    n_out: int = 0
    dropped: int = 0
    merged: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord:
    """What one finished stage states about itself."""

    stage: str
    recipe_digest: str
    inputs: tuple[str, ...]
    """One line per input: path, bytes and either modification time (sources) or sha256 (files of the run)."""
    outputs: tuple[FileEntry, ...]
    intermediates: tuple[FileEntry, ...] = ()
    """Files that only the next stage reads; they are deleted when it is done."""
    counts: dict[str, Counts] = field(default_factory=dict)
    """By room, in the order in which records pass them."""
    details: dict[str, Any] = field(default_factory=dict)
    """Whatever else the summary and the report show of this stage: numbers, names and curves, never text."""
    wall_s: float = 0.0
    cpu_s: float = 0.0


def marker_path(run: Path, stage: str) -> Path:
    """Where the marker of `stage` lies in the run folder."""
    return run / "stages" / f"{stage}.json"


def write_marker(run: Path, record: StageRecord) -> None:
    """Record that a stage is done."""
    _write_json(marker_path(run, record.stage), record)


def read_marker(run: Path, stage: str) -> StageRecord | None:
    """The marker of `stage`, or None where there is none."""
    path = marker_path(run, stage)
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=StageRecord)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise OutputError(f"{path} is damaged ({error}); delete it to run stage {stage!r} again") from error


def still_holds(run: Path, record: StageRecord, recipe_digest: str, inputs: tuple[str, ...], *, used_up: bool) -> bool:
    """Whether recipe, inputs and every file are exactly what the marker says; `used_up` intermediates need not be there."""
    if record.recipe_digest != recipe_digest or record.inputs != inputs:
        return False
    files = record.outputs if used_up else record.outputs + record.intermediates
    return all((run / file.path).is_file() and sha256_of(run / file.path) == file.sha256 for file in files)


def lines_of(files: Iterable[FileEntry]) -> tuple[str, ...]:
    """Files of the run as a stage's inputs: path, bytes, sha256."""
    return tuple(f"{file.path} {file.n_bytes} {file.sha256}" for file in files)


def write_run(
    run: Path, recipe: Recipe, records: list[StageRecord], *, workers: int, runner: str, complete: bool, stopped: str | None
) -> None:
    """Write DIR/run.json from the stages done so far."""
    state = {
        "recipe": recipe.as_dict(),
        "recipe_digest": recipe.digest(),
        "complete": complete,
        "stopped": stopped,
        "workers": workers,
        "runner": runner,
        "versions": versions(),
        "stages": [msgspec.to_builtins(record) for record in records],
        "wall_s": round(sum(record.wall_s for record in records), 3),
        "cpu_s": round(sum(record.cpu_s for record in records), 3),
        "files": [msgspec.to_builtins(out) for record in records for out in record.outputs],
    }
    _write_json(run / "run.json", state)


def read_run(run: Path) -> dict[str, Any]:
    """DIR/run.json as plain data."""
    path = run / "run.json"
    if not path.is_file():
        raise OutputError(f"{path} does not exist: {run} is not the folder of a run")
    try:
        state = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise OutputError(f"{path} is damaged ({error}); run the recipe with --out {run} --resume to have it written again") from error
    if "recipe" not in state:
        raise OutputError(f"{path} states no recipe: {run} is not the folder of a run")
    return state


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that shape the result."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _write_json(path: Path, value: Any) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
