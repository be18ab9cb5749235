"""Records -> batches: bounded, complete, with ids of content and address."""

from __future__ import annotations

import errno
import gzip
import io
import json
import lzma
import os
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.read import batches
from pipelines.read.batches import doc_id, read_split, read_whole_split
from pipelines.read.formats import jsonl
from pipelines.read.readers import detect, reader_by_name, stated_reader
from pipelines.read.records import FILE_REASONS, Address, Document, RecordResult
from schemas.errors import InputError
from schemas.hops import DOCUMENT, LEDGER
from schemas.recipe import Read, Source
from schemas.splits import Split
from testkit.archives import PARAGRAPH, http, members, page, read_file, reasons, record


@pytest.mark.parametrize(
    ("coding", "in_warc", "said"),
    [
        ("gzip", "", "unspecified"),
        ("gzip", "WARC-Truncated: disconnect\r\n", "disconnect"),
        ("", "WARC-Segment-Number: 1\r\n", "segment"),
        ("chunked", "", "unspecified"),
    ],
)
def test_a_page_of_which_only_the_beginning_is_there_says_so(tmp_path: Path, coding: str, in_warc: str, said: str) -> None:
    body = page("".join(f"<p>Sentence number {i * 7919 % 997} of this page says how high the tide was.</p>" for i in range(200)))
    if coding == "gzip":
        block = http(gzip.compress(body, mtime=0)[:-300], extra="Content-Encoding: gzip\r\n")
    elif coding:
        block = http(b"%x\r\n%b" % (len(body) + 100, body), extra="Transfer-Encoding: chunked\r\n")
    else:
        block = http(body)
    path = tmp_path / "a.warc.gz"
    path.write_bytes(b"".join(members([record("http://a.example/", block, extra=in_warc)])))
    ((document,), failures) = read_file(path)
    assert failures == []
    assert document["raw_text"].startswith("Sentence number 0 of this page says")
    assert document["raw_text"].count("\n") > 100
    assert json.loads(document["meta"])["truncated"] == said


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
    assert {(row["step"], row["source"], row["doc_id"]) for row in failures} == {("read", "web", None)}


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
def test_an_invalid_date_is_null(tmp_path: Path, date: str, expected: datetime | None) -> None:
    stored = record("http://a.example/", http(page())).replace(b"2025-06-02T05:27:20Z", date.encode())
    (tmp_path / "a.warc").write_bytes(stored)
    ((document,), _) = read_file(tmp_path / "a.warc")
    assert document["fetched_at"] == expected


def test_records_passed_over_and_bytes_lost_are_counted_once_by_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MAX_BATCH_ROWS", 2)
    kinds = ["request", "response", "response", "request", "response", "metadata"]
    stored = members([record("http://a.example/", http(page()), kind=kind) for kind in kinds])
    stored[2] = stored[2][:-20]
    (tmp_path / "a.warc.gz").write_bytes(b"".join(stored))
    split = Split(index=0, source="web", format="warc", files=(str(tmp_path / "a.warc.gz"),))
    found = list(read_split(split, Source(), Read()))
    assert [batch.n_records for batch in found] == [2, 1]
    assert [batch.lost_bytes for batch in found] == [len(stored[2]), 0]
    assert sum((batch.passed_over for batch in found), Counter()) == {"request": 2, "metadata": 1}


@pytest.mark.parametrize(
    ("format_", "content", "reason"),
    [
        ("jsonl", b"no line of JSON\n" * 5000 + b'{"text": "words"}\n' * 100, "not_json_lines"),
        ("warc", b"<html>Service unavailable</html>", "not_a_warc"),
        ("parquet", b"PAR1 and nothing of it", "unreadable_file"),
        ("parquet", b"no Parquet", "not_parquet"),
    ],
)
def test_an_unreadable_file_accounts_for_all_of_its_bytes(tmp_path: Path, format_: str, content: bytes, reason: str) -> None:
    """One large file among many small ones is more than its share of the files."""
    (tmp_path / "a").write_bytes(content)
    split = Split(index=0, source="web", format=format_, files=(str(tmp_path / "a"),))
    (found,) = read_split(split, Source(), Read())
    assert (found.failures["reason"].to_pylist(), found.lost_bytes) == ([reason], len(content))


def test_a_file_without_input_records_is_counted(tmp_path: Path) -> None:
    (tmp_path / "a.warc").write_bytes(record("http://a.example/", b"x", kind="warcinfo"))
    split = Split(index=0, source="web", format="warc", files=(str(tmp_path / "a.warc"),))
    (found,) = read_split(split, Source(), Read())
    assert (found.n_records, found.passed_over) == (0, {"warcinfo": 1})


def test_batches_are_bounded_and_hold_the_schemas(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "MAX_BATCH_ROWS", 10)
    monkeypatch.setattr(batches, "MAX_BATCH_BYTES", 100)
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


def rows_of(name: str, format_: str = "auto") -> tuple[list[str], list[tuple[int, str, str]]]:
    """(texts, reasons) of one file that lies in the working folder."""
    source = Source(path=(name,), format=format_)  # type: ignore[arg-type]
    planned = stated_reader(format_) or reader_by_name(name)
    assert planned
    split = Split(index=0, source="web", format=planned.format, files=(name,))
    found = list(read_split(split, source, Read()))
    texts = [text for batch in found for text in batch.documents.column("raw_text").to_pylist()]
    return texts, reasons([row for batch in found for row in batch.failures.to_pylist()])


