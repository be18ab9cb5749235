"""A look into the files of a source without reading all of them: whether each can be read, and the first records of some.

Of a large file in a format that allows it, only the beginning is decoded, in memory, and read like a file of its own. A look then costs the
same for any size.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, NamedTuple

from pipelines.read.batches import ReadBatch, one_batch, read_file
from pipelines.read.columns import ColumnCounts
from pipelines.read.heads import decoded_head, without_compression
from pipelines.read.reader import ReadContext, Reader
from pipelines.read.readers import detect, reader_of
from pipelines.read.records import FILE_REASONS, Address, Document, RecordResult, Rejected, Unread
from pipelines.text.nested import column_names
from schemas.file_names import printable
from schemas.ledger import Outcome
from schemas.recipe import Read, Source
from schemas.splits import Split

SAMPLE_FILES: Final = 16
SAMPLE_RECORDS: Final = 64
"""From each sampled file."""
SAMPLE_SMALL_FILES: Final = 512
"""Of formats where each file is one record."""
SAMPLE_CHARS: Final = 32 << 20
"""Of text, from one source."""
HEAD_BYTES: Final = 1 << 20
OPENING_BYTES: Final = 1 << 16


class InputFile(NamedTuple):
    """One file of a source."""

    path: Path
    name: str
    reader: Reader
    size: int
    """In bytes; 0 if the file cannot be found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The result of a look into the files of a source."""

    n_files: int
    n_bytes: int
    """Of all files, as stored."""
    bad_files: list[tuple[str, str]]
    """(name, reason) of every file that cannot be read."""
    columns: list[str]
    """Column names of rows."""
    column_counts: ColumnCounts
    batch: ReadBatch
    """The sampled records."""
    weights: dict[str, float]
    """File name -> how many records of the whole source each of its sampled records represents."""


@dataclass(slots=True)
class _Look:
    """The result of a look into one file."""

    results: list[RecordResult] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)
    n_records: float = 0.0
    """Estimate for the whole file."""

    @property
    def bad(self) -> str | None:
        """Why the file cannot be read; None if it can."""
        return next((result.reason for _, result in self.results if isinstance(result, Unread) and result.reason in FILE_REASONS), None)


def sample_source(name: str, source: Source, splits: Sequence[Split], read: Read) -> Sample:
    """Open every file of a source, and read the first records of some of its files, spread evenly over their names."""
    files = [_input_file(split, file) for split in splits if split.source == name for file in split.files]
    chosen, n_chars, context = set(_spread(files)), 0, ReadContext(source, read)
    results: list[tuple[str, RecordResult]] = []
    bad_files: list[tuple[str, str]] = []
    columns: dict[str, None] = {}
    looked: dict[InputFile, float] = {}
    for file in files:
        is_chosen = file in chosen and n_chars < SAMPLE_CHARS
        look = _look(file, context) if is_chosen else _look_at_opening(file, source, read)
        if look.bad:
            bad_files.append((file.name, look.bad))
        if is_chosen:
            results += [(file.name, result) for result in look.results]
            columns |= dict.fromkeys(look.columns)
            n_chars += sum(len(result.text) for _, result in look.results if isinstance(result, Document))
            looked[file] = look.n_records / max(1, len(look.results))
    n_bytes, n_looked = _bytes_by_format(files), _bytes_by_format(looked)
    return Sample(
        n_files=len(files),
        n_bytes=sum(file.size for file in files),
        bad_files=bad_files,
        columns=list(columns),
        column_counts=context.column_counts,
        batch=one_batch(name, source, results),
        weights={file.name: n * n_bytes[file.reader.format] / max(1, n_looked[file.reader.format]) for file, n in looked.items()},
    )


def _bytes_by_format(files: Iterable[InputFile]) -> Counter[str]:
    sizes: Counter[str] = Counter()
    for file in files:
        sizes[file.reader.format] += file.size
    return sizes


def _input_file(split: Split, file: str) -> InputFile:
    path = Path(split.root) / file
    try:
        size = path.stat().st_size
    except OSError:  # opening the file reports it
        size = 0
    return InputFile(path, printable(file), reader_of(split.format), size)


def _spread(files: list[InputFile]) -> Iterator[InputFile]:
    """The files to sample, spread evenly over the names."""
    for is_one_record, most in ((False, SAMPLE_FILES), (True, SAMPLE_SMALL_FILES)):
        some = [file for file in files if file.reader.is_one_record == is_one_record]
        yield from some[:: max(1, -(-len(some) // most))]


def _look_at_opening(file: InputFile, source: Source, read: Read) -> _Look:
    """The first record; for a large file that is one record, only whether it can be opened."""
    if file.reader.is_one_record and file.size > OPENING_BYTES:
        try:
            file.path.open("rb").close()
        except OSError:
            return _Look([(Address(0), Unread(Outcome.FAILED, "unreadable_file"))])
        return _Look()
    with _beginning(file, OPENING_BYTES) as beginning:
        return _Look(_first_results(file, beginning, ReadContext(source, read), 1))


def _look(file: InputFile, context: ReadContext) -> _Look:
    """The first records, the columns, and an estimate of the number of records."""
    with _beginning(file, HEAD_BYTES) as beginning:
        results = _first_results(file, beginning, context, SAMPLE_RECORDS)
        look = _Look(results, n_records=float(len(results)))
        if look.bad:
            return look
        look.columns = _columns(beginning.path, file.reader)
    if len(results) >= SAMPLE_RECORDS or beginning.is_cut:
        look.n_records = max(look.n_records, file.reader.estimate(file.path))
    return look


class _Beginning(NamedTuple):
    """The part of a file that is read for a sample."""

    path: Path
    is_cut: bool
    """Whether it is only what the first bytes of the file decode to, uncompressed."""


def _first_results(file: InputFile, beginning: _Beginning, context: ReadContext, n: int) -> list[RecordResult]:
    """Up to the first `n` results; a failure at the cut says nothing about the file and is left out."""
    name = without_compression(file.name) if beginning.is_cut else file.name
    results = list(islice(read_file(beginning.path, name, file.reader, context), n + 1))
    if beginning.is_cut and len(results) <= n and results and isinstance(results[-1][1], Unread):
        results.pop()
    return results[:n]


@contextmanager
def _beginning(file: InputFile, n_bytes: int) -> Iterator[_Beginning]:
    """The beginning of a file larger than `n_bytes` if its format allows that, else the file itself."""
    head = _decoded_beginning(file, n_bytes) if file.size > n_bytes and hasattr(os, "memfd_create") else b""
    if not head:
        yield _Beginning(file.path, False)
        return
    descriptor = os.memfd_create("sample")  # no text is written to a disk
    try:
        with open(descriptor, "wb", closefd=False) as memory:
            memory.write(head)
        yield _Beginning(Path(f"/proc/self/fd/{descriptor}"), True)
    finally:
        os.close(descriptor)


def _decoded_beginning(file: InputFile, n_bytes: int) -> bytes:
    """What the first bytes decode to; b"" if the file has to be read itself."""
    try:
        if not file.reader.can_be_cut or not (detect(file.path).reader or file.reader).can_be_cut:
            return b""
        with file.path.open("rb") as opened:
            return decoded_head(opened, n_bytes)
    except OSError:
        return b""  # reading the file reports it


def _columns(path: Path, reader: Reader) -> list[str]:
    """The column names in the first rows; none for formats without columns."""
    try:
        return column_names(islice(reader.rows(path, ()), SAMPLE_RECORDS)) if reader.rows else []
    except (Rejected, OSError):
        return []
