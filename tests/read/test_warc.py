"""WARC records: every intact one is found at the offset that an index names, every damaged one has a row."""

from __future__ import annotations

import base64
import gzip
import hashlib
import io
import random
import tracemalloc
import zlib
from collections import Counter
from pathlib import Path

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from warcio.archiveiterator import ArchiveIterator

from pipelines.read.records import FILE_REASONS
from pipelines.read.warc_records import WarcRecord, read_records
from testkit.archives import http, members, page, pages, read_file, record

LIMIT = 1 << 20


def read(path: Path, stored: bytes, name: str = "a.warc.gz", limit: int = LIMIT) -> list[tuple[int, int, str]]:
    """(offset, part, URL or reason) of everything in the file."""
    path.write_bytes(stored)
    found: list[tuple[int, int, str]] = []
    for each in read_records(path, name, limit):
        if isinstance(each, WarcRecord):
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


@pytest.mark.parametrize("kind", ["resource", "conversion"])
def test_internal_records_of_crawlers_are_passed_over_and_counted(tmp_path: Path, kind: str) -> None:
    addresses = {
        "http://a.example/": None,
        "<https://a.example/>": None,
        "ftp://a.example/a.txt": None,
        "file:///home/a/b.txt": None,
        "/home/a/b.txt": None,
        "C:\\a\\b.txt": None,
        "": None,
        "metadata://gnu.org/software/wget/warc/wget_arguments.txt": "metadata:",
        "METADATA://gnu.org/software/wget/warc/wget.log": "metadata:",
        "<metadata://gnu.org/software/wget/warc/MANIFEST.txt>": "metadata:",
        "urn:text:https://a.example/": "urn:",
        "urn:view:https://a.example/": "urn:",
        "urn:thumbnail:https://a.example/": "urn:",
        "urn:pageinfo:https://a.example/": "urn:",
        "dns:a.example": "dns:",
    }
    path = tmp_path / "a.warc.gz"
    path.write_bytes(b"".join(members([record(address, b"words", kind=kind) for address in addresses])))
    passed_over: Counter[str] = Counter()
    found = list(read_records(path, "a.warc.gz", LIMIT, passed_over=passed_over))
    assert [each.headers["warc-target-uri"] for each in found if isinstance(each, WarcRecord)] == [
        a for a, to in addresses.items() if not to
    ]
    assert passed_over == Counter(f"{kind} {to}" for to in addresses.values() if to)


def test_responses_of_name_servers_and_registries_are_passed_over_and_exchanges_are_not(tmp_path: Path) -> None:
    """Heritrix writes `dns:` and `whois:` as responses without HTTP; a custom scheme may name a page that was fetched by HTTP."""
    of_others = [
        record(f"{scheme}:a.example", b"Registrant: words", kind="response").replace(b"application/http; msgtype=response", b"text/plain")
        for scheme in ("dns", "whois")
    ]
    path = tmp_path / "a.warc.gz"
    path.write_bytes(b"".join(members([*of_others, record("hard:1", http(page())), record("http://a.example/", http(page()))])))
    passed_over: Counter[str] = Counter()
    found = list(read_records(path, "a.warc.gz", LIMIT, passed_over=passed_over))
    assert [each.headers["warc-target-uri"] for each in found if isinstance(each, WarcRecord)] == ["hard:1", "http://a.example/"]
    assert passed_over == {"response dns:": 1, "response whois:": 1}


def test_a_damaged_page_twin_has_no_row(tmp_path: Path) -> None:
    twin = gzip.compress(record("urn:text:http://a.example/", random.Random(1).randbytes(9000), kind="resource"), mtime=0)
    stored = members(pages(1))[0] + twin[:-500] + members(pages(1))[0]
    assert [what for _, _, what in read(tmp_path / "a", stored)] == urls([0, 0])


