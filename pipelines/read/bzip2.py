"""Reads bzip2 files block by block: each has a checksum of its own, begins with a mark of 48 bits, and can be decoded alone.

Blocks begin at any bit. A damaged block costs only itself; stream headers show what lies between streams.
"""

from __future__ import annotations

import bz2
import re
from collections.abc import Iterator
from typing import BinaryIO, Final, NamedTuple

from pipelines.read.decoders import Damaged
from pipelines.read.parts import MAX_PADDING_BYTES, PIECE_BYTES, CheckedPart, Part

_BLOCK: Final = 0x314159265359
_END: Final = 0x177245385090  # of a stream; followed by the checksum of its blocks' checksums
_MARK_BITS: Final = 48
_END_BITS: Final = 80
_HEADER: Final = re.compile(rb"BZh[1-9]")
_WINDOW_BYTES: Final = 1 << 20
_MAX_BLOCK_BYTES: Final = 1 << 22  # as stored; longer stretches are not one block
_PADDING: Final = b"\0\r\n"


class _Mark(NamedTuple):
    bit: int
    is_end: bool


class _Block(CheckedPart):
    """The bits between one mark and the next."""

    def __init__(self, file: BinaryIO, start: int, end: int) -> None:
        super().__init__(start // 8, end // 8)
        self.file, self.start_bit, self.end_bit = file, start, end
        self.check()

    def decode(self) -> Iterator[bytes]:
        """The content, decoded as a stream of this block alone."""
        decoder = bz2.BZ2Decompressor()
        data = self._as_stream()
        while not decoder.eof:
            try:
                piece = decoder.decompress(data if decoder.needs_input else b"", PIECE_BYTES)
            except OSError:
                raise Damaged("bzip2_damaged") from None
            if not piece and decoder.needs_input and not decoder.eof:
                raise Damaged("bzip2_damaged")
            data = b""
            if piece:
                yield piece

    def _as_stream(self) -> bytes:
        n_bits = min(self.end_bit - self.start_bit, 8 * _MAX_BLOCK_BYTES)
        block = _bits(self.file, self.start_bit, n_bits)
        checksum = block >> max(0, n_bits - _END_BITS) & 0xFFFFFFFF
        stream = ((block << _MARK_BITS | _END) << 32) | checksum
        n_bits += _END_BITS
        return b"BZh9" + (stream << -n_bits % 8).to_bytes((n_bits + 7) // 8, "big")


def is_bzip2(head: bytes) -> bool:
    """Whether these are the first bytes of a bzip2 file."""
    return _HEADER.match(head) is not None and head[4:10] in (_BLOCK.to_bytes(6, "big"), _END.to_bytes(6, "big"))


def blocks(file: BinaryIO) -> Iterator[Part]:
    """The blocks of a file in order, and the damaged stretches between them."""
    size = file.seek(0, 2)
    expected: int | None = 0  # the byte where a stream should begin; None inside of a stream
    checksum, is_whole = 0, True  # of the current stream: the checksum of its blocks, and whether all are intact
    for mark, following in _with_next(_marks(file)):
        if expected is not None:
            gap = _before_stream(file, expected, mark.bit)
            if gap.n_bytes:
                yield gap
            checksum, is_whole = 0, _has_header(file, mark.bit)
        if mark.is_end:
            expected = (mark.bit + _END_BITS + 7) // 8
            if expected > size or (is_whole and checksum != _bits(file, mark.bit + _MARK_BITS, 32)):
                yield Part(mark.bit // 8, min(expected, size), Damaged("truncated" if expected > size else "bzip2_damaged"))
        else:
            block = _Block(file, mark.bit, following.bit if following else 8 * size)
            if block.damage and not following:
                block.damage = Damaged("truncated")
            yield block
            is_whole &= not block.damage
            checksum = (checksum << 1 & 0xFFFFFFFF | checksum >> 31) ^ _bits(file, mark.bit + _MARK_BITS, 32)
            expected = None
    if expected is not None and expected < size and not _is_padding(file, expected, size):
        yield Part(expected, size, Damaged("bzip2_damaged"))


def _with_next(marks: Iterator[_Mark]) -> Iterator[tuple[_Mark, _Mark | None]]:
    mark = next(marks, None)
    while mark:
        following = next(marks, None)
        yield mark, following
        mark = following


def _before_stream(file: BinaryIO, start: int, first_mark: int) -> Part:
    """The part between the end of a stream and the next header; of no bytes if there is only padding."""
    end = first_mark // 8 - 4 * _has_header(file, first_mark)
    is_gap = end > start and not _is_padding(file, start, end)
    return Part(start, end if is_gap else start, Damaged("bzip2_damaged"))


def _has_header(file: BinaryIO, mark: int) -> bool:
    """Whether a stream header comes right before the mark."""
    if mark % 8 or mark < 32:
        return False
    file.seek(mark // 8 - 4)
    return _HEADER.fullmatch(file.read(4)) is not None


def _is_padding(file: BinaryIO, start: int, end: int) -> bool:
    file.seek(start)
    return end - start <= MAX_PADDING_BYTES and not file.read(end - start).strip(_PADDING)


def _bits(file: BinaryIO, start: int, n_bits: int) -> int:
    """`n_bits` from the bit `start` on, with zeros beyond the end of the file."""
    first, last = start // 8, (start + n_bits + 7) // 8
    file.seek(first)
    data = file.read(last - first).ljust(last - first, b"\0")
    return int.from_bytes(data, "big") >> (8 * last - start - n_bits) & ((1 << n_bits) - 1)


# --- Marks at any bit ------------------------------------------------------------------------------------------------


def _inner(mark: int, shift: int) -> bytes:
    """The five bytes that a mark fills completely, after its first byte, if it begins `shift` bits into a byte."""
    return ((mark << 8 - shift) >> 8 & 0xFFFFFFFFFF).to_bytes(5, "big")


_INNER: Final = {_inner(mark, shift): (shift, mark) for mark in (_BLOCK, _END) for shift in range(8)}
_ANY_MARK: Final = re.compile(b"|".join(map(re.escape, _INNER)), re.DOTALL)


def _marks(file: BinaryIO) -> Iterator[_Mark]:
    """The marks of a file in order."""
    start, window = 0, b""
    while True:
        file.seek(start + len(window))
        more = file.read(_WINDOW_BYTES)
        window += more
        for found in _ANY_MARK.finditer(window, 1):
            shift, mark = _INNER[found[0]]
            first = found.start() - 1
            around = int.from_bytes(window[first : first + 7].ljust(7, b"\0"), "big")
            if found.end() < len(window) + (not more) and around >> 8 - shift & (1 << _MARK_BITS) - 1 == mark:
                yield _Mark(8 * (start + first) + shift, mark == _END)
        if not more:
            return
        kept = min(len(window), 6)
        start, window = start + len(window) - kept, window[-kept:]
