"""Modified Kneser-Ney n-gram models, interpolated (Chen and Goodman 1998, section 3.3), as KenLM's lmplz estimates them.

    p(w | h) = (a(hw) - D(a(hw))) / a(h.) + g(h) p(w | h'),   g(h) = (D1 N1(h) + D2 N2(h) + D3 N3(h)) / a(h.)

a: adjusted counts; a(h.): their sum over all words after h; Ni(h): how many of them are 1, 2, or 3 and more; h': h without its
first word. For 1-grams the lower model is 1 / |V|, V with <unk> and </s>. g(h) is the back-off weight in the ARPA file.
From tk, how many n-grams have adjusted count k: Y = t1 / (t1 + 2 t2), Dk = k - (k + 1) Y t(k+1) / tk.

Tables are on disk in parts by ranges of words, each of which fits into memory: sums over contexts need all n-grams with the same first
word, adjusted counts and interpolation all n-grams with the same last word.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TextIO

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pipelines.filters.ngram_counts import BOS, MARKS, UNK, adjusted_counts, count_windows, count_words, merge_ngram_counts, word_columns
from pipelines.text.view import text_view
from pipelines.text.vocabulary import WordNumbers
from schemas.errors import InputError
from schemas.files import whole_file
from schemas.recipe import NgramTraining

FALLBACK: Final = (0.5, 1.0, 1.5)
"""Discounts where the counts of counts define none, as for the few 1-grams of a small vocabulary; lmplz uses the same."""

_WINDOW_BYTES: Final = 640  # of one window of five words in all tables of a part, including sorting
_MERGE_ROWS: Final = 2_000_000
_PIECE_BYTES: Final = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class NgramEstimate:
    """The result of a training, by order from 1 on."""

    n_ngrams: tuple[int, ...]
    discounts: tuple[tuple[float, float, float], ...]
    fell_back: tuple[int, ...]
    """Orders whose discounts are FALLBACK."""


class TableParts:
    """Tables on disk, each split into parts by ranges of the words in one column."""

    def __init__(self, folder: Path, borders: npt.NDArray[np.int64]) -> None:
        """Part k holds words from `borders[k - 1]` up to `borders[k]`."""
        self.folder, self.borders = folder, borders
        self.n_pieces = 0

    def __len__(self) -> int:
        return len(self.borders) + 1

    def write(self, name: str, table: pl.DataFrame, by: str) -> None:
        """Add the rows of a table to its parts."""
        part = np.searchsorted(self.borders, table[by].to_numpy(), side="right")
        for k in np.unique(part).tolist():
            self.n_pieces += 1
            table.filter(pl.Series(part == k)).write_ipc(self.folder / f"{name}-{k:06d}-{self.n_pieces:08d}.arrow")

    def take(self, name: str, k: int) -> list[pl.DataFrame]:
        """The tables that were added to one part, whose files are deleted."""
        paths = sorted(self.folder.glob(f"{name}-{k:06d}-*.arrow"))
        tables = [pl.read_ipc(path) for path in paths]
        for path in paths:
            path.unlink()
        return tables


def train_ngram_model(columns: Callable[[], Iterable[pa.Array]], config: NgramTraining, path: Path) -> NgramEstimate:
    """Write the ARPA file of a corpus to `path`; each call of `columns` gives its text as `normalise` writes it."""
    words = _words(columns())
    if words.height == len(MARKS):
        raise InputError("CM-FILTER-022", "the files contain no words; pass other files")
    n_windows = int(words["n"].sum())
    n_parts = -(-n_windows * _WINDOW_BYTES * config.order // (5 * config.memory_mb << 20))
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        parts = TableParts(Path(folder), _borders(words["n"].to_numpy(), n_parts))
        _count(columns(), words["word"], parts, config)
        ones, estimated = _adjust(parts, config.order)
        _sum_contexts(parts, estimated.discounts)
        ones = _one_gram_model(ones, words.height - 1, estimated.discounts[0])
        _interpolate(parts, ones, config.order)
        with whole_file(path) as temporary, temporary.open("w", encoding="utf-8") as file:
            _write(parts, ones, words["word"], estimated.n_ngrams, file)
    return estimated


def discounts_of(counts_of_counts: npt.NDArray[np.int64]) -> tuple[float, float, float] | None:
    """D1, D2 and D3+ from t1 to t4; None where they are not defined or out of bounds."""
    t1, t2, t3, t4 = counts_of_counts.tolist()
    if not (t1 and t2 and t3):
        return None
    y = t1 / (t1 + 2 * t2)
    found = (1 - 2 * y * t2 / t1, 2 - 3 * y * t3 / t2, 3 - 4 * y * t4 / t3)
    return found if all(0 < d <= k for k, d in enumerate(found, 1)) else None


# --- The passes ------------------------------------------------------------------------------------------------------


def _words(columns: Iterable[pa.Array]) -> pl.DataFrame:
    """(word, n), the marks first and then by count: a word's row is its number."""
    held = [pl.DataFrame({"word": MARKS, "n": [0] * len(MARKS)}, {"word": pl.String, "n": pl.UInt64})]
    for lines in _pieces(columns):
        held.append(count_words(lines))
        if sum(table.height for table in held) > _MERGE_ROWS:
            held = [merge_ngram_counts(held)]
    words = merge_ngram_counts(held)
    is_mark = pl.col("word").is_in(MARKS)
    marks = pl.DataFrame({"word": MARKS}).join(words, on="word", maintain_order="left")
    return pl.concat([marks, words.filter(~is_mark).sort("n", "word", descending=[True, False])])


