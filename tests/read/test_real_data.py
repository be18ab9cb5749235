"""Archives of the real world, and archives damaged on purpose, of which it is known which records are intact."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from warcio.archiveiterator import ArchiveIterator

from pipelines.read.records import Address
from pipelines.read.warc_records import WarcRecord, read_records
from testkit.archives import read_file

DATA = Path(__file__).parents[2].parent / "shared" / "data"
DAMAGED = DATA / "warc-damaged"
MANIFEST = DAMAGED / "manifest.jsonl"
LIMIT = 64 << 20

pytestmark = pytest.mark.skipif(not MANIFEST.exists(), reason="the archives are not there")


def manifest() -> list[dict[str, Any]]:
    return [json.loads(line) for line in MANIFEST.read_text().splitlines()] if MANIFEST.exists() else []


def has_its_digest(record: WarcRecord) -> bool:
    stated = record.headers["warc-block-digest"].removeprefix("sha1:")
    return stated == base64.b32encode(hashlib.sha1(record.block).digest()).decode()  # noqa: S324


@pytest.mark.parametrize("case", [case for case in manifest() if case["records_written"]], ids=lambda case: case["file"])
def test_every_intact_record_of_a_damaged_archive_is_read_whole(case: dict[str, Any]) -> None:
    found = list(read_records(DAMAGED / case["file"], case["file"], LIMIT))
    whole = {each.headers["warc-target-uri"] for each in found if isinstance(each, WarcRecord) and has_its_digest(each)}
    assert set(case["intact_uris"]) <= whole
    n_unread = sum(not isinstance(each, WarcRecord) for each in found)
    n_lost = case["records_written"] - len(whole)
    assert n_unread >= n_lost > 0 or n_lost == 0
    documents, failures = read_file(DAMAGED / case["file"])
    assert [(row["origin_offset"], row["part"]) for row in sorted(documents + failures, key=at)] == sorted(
        each.address if isinstance(each, WarcRecord) else each[0] for each in found
    )


def at(row: dict[str, Any]) -> tuple[int, int]:
    return row["origin_offset"], row["part"]


@pytest.mark.parametrize("case", [case for case in manifest() if not case["records_written"]], ids=lambda case: case["file"])
def test_a_file_that_is_not_an_archive_is_one_row(case: dict[str, Any]) -> None:
    (found,) = read_records(DAMAGED / case["file"], case["file"], LIMIT)
    assert not isinstance(found, WarcRecord)
    address, unread = found
    assert address == Address(0)
    assert unread.reason == ("empty_file" if case["file"].startswith("18-empty") else "not_a_warc")


@pytest.mark.parametrize("name", ["00-control.warc", "00-control.warc.gz"])
def test_offsets_equal_those_of_an_index(name: str) -> None:
    with (DAMAGED / name).open("rb") as file:
        iterator = ArchiveIterator(file)
        index = [iterator.get_record_offset() for record in iterator if record.rec_type == "response"]
    assert [each.address.offset for each in read_records(DAMAGED / name, name, LIMIT) if isinstance(each, WarcRecord)] == index


@pytest.mark.parametrize("path", sorted((DAMAGED / "real").glob("*.warc*")), ids=lambda path: path.name)
def test_sample_archives_are_read_with_an_address_for_every_row(path: Path) -> None:
    documents, failures = read_file(path)
    if path.name == "pywb__missing-status-text.warc":  # its lines end with two carriage returns
        assert [row["reason"] for row in failures] == ["not_a_warc"]
    addresses = [(row["origin_offset"], row["part"]) for row in documents + failures]
    assert len(set(addresses)) == len(addresses)


def test_texts_in_every_charset_come_out_right() -> None:
    texts = json.loads((DAMAGED / "charset_truth.json").read_text())["texts"]
    documents, failures = read_file(DAMAGED / "33-charsets.warc.gz")
    assert failures == []
    assert len(documents) == 21
    for document in documents:
        assert texts[document["url"].rpartition("/")[2].split("-")[1]] in document["raw_text"], document["url"]


@pytest.mark.parametrize("extractor", ["resiliparse", "trafilatura"])
@pytest.mark.parametrize("name", ["30-invalid-utf8", "31-non-html-types", "32-content-encodings", "34-hostile-html"])
def test_hostile_pages_are_accounted_for(name: str, extractor: str) -> None:
    from schemas.recipe import Read

    documents, failures = read_file(DAMAGED / f"{name}.warc.gz", Read(extractor=extractor))  # type: ignore[arg-type]
    (case,) = (case for case in manifest() if case["file"] == f"{name}.warc.gz")
    assert len(documents) + len(failures) == case["records_written"]
    for document in documents:
        document["raw_text"].encode()
        assert "\0" not in document["raw_text"]


def test_real_pages_are_all_accounted_for() -> None:
    documents, failures = read_file(DATA / "warc" / "real-pages.warc.gz")
    assert len(documents) + len(failures) == 475
    assert len(documents) >= 460
    assert {row["reason"] for row in failures} == {"no_main_content"}
