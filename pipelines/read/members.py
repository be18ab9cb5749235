"""Compressed files, decoded piece by piece in bounded memory: gzip members and zstd frames with their offsets, bzip2 and xz.

A piece never grows past a few MiB, however small the bytes it came from. Which compression it is, the first bytes say,
and the name only where they say nothing.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple, Protocol

import zstandard

PIECE_BYTES: Final = 1 << 20
_READ_BYTES: Final = 1 << 14
# A zstd block of 4 bytes may decode to 128 KiB: 512 bytes make at most 16 MiB.
_ZSTD_READ_BYTES: Final = 1 << 9
_PROBE_BYTES: Final = 1 << 12
_SEARCH_BYTES: Final = 1 << 18
_MAX_DICTIONARY_BYTES: Final = 64 << 20
_PADDING: Final = b"\0\r\n"


class Damaged(Exception):  # noqa: N818 - a state of the data
    """Compressed bytes that cannot be decoded, or that end too early."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Decoder(Protocol):
    """What zlib's decompressobj offers."""

    @property
    def eof(self) -> bool:
        """Whether the member is complete and its checksum held."""

    @property
    def unused_data(self) -> bytes:
        """What was given beyond the member's end."""

    @property
    def unconsumed_tail(self) -> bytes:
        """What was given and waits to be given again."""

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Decoded bytes."""


class _ZstdDecoder:
    """One zstd frame behind zlib's interface."""

    def __init__(self, dictionary: zstandard.ZstdCompressionDict | None) -> None:
        self._decoder = zstandard.ZstdDecompressor(dict_data=dictionary).decompressobj()
        self.unconsumed_tail = b""

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data + (self.unconsumed_tail if self.eof else b"")

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        self.unconsumed_tail = data[_ZSTD_READ_BYTES:]
        return self._decoder.decompress(data[:_ZSTD_READ_BYTES])


class Codec(NamedTuple):
    """A compression whose files are chains of members."""

    name: str
    magic: bytes
    new_decoder: Callable[[], Decoder]


GZIP: Final = Codec("gzip", b"\x1f\x8b\x08", lambda: zlib.decompressobj(16 + zlib.MAX_WBITS))
ZSTD: Final = Codec("zstd", b"\x28\xb5\x2f\xfd", lambda: _ZstdDecoder(None))


class Gap(NamedTuple):
    """Bytes between members that are none."""

    offset: int
    n_bytes: int


class Member:
    """One gzip member or zstd frame."""

    def __init__(self, file: BinaryIO, offset: int, codec: Codec) -> None:
        self.offset, self.codec = offset, codec
        self.end: int | None = None
        self.damaged = False
        self._file = file
        self._decoder = codec.new_decoder()
        file.seek(offset)

    def read(self) -> bytes:
        """The next decoded piece; b"" at the end, which is only reached if the checksum holds."""
        while self.end is None:
            data = self._decoder.unconsumed_tail or self._file.read(_READ_BYTES)
            if not data:
                self.damaged = True
                raise Damaged("truncated")
            try:
                piece = self._decoder.decompress(data, PIECE_BYTES)
            except (zlib.error, zstandard.ZstdError):
                self.damaged = True
                raise Damaged(f"{self.codec.name}_damaged") from None
            if self._decoder.eof:
                self.end = self._file.tell() - len(self._decoder.unused_data)
            if piece:
                return piece
        return b""


def members(file: BinaryIO, codec: Codec, begins_well: Callable[[bytes], bool]) -> Iterator[Member | Gap]:
    """The members of a file in order. A damaged one is followed by the next whose content `begins_well`.

    Each member must be read before the next is asked for; what was left unread is decoded to find its end.
    """
    size = file.seek(0, 2)
    at = 0
    while at < size:
        at, codec = _past_skippable(file, at, codec)
        if not _starts_with(file, at, codec.magic):
            start, at = at, _find_member(file, at, size, codec, begins_well)
            if not _is_padding(file, start, at):
                yield Gap(start, at - start)
            if at == size:
                return
        member = Member(file, at, codec)
        yield member
        try:
            while member.read():
                pass
        except Damaged:
            pass  # whoever reads a member meets its damage, too
        at = _find_member(file, at + 1, size, codec, begins_well) if member.end is None else member.end


