"""Where values were, without the values: positions are mapped back through every rewriting to the original text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from pipelines.scrub.spans import Ints, PrivateSpans
from schemas.buffers import Bytes, Offsets

AUDIT: Final = pa.schema(
    [
        pa.field("doc_id", pa.binary(16)),
        pa.field("field", pa.large_string(), nullable=False),
        pa.field("kind", pa.large_string(), nullable=False),
        pa.field("start_byte", pa.int64(), nullable=False),
        pa.field("end_byte", pa.int64(), nullable=False),
        pa.field("start_char", pa.int64(), nullable=False),
        pa.field("end_char", pa.int64(), nullable=False),
        pa.field("validator", pa.large_string(), nullable=False),
        pa.field("mode", pa.large_string(), nullable=False),
    ]
)
"""One row per value: the field it was in (text, url or meta.NAME) and its position there before scrubbing; never the value."""


@dataclass(frozen=True, slots=True)
class PositionMap:
    """What was rewritten so far, in text order: spans of the current text, and the spans of the original text that they replace."""

    starts: Ints
    ends: Ints
    original_starts: Ints
    original_ends: Ints

    @classmethod
    def at(cls, offset: int) -> PositionMap:
        """The map before any rewriting; the buffer's text starts at `offset`."""
        here = np.array([offset], np.int64)
        return cls(here, here, here, here)

    def to_original(self, starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
        """(starts, ends) in the original text; a position within a rewritten span maps to the whole span."""
        before = np.searchsorted(self.starts, starts, side="right") - 1
        within = starts < self.ends[before]
        firsts = np.where(within, self.original_starts[before], self.original_ends[before] + starts - self.ends[before])
        before = np.maximum(np.searchsorted(self.starts, ends, side="left") - 1, 0)
        within = ends <= self.ends[before]
        lasts = np.where(within, self.original_ends[before], self.original_ends[before] + ends - self.ends[before])
        return firsts, np.maximum(lasts, firsts)

    def after(self, cut: PrivateSpans, fresh: PrivateSpans) -> PositionMap:
        """The map after the spans `cut` were replaced by the spans `fresh`."""
        if not len(cut):
            return self
        first, last = self.to_original(cut.starts, cut.ends)
        following = np.searchsorted(cut.ends, self.starts, side="right")
        covered = np.append(cut.starts, np.iinfo(np.int64).max)[following] < self.ends
        covered[0] = False  # the beginning of the buffer
        base = fresh.starts[0] - (cut.starts[0] - self.starts[0])
        new_ends, old_ends = np.append(base, fresh.ends), np.append(self.starts[0], cut.ends)
        starts = self.starts - old_ends[following] + new_ends[following]
        kept = ~covered
        kept[0] = False
        width = self.ends - self.starts
        order = np.argsort(np.concatenate([starts[kept], fresh.starts]), kind="stable")
        return PositionMap(
            np.append(base, np.concatenate([starts[kept], fresh.starts])[order]),
            np.append(base, np.concatenate([(starts + width)[kept], fresh.ends])[order]),
            np.append(self.original_starts[0], np.concatenate([self.original_starts[kept], first])[order]),
            np.append(self.original_ends[0], np.concatenate([self.original_ends[kept], last])[order]),
        )


def character_offsets(data: Bytes, offsets: Offsets, rows: Ints, places: Ints) -> Ints:
    """int64[n]: byte positions of the buffer as character positions in their rows (a character begins at each non-continuation byte)."""
    found = np.zeros(len(places), np.int64)
    for row in np.unique(rows):
        mine = rows == row
        first = int(offsets[row])
        begins = (data[first : int(offsets[row + 1])] & 0xC0) != 0x80
        found[mine] = np.concatenate([[0], np.cumsum(begins)])[places[mine] - first]
    return found
