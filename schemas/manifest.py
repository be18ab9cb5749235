"""The state of a run: one marker per finished stage, and DIR/run.json, which collects them.

A marker states everything that a resume may rely on: the settings and versions that shaped the stage's outputs, its inputs and the digests
of its outputs. A stage counts as done only if all of these still hold.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypedDict

import msgspec

from schemas.errors import OutputError
from schemas.files import FileEntry, sha256_of, whole_file
from schemas.recipe import Recipe
from schemas.shaping import corpus_digest
from schemas.stages import NAMES_OF_FORMAT_1, StageName

FORMAT: Final = 2
"""Format of a run folder: run.json, markers and ledger. Format 1 did not state its number; it can still be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counts:
    """How many records entered a room and how they left it; `n_in == n_out + dropped + merged + failed`."""

    n_in: int = 0
    n_out: int = 0
    dropped: int = 0
    merged: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StageRecord:
    """The marker of a finished stage."""

    stage: str
    recipe_digest: str
    """sha256 of `settings`."""
    inputs: tuple[str, ...]
    """One line per input: path, bytes, and modification time (sources) or sha256 (files of the run)."""
    outputs: tuple[FileEntry, ...]
    intermediates: tuple[FileEntry, ...] = ()
    """Files that only the next stage reads; they are deleted when that stage is done."""
    settings: dict[str, Any] = field(default_factory=dict)
    """The settings that the stage reads (`schemas.shaping.settings_of`)."""
    versions: dict[str, str] = field(default_factory=dict)
    """The versions that it ran on (`schemas.shaping.versions_of`)."""
    counts: dict[str, Counts] = field(default_factory=dict)
    """Counts by room, in the order in which records pass the rooms."""
    details: dict[str, Any] = field(default_factory=dict)
    """Other facts of this stage for the summary and the report: numbers, names and curves, never text."""
    wall_s: float = 0.0
    cpu_s: float = 0.0


def marker_path(run: Path, stage: str) -> Path:
    """The path of the marker of `stage`."""
    return run / "stages" / f"{stage}.json"


def remove_marker(run: Path, stage: StageName) -> None:
    """Delete the marker of a stage, also under its name in format 1."""
    for name in (stage, NAMES_OF_FORMAT_1.get(stage, stage)):
        marker_path(run, name).unlink(missing_ok=True)


def write_marker(run: Path, record: StageRecord) -> None:
    """Record that a stage is done."""
    _write_json(marker_path(run, record.stage), record)


def read_marker(run: Path, stage: str) -> StageRecord | None:
    """The marker of `stage`, or None if there is none. Raises OutputError if it is damaged."""
    path = marker_path(run, stage)
    if not path.is_file():
        path = marker_path(run, NAMES_OF_FORMAT_1.get(StageName(stage), stage))
    if not path.is_file():
        return None
    try:
        return dataclasses.replace(msgspec.json.decode(path.read_bytes(), type=StageRecord), stage=stage)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise OutputError("CM-RECORD-009", f"{path} is damaged ({error}); delete it to run stage {stage!r} again") from error


def changed_settings(before: dict[str, object], after: dict[str, object]) -> Iterator[str]:
    """One line per setting whose value differs, with both values."""
    for key, (old, new) in keys_that_differ(before, after).items():
        yield f"{key} changed from {_shown(old)} to {_shown(new)}"


def keys_that_differ(before: dict[str, object], after: dict[str, object], under: str = "") -> dict[str, tuple[object, object]]:
    """Both values of each setting that differs, by dotted key."""
    found: dict[str, tuple[object, object]] = {}
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found |= keys_that_differ(old, new, f"{under}{key}.")
        elif old != new:
            found[f"{under}{key}"] = old, new
    return found


