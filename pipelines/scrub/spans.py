"""Accepted spans -> the rewritten column: overlaps are resolved, then all rows are copied with the replacements in one pass."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from schemas.buffers import Bytes, Offsets

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PrivateSpans:
    """Private values in a column's text buffer; `kinds` are numbers by `kind_numbers`, the smaller the more certain."""

    rows: Ints
    starts: Ints
    ends: Ints
    kinds: Ints

    @classmethod
    def of(cls, spans: Sequence[tuple[int, int, int, int]]) -> PrivateSpans:
        """The spans of (row, start, end, kind) tuples."""
        return cls(*np.array(spans, np.int64).reshape(-1, 4).T)

    @classmethod
    def concat(cls, parts: Sequence[PrivateSpans]) -> PrivateSpans:
        """One after the other."""
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in cls.__slots__))

    def __len__(self) -> int:
        return len(self.rows)


def resolve_overlaps(spans: PrivateSpans) -> PrivateSpans:
    """Spans without overlaps, in text order: of those that overlap, the more certain kind stays, then the longer one, then the earlier."""
    order = np.lexsort((spans.ends, spans.starts))
    starts, ends, kinds = spans.starts[order], spans.ends[order], spans.kinds[order]
    stays = np.ones(len(order), np.bool_)
    # A span begins a cluster if it starts after all that came before have ended.
    reach = np.maximum.accumulate(ends) if len(ends) else ends
    firsts = np.flatnonzero(np.concatenate([[True], starts[1:] >= reach[:-1]])) if len(starts) else np.zeros(0, np.int64)
    bounds = np.append(firsts, len(starts))
    crowded = np.diff(bounds) > 1
    for first, last in zip(bounds[:-1][crowded], bounds[1:][crowded], strict=True):
        taken: list[tuple[int, int]] = []
        for i in sorted(range(first, last), key=lambda i: (kinds[i], starts[i] - ends[i], starts[i])):
            place = bisect(taken, (starts[i], ends[i]))
            clear_before = place == 0 or taken[place - 1][1] <= starts[i]
            clear_after = place == len(taken) or ends[i] <= taken[place][0]
            stays[i] = clear_before and clear_after
            if stays[i]:
                taken.insert(place, (starts[i], ends[i]))
    chosen = order[stays]
    return PrivateSpans(spans.rows[chosen], spans.starts[chosen], spans.ends[chosen], spans.kinds[chosen])


def whole_lines(data: Bytes, offsets: Offsets, spans: PrivateSpans, chosen: npt.NDArray[np.bool_], nothing: int) -> PrivateSpans:
    """The spans (without overlaps), the `chosen` ones grown to whole lines, line breaks included; spans within those lines are dropped.

    `nothing` is the number of the replacement for a line.
    """
    view = data.data
    cut: list[tuple[int, int, int, int]] = []
    done = int(offsets[0])
    for row, start, end in zip(spans.rows[chosen].tolist(), spans.starts[chosen].tolist(), spans.ends[chosen].tolist(), strict=True):
        first, stop = int(offsets[row]), int(offsets[row + 1])
        if start < done:
            continue
        begin = bytes(view[max(first, done) : start]).rfind(b"\n") + 1 + max(first, done)
        after = _line_end(data, end, stop)
        cut.append((row, begin, after, nothing))
        done = after
    lines = PrivateSpans.of(cut)
    held = np.searchsorted(lines.ends, spans.starts, side="right")
    outside = np.append(lines.starts, np.iinfo(np.int64).max)[held] > spans.starts
    both = PrivateSpans.concat([lines, PrivateSpans(*(getattr(spans, name)[outside] for name in PrivateSpans.__slots__))])
    order = np.argsort(both.starts, kind="stable")
    return PrivateSpans(*(getattr(both, name)[order] for name in PrivateSpans.__slots__))


@numba.njit(cache=True, nogil=True)
def _line_end(data, at, stop):  # type: ignore[no-untyped-def]
    while at < stop and data[at] != 0x0A:
        at += 1
    return min(at + 1, stop)


class _Cuts(NamedTuple):
    """Spans to replace, in text order, each with the number of its replacement."""

    starts: Ints
    ends: Ints
    kinds: Ints


class _Replacements(NamedTuple):
    """Replacement i has the bytes words[bounds[i]:bounds[i + 1]]."""

    words: Bytes
    bounds: Ints


def replace_spans(data: Bytes, offsets: Offsets, spans: PrivateSpans, replacements: Sequence[bytes]) -> tuple[Bytes, Offsets, PrivateSpans]:
    """(data, offsets, spans): the text with replacements[kind] for each span, and where the replacements are."""
    words = np.frombuffer(b"".join(replacements), np.uint8)
    bounds = np.concatenate([[0], np.cumsum([len(word) for word in replacements])]).astype(np.int64)
    growth = np.diff(bounds)[spans.kinds] - (spans.ends - spans.starts)
    n_bytes = int(offsets[-1] - offsets[0] + growth.sum())
    fresh, fresh_offsets, starts = _replace(
        data, offsets, _Cuts(spans.starts, spans.ends, spans.kinds), _Replacements(words, bounds), n_bytes
    )
    fresh.flags.writeable = fresh_offsets.flags.writeable = False
    return fresh, fresh_offsets, PrivateSpans(spans.rows, starts, starts + np.diff(bounds)[spans.kinds], spans.kinds)


@numba.njit(cache=True, nogil=True)
def _replace(data: Bytes, offsets: Offsets, cuts: _Cuts, replacements: _Replacements, n_bytes: int) -> tuple[Bytes, Offsets, Ints]:
    """(data of n_bytes, offsets, where each replacement starts)."""
    starts, ends, kinds = cuts
    words, bounds = replacements
    fresh = np.empty(n_bytes, np.uint8)
    fresh_offsets = np.zeros(len(offsets), np.int64)
    fresh_starts = np.empty(len(starts), np.int64)
    filled = span = 0
    for row in range(len(offsets) - 1):
        at, stop = offsets[row], offsets[row + 1]
        while span < len(starts) and starts[span] < stop:
            filled = _copy(data, at, starts[span], fresh, filled)
            fresh_starts[span] = filled
            filled = _copy(words, bounds[kinds[span]], bounds[kinds[span] + 1], fresh, filled)
            at = ends[span]
            span += 1
        filled = _copy(data, at, stop, fresh, filled)
        fresh_offsets[row + 1] = filled
    return fresh, fresh_offsets, fresh_starts


@numba.njit(cache=True, nogil=True)
def _copy(source, start, end, target, filled):  # type: ignore[no-untyped-def]
    target[filled : filled + end - start] = source[start:end]
    return filled + end - start
