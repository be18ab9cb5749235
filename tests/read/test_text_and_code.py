"""Text and code files: one file, one record."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
from pathlib import Path

import pytest
import zstandard

from pipelines.read.formats.code import language_of
from pipelines.read.formats.text import read_text_file
from pipelines.read.records import Document, Meta, Unread
from schemas.ledger import Outcome
from schemas.recipe import Read

LIMIT = 20_000
LIMITS = Read(max_record_bytes=LIMIT)


@pytest.mark.parametrize(
    ("name", "content", "text", "charset"),
    [
        ("a.txt", "Größe\r\nund\rStraße".encode("cp1252"), "Größe\nund\nStraße", "cp1252"),
        ("a.md", "\ufeff漢字".encode("utf-16"), "漢字", "utf-16"),
        ("a.md", "\ufeff漢字 😀".encode("utf-32"), "漢字 😀", "utf-32"),
        ("a.md", "\ufeff漢字 😀".encode("utf-32-be"), "漢字 😀", "utf-32"),
        ("a.md", "int café;\r\n".encode("utf-16-le"), "int café;\n", "utf-16-le"),
        ("a.md", "int x;\n".encode("utf-16-be"), "int x;\n", "utf-16-be"),
        ("a.txt", b"x", "x", "utf-8"),
        ("a.txt", "Der Käse ist größer als sonst.\n".encode("cp1252") * 300 + b"\0", "Der Käse ist größer als sonst.\n" * 300, "cp1252"),
        ("a.sh", b"echo 1\n" * 2000 + b"\0" + "é".encode(), "echo 1\n" * 2000 + "é", "utf-8"),
        ("a.log", b"\x1b[31mr\xc3\xb6t\x1b[0m\n", "\x1b[31mröt\x1b[0m\n", "utf-8"),
        ("a.rst.gz", gzip.compress("漢字".encode(), mtime=0), "漢字", "utf-8"),
    ],
)
def test_a_text_file_is_a_document(tmp_path: Path, name: str, content: bytes, text: str, charset: str) -> None:
    (tmp_path / name).write_bytes(content)
    assert read_text_file(tmp_path / name, name, None, LIMITS) == Document(text, meta={"charset": charset})


@pytest.mark.parametrize(
    ("content", "unread"),
    [
        (b"", Unread(Outcome.DROPPED, "empty_text")),
        (b" \n", Unread(Outcome.DROPPED, "empty_text")),
        (b"\xef\xbb\xbf", Unread(Outcome.DROPPED, "empty_text")),
        (b"\xff\xfe", Unread(Outcome.DROPPED, "empty_text")),
        (b"\0", Unread(Outcome.DROPPED, "binary")),
        (b"\0\0", Unread(Outcome.DROPPED, "binary")),
        (b"abc\0", Unread(Outcome.DROPPED, "binary")),
        (bytes(range(0, 256, 2)) + b"\0", Unread(Outcome.DROPPED, "binary")),
        (b"\x01\0\x02\0\x03\0", Unread(Outcome.DROPPED, "binary")),
        (b"exec tail $0\n" * 700 + bytes(range(256)), Unread(Outcome.DROPPED, "binary")),
        (b"a\0b", Unread(Outcome.DROPPED, "binary")),
        (b"a" * (LIMIT + 1), Unread(Outcome.FAILED, "too_large", None, LIMIT)),
        (gzip.compress(bytes(10 * LIMIT), mtime=0), Unread(Outcome.FAILED, "too_large", None, LIMIT)),
        (gzip.compress(b"text", mtime=0)[:-4], Unread(Outcome.FAILED, "truncated", 20, None, 20)),
        (gzip.compress(b"text", mtime=0) + b"\1junk", Unread(Outcome.FAILED, "gzip_damaged", 5, None, 29)),
    ],
)
def test_content_that_is_not_text_has_a_reason(tmp_path: Path, content: bytes, unread: Unread) -> None:
    (tmp_path / "a.txt").write_bytes(content)
    assert read_text_file(tmp_path / "a.txt", "a.txt", None, LIMITS) == unread


@pytest.mark.parametrize(
    ("packed", "at", "reason"),
    [
        (gzip.compress(b"text"), -8, "gzip_damaged"),  # a byte of the checksum
        (zstandard.ZstdCompressor(write_checksum=True).compress(b"text"), -1, "zstd_damaged"),
        (bz2.compress(b"text"), 10, "bzip2_damaged"),
        (lzma.compress(b"text", check=lzma.CHECK_CRC32), -24, "xz_damaged"),
    ],
)
def test_a_text_file_with_a_wrong_checksum_fails(tmp_path: Path, packed: bytes, at: int, reason: str) -> None:
    (tmp_path / "a.txt").write_bytes(packed)
    assert isinstance(read_text_file(tmp_path / "a.txt", "a.txt", None, LIMITS), Document)
    changed = bytearray(packed)
    changed[at] ^= 1
    (tmp_path / "a.txt").write_bytes(changed)
    unread = read_text_file(tmp_path / "a.txt", "a.txt", None, LIMITS)
    assert isinstance(unread, Unread)
    assert (unread.reason, unread.lost_bytes > 0) == (reason, True)


def test_a_text_file_of_several_members_is_one_document_and_states_a_missing_checksum(tmp_path: Path) -> None:
    cases: tuple[tuple[str, bytes, Meta], ...] = (
        ("a.txt.gz", gzip.compress(b"one ") + gzip.compress(b"two"), {"charset": "utf-8"}),
        ("a.txt.bz2", bz2.compress(b"one ") + bz2.compress(b"two"), {"charset": "utf-8"}),
        ("a.txt.xz", lzma.compress(b"one ") + bytes(4) + lzma.compress(b"two"), {"charset": "utf-8"}),
        ("a.txt.zst", zstandard.compress(b"one ") + zstandard.compress(b"two"), {"charset": "utf-8", "no_checksum": True}),
    )
    for name, content, meta in cases:
        (tmp_path / name).write_bytes(content)
        assert read_text_file(tmp_path / name, name, None, LIMITS) == Document("one two", meta=meta)


def test_a_code_file_states_its_language_and_path(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_bytes(b"x = 1\n")
    document = read_text_file(tmp_path / "a.py", "src/a.py", "python", LIMITS)
    assert document == Document("x = 1\n", meta={"charset": "utf-8", "language": "python", "path": "src/a.py"})


@pytest.mark.parametrize(
    ("name", "first_line", "language"),
    [
        ("a.py", "", "python"),
        ("a.RS", "", "rust"),
        ("a.cpp", "", "c++"),
        ("Makefile", "", "make"),
        ("run", "#!/usr/bin/env python3\n", "python"),
        ("run", "#!/bin/sh -e\n", "shell"),
        ("run", "#! /usr/bin/env -S node --x\n", "javascript"),
        ("run", "#!/usr/bin/unknown\n", None),
        ("LICENSE", "words\n", None),
        ("a.png", "", None),
        ("a.json", json.dumps({}), None),
    ],
)
def test_languages_are_known_by_name_or_interpreter(tmp_path: Path, name: str, first_line: str, language: str | None) -> None:
    (tmp_path / name).write_text(first_line)
    assert language_of(tmp_path / name) == language
