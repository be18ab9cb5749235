"""Text files: one file is one record and one document.

A file is dropped as `binary` if it has a NUL byte near its start, or one further inside among bytes that are not text, unless it is UTF-16
or UTF-32.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipelines.read.charset import decode_text
from pipelines.read.heads import one_record
from pipelines.read.members import stored_parts
from pipelines.read.reader import ReadContext, Reader
from pipelines.read.records import Address, Document, Meta, RecordResult, Rejected, Unread, dropped, failed, unread_part
from schemas.recipe import Read

_PROBE_BYTES: Final = 1 << 13
_UTF16_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_MIN_NUL_RATIO: Final = 0.75
_MAX_CONTROL_RATIO: Final = 0.01
_FEW_CONTROLS: Final = 8
_CONTROLS: Final = bytes(code for code in range(32) if code not in b"\t\n\r\f\x1b")
_LINE_BREAKS: Final = dict.fromkeys(map(ord, "\t\n\r\f\0"), " ")


def read_text_file(path: Path, name: str, language: str | None, limits: Read) -> Document | Unread:
    """The document in a text file, or in a code file of a programming language; `name` becomes the `path` of code."""
    try:
        data, lacks_checksum = _content(path, name, limits)
        if codec := _wide_codec(data):
            text, charset, bad_ratio = data.decode(codec, "replace").removeprefix("\ufeff"), codec, 0.0
        elif b"\0" in data and not data.startswith(_UTF16_BOMS) and _is_binary(data):
            raise dropped("binary")
        else:
            text, charset, bad_ratio = decode_text(data)
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
        if not text.strip():
            raise dropped("empty_text")
    except Rejected as rejected:
        return rejected.unread
    meta: Meta = {"charset": charset}
    if bad_ratio:
        meta["bad_char_ratio"] = round(bad_ratio, 4)
    if lacks_checksum:
        meta["no_checksum"] = True
    if language:
        meta |= {"language": language, "path": name}
    return Document(text, meta=meta)


def _wide_codec(data: bytes) -> str | None:
    """The codec of UTF-32 with a byte order mark, or of UTF-16 without one: most characters are ASCII, and every other byte is NUL."""
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")) and len(data) % 4 == 0:
        return "utf-32"
    head = data[: _PROBE_BYTES & ~1]
    n_high_first, n_low_first = head[0::2].count(0), head[1::2].count(0)
    if len(data) % 2 or max(n_high_first, n_low_first) < _MIN_NUL_RATIO * len(head) / 2 or (n_high_first and n_low_first):
        return None
    codec = "utf-16-be" if n_high_first else "utf-16-le"
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        return None
    return codec if text[:_PROBE_BYTES].translate(_LINE_BREAKS).isprintable() and text else None


def _is_binary(data: bytes) -> bool:
    """Whether data with NUL bytes is not text: the first is near the start, or many control bytes follow it in what is not UTF-8."""
    first = data.index(b"\0")
    if first < _PROBE_BYTES:
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        tail = data[first:]
        return len(tail) - len(tail.translate(None, _CONTROLS)) > max(_FEW_CONTROLS, _MAX_CONTROL_RATIO * len(tail))
    return False


def _content(path: Path, name: str, limits: Read) -> tuple[bytes, bool]:
    """(content, whether it is compressed without a checksum); Rejected if any part of the file is damaged or the content is too large."""
    pieces, n_bytes = [], 0
    lacks_checksum = False
    with path.open("rb") as file:
        for part in stored_parts(file, name, limits.max_window_bytes):
            if part.damage:
                raise Rejected(unread_part(part)._replace(lost_bytes=path.stat().st_size))
            lacks_checksum |= part.lacks_checksum
            for piece in part.pieces():
                n_bytes += len(piece)
                if n_bytes > limits.max_record_bytes:
                    raise failed("too_large", None, limits.max_record_bytes)
                pieces.append(piece)
    return b"".join(pieces), lacks_checksum


def _read(path: Path, name: str, context: ReadContext) -> Iterator[RecordResult]:
    yield Address(0), read_text_file(path, name, None, context.read)


READER: Final = Reader(
    format="text",
    title="text",
    suffixes=(".txt", ".md", ".rst"),
    read=_read,
    may_be_empty=True,
    is_one_record=True,
    estimate=one_record,
)