@pytest.mark.parametrize("size", [50, 700, 5000, 1 << 20])
@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_records_may_go_on_from_member_to_member(tmp_path: Path, size: int, suffix: str) -> None:
    kinds = [record("http://a.example/q", http(b"x" * 3000), kind="request"), *pages(9)]
    content = b"".join(kinds)
    pack = gzip.compress if suffix == ".gz" else zstandard.compress
    packed = [pack(content[at : at + size]) for at in range(0, len(content), size)]
    found = read(tmp_path / "a", b"".join(packed), f"a.warc{suffix}")
    assert [what for _, _, what in found] == urls(list(range(9)))
    begin = [starts(packed)[at // size] for at in starts(kinds)[1:]]
    assert [offset for offset, _, _ in found] == begin
    assert len({(offset, part) for offset, part, _ in found}) == 9


def bgzf(content: bytes) -> bytes:
    """One block as bgzip writes it."""
    body = zlib.compressobj(6, zlib.DEFLATED, -15)
    packed = body.compress(content) + body.flush()
    extra = b"BC\2\0" + (len(packed) + 25).to_bytes(2, "little")
    sums = zlib.crc32(content).to_bytes(4, "little") + len(content).to_bytes(4, "little")
    return b"\x1f\x8b\x08\4" + bytes(5) + b"\xff\6\0" + extra + packed + sums


@pytest.mark.parametrize("hit", [0, 1, 2, 3])
def test_a_damaged_block_costs_the_records_that_it_holds_a_part_of(tmp_path: Path, hit: int) -> None:
    content = b"".join(pages(30))
    spans = [(at, min(at + 2500, len(content))) for at in range(0, len(content), 2500)]
    blocks = [bgzf(content[start:end]) for start, end in spans]
    offset, damaged = starts(blocks)[hit], bytearray(blocks[hit])
    damaged[-6] ^= 1
    blocks[hit] = bytes(damaged)
    found = read(tmp_path / "a", b"".join(blocks))
    ends = [*starts(pages(30))[1:], len(content)]
    whole = [
        i for i, (start, end) in enumerate(zip(starts(pages(30)), ends, strict=True)) if end <= spans[hit][0] or start >= spans[hit][1]
    ]
    assert [what for _, _, what in found if what.startswith("http")] == urls(whole)
    rows = [what for _, _, what in found if not what.startswith("http")]
    assert rows == ["gzip_damaged"] * (30 - len(whole))
    assert all(at <= offset for at, _, what in found if what == "gzip_damaged")


def test_a_length_beyond_all_that_a_file_can_hold_costs_one_record_of_many_members(tmp_path: Path) -> None:
    records = pages(4)
    records[1] = record("http://a.example/1", http(page()), length=2**63 - 1)
    content = b"".join(records)
    packed = [gzip.compress(content[at : at + 300], mtime=0) for at in range(0, len(content), 300)]
    assert [what for _, _, what in read(tmp_path / "a", b"".join(packed))] == [*urls([0]), "bad_content_length", *urls([2, 3])]


def test_the_name_does_not_decide_whether_a_file_is_compressed(tmp_path: Path) -> None:
    assert [what for _, _, what in read(tmp_path / "a", b"".join(pages(3)), "a.warc.gz")] == urls([0, 1, 2])
    assert [what for _, _, what in read(tmp_path / "a", b"".join(members(pages(3))), "a.warc")] == urls([0, 1, 2])
    assert [what for _, _, what in read(tmp_path / "a", zstandard.compress(pages(1)[0]), "a.warc.gz")] == urls([0])


def test_a_record_in_a_member_without_checksum_is_confirmed_by_its_digest_or_says_so(tmp_path: Path) -> None:
    block = http(page())
    digest = f"WARC-Block-Digest: sha1:{base64.b32encode(hashlib.sha1(block).digest()).decode()}\r\n"  # noqa: S324
    records = [record("http://a.example/0", block), record("http://a.example/1", block, extra=digest)]
    wrong = records[1].replace(b"river", b"rover")
    (tmp_path / "a.warc.zst").write_bytes(b"".join(map(zstandard.compress, [*records, wrong])))
    found = list(read_records(tmp_path / "a.warc.zst", "a.warc.zst", LIMIT))
    assert [each.lacks_checksum for each in found if isinstance(each, WarcRecord)] == [True, False]
    assert [each[1].reason for each in found if not isinstance(each, WarcRecord)] == ["digest_mismatch"]


@pytest.mark.parametrize("checked", [(True, False), (False, True), (True, True)])
def test_a_record_that_goes_over_frames_is_checked_if_all_of_them_are(tmp_path: Path, checked: tuple[bool, bool]) -> None:
    stored = pages(1)[0]
    halves = stored[: len(stored) // 2], stored[len(stored) // 2 :]
    frames = [zstandard.ZstdCompressor(write_checksum=is_checked).compress(half) for is_checked, half in zip(checked, halves, strict=True)]
    (tmp_path / "a.warc.zst").write_bytes(b"".join(frames))
    (found,) = read_records(tmp_path / "a.warc.zst", "a.warc.zst", LIMIT)
    assert isinstance(found, WarcRecord)
    assert found.lacks_checksum != all(checked)


def test_a_damaged_first_frame_stops_nothing(tmp_path: Path) -> None:
    for pack, name in ((gzip.compress, "gzip"), (zstandard.ZstdCompressor(write_checksum=True).compress, "zstd")):
        packed = [bytearray(pack(each)) for each in pages(4)]
        packed[0][-5] ^= 1
        found = read(tmp_path / "a", b"".join(packed), "a.warc")
        assert [what for _, _, what in found] == [f"{name}_damaged", *urls([1, 2, 3])]


def test_every_record_that_is_seen_in_a_damaged_member_has_a_row(tmp_path: Path) -> None:
    damaged = bytearray(gzip.compress(b"".join(pages(20)), mtime=0))
    damaged[-5] ^= 1
    path = tmp_path / "a.warc.gz"
    path.write_bytes(damaged + members(pages(1))[0])
    found = list(read_records(path, "a.warc.gz", LIMIT))
    rows = [each for each in found if not isinstance(each, WarcRecord)]
    assert [(address.part, unread.reason) for address, unread in rows] == [(i, "gzip_damaged") for i in range(20)]
    assert [unread.lost_bytes for _, unread in rows] == [0] * 19 + [len(damaged)]


def test_lost_bytes_of_a_plain_file_are_counted(tmp_path: Path) -> None:
    records = pages(4)
    hole = b"\x01hole" * 1000
    (tmp_path / "a.warc").write_bytes(records[0] + hole + b"\r\n" + records[1] + records[2][:-40])
    rows = [each for each in read_records(tmp_path / "a.warc", "a.warc", LIMIT) if not isinstance(each, WarcRecord)]
    assert [(unread.reason, unread.lost_bytes) for _, unread in rows] == [
        ("bad_content_length", len(records[0]) + len(hole) + 2),  # what follows a record says whether its length is true
        ("truncated", len(records[2]) - 40),
    ]


def test_a_hole_of_zeros_in_a_plain_file_is_a_row_for_its_bytes(tmp_path: Path) -> None:
    first, second = pages(2)
    (tmp_path / "a.warc").write_bytes(first + bytes(1 << 20) + second + bytes(1 << 20))
    rows = [each for each in read_records(tmp_path / "a.warc", "a.warc", LIMIT) if not isinstance(each, WarcRecord)]
    assert [(unread.reason, unread.lost_bytes) for _, unread in rows] == [("not_a_record", 1 << 20)] * 2
    assert [address.offset for address, _ in rows] == [len(first), len(first) + len(second) + (1 << 20)]


def test_many_line_ends_after_a_block_are_padding_and_not_held(tmp_path: Path) -> None:
    first, second = pages(2)
    stored = first + b"\r\n" * (1 << 22) + second
    assert [what for _, _, what in read(tmp_path / "a", gzip.compress(stored))] == urls([0, 1])
    (tmp_path / "a.warc").write_bytes(stored)
    tracemalloc.start()
    assert len(list(read_records(tmp_path / "a.warc", "a.warc", LIMIT))) == 2
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 << 20


# --- Fields at their extremes ----------------------------------------------------------------------------------------

EXTREMES = [
    "",
    " ",
    ",",
    ";",
    ":",
    "=",
    "-1",
    "0",
    "9" * 20,
    "9" * 4000,
    "x" * 20_000,
    "\0",
    "\x7f",
    "\ufffd",
    "٣",
    "é" * 300,
    "<",
    "//",
    "[",
    "%",
]
DATES = ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00", "0000-00-00T00:00:00Z", "10000-01-01T00:00:00Z", "2025-02-30T00:00:00Z"]
IRIS = [
    "http://[",
    "http://[::1",
    "http://a:99999/",
    "http://\u2100/",
    "//",
    "http://a/%",
    "http://" + "a." * 3000,
    "http://xn--/",
    "http:///\\",
]
LABELS = [
    "text/html; charset=" + label for label in ("unicode-escape", "idna", "hex", "utf-7", "\0", "x" * 5000, "..", "os.path", "undefined")
]


@pytest.mark.parametrize("field", ["WARC-Type", "WARC-Date", "WARC-Target-URI", "Content-Length", "Content-Type", "WARC-Block-Digest"])
@pytest.mark.parametrize(
    "value", [*EXTREMES, *DATES, *IRIS, "sha1:", "sha1:x", "md5:" + "0" * 5000, "sha1:a, sha256:b", "response, response"]
)
def test_a_record_with_any_value_in_a_field_is_read_or_a_row_and_the_next_one_is_read(tmp_path: Path, field: str, value: str) -> None:
    fields = {
        "WARC-Type": "response",
        "WARC-Target-URI": "http://a.example/",
        "WARC-Date": "2025-06-02T05:27:20Z",
        "Content-Type": "application/http",
        "Content-Length": str(len(http(page()))),
    }
    head = "".join(f"{name}: {what}\r\n" for name, what in {**fields, field: value}.items())
    stored = f"WARC/1.0\r\n{head}\r\n".encode() + http(page()) + b"\r\n\r\n" + pages(2)[1]
    for name in ("a.warc", "a.warc.gz"):
        (tmp_path / name).write_bytes(stored if name == "a.warc" else gzip.compress(stored))
        documents, failures = read_file(tmp_path / name)
        assert len(documents) + len(failures) in (1, 2)
        assert documents[-1]["url"] == "http://a.example/1"


@pytest.mark.parametrize(
    "field", ["Content-Type", "Content-Encoding", "Transfer-Encoding", "X-Robots-Tag", "TDM-Reservation", "Content-Length"]
)
@pytest.mark.parametrize("value", [*EXTREMES, *LABELS, "chunked, chunked", "gzip," * 500])
def test_a_response_with_any_value_in_a_field_is_a_document_or_a_row(tmp_path: Path, field: str, value: str) -> None:
    block = f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n{field}: {value}\r\n\r\n".encode() + page()
    (tmp_path / "a.warc").write_bytes(record("http://a.example/0", block) + pages(2)[1])
    documents, failures = read_file(tmp_path / "a.warc")
    assert len(documents) + len(failures) == 2
    assert documents[-1]["url"] == "http://a.example/1"


@pytest.mark.parametrize(
    "head", [b"a: b\r\n" * 5000, b" folded\r\n" * 5000, b"a" * 60_000 + b"\r\n", b":\r\n" * 9000, b"a: b\r\n" * 50_000]
)
def test_a_header_of_many_or_long_fields_is_read_or_a_row(tmp_path: Path, head: bytes) -> None:
    odd = pages(1)[0].replace(b"WARC-Target", head + b"WARC-Target")
    (tmp_path / "a.warc").write_bytes(odd + pages(2)[1])
    documents, failures = read_file(tmp_path / "a.warc")
    assert len(documents) + len(failures) == 2
    assert [row["reason"] for row in failures] in ([], ["bad_warc_header"], ["unknown_record_type"])


def test_fields_that_are_stated_twice_with_one_value_count_once(tmp_path: Path) -> None:
    block = http(page())
    sums = [f"sha1:{hashlib.sha1(block).hexdigest()}", f"sha256:{hashlib.sha256(block).hexdigest().upper()}"]  # noqa: S324
    twice = record("http://a.example/0", block, extra=f"Content-Length: {len(block)}\r\nWARC-Type: response\r\n")
    digests = record("http://a.example/1", block, extra="".join(f"WARC-Block-Digest: {one}\r\n" for one in sums))
    assert [what for _, _, what in read(tmp_path / "a", twice + digests, "a.warc")] == urls([0, 1])


def test_a_damaged_member_is_one_row_and_the_rest_is_read(tmp_path: Path) -> None:
    stored = members(pages(5))
    damaged = bytearray(stored[2])
    damaged[len(damaged) // 2] ^= 0xFF
    stored[2] = bytes(damaged)
    found = read(tmp_path / "a", b"".join(stored))
    assert [what for _, _, what in found] == [*urls([0, 1]), "gzip_damaged", *urls([3, 4])]
    assert [offset for offset, _, _ in found] == starts(stored)


def test_a_damaged_record_that_is_not_input_has_no_row(tmp_path: Path) -> None:
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


def test_records_of_one_member_differ_by_part(tmp_path: Path) -> None:
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


def test_an_unknown_type_fails(tmp_path: Path) -> None:
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


def test_damage_before_records_that_are_not_input_has_its_row(tmp_path: Path) -> None:
    torn = bytearray(gzip.compress(pages(1)[0], mtime=0))
    torn[len(torn) // 2 :] = bytes(len(torn) - len(torn) // 2)
    info = gzip.compress(record("http://a.example/", b"software: x", kind="warcinfo"), mtime=0)
    (tmp_path / "a.warc.gz").write_bytes(bytes(torn) + info)
    documents, failures = read_file(tmp_path / "a.warc.gz")
    assert documents == []
    assert [(row["origin_offset"], row["reason"]) for row in failures] == [(0, "gzip_damaged")]


@pytest.mark.parametrize("n_behind", range(12))
def test_a_record_may_be_cut_into_members_inside_its_last_line_ends(tmp_path: Path, n_behind: int) -> None:
    chunked = http(b"5\r\nhello\r\n0\r\n\r\n", "text/plain", extra="Transfer-Encoding: chunked\r\n")
    first = record("http://a.example/0", chunked)
    content = first + record("http://a.example/1", http(b"world", "text/plain"))
    at = len(first) - n_behind
    (tmp_path / "a.warc.gz").write_bytes(gzip.compress(content[:at], mtime=0) + gzip.compress(content[at:], mtime=0))
    documents, failures = read_file(tmp_path / "a.warc.gz")
    assert [document["raw_text"] for document in documents] == ["hello", "world"]
    assert failures == []


def test_a_record_right_behind_a_header_without_an_end_of_its_own_is_read(tmp_path: Path) -> None:
    torn, *others = pages(3)
    (tmp_path / "a.warc").write_bytes(record("http://a.example/t", b"a\r\nb").replace(b"\r\n\r\na", b"\r\na", 1) + torn + b"".join(others))
    documents, failures = read_file(tmp_path / "a.warc")
    assert len(documents) == 3
    assert [row["reason"] for row in failures] == ["bad_content_length"]


def test_damage_after_a_record_that_is_not_input_has_its_row(tmp_path: Path) -> None:
    info = record("http://a.example/", random.Random(0).randbytes(9000).hex().encode(), kind="warcinfo")
    stored = bytearray(gzip.compress(info + pages(1)[0], mtime=0))
    at = len(gzip.compress(info, mtime=0)) - 4
    stored[at:] = bytes(len(stored) - at)
    (tmp_path / "a.warc.gz").write_bytes(stored)
    documents, failures = read_file(tmp_path / "a.warc.gz")
    assert documents == []
    assert [row["origin_offset"] for row in failures] == [0]
