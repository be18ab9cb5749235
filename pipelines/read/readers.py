"""Every format that can be read, and which one a file has: by the recipe, by its name, or by its first bytes."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from pipelines.read.formats import code, jsonl, parquet, text, warc
from pipelines.read.heads import FileHead, is_compressed, read_head, without_compression
from pipelines.read.reader import NearMiss, Reader
from pipelines.read.records import failed

READERS: Final[list[Reader]] = [
    warc.READER,
    jsonl.READER,
    parquet.READER,
    text.READER,
    code.READER,
]
"""The first whose `sniff` accepts a file reads it, so formats that may contain others come first."""


class Detected(NamedTuple):
    """What the first bytes of a file say."""

    reader: Reader | None
    near_miss: NearMiss | None = None
    """Only where no reader fits."""


def reader_of(format_: str) -> Reader:
    """The reader of a format; KeyError if there is none."""
    for reader in READERS:
        if reader.format == format_:
            return reader
    raise KeyError(format_)


def stated_reader(format_: str) -> Reader | None:
    """The reader that a recipe's `format` names; None for "auto"."""
    return None if format_ == "auto" else reader_of(format_)


def reader_by_name(path: str) -> Reader | None:
    """The reader whose suffix the file name ends with, in upper or lower case and perhaps followed by a compression suffix."""
    name = path.lower()
    bare = without_compression(name)
    return next((reader for reader in READERS if (bare if reader.takes_compression else name).endswith(reader.suffixes)), None)


def detect(path: Path) -> Detected:
    """The format by the first bytes, whatever the name says; OSError if the file cannot be opened."""
    head = read_head(path)
    if reader := _sniff(head):
        return Detected(reader)
    misses = (reader.near_miss(head) for reader in READERS if reader.near_miss)
    return Detected(None, next((miss for miss in misses if miss), None))


def _sniff(head: FileHead) -> Reader | None:
    return next((reader for reader in READERS if reader.sniff and reader.sniff(head)), None)


def reader_for_content(path: Path, planned: Reader, stated: str) -> Reader:
    """The reader that fits the first bytes: the planned one, unless they are unmistakably those of another format.

    Rejected with `empty_file`, with `wrong_format` if the recipe states the format and the bytes contradict it, or with what `refuse` says.
    """
    is_empty = not path.stat().st_size
    if is_empty and (is_compressed(path) or not planned.may_be_empty):
        raise failed("empty_file")
    if is_empty or planned.sniff is None:
        return planned
    head = read_head(path)
    found = _sniff(head)
    if found is planned:
        return planned
    if found and found.is_unmistakable:
        if stated != "auto":
            raise failed("wrong_format")
        return found
    if planned.refuse and (reason := planned.refuse(head)):
        raise failed(reason)
    return planned


def known_formats() -> str:
    """Every format with its suffixes, for messages."""
    named = [f"{reader.title} ({', '.join(reader.suffixes)})" for reader in READERS if reader.suffixes]
    stated = [f"{reader.title} with format = '{reader.format}'" for reader in READERS if not reader.suffixes]
    return f"{', '.join(named)}, or {', '.join(stated)}"
