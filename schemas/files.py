"""Files that are whole or not there, and their digests."""

from __future__ import annotations

import functools
import hashlib
import os
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

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
        """ValueError for a path that leads out of the folder: a manifest may come from elsewhere."""
        check_within(self.path)


def check_within(path: str) -> None:
    """ValueError unless the path, put behind a folder's, stays within it."""
    if Path(path).is_absolute() or ".." in Path(path).parts:
        raise ValueError(f"{path!r} is no path within the folder")


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A temporary path beside `path`, synced and renamed to it when the block ends, removed when it raises.

    The temporary name holds the process id, so that a retry in another process never writes into the same file.
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
    """Write a whole file where there is none of its name; False, and nothing done, where there is one.

    Of several processes that try at once exactly one succeeds. The file system must know hard links.
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
    """The manifest's entry of a finished file below `root`."""
    return FileEntry(path=str(path.relative_to(root)), n_bytes=path.stat().st_size, sha256=sha256_of(path), n_rows=n_rows)


def cached_by_file(read: Callable[_P, _R]) -> Callable[_P, _R]:
    """Remember what `read(path, ...)` returns, as long as the file keeps its size and modification time."""

    @functools.cache
    def remembered(stamp: tuple[int, int] | None, call: tuple[tuple[Any, ...], tuple[tuple[str, Any], ...]]) -> _R:
        args, more = call
        return read(*args, **dict(more))

    @functools.wraps(read)
    def current(*args: _P.args, **more: _P.kwargs) -> _R:
        return remembered(_stamp(args[0]), (args, tuple(more.items())))

    return current


def _stamp(path: Any) -> tuple[int, int] | None:
    try:
        stat = Path(path).stat()
    except (OSError, TypeError, ValueError):  # what reads it says so
        return None
    return stat.st_size, stat.st_mtime_ns
