"""A stretch of a stored file, which is believed or not as a whole."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, Final

from pipelines.read.decoders import Damaged

PIECE_BYTES: Final = 1 << 20
HOLD_BYTES: Final = 1 << 24
MAX_PADDING_BYTES: Final = 1 << 16
"""More zeros than that are a hole where something was."""
_HEAD_BYTES: Final = 1 << 16


class Part:
    """A stretch of a file; `damage` says why nothing in it is believed. Bytes that belong to no member are a part without content."""

    lacks_checksum = False
    """Whether it is compressed without a checksum, so that it is believed for want of one."""

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
        """How many bytes of the file so many of the content take, about."""
        return min(self.n_bytes, n_decoded * self.n_bytes // max(1, self.content_bytes))

    def pieces(self) -> Iterator[bytes]:
        """The content piece by piece, as far as it can be decoded."""
        return iter(())


class CheckedPart(Part):
    """A part that is decoded to its end as soon as it is made."""

    def __init__(self, offset: int, end: int) -> None:
        super().__init__(offset, end)
        self._held: list[bytes] | None = []

    def check(self) -> None:
        """Decode everything; after that `damage`, `head` and, of an intact part, `end` are known."""
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
        """The content piece by piece, as far as it can be decoded."""
        held, self._held = self._held, None
        if held is None:
            with suppress(Damaged):
                yield from self.decode()
        else:
            held.reverse()
            while held:
                yield held.pop()

    def decode(self) -> Iterator[bytes]:
        """The content from its start; Damaged where that fails."""
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
