"""Files of rows that a recipe names: JSON Lines, JSON, Parquet, CSV, TSV or one text per line, compressed or not."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple

import polars as pl

from pipelines.read.formats.jsonl import json_rows
from pipelines.read.formats.parquet import open_table
from pipelines.read.records import Rejected, Unread
from pipelines.read.rows import parse_json
from pipelines.read.whole import whole_content
from pipelines.text.nested import Row
from schemas.errors import InputError

MAX_ROW_BYTES: Final = 1 << 30
_COMPRESSION: Final = re.compile(r"\.(?:gz|zst|bz2|xz)\Z", re.IGNORECASE)
_JSON: Final = re.compile(r"\.(?:jsonl|ndjson|json)\Z", re.IGNORECASE)
_TABLE: Final = re.compile(r"\.(?:csv|tsv)\Z", re.IGNORECASE)
_ROW_REASONS: Final = frozenset({"bad_json", "too_large"})
"""Why a single row cannot be read; any other reason concerns the file."""


class UnreadableError(Exception):
    """A damaged file, or one in an unknown format; its message is the reason."""


class BadRow(NamedTuple):
    """A row that cannot be read."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RowQuery:
    """What to look for in files of rows."""

    columns: tuple[str, ...]
    """Columns that may have the text; a table must have one of them, in upper or lower case."""
    other_columns: frozenset[str]
    """Further columns to read; row formats give all they have."""
    has_text: Callable[[Row], bool]
    """Whether a row has text in one of the columns."""
    key: str
    """The recipe's key of `columns`, for messages."""


def bare_name(path: Path) -> str:
    """The name without a compression suffix."""
    return _COMPRESSION.sub("", path.name)


def file_rows(path: Path, query: RowQuery) -> Iterator[tuple[int, Row | BadRow]]:
    """(number, row) of every row: Parquet by its first bytes, JSON and tables by name, other files as UTF-8 text with one row per line.

    UnreadableError if the file is damaged; InputError if a table has none of the columns.
    """
    try:
        for number, row in _rows(path, bare_name(path), query):
            if not isinstance(row, Unread):
                yield number, row
            elif row.reason in _ROW_REASONS:
                yield number, BadRow(row.reason)
            else:
                raise UnreadableError(row.reason)
    except Rejected as rejected:
        raise UnreadableError(rejected.unread.reason) from None


def json_value(text: str) -> object:
    """The value of a JSON text, read leniently; None if it is not JSON."""
    try:
        return parse_json(text.encode("utf-8", "replace"))
    except Rejected:
        return None


def _rows(path: Path, name: str, query: RowQuery) -> Iterator[tuple[int, Row | Unread]]:
    with path.open("rb") as file:
        is_parquet = file.read(4) == b"PAR1"
    if is_parquet or name.lower().endswith((".parquet", ".pq")):
        table = open_table(path)
        yield from table.rows({column for column in (*query.columns, *query.other_columns) if table.has(column)})
    elif _JSON.search(name):
        yield from _json_rows(path, query)
    elif _TABLE.search(name):
        yield from _table_rows(path, name, query)
    else:
        yield from _text_rows(path)


def _json_rows(path: Path, query: RowQuery) -> Iterator[tuple[int, Row | Unread]]:
    """The lines, or the entries of the whole file's array, or of the longest array in the whole file's object.

    The file is read as a whole if its first line is not a row, or is its only one and has no text.
    """
    rows = list(json_rows(path, MAX_ROW_BYTES))
    first = rows[0][1] if rows else {}
    is_whole = first.reason == "bad_json" if isinstance(first, Unread) else len(rows) == 1 and not query.has_text(first)
    if is_whole and (entries := _entries(whole_content(path))):
        rows = list(enumerate(entries))
    yield from rows


def _entries(content: bytes) -> list[Row]:
    try:
        whole = parse_json(content.removeprefix(b"\xef\xbb\xbf"))
    except Rejected:
        return []
    members = whole.values() if isinstance(whole, dict) else [whole]
    lists = [value for value in members if isinstance(value, list)]
    entries = max(([entry for entry in each if isinstance(entry, dict)] for each in lists), key=len, default=[])
    return entries or ([whole] if isinstance(whole, dict) else [])


def _table_rows(path: Path, name: str, query: RowQuery) -> Iterator[tuple[int, Row]]:
    """The rows of a table with commas or tabs between cells; its first line has the column names, in upper or lower case."""
    separator = "\t" if name.lower().endswith("tsv") else ","
    try:
        table = pl.read_csv(whole_content(path), separator=separator, infer_schema=False, truncate_ragged_lines=True)
    except pl.exceptions.PolarsError:
        raise UnreadableError("not a table in UTF-8") from None
    known = {column.lower(): column for column in query.columns}
    names = {each: known.get(each.strip().lower(), each) for each in table.columns}
    if not set(query.columns) & set(names.values()):
        raise InputError(
            "CM-TEXT-004",
            f"{path}: the first line has none of the columns {', '.join(query.columns)}; it is {', '.join(table.columns)[:500]!r}. "
            f"Name the column with the text in {query.key}, or put the column names into the first line",
        )
    yield from ((number, {names[each]: cell for each, cell in row.items()}) for number, row in enumerate(table.iter_rows(named=True)))


def _text_rows(path: Path) -> Iterator[tuple[int, Row]]:
    try:
        lines = whole_content(path).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        raise UnreadableError("not UTF-8") from None
    for number, line in enumerate(lines):
        if line:
            yield number, {"text": line}
