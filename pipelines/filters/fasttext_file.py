"""The file of a fastText classifier as arrays, so that a kernel of ours can predict with it.

It reads classifiers with hierarchical softmax over words and their character n-grams, such as lid.176.bin and lid.176.ftz, with dense or
product-quantised input, pruned or not. The library handles other kinds (softmax, word n-grams, quantised output, word vectors).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.text.vocabulary import WordNumbers
from schemas.errors import ModelError

END_OF_LINE: Final = "</s>"

_MAGIC: Final = 793712314
_VERSION: Final = 12
_SUPERVISED: Final = 3
_HIERARCHICAL: Final = 1
_N_CENTROIDS: Final = 256
_PREFIX: Final = "__label__"
_UNBORN: Final = 10**15  # the count of a node that does not exist yet, as in the library


_Scalar = TypeVar("_Scalar", bound=np.generic)


class TreeModel(NamedTuple):
    """The arrays, for kernels. Input rows are those of the words, then those of the n-gram buckets that were kept."""

    words: WordNumbers
    end_of_line: int
    """The input row that every line ends with, or -1."""
    ngram_rows: npt.NDArray[np.int32]
    """[bucket]: the input row of every n-gram bucket, -1 where it was pruned."""
    ngram_chars: tuple[int, int]
    """Shortest and longest n-gram."""
    input: npt.NDArray[np.float32]
    """[row, dim]"""
    output: npt.NDArray[np.float32]
    """[inner node, dim], one row more than there are."""
    children: npt.NDArray[np.int32]
    """[node, 2]: labels first, then inner nodes, the root last; -1 for labels."""
    order: npt.NDArray[np.int32]
    """[label]: its rank among the leaves from left to right."""


@dataclass(frozen=True, slots=True)
class TreeClassifier:
    """A classifier whose labels are the leaves of a Huffman tree."""

    model: TreeModel
    labels: pa.Array
    """large_string, without prefix."""


def read(path: Path) -> TreeClassifier | None:
    """The classifier in the file; None if the library must predict with it, or if it is not a model.

    ModelError if the file ends too early, which the library would not notice.
    """
    data = path.read_bytes()
    if len(data) < 64 or struct.unpack_from("<2i", data) != (_MAGIC, _VERSION):
        return None
    try:
        return _read(data)
    except (struct.error, ValueError, IndexError) as error:
        raise ModelError("CM-FILTER-006", f"{path} is cut short or damaged: {error}; fetch it again") from error


def _read(data: bytes) -> TreeClassifier | None:
    *_, word_ngrams, loss, kind, bucket, shortest, longest, _ = struct.unpack_from("<12i", data, 8)
    if (kind, loss, word_ngrams) != (_SUPERVISED, _HIERARCHICAL, 1):
        return None
    file = _Reader(data, 64)
    size, n_words, _ = file.numbers("3i")
    _, n_kept = file.numbers("2q")
    entries = [file.entry() for _ in range(size)]
    words, labels = entries[:n_words], entries[n_words:]
    ngram_rows = np.arange(bucket, dtype=np.int32)
    if n_kept >= 0:
        kept = file.array(np.int32, 2 * n_kept).reshape(-1, 2)
        ngram_rows[:] = -1
        ngram_rows[kept[:, 0]] = kept[:, 1]
    ngram_rows[ngram_rows >= 0] += n_words
    rows = file.quantised() if file.flag() else file.dense()
    if file.flag():
        return None
    spelled = [word for word, _ in words]
    children = _huffman([count for _, count in labels])
    model = TreeModel(
        WordNumbers.of(pa.array(spelled, pa.large_string())),
        spelled.index(END_OF_LINE) if END_OF_LINE in spelled else -1,
        ngram_rows,
        (shortest, longest),
        rows,
        file.dense(),
        children,
        _from_left_to_right(children),
    )
    return TreeClassifier(model, pa.array([label.removeprefix(_PREFIX) for label, _ in labels], pa.large_string()))


class _Reader:
    """Values one after the other, little-endian."""

    def __init__(self, data: bytes, at: int) -> None:
        self.data, self.at = data, at

    def numbers(self, kinds: str) -> tuple[int, ...]:
        found = struct.unpack_from("<" + kinds, self.data, self.at)
        self.at += struct.calcsize("<" + kinds)
        return found

    def flag(self) -> bool:
        return bool(self.numbers("b")[0])

    def array(self, kind: type[_Scalar], n: int) -> npt.NDArray[_Scalar]:
        found = np.frombuffer(self.data, kind, n, self.at)
        self.at += found.nbytes
        return found

    def entry(self) -> tuple[str, int]:
        """A word or label and its count."""
        end = self.data.index(b"\0", self.at)
        word = self.data[self.at : end].decode(errors="replace")
        self.at = end + 1
        return word, self.numbers("qb")[0]

    def dense(self) -> npt.NDArray[np.float32]:
        n, dim = self.numbers("2q")
        return self.array(np.float32, n * dim).reshape(n, dim)

    def quantised(self) -> npt.NDArray[np.float32]:
        """The matrix that the codes represent, times the norms of its rows where those are quantised separately."""
        has_norms = self.flag()
        n, _ = self.numbers("2q")
        (n_codes,) = self.numbers("i")
        codes = self.array(np.uint8, n_codes).reshape(n, -1)
        rows = self.decoded(codes)
        return rows * self.decoded(self.array(np.uint8, n).reshape(n, 1)) if has_norms else rows

    def decoded(self, codes: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """The rows that codes[row, part] represent in the next quantiser: 256 centroids per part; the last part may be narrower."""
        dim, n_parts, width, last_width = self.numbers("4i")
        centroids = self.array(np.float32, dim * _N_CENTROIDS)
        parts = []
        for part in range(n_parts):
            own = width if part < n_parts - 1 else last_width
            first = part * _N_CENTROIDS * width
            parts.append(centroids[first : first + _N_CENTROIDS * own].reshape(_N_CENTROIDS, own)[codes[:, part]])
        return np.ascontiguousarray(np.concatenate(parts, axis=1))


def _huffman(counts: list[int]) -> npt.NDArray[np.int32]:
    """The tree over labels that come in descending order of their counts, as the library builds it."""
    n = len(counts)
    weights = [*counts, *[_UNBORN] * (n - 1)]
    children = np.full((2 * n - 1, 2), -1, np.int32)
    leaf, node = n - 1, n
    for parent in range(n, 2 * n - 1):
        for side in (0, 1):
            if leaf >= 0 and weights[leaf] < weights[node]:
                children[parent, side] = leaf
                leaf -= 1
            else:
                children[parent, side] = node
                node += 1
        weights[parent] = weights[children[parent, 0]] + weights[children[parent, 1]]
    return children


def _from_left_to_right(children: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    order = np.zeros((len(children) + 1) // 2, np.int32)
    nodes, n = [len(children) - 1], 0
    while nodes:
        node = nodes.pop()
        if node < len(order):
            order[node] = n
            n += 1
        else:
            nodes += [int(children[node, 1]), int(children[node, 0])]
    return order
