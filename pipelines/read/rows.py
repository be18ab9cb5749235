"""JSON Lines: one line is one record, its offset the number of the line, counted from 0; and what makes a row a document.

Blank lines are no records but count as lines. Where objects follow each other in a line, as with line ends of other systems or none, each
is a record. Of the other columns, numbers, truth values and short strings go to `meta`. Text may be a
string or a list of strings, its paragraphs.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import msgspec

from pipelines.read.columns import Columns, Seen, licence_of, url_of, values_at
from pipelines.read.decoders import MAX_WINDOW_BYTES
from pipelines.read.members import parts
from pipelines.read.parts import Part
from pipelines.read.records import Address, Document, Item, Meta, Rejected, Unread, dropped, failed, unread_part
from schemas.ledger import Outcome

Row = dict[str, Any]
_MAX_META_CHARS: Final = 256
_MAX_SEEN: Final = 1 << 16
_SEVERAL: Final = re.compile(rb"\}[\s\x1e\0,]*(?:\xef\xbb\xbf)?\{")
_CONTENT: Final = re.compile("[^\\s\x1e\0\ufeff]")


def read_jsonl(path: Path, columns: Columns, max_bytes: int, seen: Seen, max_window: int = MAX_WINDOW_BYTES) -> Iterator[Item]:
    """Every line that is not blank, as a document or the reason why it is none."""
    before, part = -1, 0
    for number, row in json_rows(path, max_bytes, max_window):
        part = part + 1 if number == before else 0
        before = number
        yield Address(number, part), row if isinstance(row, Unread) else read_row(row, columns, seen)


def json_rows(path: Path, max_bytes: int, max_window: int = MAX_WINDOW_BYTES) -> Iterator[tuple[int, Row | Unread]]:
    """(number, object or why it cannot be read) of every line that is not blank; lines are numbered as far as they can be seen.

    Every line of a damaged part is a row, and the last one stands for the bytes of the part.
    """
    with path.open("rb") as file:
        for number, rows in enumerate(_rows(parts(file, path.name, max_window, _begins_like_a_row), max_bytes)):
            yield from ((number, row) for row in rows)


def _begins_like_a_row(part: Part) -> bool:
    return not part.damage or part.head.startswith(b"{")


def _rows(stored: Iterable[Part], max_bytes: int) -> Iterator[list[Row | Unread]]:
    """What each line holds, nothing for a blank one.

    A line beside damage may have lost an end: it is believed if it is a whole JSON object, which neither end of one is.
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
        for line, part in _lines_of(run, max_bytes):
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
    """A row for every line of a damaged part that still looks like one, and for all between two of them; one at least.

    A decoder that has lost its way repeats what it has read: lines that come again are not counted again.
    """
    whole = unread_part(part)
    n_rows, is_after_row = 0, True
    seen: set[bytes] = set()
    for line in _lines(part.pieces(), max_bytes):
        content = line if isinstance(line, bytes) else b""
        digest = hashlib.blake2b(content, digest_size=8).digest()
        if content.isspace() or digest in seen:
            continue
        is_row = _is_row(content)
        n_rows += is_row or is_after_row
        is_after_row = is_row
        if len(seen) == _MAX_SEEN:
            seen.clear()
        seen.add(digest)
    for _ in range(n_rows - 1):
        yield Unread(Outcome.FAILED, whole.reason)
    yield whole


def _is_row(line: bytes) -> bool:
    try:
        _parse(line)
    except Rejected:
        return False
    return True


def _lines_of(run: Iterable[Part], max_bytes: int) -> Iterator[tuple[bytes | int, Part]]:
    """(line, the part that it ends in) of intact parts that follow each other."""
    present = Part(0, 0)

    def pieces() -> Iterator[bytes]:
        nonlocal present
        for present in run:
            yield from present.pieces()

    for line in _lines(pieces(), max_bytes):
        yield line, present


