"""WARC files -> their records, each with its address, and a row for everything damaged.

In a compressed file the address is the offset of the gzip member or zstd frame, as in a CDX index; `part` counts records within
one member. Libraries stop at the first damage; this reader goes on at the next member or at the next line `WARC/1.x`. A record is
believed only if a record, the end or padding follows it, which also makes the member's checksum be checked.
"""

from __future__ import annotations

import base64
import hashlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from pipelines.read.members import PIECE_BYTES, Codec, Damaged, Gap, codec_of, members
from pipelines.read.records import Address, Unread
from schemas.errors import InputError
from schemas.ledger import Outcome

INPUT_TYPES: Final = frozenset({"response", "resource", "conversion"})
_OTHER_TYPES: Final = frozenset({"warcinfo", "request", "metadata", "revisit", "continuation"})
_HEADER_BYTES: Final = 1 << 12
_MAX_HEADER_BYTES: Final = 1 << 16
_SEARCH_BYTES: Final = 1 << 16
_HEADER_END: Final = re.compile(rb"\r?\n\r?\n")
_VERSION_LINE: Final = re.compile(rb"WARC/\d+\.\d+[ \t]*\r?\n")
_RECORD_START: Final = re.compile(rb"\nWARC/\d+\.\d+[ \t]*\r?\n")
_RECORD_START_BYTES: Final = 32
_DIGESTS: Final = {"md5": hashlib.md5, "sha1": hashlib.sha1, "sha256": hashlib.sha256}  # as archives state them
_LENGTH: Final = re.compile(r"[0-9]{1,19}")
_PADDING: Final = b"\r\n\0"


class Record(NamedTuple):
    """An intact record of an input type; header names are in lower case."""

    address: Address
    headers: dict[str, str]
    block: bytes


Broken = tuple[Address, Unread]


def read_records(path: Path, name: str, max_bytes: int) -> Iterator[Record | Broken]:
    """The input records of a WARC file; InputError if there is no WARC record in it."""
    n_headers = 0
    held: list[Broken] = []
    with path.open("rb", buffering=PIECE_BYTES) as file:
        codec = codec_of(file, name)
        for found in _member_records(file, codec, max_bytes) if codec else _plain_records(file, max_bytes):
            n_headers += found.has_header
            item = found.item
            if item is None:
                continue
            if n_headers:
                yield from held
                held = []
                yield item
            elif not isinstance(item, Record):
                held.append(item)
        if not n_headers:
            file.seek(0)
            start = file.read(4).hex(" ")  # enough to tell a format by, too little to give text away
            raise InputError(
                f"{name}: no WARC record in it; its {os.fstat(file.fileno()).st_size} bytes begin with {start or 'nothing'}. "
                "Remove it from the source, or state its format"
            )


class _Found(NamedTuple):
    has_header: bool
    item: Record | Broken | None  # None: a record of a type that is no input


def _member_records(file: BinaryIO, codec: Codec, max_bytes: int) -> Iterator[_Found]:
    for member in members(file, codec, _begins_like_warc):
        if isinstance(member, Gap):
            yield _broken(Address(member.offset), _Wrong("not_a_record", member.n_bytes))
            continue
        yield from _stream_records(_Stream(member.read), member.offset, max_bytes)


def _plain_records(file: BinaryIO, max_bytes: int) -> Iterator[_Found]:
    file.seek(0)
    yield from _stream_records(_Stream(lambda: file.read(PIECE_BYTES), file), None, max_bytes)


def _begins_like_warc(content: bytes) -> bool:
    return content.lstrip(_PADDING).startswith(b"WARC/")


# --- One decoded stream of records -----------------------------------------------------------------------------------


class _Stream:
    """Decoded bytes, of which those from `position` on can be looked at before they are taken."""

    def __init__(self, read: Callable[[], bytes], file: BinaryIO | None = None) -> None:
        self.position = 0
        self._read, self._file = read, file
        self._held = bytearray()
        self._at = 0  # what is held begins at `position` here

    def fill(self, n_bytes: int) -> int:
        """Hold `n_bytes` if there are so many; returns how many are held."""
        while len(self._held) - self._at < n_bytes and (piece := self._read()):
            if self._at > len(self._held) // 2:
                del self._held[: self._at]
                self._at = 0
            self._held += piece
        return len(self._held) - self._at

    def peek(self, n_bytes: int, skip: int = 0) -> bytes:
        """Up to `n_bytes` held ones, without taking them."""
        start = self._at + skip
        return bytes(memoryview(self._held)[start : start + n_bytes])

    def drop(self, n_bytes: int) -> None:
        """Pass over held bytes."""
        self._at += n_bytes
        self.position += n_bytes

    def drop_any(self, of: bytes) -> bool:
        """Pass over all bytes that are one of `of`; returns whether anything is left."""
        while self.fill(1):
            piece = self.peek(_HEADER_BYTES)
            rest = piece.lstrip(of)
            self.drop(len(piece) - len(rest))
            if rest:
                return True
        return False

    def find_record(self) -> bool:
        """Pass over everything before the next line `WARC/1.x`; returns whether there is one."""
        while self.fill(_RECORD_START_BYTES):
            window = self.peek(_SEARCH_BYTES)
            if found := _RECORD_START.search(window):
                self.drop(found.start() + 1)
                return True
            if self.fill(len(window) + 1) == len(window):
                self.drop(len(window))
            else:
                self.drop(max(1, len(window) - _RECORD_START_BYTES))
        return False

    def skip_block(self, n_bytes: int) -> bool:
        """Pass over a block that is too large to be held; False if no record can end there.

        In a plain file nothing is passed over then; in a member what was passed over is lost.
        """
        if self._file is not None:
            end = self.position + n_bytes
            back = self._file.tell()
            size = self._file.seek(0, 2)
            self._file.seek(min(end, size))
            after = self._file.read(_RECORD_START_BYTES)
            if end > size or not (_begins_like_warc(after) or not after.strip(_PADDING)):
                self._file.seek(back)
                return False
            self._file.seek(end)
            self._held.clear()
            self._at, self.position = 0, end
            return True
        end = self.position + n_bytes
        while self.position < end:
            held = self.fill(1)
            if not held:
                return False
            self.drop(min(held, end - self.position))
        return True


