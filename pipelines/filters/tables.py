"""Language profiles as arrays that compiled kernels index by profile number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.filters.profiles import LanguageProfile
from pipelines.text.hashing import slot_of, table_size
from pipelines.text.words import split_words


class ProfileTables(NamedTuple):
    """Language profiles as kernels take them. Row p belongs to profile p."""

    stop_words: npt.NDArray[np.uint64]
    """[p, size]: an open-addressing table of word hashes."""
    sentence_ends: npt.NDArray[np.uint32]
    """[p, k]: code points, then zeros."""
    line_ends: npt.NDArray[np.uint32]
    """[p, k]: code points, then zeros."""
    terminal_punctuation: npt.NDArray[np.uint32]
    """[p, k]: code points, then zeros."""
    short_line_scale: npt.NDArray[np.float64]
    """[p]"""
    char_ngram: npt.NDArray[np.int64]
    """[p]"""


def profile_tables(profiles: Sequence[LanguageProfile]) -> ProfileTables:
    """The tables of the profiles, in order."""
    size = table_size(max(len(profile.stop_words) for profile in profiles))
    stop_words = np.zeros((len(profiles), size), np.uint64)
    listed = [(number, word) for number, profile in enumerate(profiles) for word in sorted(profile.stop_words)]
    words = split_words(pa.array([word for _, word in listed], pa.large_string()))
    if broken := [word for (_, word), count in zip(listed, words.counts, strict=True) if count != 1]:
        raise ValueError(f"the stop word {broken[0]!r} is not a single word")
    for (number, _), key in zip(listed, words.hashes, strict=True):
        stop_words[number, slot_of(stop_words[number], key)] = key
    return ProfileTables(
        stop_words,
        _code_points(profile.sentence_ends for profile in profiles),
        _code_points(profile.line_ends for profile in profiles),
        _code_points(profile.terminal_punctuation for profile in profiles),
        np.array([profile.short_line_scale for profile in profiles]),
        np.array([profile.char_ngram for profile in profiles]),
    )


def phrase_table(*phrases: str) -> npt.NDArray[np.uint8]:
    """uint8[n, width]: the bytes of each phrase, then zeros."""
    encoded = [phrase.encode() for phrase in phrases]
    table = np.zeros((len(encoded), max(map(len, encoded)) + 1), np.uint8)
    for row, phrase in zip(table, encoded, strict=True):
        row[: len(phrase)] = np.frombuffer(phrase, np.uint8)
    return table


def _code_points(texts: Iterable[str]) -> npt.NDArray[np.uint32]:
    rows = [[ord(char) for char in text] for text in texts]
    width = max(map(len, rows)) + 1
    return np.array([row + [0] * (width - len(row)) for row in rows], np.uint32)


@numba.njit(cache=True, nogil=True)
def is_one_of(code: int, code_points: npt.NDArray[np.uint32]) -> bool:
    """Whether a row of a table contains the code point."""
    for one in code_points:
        if one == 0:
            return False
        if one == code:
            return True
    return False
