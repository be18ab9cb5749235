"""Row references: where a document lies among the segment files of a run.

A row reference is a uint64: the segment's number in the upper 32 bits, the row in that segment in the lower 32. So references ascend in
the order of the documents. Documents of earlier runs have segment numbers behind those of the run (`snapshots/index.py`).
"""

from __future__ import annotations

from typing import Final

import numpy as np

from pipelines.dedup.arrays import Int64s, UInt64s

_SEGMENT_SHIFT: Final = 32
_ROW_MASK: Final = np.uint64((1 << _SEGMENT_SHIFT) - 1)


def row_ref(segment: int, row: int = 0) -> np.uint64:
    """The reference of one row of a segment."""
    return np.uint64((segment << _SEGMENT_SHIFT) + row)


def row_refs(segments: int | Int64s, rows: Int64s) -> UInt64s:
    """uint64[n]: the references of rows of one segment, or of a segment for each."""
    return (np.asarray(segments, np.uint64) << np.uint64(_SEGMENT_SHIFT)) + rows.astype(np.uint64)


def segment_of(refs: UInt64s) -> Int64s:
    """int64[n]: the segment number of each reference."""
    return (refs >> np.uint64(_SEGMENT_SHIFT)).astype(np.int64)


def row_of(refs: UInt64s) -> Int64s:
    """int64[n]: the row of each reference in its segment."""
    return (refs & _ROW_MASK).astype(np.int64)
