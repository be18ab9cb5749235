"""A stretch of a stored file that counts as intact or damaged as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, Final

from pipelines.read.decoders import Damaged

PIECE_BYTES: Final = 1 << 20
HOLD_BYTES: Final = 1 << 24
MAX_PADDING_BYTES: Final = 1 << 16
"""Longer runs of zeros are a hole in the file, not padding."""
_HEAD_BYTES: Final = 1 << 16


class Part:
    """A stretch of a file, damaged if `damage` is set. Bytes outside of all members are a part without content."""

    lacks_checksum = False
    """Whether it is compressed without a checksum, so that damage may go unnoticed."""

    def __init__(self, offset: int, end: int, damage: Damaged | None = None) -> None:
        self.offset, self.end, self.damage = offset, end, damage
        self.head = b""
        """The first bytes of the content."""
        self.first_bytes = b""
        """The first bytes as stored."""
        self.content_bytes = end - offset
        """Bytes of the content, once it has been decoded."""

    @property
    def n_bytes(self) -> int:
        """Bytes of the file as stored."""
        return self.end - self.offset

    def stored_bytes(self, n_decoded: int) -> int:
        """About how many stored bytes `n_decoded` bytes of the content take."""
        return min(self.n_bytes, n_decoded * self.n_bytes // max(1, self.content_bytes))

    def pieces(self) -> Iterator[bytes]:
        """The content piece by piece, as far as it decodes."""
        return iter(())


class CheckedPart(Part):
    """A part that is decoded to its end on creation, so that its damage is known before its content is used."""

    def __init__(self, offset: int, end: int) -> None:
        super().__init__(offset, end)
        self._held: list[bytes] | None = []

    def check(self) -> None:
        """Decode everything. This sets `damage`, `head` and, for an intact part, `end`."""
        n_bytes = 0
        try:
            for piece in self.decode():
                if len(self.head) < _HEAD_BYTES:
                    self.head += piece[: _HEAD_BYTES - len(self.head)]
                n_bytes += len(piece)
                if self._held is not None:
                    self._held.append(piece)
                    if n_bytes > HOLD_BYTES:
                        self._held = None
        except Damaged as damage:
            self.damage = damage
        self.content_bytes = n_bytes

    def pieces(self) -> Iterator[bytes]:
        """The content piece by piece, as far as it decodes."""
        held, self._held = self._held, None
        if held is None:
            with suppress(Damaged):
                yield from self.decode()
        else:
            held.reverse()
            while held:
                yield held.pop()

    def decode(self) -> Iterator[bytes]:
        """The content from its start; raises Damaged at the first damage."""
        raise NotImplementedError


class PlainPart(Part):
    """A file that is not compressed."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(0, file.seek(0, 2))
        file.seek(0)
        self.file = file
        self.head = file.read(_HEAD_BYTES)

    def pieces(self) -> Iterator[bytes]:
        self.file.seek(0)
        while piece := self.file.read(PIECE_BYTES):
            yield piece
