"""Pre-token counts -> the words of the learning kernel: one position per byte, with the ids of the initial tokens.

The initial tokens are the bytes, the characters, or the tokens of a vocabulary that is extended.
"""

from __future__ import annotations

import numba
import numpy as np
import pyarrow as pa

from schemas.buffers import Bytes, Offsets
from tokenizer.classes import N_CODES, decode_char
from tokenizer.encode import Encoder
from tokenizer.learn import symbol_type
from tokenizer.memory import kernel
from tokenizer.merge import Ids, TokenIds
from tokenizer.pairs import CountedWords
from tokenizer.patterns import WHOLE_ROW, Scanner
from tokenizer.scan import readonly_view
from tokenizer.token_table import InitialTokens, Int64s


def byte_words(counts: pa.RecordBatch, id_of_byte: Ids, n_tokens: int) -> CountedWords:
    """Words whose initial tokens are bytes: one position each."""
    data, offsets, numbers = _view(counts)
    symbols = np.empty(offsets[-1] - offsets[0], symbol_type(n_tokens))
    _fill_bytes(symbols, data, offsets[0], id_of_byte)
    return _counted_words(symbols, offsets, numbers)


def character_words(counts: pa.RecordBatch, id_of_code: Ids, n_tokens: int) -> CountedWords:
    """Words whose initial tokens are characters: as many positions as bytes. A character without an id (-1) ends a word and is omitted."""
    data, offsets, numbers = _view(counts)
    return _counted_words(*_split_at_unknown_characters(data, offsets, numbers, id_of_code, np.empty(0, symbol_type(n_tokens))))


def token_words(counts: pa.RecordBatch, encoder: Encoder, n_tokens: int) -> CountedWords:
    """Words whose initial tokens are an encoder's. A byte that only a byte token spells ends a word and is omitted."""
    _, _, numbers = _view(counts)
    ids, bounds = encoder.encode_with(Scanner(WHOLE_ROW), counts.column("pretoken").cast(pa.large_string()))
    spans = np.diff(encoder.vocabulary.offsets)
    return _counted_words(*_split_at_byte_tokens(ids.astype(np.int32), bounds, spans, numbers, np.empty(0, symbol_type(n_tokens))))


def initial_tokens(strings: list[bytes], lengths: list[int]) -> InitialTokens:
    """The initial tokens from their bytes (empty for a token that no word has) and lengths."""
    offsets = np.zeros(len(strings) + 1, np.int64)
    np.cumsum([len(string) for string in strings], out=offsets[1:])
    data = np.frombuffer(b"".join(strings), np.uint8)
    return InitialTokens(data, offsets, np.diff(offsets), np.array(lengths, np.int64))


def frequent_characters(counts: pa.RecordBatch, coverage: float) -> list[str]:
    """The most frequent characters, as many as make up this share (0 to 1) of the text, in code point order."""
    frequency = _count_characters(*_view(counts))
    by_frequency = np.lexsort((np.arange(N_CODES), -frequency))[: np.count_nonzero(frequency)]
    sums = np.cumsum(frequency[by_frequency])
    n_kept = int(np.searchsorted(sums, coverage * sums[-1])) + 1 if len(sums) else 0
    return [chr(code) for code in sorted(by_frequency[:n_kept].tolist())]


def _view(counts: pa.RecordBatch) -> tuple[Bytes, Offsets, Int64s]:
    data, offsets = readonly_view(counts.column("pretoken"))
    return data, offsets, counts.column("count").to_numpy().view(np.int64)


def _counted_words(symbols: TokenIds, offsets: Offsets, numbers: Int64s) -> CountedWords:
    offsets, numbers = (offsets if offsets[0] == 0 else offsets - offsets[0]).view(), numbers.view()
    offsets.flags.writeable = numbers.flags.writeable = False  # so that the kernel is compiled for one kind of array
    return CountedWords(symbols, offsets, numbers)


@kernel
def _fill_bytes(symbols: TokenIds, data: Bytes, start: int, id_of_byte: Ids) -> None:
    for i in range(len(symbols)):
        symbols[i] = id_of_byte[data[start + i]]


@numba.njit(cache=True, nogil=True)
def _count_characters(data: Bytes, offsets: Offsets, numbers: Int64s) -> Int64s:
    frequency = np.zeros(N_CODES, np.int64)
    for word in range(len(numbers)):
        at = offsets[word]
        while at < offsets[word + 1]:
            code, size = decode_char(data, at)
            frequency[code] += numbers[word]
            at += size
    return frequency


@numba.njit(cache=True, nogil=True)
def _split_at_unknown_characters(
    data: Bytes, offsets: Offsets, numbers: Int64s, id_of_code: Ids, like: TokenIds
) -> tuple[TokenIds, Offsets, Int64s]:
    """(symbols, offsets, counts) of the words between characters without an id; `like` is an empty array of the symbols' dtype."""
    n_words = n_bytes = 0
    for word in range(len(numbers)):
        at, stop, in_word = offsets[word], offsets[word + 1], False
        while at < stop:
            code, size = decode_char(data, at)
            at += size
            if id_of_code[code] >= 0:
                n_bytes += size
                n_words += not in_word
            in_word = id_of_code[code] >= 0
    symbols = np.empty(n_bytes, like.dtype)
    bounds, counts = np.zeros(n_words + 1, np.int64), np.empty(n_words, np.int64)
    n_words = filled = 0
    for word in range(len(numbers)):
        at, stop, in_word = offsets[word], offsets[word + 1], False
        while at < stop:
            code, size = decode_char(data, at)
            at += size
            if id_of_code[code] >= 0:
                symbols[filled] = symbols[filled + size - 1] = id_of_code[code]
                filled += size
                counts[n_words - in_word] = numbers[word]
                n_words += not in_word
                bounds[n_words] = filled
            in_word = id_of_code[code] >= 0
    return symbols, bounds, counts


@numba.njit(cache=True, nogil=True)
def _split_at_byte_tokens(ids: Ids, rows: Offsets, spans: Int64s, numbers: Int64s, like: TokenIds) -> tuple[TokenIds, Offsets, Int64s]:
    """(symbols, offsets, counts) of the words between tokens that span no bytes; `like` is an empty array of the symbols' dtype."""
    n_words = n_bytes = 0
    for row in range(len(numbers)):
        in_word = False
        for i in range(rows[row], rows[row + 1]):
            n_bytes += spans[ids[i]]
            n_words += spans[ids[i]] > 0 and not in_word
            in_word = spans[ids[i]] > 0
    symbols = np.empty(n_bytes, like.dtype)
    bounds, counts = np.zeros(n_words + 1, np.int64), np.empty(n_words, np.int64)
    n_words = filled = 0
    for row in range(len(numbers)):
        in_word = False
        for i in range(rows[row], rows[row + 1]):
            size = spans[ids[i]]
            if size > 0:
                symbols[filled] = symbols[filled + size - 1] = ids[i]
                filled += size
                counts[n_words - in_word] = numbers[row]
                n_words += not in_word
                bounds[n_words] = filled
            in_word = size > 0
    return symbols, bounds, counts
