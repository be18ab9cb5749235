"""WARC files: exact bytes, linked records, right digests, whole or not there."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from aiohttp import web
from fastwarc.warc import ArchiveIterator, WarcRecordType
from multidict import CIMultiDict, CIMultiDictProxy
from warcio.checker import Checker

from pipelines.crawl.fetch import HttpExchange
from pipelines.crawl.warc import WarcFiles, new_id, packed, response_head
from tests.crawl.site import answering, links, records, running_site

CRAWL_ID = new_id()
RAW_HEADERS = (
    (b"X-first", b"1"),
    (b"content-TYPE", b"text/html"),
    (b"Set-Cookie", b"a\xe9"),
    (b"Set-Cookie", b"b"),
    (b"Transfer-Encoding", b"chunked"),
)


def exchange(url: str = "http://example.com/", body: bytes = b"<p>body\r\n\r\n", *, truncated: bool = False) -> HttpExchange:
    return HttpExchange(
        url=url,
        started_at=datetime(2026, 11, 24, 12, 0, 0, 123456, tzinfo=UTC),
        ip="192.0.2.1",
        request_head=b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
        version="HTTP/1.1",
        status=200,
        reason="Fine, thanks",
        raw_headers=RAW_HEADERS,
        headers=CIMultiDictProxy(CIMultiDict()),
        content_type="text/html",
        charset=None,
        body=body,
        truncated=truncated,
    )


def blocks(path: Path) -> list[tuple[dict[str, str], bytes]]:
    """(WARC headers, block) of each gzip member, cut out by hand."""
    found = []
    for record in gzip.decompress(path.read_bytes()).split(b"\r\n\r\nWARC/1.1\r\n"):
        head, _, block = record.removeprefix(b"WARC/1.1\r\n").partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
        found.append((headers, block[: int(headers["Content-Length"])]))
    return found


def sha1(data: bytes) -> str:
    return "sha1:" + base64.b32encode(hashlib.sha1(data, usedforsecurity=False).digest()).decode()


def test_headers_are_kept_byte_by_byte_but_for_chunking() -> None:
    assert response_head(exchange()) == (
        b"HTTP/1.1 200 Fine, thanks\r\nX-first: 1\r\ncontent-TYPE: text/html\r\nSet-Cookie: a\xe9\r\nSet-Cookie: b\r\n"
        b"X-Archive-Orig-Transfer-Encoding: chunked\r\n\r\n"
    )


def test_an_exchange_is_a_linked_pair_of_records_after_the_warcinfo(tmp_path: Path) -> None:
    with WarcFiles(tmp_path, "testmill/1.0", CRAWL_ID) as files:
        files.write(packed(exchange(), CRAWL_ID))
    assert files.finished == [tmp_path / "crawl-00000.warc.gz"]
    (info, fields), (request, sent), (response, received) = blocks(files.finished[0])
    assert [headers["WARC-Type"] for headers in (info, request, response)] == ["warcinfo", "request", "response"]
    assert b"robots: obey\r\n" in fields
    assert b"http-header-user-agent: testmill/1.0\r\n" in fields
    assert request["WARC-Concurrent-To"] == response["WARC-Record-ID"] != request["WARC-Record-ID"]
    assert sent == exchange().request_head
    assert received == response_head(exchange()) + exchange().body
    for headers, block, payload in ((request, sent, b""), (response, received, exchange().body)):
        assert headers["WARC-Target-URI"] == "http://example.com/"
        assert headers["WARC-Date"] == "2026-11-24T12:00:00.123Z"
        assert headers["WARC-IP-Address"] == "192.0.2.1"
        assert headers["WARC-Warcinfo-ID"] == info["WARC-Record-ID"]
        assert headers["Content-Type"] == f"application/http; msgtype={headers['WARC-Type']}"
        assert headers["WARC-Block-Digest"] == sha1(block)
        assert headers["WARC-Payload-Digest"] == sha1(payload)
        assert "WARC-Truncated" not in headers


def test_a_cut_body_says_so(tmp_path: Path) -> None:
    with WarcFiles(tmp_path, "testmill/1.0", CRAWL_ID) as files:
        files.write(packed(exchange(truncated=True), CRAWL_ID))
    assert [headers.get("WARC-Truncated") for headers, _ in blocks(files.finished[0])] == [None, None, "length"]


def test_files_are_rotated_and_each_begins_with_its_warcinfo(tmp_path: Path) -> None:
    with WarcFiles(tmp_path, "testmill/1.0", CRAWL_ID, max_file_bytes=1) as files:
        for i in range(3):
            files.write(packed(exchange(f"http://example.com/{i}"), CRAWL_ID))
    assert [path.name for path in files.finished] == [f"crawl-{i:05d}.warc.gz" for i in range(3)]
    urls = [[headers.get("WARC-Target-URI") for headers, _ in blocks(path)] for path in files.finished]
    assert [url for file in urls for url in file if url] == [f"http://example.com/{i}" for i in (0, 0, 1, 1, 2, 2)]
    assert all(file[0] is None for file in urls)


def test_a_file_under_way_vanishes_with_an_exception_and_finished_ones_stay(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), WarcFiles(tmp_path, "testmill/1.0", CRAWL_ID, max_file_bytes=1) as files:
        files.write(packed(exchange(), CRAWL_ID))
        files.write(packed(exchange(), CRAWL_ID))
        raise KeyboardInterrupt
    assert sorted(path.name for path in tmp_path.iterdir()) == [path.name for path in files.finished]


def test_other_readers_agree(tmp_path: Path) -> None:
    page = gzip.compress(links("/plain").encode())
    with running_site({"/": answering(page, headers={"Content-Encoding": "gzip"}), "/plain": "plain"}) as site:
        report = site.crawl(tmp_path)
    checker = Checker(type("Options", (), {"inputs": [str(path) for path in report.files], "verbose": False, "strict": True})())
    checker.process_all()
    assert checker.exit_value == 0
    read = []
    with report.files[0].open("rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.response, parse_http=False):
            assert record.verify_block_digest(consume=False)
            record.parse_http()
            assert record.verify_payload_digest(consume=False)
            read.append((record.headers["WARC-Target-URI"], record.http_headers.status_code, record.reader.read()))
    assert [(url.removeprefix(site.root), status) for url, status, _ in read] == [("/robots.txt", 404), ("/", 200), ("/plain", 200)]
    assert read[1][2] in (page, links("/plain").encode())
    written = [record for record in records(report) if record.kind == "response"]
    assert written[2].body == b"plain"
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", record.headers["WARC-Date"]) for record in written)
    assert all(record.headers["WARC-IP-Address"] == "127.0.0.1" for record in written)


def test_chunked_answers_are_stored_whole(tmp_path: Path) -> None:
    async def chunked(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/html"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        for piece in (b"<p>one", b" two", b" three"):
            await response.write(piece)
        await response.write_eof()
        return response

    with running_site({"/": chunked}) as site:
        page = records(site.crawl(tmp_path))[-1]
    assert page.body == b"<p>one two three"
    assert page.http["X-Archive-Orig-Transfer-Encoding"] == "chunked"
    assert "Transfer-Encoding" not in page.http


def test_too_large_a_page_is_kept_only_as_a_marked_beginning(tmp_path: Path) -> None:
    with running_site({"/": links("/big"), "/big": "x" * 5000}) as site:
        report = site.crawl(tmp_path, max_page_bytes=1000)
    big = records(report)[-1]
    assert report.counts == {"fetched": 1, "too_large": 1}
    assert (big.kind, big.body, big.headers["WARC-Truncated"]) == ("response", b"x" * 1000, "length")
