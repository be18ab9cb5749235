"""Small WARC files made by hand."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

from pipelines.read.batches import read_split
from pipelines.read.splits import plan
from schemas.recipe import Read, Source

DATE = "2025-06-02T05:27:20Z"
PARAGRAPH = "The river rises in a shallow valley north of the old quarry and runs past four villages before it meets the sea. "


def record(url: str, block: bytes, *, kind: str = "response", length: int | str | None = None, extra: str = "") -> bytes:
    """One WARC record; `length` is what it says about its block."""
    content_type = "application/http; msgtype=response" if kind in ("response", "request") else "text/plain"
    head = (
        f"WARC/1.0\r\nWARC-Type: {kind}\r\nWARC-Target-URI: {url}\r\nWARC-Date: {DATE}\r\nContent-Type: {content_type}\r\n{extra}"
        f"Content-Length: {len(block) if length is None else length}\r\n\r\n"
    )
    return head.encode() + block + b"\r\n\r\n"


def http(body: bytes, content_type: str = "text/html; charset=utf-8", *, status: str = "200 OK", extra: str = "") -> bytes:
    """One HTTP response."""
    return f"HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\n{extra}\r\n".encode() + body


def page(text: str = PARAGRAPH, head: str = "") -> bytes:
    """An HTML page of one paragraph."""
    return f"<!DOCTYPE html><html><head><title>t</title>{head}</head><body><article><p>{text}</p></article></body></html>".encode()


def pages(n: int) -> list[bytes]:
    """n records, each a page of its own."""
    return [record(f"http://a.example/{i}", http(page(f"{PARAGRAPH} {i}"))) for i in range(n)]


def members(records: list[bytes]) -> list[bytes]:
    """Each record as a gzip member."""
    return [gzip.compress(each, mtime=0) for each in records]


def read_file(path: Path, read: Read | None = None, **source: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """(documents, ledger rows) of one file, as the reader gives them."""
    sources = {"web": Source(path=(str(path),), **source)}
    documents: list[dict[str, Any]] = []
    failures: list[dict[str, Any]] = []
    for split in plan(sources, path.parent):
        for found in read_split(split, sources["web"], read or Read()):
            assert found.n_records == found.documents.num_rows + found.failures.num_rows
            documents += found.documents.to_pylist()
            failures += found.failures.to_pylist()
    return documents, failures


def reasons(failures: list[dict[str, Any]]) -> list[tuple[int, str, str]]:
    """(offset, outcome, reason) of every ledger row."""
    return [(row["origin_offset"], row["outcome"], row["reason"]) for row in failures]
