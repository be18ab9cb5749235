"""Decoders for one gzip member, zstd frame or xz stream, with bounded pieces and one interface."""

from __future__ import annotations

import lzma
import zlib
from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

import zstandard

MAX_WINDOW_BYTES: Final = 1 << 31
_ZSTD_MAGIC: Final = b"\x28\xb5\x2f\xfd"
# A zstd block of 4 bytes may decode to 128 KiB: 512 bytes make at most 16 MiB.
_ZSTD_READ_BYTES: Final = 1 << 9
_FRAME_HEADER_BYTES: Final = 18
_XZ_CHECK_AT: Final = 7  # the byte of an xz stream that names its checksum; 0 is none
DECODING_ERRORS: Final = (zlib.error, zstandard.ZstdError, lzma.LZMAError, OSError)


class Damaged(Exception):  # noqa: N818 - a state of the data
    """Compressed bytes that cannot be decoded or end too early; `value` and `limit` are set if a limit is the reason."""

    def __init__(self, reason: str, value: float | None = None, limit: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.value, self.limit = reason, value, limit


class MemberDecoder(Protocol):
    """The interface of bz2.BZ2Decompressor and lzma.LZMADecompressor."""

    @property
    def eof(self) -> bool:
        """Whether the end is reached and the checksum was right."""

    @property
    def unused_data(self) -> bytes:
        """Input beyond the end."""

    @property
    def needs_input(self) -> bool:
        """Whether all input so far is used up."""

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        """Decoded bytes; one of DECODING_ERRORS for damaged input."""


class _GzipDecoder:
    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(16 + zlib.MAX_WBITS)

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data

    @property
    def needs_input(self) -> bool:
        return not self._decoder.unconsumed_tail

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        return self._decoder.decompress(self._decoder.unconsumed_tail + data, max(0, max_length))


class _ZstdDecoder:
    def __init__(self, max_window: int, dictionary: zstandard.ZstdCompressionDict | None) -> None:
        self._decoder = zstandard.ZstdDecompressor(dict_data=dictionary, max_window_size=max_window).decompressobj()
        self._waiting = b""

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data + self._waiting

    @property
    def needs_input(self) -> bool:
        return not self._waiting

    def decompress(self, data: bytes, max_length: int = -1) -> bytes:
        data = self._waiting + data
        self._waiting = data[_ZSTD_READ_BYTES:]
        return self._decoder.decompress(data[:_ZSTD_READ_BYTES])


class Codec(NamedTuple):
    """A compression format whose files are chains of members."""

    name: str
    magic: bytes
    new_decoder: Callable[[], MemberDecoder]
    has_checksum: Callable[[bytes], bool]
    """Whether a member with these first bytes has a checksum of its content."""
    max_window: int = MAX_WINDOW_BYTES

    def check_window(self, head: bytes) -> None:
        """Raise Damaged if a member with these first bytes needs more memory than allowed."""
        if self.name == "zstd" and (window := frame_header(head).window_size) > self.max_window:
            raise Damaged("window_too_large", window, self.max_window)


def gzip_codec() -> Codec:
    """gzip, in which every member has a checksum."""
    return Codec("gzip", b"\x1f\x8b\x08", _GzipDecoder, lambda head: True)


def zstd_codec(max_window: int = MAX_WINDOW_BYTES, dictionary: bytes = b"") -> Codec:
    """Zstandard with windows of at most `max_window` bytes. The dictionary may be compressed; a damaged one is not used."""
    found = _dictionary_of(dictionary) if dictionary else None
    return Codec(
        "zstd",
        _ZSTD_MAGIC,
        lambda: _ZstdDecoder(max_window, found),
        lambda head: frame_header(head).has_checksum,
        max_window,
    )


def is_skippable(head: bytes) -> bool:
    """Whether these are the first bytes of a zstd frame without content; 0x5D has the dictionary of a .warc.zst."""
    return head[1:4] == b"\x2a\x4d\x18" and 0x50 <= head[0] <= 0x5F


def starts_zstd(head: bytes) -> bool:
    """Whether these are the first bytes of a zstd frame, with or without content."""
    return head.startswith(_ZSTD_MAGIC) or is_skippable(head)


def xz_codec(max_window: int = MAX_WINDOW_BYTES) -> Codec:
    """xz streams that need at most `max_window` bytes, besides what the library needs for itself."""
    return Codec(
        "xz",
        b"\xfd7zXZ\0",
        lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, max_window + (64 << 20)),
        lambda head: bool(head[_XZ_CHECK_AT : _XZ_CHECK_AT + 1].strip(b"\0")),
        max_window,
    )


class FrameHeader(NamedTuple):
    """The header of a zstd frame; zeros if it is damaged."""

    n_bytes: int
    window_size: int
    has_checksum: bool


def frame_header(head: bytes) -> FrameHeader:
    """The header of the zstd frame with these first bytes."""
    try:
        n_bytes = zstandard.frame_header_size(head[:_FRAME_HEADER_BYTES])
        found = zstandard.get_frame_parameters(head[:_FRAME_HEADER_BYTES])
    except zstandard.ZstdError:
        return FrameHeader(0, 0, False)
    return FrameHeader(n_bytes, found.window_size, found.has_checksum)


def _dictionary_of(content: bytes) -> zstandard.ZstdCompressionDict | None:
    try:
        if content.startswith(_ZSTD_MAGIC):
            content = zstandard.ZstdDecompressor().decompress(content, max_output_size=64 << 20)
        return zstandard.ZstdCompressionDict(content)
    except zstandard.ZstdError:
        return None
