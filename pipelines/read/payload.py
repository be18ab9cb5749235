"""A record's block -> the page or text in it: HTTP head, transfer and content codings, and what kind of content it is.

Servers state wrong codings and types; what is stated is believed only where the bytes agree. Decoding stops at a limit in bytes.
"""

from __future__ import annotations

import re
from typing import Final, Literal, NamedTuple

from pipelines.read.records import dropped, failed
from pipelines.read.warc import header_fields
from pipelines.text.http_codings import (
    BEFORE_MARKUP,
    BINARY,
    SNIFF_BYTES,
    SURELY_HTML,
    UTF16_BOMS,
    TooLongError,
    UndecodableError,
    Undone,
    UnsupportedCodingError,
    codings,
    undo,
)

_HEAD_END: Final = re.compile(rb"\r?\n\r?\n")
_MAX_HEAD_BYTES: Final = 1 << 17
_STATUS: Final = re.compile(r"HTTP/[0-9](?:\.[0-9])?[ \t]+([0-9]{3})\b")
_CHUNK_SIZE: Final = re.compile(rb"[ \t]*0*([0-9A-Fa-f]{1,15})[ \t]*(?:;[^\r\n]*)?\r?\n")
_CHARSET: Final = re.compile(r"charset\s*=\s*[\"']?([^\s\"';,]+)", re.IGNORECASE)


class Payload(NamedTuple):
    """The decoded body of a record; `headers` are those of HTTP, by lower-case name."""

    headers: dict[str, str]
    body: bytes
    is_cut: bool = False
    """Whether the body ended before its coding did, and only its beginning is here."""


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
    transfer, content = (headers.get(name, "") for name in ("transfer-encoding", "content-encoding"))
    unchunked = unchunk(body) if "chunked" in codings(transfer) else Undone(body)
    unpacked = _undo(unchunked.body, transfer, max_bytes)
    shown = _undo(unpacked.body, content, max_bytes)
    return Payload(headers, shown.body, unchunked.is_cut or unpacked.is_cut or shown.is_cut)


def _undo(body: bytes, value: str, max_bytes: int) -> Undone:
    try:
        return undo(body, value, max_bytes)
    except TooLongError:
        raise failed("too_large", None, max_bytes) from None
    except UndecodableError as error:
        raise failed("content_encoding_unsupported" if isinstance(error, UnsupportedCodingError) else "bad_content_encoding") from None


def unchunk(body: bytes) -> Undone:
    """The body without chunk sizes; as it is where its first line is no size, as far as it goes where its end is missing."""
    at = 0
    pieces: list[bytes] = []
    while size := _CHUNK_SIZE.match(body, at):
        n_bytes = int(size[1], 16)
        if not n_bytes:
            return Undone(b"".join(pieces))
        pieces.append(body[size.end() : size.end() + n_bytes])
        at = size.end() + n_bytes
        at += 2 if body[at : at + 2] == b"\r\n" else body[at : at + 1] == b"\n"
    if pieces and b"\n" in body[at:]:
        raise failed("bad_transfer_encoding")
    return Undone(b"".join(pieces), True) if pieces else Undone(body)


# --- What it is ------------------------------------------------------------------------------------------------------

Kind = Literal["html", "text"]

_HTML_TYPES: Final = frozenset({"text/html", "application/xhtml+xml", "application/vnd.wap.xhtml+xml"})
_PERHAPS_HTML: Final = re.compile(
    BEFORE_MARKUP + rb"<(?:!doctype\s+html|html|head|body|script|iframe|h1|div|font|table|a|style|title|b|br|p|!--)[\s>]",
    re.IGNORECASE | re.DOTALL,
)


def content_kind(body: bytes, content_type: str, identified: str) -> Kind:
    """Whether the body is a page or plain text; anything else is rejected.

    `content_type` is the server's word, `identified` the archive's. A page is known by its first tag whatever is stated,
    and binary data by its first bytes.
    """
    declared, identified = essence(content_type), essence(identified)
    start = body[: 4 * SNIFF_BYTES]
    is_utf16 = start.startswith(UTF16_BOMS)
    if SURELY_HTML.match(start.replace(b"\0", b"")[2 * is_utf16 :]):
        return "html"
    is_binary = not is_utf16 and BINARY.search(start, 0, SNIFF_BYTES) is not None
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
