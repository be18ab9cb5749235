"""Decoded bytes of a WARC file as streams in which records are looked for, each byte with the member that it came from."""

from __future__ import annotations

import re
from typing import BinaryIO, Final

from pipelines.read.members import parts
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
    """Whether a record begins here, after padding."""
    return content.lstrip(PADDING).startswith(b"WARC/")


class PartQueue:
    """The parts of a WARC file, of which the next one can be looked at before it is taken."""

    def __init__(self, file: BinaryIO, name: str, max_window: int) -> None:
        self.size = file.seek(0, 2)
        self.has_records_across = False
        """Whether a record has been seen that goes on from one member into the next."""
        self._stored = parts(file, name, max_window, self._may_follow_damage)
        self._ahead: Part | None = None

    def _may_follow_damage(self, part: Part) -> bool:
        """A body may hold a whole gzip member, so what is intact is only taken where records are cut anywhere."""
        is_cut_anywhere = self.has_records_across or _BGZF.match(part.first_bytes) is not None
        return begins_like_warc(part.head) or (is_cut_anywhere and not part.damage)

    def peek(self) -> Part | None:
        """The next part, None at the end."""
        if self._ahead is None:
            self._ahead = next(self._stored, None)
        return self._ahead

    def take(self) -> Part | None:
        """The next part, which is gone then."""
        part, self._ahead = self.peek(), None
        return part

    def continuation(self, n_missing: int) -> Part | None:
        """The next part if a record that lacks so many bytes may go on in it: it begins with the record's line ends or with no record."""
        part = self.peek()
        if part is None or (begins_like_warc(part.head) and part.head[:n_missing].strip(PADDING)):
            return None
        if not (part.head or self.has_records_across):
            return None
        self.has_records_across |= not part.damage
        return part


class Stream:
    """Decoded bytes, of which those from `position` on can be looked at before they are taken.

    A stream goes on into the next part only if that does not begin with a record itself: records may be cut into members anywhere.
    """

    def __init__(self, part: Part, following: PartQueue | None = None) -> None:
        self.position = 0
        self.cut_by: Part | None = None
        """The damaged part into which the stream would have gone on."""
        self.told: Part | None = None
        """That part, once a record has failed because of it."""
        self.lacks_checksum = part.lacks_checksum
        self.n_zeros = 0
        """How many zeros the latest padding held."""
        self.is_plain = isinstance(part, PlainPart)
        self._part, self._pieces, self._following = part, part.pieces(), following
        self._held = bytearray()
        self._at = 0  # what is held begins at `position` here
        self._starts = [(0, part)]  # where in the stream its parts begin
        self._n_begun = 0  # records that have begun in the part of the latest one

    @property
    def needs_digest(self) -> bool:
        """Whether nothing but a record's own digest can confirm it."""
        return self.lacks_checksum or self.is_plain

    @property
    def stored_bytes(self) -> int:
        """Bytes of the file that the part of the latest record takes."""
        return self._starts[0][1].n_bytes

    def address(self) -> Address:
        """Where the record that begins at `position` is found."""
        if self.is_plain:
            return Address(self.position)
        while len(self._starts) > 1 and self._starts[1][0] <= self.position:
            del self._starts[0]
            self._n_begun = 0
        self._n_begun += 1
        return Address(self._starts[0][1].offset, self._n_begun - 1)

    def fill(self, n_bytes: int, *, within: bool = False) -> int:
        """Hold `n_bytes` if there are so many (`within` the present part); returns how many are held."""
        while len(self._held) - self._at < n_bytes:
            piece = next(self._pieces, b"")
            if piece:
                if self._at > len(self._held) // 2:
                    del self._held[: self._at]
                    self._at = 0
                self._held += piece
            elif within or not self._go_on(n_bytes - len(self._held) + self._at):
                break
        return len(self._held) - self._at

    def _go_on(self, n_missing: int) -> bool:
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
        """Up to `n_bytes` held ones, without taking them."""
        start = self._at + skip
        return bytes(memoryview(self._held)[start : start + n_bytes])

    def drop(self, n_bytes: int) -> None:
        """Pass over held bytes."""
        self._at += n_bytes
        self.position += n_bytes

    def drop_padding(self) -> bool:
        """Pass over all padding of the present part; returns whether anything is left of it."""
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
        """Pass over everything before the next line `WARC/1.x`; returns whether there is one."""
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
        """Pass over a block that is too large to be held; False if no record can end there.

        In a plain file nothing is passed over then; in a member what was passed over is lost.
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
