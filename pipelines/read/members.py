"""Splits stored files into parts that are intact or damaged as a whole: gzip members, zstd frames, xz streams, bzip2 blocks.

A part is decoded to its end before any of its content is used, so that its checksum has been verified by then. Meanwhile the content is
held in memory up to a limit; a larger part is decoded a second time. No piece is larger than a few MiB, however well it is compressed.
Damaged stretches, and those between members, are parts as well, so that parts cover a file without gaps. The first bytes decide which
compression it is, and the file name only if they are inconclusive.
"""

from __future__ import annotations

import lzma
import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, Final

from pipelines.read.bzip2 import blocks, is_bzip2
from pipelines.read.decoders import (
    DECODING_ERRORS,
    MAX_WINDOW_BYTES,
    Codec,
    Damaged,
    frame_header,
    gzip_codec,
    is_skippable,
    starts_zstd,
    xz_codec,
    zstd_codec,
)
from pipelines.read.parts import MAX_PADDING_BYTES, PIECE_BYTES, CheckedPart, Part, PlainPart

_READ_BYTES: Final = 1 << 14
_FIRST_READ_BYTES: Final = 1 << 11  # most false members fail within this
_HEAD_BYTES: Final = 1 << 12
_FIRST_BYTES: Final = 32  # enough for the header of a frame or stream
_SEARCH_BYTES: Final = 1 << 18
_MAX_DICTIONARY_BYTES: Final = 64 << 20
_MAX_TRIES: Final = 8  # how often the bytes of a damaged file may be decoded in search of intact members,
_FREE_BYTES: Final = 1 << 26  # besides this many bytes of any file
_PADDING: Final = b"\0\r\n"
_BINARY: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")

BeginsWell = Callable[[Part], bool]


class _Member(CheckedPart):
    """A gzip member, a zstd frame or an xz stream."""

    def __init__(self, file: BinaryIO, offset: int, codec: Codec) -> None:
        super().__init__(offset, offset)
        self.file, self.codec = file, codec
        self.reached = self.last_read = offset
        file.seek(offset)
        self.first_bytes = file.read(_FIRST_BYTES)
        self.lacks_checksum = not codec.has_checksum(self.first_bytes)
        self.check()

    def decode(self) -> Iterator[bytes]:
        """The content from its start; raises Damaged at the first damage."""
        n_given = 0
        try:
            for piece in self._decode(None):
                n_given += len(piece)
                yield piece
        except Damaged as damage:
            if damage.value is None:  # libraries discard the decoded beginning of a damaged chunk
                with suppress(Damaged):
                    for piece in self._decode(self.last_read):
                        if n_given < len(piece):
                            yield piece[n_given:]
                        n_given = max(0, n_given - len(piece))
            raise

    def _decode(self, bytewise_from: int | None) -> Iterator[bytes]:
        """Like `decode`, but fed byte by byte from a stored offset on."""
        self.codec.check_window(self.first_bytes)
        decoder = self.codec.new_decoder()
        at = self.offset
        while not decoder.eof:
            data = b""
            if decoder.needs_input:
                n_bytes = _FIRST_READ_BYTES if at == self.offset else _READ_BYTES
                self.file.seek(at)
                data = self.file.read(n_bytes if bytewise_from is None or at < bytewise_from else 1)
                self.last_read, at = at, at + len(data)
                self.reached = max(self.reached, at)
                if not data:
                    raise Damaged("truncated")
            try:
                piece = decoder.decompress(data, PIECE_BYTES)
            except DECODING_ERRORS as error:
                if isinstance(error, lzma.LZMAError) and "limit" in str(error):
                    raise Damaged("window_too_large", None, self.codec.max_window) from None
                raise Damaged(f"{self.codec.name}_damaged") from None
            if piece:
                yield piece
        self.end = at - len(decoder.unused_data)


def stored_parts(
    file: BinaryIO, name: str = "", max_window: int = MAX_WINDOW_BYTES, begins_well: BeginsWell = lambda part: not part.damage
) -> Iterator[Part]:
    """The parts of a file in order; together they cover the whole file except for padding.

    A damaged part extends to the next member, which is found by its magic bytes and accepted by `begins_well`.
    """
    plain = PlainPart(file)
    codecs = {".gz": gzip_codec(), ".zst": zstd_codec(max_window), ".xz": xz_codec(max_window)}
    suffix = _compression_suffix(plain.head, name, codecs)
    if suffix == ".bz2":
        yield from blocks(file)
    elif suffix in codecs:
        yield from _members(file, codecs[suffix], begins_well)
    elif plain.n_bytes:
        yield plain