def parquet(column: str) -> bytes:
    sink = io.BytesIO()
    pq.write_table(pa.table({column: [f"{column} {i}" + "x" * 5000 for i in range(600)]}), sink, row_group_size=300, compression="none")
    return sink.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("gone.warc", None, "unreadable_file"),
        ("gone.txt", None, "unreadable_file"),
        ("gone.jsonl", None, "unreadable_file"),
        ("a.parquet", b"", "empty_file"),
        ("a.warc.gz", b"", "empty_file"),
        ("a.jsonl.zst", b"", "empty_file"),
        ("a.txt.gz", b"", "empty_file"),
        ("a.parquet", b"<Error>AccessDenied</Error>", "not_parquet"),
        ("a.parquet", parquet("text")[:-20], "unreadable_file"),
        ("a.parquet", parquet("content"), "no_text_column"),
        ("a.jsonl", b"<html>\n<body>\n</body>\n</html>", "not_json_lines"),
        ("a.jsonl", b'[{"text": "a"},\n{"text": "b"}]', "not_json_lines"),
        ("a.jsonl", b'{\n  "text": "a"\n}', "not_json_lines"),
        ("a.jsonl", b"\xff\xfe" + '{"text": "a"}\n'.encode("utf-16-le"), "not_json_lines"),
    ],
)
def test_a_bad_file_is_one_failed_row_with_a_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes | None, reason: str
) -> None:
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path(name).write_bytes(content)
    assert rows_of(name) == ([], [(0, "failed", reason)])
    assert reason in FILE_REASONS


def test_an_empty_file_of_json_lines_has_no_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").touch()
    assert rows_of("a.jsonl") == ([], [])


def test_json_lines_are_recognised_after_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "rows").write_bytes(b'\xef\xbb\xbf{"text": "a"}\n')
    assert detect(tmp_path / "rows").reader is jsonl.READER


def test_a_file_of_another_format_than_its_name_says_is_read_by_its_first_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_bytes(parquet("text"))
    Path("b.jsonl").write_bytes(record("http://a.example/", http(page())))
    assert len(rows_of("a.jsonl")[0]) == 600
    assert rows_of("b.jsonl") == ([PARAGRAPH.strip()], [])
    assert rows_of("a.jsonl", "jsonl") == ([], [(0, "failed", "wrong_format")])


def test_damaged_lines_are_rows_of_their_own_wherever_they_stand(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_bytes(b'garbage\n{"text": \n{"text": "a"}\n')
    assert rows_of("a.jsonl") == (["a"], [(0, "failed", "bad_json"), (1, "failed", "bad_json")])
    Path("a.jsonl").write_bytes(b'{"text": "a')
    assert rows_of("a.jsonl") == ([], [(0, "failed", "bad_json")])
    Path("a.jsonl").write_bytes(b'{"text": "a\n{"text": "b')
    assert rows_of("a.jsonl") == ([], [(0, "failed", "bad_json"), (1, "failed", "bad_json")])


def test_a_disk_error_is_a_row_but_lack_of_resources_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.jsonl").write_bytes(b'{"text": "a"}\n' * 3)

    def cut(number: int) -> Iterator[RecordResult]:
        yield Address(0), Document("a")
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(jsonl, "read_jsonl", lambda *_: cut(errno.EIO))
    assert rows_of("a.jsonl") == (["a"], [(1, "failed", "unreadable_file")])
    monkeypatch.setattr(jsonl, "read_jsonl", lambda *_: cut(errno.EMFILE))
    with pytest.raises(OSError, match="Too many open files"):
        rows_of("a.jsonl")


def test_commands_that_want_every_file_refuse_a_bad_one(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").touch()
    split = Split(index=0, source="web", format="parquet", files=(str(tmp_path / "a.parquet"),))
    with pytest.raises(InputError, match=r"a\.parquet: cannot be read \(empty_file\)"):
        list(read_whole_split(split, Source(), Read()))


def test_the_ledger_escapes_file_names_that_are_not_utf8(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("caf\udce9\n.jsonl").write_bytes(b'{"text": "a"}\nno\n')
    Path("\udce9.py").write_bytes(b"x = 1\n")
    ((document,), (failure,)) = read_file(Path("caf\udce9\n.jsonl"))
    assert (document["origin_file"], failure["origin_file"]) == (r"caf\xe9\n.jsonl",) * 2
    ((code,), ()) = read_file(Path("\udce9.py"), format="code")
    assert (code["origin_file"], json.loads(code["meta"])["path"]) == (r"\xe9.py", r"\xe9.py")


def test_a_number_beyond_double_precision_is_still_a_row(tmp_path: Path) -> None:
    whole = record("http://a.example/1", http(page()))
    (tmp_path / "a.warc").write_bytes(record("http://a.example/0", http(page()), length=2**63 - 1) + whole)
    documents, failures = read_file(tmp_path / "a.warc")
    assert [row["url"] for row in documents] == ["http://a.example/1"]
    assert [(row["outcome"], row["value"]) for row in failures] == [("failed", 2.0**63)]
