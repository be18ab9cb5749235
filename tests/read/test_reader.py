"""Records -> batches: bounded, complete, with ids of content and address."""

from __future__ import annotations

import json
import lzma
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.read import reader
from pipelines.read.reader import doc_id, read_split
from pipelines.read.splits import Split
from schemas.errors import InputError
from schemas.hops import DOCUMENT, LEDGER
from schemas.recipe import Read, Source
from tests.read.archives import PARAGRAPH, http, members, page, read_file, reasons, record


def test_a_response_becomes_a_document_with_all_that_is_known(tmp_path: Path) -> None:
    head = '<meta name=robots content="noai"><link rel=license href="https://creativecommons.org/licenses/by/4.0/">'
    block = http(page(head=head), extra="X-Robots-Tag: noindex, NoAI\r\ntdm-reservation: 1\r\n")
    path = tmp_path / "a.warc.gz"
    path.write_bytes(b"".join(members([record("<http://a.example/>", block, extra="WARC-Truncated: length\r\n")])))
    ((document,), failures) = read_file(path, source_class="commoncrawl", licence="MIT")
    assert failures == []
    text = PARAGRAPH.strip()
    assert json.loads(document.pop("meta")) == {"content_type": "text/html", "truncated": "length", "title": "t", "charset": "utf-8"}
    assert document == {
        "doc_id": doc_id("http://a.example/", text.encode()),
        "source": "web",
        "source_class": "commoncrawl",
        "url": "http://a.example/",
        "origin_file": str(path),
        "origin_offset": 0,
        "part": 0,
        "fetched_at": datetime(2025, 6, 2, 5, 27, 20, tzinfo=UTC),
        "licence": "https://creativecommons.org/licenses/by/4.0/",
        "rights": "noai, noindex, tdm-reservation=1",
        "raw_text": text,
    }


def test_every_record_without_a_document_has_a_reason(tmp_path: Path) -> None:
    blocks = [
        http(page(), status="404 Not Found"),
        http(b"\x89PNG\r\n\x1a\n\0\0", "image/png"),
        http(page("")),
        http(b""),
        http(b"<p>" + b"x" * 5000),
        b"no head",
        http(lzma.compress(page()), extra="Content-Encoding: lzma\r\n"),
        http(b"\xef\xbb\xbf", "text/plain"),
    ]
    stored = members([record(f"http://a.example/{i}", block) for i, block in enumerate(blocks)])
    (tmp_path / "a.warc.gz").write_bytes(b"".join(stored))
    documents, failures = read_file(tmp_path / "a.warc.gz", Read(max_html_bytes=4000))
    assert documents == []
    assert [(outcome, reason) for _, outcome, reason in reasons(failures)] == [
        ("dropped", "http_status"),
        ("dropped", "not_html"),
        ("dropped", "no_main_content"),
        ("dropped", "empty_body"),
        ("failed", "html_too_large"),
        ("failed", "http_header_missing"),
        ("failed", "content_encoding_unsupported"),
        ("dropped", "empty_text"),
    ]
    assert [(row["value"], row["limit"]) for row in failures[:5:4]] == [(404.0, None), (5003.0, 4000.0)]
    assert {(row["stage"], row["source"], row["doc_id"]) for row in failures} == {("read", "web", None)}


def test_plain_text_resources_and_conversions_are_read_without_an_extractor(tmp_path: Path) -> None:
    words = "Zwei  Wörter <b>\r\n\r\n\r\n\r\nund Ende"
    records = [
        record("http://a.example/0", http(words.encode("latin-1"), "text/plain; charset=latin1")),
        record("http://a.example/1", words.encode(), kind="conversion"),
        record("http://a.example/2", page(), kind="resource"),
    ]
    (tmp_path / "a.warc").write_bytes(b"".join(records))
    documents, failures = read_file(tmp_path / "a.warc")
    assert failures == []
    assert [row["raw_text"] for row in documents] == ["Zwei  Wörter <b>\n\nund Ende"] * 2 + [PARAGRAPH.strip()]


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        ("yesterday", None),
        ("", None),
        ("0001-01-01T00:00:00+01:00", None),
        ("9999-12-31T23:59:59-01:00", None),
        ("9999-12-31T23:59:59Z", datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime(1, 1, 1, tzinfo=UTC)),
        ("2025-06-02T05:27:20", datetime(2025, 6, 2, 5, 27, 20, tzinfo=UTC)),
    ],
)
def test_a_date_that_is_none_is_null(tmp_path: Path, date: str, expected: datetime | None) -> None:
    stored = record("http://a.example/", http(page())).replace(b"2025-06-02T05:27:20Z", date.encode())
    (tmp_path / "a.warc").write_bytes(stored)
    ((document,), _) = read_file(tmp_path / "a.warc")
    assert document["fetched_at"] == expected


