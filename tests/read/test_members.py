"""Decoding in parts: the same bytes as the libraries give, nothing that a checksum does not confirm, and a way on past damage."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import struct
from collections.abc import Callable

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from pipelines.read import members
from pipelines.read.members import stored_parts
from pipelines.read.parts import HOLD_BYTES, PIECE_BYTES, Part

PACK: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".zst": zstandard.ZstdCompressor(write_checksum=True).compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
    "": bytes,
}
PACKED = [".gz", ".zst", ".bz2", ".xz"]


def begins_well(part: Part) -> bool:
    return part.head.startswith(b"good")


def contents(stored: bytes, name: str = "") -> list[tuple[int, bytes | str]]:
    """(offset, content or what is wrong with it) of every part."""
    found: list[tuple[int, bytes | str]] = []
    for part in stored_parts(io.BytesIO(stored), name, begins_well=begins_well):
        content = b"".join(part.pieces())
        found.append((part.offset, f"{part.damage} {part.n_bytes}" if part.damage else content))
    return found


@pytest.mark.parametrize("suffix", PACK)
@given(st.lists(st.binary(max_size=2000), max_size=4))
def test_decoded_content_equals_the_original(suffix: str, packed_of: list[bytes]) -> None:
    packed_of = [b"-" + part for part in packed_of]  # or else plain bytes could begin like packed ones
    packed = b"".join(map(PACK[suffix], packed_of))
    assert b"".join(piece for part in stored_parts(io.BytesIO(packed)) for piece in part.pieces()) == b"".join(packed_of)


@pytest.mark.parametrize("suffix", PACKED)
def test_a_bomb_comes_in_bounded_pieces_and_is_held_up_to_a_limit(suffix: str) -> None:
    content = bytes(3 * HOLD_BYTES)
    for part in stored_parts(io.BytesIO(PACK[suffix](content))):
        assert not part.damage
        n_bytes = 0
        for piece in part.pieces():
            assert len(piece) <= 16 * PIECE_BYTES
            n_bytes += len(piece)
        assert n_bytes == len(content) or suffix == ".bz2"


@pytest.mark.parametrize("suffix", PACKED)
def test_a_cut_part_is_damaged_but_all_of_its_visible_content_is_there(suffix: str) -> None:
    packed = PACK[suffix](b"".join(b"%d\n" % (i * i) for i in range(100_000)))
    (part,) = stored_parts(io.BytesIO(packed[: len(packed) // 2]))
    assert str(part.damage) == "truncated"
    assert b"".join(part.pieces()).startswith(b"0\n1\n4\n9\n") or suffix == ".bz2"


@pytest.mark.parametrize("suffix", PACKED)
@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_changed_bytes_are_found_out(suffix: str, share: float) -> None:
    packed = bytearray(PACK[suffix](b"".join(b"%d\n" % (i * i) for i in range(10_000))))
    packed[int(share * len(packed))] ^= 0x04
    found = list(stored_parts(io.BytesIO(bytes(packed))))
    assert any(part.damage for part in found)
    assert all(part.damage or suffix == ".bz2" for part in found)


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_reading_continues_at_the_next_member_that_begins_well(suffix: str) -> None:
    pack = PACK[suffix]
    one, two, three = pack(b"good 1"), pack(b"good 2" + bytes(range(256)) * 4), pack(b"good 3")
    cut = two[: len(two) // 2]
    (_, first), (_, damage), (_, third) = contents(one + cut + three)
    assert (first, third) == (b"good 1", b"good 3")
    assert damage in (f"{'gzip' if suffix == '.gz' else 'zstd'}_damaged {len(cut)}", f"truncated {len(cut)}")
    assert [offset for offset, _ in contents(one + cut + three)] == [0, len(one), len(one) + len(cut)]


def test_a_wrong_checksum_is_damage() -> None:
    stored = bytearray(gzip.compress(b"good"))
    stored[-8] ^= 1
    assert contents(bytes(stored) + gzip.compress(b"good 2")) == [(0, f"gzip_damaged {len(stored)}"), (len(stored), b"good 2")]


def test_bytes_between_members_are_a_part_unless_they_are_padding() -> None:
    one, two = gzip.compress(b"good 1"), gzip.compress(b"good 2")
    stored = b"junk\1" + one + bytes(5000) + two + b"\x1f\x8b\x08" + b"more junk" + bytes(9)
    assert contents(stored, "a.gz") == [
        (0, "gzip_damaged 5"),
        (5, b"good 1"),
        (5 + len(one) + 5000, b"good 2"),
        (len(stored) - 21, "gzip_damaged 21"),
    ]


@pytest.mark.parametrize("suffix", PACKED)
def test_a_long_run_of_zeros_is_a_hole_and_not_padding(suffix: str) -> None:
    one, two = PACK[suffix](b"good 1"), PACK[suffix](b"good 2")
    for hole in (bytes(100_000), bytes(3 << 20)):
        (_, first), (at, damage), (_, second), (tail, cut_off) = contents(one + hole + two + hole)
        assert (first, second) == (b"good 1", b"good 2")
        assert [str(what).split("_")[1] for what in (damage, cut_off)] == [f"damaged {len(hole)}"] * 2
        assert (at, tail) == (len(one), len(one) + len(hole) + len(two))


def test_first_bytes_decide_the_compression_and_the_name_only_if_they_are_inconclusive() -> None:
    for suffix, other in ((".gz", ".zst"), (".zst", ".bz2"), (".bz2", ".xz"), (".xz", ".gz")):
        packed = PACK[suffix](b"good")
        assert [what for _, what in contents(packed, f"a{other}")] == [b"good"]
        assert [what for _, what in contents(b"good", f"a{suffix}")] == [b"good"]
        assert [what for _, what in contents(b"\1" + packed, f"A{suffix.upper()}")][-1] == b"good"


def test_a_zstd_dictionary_in_front_serves_all_frames() -> None:
    dictionary = zstandard.ZstdCompressionDict(b"good content of many records " * 20, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
    compressor = zstandard.ZstdCompressor(dict_data=dictionary)
    held = dictionary.as_bytes()
    front = b"\x5d\x2a\x4d\x18" + len(held).to_bytes(4, "little") + held
    frames = [compressor.compress(b"good content of many records %d" % i) for i in range(2)]
    assert contents(front + b"".join(frames)) == [
        (len(front), b"good content of many records 0"),
        (len(front) + len(frames[0]), b"good content of many records 1"),
    ]


def test_a_skippable_frame_with_a_wrong_length_hides_nothing() -> None:
    frames = [PACK[".zst"](b"good %d" % i) for i in range(3)]
    padded = frames[0] + bytes(9) + b"\x50\x2a\x4d\x18\4\0\0\0abcd" + bytes(5) + frames[1]
    assert [what for _, what in contents(padded)] == [b"good 0", b"good 1"]
    for n_bytes in (3, 9, 1 << 31):
        skippable = b"\x50\x2a\x4d\x18" + n_bytes.to_bytes(4, "little") + b"abcd"
        found = contents(frames[0] + skippable + frames[1] + frames[2])
        assert [what for _, what in found] == [b"good 0", "zstd_damaged 12", b"good 1", b"good 2"]


def test_a_damaged_zstd_frame_ends_where_its_blocks_say() -> None:
    """Frames within a body are none of the file's."""
    inner = PACK[".zst"](b"good inside")
    frame = bytearray(zstandard.ZstdCompressor(level=1, write_checksum=True).compress(inner * 3))
    frame[-1] ^= 1
    found = contents(bytes(frame) + PACK[".zst"](b"after"))
    assert found == [(0, f"zstd_damaged {len(frame)}"), (len(frame), b"after")]


