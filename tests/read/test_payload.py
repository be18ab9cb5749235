"""HTTP bodies: codings right and wrong, status, and what counts as a page."""

from __future__ import annotations

import gzip
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipelines.read.payload import content_kind, parse_http, stated_charset, unchunk
from pipelines.read.records import Rejected
from pipelines.text.http_codings import DecodedBody
from testkit.archives import http

brotli = pytest.importorskip("brotli")  # a requirement of FastWARC

LIMIT = 1 << 20
BODY = b"<html><p>The body of the page.</p></html>"
SKIPPABLE = b"\x50\x2a\x4d\x18\4\0\0\0abcd"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"


def reason(call: object, *arguments: object) -> tuple[str, str]:
    with pytest.raises(Rejected) as rejected:
        call(*arguments)  # type: ignore[operator]
    return rejected.value.unread.outcome.value, rejected.value.unread.reason


def chunked(data: bytes, size: int) -> bytes:
    pieces = [data[i : i + size] for i in range(0, len(data), size)]
    return b"".join(b"%x;note=1\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("coding", "stored"),
    [
        ("gzip", gzip.compress(BODY, mtime=0)),
        ("x-gzip", gzip.compress(BODY, mtime=0)),
        ("gzip", BODY),  # says so, but is not
        ("deflate", zlib.compress(BODY)),
        ("deflate", zlib.compress(BODY)[2:-4]),  # without its frame
        ("br", brotli.compress(BODY)),
        ("zstd", zstandard.compress(BODY)),
        ("identity", BODY),
        ("deflate, gzip", gzip.compress(zlib.compress(BODY), mtime=0)),
        ("GZIP;q=1", gzip.compress(BODY, mtime=0)),
        ("gzip, gzip", gzip.compress(gzip.compress(BODY, mtime=0), mtime=0)),
        ("gzip, gzip", gzip.compress(BODY, mtime=0)),  # a header that was sent twice
        ("gzip", gzip.compress(BODY[:20], mtime=0) + gzip.compress(BODY[20:], mtime=0)),
        ("gzip", gzip.compress(BODY, mtime=0) + b"junk"),
        ("zstd", zstandard.compress(BODY[:20]) + zstandard.compress(BODY[20:])),
        ("zstd", SKIPPABLE + zstandard.compress(BODY[:20]) + SKIPPABLE + zstandard.compress(BODY[20:])),
    ],
)
def test_content_codings_are_undone(coding: str, stored: bytes) -> None:
    assert parse_http(http(stored, extra=f"Content-Encoding: {coding}\r\n"), LIMIT).body == BODY


@pytest.mark.parametrize("coding", ["br", "zstd", "gzip", "deflate", "compress", "lzma"])
@pytest.mark.parametrize(
    "body", [BODY, b"words", "Wörter ".encode() * 100, "Wörter und mehr Wörter ".encode("latin-1") * 10, BODY.decode().encode("utf-16")]
)
def test_plain_text_under_a_coding_is_shown_as_it_is(coding: str, body: bytes) -> None:
    assert parse_http(http(body, extra=f"Content-Encoding: {coding}\r\n"), LIMIT).body == body


@pytest.mark.parametrize("coding", ["aws-chunked", "8bit", "binary", "UTF-8", "iso-8859-1", "text/html", "none", "null", "*", "%", "en-US"])
@pytest.mark.parametrize("body", [BODY, PNG])
def test_an_unknown_coding_changes_nothing(coding: str, body: bytes) -> None:
    assert parse_http(http(body, extra=f"Content-Encoding: {coding}\r\n"), LIMIT).body == body
    packed = http(gzip.compress(body, mtime=0), extra=f"Content-Encoding: {coding}, gzip\r\n")
    assert parse_http(packed, LIMIT).body == body


def test_a_packed_body_that_is_cut_is_read_as_far_as_it_goes() -> None:
    text = b"<html><p>" + b" ".join(b"word%d" % (i * 7919 % 997) for i in range(300))
    packed = gzip.compress(text, mtime=0)
    found = parse_http(http(packed[:400], extra="Content-Encoding: gzip\r\n"), LIMIT)
    assert found.is_cut
    assert text.startswith(found.body)
    assert len(found.body) > 300
    in_chunks = parse_http(http(chunked(packed, 200)[:500], extra="Transfer-Encoding: chunked\r\nContent-Encoding: gzip\r\n"), LIMIT)
    assert in_chunks.is_cut
    assert text.startswith(in_chunks.body)
    assert not parse_http(http(packed, extra="Content-Encoding: gzip\r\n"), LIMIT).is_cut
    assert reason(parse_http, http(packed[:12], extra="Content-Encoding: gzip\r\n"), LIMIT) == ("failed", "bad_content_encoding")


def test_transfer_codings_are_undone_before_content_codings() -> None:
    body = chunked(gzip.compress(zlib.compress(BODY), mtime=0), 9)
    assert parse_http(http(body, extra="Transfer-Encoding: gzip, chunked\r\nContent-Encoding: deflate\r\n"), LIMIT).body == BODY


@pytest.mark.parametrize(
    ("coding", "stored", "why"),
    [
        ("gzip", gzip.compress(BODY, mtime=0)[:-8] + bytes(8), "bad_content_encoding"),
        ("deflate", b"\xff\0" + BODY, "bad_content_encoding"),
        ("br", b"\xff\0" + BODY, "bad_content_encoding"),
        ("zstd", zstandard.ZstdCompressor(write_checksum=True).compress(BODY)[:-1] + b"\0", "bad_content_encoding"),
        ("compress", b"\x1f\x9d\x90" + PNG, "content_encoding_unsupported"),
        ("gzip", gzip.compress(bytes(2 * LIMIT), mtime=0), "too_large"),
        ("deflate", zlib.compress(bytes(2 * LIMIT)), "too_large"),
        ("br", brotli.compress(bytes(2 * LIMIT)), "too_large"),
        ("zstd", zstandard.compress(bytes(2 * LIMIT)), "too_large"),
    ],
)
def test_undecodable_and_too_large_bodies_fail(coding: str, stored: bytes, why: str) -> None:
    assert reason(parse_http, http(stored, extra=f"Content-Encoding: {coding}\r\n"), LIMIT) == ("failed", why)


