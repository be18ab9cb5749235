"""A look into the files of a source without reading them: whether each can be read, and the first records of some.

Of a large archive or table only the beginning is decoded, in memory, and read like a file of its own, so that a look costs the same
whatever the size.
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePath
from typing import Final, NamedTuple

import pyarrow.parquet as pq

from pipelines.read.columns import Seen, names_in
from pipelines.read.parquet import open_table
from pipelines.read.reader import Found, found_in, read_items
from pipelines.read.records import FILE_REASONS, Address, Document, Rejected, Unread
from pipelines.read.rows import json_rows
from pipelines.read.sniff import content_of, decoded_head
from schemas.file_names import printable
from schemas.ledger import Outcome
from schemas.recipe import Read, Source
from schemas.splits import Split

SAMPLE_FILES: Final = 16
SAMPLE_RECORDS: Final = 64
"""Of each sampled file."""
SAMPLE_SMALL_FILES: Final = 512
"""Of text or code, of which each is one record."""
SAMPLE_CHARS: Final = 32 << 20
"""Of text, of a source."""
HEAD_BYTES: Final = 1 << 20
OPENING_BYTES: Final = 1 << 16
_COMPRESSED: Final = (".gz", ".zst", ".bz2", ".xz")
_WARC_INPUT: Final = re.compile(rb"^WARC-Type:[ \t]*(?:response|resource|conversion)", re.IGNORECASE | re.MULTILINE)

_Item = tuple[str, Address, Document | Unread]


class InputFile(NamedTuple):
    """One file of a source."""

    path: Path
    name: str
    format: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """What a look into the files of a source found."""

    n_files: int
    n_bytes: int
    """Of the files as stored."""
    bad_files: list[tuple[str, str]]
    """(name, reason) of every file that cannot be read."""
    columns: list[str]
    """Of rows."""
    seen: Seen
    found: Found
    stands_for: dict[str, float]
    """How many records of the whole each sampled record of a file stands for."""


@dataclass(slots=True)
class _Look:
    """What a look into one file found."""

    items: list[_Item] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    n_records: float = 0.0
    """Foreseen."""

    @property
    def bad(self) -> str | None:
        return next((item.reason for _, _, item in self.items if isinstance(item, Unread) and item.reason in FILE_REASONS), None)


def sample_source(name: str, source: Source, splits: Sequence[Split], read: Read) -> Sample:
    """Open every file of a source, and read the first records of files spread over it."""
    files = [_input_file(split, file) for split in splits if split.source == name for file in split.files]
    chosen, n_chars, seen = set(_spread(files)), 0, Seen()
    items: list[_Item] = []
    bad_files: list[tuple[str, str]] = []
    columns: dict[str, None] = {}
    looked: dict[InputFile, float] = {}
    for file in files:
        is_chosen = file in chosen and n_chars < SAMPLE_CHARS
        look = _look(file, source, read, seen) if is_chosen else _opened(file, source, read)
        if look.bad:
            bad_files.append((file.name, look.bad))
        if is_chosen:
            items += look.items
            columns |= dict.fromkeys(look.columns)
            n_chars += sum(len(item.text) for _, _, item in look.items if isinstance(item, Document))
            looked[file] = look.n_records / max(1, len(look.items))
    n_bytes, n_looked = _sizes(files), _sizes(looked)
    return Sample(
        n_files=len(files),
        n_bytes=sum(file.size for file in files),
        bad_files=bad_files,
        columns=list(columns),
        seen=seen,
        found=found_in(name, source, items),
        stands_for={file.name: n * n_bytes[file.format] / max(1, n_looked[file.format]) for file, n in looked.items()},
    )


def _sizes(files: Iterable[InputFile]) -> Counter[str]:
    """Bytes by format."""
    sizes: Counter[str] = Counter()
    for file in files:
        sizes[file.format] += file.size
    return sizes


def _input_file(split: Split, file: str) -> InputFile:
    path = Path(split.root) / file
    try:
        size = path.stat().st_size
    except OSError:  # whoever opens it says so
        size = 0
    return InputFile(path, printable(file), split.format, size)


def _spread(files: list[InputFile]) -> Iterator[InputFile]:
    """Files to sample, evenly spread over the names."""
    for is_small, most in ((False, SAMPLE_FILES), (True, SAMPLE_SMALL_FILES)):
        some = [file for file in files if (file.format in ("text", "code")) == is_small]
        yield from some[:: max(1, -(-len(some) // most))]


def _opened(file: InputFile, source: Source, read: Read) -> _Look:
    """The first record; of a large text only that it can be opened."""
    if file.format in ("text", "code") and file.size > OPENING_BYTES:
        try:
            file.path.open("rb").close()
        except OSError:
            return _Look([(file.name, Address(0), Unread(Outcome.FAILED, "unreadable_file"))])
        return _Look()
    with _beginning(file, OPENING_BYTES) as (path, is_cut):
        return _Look(_first_items(file, path, source, read, Seen(), 1, is_cut=is_cut))


def _look(file: InputFile, source: Source, read: Read, seen: Seen) -> _Look:
    with _beginning(file, HEAD_BYTES) as (path, is_cut):
        items = _first_items(file, path, source, read, seen, SAMPLE_RECORDS, is_cut=is_cut)
        look = _Look(items, n_records=float(len(items)))
        if look.bad:
            return look
        if file.format in ("jsonl", "parquet"):
            look.columns = _columns(path, file.format)
    if len(items) >= SAMPLE_RECORDS or is_cut:
        look.n_records = max(look.n_records, _n_records(file))
    return look


def _first_items(file: InputFile, path: Path, source: Source, read: Read, seen: Seen, n: int, *, is_cut: bool) -> list[_Item]:
    """Up to `n` first items; one that fails at the end of a file that is cut says nothing and is left out."""
    name = file.name if not is_cut else _without_compression(file.name)
    items = list(islice(read_items(path, name, file.format, source, read, seen, Counter()), n + 1))
    if is_cut and len(items) <= n and items and isinstance(items[-1][1], Unread):
        items.pop()
    return [(file.name, address, item) for address, item in items[:n]]


@contextmanager
def _beginning(file: InputFile, n_bytes: int) -> Iterator[tuple[Path, bool]]:
    """(where to read, whether it is only what the first bytes of the file decode to)."""
    head = b""
    if file.size > n_bytes and file.format in ("warc", "jsonl") and hasattr(os, "memfd_create"):
        try:
            if content_of(file.path) != "parquet":
                with file.path.open("rb") as opened:
                    head = decoded_head(opened, n_bytes)
        except OSError:
            head = b""  # reading the file itself says why
    if not head:
        yield file.path, False
        return
    descriptor = os.memfd_create("sample")  # no text is written to a disk
    try:
        with open(descriptor, "wb", closefd=False) as memory:
            memory.write(head)
        yield Path(f"/proc/self/fd/{descriptor}"), True
    finally:
        os.close(descriptor)


def _without_compression(name: str) -> str:
    return name[: -len(ending)] if (ending := PurePath(name).suffix).lower() in _COMPRESSED else name


def _columns(path: Path, format_: str) -> list[str]:
    try:
        if format_ == "parquet":
            return names_in([open_table(path).example()])
        rows = (row for _, row in islice(json_rows(path, HEAD_BYTES), SAMPLE_RECORDS))
        return names_in(row for row in rows if not isinstance(row, Unread))
    except (Rejected, OSError):
        return []


def _n_records(file: InputFile) -> float:
    """Records that the file seems to have, by those in its first bytes."""
    if file.format in ("text", "code"):
        return 1.0
    if file.format == "parquet":
        try:
            return float(pq.read_metadata(file.path).num_rows)
        except (ValueError, OSError, LookupError):
            return 0.0
    with file.path.open("rb") as opened:
        head = decoded_head(opened, HEAD_BYTES)
    n = len(_WARC_INPUT.findall(head)) if file.format == "warc" else head.count(b"\n")
    return n * file.size / min(file.size, HEAD_BYTES)