def _pieces(columns: Iterable[pa.Array]) -> Iterator[pa.Array]:
    """The same rows in columns of about _PIECE_BYTES, since counting takes many times as much memory as its text."""
    for lines in columns:
        ends = text_view(lines)[1]
        cuts = np.unique(np.searchsorted(ends, np.arange(ends[0], ends[-1], _PIECE_BYTES))).tolist()
        for start, stop in itertools.pairwise([*cuts, len(lines)]):
            yield lines[start:stop]


def _borders(counts: npt.NDArray[np.uint64], n_parts: int) -> npt.NDArray[np.int64]:
    """Words at which to cut the vocabulary into parts with about as many occurrences each."""
    reached = np.cumsum(counts)
    wanted = reached[-1] * np.arange(1, n_parts) / n_parts
    return np.unique(np.searchsorted(reached, wanted) + 1)


def _count(columns: Iterable[pa.Array], words: pl.Series, parts: TableParts, config: NgramTraining) -> None:
    """Windows by last word."""
    vocabulary = WordNumbers.of(words.to_arrow().cast(pa.large_string()))
    most = (config.memory_mb << 20) // (64 * config.order)  # 16 times their own size, for grouping and sorting
    held: list[pl.DataFrame] = []
    for lines in _pieces(columns):
        held.append(count_windows(lines, vocabulary, config.order))
        if sum(table.height for table in held) > most:
            parts.write("windows", merge_ngram_counts(held), f"w{config.order}")
            held = []
    if held:
        parts.write("windows", merge_ngram_counts(held), f"w{config.order}")


def _adjust(parts: TableParts, order: int) -> tuple[pl.DataFrame, NgramEstimate]:
    """Adjusted counts by first word; those of 1-grams are returned, <s> and <unk> among them."""
    counts_of_counts = np.zeros((order, 4), np.int64)
    n_ngrams = np.zeros(order, np.int64)
    ones = [pl.DataFrame({"w1": [UNK, BOS], "n": [0, 0]}, {"w1": pl.UInt32, "n": pl.UInt64})]
    for k in range(len(parts)):
        windows = parts.take("windows", k)
        if not windows:
            continue
        for n, table in enumerate(adjusted_counts(merge_ngram_counts(windows), order)):
            counts_of_counts[n] += np.bincount(table["n"].clip(0, 5).to_numpy().astype(np.int64), minlength=6)[1:5]
            n_ngrams[n] += table.height
            if n:
                parts.write(f"adjusted{n + 1}", table, "w1")
            else:
                ones.append(table)
    n_ngrams[0] += 2
    found = [discounts_of(counts) for counts in counts_of_counts]
    fell_back = tuple(n for n, discounts in enumerate(found, 1) if discounts is None)
    return pl.concat(ones), NgramEstimate(
        n_ngrams=tuple(n_ngrams.tolist()), discounts=tuple(discounts or FALLBACK for discounts in found), fell_back=fell_back
    )


