"""What a run has done so far: one marker per finished stage, and DIR/run.json which gathers them.

A marker carries everything that a resume may trust: the settings and the versions that shaped the stage's outputs, its inputs
and the digests of its outputs. A stage is taken as done only if all of them still hold.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec

from schemas.errors import OutputError
from schemas.files import FileEntry, sha256_of, whole_file
from schemas.recipe import Recipe
from schemas.shaping import corpus_digest
from schemas.stages import NAMES_OF_FORMAT_1, StageName

FORMAT: Final = 2
"""Of a run folder: run.json, markers and ledger. Format 1 had no number; it is read, too."""


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
    """sha256 of `settings`."""
    inputs: tuple[str, ...]
    """One line per input: path, bytes and either modification time (sources) or sha256 (files of the run)."""
    outputs: tuple[FileEntry, ...]
    intermediates: tuple[FileEntry, ...] = ()
    """Files that only the next stage reads; they are deleted when it is done."""
    settings: dict[str, Any] = field(default_factory=dict)
    """What the stage reads of the recipe (`schemas.shaping.READS`)."""
    versions: dict[str, str] = field(default_factory=dict)
    """What it ran on (`schemas.shaping.versions_of`)."""
    counts: dict[str, Counts] = field(default_factory=dict)
    """By room, in the order in which records pass them."""
    details: dict[str, Any] = field(default_factory=dict)
    """Whatever else the summary and the report show of this stage: numbers, names and curves, never text."""
    wall_s: float = 0.0
    cpu_s: float = 0.0


def marker_path(run: Path, stage: str) -> Path:
    """Where the marker of `stage` lies in the run folder."""
    return run / "stages" / f"{stage}.json"


def remove_marker(run: Path, stage: StageName) -> None:
    """Withdraw that a stage is done, whatever its name was."""
    for name in (stage, NAMES_OF_FORMAT_1.get(stage, stage)):
        marker_path(run, name).unlink(missing_ok=True)


def write_marker(run: Path, record: StageRecord) -> None:
    """Record that a stage is done."""
    _write_json(marker_path(run, record.stage), record)


def read_marker(run: Path, stage: str) -> StageRecord | None:
    """The marker of `stage`, or None where there is none."""
    path = marker_path(run, stage)
    if not path.is_file():
        path = marker_path(run, NAMES_OF_FORMAT_1.get(StageName(stage), stage))
    if not path.is_file():
        return None
    try:
        return dataclasses.replace(msgspec.json.decode(path.read_bytes(), type=StageRecord), stage=stage)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise OutputError("CM-RECORD-009", f"{path} is damaged ({error}); delete it to run stage {stage!r} again") from error


def changed_settings(before: dict[str, Any], after: dict[str, Any]) -> Iterator[str]:
    """The settings whose values differ, each with both values."""
    for key, (old, new) in keys_that_differ(before, after).items():
        yield f"{key} changed from {_shown(old)} to {_shown(new)}"


def keys_that_differ(before: dict[str, Any], after: dict[str, Any], under: str = "") -> dict[str, tuple[Any, Any]]:
    """By dotted key both values of each setting that differs."""
    found: dict[str, tuple[Any, Any]] = {}
    for key in dict.fromkeys((*before, *after)):
        old, new = before.get(key), after.get(key)
        if isinstance(old, dict) and isinstance(new, dict):
            found |= keys_that_differ(old, new, f"{under}{key}.")
        elif old != new:
            found[f"{under}{key}"] = old, new
    return found


def changed_versions(before: dict[str, str], after: dict[str, str]) -> Iterator[str]:
    """What differs of the versions that both state; a library that one of them lacks was, or is, not used."""
    if "code" not in before:
        yield "an earlier version of corpusmill made it"
    both = after.keys() & before.keys() - {"corpusmill"}  # its number says nothing that its code does not say
    for name in (name for name in after if name in both and before[name] != after[name]):
        yield "corpusmill's own code changed" if name == "code" else f"{name} changed from {before[name]} to {after[name]}"


def changed_files(run: Path, record: StageRecord, *, used_up: bool) -> Iterator[str]:
    """Outputs that are not as the stage wrote them; `used_up` intermediates need not be there."""
    for file in record.outputs if used_up else record.outputs + record.intermediates:
        path = run / file.path
        if not path.is_file():
            yield f"{file.path} is missing"
        elif sha256_of(path) != file.sha256:
            yield f"{file.path} is not as it was written"


def _shown(value: Any) -> str:
    if value is None:
        return "off"
    text = msgspec.json.encode(value).decode()
    return text if len(text) <= 60 else f"{text[:57]}..."


def lines_of(files: Iterable[FileEntry]) -> tuple[str, ...]:
    """Files of the run as a stage's inputs: path, bytes, sha256."""
    return tuple(f"{file.path} {file.n_bytes} {file.sha256}" for file in files)


def write_run(
    run: Path, recipe: Recipe, records: list[StageRecord], *, workers: int, runner: str, complete: bool, stopped: str | None
) -> None:
    """Write DIR/run.json from the stages done so far."""
    state = {
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
    """Take stages out of DIR/run.json, whose files are about to be deleted; the recipe stays until a stage has been done with another."""
    if not (run / "run.json").is_file():
        return
    state = read_run(run)
    kept = [record for record in state.get("stages", ()) if record["stage"] not in stages]
    files = [file for record in kept for file in record["outputs"]]
    _write_json(run / "run.json", {**state, "complete": False, "stages": kept, "files": files})


def _without_settings(record: StageRecord) -> dict[str, Any]:
    plain: dict[str, Any] = msgspec.to_builtins(record)
    del plain["settings"]  # run.json states the recipe once
    return plain


def read_run(run: Path) -> dict[str, Any]:
    """DIR/run.json as plain data."""
    path = run / "run.json"
    if not path.is_file():
        raise OutputError("CM-RECORD-010", f"{path} does not exist: {run} is not the folder of a run")
    try:
        state = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise OutputError(
            "CM-RECORD-011", f"{path} is damaged ({error}); run the recipe with --out {run} --resume to have it written again"
        ) from error
    if "recipe" not in state:
        raise OutputError("CM-RECORD-012", f"{path} states no recipe: {run} is not the folder of a run")
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
    """By package, its version; where stages ran on different ones, each with its stages."""
    found: dict[str, dict[str, list[str]]] = {}
    for record in records:
        for name, version in record.versions.items():
            if name != "code":
                found.setdefault(name, {}).setdefault(version, []).append(record.stage)
    return {
        name: next(iter(stages)) if len(stages) == 1 else "; ".join(f"{version} ({', '.join(those)})" for version, those in stages.items())
        for name, stages in sorted(found.items())
    }


def _write_json(path: Path, value: Any) -> None:
    with whole_file(path) as temporary:
        temporary.write_bytes(msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n")
