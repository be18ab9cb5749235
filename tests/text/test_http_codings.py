"""Content codings are undone within a limit, as browsers do: whole, plain under a wrong word, or as far as a cut body goes."""

from __future__ import annotations

import gzip
import zlib

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipelines.text.http_codings import TooLongError, UndecodableError, Undone, UnsupportedCodingError, undo

brotli = pytest.importorskip("brotli")  # a requirement of FastWARC

LIMIT = 10_000
WORDS = " ".join(f"word{i * 7919 % 997}" for i in range(600)).encode()
PAGE = b"<html><p>" + WORDS


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def zstd(data: bytes) -> bytes:
    """A frame of blocks, such as servers send that flush."""
    packer = zstandard.ZstdCompressor().compressobj()
    pieces = [packer.compress(data[i : i + 500]) + packer.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK) for i in range(0, len(data), 500)]
    return b"".join([*pieces, packer.flush()])


PACKED = {
    "gzip": gzip.compress(PAGE, mtime=0),
    "deflate": zlib.compress(PAGE),
    "DEFLATE": raw_deflate(PAGE),
    "br": brotli.compress(PAGE, quality=5),
    "zstd": zstd(PAGE),
}


@given(st.binary(max_size=LIMIT))
def test_every_usual_encoding_is_undone(data: bytes) -> None:
    assert undo(data, "", LIMIT) == Undone(data)
    assert undo(data, "identity", LIMIT) == Undone(data)
    assert undo(gzip.compress(data, mtime=0), "gzip", LIMIT) == Undone(data)
    assert undo(gzip.compress(data, mtime=0), "X-GZIP", LIMIT) == Undone(data)
    assert undo(zlib.compress(data), "deflate", LIMIT) == Undone(data)
    assert undo(raw_deflate(data), "deflate", LIMIT) == Undone(data)
    assert undo(brotli.compress(data), "br", LIMIT) == Undone(data)
    assert undo(zstd(data), "zstd", LIMIT) == Undone(data)
    assert undo(gzip.compress(zlib.compress(data), mtime=0), "deflate, gzip", LIMIT + 100) == Undone(data)


@pytest.mark.parametrize("rest", [b"", b"\0\0\0", b"garbage"])
def test_members_may_have_padding_between_them_and_garbage_after_them(rest: bytes) -> None:
    for name, one, other in (
        ("gzip", gzip.compress(b"ab", mtime=0), gzip.compress(b"cd", mtime=0)),
        ("zstd", zstandard.compress(b"ab"), zstandard.compress(b"cd")),
    ):
        assert undo(one + other + rest, name, LIMIT) == Undone(b"abcd")
        assert undo(one + b"\0\0\0" + other + rest, name, LIMIT) == Undone(b"abcd")
    assert undo(brotli.compress(b"abcd") + rest, "br", LIMIT) == Undone(b"abcd")


@pytest.mark.parametrize("name", PACKED)
def test_of_a_body_that_is_cut_what_came_before_is_shown_and_marked(name: str) -> None:
    packed = PACKED[name]
    for n_bytes in range(len(packed) // 3, len(packed), 11):
        found = undo(packed[:n_bytes], name, LIMIT)
        assert found.is_cut
        assert PAGE.startswith(found.body)
        assert len(found.body) > len(PAGE) // 5


def test_damage_in_a_later_member_cuts_the_body_there() -> None:
    whole = gzip.compress(PAGE, mtime=0)
    damaged = whole[:100] + b"\xff" * 20 + whole[120:]
    assert undo(whole + damaged, "gzip", LIMIT) == Undone(PAGE, is_cut=True)
    assert undo(whole + b"\x1f\x8b\x08garbage", "gzip", LIMIT) == Undone(PAGE, is_cut=True)


def test_an_empty_body_is_empty_in_any_encoding() -> None:
    assert undo(b"", "gzip", LIMIT) == Undone(b"")


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (gzip.compress(b"a" * LIMIT, mtime=0), "gzip"),
        (gzip.compress(b"a" * 5000, mtime=0) * 2, "gzip"),
        (zlib.compress(b"a" * LIMIT), "deflate"),
        (brotli.compress(b"a" * LIMIT), "br"),
        (zstd(b"a" * LIMIT), "zstd"),
    ],
)
def test_the_limit_itself_is_allowed_and_one_byte_more_is_not(body: bytes, name: str) -> None:
    assert len(undo(body, name, LIMIT).body) == LIMIT
    with pytest.raises(TooLongError):
        undo(body, name, LIMIT - 1)


@pytest.mark.parametrize(
    ("body", "name"),
    [
        (gzip.compress(WORDS, mtime=0)[:12], "gzip"),  # nothing of it can be shown
        (zstandard.compress(WORDS)[:-9], "zstd"),
        (gzip.compress(bytes(99), mtime=0)[:-9], "gzip"),  # and what can be is no text
        (gzip.compress(zlib.compress(WORDS), mtime=0)[:-9], "deflate, gzip"),
        (PACKED["gzip"][:200] + b"\xff" * 9 + PACKED["gzip"][209:], "gzip"),
        (PACKED["gzip"][:-8] + bytes(8), "gzip"),
        (PACKED["deflate"][:-4] + bytes(4), "deflate"),
    ],
)
def test_what_is_damaged_or_begins_with_nothing_to_show_is_refused(body: bytes, name: str) -> None:
    with pytest.raises(UndecodableError):
        undo(body, name, LIMIT)


def test_a_coding_that_browsers_do_not_undo_is_refused_by_name() -> None:
    with pytest.raises(UnsupportedCodingError, match="'compress'"):
        undo(b"\x1f\x9d\x90" + bytes(range(256)), "compress", LIMIT)
    assert undo(b"plain", "compress", LIMIT) == Undone(b"plain")
