"""fastText's supervised training (arXiv 1607.01759) in one thread, from an initial state that depends on the seed alone.

The library provides only the dictionary and the file format. Its own trainer initialises one tenth of the input matrix per thread and
leaves the rest uninitialised: with one thread the same data give a different model each time, or "Encountered NaN"; with ten threads,
which overwrite each other, models differ too. The library scores with a model from here as with any other.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import fasttext
import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.filters.model import FasttextClassifier
from pipelines.text.view import text_view
from pipelines.text.vocabulary import WordNumbers, word_end, word_number
from schemas.errors import ModelError
from schemas.recipe import ClassifierTraining


class _Features(NamedTuple):
    """How words select rows of the input matrix: words first, then the buckets of word n-grams."""

    words: WordNumbers
    n_words: int
    n_buckets: int
    word_ngrams: int
    """Words of the longest n-gram."""


class _Matrices(NamedTuple):
    """What is trained."""

    inputs: npt.NDArray[np.float32]
    """[row, dim]"""
    outputs: npt.NDArray[np.float32]
    """[label, dim]"""


class _Scratch(NamedTuple):
    """Memory for one step."""

    hidden: npt.NDArray[np.float32]
    """[dim]"""
    gradient: npt.NDArray[np.float32]
    """[dim]"""
    chance: npt.NDArray[np.float32]
    """[label]"""


def fit(path: Path, lines: pa.Array, targets: npt.NDArray[np.int64], config: ClassifierTraining) -> FasttextClassifier:
    """The fastText model of `lines`, trained in their order; `targets` are indices into the model's labels sorted by name.

    `path` holds the same lines with their labels, as fastText reads them.
    """
    model: FasttextClassifier = fasttext.train_supervised(
        str(path),
        dim=config.dim,
        epoch=0,
        wordNgrams=config.word_ngrams,
        minCount=config.min_count,
        bucket=config.bucket,
        thread=1,
        verbose=0,
    )
    words, labels = model.get_words(), model.get_labels()
    if not words:
        raise ModelError("CM-FILTER-007", f"no word occurs {config.min_count} times in the documents; lower min_count, or pass more files")
    shape = (len(words) + config.bucket, config.dim)
    inputs = (np.random.default_rng(config.seed).random(shape, np.float32) * 2 - 1) * np.float32(1 / config.dim)
    outputs = np.zeros((len(labels), config.dim), np.float32)
    features = _Features(WordNumbers.of(pa.array(words, pa.large_string())), len(words), config.bucket, config.word_ngrams)
    data, offsets = text_view(lines)
    target = np.argsort(labels)[targets]
    _train(data, offsets, target, features, config.epoch, config.lr, _Matrices(inputs, outputs))
    model.set_matrices(inputs, outputs)
    return model


@numba.njit(cache=True, nogil=True)
def _fnv(data, start, end):  # type: ignore[no-untyped-def]
    """fastText's hash of a word: FNV-1a on 32 bits with bytes as signed, the result read as signed too."""
    h = np.uint32(2166136261)
    for at in range(start, end):
        h = np.uint32((h ^ np.uint32(np.int8(data[at]))) * np.uint32(16777619))
    return np.int32(h)


@numba.njit(cache=True, nogil=True)
def _rows_of(data, start, end, features, rows, hashes):  # type: ignore[no-untyped-def]
    """Write the rows of the input matrix that a line sums, words first and then their n-grams; how many."""
    n = n_hashes = 0
    at = start
    while at < end:
        stop = word_end(data, at, end)
        if stop > at:
            number = word_number(data, at, stop, features.words)
            if number >= 0:
                rows[n] = number
                n += 1
            hashes[n_hashes] = _fnv(data, at, stop)
            n_hashes += 1
        at = stop + 1
    for i in range(n_hashes):
        h = np.uint64(np.int64(hashes[i]))
        for j in range(i + 1, min(i + features.word_ngrams, n_hashes)):
            h = h * np.uint64(116049371) + np.uint64(np.int64(hashes[j]))
            rows[n] = features.n_words + np.int64(h % np.uint64(features.n_buckets))
            n += 1
    return n


@numba.njit(cache=True, nogil=True)
def _step(rows, target, rate, matrices, scratch):  # type: ignore[no-untyped-def]
    """One step of gradient descent on the softmax loss of the mean of the rows."""
    inputs, outputs = matrices
    hidden, gradient, chance = scratch
    hidden[:] = 0
    for row in rows:
        hidden += inputs[row]
    hidden /= np.float32(len(rows))
    for label in range(len(outputs)):
        chance[label] = (outputs[label] * hidden).sum()
    chance[:] = np.exp(chance - chance.max())
    chance /= chance.sum()
    gradient[:] = 0
    for label in range(len(outputs)):
        alpha = np.float32(rate * ((label == target) - chance[label]))
        gradient += alpha * outputs[label]
        outputs[label] += alpha * hidden
    gradient /= np.float32(len(rows))
    for row in rows:
        inputs[row] += gradient


@numba.njit(cache=True, nogil=True)
def _train(data, offsets, targets, features, n_epochs, rate, matrices):  # type: ignore[no-untyped-def]
    """data uint8[m], offsets int64[n + 1], targets int64[n], rate float64; changes the matrices."""
    longest = 0
    for i in range(len(offsets) - 1):
        longest = max(longest, offsets[i + 1] - offsets[i])
    hashes = np.empty(longest // 2 + 2, np.int32)
    rows = np.empty((longest // 2 + 2) * features.word_ngrams, np.int64)
    dim = matrices.inputs.shape[1]
    scratch = _Scratch(np.empty(dim, np.float32), np.empty(dim, np.float32), np.empty(len(matrices.outputs), np.float32))
    n_lines = len(offsets) - 1
    total = float(n_epochs) * float(offsets[-1] - offsets[0])
    done = 0.0
    for _ in range(n_epochs):
        for i in range(n_lines):
            n = _rows_of(data, offsets[i], offsets[i + 1], features, rows, hashes)
            if n:
                _step(rows[:n], targets[i], rate * (1 - done / total), matrices, scratch)
            done += offsets[i + 1] - offsets[i]
