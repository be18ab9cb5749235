"""HTTP bodies -> the bytes that a browser shows, up to a given number.

Servers state wrong codings, so a stated coding is believed only where the bytes agree. A truncated body gives its beginning.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Final, NamedTuple, Protocol

import brotli
import zstandard
from fastwarc.stream_io import BrotliReader

SNIFF_BYTES: Final = 1445
# Control characters that no text has, https://mimesniff.spec.whatwg.org/#binary-data-byte, in the first 1,445 bytes.
BINARY: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
UTF16_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
BEFORE_MARKUP: Final = rb"(?:\xef\xbb\xbf)?(?:\s++|<\?xml[^>]{0,512}+>|(?><!--.{0,1024}?-->))*+"
SURELY_HTML: Final = re.compile(BEFORE_MARKUP + rb"<(?:!doctype\s+(?:x?html)|html|head)[\s>]", re.IGNORECASE | re.DOTALL)
"""The beginning of HTML pages only."""

_READ_BYTES: Final = 1 << 14
# A zstd block of 4 bytes may decode to 128 KiB: 512 bytes make at most 16 MiB.
_ZSTD_READ_BYTES: Final = 1 << 9
_WINDOW_BYTES: Final = 1 << 27
_ZSTD_START: Final = re.compile(rb"\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18")
_GZIP_START: Final = re.compile(rb"\x1f\x8b")
_NOT_ZERO: Final = re.compile(rb"[^\0]")
# Codings that exist but browsers do not decode. Any other word is not a coding: its body stays unchanged.
_UNSUPPORTED: Final = frozenset(
    {"compress", "x-compress", "lzma", "xz", "bzip2", "x-bzip2", "lz4", "snappy", "exi", "pack200-gzip", "dcb", "dcz", "aes128gcm"}
)
_SURELY_TEXT_BYTES: Final = 200  # so many compressed bytes almost never lack a control character


class UndecodableError(Exception):
    """The body is not in its stated coding."""


class UnsupportedCodingError(UndecodableError):
    """The body is in a coding that browsers do not decode."""


class _Decompressor(Protocol):
    """The common part of the decoders of zlib and zstandard."""

    @property
    def eof(self) -> bool:
        """Whether the member or frame has ended."""

    @property
    def unused_data(self) -> bytes:
        """The bytes after its end."""

    def decompress(self, data: bytes, /) -> bytes:
        """The content of the next bytes."""


class TooLongError(Exception):
    """The body decodes to more than the limit."""


class DecodedBody(NamedTuple):
    """A body without its codings."""

    body: bytes
    is_cut: bool = False
    """Whether it ended too early, so that this is only its beginning."""


def codings(value: str) -> list[str]:
    """The names in a header field, in lower case, without parameters and quotes."""
    return [one.partition(";")[0].strip(" \t\"'").lower() for one in value.split(",")]


def decode_body(body: bytes, value: str, max_bytes: int) -> DecodedBody:
    """The body without the codings of a header field, such as "deflate, gzip" (applied left to right).

    Plain text with a stated coding stays as it is. UndecodableError, UnsupportedCodingError or TooLongError if nothing can be shown.
    """
    is_cut = False
    for coding in reversed(codings(value)):
        if body and (coding in _DECODERS or coding in _UNSUPPORTED):
            body, is_cut_here = _undo_one(body, coding, max_bytes)
            is_cut |= is_cut_here
    return DecodedBody(body, is_cut)


def _undo_one(body: bytes, coding: str, max_bytes: int) -> DecodedBody:
    try:
        if coding in _UNSUPPORTED:
            raise UnsupportedCodingError(f"Content-Encoding {coding!r}")
        undone = _DECODERS[coding](body, max_bytes)
    except UndecodableError:
        if is_plain(body):
            return DecodedBody(body)
        raise
    if undone.is_cut and is_plain(body):  # without a magic number any bytes may be the beginning
        return DecodedBody(body)
    if undone.is_cut and not (undone.body and is_plain(undone.body)):
        raise UndecodableError(f"{coding} data that ends early")
    return undone


def is_plain(body: bytes) -> bool:
    """Whether the body is text and not compressed."""
    start = body[:SNIFF_BYTES]
    if BINARY.search(start):
        return start.startswith(UTF16_BOMS) and SURELY_HTML.match(start.replace(b"\0", b"")[2:]) is not None
    if start.lstrip().startswith(b"<") or len(start) >= _SURELY_TEXT_BYTES:
        return True
    return start.decode("utf-8", "replace").count("\ufffd") == 0


def _gunzip(body: bytes, max_bytes: int) -> DecodedBody:
    if not _GZIP_START.match(body):
        return DecodedBody(body)
    return _unpack(body, _GZIP_START, lambda: zlib.decompressobj(16 + zlib.MAX_WBITS), _READ_BYTES, max_bytes)


def _unzstd(body: bytes, max_bytes: int) -> DecodedBody:
    if not _ZSTD_START.match(body):
        return DecodedBody(body)
    library = zstandard.ZstdDecompressor(max_window_size=_WINDOW_BYTES)
    return _unpack(body, _ZSTD_START, library.decompressobj, _ZSTD_READ_BYTES, max_bytes)


def _unpack(body: bytes, start: re.Pattern[bytes], new_decoder: Callable[[], _Decompressor], n_read: int, max_bytes: int) -> DecodedBody:
    """The content of all members or frames; padding between them and bytes after the last one are ignored."""
    unpacked = bytearray()
    at = n_whole = 0
    while start.match(body, at):
        decoder = new_decoder()
        while not decoder.eof:
            data = body[at : at + n_read]
            if not data:
                return DecodedBody(bytes(unpacked), True)
            at += len(data)
            try:
                unpacked += decoder.decompress(data)
            except (zlib.error, zstandard.ZstdError):
                if n_whole:
                    return DecodedBody(bytes(unpacked[:n_whole]), True)
                raise UndecodableError("packed data that is damaged") from None
            if len(unpacked) > max_bytes:
                raise TooLongError
        n_whole = len(unpacked)
        following = _NOT_ZERO.search(body, at - len(decoder.unused_data))
        at = following.start() if following else len(body)
    return DecodedBody(bytes(unpacked))


def _inflate(body: bytes, max_bytes: int) -> DecodedBody:
    """The first reading of the body that works; browsers accept both kinds of deflate."""
    for bits in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
        decoder = zlib.decompressobj(bits)
        try:
            unpacked = decoder.decompress(body, max_bytes + 1)
        except zlib.error:
            continue
        if len(unpacked) > max_bytes:
            raise TooLongError
        return DecodedBody(unpacked, not decoder.eof)
    raise UndecodableError("not deflate data")


def _unbrotli(body: bytes, max_bytes: int) -> DecodedBody:
    """The content; one library ignores bytes after the end, the other returns the content before a cut."""
    is_cut = False
    try:
        unpacked = bytes(BrotliReader(BytesIO(body)).read(max_bytes + 1))
    except OSError:
        try:
            unpacked, is_cut = brotli.Decompressor().process(body, output_buffer_limit=max_bytes + 1), True
        except brotli.error:
            raise UndecodableError("not brotli data") from None
    if len(unpacked) > max_bytes:
        raise TooLongError
    return DecodedBody(unpacked, is_cut)


_DECODERS: Final[dict[str, Callable[[bytes, int], DecodedBody]]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}
