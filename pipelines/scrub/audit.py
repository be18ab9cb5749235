"""Where values stood, told without telling them: positions are followed back through every rewriting to the text as it came."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa

from pipelines.scrub.rewrite import Ints, Spans
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
"""One row a value: the field it stood in (text, url or meta.NAME) and its place there before scrubbing; never the value."""


@dataclass(frozen=True, slots=True)
class Trail:
    """What was rewritten so far: places in the text as it is now, in order, and the places that they took in the text as it came."""

    starts: Ints
    ends: Ints
    first: Ints
    last: Ints

    @classmethod
    def at(cls, offset: int) -> Trail:
        """Nothing rewritten; the buffer's text starts at `offset`."""
        here = np.array([offset], np.int64)
        return cls(here, here, here, here)

    def back(self, starts: Ints, ends: Ints) -> tuple[Ints, Ints]:
        """Places in the text as it came: of what lies within a rewritten place, the whole place."""
        before = np.searchsorted(self.starts, starts, side="right") - 1
        within = starts < self.ends[before]
        firsts = np.where(within, self.first[before], self.last[before] + starts - self.ends[before])
        before = np.maximum(np.searchsorted(self.starts, ends, side="left") - 1, 0)
        within = ends <= self.ends[before]
        lasts = np.where(within, self.last[before], self.last[before] + ends - self.ends[before])
        return firsts, np.maximum(lasts, firsts)

    def forward(self, cut: Spans, fresh: Spans) -> Trail:
        """After `cut` was rewritten to `fresh`."""
        if not len(cut):
            return self
        first, last = self.back(cut.starts, cut.ends)
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
        return Trail(
            np.append(base, np.concatenate([starts[kept], fresh.starts])[order]),
            np.append(base, np.concatenate([(starts + width)[kept], fresh.ends])[order]),
            np.append(self.first[0], np.concatenate([self.first[kept], first])[order]),
            np.append(self.last[0], np.concatenate([self.last[kept], last])[order]),
        )


def in_characters(data: Bytes, offsets: Offsets, rows: Ints, places: Ints) -> Ints:
    """Bytes of the buffer as characters of their rows: a character begins with every byte that does not continue one."""
    found = np.zeros(len(places), np.int64)
    for row in np.unique(rows):
        mine = rows == row
        first = int(offsets[row])
        begins = (data[first : int(offsets[row + 1])] & 0xC0) != 0x80
        found[mine] = np.concatenate([[0], np.cumsum(begins)])[places[mine] - first]
    return found
