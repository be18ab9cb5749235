"""Counts listed words in a text column, in one linear pass for all words at once (Aho and Corasick 1975).

Text is compared without case, width and invisible characters; a run of white space is one space. A listed word counts if it begins and
ends at borders of words. In scripts without spaces every character is a word, so in Chinese, Japanese or Thai a listed word is found
anywhere, and in a script with spaces only as whole words. A combining mark belongs to the character before it.
"""

from __future__ import annotations

import enum
import functools
import unicodedata
from collections.abc import Sequence
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.text.hashing import finish, slot_of, table_size
from pipelines.text.lines import class_of
from pipelines.text.lists import all_lines
from pipelines.text.unicode import LETTER, MARK, NUMBER, TABLE_SIZE, UNSPACED, char_classes, decode
from pipelines.text.view import text_view
from schemas.files import cached_by_file

_WORD: Final = LETTER | NUMBER | MARK
_BLANK: Final = 0x20
_CODE_BITS: Final = np.uint64(32)


class WordAutomaton(NamedTuple):
    """An automaton for kernels: state 0 is the start, every other state a beginning of a listed word."""

    keys: npt.NDArray[np.uint64]
    """Open-addressing table of (state, code point)."""
    targets: npt.NDArray[np.int32]
    """The state that each key leads to."""
    fallback: npt.NDArray[np.int32]
    """By state, the state of its longest proper suffix."""
    shorter: npt.NDArray[np.int32]
    """By state, the next suffix that is a listed word, or 0."""
    lengths: npt.NDArray[np.int32]
    """By state, the number of code points of the listed word that ends there, or 0."""


class ListedCount(enum.IntEnum):
    """Rows of what `count_listed` counts."""

    PLACES = 0
    LISTED_WORDS = 1
    WORDS = 2


class _Scratch(NamedTuple):
    """Memory for one row."""

    codes: npt.NDArray[np.uint32]
    """Folded code points."""
    borders: npt.NDArray[np.bool_]
    """Whether a border of words comes before each code point and after the last."""
    found: npt.NDArray[np.int32]
    """By code point, the code points of the listed word that ends there, 0 for none."""


@cached_by_file
def read_list(path: str, allow: tuple[str, ...], where: str) -> WordAutomaton:
    """The list in a file, one word or phrase a line in UTF-8, without those in `allow`; empty lines and comments after # are ignored."""
    lines = all_lines(path, where, "words")
    return compile_list([line for line in lines if not line.startswith("#")], allow)


def compile_list(words: Sequence[str], allow: Sequence[str] = ()) -> WordAutomaton:
    """The automaton of the words, folded as text is. Words that fold to nothing are ignored."""
    listed = sorted(set(_folded(words)) - set(_folded(allow)) - {()})
    children: list[dict[int, int]] = [{}]
    lengths = [0]
    for word in listed:
        state = 0
        for code in word:
            if code not in children[state]:
                children[state][code] = len(children)
                children.append({})
                lengths.append(0)
            state = children[state][code]
        lengths[state] = len(word)
    fallback, shorter = _links(children, lengths)
    n = sum(map(len, children))
    keys, targets = np.zeros(table_size(n), np.uint64), np.zeros(table_size(n), np.int32)
    edges = np.array([(s, code, target) for s, child in enumerate(children) for code, target in child.items()], np.int64).reshape(-1, 3)
    _fill(edges, keys, targets)
    return WordAutomaton(keys, targets, *(np.array(column, np.int32) for column in (fallback, shorter, lengths)))


def count_listed(text: pa.Array, words: WordAutomaton) -> npt.NDArray[np.int64]:
    """int64[ListedCount, n]: places of listed words that do not overlap, the words in them, all words.

    Of words that overlap the last one counts, and of those that end together the longest.
    """
    data, offsets = text_view(text)
    longest = int(np.diff(offsets).max(initial=0))
    scratch = _Scratch(np.empty(longest, np.uint32), np.empty(longest + 1, np.bool_), np.empty(longest, np.int32))
    out = np.zeros((len(ListedCount), len(text)), np.int64)
    _count(data, offsets, char_classes(), fold(), words, scratch, out)
    return out


