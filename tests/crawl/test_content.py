"""Content-Encoding is undone within a limit."""

from __future__ import annotations

import gzip
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.crawl.content import TooLargeError, UndecodableError, decoded

LIMIT = 10_000


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


@given(st.binary(max_size=LIMIT))
def test_every_usual_encoding_is_undone(data: bytes) -> None:
    assert decoded(data, "", LIMIT) == data
    assert decoded(data, "identity", LIMIT) == data
    assert decoded(gzip.compress(data, mtime=0), "gzip", LIMIT) == data
    assert decoded(gzip.compress(data, mtime=0), "X-GZIP", LIMIT) == data
    assert decoded(zlib.compress(data), "deflate", LIMIT) == data
    assert decoded(raw_deflate(data), "deflate", LIMIT) == data
    assert decoded(gzip.compress(zlib.compress(data), mtime=0), "deflate, gzip", LIMIT + 100) == data


def test_gzip_may_come_in_several_members_with_padding_or_garbage_after_them() -> None:
    whole = gzip.compress(b"ab", mtime=0) + gzip.compress(b"cd", mtime=0)
    assert decoded(whole, "gzip", LIMIT) == b"abcd"
    assert decoded(whole + b"\0\0\0", "gzip", LIMIT) == b"abcd"
    assert decoded(whole + b"garbage", "gzip", LIMIT) == b"abcd"


def test_an_empty_body_is_empty_in_any_encoding() -> None:
    assert decoded(b"", "gzip", LIMIT) == b""


@pytest.mark.parametrize("body", [gzip.compress(b"a" * LIMIT, mtime=0), gzip.compress(b"a" * 5000, mtime=0) * 2])
def test_the_limit_itself_is_allowed_and_one_byte_more_is_not(body: bytes) -> None:
    assert len(decoded(body, "gzip", LIMIT)) == LIMIT
    with pytest.raises(TooLargeError):
        decoded(body, "gzip", LIMIT - 1)


@pytest.mark.parametrize(
    ("body", "encoding"),
    [(b"plain", "gzip"), (gzip.compress(b"x" * 99, mtime=0)[:-12], "gzip"), (b"x", "br"), (zlib.compress(b"x" * 99)[:9], "deflate")],
)
def test_what_cannot_be_undone_is_refused(body: bytes, encoding: str) -> None:
    with pytest.raises(UndecodableError):
        decoded(body, encoding, LIMIT)
