"""A text column in, the likeliest label of every row and its probability out, by a fastText classifier that is in our memory.

The library copies every text into a stream and every n-gram into a string; here both are hashed where they stand, which is several
times as fast and holds no lock. Sums are made in the library's order and width, so that labels and probabilities are the library's to
the bit, unless its compiler fused multiplications with additions.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.filters.fasttext_file import TreeClassifier
from pipelines.text.view import text_view
from pipelines.text.vocabulary import number_of, word_end

_FNV_SEED: Final = np.uint32(2166136261)
_FNV_PRIME: Final = np.uint32(16777619)
_BEGIN: Final = ord("<")
_END: Final = ord(">")


def predict(text: pa.Array, model: TreeClassifier) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """(number of the label int32, its probability float32) of every row of a large_string column; -1 and 0 for rows without a word.

    Rows are words with one space between them, and hold neither `_` nor `<`, by which fastText knows labels and ends of lines.
    """
    labels = np.full(len(text), -1, np.int32)
    scores = np.zeros(len(text), np.float32)
    words = (model.words.keys, model.words.numbers)
    matrices = (model.input, model.output)
    _predict(*text_view(text), words, model.end_of_line, model.ngram_rows, model.ngram_chars, matrices, model.children, labels, scores)
    return labels, scores


@numba.njit(cache=True, nogil=True)
def _add(hidden, rows, row):  # type: ignore[no-untyped-def]
    for k in range(len(hidden)):
        hidden[k] += rows[row, k]


@numba.njit(cache=True, nogil=True)
def _add_ngrams(word, size, ngram_rows, ngram_chars, rows, hidden):  # type: ignore[no-untyped-def]
    """Add the rows of the character n-grams of `word[:size]`, its border marks included, in the library's order; how many."""
    shortest, longest = ngram_chars
    n_rows = 0
    for begin in range(size):
        if word[begin] & 0xC0 == 0x80:
            continue
        h = _FNV_SEED
        at = begin
        n_chars = 0
        while at < size and n_chars < longest:
            h = np.uint32((h ^ np.uint32(np.int8(word[at]))) * _FNV_PRIME)
            at += 1
            while at < size and word[at] & 0xC0 == 0x80:
                h = np.uint32((h ^ np.uint32(np.int8(word[at]))) * _FNV_PRIME)
                at += 1
            n_chars += 1
            if n_chars < shortest or (n_chars == 1 and (begin == 0 or at == size)):
                continue
            row = ngram_rows[h % np.uint32(len(ngram_rows))]
            if row >= 0:
                _add(hidden, rows, row)
                n_rows += 1
    return n_rows


@numba.njit(cache=True, nogil=True)
def _log(x):  # type: ignore[no-untyped-def]
    return np.float32(np.log(np.float64(np.float32(x)) + 1e-5))


@numba.njit(cache=True, nogil=True)
def _likeliest(hidden, output, children, nodes, so_far):  # type: ignore[no-untyped-def]
    """(label, log probability) of the best leaf, going left first and nowhere that cannot be better; of equal ones the last."""
    n_labels = (len(children) + 1) // 2
    best, label = np.float32(-np.inf), -1
    nodes[0], so_far[0] = len(children) - 1, 0
    n = 1
    while n:
        n -= 1
        node, score = nodes[n], so_far[n]
        if score < _log(0.0) or score < best:
            continue
        if children[node, 0] < 0:
            best, label = score, node
            continue
        f = np.float32(0)
        for k in range(len(hidden)):
            f += output[node - n_labels, k] * hidden[k]
        right = np.float32(1.0 / np.float64(np.float32(1) + np.exp(-f)))
        nodes[n], so_far[n] = children[node, 1], score + _log(right)
        nodes[n + 1], so_far[n + 1] = children[node, 0], score + _log(1.0 - np.float64(right))
        n += 2
    return label, best


@numba.njit(cache=True, nogil=True)
def _predict(data, offsets, words, end_of_line, ngram_rows, ngram_chars, matrices, children, labels, scores):  # type: ignore[no-untyped-def]
    rows, output = matrices
    longest = 0
    for row in range(len(labels)):
        longest = max(longest, offsets[row + 1] - offsets[row])
    word = np.empty(longest + 2, np.uint8)
    word[0] = _BEGIN
    hidden = np.empty(rows.shape[1], np.float32)
    nodes = np.empty(len(children) + 1, np.int32)
    so_far = np.empty(len(nodes), np.float32)
    for row in range(len(labels)):
        at, stop = offsets[row], offsets[row + 1]
        if at == stop:
            continue
        hidden[:] = 0
        n_rows = 0
        while at < stop:
            end = word_end(data, at, stop)
            number = number_of(data, at, end, words[0], words[1])
            if number >= 0:
                _add(hidden, rows, number)
                n_rows += 1
            size = end - at
            word[1 : size + 1] = data[at:end]
            word[size + 1] = _END
            n_rows += _add_ngrams(word, size + 2, ngram_rows, ngram_chars, rows, hidden)
            at = end + 1
        if end_of_line >= 0:
            _add(hidden, rows, end_of_line)
            n_rows += 1
        if n_rows:
            mean = np.float32(1.0 / n_rows)
            for k in range(len(hidden)):
                hidden[k] *= mean
            label, score = _likeliest(hidden, output, children, nodes, so_far)
            labels[row], scores[row] = label, np.exp(score)
