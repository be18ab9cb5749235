"""A row, the object of one record -> the document in it.

Text may be a string or a list of strings, its paragraphs. Of the other columns, numbers, truth values and short strings go to `meta`.
"""

from __future__ import annotations

import json
from typing import Any, Final

import msgspec

from pipelines.read.columns import ColumnCounts, Columns, licence_of, url_of
from pipelines.read.records import Document, Meta, Rejected, Unread, dropped, failed
from pipelines.text.nested import Row, values_at

NumberedRow = tuple[int, Row | Unread]
"""The number of a row in its file, and the row or why it cannot be read."""
_MAX_META_CHARS: Final = 256


def read_row(row: Row, columns: Columns, counts: ColumnCounts) -> Document | Unread:
    """The document in a row of plain values, or why there is none."""
    url = url_of(row, columns.url)
    counts.rows += 1
    counts.addresses += url is not None
    counts.url += url is not None or (columns.url is not None and any(True for _ in values_at(row, columns.url)))
    try:
        text = _text_at(row, columns.text, counts)
    except Rejected as rejected:
        return rejected.unread
    places = columns.places
    meta: Meta = {
        key: value
        for key, value in row.items()
        if (isinstance(value, int | float) or (isinstance(value, str) and len(value) <= _MAX_META_CHARS)) and key not in places
    }
    return Document(text, url=url, licence=licence_of(row), meta=meta)


def _text_at(row: Row, name: str, counts: ColumnCounts) -> str:
    """The text in the column, with line feeds as line breaks and without NUL."""
    text: object = None
    for text in values_at(row, name):  # noqa: B007 - only the first value counts
        counts.text += 1
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


def _joined(value: object) -> str:
    """Text that is not a single string: a list of paragraphs, or bytes."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if not isinstance(value, list):
        raise failed("text_not_string")
    paragraphs = [part for part in value if isinstance(part, str)]
    if len(paragraphs) < len(value) - value.count(None):
        raise failed("text_not_string")
    return "".join(part if part.endswith("\n") else f"{part}\n\n" for part in paragraphs).rstrip("\n")


# --- JSON values -----------------------------------------------------------------------------------------------------


def parse_json(data: bytes) -> object:
    """The value of a JSON text, read leniently; Rejected with `bad_json` if that fails.

    NaN is a number, bytes that are not UTF-8 and lone surrogates become U+FFFD, and integers of thousands of digits become infinite.
    """
    try:
        return msgspec.json.decode(data)
    except (ValueError, RecursionError):
        pass
    try:
        return replace_surrogates(json.loads(data.decode("utf-8", "replace"), strict=False, parse_int=_integer))
    except (ValueError, RecursionError):
        raise failed("bad_json") from None


def _integer(digits: str) -> int | float:
    try:
        return int(digits)
    except ValueError:  # more digits than Python converts
        return float(digits)


LENIENT_DECODER: Final = json.JSONDecoder(strict=False, parse_int=_integer)


def replace_surrogates(value: Any) -> Any:
    """The value with every lone surrogate in it replaced by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    if isinstance(value, dict):
        return {replace_surrogates(key): replace_surrogates(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [replace_surrogates(inner) for inner in value]
    return value
