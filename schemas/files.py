"""Files that are whole or not there, and their digests."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

TEMPORARY_SUFFIX = ".partial"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileEntry:
    """A finished file as the manifest records it; `path` is relative to the run folder."""

    path: str
    n_bytes: int
    sha256: str
    n_rows: int | None = None


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


def sha256_of(path: Path) -> str:
    """Hex sha256 of the file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def entry(path: Path, root: Path, n_rows: int | None = None) -> FileEntry:
    """The manifest's entry of a finished file below `root`."""
    return FileEntry(path=str(path.relative_to(root)), n_bytes=path.stat().st_size, sha256=sha256_of(path), n_rows=n_rows)
