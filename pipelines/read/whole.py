"""A whole file in memory, decompressed."""

from __future__ import annotations

from pathlib import Path

from pipelines.read.members import stored_parts
from pipelines.read.records import Rejected, unread_part


def whole_content(path: Path) -> bytes:
    """The content of a file; Rejected with a reason if any part of it is damaged."""
    pieces: list[bytes] = []
    with path.open("rb") as file:
        for part in stored_parts(file, path.name):
            if part.damage:
                raise Rejected(unread_part(part))
            pieces += part.pieces()
    return b"".join(pieces)
