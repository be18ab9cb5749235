"""A split -> batches of documents and of ledger rows: every input record is in exactly one of them.

The format readers yield one item per record; here items become columns, and columns batches of bounded size.
"""

from __future__ import annotations

import errno
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa

from pipelines.read.columns import Columns, Seen
from pipelines.read.files import language_of, read_file
from pipelines.read.pages import read_record
from pipelines.read.parquet import read_parquet
from pipelines.read.records import FILE_REASONS, Address, Document, Item, Rejected, Unread, failed
from pipelines.read.rows import read_jsonl
from pipelines.read.sniff import content_of, is_json_lines
from pipelines.read.warc import Record, read_records
from schemas.errors import InputError
from schemas.file_names import printable
from schemas.hops import DOCUMENT, LEDGER, MAX_BATCH_BYTES, MAX_BATCH_ROWS
from schemas.ledger import Outcome
from schemas.recipe import Read, Source
from schemas.splits import Split

_DOC_ID_BYTES: Final = 16
_COMPRESSED: Final = (".gz", ".zst", ".bz2", ".xz")
_NOT_OF_THE_FILE: Final = (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOSPC, errno.EDQUOT)
"""What the machine lacks, whatever is read."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a stretch of a split holds: DOCUMENT rows, LEDGER rows, and how many records they are."""

    documents: pa.RecordBatch
    failures: pa.RecordBatch
    lost_bytes: int
    """Bytes that cannot be read, as stored, of which it is not known how many records they held."""
    passed_over: Counter[str]
    """WARC records that are no input, by kind."""

    @property
    def n_records(self) -> int:
        """Input records read: one row each."""
        return int(self.documents.num_rows + self.failures.num_rows)


def read_split(split: Split, source: Source, read: Read, seen: Seen | None = None) -> Iterator[Found]:
    """Read the files of a split in order. What rows have is added to `seen`.

    A file that cannot be read is one failed row with one of FILE_REASONS.
    """
    seen = Seen() if seen is None else seen
    batch = _Batch(split.source, source)
    for file in split.files:
        name = printable(file)
        for address, item in read_items(Path(split.root) / file, name, split.format, source, read, seen, batch.passed_over):
            if isinstance(item, Unread):
                batch.add_failure(name, address, item)
            else:
                text = item.text.encode("utf-8", "replace")
                if batch.n_bytes + len(text) > MAX_BATCH_BYTES and batch.n_rows:
                    yield batch.take()
                batch.add_document(name, address, item, text)
            if batch.n_rows == MAX_BATCH_ROWS:
                yield batch.take()
    if batch.n_rows or batch.passed_over:
        yield batch.take()


def read_whole(split: Split, source: Source, read: Read) -> Iterator[Found]:
    """What `read_split` yields, where every file is to be read: InputError names the first that cannot be."""
    for found in read_split(split, source, read):
        for row in found.failures.select(["origin_file", "reason"]).to_pylist():
            if row["reason"] in FILE_REASONS:
                raise InputError(f"{row['origin_file']}: cannot be read ({row['reason']}); mend it or leave it out")
        yield found


def read_items(path: Path, name: str, format_: str, source: Source, read: Read, seen: Seen, passed_over: Counter[str]) -> Iterator[Item]:
    """The records of one file, each with its address and the document it holds or the reason why it holds none.

    Where the file cannot be read, or not further, the last item says why.
    """
    following = 0
    try:
        for address, item in _records(path, name, _format_in(path, format_, source.format), source, read, seen, passed_over):
            following = address.offset + 1
            yield address, _with_bytes(item, path) if isinstance(item, Unread) else item
    except Rejected as rejected:
        yield Address(following), _with_bytes(rejected.unread, path)
    except OSError as error:
        if error.errno in _NOT_OF_THE_FILE:
            raise
        yield Address(following), _with_bytes(Unread(Outcome.FAILED, "unreadable_file"), path)


