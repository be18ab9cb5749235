"""Perplexity under an n-gram model in ARPA format, as KenLM queries it, and CCNet's buckets.

Each line is a sentence between <s> and </s>. The perplexity of a text is 10^(-sum of log10 p / number of words), each </s> counted as
a word, as in CCNet (arXiv 1911.00359). A word that the model lacks is <unk>.
"""

from __future__ import annotations

import mmap
import re
from pathlib import Path
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pipelines.filters.ngram_counts import MARKS
from pipelines.text.hashing import append_hash, hash_bytes, slot_of, table_size
from pipelines.text.view import text_view
from pipelines.text.vocabulary import word_end
from schemas.errors import ModelError
from schemas.files import cached_by_file

_NO_UNK: Final = -100.0  # log10 of the probability of <unk> where a model gives none, as in KenLM
_ZERO: Final = np.uint64(0)
REMEDY: Final = "`python run_pipeline.py train-ngrams` makes such a file"

Floats = npt.NDArray[np.float64]


class NgramModel(NamedTuple):
    """N-grams of all orders in one open-addressing table, for kernels."""

    order: int
    keys: npt.NDArray[np.uint64]
    log_p: npt.NDArray[np.float32]
    backoff: npt.NDArray[np.float32]
    """log10 both."""
    marks: npt.NDArray[np.uint64]
    """Hashes of <unk>, <s> and </s>."""


def perplexity(lines: pa.Array, model: NgramModel) -> Floats:
    """float64 per row of a column as `normalise` writes it; NaN for a row without words."""
    data, offsets = text_view(lines)
    out = np.full(len(lines), np.nan)
    _perplexity(data, offsets, model, out)
    return out


# --- Loading ---------------------------------------------------------------------------------------------------------


@cached_by_file
def load_ngram_model(path: str) -> NgramModel:
    """The model in an ARPA file, loaded once per process; ModelError if it is not one."""
    if not Path(path).is_file() or Path(path).stat().st_size == 0:
        raise ModelError("CM-FILTER-019", f"filters.perplexity.models: {path} does not exist or is empty; {REMEDY}")
    with Path(path).open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        head = re.match(rb"\s*\\data\\\s+((?:ngram \d+=\d+\s+)+)", content)
        if head is None:
            raise ModelError("CM-FILTER-020", f"{path} is not an ARPA file: it does not begin with \\data\\ and the counts; {REMEDY}")
        counts = [int(count) for count in re.findall(rb"=(\d+)", head[1])]
        del head
        size = table_size(sum(counts) + 1)
        model = NgramModel(
            len(counts),
            np.zeros(size, np.uint64),
            np.zeros(size, np.float32),
            np.zeros(size, np.float32),
            _hashes(pa.array(MARKS, pa.large_string())),
        )
        for n, count in enumerate(counts, 1):
            section = _section(content, n)
            if section is None or section.height != count:
                raise ModelError(
                    "CM-FILTER-021", f"{path} is damaged: its header announces {count} {n}-grams, its section has others; replace it"
                )
            log_p, backoff = (section[name].to_numpy() for name in ("log_p", "backoff"))
            _insert(log_p, backoff, _hashes(section["ngram"].to_arrow()), model)
    if model.keys[slot_of(model.keys, model.marks[0])] == _ZERO:
        _insert(np.array([_NO_UNK]), np.zeros(1), model.marks[:1], model)
    return model


def _section(content: mmap.mmap, n: int) -> pl.DataFrame | None:
    """(log_p, ngram, backoff) of the n-grams of one length, back-off 0 if missing; None if they cannot be read."""
    start = content.find(b"\\%d-grams:" % n)
    end = content.find(b"\n\\", start + 1)
    if start < 0 or end < 0:
        return None
    rows = content[content.find(b"\n", start) : end].strip(b"\r\n")
    if not rows:
        return pl.DataFrame(schema={"log_p": pl.Float64, "ngram": pl.String, "backoff": pl.Float64})
    try:
        lines = pl.read_csv(rows, has_header=False, new_columns=["row"], separator="\x01", quote_char=None, schema={"row": pl.String})
    except pl.exceptions.PolarsError:
        return None
    log_p, ngram, backoff = (pl.col("row").struct.field(f"field_{k}") for k in range(3))
    table = lines.select(pl.col("row").str.strip_chars_end("\r").str.split_exact("\t", 2)).select(
        log_p.cast(pl.Float64, strict=False).alias("log_p"),
        ngram.alias("ngram"),
        backoff.cast(pl.Float64, strict=False).fill_null(0).alias("backoff"),
    )
    return None if table["log_p"].null_count() + table["ngram"].null_count() else table


