"""A record's block -> the page or text in it: HTTP head, transfer and content codings, and what kind of content it is.

Servers state wrong codings and types; what is stated is believed only where the bytes agree. Decoding stops at a limit in bytes.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Final, Literal, NamedTuple

from fastwarc.stream_io import BrotliReader

from pipelines.read.decoders import DECODING_ERRORS, Codec, gzip_codec, starts_zstd, zstd_codec
from pipelines.read.records import dropped, failed
from pipelines.read.warc import header_fields

_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_MAX_HEAD_BYTES: Final = 1 << 17
_STATUS: Final = re.compile(r"HTTP/[0-9](?:\.[0-9])?[ \t]+([0-9]{3})\b")
_CHUNK_SIZE: Final = re.compile(rb"[ \t]*0*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")
_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([^\s\"';,]+)", re.IGNORECASE)


class Payload(NamedTuple):
    """The decoded body of a record; `headers` are those of HTTP, by lower-case name."""

    headers: dict[str, str]
    body: bytes


def parse_http(block: bytes, max_bytes: int) -> Payload:
    """Head and decoded body of a successful HTTP response; anything else is rejected."""
    if not block.startswith(b"HTTP/"):
        raise failed("http_header_missing")
    end = _HEAD_END.search(block, 0, _MAX_HEAD_BYTES)
    head, body = (block[: end.start()], block[end.end() :]) if end else (block[:_MAX_HEAD_BYTES], b"")
    text = head.decode("utf-8", "replace")
    status = _STATUS.match(text)
    if not status:
        raise failed("http_header_missing")
    if not 200 <= int(status[1]) < 300:
        raise dropped("http_status", int(status[1]))
    headers = header_fields(text)
    transfer, content = (_codings(headers.get(name, "")) for name in ("transfer-encoding", "content-encoding"))
    if "chunked" in transfer:
        body = unchunk(body)
    for coding in (*reversed(transfer), *reversed(content)):
        body = _decode(body, coding, max_bytes)
    return Payload(headers, body)


def unchunk(body: bytes) -> bytes:
    """The body without chunk sizes; as it is where its first line is no size, as far as it goes where its end is missing."""
    at = 0
    pieces: list[bytes] = []
    while size := _CHUNK_SIZE.match(body, at):
        n_bytes = int(size[1], 16)
        if not n_bytes:
            return b"".join(pieces)
        pieces.append(body[size.end() : size.end() + n_bytes])
        at = size.end() + n_bytes
        at += 2 if body[at : at + 2] == b"\r\n" else body[at : at + 1] == b"\n"
    if pieces and b"\n" in body[at:]:
        raise failed("bad_transfer_encoding")
    return b"".join(pieces) if pieces else body


# --- Codings ---------------------------------------------------------------------------------------------------------

_READ_BYTES: Final = 1 << 14
_WINDOW_BYTES: Final = 1 << 27
_GZIP: Final = gzip_codec()
_ZSTD: Final = zstd_codec(_WINDOW_BYTES)
# Codings that there are, but browsers do not undo. Any other word names none: a body under it is what it is.
_UNSUPPORTED: Final = frozenset(
    {"compress", "x-compress", "lzma", "xz", "bzip2", "x-bzip2", "lz4", "snappy", "exi", "pack200-gzip", "dcb", "dcz", "aes128gcm"}
)
_SURELY_TEXT_BYTES: Final = 200  # of packed bytes so many next to never lack a control character


class _UndecodableError(Exception):
    """A body that is not what its coding says."""


class _TooLongError(Exception):
    """A body that decodes to more than the limit."""


def _codings(value: str) -> list[str]:
    """The names in a header field, in lower case, without parameters and quotes."""
    return [one.partition(";")[0].strip(" \t\"'").lower() for one in value.split(",")]


def _decode(body: bytes, coding: str, max_bytes: int) -> bytes:
    """The body without its coding; as it is where it is plain text all the same, as browsers show it."""
    if not body or (coding not in _DECODERS and coding not in _UNSUPPORTED):
        return body
    try:
        return _DECODERS[coding](body, max_bytes)
    except _TooLongError:
        raise failed("too_large", None, max_bytes) from None
    except (_UndecodableError, KeyError):
        if _is_plain(body):
            return body
        raise failed("content_encoding_unsupported" if coding in _UNSUPPORTED else "bad_content_encoding") from None


def _is_plain(body: bytes) -> bool:
    """Whether the body is text, and not packed."""
    start = body[:_SNIFF_BYTES]
    if _BINARY.search(start):
        return start.startswith(_UTF16_BOMS) and _SURELY_HTML.match(start.replace(b"\0", b"")[2:]) is not None
    if start.lstrip().startswith(b"<") or len(start) >= _SURELY_TEXT_BYTES:
        return True
    return start.decode("utf-8", "replace").count("\ufffd") == 0


def _gunzip(body: bytes, max_bytes: int) -> bytes:
    return _unpack_members(body, _GZIP, max_bytes) if body.startswith(b"\x1f\x8b") else body


def _unzstd(body: bytes, max_bytes: int) -> bytes:
    return _unpack_members(body, _ZSTD, max_bytes) if starts_zstd(body) else body


def _unpack_members(body: bytes, codec: Codec, max_bytes: int) -> bytes:
    """The content of all members or frames; what follows the last one is ignored."""
    unpacked = bytearray()
    at = 0
    while not at or body.startswith(codec.magic, at) or (codec is _ZSTD and starts_zstd(body[at : at + 4])):
        decoder = codec.new_decoder()
        while not decoder.eof:
            data = body[at : at + _READ_BYTES] if decoder.needs_input else b""
            if not data and decoder.needs_input:
                raise _UndecodableError
            at += len(data)
            try:
                unpacked += decoder.decompress(data, max_bytes + 1)
            except DECODING_ERRORS:
                raise _UndecodableError from None
            if len(unpacked) > max_bytes:
                raise _TooLongError
        at -= len(decoder.unused_data)
    return bytes(unpacked)


def _inflate(body: bytes, max_bytes: int) -> bytes:
    """The first reading of the body that works; browsers take both kinds of deflate."""
    for bits in (zlib.MAX_WBITS, -zlib.MAX_WBITS):
        decoder = zlib.decompressobj(bits)
        try:
            unpacked = decoder.decompress(body, max_bytes + 1)
        except zlib.error:
            continue
        if len(unpacked) > max_bytes:
            raise _TooLongError
        if decoder.eof:
            return unpacked
    raise _UndecodableError


def _unbrotli(body: bytes, max_bytes: int) -> bytes:
    try:
        unpacked = bytes(BrotliReader(BytesIO(body)).read(max_bytes + 1))
    except OSError:
        raise _UndecodableError from None
    if len(unpacked) > max_bytes:
        raise _TooLongError
    return unpacked


_DECODERS: Final[dict[str, Callable[[bytes, int], bytes]]] = {
    "gzip": _gunzip,
    "x-gzip": _gunzip,
    "deflate": _inflate,
    "br": _unbrotli,
    "zstd": _unzstd,
}


# --- What it is ------------------------------------------------------------------------------------------------------

Kind = Literal["html", "text"]

_HTML_TYPES: Final = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"})
# Control characters that no text has, https://mimesniff.spec.whatwg.org/#binary-data-byte, in the first 1,445 bytes.
_BINARY: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_SNIFF_BYTES: Final = 1445
_UTF16_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_BEFORE_MARKUP: Final = rb"(?:\xef\xbb\xbf)?(?:\s++|<\?xml[^>]{0,512}+>|(?><!--.{0,1024}?-->))*+"
# What only an HTML page begins with, and what begins one where no type is stated.
_SURELY_HTML: Final = re.compile(_BEFORE_MARKUP + rb"<(?:!doctype\s+(?:x?html)|html|head)[\s>]", re.IGNORECASE | re.DOTALL)
_PERHAPS_HTML: Final = re.compile(
    _BEFORE_MARKUP + rb"<(?:!doctype\s+html|html|head|body|script|iframe|h1|div|font|table|a|style|title|b|br|p|!--)[\s>]",
    re.IGNORECASE | re.DOTALL,
)


def content_kind(body: bytes, content_type: str, identified: str) -> Kind:
    """Whether the body is a page or plain text; anything else is rejected.

    `content_type` is the server's word, `identified` the archive's. A page is known by its first tag whatever is stated,
    and binary data by its first bytes.
    """
    declared, identified = essence(content_type), essence(identified)
    start = body[: 4 * _SNIFF_BYTES]
    is_utf16 = start.startswith(_UTF16_BOMS)
    if _SURELY_HTML.match(start.replace(b"\0", b"")[2 * is_utf16 :]):
        return "html"
    is_binary = not is_utf16 and _BINARY.search(start, 0, _SNIFF_BYTES) is not None
    if declared in _HTML_TYPES or (identified in _HTML_TYPES and declared != "text/plain"):
        # Pages with stray NULs exist, but they begin with a tag.
        if is_binary and not start.lstrip().startswith(b"<"):
            raise dropped("not_html")
        return "html"
    if not is_binary and declared in ("", "text/plain"):
        return "html" if not declared and _PERHAPS_HTML.match(start) else "text"
    raise dropped("not_html")


def essence(content_type: str) -> str:
    """The type alone: "text/html; charset=x" -> "text/html"."""
    return re.split("[;,]", content_type, maxsplit=1)[0].strip().lower()


def stated_charset(content_type: str) -> str | None:
    """The charset parameter, if there is one."""
    found = _CHARSET.search(content_type)
    return found[1] if found else None
