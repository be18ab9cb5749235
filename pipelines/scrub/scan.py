"""A text column in, every place that might hold a private value out, in one linear pass over the bytes.

What to read is told by single bytes: an `@`, the hyphen before BEGIN, a digit, what may read as another character. Text without any
costs one look-up a byte.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt

from pipelines.scrub.candidates import AT, BEGIN, HANDLE, IBAN, IPV6, MAC, Candidates
from pipelines.scrub.reading import HAS_AT, IN_NUMBER, IN_WORD, broken_after_at, readings, reads_otherwise
from pipelines.scrub.scan_numbers import iban_end, ipv6_end, mac_around, write_number
from pipelines.scrub.scan_words import (
    CLASSES,
    DIGIT,
    ODD,
    RUNS_ON,
    START,
    around_at,
    begins_pem,
    handle_end,
    is_key_start,
    token_start,
    write_word,
)
from schemas.buffers import Bytes, Offsets


def scan(data: Bytes, offsets: Offsets, active: npt.NDArray[np.bool_]) -> tuple[Candidates, npt.NDArray[np.bool_]]:
    """The candidates in the active rows; bool[n]: the active rows that are to be scanned as they read, too, see `reading`."""
    # The shortest two candidates that share bytes need more than two bytes each; pages that stay unused cost nothing.
    most = int(offsets[-1] - offsets[0]) // 2 + 16
    rows, starts, ends = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    forms, numbers = np.empty(most, np.uint8), np.empty((most, 3), np.int64)
    odd = np.zeros(len(active), np.uint8)
    n = _scan(data, offsets, active, CLASSES, readings(), rows, starts, ends, forms, numbers, odd)
    reads_otherwise = (odd & IN_NUMBER > 0) | (odd & (IN_WORD | HAS_AT) == IN_WORD | HAS_AT)
    return Candidates(rows[:n], starts[:n], ends[:n], forms[:n], *numbers[:n].T), reads_otherwise


@numba.njit(cache=True, nogil=True)
def _scan(data, offsets, active, classes, table, rows, starts, ends, forms, numbers, odd):  # type: ignore[no-untyped-def]
    n = 0
    for row in range(len(offsets) - 1):
        if not active[row]:
            continue
        first, stop = offsets[row], offsets[row + 1]
        at = first
        while at < stop:
            bits = classes[data[at]]
            if not bits & START:
                at += 1
                continue
            if bits & ODD:
                matters, width = reads_otherwise(data, first, at, stop, table)
                odd[row] |= matters
                at += width
                continue
            before = n
            if data[at] == 0x2D:
                if begins_pem(data, first, at, stop):
                    starts[n], ends[n], forms[n], rows[n] = at + 1, at + 6, BEGIN, row
                    n += 1
                at += 1
                continue
            if not bits & DIGIT:
                odd[row] |= HAS_AT
                if broken_after_at(data, first, at, stop):
                    odd[row] |= IN_NUMBER
                start, end = around_at(data, classes, first, at, stop)
                form = AT
                if not end:
                    start, end = at, handle_end(data, classes, first, at, stop)
                    form = HANDLE
                if end:
                    starts[n], ends[n], forms[n] = start, end, form
                    n += 1
                at += 1
                for i in range(before, n):
                    rows[i] = row
                continue
            start, end = mac_around(data, classes, first, at, stop)
            if end:
                starts[n], ends[n], forms[n] = start, end, MAC
                n += 1
                at = end
            elif at > first and (
                classes[data[at - 1]] & RUNS_ON or (data[at - 1] == 0x2D and at - first >= 5 and is_key_start(data, at - 5, stop))
            ):
                end = iban_end(data, classes, first, at, stop)
                if end:
                    starts[n], ends[n], forms[n] = at - 2, end, IBAN
                    n += 1
                start = token_start(data, classes, first, at)
                n, at = write_word(data, classes, first, start, stop, n, starts, ends, forms, numbers)
            else:
                end = ipv6_end(data, classes, at, stop)
                if end:
                    starts[n], ends[n], forms[n] = at, end, IPV6
                    n += 1
                    at = end
                else:
                    n, at = write_number(data, classes, first, at, stop, n, starts, ends, forms, numbers)
            for i in range(before, n):
                rows[i] = row
    return n