@functools.cache
def fold() -> npt.NDArray[np.uint32]:
    """uint32[TABLE_SIZE]: each code point without case and width; 0 where it is invisible, a space where it is white space.

    Accents stay: año is not ano. A character that would become several stays as it is.
    """
    table = np.arange(TABLE_SIZE, dtype=np.uint32)
    for code in range(TABLE_SIZE):
        char = chr(code)
        if char.isspace():
            table[code] = _BLANK
        elif unicodedata.category(char) in ("Cf", "Cc", "Cs") or 0xFE00 <= code <= 0xFE0F:
            table[code] = 0
        else:
            wide = unicodedata.normalize("NFKC", char)
            plain = (wide if len(wide) == 1 else char).casefold()
            table[code] = ord(plain) if len(plain) == 1 else code
    return table


def _folded(words: Sequence[str]) -> list[tuple[int, ...]]:
    found = []
    for word in words:
        data, offsets = text_view(pa.array([unicodedata.normalize("NFC", word.strip())], pa.large_string()))
        codes, borders = np.empty(len(data), np.uint32), np.empty(len(data) + 1, np.bool_)
        n, _ = _fold(data, offsets[0], offsets[1], char_classes(), fold(), codes, borders)
        found.append(tuple(codes[:n].tolist()))
    return found


def _links(children: list[dict[int, int]], lengths: list[int]) -> tuple[list[int], list[int]]:
    """(fallback, shorter) of every state, from the shortest states on."""
    fallback, shorter = [0] * len(children), [0] * len(children)
    queue = [0]
    for state in queue:
        for code, target in children[state].items():
            back = fallback[state]
            while back and code not in children[back]:
                back = fallback[back]
            fallback[target] = children[back].get(code, 0) if state else 0
            shorter[target] = fallback[target] if lengths[fallback[target]] else shorter[fallback[target]]
            queue.append(target)
    return fallback, shorter


@numba.njit(cache=True, nogil=True)
def _key(state, code):  # type: ignore[no-untyped-def]
    return finish((np.uint64(state) << _CODE_BITS) | np.uint64(code))


@numba.njit(cache=True, nogil=True)
def _fill(edges, keys, targets):  # type: ignore[no-untyped-def]
    for state, code, target in edges:
        key = _key(state, code)
        slot = slot_of(keys, key)
        keys[slot] = key
        targets[slot] = target


@numba.njit(cache=True, nogil=True)
def _fold(data, at, stop, classes, folded, codes, borders):  # type: ignore[no-untyped-def]
    """(characters, words): writes the folded code points, and whether a border of words comes before each and after the last."""
    n = n_words = before = 0
    while at < stop:
        code, size = decode(data, at)
        at += size
        if code < TABLE_SIZE:
            code = int(folded[code])
        if code == 0 or (code == _BLANK and n and codes[n - 1] == _BLANK):
            continue
        bits = class_of(code, classes)
        glued = before & _WORD and (bits & MARK or (bits & _WORD and not (before | bits) & UNSPACED))
        borders[n] = not glued
        n_words += bits & _WORD != 0 and not glued
        codes[n] = code
        before = bits
        n += 1
    borders[n] = True
    return n, n_words


@numba.njit(cache=True, nogil=True)
def _step(state, code, words):  # type: ignore[no-untyped-def]
    while True:
        key = _key(state, code)
        slot = slot_of(words.keys, key)
        if words.keys[slot] == key:
            return words.targets[slot]
        if state == 0:
            return 0
        state = words.fallback[state]


@numba.njit(cache=True, nogil=True)
def _count(data, offsets, classes, folded, words, scratch, out):  # type: ignore[no-untyped-def]
    """data uint8[m], offsets int64[n + 1], classes uint8 and folded uint32[TABLE_SIZE]; writes int64[ListedCount, n]."""
    codes, borders, found = scratch
    lengths = words.lengths
    for row in range(len(offsets) - 1):
        n, out[ListedCount.WORDS, row] = _fold(data, offsets[row], offsets[row + 1], classes, folded, codes, borders)
        state = 0
        for i in range(n):
            state = int(_step(state, codes[i], words))
            found[i] = 0
            word = state if borders[i + 1] else 0
            while word and not found[i]:
                if lengths[word] and borders[i + 1 - lengths[word]]:
                    found[i] = lengths[word]
                word = int(words.shorter[word])
        i = n - 1
        while i >= 0:
            if not found[i]:
                i -= 1
                continue
            out[ListedCount.PLACES, row] += 1
            size = found[i]
            for _ in range(size):
                out[ListedCount.LISTED_WORDS, row] += borders[i] and class_of(codes[i], classes) & _WORD != 0
                i -= 1
