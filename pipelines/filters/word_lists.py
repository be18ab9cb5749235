"""Lists of words and phrases by language, and the share of a text's words that belong to one of them.

Case is ignored. A phrase matches where its words follow one another without punctuation between them. In scripts without spaces every
character is a word, so a listed word matches anywhere. Of several phrases that begin at the same word the longest counts, and the search
continues after it.
"""

from __future__ import annotations

from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.text.hashing import append_hash, slot_of, table_size
from pipelines.text.labels import code_of
from pipelines.text.lists import read_lines
from pipelines.text.words import HAS_LETTER, PUNCTUATION_ONLY, split_words
from schemas.files import cached_by_file


class PhraseTable(NamedTuple):
    """For the kernel: open-addressing tables of hashes."""

    phrases: npt.NDArray[np.uint64]
    beginnings: npt.NDArray[np.uint64]
    """The first words of the phrases."""
    longest: int
    """The number of words of the longest phrase."""


def listed_word_shares(text: pa.Array, lang: pa.Array, paths: dict[str, str], key: str) -> npt.NDArray[np.float64]:
    """float64[n] of a large_string column: the share of its words that its language's list contains, NaN without a list.

    Words have at least one letter, as in ROOTS; a text without words has 0. RecipeError names a file that cannot be read, and `key`, the
    setting that names it.
    """
    out = np.full(len(text), np.nan)
    encoded = lang.dictionary_encode()
    rows_of = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    for number, label in enumerate(encoded.dictionary.to_pylist()):
        path = paths.get(label, paths.get(code_of(label)))
        if path is None:
            continue
        listed, rows = read_word_list(path, key), np.flatnonzero(rows_of == number)
        words = split_words(pc.utf8_lower(text.take(pa.array(rows))))
        out[rows] = _shares(words, listed)
    return out


@cached_by_file
def read_word_list(path: str, key: str) -> PhraseTable:
    """The list in the file, one word or phrase a line; empty lines and those that begin with # are ignored."""
    entries = [line.lower() for _, line in read_lines(path, key, "words")]
    words = split_words(pa.array(entries, pa.large_string()))
    phrases, beginnings = set(), set()
    longest = 0
    for first, last in zip(words.firsts.tolist(), words.lasts.tolist(), strict=True):
        if first == last or (words.flags[first:last] & PUNCTUATION_ONLY).any():
            continue  # a phrase with punctuation never matches
        phrase = words.hashes[first]
        for word in words.hashes[first + 1 : last]:
            phrase = np.uint64(append_hash(phrase, word))
        phrases.add(int(phrase))
        beginnings.add(int(words.hashes[first]))
        longest = max(longest, last - first)
    return PhraseTable(_hash_table(phrases), _hash_table(beginnings), longest)


def _hash_table(keys: set[int]) -> npt.NDArray[np.uint64]:
    table = np.zeros(table_size(len(keys)), np.uint64)
    for key in sorted(keys):
        table[slot_of(table, np.uint64(key))] = key
    table.flags.writeable = False
    return table


@numba.njit(cache=True, nogil=True)
def _shares(words, listed):  # type: ignore[no-untyped-def]
    hashes, flags, firsts, lasts = words.hashes, words.flags, words.firsts, words.lasts
    phrases, beginnings, longest = listed
    out = np.zeros(len(firsts))
    for row in range(len(firsts)):
        n_words = n_listed = 0
        i, last = firsts[row], lasts[row]
        while i < last:
            if flags[i] & PUNCTUATION_ONLY:
                i += 1
                continue
            found = 0
            phrase = hashes[i]
            if beginnings[slot_of(beginnings, phrase)] == phrase:
                for k in range(longest):
                    if k:
                        if i + k >= last or flags[i + k] & PUNCTUATION_ONLY:
                            break
                        phrase = append_hash(phrase, hashes[i + k])
                    if phrases[slot_of(phrases, phrase)] == phrase:
                        found = k + 1
            n_listed += found
            n_words += found if found else flags[i] & HAS_LETTER != 0
            i += max(found, 1)
        if n_words:
            out[row] = n_listed / n_words
    return out
