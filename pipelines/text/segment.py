"""Joins Chinese characters into the words that jieba finds, for rules that should count words as in other languages.

jieba is Python and takes a second per megabyte, twenty times as long as a rule set, so it is never the default. Only adjacent characters
of a script without spaces are joined; other words stay as they are.
"""

from __future__ import annotations

import functools
import logging
import warnings
from collections.abc import Iterator
from typing import Protocol

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.text.hashing import SEED, add_code, finish
from pipelines.text.lines import class_of
from pipelines.text.unicode import UNSPACED, char_classes, decode
from pipelines.text.view import text_view
from pipelines.text.words import Words
from schemas.errors import RecipeError


class Segmenter(Protocol):
    """What we use of jieba."""

    def cut(self, sentence: str) -> Iterator[str]:
        """The words of a text; joined, they are the text."""


def join_chinese(words: Words, text: pa.Array, rows: npt.NDArray[np.bool_]) -> Words:
    """`words` of the large_string column `text`; in `rows` (bool[n]) the characters of a Chinese word are one word."""
    data, offsets = text_view(text)
    ends_here = np.ones(len(data) + 1, np.bool_)  # after the last byte of a word of jieba, and everywhere outside `rows`
    for row in np.flatnonzero(rows):
        ends_here[offsets[row] + 1 : offsets[row + 1]] = False
        at = offsets[row]
        for word in load_jieba().cut(text[row].as_py()):
            at += len(word.encode())
            ends_here[at] = True
    bounds = np.zeros(len(offsets), np.int64)
    joined = Words(
        bounds[:-1],
        bounds[1:],
        np.empty_like(words.starts),
        np.empty_like(words.ends),
        np.empty_like(words.lengths),
        np.empty_like(words.flags),
        np.empty_like(words.hashes),
    )
    n = _join(data, words, ends_here, char_classes(), joined)
    return joined.up_to(n)


@functools.cache
def load_jieba() -> Segmenter:
    """jieba with its dictionary, loaded once per process; RecipeError if it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about how it finds its own files
            import jieba  # noqa: PLC0415 - only recipes that ask for it need it
    except ImportError:
        raise RecipeError("CM-TEXT-005", 'filters.language.zh_words = "jieba" needs jieba; pip install jieba') from None
    jieba.setLogLevel(logging.WARNING)
    jieba.initialize()
    segmenter: Segmenter = jieba
    return segmenter


@numba.njit(cache=True, nogil=True)
def _join(data, words, ends_here, classes, joined):  # type: ignore[no-untyped-def]
    """Fill `joined`; how many words there are. data uint8[m], ends_here bool[m + 1], classes uint8[TABLE_SIZE]."""
    starts, ends, lengths, flags, hashes = joined.starts, joined.ends, joined.lengths, joined.flags, joined.hashes
    n = 0
    for row in range(len(words.firsts)):
        joins = False  # the word before is of a script without spaces, and jieba's word continues after it
        for i in range(words.firsts[row], words.lasts[row]):
            unspaced = class_of(decode(data, words.starts[i])[0], classes) & UNSPACED != 0
            if joins and unspaced and words.starts[i] == ends[n - 1]:
                ends[n - 1] = words.ends[i]
                lengths[n - 1] += words.lengths[i]
                flags[n - 1] |= words.flags[i]
                hashes[n - 1] = _hash(data, starts[n - 1], ends[n - 1])
            else:
                starts[n], ends[n], lengths[n] = words.starts[i], words.ends[i], words.lengths[i]
                flags[n], hashes[n] = words.flags[i], words.hashes[i]
                n += 1
            joins = unspaced and not ends_here[words.ends[i]]
        joined.lasts[row] = n
    return n


@numba.njit(cache=True, nogil=True)
def _hash(data, at, end):  # type: ignore[no-untyped-def]
    """As `split_words` hashes a word."""
    h = SEED
    while at < end:
        code, size = decode(data, at)
        h = add_code(h, code)
        at += size
    return finish(h)
