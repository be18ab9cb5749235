"""Parquet: one row is one record, its offset the number of the row, counted from 0.

Only columns that a document is made of are read, and of nested ones only the members that are asked for. pyarrow reads them, and checks
pages that have a checksum; polars reads files with types that pyarrow does not know. Damage costs the rest of its row group: each of its
rows fails.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.read.columns import Columns, Seen
from pipelines.read.records import Address, Item, Rejected, Unread, failed
from pipelines.read.rows import Row, read_row
from schemas.ledger import Outcome

NumberedRow = tuple[int, Row | Unread]
_BATCH_ROWS: Final = 256
_DAMAGED: Final = Unread(Outcome.FAILED, "parquet_damaged")
_ARROW_ERRORS: Final = (pa.ArrowException, OSError, ValueError, LookupError, OverflowError)
"""What pyarrow raises for bytes and values that it can make nothing of."""
_POLARS_ERRORS: Final = (pl.exceptions.PolarsError, pl.exceptions.PanicException)


def read_parquet(path: Path, columns: Columns, seen: Seen) -> Iterator[Item]:
    """Every row as a document or the reason why it is none; a file that cannot be read, or that lacks the text column, is one row."""
    try:
        table = open_table(path)
    except Rejected as rejected:
        yield Address(0), rejected.unread
        return
    if not table.has(columns.text):
        seen.rows += 1
        yield Address(0), Unread(Outcome.FAILED, "no_text_column")
        return
    for number, row in table.rows(columns.places):
        yield Address(number), row if isinstance(row, Unread) else read_row(row, columns, seen)
    seen.unreadable.update(table.unreadable)


def open_table(path: Path) -> Table:
    """The file, opened by a library that knows its types; Rejected with one of FILE_REASONS where none does."""
    with path.open("rb") as file:
        magic = file.read(4)
    if magic != b"PAR1":
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
        """`file` is None where polars is to read it."""
        self.file = file
        self.frame = None if file else pl.scan_parquet(path, glob=False, hive_partitioning=False)
        self.names: Sequence[str] = file.schema_arrow.names if file else self.frame.collect_schema().names()  # type: ignore[union-attr]
        self.unreadable: set[str] = set()
        """Columns that could not be read and are left out, known when the rows have been read."""

    def has(self, name: str) -> bool:
        """Whether there is a column of this name, or one that it may be a member of."""
        return any(root in self.names for root in _roots(name))

    def example(self) -> Row:
        """A row of nulls that has every column, and every member of those that are structs."""
        if self.file is not None:
            kinds = {field.name: field.type for field in self.file.schema_arrow}
            return {name: {m.name: None for m in kind} if pa.types.is_struct(kind) else None for name, kind in kinds.items()}
        return dict.fromkeys(self.names)

    def rows(self, asked: Collection[str]) -> Iterator[NumberedRow]:
        """(number, plain values or why they cannot be read) of every row: the columns and members asked for, and all plain columns.

        Where one that is asked for cannot be read, the row cannot be.
        """
        if self.file is not None:
            yield from _arrow_rows(self.file, asked, self.unreadable)
        elif self.frame is not None:
            yield from _polars_rows(self.frame, asked, self.unreadable)


def _roots(name: str) -> Iterator[str]:
    """The column that a dotted name may be one of, or a member of: the longest name first."""
    while name:
        yield name
        name = name.rpartition(".")[0]


# --- pyarrow ---------------------------------------------------------------------------------------------------------


def _wanted_by_arrow(schema: pa.Schema, asked: Collection[str]) -> list[str]:
    kinds = {field.name: field.type for field in schema}  # of columns of one name the last, as of members of an object
    wanted = {name: None for name, kind in kinds.items() if name in asked or _is_plain(kind)}
    for name in sorted(asked):
        for root in _roots(name):
            if (kind := kinds.get(root)) is not None:
                if pa.types.is_struct(kind) or pa.types.is_map(kind):
                    wanted.setdefault(name if pa.types.is_struct(kind) else root)
                break
    return list(wanted)


def _arrow_rows(file: pq.ParquetFile, asked: Collection[str], unreadable: set[str]) -> Iterator[NumberedRow]:
    needed = {root for name in asked for root in _roots(name)}
    first = 0
    for group in range(file.num_row_groups):
        readable = _wanted_by_arrow(file.schema_arrow, asked)
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


def _values(column: pa.Array) -> list[Any]:
    """Python values; moments as ISO strings, strings that are no UTF-8 with U+FFFD."""
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
    """The type with bytes for strings."""
    if _is_string(kind):
        return pa.large_binary()
    if pa.types.is_struct(kind):
        return pa.struct([field.with_type(_as_bytes(field.type)) for field in kind])
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return pa.large_list(kind.value_field.with_type(_as_bytes(kind.value_type)))
    return kind


def _decoded(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list):
        return [_decoded(inner) for inner in value]
    if isinstance(value, dict):
        return {key: _decoded(inner) for key, inner in value.items()}
    return value


# --- polars ----------------------------------------------------------------------------------------------------------


def _polars_rows(frame: pl.LazyFrame, asked: Collection[str], unreadable: set[str]) -> Iterator[NumberedRow]:
    """Where a column that nobody asked for cannot be read, only those asked for are read."""
    schema = frame.collect_schema()
    needed = [name for name in schema if any(name in _roots(place) for place in asked)]
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


_POLARS_STRINGS: Final = (pl.String, pl.Categorical, pl.Enum, pl.Boolean)
