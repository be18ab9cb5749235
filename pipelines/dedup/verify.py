"""Candidates -> true similarity: what LSH proposed is checked against the texts before anything is removed."""

from __future__ import annotations

from typing import Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.dedup.minhash import CANDIDATE, Rows, UInt64s
from schemas.buffers import Offsets

EDGE: Final = pa.schema([*CANDIDATE, pa.field("similarity", pa.float64(), nullable=False), pa.field("local", pa.bool_(), nullable=False)])
"""A candidate pair with the true similarity of its shingle sets; `local` if both are of one source."""


@numba.njit(cache=True, nogil=True)
def similarities(hashes: UInt64s, offsets: Offsets, better: Rows, worse: Rows, containment: bool) -> npt.NDArray[np.float64]:
    """float64[n] of the ascending sets A in row `better[i]` and B in row `worse[i]`; 0 where both are empty.

    Jaccard |A and B| / |A or B|, or the containment |A and B| / |B|: how much of what would be removed stands in what stays.
    """
    result = np.zeros(len(better), np.float64)
    for pair in range(len(better)):
        i, i_end = offsets[better[pair]], offsets[better[pair] + 1]
        j, j_end = offsets[worse[pair]], offsets[worse[pair] + 1]
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


def length_class(chars: UInt64s, priority: UInt64s) -> npt.NDArray[np.uint32]:
    """uint32[n], not descending where ranks ascend: documents of one priority and of about one length share a class."""
    octave = np.floor(32 * np.log2(chars.astype(np.float64) + 1)).astype(np.uint32)
    return priority.astype(np.uint32) * np.uint32(1024) + (np.uint32(1023) - octave)
