"""JSON Lines and Parquet: one row is one record, its offset the number of the line or row, counted from 0.

Blank lines are no records but count as lines. Of the other columns, numbers, truth values and short strings go to `meta`;
`licence` or `license` becomes the document's licence.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.read.decoders import MAX_WINDOW_BYTES
from pipelines.read.members import parts
from pipelines.read.parts import Part
from pipelines.read.records import Address, Document, Item, Meta, Rejected, Unread, dropped, failed, unread_part
from schemas.errors import InputError
from schemas.ledger import Outcome

_LICENCE_COLUMNS: Final = ("licence", "license")
_MAX_META_CHARS: Final = 256
_PARQUET_ROWS: Final = 256


class Columns(NamedTuple):
    """Which columns hold text and address."""

    text: str
    url: str


# --- JSON Lines ------------------------------------------------------------------------------------------------------


def read_jsonl(path: Path, name: str, columns: Columns, max_bytes: int, max_window: int = MAX_WINDOW_BYTES) -> Iterator[Item]:
    """Every line that is not blank, as a document or the reason why it is none; lines are numbered as far as they can be seen.

    Every line of a damaged part is a row, and the last one stands for the bytes of the part.
    """
    with path.open("rb") as file:
        for number, item in enumerate(_items(parts(file, name, max_window, _begins_like_a_row), columns, max_bytes)):
            if item is not None:
                yield Address(number), item


def _begins_like_a_row(part: Part) -> bool:
    return not part.damage or part.head.startswith(b"{")


def _items(stored: Iterable[Part], columns: Columns, max_bytes: int) -> Iterator[Document | Unread | None]:
    """What each line is, None for a blank one.

    A line beside damage may have lost an end: it is believed if it is a whole JSON object, which neither end of one is.
    """
    is_first, is_after_damage = True, False
    unfinished: Document | Unread | None = None
    for is_damaged, run in groupby(stored, lambda part: part.damage is not None):
        if is_damaged:
            if unfinished is not None and not _may_be_cut(unfinished):
                yield unfinished
            unfinished, is_after_damage = None, True
            for part in run:
                yield from _unread_lines(part, max_bytes)
            continue
        for line, lacks_checksum in _lines_of(run, max_bytes):
            item = None if line is not None and line.isspace() else _read_line(line, columns, max_bytes, is_first=is_first)
            if lacks_checksum and isinstance(item, Document):
                item = item._replace(meta={**(item.meta or {}), "no_checksum": True})
            if is_after_damage and _may_be_cut(item):
                item = None
            is_first = is_after_damage = False
            if line is not None and not line.endswith(b"\n"):
                unfinished = item
            else:
                yield item
    if unfinished is not None:
        yield unfinished


def _may_be_cut(item: Document | Unread | None) -> bool:
    return isinstance(item, Unread) and item.reason in ("bad_json", "too_large")


def _unread_lines(part: Part, max_bytes: int) -> Iterator[Unread]:
    """A row for every line of a damaged part that still looks like one, and for all between two of them; one at least."""
    whole = unread_part(part)
    n_rows, is_after_row = 0, True
    for line in _lines(part.pieces(), max_bytes):
        if line is not None and line.isspace():
            continue
        is_row = line is not None and _is_row(line)
        n_rows += is_row or is_after_row
        is_after_row = is_row
    for _ in range(n_rows - 1):
        yield Unread(Outcome.FAILED, whole.reason)
    yield whole


def _is_row(line: bytes) -> bool:
    try:
        _parse(line)
    except Rejected:
        return False
    return True


def _lines_of(run: Iterable[Part], max_bytes: int) -> Iterator[tuple[bytes | None, bool]]:
    """(line, whether the part that it ends in lacks a checksum) of intact parts that follow each other."""
    lacks_checksum = False

    def pieces() -> Iterator[bytes]:
        nonlocal lacks_checksum
        for part in run:
            lacks_checksum = part.lacks_checksum
            yield from part.pieces()

    for line in _lines(pieces(), max_bytes):
        yield line, lacks_checksum


def _lines(pieces: Iterable[bytes], max_bytes: int) -> Iterator[bytes | None]:
    """The lines of a stream with their line ends; None for one longer than `max_bytes`, which is never held."""
    held: list[bytes] = []
    n_held = 0
    for piece in pieces:
        first, *others = piece.split(b"\n")
        n_held += len(first)
        if n_held <= max_bytes:
            held.append(first)
        if not others:
            continue
        yield b"".join(held) + b"\n" if n_held <= max_bytes else None
        for line in others[:-1]:
            yield line + b"\n" if len(line) <= max_bytes else None
        held, n_held = [others[-1]], len(others[-1])
    if n_held:
        yield b"".join(held) if n_held <= max_bytes else None


def _read_line(line: bytes | None, columns: Columns, max_bytes: int, *, is_first: bool) -> Document | Unread:
    try:
        if line is None:
            raise failed("too_large", None, max_bytes)
        return row_document(_parse(line.removeprefix(b"\xef\xbb\xbf") if is_first else line), columns)
    except Rejected as rejected:
        return rejected.unread


def _parse(line: bytes) -> dict[str, Any]:
    try:
        row = msgspec.json.decode(line)
    except (ValueError, RecursionError):
        row = _parse_leniently(line)
    if not isinstance(row, dict):
        raise failed("bad_json")
    return row


def _parse_leniently(line: bytes) -> Any:
    """What Python's parser makes of a line that is not strictly JSON: bytes that are no UTF-8 and lone surrogates become U+FFFD."""
    try:
        row = json.loads(line.decode("utf-8", "replace"), strict=False)
    except (ValueError, RecursionError):
        raise failed("bad_json") from None
    if isinstance(row, dict):
        return {_well_formed(key): _well_formed(value) if isinstance(value, str) else value for key, value in row.items()}
    return row