def test_records_passed_over_and_bytes_lost_are_counted_once_by_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_BATCH_ROWS", 2)
    kinds = ["request", "response", "response", "request", "response", "metadata"]
    stored = members([record("http://a.example/", http(page()), kind=kind) for kind in kinds])
    stored[2] = stored[2][:-20]
    (tmp_path / "a.warc.gz").write_bytes(b"".join(stored))
    split = Split(index=0, source="web", format="warc", files=(str(tmp_path / "a.warc.gz"),))
    found = list(read_split(split, Source(), Read()))
    assert [batch.n_records for batch in found] == [2, 1]
    assert [batch.lost_bytes for batch in found] == [len(stored[2]), 0]
    assert sum((batch.passed_over for batch in found), Counter()) == {"request": 2, "metadata": 1}


def test_a_file_of_nothing_but_records_that_are_no_input_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.warc").write_bytes(record("http://a.example/", b"x", kind="warcinfo"))
    split = Split(index=0, source="web", format="warc", files=(str(tmp_path / "a.warc"),))
    (found,) = read_split(split, Source(), Read())
    assert (found.n_records, found.passed_over) == (0, {"warcinfo": 1})


def test_batches_are_bounded_and_hold_the_schemas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader, "MAX_BATCH_ROWS", 10)
    monkeypatch.setattr(reader, "MAX_BATCH_BYTES", 100)
    texts = ["x" * n for n in (60, 60, 40, 500, 1, 1, 1, 0, 1, 1, 1, 1, 1, 1, 1, 1)]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    split = Split(index=0, source="web", format="jsonl", files=(str(path),))
    found = list(read_split(split, Source(path=(str(path),)), Read()))
    assert [(batch.documents.num_rows, batch.failures.num_rows, batch.n_records) for batch in found] == [
        (1, 0, 1),
        (2, 0, 2),
        (1, 0, 1),
        (9, 1, 10),
        (2, 0, 2),
    ]
    assert {batch.documents.schema for batch in found} == {DOCUMENT}
    assert {batch.failures.schema for batch in found} == {LEDGER}
    assert [text for batch in found for text in batch.documents.column("raw_text").to_pylist()] == [text for text in texts if text]


def test_ids_come_from_address_and_content_alone(tmp_path: Path) -> None:
    rows = [{"text": "a", "url": "u"}, {"text": "a"}, {"text": "a"}, {"text": "ua"}, {"text": "b", "url": "u"}]
    for name in ("a.jsonl", "b.jsonl"):
        (tmp_path / name).write_text("\n" * (name == "b.jsonl") + "\n".join(map(json.dumps, rows)))
    first, second = ([row["doc_id"] for row in read_file(tmp_path / name)[0]] for name in ("a.jsonl", "b.jsonl"))
    assert first == second
    assert first[1] == first[2]
    assert len(set(first)) == 4


def test_a_file_that_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    split = Split(index=0, source="web", format="warc", files=(str(tmp_path / "gone.warc"),))
    with pytest.raises(InputError, match=r"gone\.warc: cannot be read: No such file"):
        list(read_split(split, Source(), Read()))


def test_a_number_that_no_double_holds_is_still_a_row(tmp_path: Path) -> None:
    whole = record("http://a.example/1", http(page()))
    (tmp_path / "a.warc").write_bytes(record("http://a.example/0", http(page()), length=2**63 - 1) + whole)
    documents, failures = read_file(tmp_path / "a.warc")
    assert [row["url"] for row in documents] == ["http://a.example/1"]
    assert [(row["outcome"], row["value"]) for row in failures] == [("failed", 2.0**63)]
