"""Records of a crawl are made blank where they lie, or not at all."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from pipelines.takedown.blank_records import write_blanked
from schemas.errors import OutputError

FULL = gzip.compress(
    b"WARC/1.1\r\nWARC-Type: response\r\nWARC-Record-ID: <urn:uuid:0b6ee4a9-7c1f-4b6e-9f6b-3d0c5a1e2f34>\r\n"
    b"WARC-Date: 2026-01-02T03:04:05Z\r\nWARC-Target-URI: http://site.example/page\r\n"
    b"Content-Type: application/http; msgtype=response\r\nContent-Length: 30\r\n\r\n"
    b"jane@bakery.example wrote this\r\n\r\n"
)
SHORT = gzip.compress(b"WARC/1.1\r\n\r\n")


def test_what_takes_the_place_of_a_record_is_as_long_and_empty(tmp_path: Path) -> None:
    (tmp_path / "a.warc.gz").write_bytes(FULL + SHORT)
    assert write_blanked(tmp_path / "a.warc.gz", tmp_path / "b.warc.gz", [0]) == 1
    written = (tmp_path / "b.warc.gz").read_bytes()
    assert written[len(FULL) :] == SHORT
    blank = gzip.decompress(written[: len(FULL)])
    assert b"WARC-Type: metadata" in blank
    assert b"bakery" not in blank + written


def test_a_record_that_is_too_short_for_a_blank_one_is_refused_and_nothing_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "a.warc.gz").write_bytes(SHORT + FULL)
    with pytest.raises(OutputError, match="the crawled record at byte 0 is too short to be made blank in place"):
        write_blanked(tmp_path / "a.warc.gz", tmp_path / "b.warc.gz", [0])
    assert not (tmp_path / "b.warc.gz").exists()
