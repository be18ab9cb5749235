"""Candidates -> true similarity. Every pair that LSH proposes is checked against the texts before anything is removed."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import pyarrow as pa

from pipelines.dedup.arrays import Floats, Int64s, UInt32s, UInt64s
from pipelines.dedup.minhash import CANDIDATE
from schemas.buffers import Offsets

EDGE: Final = pa.schema([*CANDIDATE, pa.field("similarity", pa.float64(), nullable=False), pa.field("local", pa.bool_(), nullable=False)])
"""A candidate pair with the true similarity of its shingle sets. `local`: both are of one source."""


@numba.njit(cache=True, nogil=True)
def similarities(hashes: UInt64s, offsets: Offsets, winners: Int64s, losers: Int64s, containment: bool) -> Floats:
    """float64[n]: the similarity of the sets A in row `winners[i]` and B in row `losers[i]`; 0 where both are empty.

    It is the Jaccard similarity |A and B| / |A or B|, or the containment |A and B| / |B|: how much of the loser the winner contains.
    Row i of the sets is hashes[offsets[i]:offsets[i + 1]], ascending.
    """
    result = np.zeros(len(winners), np.float64)
    for pair in range(len(winners)):
        i, i_end = offsets[winners[pair]], offsets[winners[pair] + 1]
        j, j_end = offsets[losers[pair]], offsets[losers[pair] + 1]
        in_both = i_end - i + j_end - j
        of = j_end - j
        common = 0
        while i < i_end and j < j_end:
            if hashes[i] == hashes[j]:
                common += 1
                i += 1
                j += 1
            elif hashes[i] < hashes[j]:
                i += 1
            else:
                j += 1
        if not containment:
            of = in_both - common
        if of:
            result[pair] = common / of
    return result


def length_classes(chars: UInt64s, priority: UInt64s) -> UInt32s:
    """uint32[n], ascending with the rank: documents of one source priority and of about one length share a class.

    `chars` and `priority` are those of the rank (`rank_chars`, `rank_priority`).
    """
    octave = np.floor(32 * np.log2(chars.astype(np.float64) + 1)).astype(np.uint32)
    return priority.astype(np.uint32) * np.uint32(1024) + (np.uint32(1023) - octave)