@pytest.mark.parametrize("pad", [b"", bytes(4), bytes(400)])
@pytest.mark.parametrize("suffix", [".bz2", ".xz"])
def test_streams_may_be_padded(suffix: str, pad: bytes) -> None:
    stored = b"".join(PACK[suffix](b"good %d" % i) + pad for i in range(3))
    assert [what for _, what in contents(stored)] == [b"good 0", b"good 1", b"good 2"]


@pytest.mark.parametrize("suffix", [".bz2", ".xz"])
def test_content_after_a_damaged_stream_header_or_junk_is_read(suffix: str) -> None:
    streams = [PACK[suffix](b"good %d" % i) for i in range(4)]
    reason = "bzip2_damaged" if suffix == ".bz2" else "xz_damaged"
    second = bytearray(streams[1])
    second[len(second) // 2] ^= 0xFF
    found = [what for _, what in contents(streams[0] + bytes(second) + streams[2] + b"some junk" + streams[3] + b"tail")]
    assert found[0] == b"good 0"
    assert found[-4:] == [b"good 2", f"{reason} 9", b"good 3", f"{reason} 4"]
    assert [str(what).split()[0] for what in found[1:-4]] == [reason]


def test_blocks_of_one_bzip2_stream_are_believed_one_by_one() -> None:
    blocks = [b"%d " % i * 45_000 for i in range(10, 16)]
    content = b"".join(blocks)
    packed = bytearray(bz2.compress(content, 1))
    found = list(stored_parts(io.BytesIO(bytes(packed))))
    whole = [b"".join(part.pieces()) for part in found]
    assert b"".join(whole) == content
    assert len(found) > 3
    packed[(found[1].offset + found[1].end) // 2] ^= 0x10
    again = list(stored_parts(io.BytesIO(bytes(packed))))
    assert [part.offset for part in again] == [part.offset for part in found]
    assert [str(part.damage) for part in again if part.damage] == ["bzip2_damaged"]
    assert [b"".join(part.pieces()) for part in again if not part.damage] == [whole[0], *whole[2:]]


def test_a_bzip2_stream_without_one_of_its_blocks_is_damaged_where_its_own_checksum_is() -> None:
    packed = bytearray(bz2.compress(b"good"))
    packed[-3] ^= 1
    assert [str(what).split()[0] for _, what in contents(bytes(packed))][-1] == "bzip2_damaged"


@pytest.mark.parametrize("at", [4, 10])  # a byte of its mark, of its checksum
def test_a_damaged_block_is_counted_once_though_the_checksum_of_its_stream_is_wrong_too(at: int) -> None:
    packed = bytearray(bz2.compress(b"".join(b"%d " % i * 45_000 for i in range(10, 16)), 1))
    n_blocks = len(list(stored_parts(io.BytesIO(bytes(packed)))))
    packed[at] ^= 1
    found = list(stored_parts(io.BytesIO(bytes(packed)), "a.bz2"))
    assert [str(part.damage or "") for part in found] == ["bzip2_damaged", *[""] * (n_blocks - 1)]


@pytest.mark.parametrize("check", [lzma.CHECK_NONE, lzma.CHECK_CRC32, lzma.CHECK_CRC64, lzma.CHECK_SHA256])
def test_parts_say_whether_they_have_a_checksum(check: int) -> None:
    (part,) = stored_parts(io.BytesIO(lzma.compress(b"content", check=check)))
    assert part.lacks_checksum == (check == lzma.CHECK_NONE)
    for write_checksum in (False, True):
        (part,) = stored_parts(io.BytesIO(zstandard.ZstdCompressor(write_checksum=write_checksum).compress(b"content")))
        assert part.lacks_checksum != write_checksum
    for packed in (gzip.compress(b"content"), bz2.compress(b"content"), b"content"):
        (part,) = stored_parts(io.BytesIO(packed))
        assert not part.lacks_checksum


def test_the_search_for_intact_members_takes_linear_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every 15th byte begins a member of stored blocks, each of which ends where the next one begins, up to the end of the file."""
    n_bytes = 15 * 4368 - 5
    period = gzip.compress(b"")[:10] + struct.pack("<BHH", 0, n_bytes, 0xFFFF - n_bytes)
    made: list[int] = []

    class Counted(members._Member):
        def check(self) -> None:
            made.append(self.offset)
            super().check()

    monkeypatch.setattr(members, "_Member", Counted)
    (part,) = stored_parts(io.BytesIO(period * 20_000))
    assert part.n_bytes == 15 * 20_000
    assert len(made) < 2000
