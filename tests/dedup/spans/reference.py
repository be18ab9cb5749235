"""The slow, obvious versions that the kernels on spans are compared with."""

from __future__ import annotations

from collections.abc import Iterable

import pyarrow as pa

from pipelines.text.fold import WORD
from pipelines.text.words import split_on_space
from tests.dedup.reference import compared

Span = tuple[int, int]


def normal(text: str) -> str:
    """What is compared of it, single spaces; "" without a letter or digit."""
    found = compared(text)
    return " ".join("".join(fold for _, fold in found).split()) if any(kind & WORD and fold for kind, fold in found) else ""


def lines(text: str) -> list[tuple[str, Span]]:
    """(what is compared, bytes) of each line."""
    found, at = [], 0
    for line in text.splitlines(keepends=True):
        bare = line.splitlines()[0]
        if normal(bare):
            found.append((normal(bare), (at, at + len(bare.encode()))))
        at += len(line.encode())
    return found


def windows(text: str, k: int) -> list[tuple[str, Span]]:
    """(bytes as text, where) of every window of k words."""
    data = text.encode()
    words = split_on_space(pa.array([text], pa.large_string()))
    spans = [(int(words.starts[i]), int(words.ends[i + k - 1])) for i in range(len(words.starts) - k + 1)]
    return [(data[start:end].decode(), (start, end)) for start, end in spans]


def words(text: str) -> set[str]:
    """The different words."""
    return {key for key, _ in windows(text, 1)}


def cut_bytes(documents: list[list[tuple[str, Span]]]) -> list[set[int]]:
    """The bytes cut from each document, in the order of ranks: those in a unit that came before and in no first one of repeated units."""
    first: dict[str, tuple[int, Span]] = {}
    cut: list[set[int]] = [set() for _ in documents]
    kept: list[set[int]] = [set() for _ in documents]
    for number, units in enumerate(documents):
        for key, (start, end) in units:
            if key in first:
                cut[number] |= set(range(start, end))
                holder, (begin, stop) = first[key]
                kept[holder] |= set(range(begin, stop))
            else:
                first[key] = (number, (start, end))
    return [bytes_ - stay for bytes_, stay in zip(cut, kept, strict=True)]


def without(text: str, cut: Iterable[int]) -> str:
    """The text without those bytes, before white space is tidied."""
    gone = set(cut)
    return bytes(byte for at, byte in enumerate(text.encode()) if at not in gone).decode()