def _compression_suffix(head: bytes, name: str, codecs: dict[str, Codec]) -> str:
    """The suffix of a file's compression; its name counts only if the first bytes are neither compressed nor text."""
    for suffix, codec in codecs.items():
        if head.startswith(codec.magic) or (codec.name == "zstd" and is_skippable(head)):
            return suffix
    if is_bzip2(head):
        return ".bz2"
    return Path(name).suffix.lower() if _BINARY.search(head) else ""


# --- Chains of members -----------------------------------------------------------------------------------------------


def _members(file: BinaryIO, codec: Codec, begins_well: BeginsWell) -> Iterator[Part]:
    size = file.seek(0, 2)
    search = _Search(file, size, begins_well)
    at = 0
    ahead: _Member | None = None
    while True:
        part: Part
        if ahead is None:
            start, at = at, _past_padding(file, at)
            if at - start > MAX_PADDING_BYTES:
                yield Part(start, at, Damaged(f"{codec.name}_damaged"))
            at, codec = _past_skippable(file, at, size, codec)
            at = _past_padding(file, at)
            if at >= size:
                return
            part = _Member(file, at, codec) if _is_at(file, at, codec) else Part(at, size, Damaged(f"{codec.name}_damaged"))
        else:
            part, ahead = ahead, None
        if part.damage:
            ahead = search.after(part, codec)
            part.end = ahead.offset if ahead else size
        yield part
        at = part.end


class _Search:
    """Finds the member after a damaged part, in time linear in the size of the file."""

    def __init__(self, file: BinaryIO, size: int, begins_well: BeginsWell) -> None:
        self.file, self.size, self.begins_well = file, size, begins_well
        self.n_tried = 0

    def after(self, part: Part, codec: Codec) -> _Member | None:
        """The next member that begins well, or None."""
        at = self._past(part)
        if codec.name == "zstd" and at == part.offset + 1 and _is_at(self.file, end := self._frame_end(part.offset), codec):
            return _Member(self.file, end, codec)
        while at < self.size:
            self.file.seek(at)
            window = self.file.read(_SEARCH_BYTES)
            found = window.find(codec.magic)
            if found < 0:
                at += max(1, len(window) - len(codec.magic) + 1)
                continue
            member = _Member(self.file, at + found, codec)
            if self.begins_well(member):
                return member
            at = self._past(member)
        return None

    def _past(self, part: Part) -> int:
        """Where to continue after a damaged part: right after its start, or at its end once too much was decoded in vain."""
        reached = part.reached if isinstance(part, _Member) else part.offset
        self.n_tried += reached - part.offset
        may_try = self.n_tried <= _MAX_TRIES * self.size + _FREE_BYTES
        return part.offset + 1 if may_try else max(reached, part.offset + 1)

    def _frame_end(self, start: int) -> int:
        """The end of the zstd frame at `start` by the lengths of its blocks; the end of the file if those are wrong."""
        self.file.seek(start)
        header = frame_header(self.file.read(_FIRST_BYTES))
        at = start + header.n_bytes
        is_last = False
        while header.n_bytes and not is_last and at + 3 <= self.size:
            self.file.seek(at)
            block = int.from_bytes(self.file.read(3), "little")
            is_last = bool(block & 1)
            at += 3 + (1 if block >> 1 & 3 == 1 else block >> 3)
        self.n_tried += min(at, self.size) - start
        return min(at + 4 * header.has_checksum, self.size) if is_last else self.size


def _is_at(file: BinaryIO, at: int, codec: Codec) -> bool:
    file.seek(at)
    return file.read(len(codec.magic)) == codec.magic


def _past_padding(file: BinaryIO, at: int) -> int:
    while True:
        file.seek(at)
        piece = file.read(_SEARCH_BYTES)
        rest = piece.lstrip(_PADDING)
        at += len(piece) - len(rest)
        if rest or not piece:
            return at


def _past_skippable(file: BinaryIO, at: int, size: int, codec: Codec) -> tuple[int, Codec]:
    """(offset after zstd's skippable frames, codec with the dictionary in them).

    A frame is skipped only if its end is in the file and is followed by a frame, padding or the end of the file.
    """
    while codec.name == "zstd":
        file.seek(at)
        head = file.read(8)
        end = at + 8 + int.from_bytes(head[4:], "little")
        if len(head) < 8 or not is_skippable(head) or not _is_zstd_at(file, end, size):
            break
        if head[0] == 0x5D and at == 0 and end <= _MAX_DICTIONARY_BYTES:
            file.seek(8)
            codec = zstd_codec(codec.max_window, file.read(end - 8))
        at = end
    return at, codec


def _is_zstd_at(file: BinaryIO, at: int, size: int) -> bool:
    file.seek(at)
    head = file.read(4)
    return at == size or (at < size and (starts_zstd(head) or not head.strip(_PADDING)))
