"""Columns that a recipe names and that no record of a source has: found on a sample before reading, and for certain after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any, Final

from pipelines.read.columns import Columns, Seen, names_in, url_of, values_at
from pipelines.read.parquet import open_table
from pipelines.read.records import Rejected, Unread
from pipelines.read.rows import json_rows
from schemas.errors import InputError
from schemas.recipe import Source
from schemas.splits import Split

_ROW_FORMATS: Final = ("jsonl", "parquet")
_SAMPLE_FILES: Final = 20
_SAMPLE_ROWS: Final = 10_000
_MAX_LINE_BYTES: Final = 1 << 26
_NAMED_ROWS: Final = 100
_NAMED_COLUMNS: Final = 40

OnMessage = Callable[[str], None]


def check_sample(sources: Mapping[str, Source], splits: Sequence[Split], on_message: OnMessage = lambda line: None) -> None:
    """InputError if no record of a source has a column that its recipe names; where only the first ones were looked at, a line says so.

    Reading stops at the first record of a source that has them all.
    """
    for name, source in sources.items():
        seen, is_all = _sample(row_splits(name, splits), Columns(source.text_column, source.url_column))
        if is_all:
            check_seen({name: source}, splits, {name: seen})
        elif key := _missing(name, source, splits, seen):
            on_message(f"{_named(name, source, key)}: none of the first records has it; {advice(name, key, splits)}")


def check_seen(sources: Mapping[str, Source], splits: Sequence[Split], seen: Mapping[str, Seen]) -> None:
    """InputError if no record of a source has a column that its recipe names. `seen` is what all records have, by source."""
    for name, source in sources.items():
        if key := _missing(name, source, splits, seen.get(name, Seen())):
            raise InputError(f"{_named(name, source, key)}: no record has it; {advice(name, key, splits)}")


def check_named(source: Source, splits: Sequence[Split]) -> None:
    """InputError if no record of files that a command names has the text column, as far as a sample shows."""
    seen, is_all = _sample(splits, Columns(source.text_column, source.url_column))
    if is_all and seen.rows and not seen.text and all(split.format in _ROW_FORMATS for split in splits):
        raise InputError(
            f"{', '.join(source.path)}: no record has a column {source.text_column!r}; columns found: {_found(splits)}. "
            f"Rename the one that has the text to {source.text_column!r}"
        )


def row_splits(name: str, splits: Sequence[Split]) -> list[Split]:
    """The splits of a source that are made of rows."""
    return [split for split in splits if split.source == name and split.format in _ROW_FORMATS]


def advice(name: str, key: str, splits: Sequence[Split]) -> str:
    """Which columns the first records of a source have, and what to do about a missing one."""
    return f"columns found: {_found(row_splits(name, splits))}. Set sources.{name}.{key} to one of them"


def _found(splits: Sequence[Split]) -> str:
    names = names_in(chain.from_iterable(islice(_rows(split, frozenset()), _NAMED_ROWS) for split in splits[:_SAMPLE_FILES]))
    more = f" and {len(names) - _NAMED_COLUMNS} more" if len(names) > _NAMED_COLUMNS else ""
    return f"{', '.join(names[:_NAMED_COLUMNS]) or 'none'}{more}"


def _named(name: str, source: Source, key: str) -> str:
    return f"sources.{name}.{key} = {getattr(source, key)!r}"


def _missing(name: str, source: Source, splits: Sequence[Split], seen: Seen) -> str:
    """The setting whose column no row has. A source may have its text in files of other formats."""
    if not seen.rows:
        return ""
    if not seen.text and all(split.format in _ROW_FORMATS for split in splits if split.source == name):
        return "text_column"
    return "url_column" if source.url_column is not None and not seen.url else ""


def _sample(splits: Sequence[Split], columns: Columns) -> tuple[Seen, bool]:
    """What the first rows have, up to one that has all; and whether these are all rows."""
    seen = Seen()
    asked = columns.places
    for row in chain.from_iterable(_rows(split, asked) for split in splits[:_SAMPLE_FILES]):
        seen.rows += 1
        seen.text += any(True for _ in values_at(row, columns.text))
        seen.url += url_of(row, columns.url) is not None or any(True for _ in values_at(row, columns.url or "url"))
        if seen.rows == _SAMPLE_ROWS or (seen.text and (seen.url or columns.url is None)):
            return seen, False
    return seen, len(splits) <= _SAMPLE_FILES


def _rows(split: Split, asked: frozenset[str]) -> Iterator[dict[str, Any]]:
    """The readable rows of a split. Of a Parquet file its columns are enough, taken for one row, unless members of them are asked for."""
    for file in split.files:
        path = Path(split.root) / file
        try:
            if split.format == "parquet":
                table = open_table(path)
                yield table.example()
                if any("." in name and table.has(name) for name in asked):
                    yield from (row for _, row in table.rows(asked) if not isinstance(row, Unread))
            else:
                yield from (row for _, row in json_rows(path, _MAX_LINE_BYTES) if not isinstance(row, Unread))
        except (Rejected, OSError):
            continue  # whoever reads the file says what is wrong with it