def _starts_with(file: BinaryIO, at: int, magic: bytes) -> bool:
    file.seek(at)
    return file.read(len(magic)) == magic


def _is_padding(file: BinaryIO, start: int, end: int) -> bool:
    file.seek(start)
    while start < end:
        piece = file.read(min(_SEARCH_BYTES, end - start))
        if piece.strip(_PADDING):
            return False
        start += len(piece)
    return True


def _find_member(file: BinaryIO, at: int, size: int, codec: Codec, begins_well: Callable[[bytes], bool]) -> int:
    """The offset at or after `at` of a member whose content begins well, or `size`."""
    while at < size:
        file.seek(at)
        window = file.read(_SEARCH_BYTES)
        found = window.find(codec.magic)
        while found >= 0:
            if begins_well(_probe(file, at + found, codec)):
                return at + found
            found = window.find(codec.magic, found + 1)
        at += max(1, len(window) - len(codec.magic) + 1)
    return size


def _probe(file: BinaryIO, at: int, codec: Codec) -> bytes:
    """What the first bytes at `at` decode to; b"" if they do not."""
    file.seek(at)
    try:
        return codec.new_decoder().decompress(file.read(_PROBE_BYTES), _PROBE_BYTES)
    except (zlib.error, zstandard.ZstdError):
        return b""


def _past_skippable(file: BinaryIO, at: int, codec: Codec) -> tuple[int, Codec]:
    """(offset of what follows zstd's skippable frames, the codec with the dictionary that they hold)."""
    while codec.name == ZSTD.name:
        file.seek(at)
        head = file.read(8)
        if not _is_skippable(head) or len(head) < 8:
            break
        n_bytes = int.from_bytes(head[4:], "little")
        if head[0] == 0x5D and at == 0 and n_bytes <= _MAX_DICTIONARY_BYTES:
            codec = _with_dictionary(file.read(n_bytes))
        at += 8 + n_bytes
    return at, codec


def _is_skippable(head: bytes) -> bool:
    """Whether a zstd frame begins so that holds no content; 0x5D holds the dictionary of a .warc.zst."""
    return head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F


def _with_dictionary(content: bytes) -> Codec:
    """The zstd codec with a dictionary, which may be compressed itself; without it, if it is damaged: its frames will say so."""
    try:
        if content.startswith(ZSTD.magic):
            content = zstandard.ZstdDecompressor().decompress(content, max_output_size=_MAX_DICTIONARY_BYTES)
        dictionary = zstandard.ZstdCompressionDict(content)
    except zstandard.ZstdError:
        return ZSTD
    return Codec(ZSTD.name, ZSTD.magic, lambda: _ZstdDecoder(dictionary))


def codec_of(file: BinaryIO, name: str) -> Codec | None:
    """The chain-of-members compression of a file, None if there is none."""
    file.seek(0)
    head = file.read(4)
    if head.startswith(GZIP.magic):
        return GZIP
    if head == ZSTD.magic or _is_skippable(head):
        return ZSTD
    return {".gz": GZIP, ".zst": ZSTD}.get(Path(name).suffix)


def decoded(file: BinaryIO) -> Iterator[bytes]:
    """The content of a file, whatever its compression, in pieces; raises Damaged where it cannot be decoded."""
    file.seek(0)
    head = file.read(6)
    file.seek(0)
    if head.startswith(b"BZh"):
        with bz2.BZ2File(file) as stream:
            yield from _unpacked(stream, "bzip2_damaged")
    elif head == b"\xfd7zXZ\0":
        with lzma.LZMAFile(file) as stream:
            yield from _unpacked(stream, "xz_damaged")
    elif (codec := codec_of(file, "")) is not None:
        for member in members(file, codec, bool):
            if isinstance(member, Gap):
                raise Damaged(f"{codec.name}_damaged")
            while piece := member.read():
                yield piece
    else:
        file.seek(0)
        while piece := file.read(PIECE_BYTES):
            yield piece


def _unpacked(stream: bz2.BZ2File | lzma.LZMAFile, reason: str) -> Iterator[bytes]:
    while True:
        try:
            piece = stream.read1(PIECE_BYTES)
        except EOFError:
            raise Damaged("truncated") from None
        except (OSError, lzma.LZMAError):
            raise Damaged(reason) from None
        if not piece:
            return
        yield piece
