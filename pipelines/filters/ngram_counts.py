"""Counts n-grams: lines of words in, tables of counts out, as a map (`count_*`) and a reduce (`merge_ngram_counts`).

For every line it counts the windows of `order` words that end in each of its words and in </s>, padded with <s> before the first word.
All shorter n-grams are suffixes of these windows, so counting the windows is enough.
A table has one uint32 column per word, w1 to wn, and the count n; merge_ngram_counts(count(a), count(b)) == count(a and b).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numba
import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.text.view import text_view
from pipelines.text.vocabulary import WordNumbers, word_end, word_number

UNK, BOS, EOS = 0, 1, 2
MARKS: Final = ("<unk>", "<s>", "</s>")
"""Words 0, 1 and 2 of every vocabulary."""


def word_columns(n: int) -> list[str]:
    """w1 to wn."""
    return [f"w{i}" for i in range(1, n + 1)]


def count_words(lines: pa.Array) -> pl.DataFrame:
    """(word, n) of a column as `normalise` writes it; </s> counts once per line."""
    text = pl.Series("word", lines, dtype=pl.String).to_frame().filter(pl.col("word") != "")
    words = text.select(pl.col("word").str.replace_all("\n", " </s> ", literal=True) + " </s>")
    return merge_ngram_counts([words.select(pl.col("word").str.split(" ").explode()).with_columns(n=pl.lit(1, pl.UInt64))])


def count_windows(lines: pa.Array, vocabulary: WordNumbers, order: int) -> pl.DataFrame:
    """(w1 ... w_order, n) of a column as `normalise` writes it. Words that the vocabulary lacks are <unk>."""
    data, offsets = text_view(lines)
    most = int(offsets[-1] - offsets[0]) + 2 * len(lines)
    windows = np.empty((order, most), np.uint32)
    n = _windows(data, offsets, vocabulary, windows)
    columns = dict(zip(word_columns(order), windows[:, :n], strict=True))
    return merge_ngram_counts([pl.DataFrame(columns).with_columns(n=pl.lit(1, pl.UInt64))])


def merge_ngram_counts(tables: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """The sums of the counts of equal keys, sorted by key."""
    table = pl.concat(tables)
    keys = [name for name in table.columns if name != "n"]
    return table.group_by(keys).agg(pl.col("n").sum()).sort(keys)


def adjusted_counts(counts: pl.DataFrame, order: int) -> list[pl.DataFrame]:
    """Tables of 1-grams to n-grams with the adjusted counts of Kneser and Ney, from all windows that end in some words.

    The count of an n-gram shorter than `order` is the number of different words that precede it. An n-gram that begins with <s>, which
    nothing can precede, and one of full length count as often as they occur.
    """
    names = word_columns(order)
    tables = [counts]
    ends = counts.rename({"n": "occurs"})
    for start in range(1, order):
        ends = ends.group_by(names[start:]).agg(pl.col("occurs").sum(), pl.len().cast(pl.UInt64).alias("befores"))
        n = pl.when(pl.col(names[start]) == BOS).then("occurs").otherwise("befores").alias("n")
        tables.append(ends.select(*names[start:], n))
        ends = ends.drop("befores")
    return [_whole(table) for table in reversed(tables)]


def _whole(table: pl.DataFrame) -> pl.DataFrame:
    """The rows without <s> after the first word, with columns named from w1 on, sorted."""
    names = word_columns(table.width - 1)
    table = table.rename(dict(zip(table.columns, [*names, "n"], strict=True)))
    return (table if len(names) == 1 else table.filter(pl.col("w2") != BOS)).sort(names)


@numba.njit(cache=True, nogil=True)
def _windows(data, offsets, vocabulary, windows):  # type: ignore[no-untyped-def]
    order = len(windows)
    n = 0
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        begins = True
        while at < stop:
            end = word_end(data, at, stop)
            number = word_number(data, at, end, vocabulary)
            _push(windows, n, max(number, UNK), begins, order)
            begins = False
            n += 1
            if end == stop or data[end] == 0x0A:
                _push(windows, n, EOS, False, order)
                begins = True
                n += 1
            at = end + 1
    return n


@numba.njit(cache=True, nogil=True)
def _push(windows, n, word, begins, order):  # type: ignore[no-untyped-def]
    """Write window n: the one before it moved on by one word, or <s> and the first word of a line."""
    for k in range(order - 1):
        windows[k, n] = BOS if begins else windows[k + 1, n - 1]
    windows[order - 1, n] = word
