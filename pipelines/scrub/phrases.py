"""Private values that a phrase reveals and not their bytes alone; literal hints find where to search.

Every pattern is bounded, so a search costs time linear in the text. A group named `value` is what is replaced.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.scrub.candidates import PHRASE, Candidates, phrase_candidates
from pipelines.scrub.hints import hint_positions
from schemas.buffers import Bytes, Offsets


@dataclass(frozen=True, slots=True)
class Phrase:
    """What to search for around every hint, or around every candidate of a form."""

    pattern: re.Pattern[bytes]
    hints: tuple[bytes, ...] = ()
    form: int = PHRASE
    before: int = 128
    """Bytes before a hint that a match may start at."""
    after: int = 256

    def search(self, data: Bytes, offsets: Offsets, active: npt.NDArray[np.bool_], candidates: Candidates) -> Candidates:
        """Where the pattern matches near hints in active rows: its group `value`."""
        rows: list[int] = []
        starts: list[int] = []
        ends: list[int] = []
        if self.hints:
            hinted = hint_positions(self.hints, data, int(offsets[0]), int(offsets[-1])).tolist()
        else:
            hinted = np.sort(candidates.starts[candidates.forms == self.form]).tolist()
        for row, first, stop in self._neighbourhoods(hinted, data, offsets, active):
            for match in self.pattern.finditer(data[first:stop].tobytes()):
                start, end = match.span("value")
                while end < len(match.string) and match.string[end] & 0xC0 == 0x80:  # never within a character
                    end += 1
                rows.append(row)
                starts.append(start + first)
                ends.append(end + first)
        return phrase_candidates(rows, starts, ends)

    def _neighbourhoods(
        self, hinted: list[int], data: Bytes, offsets: Offsets, active: npt.NDArray[np.bool_]
    ) -> list[tuple[int, int, int]]:
        """(row, first, stop) of the text around hints; neighbourhoods that touch are merged."""
        found: list[tuple[int, int, int]] = []
        for at, row in zip(hinted, (np.searchsorted(offsets, hinted, side="right") - 1).tolist(), strict=True):
            if not active[row]:
                continue
            first, stop = max(int(offsets[row]), at - self.before), min(int(offsets[row + 1]), at + self.after)
            while first > offsets[row] and data[first] & 0xC0 == 0x80:
                first -= 1
            while stop < offsets[row + 1] and data[stop] & 0xC0 == 0x80:
                stop += 1
            if found and found[-1][0] == row and found[-1][2] >= first:
                found[-1] = (row, found[-1][1], stop)
            else:
                found.append((row, first, stop))
        return found
