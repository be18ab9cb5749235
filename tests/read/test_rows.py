"""JSON Lines and Parquet: every row is a document or has a reason."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipelines.read.batches import read_split
from schemas.recipe import Read, Source
from schemas.splits import Split
from testkit.archives import read_file, reasons

PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}


def write(path: Path, lines: list[bytes | dict[str, Any]]) -> Path:
    path.write_bytes(b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines))
    return path


def test_rows_become_documents_addressed_by_line(tmp_path: Path) -> None:
    lines: list[bytes | dict[str, Any]] = [
        b'\xef\xbb\xbf{"text": "one\\r\\ntwo", "url": "http://a.example/", "id": 7, "title": "T", "license": "CC0-1.0", "tags": ["x"]}',
        b"",
        {"text": "three", "url": None, "long": "x" * 300},
        b"  \r",
        {"text": "four"},
    ]
    documents, failures = read_file(write(tmp_path / "a.jsonl", lines), licence="MIT")
    assert failures == []
    assert [(row["origin_offset"], row["raw_text"], row["url"], row["licence"]) for row in documents] == [
        (0, "one\ntwo", "http://a.example/", "CC0-1.0"),
        (2, "three", None, "MIT"),
        (4, "four", None, "MIT"),
    ]
    assert json.loads(documents[0]["meta"]) == {"id": 7, "title": "T"}
    assert documents[1]["meta"] is None


def test_columns_go_by_the_names_that_the_source_gives_them(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"content": "words", "link": "http://a.example/", "text": "other"}])
    ((document,), _) = read_file(path, text_column="content", url_column="link")
    assert (document["raw_text"], document["url"], document["meta"]) == ("words", "http://a.example/", '{"text":"other"}')


@pytest.mark.parametrize(
    ("row", "url"),
    [
        ({"metadata": {"url": "http://a.example/"}}, "http://a.example/"),
        ({"meta": {"url": "http://a.example/"}}, "http://a.example/"),
        ({"url": None, "metadata": {"url": "http://a.example/"}}, "http://a.example/"),
        ({"url": "", "metadata": {"url": "http://a.example/"}}, "http://a.example/"),
        ({"url": "http://b.example/", "metadata": {"url": "http://a.example/"}}, "http://b.example/"),
        ({"metadata.url": "http://b.example/", "metadata": {"url": "http://a.example/"}}, "http://b.example/"),
        ({"metadata": '{"url": "http://a.example/"}'}, "http://a.example/"),
        ({"metadata": {"WARC-Target-URI": "http://a.example/"}}, "http://a.example/"),
        ({"warc_headers": {"warc-target-uri": "http://a.example/"}}, "http://a.example/"),
        ({"metadata": "{no object"}, None),
        ({"metadata": ["url"]}, None),
        ({"metadata": {"url": 5}}, None),
        ({"source": {"url": "http://a.example/"}}, None),
    ],
)
def test_a_url_is_found_in_its_well_known_places(tmp_path: Path, row: dict[str, Any], url: str | None) -> None:
    ((document,), _) = read_file(write(tmp_path / "a.jsonl", [{"text": "words", **row}]))
    assert document["url"] == url


@pytest.mark.parametrize(
    ("row", "licence"),
    [
        ({"license": "CC0-1.0"}, "CC0-1.0"),
        ({"metadata": {"license": "CC0-1.0"}}, "CC0-1.0"),
        ({"licence": "MIT", "metadata": {"license": "CC0-1.0"}}, "MIT"),
        ({"licenses": ["MIT", "Apache-2.0"]}, "MIT, Apache-2.0"),
        ({"license": [], "meta": {"licence": "MIT"}}, "MIT"),
        ({"license": ""}, None),
    ],
)
def test_a_licence_is_found_in_its_well_known_places(tmp_path: Path, row: dict[str, Any], licence: str | None) -> None:
    ((document,), _) = read_file(write(tmp_path / "a.jsonl", [{"text": "words", **row}]))
    assert document["licence"] == licence


def test_a_dotted_name_is_a_column_of_that_name_or_a_member(tmp_path: Path) -> None:
    rows: list[bytes | dict[str, Any]] = [
        {"doc": {"body": "one", "at": {"link": "http://a.example/"}}},
        {"doc.body": "two", "doc": {"body": "other"}, "doc.at": {"link": "http://b.example/"}},
        {"doc": {"title": "t"}},
    ]
    documents, failures = read_file(write(tmp_path / "a.jsonl", rows), text_column="doc.body", url_column="doc.at.link")
    assert [(row["raw_text"], row["url"]) for row in documents] == [("one", "http://a.example/"), ("two", "http://b.example/")]
    assert reasons(failures) == [(2, "failed", "no_text")]


def test_a_named_url_column_is_the_only_one(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"text": "words", "url": "http://a.example/", "link": None}])
    ((document,), _) = read_file(path, url_column="link")
    assert document["url"] is None


@pytest.mark.parametrize(
    ("line", "outcome", "reason"),
    [
        (b"{", "failed", "bad_json"),
        (b"[1]", "failed", "bad_json"),
        (b"null", "failed", "bad_json"),
        (b"[" * 100_000, "failed", "bad_json"),
        (b'{"text": ' + b"9" * 5000 + b"}", "failed", "text_not_string"),
        (b"{}", "failed", "no_text"),
        (b'{"text": null}', "failed", "no_text"),
        (b'{"text": 5}', "failed", "text_not_string"),
        (b'{"text": ["a", 1]}', "failed", "text_not_string"),
        (b'{"text": {"a": "b"}}', "failed", "text_not_string"),
        (b'{"text": []}', "dropped", "empty_text"),
        (b'{"text": "x", "nested": ' + b"[" * 5000 + b"]" * 5000 + b"}", "failed", "bad_json"),
        (b'{"text": " \\n"}', "dropped", "empty_text"),
        (b'{"text": "\\u0000"}', "dropped", "empty_text"),
        (b'{"text": "' + b"x" * 2000 + b'"}', "failed", "too_large"),
    ],
)
def test_every_other_line_has_a_reason(tmp_path: Path, line: bytes, outcome: str, reason: str) -> None:
    path = write(tmp_path / "a.jsonl", [{"text": "before"}, line, {"text": "after"}])
    limit = 1000 if reason == "too_large" else 1 << 20
    documents, failures = read_file(path, Read(max_record_bytes=limit))
    assert [row["raw_text"] for row in documents] == ["before", "after"]
    assert reasons(failures) == [(1, outcome, reason)]


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b'{"text": "a\\ud800b"}', "a\ufffdb"),
        (b'{"text": "a\\ud83d\\ude00b"}', "a\U0001f600b"),
        (b'{"text": "a\xffb"}', "a\ufffdb"),
        (b'{"text": "a\x01b", "x": NaN}', "a\x01b"),
        (b'{"text": "a\\u0000b", "\\ud800": "\\udfff"}', "ab"),
        (b'{"text": "first", "text": "last"}', "last"),
        (b'{"text": "ab", "id": ' + b"9" * 5000 + b"}", "ab"),
        (b'{"text": "ab", "id": 123456789012345678901}', "ab"),
        (b'{"text": "ab", "x": 1e999, "y": Infinity}', "ab"),
        (b'{"text": ["one", null, "two\\r\\nthree"]}', "one\n\ntwo\nthree"),
        (b'{"text": ["one\\n", "two\\n"]}', "one\ntwo"),
    ],
)
def test_text_is_always_valid_unicode(tmp_path: Path, line: bytes, text: str) -> None:
    ((document,), _) = read_file(write(tmp_path / "a.jsonl", [line]))
    assert document["raw_text"] == text


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".bz2", ".xz"])
def test_lines_of_a_cut_member_fail_one_by_one(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.jsonl{suffix}"
    first, second = (PACK[suffix](b"".join(b'{"text": "%d"}\n' % (i * i * i) for i in numbers)) for numbers in (range(3), range(3, 60_000)))
    path.write_bytes(first + second[: len(second) // 2])
    documents, failures = read_file(path)
    assert [row["raw_text"] for row in documents] == ["0", "1", "8"]
    assert {(row["outcome"], row["reason"]) for row in failures} == {("failed", "truncated")}
    assert [row["origin_offset"] for row in failures] == list(range(3, 3 + len(failures)))
    assert len(failures) > 10_000 or suffix == ".bz2"  # of a bzip2 block nothing can be seen before its end
    stored = failures.pop()["value"]
    assert abs(stored - len(second) // 2) <= 4
    assert {row["value"] for row in failures} <= {None}


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".bz2", ".xz"])
def test_a_line_that_goes_over_members_is_one_line_and_is_lost_with_either(tmp_path: Path, suffix: str) -> None:
    lines = b"".join(b'{"text": "number %d"}\n' % i for i in range(9))
    packed = [PACK[suffix](lines[at : at + 70]) for at in range(0, len(lines), 70)]
    path = tmp_path / f"a.jsonl{suffix}"
    path.write_bytes(b"".join(packed))
    documents, failures = read_file(path)
    assert ([row["raw_text"] for row in documents], failures) == ([f"number {i}" for i in range(9)], [])
    damaged = bytearray(packed[1])
    damaged[-1 if suffix == ".gz" else len(damaged) // 2] ^= 0x10
    path.write_bytes(packed[0] + damaged + packed[2])
    documents, failures = read_file(path)
    assert [row["raw_text"] for row in documents] == ["number 0", "number 1", "number 2", "number 7", "number 8"]
    assert 1 <= len(failures) <= 4
    assert "bad_json" not in {row["reason"] for row in failures}


def test_a_complete_row_next_to_damage_is_read_without_its_line_end(tmp_path: Path) -> None:
    damaged = bytearray(gzip.compress(b'{"text": "lost"}\n'))
    damaged[-8] ^= 1
    members = [gzip.compress(b'{"text": "before"}'), bytes(damaged), gzip.compress(b'{"text": "after"}')]
    (tmp_path / "a.jsonl.gz").write_bytes(b"".join(members))
    documents, failures = read_file(tmp_path / "a.jsonl.gz")
    assert [row["raw_text"] for row in documents] == ["before", "after"]
    assert [row["reason"] for row in failures] == ["gzip_damaged"]


def test_of_rows_after_damage_only_the_first_may_have_lost_its_beginning(tmp_path: Path) -> None:
    damaged = bytearray(gzip.compress(b'{"text": "lost"}\n'))
    damaged[-8] ^= 1
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(damaged + gzip.compress(b'of a row"}\n{"text": "after"}\nno row\n'))
    documents, failures = read_file(path)
    assert [row["raw_text"] for row in documents] == ["after"]
    assert [row["reason"] for row in failures] == ["gzip_damaged", "bad_json"]
    path.write_bytes(damaged + gzip.compress(b"x" * 2000 + b'"}\n{"text": "after"}\n' + b"x" * 2000))
    _, failures = read_file(path, Read(max_record_bytes=1000))
    assert [row["reason"] for row in failures] == ["gzip_damaged", "too_large"]


def test_damaged_members_that_follow_each_other_are_a_row_each(tmp_path: Path) -> None:
    damaged = [bytearray(gzip.compress(b'{"text": "lost %d"}\n' % number)) for number in range(3)]
    for member in damaged:
        member[-8] ^= 1
    (tmp_path / "a.jsonl.gz").write_bytes(b"".join(damaged) + gzip.compress(b'{"text": "after"}\n'))
    documents, failures = read_file(tmp_path / "a.jsonl.gz")
    assert [row["raw_text"] for row in documents] == ["after"]
    assert [row["value"] for row in failures] == [len(member) for member in damaged]


def test_lines_that_come_again_in_a_damaged_member_are_counted_once(tmp_path: Path) -> None:
    """A decoder that has lost its way repeats what it has read."""
    damaged = bytearray(gzip.compress(b'{"text": "a"}\n{"text": "b"}\n' * 50))
    damaged[-8] ^= 1
    (tmp_path / "a.jsonl.gz").write_bytes(damaged)
    assert [row["reason"] for row in read_file(tmp_path / "a.jsonl.gz")[1]] == ["gzip_damaged"] * 2


def test_rows_whose_member_has_no_checksum_say_so(tmp_path: Path) -> None:
    frames = [zstandard.ZstdCompressor(write_checksum=is_checked).compress(b'{"text": "a", "n": 1}\n') for is_checked in (True, False)]
    (tmp_path / "a.jsonl.zst").write_bytes(b"".join(frames))
    documents, _ = read_file(tmp_path / "a.jsonl.zst")
    assert [row["meta"] for row in documents] == ['{"n":1}', '{"n":1,"no_checksum":true}']


@pytest.mark.parametrize(("limit", "n_documents", "reason"), [(1 << 28, 1, None), ((1 << 28) - 1, 0, "window_too_large")])
def test_a_long_window_is_read_up_to_the_recipes_limit(tmp_path: Path, limit: int, n_documents: int, reason: str | None) -> None:
    parameters = zstandard.ZstdCompressionParameters(window_log=28, write_content_size=False)
    packer = zstandard.ZstdCompressor(compression_params=parameters).compressobj()  # as a pipe does: the size is not known beforehand
    (tmp_path / "a.jsonl.zst").write_bytes(packer.compress(b'{"text": "a"}') + packer.flush())
    documents, failures = read_file(tmp_path / "a.jsonl.zst", Read(max_window_bytes=limit))
    assert len(documents) == n_documents
    assert [(row["reason"], row["value"], row["limit"]) for row in failures] == ([(reason, 1 << 28, limit)] if reason else [])


def test_a_file_without_rows_is_not_an_error(tmp_path: Path) -> None:
    for name, content in (("a.jsonl", b""), ("b.jsonl.gz", gzip.compress(b"")), ("c.jsonl", b"\n\n")):
        (tmp_path / name).write_bytes(content)
        assert read_file(tmp_path / name) == ([], [])


VALUES = st.one_of(st.text(max_size=5), st.none(), st.integers(), st.floats(), st.lists(st.integers(), max_size=2))
LINES = st.one_of(
    st.dictionaries(st.sampled_from(["text", "url", "title", "licence"]), VALUES, max_size=4).map(lambda row: json.dumps(row).encode()),
    st.binary(max_size=30).map(lambda line: line.replace(b"\n", b"")),
)


@given(st.lists(LINES, max_size=20))
def test_every_line_that_is_not_blank_is_accounted_for_once(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    lines = [b"{}", *lines]  # or else the file could begin like a packed one
    path = tmp_path_factory.mktemp("rows") / "a.jsonl"
    documents, failures = read_file(write(path, list(lines)))
    expected = [i for i, line in enumerate(lines) if line.strip(b" \t\r\x0b\x0c")]
    assert sorted(row["origin_offset"] for row in documents + failures) == expected


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".bz2", ".xz"])
def test_a_packed_file_whose_first_byte_is_damaged_is_read_from_the_next_member_on(tmp_path: Path, suffix: str) -> None:
    packed = [PACK[suffix](b'{"text": "number %d"}\n' % i) for i in range(4)]
    (tmp_path / f"a.jsonl{suffix}").write_bytes(b"\x01" + b"".join(packed)[1:])
    documents, failures = read_file(tmp_path / f"a.jsonl{suffix}")
    assert [row["raw_text"] for row in documents][-3:] == ["number 1", "number 2", "number 3"]
    assert [row["reason"].split("_")[1] for row in failures] == ["damaged"]


def test_byte_order_marks_of_concatenated_files_are_not_part_of_rows(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b'\xef\xbb\xbf{"text": "one"}\n\xef\xbb\xbf{"text": "two"}\n')
    documents, failures = read_file(tmp_path / "a.jsonl")
    assert [document["raw_text"] for document in documents] == ["one", "two"]
    assert failures == []


@pytest.mark.parametrize("between", [b"", b" ", b"\r", b"\0\0", b"\r\r\xef\xbb\xbf"])
def test_objects_that_follow_each_other_in_a_line_are_a_record_each(tmp_path: Path, between: bytes) -> None:
    """Line ends of old systems, or none at all, as programs write that append objects to a file."""
    objects = [json.dumps({"text": f'words {i} }}{{ "é"'}, ensure_ascii=False).encode() for i in range(5)]
    (tmp_path / "a.jsonl").write_bytes(b'{"text": "first"}\n' + between.join(objects) + between)
    documents, failures = read_file(tmp_path / "a.jsonl")
    assert failures == []
    assert [(row["origin_offset"], row["part"], row["raw_text"]) for row in documents] == [
        (0, 0, "first"),
        *((1, i, f'words {i} }}{{ "é"') for i in range(5)),
    ]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_a_line_that_may_have_been_many_records_accounts_for_its_bytes(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    """What cannot be counted is guarded by bytes: of the file as stored, whatever its compression."""
    good, many = b'{"text": "words"}\n' * 100, b'{"text": "words"},' * 100 + b"\n"
    for content, reason, limit, share in (
        (good + many, "bad_json", 1 << 20, 0.5),
        (good + b'{"text": "' + b"x" * 1790 + b'"}\n', "too_large", 1000, 0.5),
        (good + b'{"text": "words}\n', "bad_json", 1 << 20, 0.0),  # certainly one
    ):
        path = tmp_path / "a.jsonl"
        path.write_bytes(pack(content))
        split = Split(index=0, source="web", format="jsonl", files=(str(path),))
        (found,) = read_split(split, Source(), Read(max_record_bytes=limit))
        assert (found.documents.num_rows, found.failures["reason"].to_pylist()) == (100, [reason])
        assert found.lost_bytes == pytest.approx(share * path.stat().st_size, rel=0.02)
