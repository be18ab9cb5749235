"""WARC records: every intact one is found at the offset that an index names, every damaged one has a row."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import random
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from pipelines.read.records import FILE_REASONS
from pipelines.read.warc import Record, read_records
from tests.read.archives import http, members, page, pages, record

LIMIT = 1 << 20


def read(path: Path, stored: bytes, name: str = "a.warc.gz", limit: int = LIMIT) -> list[tuple[int, int, str]]:
    """(offset, part, URL or reason) of everything in the file."""
    path.write_bytes(stored)
    found: list[tuple[int, int, str]] = []
    for each in read_records(path, name, limit):
        if isinstance(each, Record):
            found.append((*each.address, each.headers["warc-target-uri"]))
        else:
            found.append((*each[0], each[1].reason))
    return found


def urls(numbers: list[int]) -> list[str]:
    return [f"http://a.example/{i}" for i in numbers]


def starts(parts: list[bytes]) -> list[int]:
    return [sum(map(len, parts[:i])) for i in range(len(parts))]


@pytest.mark.parametrize("name", ["a.warc.gz", "a.warc"])
def test_offsets_are_those_of_an_index(tmp_path: Path, name: str) -> None:
    records = [record("http://a.example/info", b"x", kind="warcinfo"), *pages(3), record("http://a.example/r", http(b""), kind="request")]
    stored = b"".join(members(records) if name.endswith(".gz") else records)
    iterator = ArchiveIterator(io.BytesIO(stored))
    index = [(iterator.get_record_offset(), each.rec_headers["WARC-Target-URI"]) for each in iterator if each.rec_type == "response"]
    assert [(offset, url) for offset, part, url in read(tmp_path / name, stored, name)] == index
    assert len(index) == 3


def test_only_responses_resources_and_conversions_are_input_records(tmp_path: Path) -> None:
    kinds = ["warcinfo", "request", "response", "metadata", "revisit", "resource", "conversion", "continuation"]
    stored = b"".join(members([record(f"http://a.example/{kind}", http(page()), kind=kind) for kind in kinds]))
    assert [url.rpartition("/")[2] for _, _, url in read(tmp_path / "a", stored)] == ["response", "resource", "conversion"]


def test_a_damaged_member_is_one_row_and_the_rest_is_read(tmp_path: Path) -> None:
    stored = members(pages(5))
    damaged = bytearray(stored[2])
    damaged[len(damaged) // 2] ^= 0xFF
    stored[2] = bytes(damaged)
    found = read(tmp_path / "a", b"".join(stored))
    assert [what for _, _, what in found] == [*urls([0, 1]), "gzip_damaged", *urls([3, 4])]
    assert [offset for offset, _, _ in found] == starts(stored)


def test_a_damaged_record_of_a_type_that_is_no_input_has_no_row(tmp_path: Path) -> None:
    request = gzip.compress(record("http://a.example/q", http(random.Random(1).randbytes(100_000)), kind="request"), mtime=0)
    stored = members(pages(1))[0] + request[:-12] + members(pages(1))[0]
    assert [what for _, _, what in read(tmp_path / "a", stored)] == urls([0, 0])


def test_a_cut_file_ends_with_a_row(tmp_path: Path) -> None:
    stored = members(pages(2))
    found = read(tmp_path / "a", stored[0] + stored[1][:-30])
    assert found == [(0, 0, "http://a.example/0"), (len(stored[0]), 0, "truncated")]
    records = pages(2)
    found = read(tmp_path / "a", records[0] + records[1][:-30], "a.warc")
    assert found == [(0, 0, "http://a.example/0"), (len(records[0]), 0, "truncated")]


def test_records_of_one_member_are_told_apart_by_part(tmp_path: Path) -> None:
    assert read(tmp_path / "a", gzip.compress(b"".join(pages(3)), mtime=0)) == [(0, i, url) for i, url in enumerate(urls([0, 1, 2]))]


def test_zstd_frames_are_members(tmp_path: Path) -> None:
    stored = [zstandard.compress(each) for each in pages(3)]
    assert read(tmp_path / "a", b"".join(stored), "a.warc.zst") == list(zip(starts(stored), [0] * 3, urls([0, 1, 2]), strict=True))


@pytest.mark.parametrize("name", ["a.warc.gz", "a.warc"])
@pytest.mark.parametrize(
    ("length", "reason"),
    [
        ("", "bad_content_length"),
        ("many", "bad_content_length"),
        ("-1", "bad_content_length"),
        ("9223372036854775807", "bad_content_length"),
        ("9" * 5000, "bad_content_length"),
        (20, "bad_content_length"),
    ],
)
def test_a_wrong_length_costs_one_record(tmp_path: Path, name: str, length: int | str, reason: str) -> None:
    records = pages(3)
    records[1] = record("http://a.example/1", http(page()), length=length)
    stored = members(records) if name.endswith(".gz") else records
    found = read(tmp_path / name, b"".join(stored), name)
    assert found == list(zip(starts(stored), [0] * 3, ["http://a.example/0", reason, "http://a.example/2"], strict=True))


def test_a_length_that_reaches_into_the_next_record_does_not_swallow_it(tmp_path: Path) -> None:
    records = pages(3)
    block = http(page())
    records[1] = record("http://a.example/1", block, length=len(block) + 100)
    found = read(tmp_path / "a.warc", b"".join(records), "a.warc")
    assert [what for _, _, what in found] == ["http://a.example/0", "bad_content_length", "http://a.example/2"]


@pytest.mark.parametrize("name", ["a.warc.gz", "a.warc"])
def test_a_record_over_the_limit_is_passed_over(tmp_path: Path, name: str) -> None:
    records = pages(3)
    records[1] = record("http://a.example/1", http(bytes(3 * LIMIT)))
    stored = members(records) if name.endswith(".gz") else records
    found = read(tmp_path / name, b"".join(stored), name)
    assert [what for _, _, what in found] == ["http://a.example/0", "too_large", "http://a.example/2"]


def test_a_block_in_a_plain_file_must_have_its_digest(tmp_path: Path) -> None:
    block = http(page())
    digest = base64.b32encode(hashlib.sha1(block).digest()).decode()  # noqa: S324
    good = record("http://a.example/0", block, extra=f"WARC-Block-Digest: sha1:{digest}\r\n")
    assert [what for _, _, what in read(tmp_path / "a", good + good.replace(b"river", b"rover"), "a.warc")] == [
        "http://a.example/0",
        "digest_mismatch",
    ]


def test_header_names_versions_and_separators_may_vary(tmp_path: Path) -> None:
    odd = pages(1)[0].replace(b"WARC-Type", b"warc-tYPE").replace(b"WARC/1.0", b"WARC/0.18").replace(b"Content-Length", b"content-length")
    folded = pages(1)[0].replace(b"WARC-Target-URI: ", b"WARC-Target-URI:\r\n  ")
    stored = odd.removesuffix(b"\r\n\r\n") + folded + pages(1)[0].removesuffix(b"\r\n\r\n")
    assert [what.strip() for _, _, what in read(tmp_path / "a", stored, "a.warc")] == urls([0, 0, 0])


def test_an_unknown_type_is_told(tmp_path: Path) -> None:
    stored = pages(1)[0] + record("http://a.example/1", b"", kind="respnse")
    assert [what for _, _, what in read(tmp_path / "a", stored, "a.warc")] == ["http://a.example/0", "unknown_record_type"]


@pytest.mark.parametrize(
    ("stored", "reason"),
    [
        (b"", "empty_file"),
        (bytes(100), "empty_file"),
        (gzip.compress(b"", mtime=0), "empty_file"),
        (gzip.compress(b"no archive", mtime=0), "not_a_warc"),
        (b"".join(gzip.compress(b"no archive", mtime=0) for _ in range(3)), "not_a_warc"),
        (zstandard.compress(b"no archive"), "not_a_warc"),
        (random.Random(1).randbytes(50_000), "not_a_warc"),
        (b"<html>", "not_a_warc"),
        (b"<html><p>" + b"words " * 50_000, "not_a_warc"),
        (b"PK\x03\x04" + bytes(100), "not_a_warc"),
        (b"WARC/", "not_a_warc"),
        (gzip.compress(pages(1)[0], mtime=0)[:60], "truncated"),
    ],
)
@pytest.mark.parametrize("name", ["a.warc.gz", "a.warc", "a.warc.zst"])
def test_a_file_without_any_record_is_one_row(tmp_path: Path, name: str, stored: bytes, reason: str) -> None:
    assert read(tmp_path / name, stored, name) == [(0, 0, reason)]
    assert reason in FILE_REASONS | {"truncated"}


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_no_damage_loses_an_intact_member_or_reads_one_twice(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Bytes of some members are changed, cut out or put in: the members left alone are read, at their offsets."""
    stored = members(pages(4))
    hit = data.draw(st.sets(st.integers(0, 3), max_size=3))
    for i in hit:
        at = data.draw(st.integers(3, len(stored[i]) - 1))
        how = data.draw(st.sampled_from(["flip", "cut", "junk"]))
        junk = data.draw(st.binary(min_size=1, max_size=20))
        stored[i] = {
            "flip": stored[i][:at] + bytes([stored[i][at] ^ 0x55]) + stored[i][at + 1 :],
            "cut": stored[i][:at],
            "junk": stored[i][:at] + junk + stored[i][at:],
        }[how]
    expected = {(offset, 0, url) for i, (offset, url) in enumerate(zip(starts(stored), urls([0, 1, 2, 3]), strict=True)) if i not in hit}
    found = read(tmp_path_factory.mktemp("warc") / "a", b"".join(stored))
    assert expected <= set(found)
    assert len({(offset, part) for offset, part, _ in found}) == len(found)
    assert len(found) <= 4 + len(hit)
