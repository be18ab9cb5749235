"""A record's block -> the page or text in it: HTTP head, transfer and content codings, and what kind of content it is.

Servers state wrong codings and types; what is stated is believed only where the bytes agree. Decoding stops at a limit in bytes.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Final, Literal, NamedTuple

import zstandard
from fastwarc.stream_io import BrotliReader

from pipelines.read.records import dropped, failed
from pipelines.read.warc import header_fields

_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_MAX_HEAD_BYTES: Final = 1 << 17
_STATUS: Final = re.compile(r"HTTP/\d(?:\.\d)?[ \t]+(\d{3})\b")
_CHUNK_SIZE: Final = re.compile(rb"[ \t]*([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r\n]*)?\r?\n")
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
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = unchunk(body)
    for coding in reversed(headers.get("content-encoding", "").lower().split(",")):
        body = _decode(body, coding.strip(), max_bytes)
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


def _decode(body: bytes, coding: str, max_bytes: int) -> bytes:
    if coding in ("", "identity", "none", "utf-8") or not body:
        return body
    if coding in ("gzip", "x-gzip"):
        return _inflate(body, (31,), max_bytes) if body[:2] == b"\x1f\x8b" else body
    if coding == "deflate":
        return _inflate(body, (zlib.MAX_WBITS, -zlib.MAX_WBITS), max_bytes)
    if coding == "br":
        return _within(max_bytes, lambda: BrotliReader(BytesIO(body)).read(max_bytes + 1), OSError)
    if coding == "zstd":
        return _within(max_bytes, lambda: zstandard.ZstdDecompressor().stream_reader(body).read(max_bytes + 1), zstandard.ZstdError)
    raise failed("content_encoding_unsupported")


def _inflate(body: bytes, window_bits: tuple[int, ...], max_bytes: int) -> bytes:
    """The first reading of the body that works; browsers take both kinds of deflate."""
    for bits in window_bits:
        decoder = zlib.decompressobj(bits)
        try:
            decoded = decoder.decompress(body, max_bytes + 1)
        except zlib.error:
            continue
        if len(decoded) > max_bytes:
            raise failed("too_large", None, max_bytes)
        if decoder.eof:
            return decoded
    raise failed("bad_content_encoding")


def _within(max_bytes: int, decode: Callable[[], bytes], error: type[Exception]) -> bytes:
    try:
        decoded = decode()
    except error:
        raise failed("bad_content_encoding") from None
    if len(decoded) > max_bytes:
        raise failed("too_large", None, max_bytes)
    return decoded


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