def _discounted(table: pl.DataFrame, discounts: tuple[float, float, float], over: list[str]) -> pl.DataFrame:
    """With `own`, the n-gram's share of its context's sum, and `lower`, the context's weight of the lower model."""
    n = pl.col("n")
    discount = pl.when(n == 0).then(0.0).when(n == 1).then(discounts[0]).when(n == 2).then(discounts[1]).otherwise(discounts[2])
    kinds = [(n == 1).sum(), (n == 2).sum(), (n > 2).sum()]
    lower = kinds[0] * discounts[0] + kinds[1] * discounts[1] + kinds[2] * discounts[2]
    if not over:
        return table.select(pl.exclude("n"), own=(n - discount) / n.sum(), lower=lower / n.sum())
    sums = table.group_by(over).agg(n.sum().alias("sum"), lower.alias("taken"))
    shares = table.join(sums, on=over).with_columns(own=(n - discount) / pl.col("sum"), lower=pl.col("taken") / pl.col("sum"))
    return shares.drop("n", "sum", "taken")


def _sum_contexts(parts: TableParts, discounts: tuple[tuple[float, float, float], ...]) -> None:
    """Shares and weights by last word, and each context's weight by its first word."""
    for n in range(2, len(discounts) + 1):
        context = word_columns(n - 1)
        for k in range(len(parts)):
            tables = parts.take(f"adjusted{n}", k)
            if tables:
                shares = _discounted(pl.concat(tables), discounts[n - 1], context)
                parts.write(f"backoff{n - 1}", shares.select(*context, backoff="lower").unique(context), "w1")
                parts.write(f"shares{n}", shares, f"w{n}")


def _one_gram_model(ones: pl.DataFrame, n_words: int, discounts: tuple[float, float, float]) -> pl.DataFrame:
    """(w1, p), p(<s>) = 1, as nobody asks for it; `n_words` counts <unk> and </s> but not <s>."""
    p = pl.when(pl.col("w1") == BOS).then(1.0).otherwise(pl.col("own") + pl.col("lower") / n_words)
    return _discounted(ones, discounts, []).select("w1", p=p)


def _interpolate(parts: TableParts, ones: pl.DataFrame, order: int) -> None:
    """Probabilities, shorter n-grams first, by first word."""
    for k in range(len(parts)):
        below = ones
        for n in range(2, order + 1):
            tables = parts.take(f"shares{n}", k)
            if not tables:
                break
            names = word_columns(n)
            joined = pl.concat(tables).join(below, left_on=names[1:], right_on=names[:-1], how="left", validate="m:1")
            below = joined.select(*names, p=pl.col("own") + pl.col("lower") * pl.col("p"))
            parts.write(f"model{n}", below, "w1")


# --- The ARPA file ---------------------------------------------------------------------------------------------------


def _write(parts: TableParts, ones: pl.DataFrame, words: pl.Series, n_ngrams: tuple[int, ...], file: TextIO) -> None:
    file.write("\\data\\\n")
    file.writelines(f"ngram {n}={count}\n" for n, count in enumerate(n_ngrams, 1))
    parts.write("model1", ones, "w1")
    for n in range(1, len(n_ngrams) + 1):
        file.write(f"\n\\{n}-grams:\n")
        for section in _sections(parts, n, is_last=n == len(n_ngrams)):
            ngram = pl.concat_str([words.gather(section[name]) for name in word_columns(n)], separator=" ")
            columns = [section["p"].log10(), pl.select(ngram=ngram)["ngram"]]
            if n < len(n_ngrams):
                columns.append(section["backoff"].log10())
            pl.DataFrame(columns).write_csv(file, include_header=False, separator="\t", quote_style="never", float_precision=7)
    file.write("\n\\end\\\n")


def _sections(parts: TableParts, n: int, *, is_last: bool) -> Iterator[pl.DataFrame]:
    """(w1 ... wn, p, backoff) of each part, sorted; n-grams that are not contexts have back-off weight 1."""
    names = word_columns(n)
    for k in range(len(parts)):
        tables = parts.take(f"model{n}", k)
        if not tables:
            continue
        section = pl.concat(tables).sort(names)
        if not is_last:
            backoffs = pl.concat(parts.take(f"backoff{n}", k) or [pl.DataFrame(schema={**section.drop("p").schema, "backoff": pl.Float64})])
            section = section.join(backoffs, on=names, how="left", maintain_order="left").with_columns(pl.col("backoff").fill_null(1.0))
        yield section
