"""The contract of a file format: how its files are recognised, read and sampled.

To add a format, write one module in `formats/` that ends with a `READER`, and add that to the list in `readers.py`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from pipelines.read.columns import ColumnCounts, Columns
from pipelines.read.heads import FileHead, estimate_lines
from pipelines.read.records import RecordResult
from pipelines.text.nested import Row
from schemas.recipe import Read, Source


class NearMiss(NamedTuple):
    """A file that almost has a format, and would be read wrongly."""

    note: str
    """What it lacks, for counts of files that are not read: "not JSON Lines"."""
    remedy: str
    """What its owner can do: "write one object per line"."""


@dataclass(frozen=True, slots=True)
class ReadContext:
    """What a reader needs besides the file: the settings, and two tallies that it adds to."""

    source: Source
    read: Read = field(default_factory=Read)
    column_counts: ColumnCounts = field(default_factory=ColumnCounts)
    """Filled in by formats with columns."""
    passed_over: Counter[str] = field(default_factory=Counter)
    """Intact records that are not input, by kind."""

    @property
    def columns(self) -> Columns:
        """The columns that hold text and URL."""
        return Columns(self.source.text_column, self.source.url_column)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reader:
    """One file format. Every field after `read` has a default that suits a plain format of records by line."""

    format: str
    """The name in splits, and in a recipe's `sources.NAME.format`."""
    title: str
    """The name in messages: "JSON Lines"."""
    suffixes: tuple[str, ...]
    """Lower-case endings of file names, such as ".jsonl"; empty if only a recipe can ask for the format."""
    read: Callable[[Path, str, ReadContext], Iterator[RecordResult]]
    """(path, name for documents, context) -> every record of a file, each exactly once.

    A record that cannot be read comes as `Unread`. Rejected with one of FILE_REASONS, or OSError: the file cannot be read any further.
    """
    takes_compression: bool = True
    """Whether a compression suffix may follow: .jsonl.gz."""
    sniff: Callable[[FileHead], bool] | None = None
    """Whether a file that begins like this has the format. None: first bytes say nothing, and a file named so is never questioned."""
    is_unmistakable: bool = False
    """Whether `sniff` overrules a file name that says otherwise."""
    refuse: Callable[[FileHead], str | None] | None = None
    """One of FILE_REASONS if a file with this name, which `sniff` does not recognise, cannot have the format."""
    near_miss: Callable[[FileHead], NearMiss | None] | None = None
    """Recognises files that are easily mistaken for the format."""
    accepts: Callable[[Path], bool] | None = None
    """Which files of a folder to read when a recipe names the format; OSError if a file cannot be opened. None: those with its suffix."""
    may_be_empty: bool = False
    """Whether an empty, uncompressed file is valid; elsewhere it fails as `empty_file`."""
    is_one_record: bool = False
    """Whether each file is one record; neighbouring small files then share a split."""
    can_be_cut: bool = False
    """Whether the beginning of a file can be read like a whole file, so that a sample needs no more of it."""
    rows: Callable[[Path, Collection[str]], Iterator[Row]] | None = None
    """(path, names of columns) -> readable rows that show which columns the file has. None: the format has no columns.

    If the schema already answers for all the names, one row with every column is enough. Rejected or OSError if the file cannot be read.
    """
    estimate: Callable[[Path], float] = estimate_lines
    """About how many records a file has, from its first bytes or its metadata; OSError if it cannot be opened."""
