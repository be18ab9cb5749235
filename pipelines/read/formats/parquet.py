"""Parquet: one row is one record, and its offset is the number of the row, from 0.

Only the columns of a document are read, and only the requested members of nested ones. pyarrow reads them and verifies the checksums of
pages that have one; polars reads files with types that pyarrow does not know. Damage fails all remaining rows of its row group.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.read.columns import ColumnCounts, Columns
from pipelines.read.heads import FileHead
from pipelines.read.reader import ReadContext, Reader
from pipelines.read.records import Address, RecordResult, Rejected, Unread, failed
from pipelines.read.rows import NumberedRow, read_row
from pipelines.text.nested import Row
from schemas.ledger import Outcome

_MAGIC: Final = b"PAR1"
_BATCH_ROWS: Final = 256
_DAMAGED: Final = Unread(Outcome.FAILED, "parquet_damaged")
_ARROW_ERRORS: Final = (pa.ArrowException, OSError, ValueError, LookupError, OverflowError)
"""What pyarrow raises for bytes and values that it cannot interpret."""
_POLARS_STRINGS: Final = (pl.String, pl.Categorical, pl.Enum, pl.Boolean)
_POLARS_ERRORS: Final = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


def read_parquet(path: Path, columns: Columns, counts: ColumnCounts) -> Iterator[RecordResult]:
    """Every row as a document or the reason why there is none. An unreadable file, or one without the text column, is one failed row."""
    try:
        table = open_table(path)
    except Rejected as rejected:
        yield Address(0), rejected.unread
        return
    if not table.has(columns.text):
        counts.rows += 1
        yield Address(0), Unread(Outcome.FAILED, "no_text_column")
        return
    for number, row in table.rows(columns.places):
        yield Address(number), row if isinstance(row, Unread) else read_row(row, columns, counts)
    counts.unreadable.update(table.unreadable)


def open_table(path: Path) -> Table:
    """The file, opened by a library that knows its types; Rejected with one of FILE_REASONS if none does."""
    with path.open("rb") as file:
        magic = file.read(len(_MAGIC))
    if magic != _MAGIC:
        raise failed("not_parquet" if magic else "empty_file")
    try:
        try:
            return Table(path, pq.ParquetFile(path, page_checksum_verification=True))
        except pa.ArrowNotImplementedError:
            return Table(path, None)
    except (pa.ArrowException, OSError, *_POLARS_ERRORS) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise failed("unreadable_file") from None


class Table:
    """An open Parquet file."""

    def __init__(self, path: Path, file: pq.ParquetFile | None) -> None:
        """`file` is None if polars reads the table."""
        self.file = file
        self.frame = None if file else pl.scan_parquet(path, glob=False, hive_partitioning=False)
        self.names: Sequence[str] = file.schema_arrow.names if file else self.frame.collect_schema().names()  # type: ignore[union-attr]
        self.unreadable: set[str] = set()
        """Columns that were left out because they could not be read; complete once all rows have been read."""

    def has(self, name: str) -> bool:
        """Whether there is a column with this name, or one that may have it as a member."""
        return any(root in self.names for root in _roots(name))

    def example(self) -> Row:
        """A row of nulls with every column, and with every member of columns that are structs."""
        if self.file is not None:
            kinds = {field.name: field.type for field in self.file.schema_arrow}
            return {name: {m.name: None for m in kind} if pa.types.is_struct(kind) else None for name, kind in kinds.items()}
        return dict.fromkeys(self.names)

    def rows(self, requested: Collection[str]) -> Iterator[NumberedRow]:
        """(number, plain values or why they cannot be read) of every row: the requested columns and members, and all plain columns.

        A row fails if a requested column of it cannot be read.
        """
        if self.file is not None:
            yield from _arrow_rows(self.file, requested, self.unreadable)
        elif self.frame is not None:
            yield from _polars_rows(self.frame, requested, self.unreadable)


def _roots(name: str) -> Iterator[str]:
    """The columns that may hold what a dotted name means, longest name first: "a.b" -> "a.b", "a"."""
    while name:
        yield name
        name = name.rpartition(".")[0]


# --- pyarrow ---------------------------------------------------------------------------------------------------------


def _arrow_columns(schema: pa.Schema, requested: Collection[str]) -> list[str]:
    kinds = {field.name: field.type for field in schema}  # the last column of a name counts, as for members of an object
    wanted = {name: None for name, kind in kinds.items() if name in requested or _is_plain(kind)}
    for name in sorted(requested):
        for root in _roots(name):
            if (kind := kinds.get(root)) is not None:
                if pa.types.is_struct(kind) or pa.types.is_map(kind):
                    wanted.setdefault(name if pa.types.is_struct(kind) else root)
                break
    return list(wanted)


def _arrow_rows(file: pq.ParquetFile, requested: Collection[str], unreadable: set[str]) -> Iterator[NumberedRow]:
    needed = {root for name in requested for root in _roots(name)}
    first = 0
    for group in range(file.num_row_groups):
        readable = _arrow_columns(file.schema_arrow, requested)
        n_rows, n_done = file.metadata.row_group(group).num_rows, 0
        while n_done < n_rows:
            at = 0
            try:
                for rows in _batches(file, group, readable):
                    for row in rows[max(0, n_done - at) :]:
                        yield first + n_done, row
                        n_done += 1
                    at += len(rows)
                break
            except _ARROW_ERRORS:
                broken = {name for name in readable if not _reads(file, group, name)}
                if not broken or broken & needed:
                    break
                unreadable |= broken
                readable = [name for name in readable if name not in broken]
        yield from ((first + number, _DAMAGED) for number in range(n_done, n_rows))
        first += n_rows


def _batches(file: pq.ParquetFile, group: int, names: Sequence[str]) -> Iterator[list[Row]]:
    for batch in file.iter_batches(batch_size=_BATCH_ROWS, row_groups=[group], columns=names):
        columns = [_values(column) for column in batch.columns]
        found = batch.schema.names
        yield [dict(zip(found, row, strict=True)) for row in zip(*columns, strict=True)] if columns else [{}] * batch.num_rows


def _reads(file: pq.ParquetFile, group: int, name: str) -> bool:
    try:
        for _ in _batches(file, group, [name]):
            pass
    except _ARROW_ERRORS:
        return False
    return True


def _is_plain(kind: pa.DataType) -> bool:
    tests = (_is_string, pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, _is_moment)
    return any(is_kind(kind) for is_kind in tests)


def _is_moment(kind: pa.DataType) -> bool:
    return bool(pa.types.is_timestamp(kind) or pa.types.is_date(kind) or pa.types.is_time(kind))


def _is_string(kind: pa.DataType) -> bool:
    if isinstance(kind, pa.BaseExtensionType):
        return _is_string(kind.storage_type)
    if pa.types.is_dictionary(kind):
        return _is_string(kind.value_type)
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _values(column: pa.Array) -> list[object]:
    """Python values: moments as ISO strings, and U+FFFD for bytes of strings that are not UTF-8."""
    if _is_moment(column.type):
        texts = column.cast(pa.string()).to_pylist()
        return [None if text is None or text.startswith("<") else text for text in texts]  # "<value out of range: ...>"
    try:
        return list(column.to_pylist())
    except UnicodeDecodeError:
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        return [_decoded(value) for value in column.cast(_as_bytes(column.type)).to_pylist()]


def _as_bytes(kind: pa.DataType) -> pa.DataType:
    """The type with bytes in place of strings."""
    if _is_string(kind):
        return pa.large_binary()
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_as_bytes(field.type)) for field in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_as_bytes(kind.value_type)))
    return kind


def _decoded(value: object) -> object:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list):
        return [_decoded(inner) for inner in value]
    if isinstance(value, dict):
        return {key: _decoded(inner) for key, inner in value.items()}
    return value


# --- polars ----------------------------------------------------------------------------------------------------------


def _polars_rows(frame: pl.LazyFrame, requested: Collection[str], unreadable: set[str]) -> Iterator[NumberedRow]:
    """If a column that was not requested cannot be read, the remaining rows have the requested ones alone."""
    schema = frame.collect_schema()
    needed = [name for name in schema if any(name in _roots(place) for place in requested)]
    moments = [name for name, kind in schema.items() if kind in (pl.Date, pl.Datetime, pl.Time)]
    plain = [name for name, kind in schema.items() if name in moments or kind.is_numeric() or kind in _POLARS_STRINGS]
    n_rows = frame.select(pl.len()).collect().item()
    number = 0
    for wanted in (list(dict.fromkeys([*needed, *plain])), needed):
        try:
            texts = [pl.col(name).cast(pl.String) for name in moments if name in wanted]
            for batch in frame.select(wanted).slice(number).collect_batches(chunk_size=_BATCH_ROWS, maintain_order=True):
                for row in batch.with_columns(texts).iter_rows(named=True):
                    yield number, row
                    number += 1
        except _POLARS_ERRORS:
            unreadable |= set(plain) - set(needed)
        else:
            return
    yield from ((left, _DAMAGED) for left in range(number, n_rows))


# --- The format ------------------------------------------------------------------------------------------------------


def _read(path: Path, name: str, context: ReadContext) -> Iterator[RecordResult]:
    return read_parquet(path, context.columns, context.column_counts)


def _example_rows(path: Path, names: Collection[str]) -> Iterator[Row]:
    """The schema as a row; then, if one of the names may be a member of a column, the readable rows."""
    table = open_table(path)
    yield table.example()
    if any("." in name and table.has(name) for name in names):
        yield from (row for _, row in table.rows(names) if not isinstance(row, Unread))


def _n_rows(path: Path) -> float:
    try:
        return float(pq.read_metadata(path).num_rows)
    except (ValueError, OSError, LookupError):
        return 0.0


def _has_magic(head: FileHead) -> bool:
    return head.stored.startswith(_MAGIC)


READER: Final = Reader(
    format="parquet",
    title="Parquet",
    suffixes=(".parquet", ".pq"),
    read=_read,
    takes_compression=False,
    sniff=_has_magic,
    is_unmistakable=True,
    rows=_example_rows,
    estimate=_n_rows,
)
