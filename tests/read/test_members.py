"""Decoding in pieces: the same bytes as the libraries give, and a way on past damage."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipelines.read.members import GZIP, PIECE_BYTES, ZSTD, Codec, Damaged, Gap, decoded, members

PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zst": zstandard.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    "": bytes,
}


@pytest.mark.parametrize("suffix", PACK)
@given(st.lists(st.binary(max_size=2000), max_size=4))
def test_content_is_what_was_packed(suffix: str, parts: list[bytes]) -> None:
    parts = [b"-" + part for part in parts]  # or else plain bytes could begin like packed ones
    packed = b"".join(map(PACK[suffix], parts))
    assert b"".join(decoded(io.BytesIO(packed))) == b"".join(parts)


@pytest.mark.parametrize("codec", [GZIP, ZSTD], ids=lambda codec: codec.name)
def test_a_bomb_comes_in_bounded_pieces(codec: Codec) -> None:
    bomb = (gzip.compress if codec is GZIP else zstandard.compress)(bytes(200 << 20))
    member = next(members(io.BytesIO(bomb), codec, bool))
    assert not isinstance(member, Gap)
    n_bytes = 0
    while piece := member.read():
        assert len(piece) <= 16 * PIECE_BYTES
        n_bytes += len(piece)
    assert n_bytes == 200 << 20


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".bz2", ".xz"])
def test_a_cut_file_gives_what_comes_before_the_cut(suffix: str) -> None:
    packed = PACK[suffix](b"".join(b"%d\n" % (i * i) for i in range(100_000)))
    got = b""
    with pytest.raises(Damaged, match="truncated"):
        for piece in decoded(io.BytesIO(packed[: len(packed) // 2])):
            got += piece
    assert got.startswith(b"0\n1\n4\n9\n") or suffix == ".bz2"


@pytest.mark.parametrize("suffix", [".gz", ".zst", ".bz2", ".xz"])
def test_changed_bytes_are_found_out(suffix: str) -> None:
    packed = bytearray(PACK[suffix](b"".join(b"%d\n" % (i * i) for i in range(10_000))))
    packed[len(packed) // 2] ^= 0xFF
    # Without a checksum of its own, zstd's default, some changes decode to other bytes: this one does not.
    with pytest.raises(Damaged):
        list(decoded(io.BytesIO(bytes(packed))))


def contents(stored: bytes, codec: Codec = GZIP) -> list[tuple[int, bytes | str]]:
    """What each member or gap is, by offset."""
    found: list[tuple[int, bytes | str]] = []
    for member in members(io.BytesIO(stored), codec, lambda content: content.startswith(b"good")):
        if isinstance(member, Gap):
            found.append((member.offset, f"gap of {member.n_bytes}"))
            continue
        content = b""
        try:
            while piece := member.read():
                content += piece
            found.append((member.offset, content))
        except Damaged as damaged:
            found.append((member.offset, damaged.reason))
    return found


@pytest.mark.parametrize("codec", [GZIP, ZSTD], ids=lambda codec: codec.name)
def test_reading_goes_on_at_the_next_member_that_begins_well(codec: Codec) -> None:
    pack = gzip.compress if codec is GZIP else zstandard.compress
    one, two, three = pack(b"good 1"), pack(b"good 2" + bytes(range(256)) * 4), pack(b"good 3")
    cut = two[: len(two) // 2]
    stored = one + cut + three
    (_, first), (_, reason), (_, third) = contents(stored, codec)
    assert (first, third) == (b"good 1", b"good 3")
    assert reason in (f"{codec.name}_damaged", "truncated")  # what follows the cut may pass for a beginning
    assert [offset for offset, _ in contents(stored, codec)] == [0, len(one), len(one) + len(cut)]


def test_a_wrong_checksum_is_damage() -> None:
    stored = bytearray(gzip.compress(b"good"))
    stored[-8] ^= 1
    assert contents(bytes(stored) + gzip.compress(b"good 2")) == [(0, "gzip_damaged"), (len(stored), b"good 2")]


def test_what_lies_between_members_is_a_gap_unless_it_is_padding() -> None:
    one, two = gzip.compress(b"good 1"), gzip.compress(b"good 2")
    stored = b"junk" + one + bytes(5000) + two + GZIP.magic + b"more junk" + bytes(9)
    assert contents(stored) == [
        (0, "gap of 4"),
        (4, b"good 1"),
        (4 + len(one) + 5000, b"good 2"),
        (len(stored) - 21, "gzip_damaged"),
    ]


def test_a_zstd_dictionary_in_front_serves_all_frames() -> None:
    dictionary = zstandard.ZstdCompressionDict(b"good content of many records " * 20, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    compressor = zstandard.ZstdCompressor(dict_data=dictionary)
    held = dictionary.as_bytes()
    front = b"\x5d\x2a\x4d\x18" + len(held).to_bytes(4, "little") + held
    frames = [compressor.compress(b"good content of many records %d" % i) for i in range(2)]
    assert contents(front + b"".join(frames), ZSTD) == [
        (len(front), b"good content of many records 0"),
        (len(front) + len(frames[0]), b"good content of many records 1"),
    ]
