"""Counts -> words as the learning kernel takes them: places with the ids of bytes, of characters, or of a vocabulary that is to grow."""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.buffers import Bytes, Offsets
from tokenizer.classes import N_CODES, decode
from tokenizer.encode import Encoder
from tokenizer.follow import Words
from tokenizer.learn import Tokens, place_type
from tokenizer.memory import kernel
from tokenizer.merge import Ids
from tokenizer.patterns import WHOLE_ROW, Scanner
from tokenizer.scan import text_view


def words_of_bytes(counts: pa.RecordBatch, id_of_byte: Ids, n_tokens: int) -> Words:
    """A place is a byte."""
    data, offsets, numbers = _view(counts)
    places = np.empty(offsets[-1] - offsets[0], place_type(n_tokens))
    _fill_bytes(places, data, offsets[0], id_of_byte)
    return _words(places, offsets, numbers)


def words_of_characters(counts: pa.RecordBatch, id_of_code: Ids, n_tokens: int) -> Words:
    """A character fills as many places as it has bytes; words are cut where one has no id (-1)."""
    data, offsets, numbers = _view(counts)
    return _words(*_cut_characters(data, offsets, numbers, id_of_code, np.empty(0, place_type(n_tokens))))


def words_of_tokens(counts: pa.RecordBatch, encoder: Encoder, n_tokens: int) -> Words:
    """A token fills as many places as it has bytes; words are cut where a byte stands that only a byte token has."""
    _, _, numbers = _view(counts)
    ids, bounds = encoder.encode_with(Scanner(WHOLE_ROW), counts.column("pretoken").cast(pa.large_string()))
    spans = np.diff(encoder.vocabulary.offsets)
    return _words(*_cut_tokens(ids.astype(np.int32), bounds, spans, numbers, np.empty(0, place_type(n_tokens))))


def tokens_of(strings: list[bytes], lengths: list[int]) -> Tokens:
    """The first tokens by their bytes; those that no word has are empty."""
    offsets = np.zeros(len(strings) + 1, np.int64)
    np.cumsum([len(string) for string in strings], out=offsets[1:])
    data = np.frombuffer(b"".join(strings), np.uint8)
    return Tokens(data, offsets, np.diff(offsets), np.array(lengths, np.int64))


def frequent_characters(counts: pa.RecordBatch, coverage: float) -> list[str]:
    """The most frequent characters that together make up this share of the text, in the order of their code points."""
    frequency = _count_characters(*_view(counts))
    by_frequency = np.lexsort((np.arange(N_CODES), -frequency))[: np.count_nonzero(frequency)]
    sums = np.cumsum(frequency[by_frequency])
    n_kept = int(np.searchsorted(sums, coverage * sums[-1])) + 1 if len(sums) else 0
    return [chr(code) for code in sorted(by_frequency[:n_kept].tolist())]


def _view(counts: pa.RecordBatch) -> tuple[Bytes, Offsets, npt.NDArray[np.int64]]:
    data, offsets = text_view(counts.column("pretoken"))
    return data, offsets, counts.column("count").to_numpy().view(np.int64)


def _words(places: npt.NDArray[np.uint16] | npt.NDArray[np.uint32], offsets: Offsets, numbers: npt.NDArray[np.int64]) -> Words:
    offsets, numbers = (offsets if offsets[0] == 0 else offsets - offsets[0]).view(), numbers.view()
    offsets.flags.writeable = numbers.flags.writeable = False  # so that the kernel is compiled for one kind of array
    return Words(places, offsets, numbers)


@kernel
def _fill_bytes(places, data, start, id_of_byte):  # type: ignore[no-untyped-def]
    for i in range(len(places)):
        places[i] = id_of_byte[data[start + i]]


@numba.njit(cache=True, nogil=True)
def _count_characters(data: Bytes, offsets: Offsets, numbers: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    frequency = np.zeros(N_CODES, np.int64)
    for word in range(len(numbers)):
        at = offsets[word]
        while at < offsets[word + 1]:
            code, size = decode(data, at)
            frequency[code] += numbers[word]
            at += size
    return frequency


@numba.njit(cache=True, nogil=True)
def _cut_characters(data, offsets, numbers, id_of_code, like):  # type: ignore[no-untyped-def]
    n_words = n_bytes = 0
    for word in range(len(numbers)):
        at, stop, held = offsets[word], offsets[word + 1], False
        while at < stop:
            code, size = decode(data, at)
            at += size
            if id_of_code[code] >= 0:
                n_bytes += size
                n_words += not held
            held = id_of_code[code] >= 0
    places = np.empty(n_bytes, like.dtype)
    bounds, counts = np.zeros(n_words + 1, np.int64), np.empty(n_words, np.int64)
    n_words = filled = 0
    for word in range(len(numbers)):
        at, stop, held = offsets[word], offsets[word + 1], False
        while at < stop:
            code, size = decode(data, at)
            at += size
            if id_of_code[code] >= 0:
                places[filled] = places[filled + size - 1] = id_of_code[code]
                filled += size
                counts[n_words - held] = numbers[word]
                n_words += not held
                bounds[n_words] = filled
            held = id_of_code[code] >= 0
    return places, bounds, counts


@numba.njit(cache=True, nogil=True)
def _cut_tokens(ids, rows, spans, numbers, like):  # type: ignore[no-untyped-def]
    n_words = n_bytes = 0
    for row in range(len(numbers)):
        held = False
        for i in range(rows[row], rows[row + 1]):
            n_bytes += spans[ids[i]]
            n_words += spans[ids[i]] > 0 and not held
            held = spans[ids[i]] > 0
    places = np.empty(n_bytes, like.dtype)
    bounds, counts = np.zeros(n_words + 1, np.int64), np.empty(n_words, np.int64)
    n_words = filled = 0
    for row in range(len(numbers)):
        held = False
        for i in range(rows[row], rows[row + 1]):
            size = spans[ids[i]]
            if size > 0:
                places[filled] = places[filled + size - 1] = ids[i]
                filled += size
                counts[n_words - held] = numbers[row]
                n_words += not held
                bounds[n_words] = filled
            held = size > 0
    return places, bounds, counts