def changed_versions(before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    """One line per version that differs. A library that only one of them states is ignored: the other does not use it."""
    if "code" not in before:
        yield "an earlier version of corpusmill made it"
    both = after.keys() & before.keys() - {"corpusmill"}  # the digest of the code says more than the version number
    for name in (name for name in after if name in both and before[name] != after[name]):
        yield "corpusmill's own code changed" if name == "code" else f"{name} changed from {before[name]} to {after[name]}"


def changed_files(run: Path, record: StageRecord, *, used_up: bool) -> Iterator[str]:
    """One line per output that is not as the stage wrote it. `used_up` intermediates may be missing."""
    for file in record.outputs if used_up else record.outputs + record.intermediates:
        path = run / file.path
        if not path.is_file():
            yield f"{file.path} is missing"
        elif sha256_of(path) != file.sha256:
            yield f"{file.path} is not as it was written"


def _shown(value: object) -> str:
    if value is None:
        return "off"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."


def lines_of(files: Iterable[FileEntry]) -> tuple[str, ...]:
    """Files of the run as input lines of a stage: path, bytes, sha256."""
    return tuple(f"{file.path} {file.n_bytes} {file.sha256}" for file in files)


class RunState(TypedDict, total=False):
    """DIR/run.json. Only `recipe` is certain to be there: earlier versions wrote fewer keys."""

    format: int
    recipe: dict[str, object]
    recipe_digest: str
    corpus_digest: str
    complete: bool
    stopped: str | None
    """The stage in which the run was stopped, if it was."""
    workers: int
    runner: str
    versions: dict[str, str]
    stages: list[dict[str, Any]]
    """The markers of the finished stages without their settings."""
    wall_s: float
    cpu_s: float
    files: list[dict[str, object]]
    """The outputs of all stages: path, n_bytes, sha256, n_rows."""


def write_run(
    run: Path, recipe: Recipe, records: list[StageRecord], *, workers: int, runner: str, complete: bool, stopped: str | None
) -> None:
    """Write DIR/run.json from the stages done so far."""
    state: RunState = {
        "format": FORMAT,
        "recipe": recipe.as_dict(),
        "recipe_digest": recipe.digest(),
        "corpus_digest": corpus_digest(recipe),
        "complete": complete,
        "stopped": stopped,
        "workers": workers,
        "runner": runner,
        "versions": _versions(records),
        "stages": [_without_settings(record) for record in records],
        "wall_s": round(sum(record.wall_s for record in records), 3),
        "cpu_s": round(sum(record.cpu_s for record in records), 3),
        "files": [msgspec.to_builtins(out) for record in records for out in record.outputs],
    }
    _write_json(run / "run.json", state)


def withdraw(run: Path, stages: tuple[str, ...]) -> None:
    """Remove stages whose files are about to be deleted from DIR/run.json. The recipe stays until a stage has run with another one."""
    if not (run / "run.json").is_file():
        return
    state = read_run(run)
    kept = [record for record in state["stages"] if record["stage"] not in stages]
    files = [file for record in kept for file in record["outputs"]]
    _write_json(run / "run.json", {**state, "complete": False, "stages": kept, "files": files})


def _without_settings(record: StageRecord) -> dict[str, object]:
    plain: dict[str, object] = msgspec.to_builtins(record)
    del plain["settings"]  # run.json states the recipe once
    return plain


def read_run(run: Path) -> RunState:
    """DIR/run.json, with today's names of stages. Raises OutputError if it is missing, damaged, or of a later format."""
    path = run / "run.json"
    if not path.is_file():
        raise OutputError("CM-RECORD-010", f"{path} does not exist, so {run} is not the folder of a run; pass another folder")
    try:
        state = msgspec.json.decode(path.read_bytes(), type=RunState)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise OutputError(
            "CM-RECORD-011", f"{path} is damaged ({error}); run the recipe with --out {run} --resume to write it again"
        ) from error
    if "recipe" not in state:
        raise OutputError("CM-RECORD-012", f"{path} has no recipe, so {run} is not the folder of a run; pass another folder")
    if state.get("format", 1) > FORMAT:
        raise OutputError(
            "CM-RECORD-013",
            f"{path} has format {state['format']}, and this version of corpusmill reads formats up to {FORMAT}; "
            "use the version that made the run",
        )
    now = {before: name for name, before in NAMES_OF_FORMAT_1.items()}
    stages = [{**record, "stage": now.get(record["stage"], record["stage"])} for record in state.get("stages", ())]
    return {**state, "format": FORMAT, "stages": stages}


def _versions(records: list[StageRecord]) -> dict[str, str]:
    """The version of each package; if stages ran on different versions, each version with its stages."""
    found: dict[str, dict[str, list[str]]] = {}
    for record in records:
        for name, version in record.versions.items():
            if name != "code":
                found.setdefault(name, {}).setdefault(version, []).append(record.stage)
    return {
        name: next(iter(stages)) if len(stages) == 1 else "; ".join(f"{version} ({', '.join(those)})" for version, those in stages.items())
        for name, stages in sorted(found.items())
    }


def _write_json(path: Path, value: object) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
