"""The snapshots of a dedup index and their settings: small files, each written once and never changed.

    INDEX/index.json               the format, and the settings that all runs must agree in
    INDEX/snapshots/NAME.00001.json  a snapshot's files with their sha256; of one name the highest number counts

Each file appears whole, and only if there is none of its name. So two runs that add at the same time find out which was first, on any
storage that can put a file if it is absent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from schemas.errors import IndexFolderError
from schemas.files import FileEntry, put_if_absent
from schemas.recipe import Dedup

FORMAT: Final = 2
"""Format 1 read every number as 0 and skipped operators, so its shingles and signatures cannot be compared with ours."""
_SETTINGS: Final = "index.json"
_SNAPSHOTS: Final = "snapshots"
_OLD: Final = "manifest.json"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What one run added."""

    name: str
    folder: str
    n_documents: int
    documents: tuple[FileEntry, ...]
    keys: dict[str, tuple[FileEntry, ...]]
    """By kind, in the order of the keys."""
    written_ns: dict[str, int] = field(default_factory=dict)
    """Modification times of the files when they were written. A file with the same time and size is not read again for a check."""

    def __post_init__(self) -> None:
        """ValueError if `folder` is not directly inside the index."""
        if Path(self.folder).name != self.folder or self.folder.startswith("."):
            raise ValueError(f"{self.folder!r} is not a folder of the index")

    def files(self) -> tuple[FileEntry, ...]:
        """Every file, paths relative to `folder`."""
        return self.documents + tuple(file for files in self.keys.values() for file in files)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """INDEX/index.json."""

    format: int
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class OldManifest:
    """INDEX/manifest.json, which lists all snapshots of an index of format 1."""

    format: int
    settings: dict[str, Any]
    snapshots: tuple[Snapshot, ...] = ()


def index_settings(dedup: Dedup) -> dict[str, Any]:
    """The settings that two runs must share for their keys to mean the same."""
    minhash = dedup.minhash
    banding = {name: getattr(minhash, name) for name in ("bands", "rows", "shingle", "seed")}
    blocks = {f"simhash {name}": getattr(dedup.simhash, name) for name in ("shingle", "distance", "blocks")}
    settings = {"kinds": sorted(dedup.document_kinds), "within_source": dedup.scope == "within_source", **banding}
    return settings | blocks if "simhash" in dedup.kinds else settings


def is_index(folder: Path) -> bool:
    """Whether the folder contains an index."""
    return (folder / _SETTINGS).is_file() or (folder / _OLD).is_file()


def check_settings(folder: Path, dedup: Dedup) -> None:
    """Raise IndexFolderError unless the index has the recipe's settings and a format that this version reads."""
    old = _read_old(folder)
    if old is not None:
        _check_equal(folder, old.settings, dedup)
    path = folder / _SETTINGS
    if path.is_file():
        found = _read(path, Settings)
        if found.format != FORMAT:
            raise IndexFolderError(
                "CM-DEDUP-005", f"{path} has format {found.format}, but this version reads {FORMAT}; make it again in a new folder"
            )
        _check_equal(folder, found.settings, dedup)


def claim_settings(folder: Path, dedup: Dedup) -> None:
    """Create an index with the recipe's settings; raise IndexFolderError if it exists with others."""
    folder.mkdir(parents=True, exist_ok=True)
    put_if_absent(folder / _SETTINGS, _encoded(Settings(format=FORMAT, settings=index_settings(dedup))))
    check_settings(folder, dedup)


def read_snapshots(folder: Path) -> tuple[Snapshot, ...]:
    """The snapshots that count, in the order of their names."""
    old = _read_old(folder)
    found = {snapshot.name: snapshot for snapshot in old.snapshots} if old is not None else {}
    for name, number in _numbers(folder).items():
        try:
            found[name] = _read(_path(folder, name, number), Snapshot)
        except FileNotFoundError:  # replaced since it was listed
            return read_snapshots(folder)
    return tuple(found[name] for name in sorted(found))


def enter_snapshot(folder: Path, snapshot: Snapshot) -> Snapshot | None:
    """Make a snapshot count; returns the one of the same name that it replaces, if any."""
    while True:
        before = next((other for other in read_snapshots(folder) if other.name == snapshot.name), None)
        number = _numbers(folder).get(snapshot.name, 0)
        if put_if_absent(_path(folder, snapshot.name, number + 1), _encoded(snapshot)):
            _path(folder, snapshot.name, number).unlink(missing_ok=True)
            return before


def withdraw_snapshot(folder: Path, name: str, snapshot_folder: str) -> bool:
    """Make a snapshot no longer count; returns whether the one of that name and folder counted."""
    number = _numbers(folder).get(name, 0)
    path = _path(folder, name, number)
    if not number or _read(path, Snapshot).folder != snapshot_folder:
        return False
    path.unlink()
    return True


def snapshot_entry(folder: Path, snapshot: Snapshot) -> Path:
    """The path of the file that makes a snapshot count."""
    number = _numbers(folder).get(snapshot.name, 0)
    return _path(folder, snapshot.name, number) if number else folder / _OLD


def _numbers(folder: Path) -> dict[str, int]:
    """{name: the highest number} of the snapshots that are entered."""
    entered = folder / _SNAPSHOTS
    names = [path.name.removesuffix(".json").rpartition(".") for path in entered.iterdir()] if entered.is_dir() else []
    numbered = sorted((name, int(number)) for name, _, number in names if name and number.isdigit() and not name.startswith("."))
    return dict(numbered)


def _path(folder: Path, name: str, number: int) -> Path:
    return folder / _SNAPSHOTS / f"{name}.{number:05d}.json"


def _read_old(folder: Path) -> OldManifest | None:
    """The manifest of an index of format 1, if there is one; only exact copies can be compared with it."""
    path = folder / _OLD
    if not path.is_file():
        return None
    manifest = _read(path, OldManifest)
    if manifest.format != 1 or manifest.settings.get("kinds") != ["exact"]:
        raise IndexFolderError(
            "CM-DEDUP-006",
            f"{path} has format {manifest.format}, whose shingles read every number as 0 and skip operators, but this version reads "
            f"format {FORMAT}; make the index again in a new folder, from the same runs",
        )
    return manifest


def _check_equal(folder: Path, settings: dict[str, Any], dedup: Dedup) -> None:
    wanted = index_settings(dedup)
    for name, value in settings.items():
        if value != wanted.get(name):
            raise IndexFolderError(
                "CM-DEDUP-007",
                f"{folder} was made with dedup {name} = {value!r}, not {wanted.get(name)!r}; use the same setting or another index",
            )


def _read(path: Path, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise IndexFolderError(
            "CM-DEDUP-008", f"{path} is damaged ({error}); restore it, or make the index again in a new folder"
        ) from error


def _encoded(value: Settings | Snapshot) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