def _lines(pieces: Iterable[bytes], max_bytes: int) -> Iterator[bytes | int]:
    """The lines of a stream with their line ends; of one longer than `max_bytes`, which is never held, its length."""
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
    """The object that a line is, or several that follow each other; else why it cannot be read.

    Where nobody knows how many records it held, that stands for its bytes.
    """
    if isinstance(line, int):
        return [Unread(Outcome.FAILED, "too_large", None, max_bytes, part.stored_bytes(line))]
    if line.isspace():
        return []
    try:
        rows = [_parse(line)]
    except Rejected as rejected:
        rows = _objects(line)
        if not rows:
            n_lost = part.stored_bytes(len(line)) if _SEVERAL.search(line) else 0
            return [rejected.unread._replace(lost_bytes=n_lost)]
    if part.lacks_checksum:
        for row in rows:
            row["no_checksum"] = True
    return [*rows]


def _parse(line: bytes) -> Row:
    """The object that a line is; files that were put together from others have byte order marks within."""
    row = parse_json(line.removeprefix(b"\xef\xbb\xbf"))
    if not isinstance(row, dict):
        raise failed("bad_json")
    return row


def _objects(line: bytes) -> list[Row]:
    """The objects that a line is made of, with nothing but separators between them; none if it is anything else."""
    if not _SEVERAL.search(line):
        return []
    text, at, rows = line.decode("utf-8", "replace"), 0, list[Row]()
    while begin := _CONTENT.search(text, at):
        try:
            row, at = _LENIENT.raw_decode(text, begin.start())
        except (ValueError, RecursionError):
            return []
        if not isinstance(row, dict):
            return []
        rows.append(_well_formed(row))
    return rows


def parse_json(data: bytes) -> Any:
    """The value that a JSON text is. What is not strictly JSON is read leniently: NaN is a number, bytes that are no UTF-8 and lone
    surrogates become U+FFFD, integers of thousands of digits are infinite. Rejected where nothing helps.
    """
    try:
        return msgspec.json.decode(data)
    except (ValueError, RecursionError):
        pass
    try:
        return _well_formed(json.loads(data.decode("utf-8", "replace"), strict=False, parse_int=_integer))
    except (ValueError, RecursionError):
        raise failed("bad_json") from None


def _integer(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:  # more digits than Python reads
        return float(digits)


_LENIENT: Final = json.JSONDecoder(strict=False, parse_int=_integer)


def _well_formed(value: Any) -> Any:
    """The value with every lone surrogate in it replaced."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {_well_formed(key): _well_formed(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_well_formed(inner) for inner in value]
    return value


# --- A row as a document ---------------------------------------------------------------------------------------------


def read_row(row: Row, columns: Columns, seen: Seen) -> Document | Unread:
    """The document that a row of plain values is, or why it is none."""
    url = url_of(row, columns.url)
    seen.rows += 1
    seen.addresses += url is not None
    seen.url += url is not None or (columns.url is not None and any(True for _ in values_at(row, columns.url)))
    try:
        text = _text_at(row, columns.text, seen)
    except Rejected as rejected:
        return rejected.unread
    places = columns.places
    meta: Meta = {
        key: value
        for key, value in row.items()
        if (isinstance(value, int | float) or (isinstance(value, str) and len(value) <= _MAX_META_CHARS)) and key not in places
    }
    return Document(text, url=url, licence=licence_of(row), meta=meta)


def _text_at(row: Row, name: str, seen: Seen) -> str:
    """The text in the column, with line feeds as line breaks and without NUL."""
    text = None
    for text in values_at(row, name):  # noqa: B007 - the last one is taken where none holds anything
        seen.text += 1
        break
    if text is None:
        raise failed("no_text")
    if not isinstance(text, str):
        text = _joined(text)
    if "\0" in text or "\r" in text:
        text = text.replace("\0", "").replace("\r\n", "\n").replace("\r", "\n")
    if not text or text.isspace():
        raise dropped("empty_text")
    return text


def _joined(value: Any) -> str:
    """Text that is not one string: paragraphs in a list, or bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if not isinstance(value, list):
        raise failed("text_not_string")
    paragraphs = [part for part in value if isinstance(part, str)]
    if len(paragraphs) < len(value) - value.count(None):
        raise failed("text_not_string")
    return "".join(part if part.endswith("\n") else f"{part}\n\n" for part in paragraphs).rstrip("\n")