def _well_formed(text: str) -> str:
    """The text with every lone surrogate replaced."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def row_document(row: dict[str, Any], columns: Columns) -> Document:
    """The document that a row of plain values is; rejected where it has no text."""
    text = row.get(columns.text)
    if text is None:
        raise failed("no_text")
    if not isinstance(text, str):
        raise failed("text_not_string")
    if "\0" in text or "\r" in text:
        text = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    if not text or text.isspace():
        raise dropped("empty_text")
    url = row.get(columns.url)
    licence = next((row[name] for name in _LICENCE_COLUMNS if isinstance(row.get(name), str)), None)
    meta: Meta = {
        key: value
        for key, value in row.items()
        if (isinstance(value, int | float) or (isinstance(value, str) and len(value) <= _MAX_META_CHARS))
        and key not in (columns.text, columns.url, *_LICENCE_COLUMNS)
    }
    return Document(text, url=url if isinstance(url, str) and url else None, licence=licence or None, meta=meta)


# --- Parquet ---------------------------------------------------------------------------------------------------------


def read_parquet(path: Path, name: str, columns: Columns) -> Iterator[Item]:
    """Every row; InputError if the file is damaged or lacks the text column."""
    try:
        with pq.ParquetFile(path) as file:
            schema = file.schema_arrow
            if columns.text not in schema.names:
                raise InputError(f"{name}: no column {columns.text!r}; set text_column to one of {', '.join(schema.names)}")
            wanted = [field.name for field in schema if field.name in columns or _is_plain(field.type)]
            number = 0
            for batch in file.iter_batches(batch_size=_PARQUET_ROWS, columns=wanted):
                values = [_values(column) for column in batch.columns]
                for row in zip(*values, strict=True):
                    yield Address(number), _read_row(dict(zip(wanted, row, strict=True)), columns)
                    number += 1
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{name}: not a readable Parquet file ({str(error).splitlines()[0]}); replace or exclude it") from error


def _read_row(row: dict[str, Any], columns: Columns) -> Document | Unread:
    try:
        return row_document(row, columns)
    except Rejected as rejected:
        return rejected.unread


def _is_plain(kind: pa.DataType) -> bool:
    return any(
        is_kind(kind) for is_kind in (_is_string, pa.types.is_integer, pa.types.is_floating, pa.types.is_boolean, pa.types.is_temporal)
    )


def _is_string(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or (pa.types.is_dictionary(kind) and _is_string(kind.value_type))


def _values(column: pa.Array) -> list[Any]:
    """Python values; dates as ISO strings, strings that are no UTF-8 with U+FFFD."""
    if pa.types.is_temporal(column.type):
        column = column.cast(pa.string())
    try:
        return column.to_pylist()
    except UnicodeDecodeError:
        return [None if value is None else value.decode("utf-8", "replace") for value in column.cast(pa.large_binary()).to_pylist()]