def _insert(log_p: Floats, backoff: Floats, hashes: npt.NDArray[np.uint64], model: NgramModel) -> None:
    _fill(hashes, log_p, backoff, model)


def _hashes(ngrams: pa.Array) -> npt.NDArray[np.uint64]:
    """uint64 per n-gram; one space separates its words."""
    data, offsets = text_view(ngrams)
    out = np.empty(len(ngrams), np.uint64)
    _hash_ngrams(data, offsets, out)
    return out


@numba.njit(cache=True, nogil=True)
def _hash_ngrams(data, offsets, out):  # type: ignore[no-untyped-def]
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        h = _ZERO
        while at < stop:
            end = word_end(data, at, stop)
            h = append_hash(h, hash_bytes(data, at, end))
            at = end + 1
        out[row] = h


@numba.njit(cache=True, nogil=True)
def _fill(hashes, log_p, backoff, model):  # type: ignore[no-untyped-def]
    for i in range(len(hashes)):
        slot = slot_of(model.keys, hashes[i])
        model.keys[slot] = hashes[i]
        model.log_p[slot] = log_p[i]
        model.backoff[slot] = backoff[i]


# --- Scoring ---------------------------------------------------------------------------------------------------------


@numba.njit(cache=True, nogil=True)
def _hash_last(words, n_words, n):  # type: ignore[no-untyped-def]
    """Hash of the last `n` of the first `n_words` words."""
    h = _ZERO
    for i in range(n_words - n, n_words):
        h = append_hash(h, words[i])
    return h


@numba.njit(cache=True, nogil=True)
def _log_p(words, n_words, model):  # type: ignore[no-untyped-def]
    """log10 p of the last word after the others: that of the longest known n-gram plus the back-offs of all longer contexts."""
    found = 0.0
    for n in range(n_words, 0, -1):
        key = _hash_last(words, n_words, n)
        slot = slot_of(model.keys, key)
        if model.keys[slot] == key:
            return found + model.log_p[slot]
        context = _hash_last(words, n_words - 1, n - 1)
        slot = slot_of(model.keys, context)
        if model.keys[slot] == context:
            found += model.backoff[slot]
    return found


@numba.njit(cache=True, nogil=True)
def _append(words, n_words, order, word):  # type: ignore[no-untyped-def]
    """Append a word, and drop the first one if there are already `order`; how many there are."""
    if n_words == order:
        words[:-1] = words[1:]
        n_words -= 1
    words[n_words] = word
    return n_words + 1


@numba.njit(cache=True, nogil=True)
def _perplexity(data, offsets, model, out):  # type: ignore[no-untyped-def]
    """data uint8[m], offsets int64[n + 1], out float64[n]."""
    order, keys, marks = model.order, model.keys, model.marks
    words = np.empty(order, np.uint64)
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        total = 0.0
        n_total = n_words = 0
        while at < stop:
            if n_words == 0:
                n_words = _append(words, 0, order, marks[1])
            end = word_end(data, at, stop)
            word = hash_bytes(data, at, end)  # also the hash of the 1-gram
            n_words = _append(words, n_words, order, word if keys[slot_of(keys, word)] == word else marks[0])
            total += _log_p(words, n_words, model)
            n_total += 1
            if end == stop or data[end] == 0x0A:
                n_words = _append(words, n_words, order, marks[2])
                total += _log_p(words, n_words, model)
                n_total += 1
                n_words = 0
            at = end + 1
        if n_total:
            out[row] = 10 ** (-total / n_total)
