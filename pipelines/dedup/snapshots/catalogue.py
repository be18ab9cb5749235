"""Which snapshots an index has, and what they were made with: small files, each written once and never changed.

    INDEX/index.json               the format, and the settings that all runs must agree in
    INDEX/snapshots/NAME.00001.json  a snapshot's files with their sha256; of one name the highest number counts

Each file appears whole, and only where there is none of its name: two runs that add at once find out which was first, on any storage
that can put a file if it is absent.
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
"""1 took every number for 0 and passed over operators: its shingles and signatures are of other texts than ours."""
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
    """Modification times of the files as they were written: one that kept its own and its size is not read again to be checked."""

    def __post_init__(self) -> None:
        """ValueError for a folder that is not one of the index's own."""
        if Path(self.folder).name != self.folder or self.folder.startswith("."):
            raise ValueError(f"{self.folder!r} is no folder of the index")

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
    """INDEX/manifest.json, which named all snapshots of an index of format 1."""

    format: int
    settings: dict[str, Any]
    snapshots: tuple[Snapshot, ...] = ()


def settings_of(dedup: Dedup) -> dict[str, Any]:
    """What two runs must agree in to understand each other's keys."""
    minhash = dedup.minhash
    banding = {name: getattr(minhash, name) for name in ("bands", "rows", "shingle", "seed")}
    blocks = {f"simhash {name}": getattr(dedup.simhash, name) for name in ("shingle", "distance", "blocks")}
    settings = {"kinds": sorted(dedup.document_kinds), "within_source": dedup.scope == "within_source", **banding}
    return settings | blocks if "simhash" in dedup.kinds else settings


def is_index(folder: Path) -> bool:
    """Whether an index was begun there."""
    return (folder / _SETTINGS).is_file() or (folder / _OLD).is_file()


def check_settings(folder: Path, dedup: Dedup) -> None:
    """Raise IndexFolderError unless the index there was made with the recipe's settings, in a format that this version reads."""
    old = _read_old(folder)
    if old is not None:
        _check_equal(folder, old.settings, dedup)
    path = folder / _SETTINGS
    if path.is_file():
        found = _read(path, Settings)
        if found.format != FORMAT:
            raise IndexFolderError(f"{path} has format {found.format}, this version reads {FORMAT}; make the index again in a new folder")
        _check_equal(folder, found.settings, dedup)


def claim_settings(folder: Path, dedup: Dedup) -> None:
    """Begin an index with the recipe's settings, or raise IndexFolderError where another run has begun it with others."""
    folder.mkdir(parents=True, exist_ok=True)
    put_if_absent(folder / _SETTINGS, _encoded(Settings(format=FORMAT, settings=settings_of(dedup))))
    check_settings(folder, dedup)


def read_snapshots(folder: Path) -> tuple[Snapshot, ...]:
    """The snapshots that count, by name."""
    old = _read_old(folder)
    found = {snapshot.name: snapshot for snapshot in old.snapshots} if old is not None else {}
    for name, number in _numbers(folder).items():
        try:
            found[name] = _read(_path(folder, name, number), Snapshot)
        except FileNotFoundError:  # replaced since it was listed
            return read_snapshots(folder)
    return tuple(found[name] for name in sorted(found))


def enter(folder: Path, snapshot: Snapshot) -> Snapshot | None:
    """Make a snapshot count; returns the one of its name that it replaces. Of two that enter one name the second replaces the first."""
    while True:
        before = next((other for other in read_snapshots(folder) if other.name == snapshot.name), None)
        number = _numbers(folder).get(snapshot.name, 0)
        if put_if_absent(_path(folder, snapshot.name, number + 1), _encoded(snapshot)):
            _path(folder, snapshot.name, number).unlink(missing_ok=True)
            return before


def withdraw(folder: Path, name: str, snapshot_folder: str) -> bool:
    """Whether the snapshot of that name counted with that folder; it does not any more."""
    number = _numbers(folder).get(name, 0)
    path = _path(folder, name, number)
    if not number or _read(path, Snapshot).folder != snapshot_folder:
        return False
    path.unlink()
    return True


def catalogued(folder: Path, snapshot: Snapshot) -> Path:
    """The file that makes a snapshot count."""
    number = _numbers(folder).get(snapshot.name, 0)
    return _path(folder, snapshot.name, number) if number else folder / _OLD


def _numbers(folder: Path) -> dict[str, int]:
    """{name: the highest number} of what is entered."""
    entered = folder / _SNAPSHOTS
    names = [path.name.removesuffix(".json").rpartition(".") for path in entered.iterdir()] if entered.is_dir() else []
    numbered = sorted((name, int(number)) for name, _, number in names if name and number.isdigit() and not name.startswith("."))
    return dict(numbered)


def _path(folder: Path, name: str, number: int) -> Path:
    return folder / _SNAPSHOTS / f"{name}.{number:05d}.json"


def _read_old(folder: Path) -> OldManifest | None:
    """An index of format 1, of which nothing but exact copies can be compared with the texts of today."""
    path = folder / _OLD
    if not path.is_file():
        return None
    manifest = _read(path, OldManifest)
    if manifest.format != 1 or manifest.settings.get("kinds") != ["exact"]:
        raise IndexFolderError(
            f"{path} is of an index of format {manifest.format}, whose shingles take every number for 0 and pass over operators; "
            f"this version reads format {FORMAT}: make the index again in a new folder, from the runs that it was made of"
        )
    return manifest


def _check_equal(folder: Path, settings: dict[str, Any], dedup: Dedup) -> None:
    wanted = settings_of(dedup)
    for name, value in settings.items():
        if value != wanted.get(name):
            raise IndexFolderError(
                f"{folder} was made with dedup {name} = {value!r}, not {wanted.get(name)!r}; use the same, or another index"
            )


def _read(path: Path, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise IndexFolderError(f"{path} is damaged ({error}); restore it, or make the index again in a new folder") from error


def _encoded(value: Settings | Snapshot) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=2) + b"\n"
