"""Chinese characters put together to the words that jieba finds, for rules that should count words as in other languages.

jieba is Python and takes a second for a megabyte, twenty times as long as a rule set takes, so this is asked for and never the
default. Only neighbouring characters of a script without spaces are joined: other words stay as they are.
"""

from __future__ import annotations

import functools
import logging
import warnings
from typing import Any

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


def join_chinese(words: Words, text: pa.Array, rows: npt.NDArray[np.bool_]) -> Words:
    """`words` of the large_string column `text`, in `rows` (bool per row) with the characters of a Chinese word as one word."""
    data, offsets = text_view(text)
    ends_here = np.ones(len(data) + 1, np.bool_)  # at the byte behind a word of jieba, and everywhere outside `rows`
    for row in np.flatnonzero(rows):
        ends_here[offsets[row] + 1 : offsets[row + 1]] = False
        at = offsets[row]
        for word in load_jieba().cut(text[row].as_py()):
            at += len(word.encode())
            ends_here[at] = True
    n = len(words.starts)
    starts, ends, lengths = np.empty(n, np.int64), np.empty(n, np.int64), np.empty(n, np.uint32)
    flags, hashes = np.empty(n, np.uint8), np.empty(n, np.uint64)
    bounds = np.zeros(len(offsets), np.int64)
    given = (words.firsts, words.lasts, words.starts, words.ends, words.lengths, words.flags, words.hashes)
    n = _join(data, *given, ends_here, char_classes(), starts, ends, lengths, flags, hashes, bounds)
    return Words(bounds[:-1], bounds[1:], starts[:n], ends[:n], lengths[:n], flags[:n], hashes[:n])


@functools.cache
def load_jieba() -> Any:
    """jieba with its dictionary, loaded once per process; RecipeError if it is not installed."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of how it finds its own files
            import jieba  # noqa: PLC0415 - a recipe that does not ask for it does not need it
    except ImportError:
        raise RecipeError('filters.language.zh_words = "jieba": jieba is not installed; pip install jieba') from None
    jieba.setLogLevel(logging.WARNING)
    jieba.initialize()
    return jieba


@numba.njit(cache=True, nogil=True)
def _join(  # type: ignore[no-untyped-def]
    data,
    firsts,
    lasts,
    old_starts,
    old_ends,
    old_lengths,
    old_flags,
    old_hashes,
    ends_here,
    classes,
    starts,
    ends,
    lengths,
    flags,
    hashes,
    bounds,
):
    n = 0
    for row in range(len(firsts)):
        joins = False  # the word before is of a script without spaces and jieba's word goes on behind it
        for i in range(firsts[row], lasts[row]):
            unspaced = class_of(decode(data, old_starts[i])[0], classes) & UNSPACED != 0
            if joins and unspaced and old_starts[i] == ends[n - 1]:
                ends[n - 1] = old_ends[i]
                lengths[n - 1] += old_lengths[i]
                flags[n - 1] |= old_flags[i]
                hashes[n - 1] = _hash(data, starts[n - 1], ends[n - 1])
            else:
                starts[n], ends[n], lengths[n] = old_starts[i], old_ends[i], old_lengths[i]
                flags[n], hashes[n] = old_flags[i], old_hashes[i]
                n += 1
            joins = unspaced and not ends_here[old_ends[i]]
        bounds[row + 1] = n
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
