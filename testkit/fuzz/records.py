"""Records as sources store them, each with the text that it holds, written from that text alone."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import random
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any, Final

import zstandard

from testkit.archives import http, record
from testkit.fuzz.texts import SCRIPTS, Text, name_of, paragraphs, text


@dataclass(frozen=True, slots=True)
class Record:
    """Stored bytes and what becomes of them: a document of the text; a row without one; nothing where it is passed over."""

    stored: bytes
    text: Text | None = None
    is_passed_over: bool = False


# --- JSON Lines ------------------------------------------------------------------------------------------------------


def json_line(draw: random.Random, number: int) -> Record:
    """A line: a row with its text as a string or as a list of paragraphs, or one that is no document."""
    made = text(draw, number)
    row: dict[str, Any] = {"text": made.shown, "url": f"http://a.example/{number}", "n": number, "tags": ["x"]}
    kind = draw.random()
    if kind < 0.08:
        return Record(_wrong_line(draw, row))
    if kind < 0.16:
        row["text"], made = paragraphs(made)
    if draw.random() < 0.5:
        row = dict(reversed(row.items()))
    line = json.dumps(row, ensure_ascii=draw.random() < 0.5, separators=draw.choice([None, (",", ":")]))
    if kind > 0.95:
        line = f" {line.replace(': ', ' :  ')} " if '": ' not in made.shown and ": " not in made.shown else f" {line}"
    return Record(line.encode() + draw.choice([b"\n", b"\n", b"\r\n", b"\n\n"]), made)


def _wrong_line(draw: random.Random, row: dict[str, Any]) -> bytes:
    line = json.dumps(row).encode()
    del row["text"]
    return draw.choice([
        line[: draw.randrange(5, len(line) - 1)], json.dumps(row).encode(), json.dumps({**row, "text": 7}).encode(),
        json.dumps({**row, "text": " \n"}).encode(), b'["text"]', b"{" + line, b'"text"', json.dumps({**row, "text": None}).encode(),
    ]) + b"\n"  # fmt: skip


# --- Pages -----------------------------------------------------------------------------------------------------------

CHARSETS: Final = {
    "latin": ("ascii", "iso-8859-1", "windows-1252"),
    "latin with accents": ("windows-1254", "iso-8859-15"),
    "greek": ("iso-8859-7", "windows-1253"),
    "cyrillic": ("windows-1251", "koi8-r", "iso-8859-5"),
    "hebrew": ("windows-1255",),
    "arabic": ("windows-1256", "iso-8859-6"),
    "han": ("gb18030", "gbk"),
    "kana": ("shift_jis", "euc-jp", "iso-2022-jp"),
    "hangul": ("euc-kr",),
}
_TAGS: Final = ("b", "i", "em", "strong", "span", "a", "u", "small", "mark", "code", "font", "abbr", "ins")


def _marked_up(draw: random.Random, line: str) -> str:
    """The line as HTML that shows it: in pieces, some inside inline elements, some as character references."""
    pieces, at = [], 0
    while at < len(line):
        n = draw.choice([1, 1, 2, 3, 8, 20, 40])
        piece, at = line[at : at + n], at + n
        kind = draw.random()
        if kind < 0.15:
            written = "".join(f"&#{'x' * (i % 2)}{ord(c):{'x' if i % 2 else 'd'}};" for i, c in enumerate(piece))
        else:
            written = escape(piece, quote=kind < 0.5)
        if draw.random() < 0.25:
            tag = draw.choice(_TAGS)
            attributes = draw.choice(["", " class=x", ' title="a > b"', " href='#n'"])
            written = f"<{tag}{attributes}>{written}</{tag}>"
        pieces.append(written + draw.choice(["", "", "", "", "<!-- c -->", "<wbr>"]))
    return "".join(pieces)


def _page(draw: random.Random, made: Text, charset: str) -> str:
    head = draw.choice([f"<meta charset={charset}>", f'<meta http-equiv="Content-Type" content="text/html; charset={charset}">'])
    lines = made.shown.split("\n")
    body = "".join(f"<p>{_marked_up(draw, one) if draw.random() < 0.7 else escape(one)}</p>\n" for one in lines)
    inner = draw.choice(["<main>{}</main>", "<article>{}</article>", "<div id=content>{}</div>"]).format(body)
    return f"<!DOCTYPE html>\n<html><head>{head}<title>t</title></head><body>{inner}</body></html>"


def _encoded(draw: random.Random, number: int) -> tuple[bytes, str, Text]:
    """(page, its charset, its text): the charset is stated in the page."""
    script = draw.choice([*CHARSETS, *SCRIPTS])
    charset = draw.choice(["utf-8", *CHARSETS.get(script, ())])
    made = text(draw, number, script=script)
    page = _page(draw, made, charset)
    try:
        return page.encode(charset), charset, made
    except UnicodeEncodeError:
        return _page(draw, made, "utf-8").encode(), "utf-8", made


def _coded(draw: random.Random, body: bytes) -> tuple[bytes, str]:
    """(body as it is sent, the header fields that say how)."""
    coding = draw.choice(["", "", "gzip", "deflate", "zstd"])
    if coding:
        packs: dict[str, Callable[[bytes], bytes]] = {
            "gzip": lambda data: gzip.compress(data, mtime=0),
            "deflate": zlib.compress,
            "zstd": zstandard.ZstdCompressor().compress,
        }
        body = packs[coding](body)
    fields = f"Content-Encoding: {coding}\r\n" if coding else ""
    if draw.random() < 0.3:
        size = draw.randint(20, 500)
        chunks = [body[at : at + size] for at in range(0, len(body), size)]
        body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"
        fields += "Transfer-Encoding: chunked\r\n"
    return body, fields


# --- WARC ------------------------------------------------------------------------------------------------------------


def _digest(draw: random.Random, block: bytes) -> str:
    if draw.random() < 0.5:
        return ""
    return f"WARC-Block-Digest: sha1:{base64.b32encode(hashlib.sha1(block).digest()).decode()}\r\n"  # noqa: S324 - what archives state


def warc_record(draw: random.Random, number: int) -> Record:
    """A record of a crawl: a page, a text, a record that is no input, or one that is no document."""
    url = f"http://a.example/{name_of(number)}"
    kind = draw.random()
    if kind < 0.1:
        other = draw.choice(["request", "metadata", "warcinfo"])
        return Record(record(url, b"GET / HTTP/1.1\r\n\r\n", kind=other), is_passed_over=True)
    if kind < 0.2:
        return Record(_wrong_record(draw, url, text(draw, number)))
    if kind < 0.35:
        made = text(draw, number)
        body, fields = _coded(draw, made.shown.encode())
        block = http(body, "text/plain; charset=utf-8", extra=fields)
    else:
        page, charset, made = _encoded(draw, number)
        body, fields = _coded(draw, page)
        block = http(body, draw.choice(["text/html", f"text/html; charset={charset}"]), extra=fields)
    return Record(record(url, block, extra=_digest(draw, block)), made)


def _wrong_record(draw: random.Random, url: str, made: Text) -> bytes:
    block = http(made.shown.encode(), "text/plain; charset=utf-8")
    packed = bytearray(gzip.compress(made.shown.encode()))
    packed[len(packed) // 2] ^= 255
    return draw.choice([
        record(url, http(made.shown.encode(), status="404 Not Found")),
        record(url, http(b" \r\n")),
        record(url, http(bytes(packed), "text/plain; charset=utf-8", extra="Content-Encoding: gzip\r\n")),
        record(url, block, length=len(block) - 9),
        record(url, block, length="x"),
        record(url, block, kind="unknown"),
        record(url, made.shown.encode()),
    ])  # fmt: skip


def wet_record(draw: random.Random, number: int) -> Record:
    """A record of extracted text."""
    made = text(draw, number)
    block = made.shown.encode()
    return Record(record(f"http://a.example/{name_of(number)}", block, kind="conversion", extra=_digest(draw, block)), made)
