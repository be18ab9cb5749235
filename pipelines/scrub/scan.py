"""A text column in, every place that might hold a private value out, in one linear pass over the bytes.

What to read is told by single bytes: an `@`, the hyphen before BEGIN, a digit, what may read as another character. Text without any
costs one look-up a byte.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from pipelines.scrub.candidates import AT, BEGIN, HANDLE, IBAN, IPV6, MAC, WRITTEN, Candidates
from pipelines.scrub.reading import IN_NUMBER, broken_after_at, readings, reads_otherwise
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
    is_written,
    token_start,
    write_word,
)
from schemas.buffers import Bytes, Offsets
from tokenizer.memory import kernel


def scan(data: Bytes, offsets: Offsets, active: npt.NDArray[np.bool_]) -> tuple[Candidates, npt.NDArray[np.int64]]:
    """The candidates in the active rows; int64[m]: where characters stand that read otherwise and matter, ascending, see `reading`."""
    # The shortest two candidates that share bytes need more than two bytes each; pages that stay unused cost nothing.
    most = int(offsets[-1] - offsets[0]) // 2 + 16
    rows, starts, ends = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    forms, numbers, odd = np.empty(most, np.uint8), np.empty((most, 3), np.int64), np.empty(2 * most, np.int64)
    n, n_odd = _scan(data, offsets, active, CLASSES, readings(), rows, starts, ends, forms, numbers, odd)
    return Candidates(rows[:n], starts[:n], ends[:n], forms[:n], *numbers[:n].T), odd[:n_odd].copy()


@kernel
def _scan(data, offsets, active, classes, table, rows, starts, ends, forms, numbers, odd):  # type: ignore[no-untyped-def]
    n = n_odd = 0
    for row in range(len(offsets) - 1):
        if not active[row]:
            continue
        first, stop = offsets[row], offsets[row + 1]
        at, odd_before, has_at = first, n_odd, False
        while at < stop:
            bits = classes[data[at]]
            if not bits & START:
                at += 1
                continue
            if bits & ODD and data[at] < 0x80 and data[at] not in (0x25, 0x26, 0x5C):
                if is_written(data, first, at, stop):
                    starts[n], ends[n], forms[n], rows[n] = at, at + 1, WRITTEN, row
                    n += 1
                at += 1
                continue
            if bits & ODD:
                matters, width = reads_otherwise(data, first, at, stop, table)
                if matters:
                    odd[n_odd] = at if matters == IN_NUMBER else -at - 1
                    n_odd += 1
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
                has_at = True
                if broken_after_at(data, first, at, stop):
                    odd[n_odd] = at
                    n_odd += 1
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
        n_odd = _that_matter(odd, odd_before, n_odd, has_at)
    return n, n_odd


@kernel
def _that_matter(odd, first, stop, has_at):  # type: ignore[no-untyped-def]
    """Keep of a row's places those in numbers, and those in words (written as -1 - place) if the row has an `@`; return their end."""
    kept = first
    for i in range(first, stop):
        if odd[i] >= 0 or has_at:
            odd[kept] = odd[i] if odd[i] >= 0 else -1 - odd[i]
            kept += 1
    return kept
