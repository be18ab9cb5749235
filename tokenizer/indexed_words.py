"""The words of training, with an index from positions to words."""

from __future__ import annotations

from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from schemas.buffers import Offsets
from tokenizer.memory import kernel, prefetch
from tokenizer.pairs import CountedWords, Positions

_AHEAD: Final = 16
"""Positions are prefetched this many turns early."""
_BLOCK_BITS: Final = 4
"""log2 of the positions in a block of `IndexedWords.word_of_block`."""


class IndexedWords(NamedTuple):
    """The words, with an index from positions to words."""

    words: CountedWords
    word_of_block: npt.NDArray[np.int32]
    """The word of the first position of every block of 1 << _BLOCK_BITS positions."""
    filler: int
    """Written between a token's first and last position: no token has this id."""


@kernel
def prefetch_ahead(indexed: IndexedWords, positions: Positions, turn: int) -> None:
    """Prefetch the data of a later turn: its block and symbol first, then its word."""
    if turn + _AHEAD < len(positions):
        ahead = np.int64(positions[turn + _AHEAD])
        prefetch(indexed.word_of_block, ahead >> _BLOCK_BITS)
        prefetch(indexed.words.symbols, ahead)
        near = np.int64(indexed.word_of_block[np.int64(positions[turn + _AHEAD // 2]) >> _BLOCK_BITS])
        prefetch(indexed.words.offsets, near)
        prefetch(indexed.words.counts, near)


@kernel
def n_positions_of_words(indexed: IndexedWords, positions: Positions) -> int:
    """Positions of all words that these positions are in."""
    n, stop = 0, np.int64(0)
    for i in range(len(positions)):
        if positions[i] >= stop or i == 0 or positions[i] < positions[i - 1]:
            word = word_at(indexed, np.int64(positions[i]))
            stop = indexed.words.offsets[word + 1]
            n += stop - indexed.words.offsets[word]
    return n


@kernel
def word_at(indexed: IndexedWords, position: int) -> np.int64:
    """The word of a position."""
    word = np.int64(indexed.word_of_block[position >> _BLOCK_BITS])
    while indexed.words.offsets[word + 1] <= position:
        word += 1
    return word


@numba.njit(cache=True, nogil=True)
def word_of_block(offsets: Offsets) -> npt.NDArray[np.int32]:
    """`IndexedWords.word_of_block` of words with these offsets."""
    blocks = np.empty((offsets[-1] >> _BLOCK_BITS) + 1, np.int32)
    word = 0
    for block in range(len(blocks)):
        while word + 2 < len(offsets) and offsets[word + 1] <= block << _BLOCK_BITS:
            word += 1
        blocks[block] = word
    return blocks