@given(st.binary(max_size=300), st.integers(1, 50))
def test_chunks_are_joined(data: bytes, size: int) -> None:
    assert unchunk(chunked(data, size)) == DecodedBody(data)


def test_chunks_without_end_count_as_far_as_they_go_and_a_body_without_chunks_as_it_is() -> None:
    assert unchunk(chunked(BODY, 10)[:-9]) == DecodedBody(BODY[:40], is_cut=True)
    assert unchunk(BODY) == DecodedBody(BODY)
    assert unchunk(b"0" * 40 + b"5\r\nabcde\r\n0\r\n\r\n") == DecodedBody(b"abcde")
    assert unchunk(b"5\nabcde\n3\nfgh\n0\n\n") == DecodedBody(b"abcdefgh")  # as some servers end lines
    assert unchunk(b"5\r\nabcde3\r\nfgh0\r\n\r\n") == DecodedBody(b"abcdefgh")
    assert unchunk(b"5\r\nabcde\r\n0\r\nX-Trailer: 1\r\n\r\n") == DecodedBody(b"abcde")
    assert unchunk(b"fffffffffffffff\r\nabcde") == DecodedBody(b"abcde", is_cut=True)
    assert unchunk(b"ffffffffffffffff\r\nabcde") == DecodedBody(b"ffffffffffffffff\r\nabcde")
    assert reason(unchunk, b"5\r\nabcde\r\nzz\r\nmore") == ("failed", "bad_transfer_encoding")


@pytest.mark.parametrize("status", ["404 Not Found", "301", "500 x", "000", "999", "100"])
def test_only_successful_responses_are_read(status: str) -> None:
    assert reason(parse_http, http(BODY, status=status), LIMIT) == ("dropped", "http_status")


@pytest.mark.parametrize(
    "block",
    [
        b"",
        BODY,
        b"HTTP/1.1\r\nContent-Type: text/html\r\n\r\n",
        b"HTTP/1.1 xx\r\n\r\n",
        "HTTP/1.1 ٢٠٠ OK\r\n\r\n".encode(),
        b"HTTP/1.1 2000\r\n\r\n",
    ],
)
def test_a_response_without_a_status_fails(block: bytes) -> None:
    assert reason(parse_http, block, LIMIT) == ("failed", "http_header_missing")


def test_heads_may_end_lines_with_lf_alone_and_repeat_fields() -> None:
    payload = parse_http(b"HTTP/2 200\nx-robots-tag: noai\nX-Robots-Tag: noindex\n\nbody", LIMIT)
    assert payload == ({"x-robots-tag": "noai, noindex"}, b"body", False)


@pytest.mark.parametrize(
    ("body", "declared", "identified", "kind"),
    [
        (BODY, "text/html; charset=x", "", "html"),
        (BODY, "TEXT/HTML", "", "html"),
        (BODY, "", "", "html"),
        (BODY, "image/png", "", "html"),
        (BODY, "text/plain", "", "html"),
        (BODY, "application/octet-stream", "", "html"),
        (b"\xef\xbb\xbf  <!-- a --> <!-- b --><!DOCTYPE HTML>", "application/json", "", "html"),
        (b'<?xml version="1.0"?><!DOCTYPE html><html>', "application/xml", "", "html"),
        ("<html>".encode("utf-16"), "", "", "html"),
        ("<html>".encode("utf-16-le"), "", "", "html"),
        (b"<p>a\0b", "text/html", "", "html"),
        (b"just words", "text/html", "", "html"),
        (b"just words", "application/unknown", "text/html", "html"),
        (b"<p>words</p>", "", "", "html"),
        (b"<p>words</p>", "text/plain", "", "text"),
        (b"just words", "text/plain; charset=utf-8", "text/html", "text"),
        (b"just words", "", "", "text"),
    ],
)
def test_pages_and_texts_are_recognised_whatever_is_stated(body: bytes, declared: str, identified: str, kind: str) -> None:
    assert content_kind(body, declared, identified) == kind


@pytest.mark.parametrize(
    ("body", "declared"),
    [
        (PNG, "image/png"),
        (PNG, "text/html"),
        (PNG, "text/plain"),
        (PNG, ""),
        (b"body{color:red}", "text/css"),
        (b'{"a": "<html>"}', "application/json"),
        (b'<?xml version="1.0"?><rss></rss>', "application/rss+xml"),
        (b"%PDF-1.7\n\x00\x01", "application/pdf"),
    ],
)
def test_anything_else_is_dropped(body: bytes, declared: str) -> None:
    assert reason(content_kind, body, declared, "") == ("dropped", "not_html")


@pytest.mark.parametrize("start", [b" ", b"<!-- -->", b"<!--", b"<?xml ?>", b"\n<!-- --> "])
def test_sniffing_does_not_backtrack(start: bytes) -> None:
    """Exponential backtracking would never come back."""
    assert content_kind(start * 2000, "text/plain", "") == "text"


def test_charset_labels_are_taken_out_of_the_type() -> None:
    assert stated_charset('text/html; Charset="Shift_JIS"; x=y') == "Shift_JIS"
    assert stated_charset("text/html") is None