class _Wrong(Exception):  # noqa: N818 - becomes a ledger row
    def __init__(self, reason: str, value: float | None = None, limit: float | None = None, *, is_past: bool = False) -> None:
        super().__init__(reason)
        self.unread = Unread(Outcome.FAILED, reason, value, limit)
        self.is_past = is_past  # the stream stands behind the record


def _broken(address: Address, wrong: _Wrong, *, has_header: bool = False) -> _Found:
    return _Found(has_header, (address, wrong.unread))


def _stream_records(stream: _Stream, member_offset: int | None, max_bytes: int) -> Iterator[_Found]:
    """The records of a member, or of a plain file where `member_offset` is None."""
    ordinal = 0
    headers: dict[str, str] = {}
    told = False  # whether the present damage has a row already
    try:
        while stream.drop_any(_PADDING):
            address = Address(stream.position) if member_offset is None else Address(member_offset, ordinal)
            try:
                headers = _take_header(stream)
                block = _take_block(stream, headers, max_bytes)
                if member_offset is None:
                    _check_digest(headers, block)
            except _Wrong as wrong:
                told = True
                if _may_be_input(headers):
                    yield _broken(address, wrong, has_header=bool(headers))
                if not wrong.is_past and not stream.find_record():
                    return
            else:
                is_input = headers["warc-type"].lower() in INPUT_TYPES
                yield _Found(True, Record(address, headers, block) if is_input else None)
            ordinal, headers, told = ordinal + 1, {}, False
    except Damaged as damaged:
        if not told and _may_be_input(headers):
            yield _broken(Address(member_offset or 0, ordinal), _Wrong(damaged.reason), has_header=bool(headers))


def _may_be_input(headers: dict[str, str]) -> bool:
    """Whether what is damaged counts as an input record: it does unless its header says otherwise."""
    return headers.get("warc-type", "").lower() not in _OTHER_TYPES


def _take_header(stream: _Stream) -> dict[str, str]:
    """The fields of the record that begins here, by lower-case name."""
    wanted = _HEADER_BYTES
    while not (end := _HEADER_END.search(head := stream.peek(min(held := stream.fill(wanted), _MAX_HEADER_BYTES)))):
        if held < wanted or wanted > _MAX_HEADER_BYTES:
            raise _Wrong("truncated" if held < wanted and _VERSION_LINE.match(head) else "bad_warc_header")
        wanted *= 4
    if not _VERSION_LINE.match(head):
        raise _Wrong("bad_warc_header")
    stream.drop(end.end())
    return header_fields(head[: end.start()].decode("utf-8", "replace"))


def header_fields(head: str) -> dict[str, str]:
    """{lower-case name: value} of the lines after the first; a repeated field's values are joined with ", "."""
    fields: dict[str, list[str]] = {}
    name = ""
    for line in head.split("\n")[1:]:
        key, colon, value = line.partition(":")
        if line.startswith((" ", "\t")) and name:  # a folded line
            fields[name][-1] += " " + line.strip()
        elif colon:
            name = key.strip().lower()
            fields.setdefault(name, []).append(value.strip())
    return {name: ", ".join(values) for name, values in fields.items()}


def _take_block(stream: _Stream, headers: dict[str, str], max_bytes: int) -> bytes:
    """The block, if what follows it shows that its length is true."""
    kind = headers.get("warc-type", "").lower()
    if kind not in INPUT_TYPES | _OTHER_TYPES:
        raise _Wrong("unknown_record_type" if kind else "bad_warc_header")
    length = headers.get("content-length", "")
    if not _LENGTH.fullmatch(length):
        raise _Wrong("bad_content_length")
    n_bytes = int(length)
    if n_bytes > max_bytes:
        is_past = stream.skip_block(n_bytes)
        raise _Wrong("too_large" if is_past else "bad_content_length", n_bytes, max_bytes, is_past=is_past)
    held = stream.fill(n_bytes)
    if held < n_bytes:
        raise _Wrong("truncated", held, n_bytes)
    after = n_bytes
    while stream.fill(after + 1) > after and stream.peek(1, after) in (b"\r", b"\n"):
        after += 1
    stream.fill(after + _RECORD_START_BYTES)
    follows = stream.peek(_RECORD_START_BYTES, after)
    if follows and not follows.startswith((b"WARC/", b"\0")):
        raise _Wrong("bad_content_length", n_bytes)
    block = stream.peek(n_bytes)
    stream.drop(after)
    return block


def _check_digest(headers: dict[str, str], block: bytes) -> None:
    """Raise if the block is not what its digest says: a plain file has no other checksum."""
    name, colon, stated = headers.get("warc-block-digest", "").partition(":")
    algorithm = _DIGESTS.get(name.lower().replace("-", ""))
    if colon and algorithm:
        digest = algorithm(block).digest()
        if stated.lower() not in (digest.hex(), base64.b32encode(digest).decode().lower()):
            raise _Wrong("digest_mismatch", is_past=True)
