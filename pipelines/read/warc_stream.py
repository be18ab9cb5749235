"""The decoded bytes of a WARC file as streams to search for records, with the member that each byte came from."""

from __future__ import annotations

import re
from typing import BinaryIO, Final

from pipelines.read.members import stored_parts
from pipelines.read.parts import Part, PlainPart
from pipelines.read.records import Address

RECORD_START_BYTES: Final = 32
PADDING: Final = b"\r\n\0"
_LOOK_BYTES: Final = 1 << 12
_SEARCH_BYTES: Final = 1 << 16
_RECORD_START: Final = re.compile(rb"\nWARC/\d+\.\d+[ \t]*\r?\n")
_MAX_RATIO: Final = 1 << 15  # a member decodes to less than this times its length
_BGZF: Final = re.compile(rb"\x1f\x8b\x08\x04.{8}BC", re.DOTALL)


def begins_like_warc(content: bytes) -> bool:
    """Whether the content begins with a record, after padding."""
    return content.lstrip(PADDING).startswith(b"WARC/")


class PartQueue:
    """The parts of a WARC file, in order; the next one can be inspected before it is taken."""

    def __init__(self, file: BinaryIO, name: str, max_window: int) -> None:
        self.size = file.seek(0, 2)
        self.has_records_across = False
        """Whether a record has been seen that continues from one member into the next."""
        self._stored = stored_parts(file, name, max_window, self._may_follow_damage)
        self._ahead: Part | None = None

    def _may_follow_damage(self, part: Part) -> bool:
        """A body may contain a whole gzip member, so an intact member without a record counts only in files that cut records anywhere."""
        is_cut_anywhere = self.has_records_across or _BGZF.match(part.first_bytes) is not None
        return begins_like_warc(part.head) or (is_cut_anywhere and not part.damage)

    def peek(self) -> Part | None:
        """The next part; None at the end."""
        if self._ahead is None:
            self._ahead = next(self._stored, None)
        return self._ahead

    def take(self) -> Part | None:
        """Remove and return the next part; None at the end."""
        part, self._ahead = self.peek(), None
        return part

    def continuation(self, n_missing: int) -> Part | None:
        """The next part if it may continue a record that lacks `n_missing` bytes: it begins with line ends or without a record."""
        part = self.peek()
        if part is None or (begins_like_warc(part.head) and part.head[:n_missing].strip(PADDING)):
            return None
        if not (part.head or self.has_records_across):
            return None
        self.has_records_across |= not part.damage
        return part


class Stream:
    """Decoded bytes; those from `position` on can be inspected before they are taken.

    A stream continues into the next part unless that begins with a record itself, since members may cut records anywhere.
    """

    def __init__(self, part: Part, following: PartQueue | None = None) -> None:
        self.position = 0
        self.cut_by: Part | None = None
        """The damaged part into which the stream would have continued."""
        self.reported: Part | None = None
        """That part, once a record has failed because of it and accounts for its bytes."""
        self.lacks_checksum = part.lacks_checksum
        self.n_zeros = 0
        """Zeros in the latest padding."""
        self.is_plain = isinstance(part, PlainPart)
        self._part, self._pieces, self._following = part, part.pieces(), following
        self._held = bytearray()
        self._at = 0  # index in `_held` of the byte at `position`
        self._starts = [(0, part)]  # (position at which a part begins, part)
        self._n_begun = 0  # records that have begun in the part of the latest record

    @property
    def needs_digest(self) -> bool:
        """Whether only a record's own digest can confirm it."""
        return self.lacks_checksum or self.is_plain

    @property
    def stored_bytes(self) -> int:
        """Stored bytes of the part that the latest record is in."""
        return self._starts[0][1].n_bytes

    def address(self) -> Address:
        """The address of the record that begins at `position`."""
        if self.is_plain:
            return Address(self.position)
        while len(self._starts) > 1 and self._starts[1][0] <= self.position:
            del self._starts[0]
            self._n_begun = 0
        self._n_begun += 1
        return Address(self._starts[0][1].offset, self._n_begun - 1)

    def fill(self, n_bytes: int, *, within: bool = False) -> int:
        """Hold `n_bytes`, or all that are left (`within`: of the current part); returns how many are held."""
        while len(self._held) - self._at < n_bytes:
            piece = next(self._pieces, b"")
            if piece:
                if self._at > len(self._held) // 2:
                    del self._held[: self._at]
                    self._at = 0
                self._held += piece
            elif within or not self._continue(n_bytes - len(self._held) + self._at):
                break
        return len(self._held) - self._at

    def _continue(self, n_missing: int) -> bool:
        part = self._following.continuation(n_missing) if self._following else None
        if part is None or part.damage:
            self.cut_by = part
            return False
        self._starts.append((self.position + len(self._held) - self._at, part))
        self._pieces = part.pieces()
        self.lacks_checksum |= part.lacks_checksum
        self._following.take()  # type: ignore[union-attr]
        return True

    def peek(self, n_bytes: int, skip: int = 0) -> bytes:
        """Up to `n_bytes` of the held bytes, without taking them."""
        start = self._at + skip
        return bytes(memoryview(self._held)[start : start + n_bytes])

    def drop(self, n_bytes: int) -> None:
        """Skip held bytes."""
        self._at += n_bytes
        self.position += n_bytes

    def drop_padding(self) -> bool:
        """Skip the padding in the current part; returns whether anything is left of the part."""
        self.n_zeros = 0
        while self.fill(1, within=True):
            piece = self.peek(_LOOK_BYTES)
            rest = piece.lstrip(PADDING)
            self.drop(len(piece) - len(rest))
            self.n_zeros += piece.count(0, 0, len(piece) - len(rest))
            if rest:
                return True
        return False

    def is_at_record(self) -> bool:
        """Whether a record begins at `position`."""
        self.fill(RECORD_START_BYTES)
        return _RECORD_START.match(b"\n" + self.peek(RECORD_START_BYTES)) is not None

    def find_record(self) -> bool:
        """Skip everything before the next line `WARC/1.x`; returns whether there is one."""
        while self.fill(RECORD_START_BYTES):
            window = self.peek(_SEARCH_BYTES)
            if found := _RECORD_START.search(window):
                self.drop(found.start() + 1)
                return True
            if self.fill(len(window) + 1) == len(window):
                self.drop(len(window))
            else:
                self.drop(max(1, len(window) - RECORD_START_BYTES))
        return False

    def skip_block(self, n_bytes: int) -> bool:
        """Skip a block that is too large to hold; False if no record can end there.

        In that case nothing is skipped in a plain file, but in a member the skipped bytes are lost.
        """
        end = self.position + n_bytes
        if isinstance(self._part, PlainPart):
            return self._seek(self._part, end)
        if self._following and n_bytes > _MAX_RATIO * self._following.size:
            return False
        while self.position < end:
            held = self.fill(1)
            if not held:
                return False
            self.drop(min(held, end - self.position))
        return True

    def _seek(self, plain: PlainPart, end: int) -> bool:
        back = plain.file.tell()
        plain.file.seek(min(end, plain.end))
        after = plain.file.read(RECORD_START_BYTES)
        if end > plain.end or not (begins_like_warc(after) or not after.strip(PADDING)):
            plain.file.seek(back)
            return False
        plain.file.seek(end)
        self._held.clear()
        self._at, self.position = 0, end
        return True
