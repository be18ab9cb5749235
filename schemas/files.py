"""Files that are either whole or absent, and their digests."""

from __future__ import annotations

import functools
import hashlib
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

TEMPORARY_SUFFIX = ".partial"

_P = ParamSpec("_P")
_R = TypeVar("_R")


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """A finished file as the manifest records it; `path` is relative to the run folder."""

    path: str
    n_bytes: int
    sha256: str
    n_rows: int | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a path outside the folder: a manifest may come from elsewhere."""
        check_within(self.path)


def check_within(path: str) -> None:
    """Raise ValueError unless the path, relative to a folder, stays within the folder."""
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise ValueError(f"{path!r} is not a path within the folder")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`: synced and renamed to `path` when the block ends, deleted when it raises.

    The temporary name contains the process id, so that a retry in another process never writes into the same file.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}{TEMPORARY_SUFFIX}")
    try:
        yield temporary
        with temporary.open("rb") as written:
            os.fsync(written.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def put_if_absent(path: Path, content: bytes) -> bool:
    """Write a whole file if there is none of its name; otherwise do nothing and return False.

    If several processes try at once, exactly one succeeds. The file system must support hard links.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.{uuid.uuid4().hex}{TEMPORARY_SUFFIX}")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        temporary.unlink(missing_ok=True)
    return True


def sha256_of(path: Path) -> str:
    """Hex sha256 of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def entry(path: Path, root: Path, n_rows: int | None = None) -> FileEntry:
    """The manifest's entry for a finished file below `root`."""
    return FileEntry(path=str(path.relative_to(root)), n_bytes=path.stat().st_size, sha256=sha256_of(path), n_rows=n_rows)


def cached_by_file(read: Callable[_P, _R]) -> Callable[_P, _R]:
    """Cache the results of `read(path, ...)` for as long as the file keeps its size and modification time."""
    results: dict[object, _R] = {}

    @functools.wraps(read)
    def current(*args: _P.args, **more: _P.kwargs) -> _R:
        call = (_stamp(args[0]), args, tuple(more.items()))
        if call not in results:
            results[call] = read(*args, **more)
        return results[call]

    return current


def _stamp(path: object) -> tuple[int, int] | None:
    """(bytes, modification time in ns); None if there is no such file, which `read` reports."""
    if not isinstance(path, str | os.PathLike):
        return None
    try:
        stat = Path(path).stat()
    except (OSError, ValueError):
        return None
    return stat.st_size, stat.st_mtime_ns
