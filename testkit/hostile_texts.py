"""Texts that are made to be slow to judge, by name: each a function from a number of bytes to a text of about that size."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final


def _repeated(part: str) -> Callable[[int], str]:
    return lambda n_bytes: part * (n_bytes // len(part.encode()))


def _different_words(n_bytes: int) -> str:
    return " ".join(f"w{number:07d}" for number in range(n_bytes // 9))


KINDS: Final[dict[str, Callable[[int], str]]] = {
    "one line": _repeated("The river rises in a shallow valley north of the quarry and runs past four villages. "),
    "one word without an end": _repeated("a"),
    "one word again and again": _repeated("word "),
    "no word twice": _different_words,
    "the same line": _repeated("This line comes again.\n"),
    "line feeds": _repeated("\n"),
    "white space": _repeated(" \t\u3000"),
    "punctuation": _repeated("!?.,;:"),
    "one punctuation mark": _repeated("."),
    "emoji": _repeated("😀👍🏽👩\u200d👩\u200d👧"),
    "control characters": _repeated("".join(map(chr, (*range(1, 32), 127, 0x85, 0x9F)))),
    "zeros": _repeated("\0"),
    "combining marks": _repeated("\u0301"),
    "zero-width joiners": _repeated("\u200d"),
    "Chinese": _repeated("这条河发源于老采石场以北的一个浅谷，流经四个村庄。"),
    "open brackets": _repeated("[1"),
    "addresses": _repeated("a://~"),
    "addresses apart": _repeated("a://.,.,.,.,.,.,.,., "),
    "joined words": _repeated("a.b@c/d'e,1"),
    "half a phrase": _repeated("use of use "),
    "unassigned": _repeated("\U000e0fff\uffff"),
}
