"""Columns that a recipe names and no record of a source has: found on a sample before reading, and for certain after it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Final, Literal, NamedTuple

from pipelines.read.columns import ColumnCounts, Columns, url_of
from pipelines.read.readers import reader_of
from pipelines.read.records import Rejected
from pipelines.text.nested import Row, column_names, values_at
from schemas.errors import InputError
from schemas.recipe import Source
from schemas.splits import Split

_SAMPLE_FILES: Final = 20
_SAMPLE_ROWS: Final = 10_000
_NAMED_ROWS: Final = 100
_NAMED_COLUMNS: Final = 40

OnMessage = Callable[[str], None]
ColumnSetting = Literal["text_column", "url_column"]


def check_sample(sources: Mapping[str, Source], splits: Sequence[Split], on_message: OnMessage = lambda line: None) -> None:
    """InputError if no record of a source has a column that its recipe names; a message if only the first records were looked at.

    Reading stops at the first record of a source that has all of them.
    """
    for name, source in sources.items():
        sample = _sample(row_splits(name, splits), Columns(source.text_column, source.url_column))
        if sample.is_whole:
            check_column_counts({name: source}, splits, {name: sample.counts})
        elif setting := _missing(name, source, splits, sample.counts):
            on_message(f"{_shown(name, source, setting)}: none of the first records has it; {advice(name, setting, splits)}")


def check_column_counts(sources: Mapping[str, Source], splits: Sequence[Split], counts: Mapping[str, ColumnCounts]) -> None:
    """InputError if no record of a source has a column that its recipe names; `counts` covers all records, by source."""
    for name, source in sources.items():
        if setting := _missing(name, source, splits, counts.get(name, ColumnCounts())):
            raise InputError("CM-READ-002", f"{_shown(name, source, setting)}: no record has it; {advice(name, setting, splits)}")


def check_named_files(source: Source, splits: Sequence[Split]) -> None:
    """InputError if no record of the files that a command names has the text column, as far as a sample shows."""
    sample = _sample(splits, Columns(source.text_column, source.url_column))
    if sample.is_whole and sample.counts.rows and not sample.counts.text and all(map(_has_columns, splits)):
        raise InputError(
            "CM-READ-003",
            f"{', '.join(source.path)}: no record has a column {source.text_column!r}; columns found: {_columns_found(splits)}. "
            f"Rename the one with the text to {source.text_column!r}",
        )


def row_splits(name: str, splits: Sequence[Split]) -> list[Split]:
    """The splits of a source that have columns."""
    return [split for split in splits if split.source == name and _has_columns(split)]


def advice(name: str, setting: ColumnSetting, splits: Sequence[Split]) -> str:
    """The columns in the first records of a source, and how to fix a setting that names none of them."""
    return f"columns found: {_columns_found(row_splits(name, splits))}. Set sources.{name}.{setting} to one of them"


def _has_columns(split: Split) -> bool:
    return reader_of(split.format).rows is not None


def _columns_found(splits: Sequence[Split]) -> str:
    names = column_names(chain.from_iterable(islice(_rows(split, ()), _NAMED_ROWS) for split in splits[:_SAMPLE_FILES]))
    more = f" and {len(names) - _NAMED_COLUMNS} more" if len(names) > _NAMED_COLUMNS else ""
    return f"{', '.join(names[:_NAMED_COLUMNS]) or 'none'}{more}"


def _shown(name: str, source: Source, setting: ColumnSetting) -> str:
    return f"sources.{name}.{setting} = {getattr(source, setting)!r}"


def _missing(name: str, source: Source, splits: Sequence[Split], counts: ColumnCounts) -> ColumnSetting | None:
    """The setting whose column no row has. A source may have its text in files of other formats."""
    if not counts.rows:
        return None
    if not counts.text and all(_has_columns(split) for split in splits if split.source == name):
        return "text_column"
    return "url_column" if source.url_column is not None and not counts.url else None


class _ColumnSample(NamedTuple):
    counts: ColumnCounts
    is_whole: bool
    """Whether it covers every row."""


def _sample(splits: Sequence[Split], columns: Columns) -> _ColumnSample:
    """The columns of the first rows, up to one that has all that are asked for."""
    counts = ColumnCounts()
    names = columns.places
    for row in chain.from_iterable(_rows(split, names) for split in splits[:_SAMPLE_FILES]):
        counts.rows += 1
        counts.text += any(True for _ in values_at(row, columns.text))
        counts.url += url_of(row, columns.url) is not None or any(True for _ in values_at(row, columns.url or "url"))
        if counts.rows == _SAMPLE_ROWS or (counts.text and (counts.url or columns.url is None)):
            return _ColumnSample(counts, is_whole=False)
    return _ColumnSample(counts, is_whole=len(splits) <= _SAMPLE_FILES)


def _rows(split: Split, names: Collection[str]) -> Iterator[Row]:
    """Rows that show which of the columns the files of a split have."""
    rows = reader_of(split.format).rows
    if rows is None:
        return
    for file in split.files:
        try:
            yield from rows(Path(split.root) / file, names)
        except (Rejected, OSError):
            continue  # reading the file reports it
