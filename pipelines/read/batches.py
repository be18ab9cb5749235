"""A split -> batches of documents and of ledger rows: every input record is in exactly one of them.

Readers yield one result per record. Here results become columns, and columns batches of bounded size.
"""

from __future__ import annotations

import errno
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec
import pyarrow as pa

from pipelines.read.columns import ColumnCounts
from pipelines.read.reader import ReadContext, Reader
from pipelines.read.readers import reader_for_content, reader_of
from pipelines.read.records import FILE_REASONS, Address, Document, RecordResult, Rejected, Unread
from schemas.errors import InputError
from schemas.file_names import printable
from schemas.hops import DOCUMENT, LEDGER, MAX_BATCH_BYTES, MAX_BATCH_ROWS
from schemas.ledger import Outcome
from schemas.recipe import Read, Source
from schemas.splits import Split

_DOC_ID_BYTES: Final = 16
_MACHINE_ERRORS: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT)
"""The machine lacks something, whatever file is read."""


@dataclass(frozen=True, slots=True)
class ReadBatch:
    """The results of some records of a split."""

    documents: pa.RecordBatch
    """DOCUMENT rows."""
    failures: pa.RecordBatch
    """LEDGER rows of records without a document."""
    lost_bytes: int
    """Stored bytes that cannot be read and held an unknown number of records."""
    passed_over: Counter[str]
    """Intact records that are not input, by kind."""

    @property
    def n_records(self) -> int:
        """Input records: each is one row."""
        return int(self.documents.num_rows + self.failures.num_rows)


def read_split(split: Split, source: Source, read: Read, counts: ColumnCounts | None = None) -> Iterator[ReadBatch]:
    """Read the files of a split in order, and add the columns of their rows to `counts`.

    A file that cannot be read (any further) is one failed row with one of FILE_REASONS.
    """
    builder = _BatchBuilder(split.source, source)
    context = ReadContext(source, read, ColumnCounts() if counts is None else counts, builder.passed_over)
    for file in split.files:
        name = printable(file)
        for address, result in read_file(Path(split.root) / file, name, reader_of(split.format), context):
            if isinstance(result, Unread):
                builder.add_failure(name, address, result)
            else:
                text = result.text.encode("utf-8", "replace")
                if builder.n_bytes + len(text) > MAX_BATCH_BYTES and builder.n_rows:
                    yield builder.take()
                builder.add_document(name, address, result, text)
            if builder.n_rows == MAX_BATCH_ROWS:
                yield builder.take()
    if builder.n_rows or builder.passed_over:
        yield builder.take()


def read_whole_split(split: Split, source: Source, read: Read) -> Iterator[ReadBatch]:
    """The batches of `read_split`; InputError names the first file that cannot be read."""
    for batch in read_split(split, source, read):
        for row in batch.failures.select(["origin_file", "reason"]).to_pylist():
            if row["reason"] in FILE_REASONS:
                raise InputError("CM-READ-001", f"{row['origin_file']}: cannot be read ({row['reason']}); repair it or leave it out")
        yield batch


def read_file(path: Path, name: str, planned: Reader, context: ReadContext) -> Iterator[RecordResult]:
    """The records of one file: each with its address, and its document or the reason why there is none.

    If the file cannot be read (any further), the last result says why.
    """
    next_offset = 0
    try:
        for address, result in reader_for_content(path, planned, context.source.format).read(path, name, context):
            next_offset = address.offset + 1
            yield address, _with_file_size(result, path) if isinstance(result, Unread) else result
    except Rejected as rejected:
        yield Address(next_offset), _with_file_size(rejected.unread, path)
    except OSError as error:
        if error.errno in _MACHINE_ERRORS:
            raise
        yield Address(next_offset), _with_file_size(Unread(Outcome.FAILED, "unreadable_file"), path)


def _with_file_size(unread: Unread, path: Path) -> Unread:
    """A failed file accounts for all of its bytes; other results stay as they are."""
    if unread.reason not in FILE_REASONS or unread.lost_bytes:
        return unread
    try:
        return unread._replace(lost_bytes=path.stat().st_size)
    except OSError:
        return unread


def one_batch(source_name: str, source: Source, results: Iterable[tuple[str, RecordResult]]) -> ReadBatch:
    """Results, each with the name of its file, as one batch of any size."""
    builder = _BatchBuilder(source_name, source)
    for name, (address, result) in results:
        if isinstance(result, Unread):
            builder.add_failure(name, address, result)
        else:
            builder.add_document(name, address, result, result.text.encode("utf-8", "replace"))
    return builder.take()


_Cells = tuple[object, ...]


@dataclass(slots=True)
class _BatchBuilder:
    """Collects rows, and turns them into columns."""

    source_name: str
    source: Source
    documents: list[_Cells] = field(default_factory=list)
    """Cells in the order of DOCUMENT."""
    failures: list[_Cells] = field(default_factory=list)
    """Cells in the order of LEDGER."""
    n_bytes: int = 0
    lost_bytes: int = 0
    passed_over: Counter[str] = field(default_factory=Counter)

    @property
    def n_rows(self) -> int:
        return len(self.documents) + len(self.failures)

    def add_document(self, file: str, address: Address, document: Document, text: bytes) -> None:
        meta = msgspec.json.encode(document.meta).decode() if document.meta else None
        licence = document.licence or self.source.licence
        head = (doc_id(document.url, text), self.source_name, self.source.source_class, document.url, file, *address)
        self.documents.append((*head, document.fetched_at, licence, document.rights, meta, text))
        self.n_bytes += len(text)

    def add_failure(self, file: str, address: Address, unread: Unread) -> None:
        # Arrow refuses integers that a double cannot hold exactly, such as the content length of a broken record.
        value, limit = (None if number is None else float(number) for number in (unread.value, unread.limit))
        ending = (unread.outcome.value, unread.reason, value, limit, None)
        self.lost_bytes += unread.lost_bytes
        self.failures.append((file, *address, None, self.source_name, None, "read", *ending))

    def take(self) -> ReadBatch:
        documents, failures = _columns(self.documents, DOCUMENT), _columns(self.failures, LEDGER)
        batch = ReadBatch(documents, failures, self.lost_bytes, self.passed_over.copy())
        self.documents, self.failures, self.n_bytes, self.lost_bytes = [], [], 0, 0
        self.passed_over.clear()  # not a new counter: the reader of a file goes on counting in it
        return batch


def _columns(rows: Sequence[_Cells], schema: pa.Schema) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def doc_id(url: str | None, text: bytes) -> bytes:
    """16 bytes that depend only on URL and content; documents without a URL differ by content alone."""
    digest = hashlib.blake2b((url or "").encode("utf-8", "replace"), digest_size=_DOC_ID_BYTES)
    digest.update(b"\0")
    digest.update(text)
    return digest.digest()
