"""Numbers of words: an open-addressing table from the hash of a word's bytes to its index in a list."""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.text.hashing import hash_bytes, slot_of, table_size
from pipelines.text.view import text_view


class WordNumbers(NamedTuple):
    """The table, for `word_number` in kernels."""

    keys: npt.NDArray[np.uint64]
    """Hashes; 0 marks a free slot."""
    numbers: npt.NDArray[np.int64]
    """The number of the word in the same slot."""

    @staticmethod
    def of(words: pa.Array) -> WordNumbers:
        """The table of a large_string column of different words."""
        keys = np.zeros(table_size(len(words)), np.uint64)
        numbers = np.zeros(len(keys), np.int64)
        _fill(*text_view(words), keys, numbers)
        return WordNumbers(keys, numbers)


@numba.njit(cache=True, nogil=True)
def _fill(data, offsets, keys, numbers):  # type: ignore[no-untyped-def]
    for i in range(len(offsets) - 1):
        key = hash_bytes(data, offsets[i], offsets[i + 1])
        slot = slot_of(keys, key)
        keys[slot] = key
        numbers[slot] = i


@numba.njit(cache=True, nogil=True)
def word_number(data, start, end, words):  # type: ignore[no-untyped-def]
    """The number of the word `data[start:end]` in WordNumbers, or -1."""
    key = hash_bytes(data, start, end)
    slot = slot_of(words.keys, key)
    return words.numbers[slot] if words.keys[slot] == key else -1


@numba.njit(cache=True, nogil=True)
def word_end(data, at, end):  # type: ignore[no-untyped-def]
    """End of the word that begins at `at`, in text whose words are separated by single spaces or line feeds."""
    while at < end and data[at] != 0x20 and data[at] != 0x0A:
        at += 1
    return at
