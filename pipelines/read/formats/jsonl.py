"""JSON Lines: one line is one record, and its offset is the number of the line, from 0.

Blank lines are not records but count as lines. Where several objects follow each other in a line, with other line ends or none between
them, each is a record.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

from pipelines.read.columns import ColumnCounts, Columns
from pipelines.read.decoders import MAX_WINDOW_BYTES
from pipelines.read.heads import FileHead, is_archive, is_compressed
from pipelines.read.members import stored_parts
from pipelines.read.parts import Part
from pipelines.read.reader import NearMiss, ReadContext, Reader
from pipelines.read.records import Address, RecordResult, Rejected, Unread, failed, unread_part
from pipelines.read.rows import LENIENT_DECODER, NumberedRow, parse_json, read_row, replace_surrogates
from pipelines.text.nested import Row
from schemas.ledger import Outcome

_OBJECT_BORDER: Final = re.compile(rb"\}[\s\x1e\0,]*(?:\xef\xbb\xbf)?\{")
_MAX_DIGESTS: Final = 1 << 16
_SAMPLE_LINE_BYTES: Final = 1 << 26
_LOOK_BYTES: Final = 1 << 12
_BOM: Final = b"\xef\xbb\xbf"
_BINARY: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_OBJECT_START: Final = re.compile(rb'[ \t]*\{[ \t]*"')
_CONTENT: Final = re.compile("[^\\s\x1e\0\ufeff]")


def read_jsonl(
    path: Path, columns: Columns, max_bytes: int, counts: ColumnCounts, max_window: int = MAX_WINDOW_BYTES
) -> Iterator[RecordResult]:
    """Every line that is not blank, as a document or the reason why there is none."""
    before, part = -1, 0
    for number, row in json_rows(path, max_bytes, max_window):
        part = part + 1 if number == before else 0
        before = number
        yield Address(number, part), row if isinstance(row, Unread) else read_row(row, columns, counts)


def json_rows(path: Path, max_bytes: int, max_window: int = MAX_WINDOW_BYTES) -> Iterator[NumberedRow]:
    """(number, object or why it cannot be read) of every line that is not blank. Lines in damaged parts count as far as they are visible.

    Every visible line of a damaged part fails; the last of them accounts for the bytes of the part.
    """
    with path.open("rb") as file:
        for number, rows in enumerate(_rows(stored_parts(file, path.name, max_window, _begins_like_a_row), max_bytes)):
            yield from ((number, row) for row in rows)


def _begins_like_a_row(part: Part) -> bool:
    return not part.damage or part.head.startswith(b"{")


def _rows(stored: Iterable[Part], max_bytes: int) -> Iterator[list[Row | Unread]]:
    """The rows of each line, none for a blank one.

    A line next to damage may be cut. It counts as intact only if it is a complete JSON object, since neither half of an object is one.
    """
    is_after_damage = False
    unfinished: list[Row | Unread] = []
    for is_damaged, run in groupby(stored, lambda part: part.damage is not None):
        if is_damaged:
            if unfinished and not _may_be_cut(unfinished):
                yield unfinished
            unfinished, is_after_damage = [], True
            for part in run:
                for unread in _unread_lines(part, max_bytes):
                    yield [unread]
            continue
        for line, part in _intact_lines(run, max_bytes):
            rows = _parse_line(line, part, max_bytes)
            if is_after_damage and _may_be_cut(rows):
                rows = []
            is_after_damage = False
            if isinstance(line, bytes) and not line.endswith(b"\n"):
                unfinished = rows
            else:
                yield rows
    if unfinished:
        yield unfinished


def _may_be_cut(rows: list[Row | Unread]) -> bool:
    return any(isinstance(row, Unread) and row.reason in ("bad_json", "too_large") for row in rows)


def _unread_lines(part: Part, max_bytes: int) -> Iterator[Unread]:
    """A failed row for every line of a damaged part that is still an object, and one for whatever lies between two of them; at least one.

    A decoder that has lost its way repeats its earlier output, so equal lines count once.
    """
    whole = unread_part(part)
    n_rows, is_after_row = 0, True
    digests: set[bytes] = set()
    for line in _lines(part.pieces(), max_bytes):
        content = line if isinstance(line, bytes) else b""
        digest = hashlib.blake2b(content, digest_size=8).digest()
        if content.isspace() or digest in digests:
            continue
        is_row = _is_row(content)
        n_rows += is_row or is_after_row
        is_after_row = is_row
        if len(digests) == _MAX_DIGESTS:
            digests.clear()
        digests.add(digest)
    for _ in range(n_rows - 1):
        yield Unread(Outcome.FAILED, whole.reason)
    yield whole


def _is_row(line: bytes) -> bool:
    try:
        _parse_row(line)
    except Rejected:
        return False
    return True


def _intact_lines(run: Iterable[Part], max_bytes: int) -> Iterator[tuple[bytes | int, Part]]:
    """(line, the part in which it ends) of consecutive intact parts."""
    present = Part(0, 0)

    def pieces() -> Iterator[bytes]:
        nonlocal present
        for present in run:
            yield from present.pieces()

    for line in _lines(pieces(), max_bytes):
        yield line, present


def _lines(pieces: Iterable[bytes], max_bytes: int) -> Iterator[bytes | int]:
    """The lines of a stream with their line ends. A line longer than `max_bytes` is never held in memory; its length comes instead."""
    held: list[bytes] = []
    n_held = 0
    for piece in pieces:
        first, *others = piece.split(b"\n")
        n_held += len(first)
        if n_held <= max_bytes:
            held.append(first)
        if not others:
            continue
        yield b"".join(held) + b"\n" if n_held <= max_bytes else n_held
        for line in others[:-1]:
            yield line + b"\n" if len(line) <= max_bytes else len(line)
        held, n_held = [others[-1]], len(others[-1])
    if n_held:
        yield b"".join(held) if n_held <= max_bytes else n_held


def _parse_line(line: bytes | int, part: Part, max_bytes: int) -> list[Row | Unread]:
    """The object or objects in a line, or why it cannot be read.

    If the number of records in the line is unknown, the failure accounts for its bytes.
    """
    if isinstance(line, int):
        return [Unread(Outcome.FAILED, "too_large", None, max_bytes, part.stored_bytes(line))]
    if line.isspace():
        return []
    try:
        rows = [_parse_row(line)]
    except Rejected as rejected:
        rows = _objects(line)
        if not rows:
            n_lost = part.stored_bytes(len(line)) if _OBJECT_BORDER.search(line) else 0
            return [rejected.unread._replace(lost_bytes=n_lost)]
    if part.lacks_checksum:
        for row in rows:
            row["no_checksum"] = True
    return [*rows]


def _parse_row(line: bytes) -> Row:
    """The object in a line. Concatenated files have byte order marks in their middle."""
    row = parse_json(line.removeprefix(_BOM))
    if not isinstance(row, dict):
        raise failed("bad_json")
    return row


def _objects(line: bytes) -> list[Row]:
    """The objects in a line with nothing but separators between them; empty if there is anything else."""
    if not _OBJECT_BORDER.search(line):
        return []
    text, at, rows = line.decode("utf-8", "replace"), 0, list[Row]()
    while begin := _CONTENT.search(text, at):
        try:
            row, at = LENIENT_DECODER.raw_decode(text, begin.start())
        except (ValueError, RecursionError):
            return []
        if not isinstance(row, dict):
            return []
        rows.append(replace_surrogates(row))
    return rows


# --- Recognising the format ------------------------------------------------------------------------------------------

_NOT_LINES: Final = NearMiss("not JSON Lines", "the file is JSON, but not one object per line; convert it to JSON Lines, e.g. with jq -c")


def has_json_lines(head: FileHead) -> bool:
    """Whether at least half of the lines are objects, and one of these can be parsed."""
    if is_archive(head):
        return False
    lines = [line for line in head.content.removeprefix(_BOM).split(b"\n") if line.strip()]
    objects = [line for line in lines if _OBJECT_START.match(line)]
    return bool(objects) and 2 * len(objects) >= len(lines) and (len(lines) == 1 or any(map(_is_object, objects)))


def _other_json(head: FileHead) -> NearMiss | None:
    """An array, or one object over several lines."""
    is_json = not is_archive(head) and head.content.removeprefix(_BOM).lstrip()[:1] in (b"{", b"[")
    return _NOT_LINES if is_json else None


def _refuse(head: FileHead) -> str | None:
    return None if _may_be_json_lines(head) else "not_json_lines"


def _may_be_json_lines(head: FileHead) -> bool:
    """Whether a file that is named as JSON Lines can be: it is empty or damaged, or one of its first lines is or begins an object."""
    if is_archive(head):
        return False
    content = head.content.removeprefix(_BOM).lstrip()
    if is_compressed(head.path) and _BINARY.search(content, 0, _LOOK_BYTES):
        return True  # the reader looks for what follows the damaged start
    if not content or content.startswith(b"["):
        return not content
    first, *others = [line for line in content.split(b"\n") if line.strip()]
    objects = [line for line in others if line.startswith(b"{")]
    if _OBJECT_START.match(first) and (not others or any(map(_OBJECT_START.match, objects))):
        return True
    return any(map(_is_object, [first, *objects]))


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line.decode("utf-8", "replace"), strict=False), dict)
    except (ValueError, RecursionError):
        return False


# --- The format ------------------------------------------------------------------------------------------------------


def _read(path: Path, name: str, context: ReadContext) -> Iterator[RecordResult]:
    limits = context.read
    return read_jsonl(path, context.columns, limits.max_record_bytes, context.column_counts, limits.max_window_bytes)


def _readable_rows(path: Path, names: Collection[str]) -> Iterator[Row]:
    return (row for _, row in json_rows(path, _SAMPLE_LINE_BYTES) if not isinstance(row, Unread))


READER: Final = Reader(
    format="jsonl",
    title="JSON Lines",
    suffixes=(".jsonl", ".ndjson"),
    read=_read,
    sniff=has_json_lines,
    refuse=_refuse,
    near_miss=_other_json,
    may_be_empty=True,
    can_be_cut=True,
    rows=_readable_rows,
)
