"""A text column in, the likeliest label of every row and its probability out, by a fastText classifier in memory.

The library copies every text into a stream and every n-gram into a string, and walks the tree of labels from left to right. Here words
and n-grams are hashed in place, and only the first time that a word occurs in a batch. The likelier branch is walked first, which prunes
most of the others. Sums have the library's order and width, so labels and probabilities equal the library's to the bit, unless its
compiler fused multiplications with additions. No lock is held.
"""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.filters.fasttext_file import TreeClassifier
from pipelines.text.hashing import hash_bytes, slot_of, table_size
from pipelines.text.view import text_view
from pipelines.text.vocabulary import word_end, word_number

_FNV_SEED: Final = np.uint32(2166136261)
_FNV_PRIME: Final = np.uint32(16777619)
_BEGIN: Final = ord("<")
_END: Final = ord(">")


def predict_labels(text: pa.Array, classifier: TreeClassifier) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.float32]]:
    """(number of the label int32, its probability float32) of every row of a large_string column; -1 and 0 for rows without a word.

    Rows are words separated by one space, without `_` and `<`, which mark labels and ends of lines in fastText.
    """
    labels = np.full(len(text), -1, np.int32)
    scores = np.zeros(len(text), np.float32)
    _predict(*text_view(text), classifier.model, labels, scores)
    return labels, scores


@numba.njit(cache=True, nogil=True)
def _find_ngrams(word, size, model, found, n):  # type: ignore[no-untyped-def]
    """Write the rows of the character n-grams of `word[:size]`, its border marks included, to `found[n:]`; the end there."""
    ngram_rows = model.ngram_rows
    shortest, longest = model.ngram_chars
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
            found[n] = row
            n += row >= 0
    return n


@numba.njit(cache=True, nogil=True)
def _add(rows, found, hidden):  # type: ignore[no-untyped-def]
    for row in found:
        for k in range(len(hidden)):
            hidden[k] += rows[row, k]


@numba.njit(cache=True, nogil=True)
def _log(x):  # type: ignore[no-untyped-def]
    return np.float32(np.log(np.float64(np.float32(x)) + 1e-5))


@numba.njit(cache=True, nogil=True)
def _likeliest(hidden, model, nodes, so_far):  # type: ignore[no-untyped-def]
    """(label, log probability) of the best leaf; of equal ones the last from left to right, as in the library."""
    output, children, order = model.output, model.children, model.order
    n_labels = len(order)
    best, label = np.float32(-np.inf), -1
    nodes[0], so_far[0] = len(children) - 1, 0
    n = 1
    while n:
        n -= 1
        node, score = nodes[n], so_far[n]
        if score < _log(0.0) or score < best:
            continue
        if node < n_labels:
            if score > best or order[node] > order[label]:
                best, label = score, node
            continue
        f = np.float32(0)
        for k in range(len(hidden)):
            f += output[node - n_labels, k] * hidden[k]
        right = np.float32(1.0 / np.float64(np.float32(1) + np.exp(-f)))
        first = 1 if right > 0.5 else 0  # popped first
        nodes[n], nodes[n + 1] = children[node, 1 - first], children[node, first]
        so_far[n + 1 - first], so_far[n + first] = score + _log(1.0 - np.float64(right)), score + _log(right)
        n += 2
    return label, best


@numba.njit(cache=True, nogil=True)
def _sizes(data, offsets):  # type: ignore[no-untyped-def]
    """(words in the column at most, bytes of the longest row)."""
    n_words = longest = 0
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
        n_words += 1
        for at in range(offsets[row], offsets[row + 1]):
            n_words += data[at] == 0x20
    return n_words, longest


@numba.njit(cache=True, nogil=True)
def _predict(data, offsets, model, labels, scores):  # type: ignore[no-untyped-def]
    """data uint8[m], offsets int64[n + 1], a TreeModel; writes labels int32[n] and scores float32[n]."""
    rows, end_of_line = model.input, model.end_of_line
    n_words, longest = _sizes(data, offsets)
    met = np.zeros(table_size(n_words), np.uint64)  # words by their hash
    firsts, lasts = np.empty(len(met), np.int64), np.empty(len(met), np.int64)  # their rows in `found`
    most = (offsets[-1] - offsets[0] + 2 * n_words) * max(model.ngram_chars[1] - model.ngram_chars[0] + 1, 0) + n_words + 1
    found = np.empty(most, np.int32)
    n_found = 0
    word = np.empty(longest + 2, np.uint8)
    word[0] = _BEGIN
    hidden = np.empty(rows.shape[1], np.float32)
    nodes = np.empty(len(model.children) + 1, np.int32)
    so_far = np.empty(len(nodes), np.float32)
    for row in range(len(labels)):
        at, stop = offsets[row], offsets[row + 1]
        if at == stop:
            continue
        hidden[:] = 0
        n_rows = 0
        while at < stop:
            end = word_end(data, at, stop)
            key = hash_bytes(data, at, end)
            slot = slot_of(met, key)
            if met[slot] != key:
                met[slot], firsts[slot] = key, n_found
                found[n_found] = word_number(data, at, end, model.words)
                n_found += found[n_found] >= 0
                size = end - at
                word[1 : size + 1] = data[at:end]
                word[size + 1] = _END
                n_found = lasts[slot] = _find_ngrams(word, size + 2, model, found, n_found)
            _add(rows, found[firsts[slot] : lasts[slot]], hidden)
            n_rows += lasts[slot] - firsts[slot]
            at = end + 1
        if end_of_line >= 0:
            found[n_found] = end_of_line
            _add(rows, found[n_found : n_found + 1], hidden)
            n_rows += 1
        if n_rows:
            mean = np.float32(1.0 / n_rows)
            for k in range(len(hidden)):
                hidden[k] *= mean
            label, score = _likeliest(hidden, model, nodes, so_far)
            labels[row], scores[row] = label, np.exp(score)