def _with_bytes(unread: Unread, path: Path) -> Unread:
    """What says that a file cannot be read stands for all of its bytes."""
    if unread.reason not in FILE_REASONS or unread.lost_bytes:
        return unread
    try:
        return unread._replace(lost_bytes=path.stat().st_size)
    except OSError:
        return unread


def _format_in(path: Path, format_: str, stated: str) -> str:
    """The format to read a file in: that of its first bytes, where they leave no doubt and no other is stated."""
    if format_ in ("text", "code"):
        if path.suffix.lower() in _COMPRESSED and not path.stat().st_size:
            raise failed("empty_file")
        return format_
    if not path.stat().st_size:
        if format_ == "jsonl" and path.suffix.lower() not in _COMPRESSED:
            return format_
        raise failed("empty_file")
    content = content_of(path)
    if content in ("warc", "parquet") and content != format_:
        if stated != "auto":
            raise failed("wrong_format")
        return content
    if format_ == "jsonl" and content != "jsonl" and not is_json_lines(path):
        raise failed("not_json_lines")
    return format_


def _records(path: Path, name: str, format_: str, source: Source, read: Read, seen: Seen, passed_over: Counter[str]) -> Iterator[Item]:
    if format_ == "warc":
        for found in read_records(path, name, read.max_record_bytes, read.max_window_bytes, passed_over):
            yield (found.address, read_record(found, read)) if isinstance(found, Record) else found
    elif format_ == "jsonl":
        columns = Columns(source.text_column, source.url_column)
        yield from read_jsonl(path, columns, read.max_record_bytes, seen, read.max_window_bytes)
    elif format_ == "parquet":
        yield from read_parquet(path, Columns(source.text_column, source.url_column), seen)
    else:
        language = (language_of(path) or "unknown") if format_ == "code" else None
        yield Address(0), read_file(path, name, language, read.max_record_bytes, read.max_window_bytes)


def found_in(source_name: str, source: Source, items: Iterable[tuple[str, Address, Document | Unread]]) -> Found:
    """Items, each with the name of its file, as one batch, however large."""
    batch = _Batch(source_name, source)
    for name, address, item in items:
        if isinstance(item, Unread):
            batch.add_failure(name, address, item)
        else:
            batch.add_document(name, address, item, item.text.encode("utf-8", "replace"))
    return batch.take()


@dataclass(slots=True)
class _Batch:
    """Rows on their way to becoming columns."""

    source_name: str
    source: Source
    documents: list[tuple[Any, ...]] = field(default_factory=list)
    failures: list[tuple[Any, ...]] = field(default_factory=list)
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
        # Arrow refuses integers that a double does not hold exactly, such as the content length of a broken record.
        value, limit = (None if number is None else float(number) for number in (unread.value, unread.limit))
        ending = (unread.outcome.value, unread.reason, value, limit, None)
        self.lost_bytes += unread.lost_bytes
        self.failures.append((file, *address, None, self.source_name, None, "read", *ending))

    def take(self) -> Found:
        documents, failures = _columns(self.documents, DOCUMENT), _columns(self.failures, LEDGER)
        found = Found(documents, failures, self.lost_bytes, self.passed_over.copy())
        self.documents, self.failures, self.n_bytes, self.lost_bytes = [], [], 0, 0
        self.passed_over.clear()  # the reader of a file goes on counting in it
        return found


def _columns(rows: list[tuple[Any, ...]], schema: pa.Schema) -> pa.RecordBatch:
    columns = list(zip(*rows, strict=True)) or [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def doc_id(url: str | None, text: bytes) -> bytes:
    """16 bytes that depend on content and address alone; rows without an address are told apart by content."""
    digest = hashlib.blake2b((url or "").encode("utf-8", "replace"), digest_size=_DOC_ID_BYTES)
    digest.update(b"\0")
    digest.update(text)
    return digest.digest()
