"""Damage to stored bytes, with the numbers of the records that it may have reached."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import Final

from testkit.fuzz.files import File

HOWS: Final = ("flip", "cut", "junk", "zeros", "swap", "move", "length")
_BESIDE: Final = 40
"""Bytes beside a plain record by which a reader knows that it ends there."""


@dataclass(frozen=True, slots=True)
class Damaged:
    """A file's bytes after damage."""

    stored: bytes
    how: tuple[str, ...]
    reached: frozenset[int]
    """Numbers of the records that may be gone or, without a checksum, changed."""


def damaged(file: File, draw: random.Random) -> Damaged:
    """The file with one to three kinds of damage to some of its stretches, each to one of its own."""
    parts = [stretch.stored for stretch in file.stretches]
    chosen = draw.sample(range(len(parts)), min(len(parts), draw.choice([1, 1, 1, 2, 3])))
    reached: set[int] = set()
    done = []
    moves = False
    for at in chosen:
        how = draw.choice(HOWS)
        if how == "move":
            moves |= file.is_movable
            done.append(how if file.is_movable else "nothing")
            continue
        parts[at], start, end = _change(parts[at], how, draw)
        done.append(how)
        reached |= file.stretches[at].records
        if file.is_plain and start < _BESIDE and at:
            reached |= file.stretches[at - 1].records
        if file.is_plain and end > len(file.stretches[at].stored) - _BESIDE and at + 1 < len(parts):
            reached |= file.stretches[at + 1].records
        if file.is_addressed and len(parts[at]) != len(file.stretches[at].stored):
            reached |= set(range(len(file.records)))
    if moves:
        draw.shuffle(parts)
    return Damaged(b"".join(parts), tuple(done), frozenset(reached))


def _change(stored: bytes, how: str, draw: random.Random) -> tuple[bytes, int, int]:
    """(the bytes after damage, where it begins and ends in them as they were); a first byte always stays, so that damage shows."""
    n = len(stored)
    start = draw.randrange(1, n) if n > 1 else 0
    end = min(n, start + draw.choice([1, 4, 50, 1000]))
    if how == "flip":
        return stored[:start] + bytes([stored[start] ^ 1 << draw.randrange(8)]) + stored[start + 1 :], start, start + 1
    if how == "cut":
        end = draw.choice([end, n])
        return stored[:start] + stored[end:], start, end
    if how == "junk":
        junk = draw.randbytes(draw.choice([1, 8, 200])) if draw.random() < 0.7 else stored[: draw.randint(1, n)]
        return stored[:start] + junk + stored[start:], start, start
    if how == "zeros":
        return stored[:start] + bytes(end - start) + stored[end:], start, end
    if how == "swap":
        middle = (start + end) // 2
        return stored[:start] + stored[middle:end] + stored[start:middle] + stored[end:], start, end
    return _with_other_length(stored, draw)


def _with_other_length(stored: bytes, draw: random.Random) -> tuple[bytes, int, int]:
    """Another number where a header states a length, else in the last four bytes, where gzip has its own."""
    stated = [*re.finditer(rb"Content-Length: (\d+)|\r\n([0-9a-f]+)\r\n", stored)]
    if stated:
        start, end = draw.choice(stated).span()
        number = b"%d" % draw.choice([0, 1, 7, 10**6, 10**18])
        return stored[: start + 2] + stored[start + 2 : end].rstrip(b"0123456789abcdef\r\n") + number + b"\r\n" + stored[end:], start, end
    start = max(0, len(stored) - 4)
    return stored[:start] + draw.randbytes(len(stored) - start), start, len(stored)
