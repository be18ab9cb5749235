"""A text column -> every place that might hold a private value, in one linear pass over the bytes.

Single bytes say where to read on: an `@`, the hyphen before BEGIN, a digit, a byte that may begin a character that reads as another. Text
without any costs one look-up per byte.
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
    CandidateRows,
    RowBytes,
    around_at,
    begins_pem,
    handle_end,
    is_key_start,
    is_written,
    token_start,
    write_candidate,
    write_word,
)
from schemas.buffers import Bytes, Offsets
from tokenizer.memory import kernel

_ESCAPES = (0x25, 0x26, 0x5C)
"""`%`, `&` and the backslash, which begin an escaped character."""


def scan(data: Bytes, offsets: Offsets, active: npt.NDArray[np.bool_]) -> tuple[Candidates, npt.NDArray[np.int64]]:
    """(the candidates in the active rows, int64[m]: ascending positions of characters that read otherwise and matter, see `reading`)."""
    # The shortest two candidates that share bytes need more than two bytes each; pages that stay unused cost nothing.
    most = int(offsets[-1] - offsets[0]) // 2 + 16
    rows, starts, ends = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    out = CandidateRows(rows, starts, ends, np.empty(most, np.uint8), np.empty((most, 3), np.int64))
    odd = np.empty(2 * most, np.int64)
    n, n_odd = _scan(data, offsets, active, CLASSES, readings(), out, odd)
    return Candidates(rows[:n], starts[:n], ends[:n], out.forms[:n], *out.numbers[:n].T), odd[:n_odd].copy()


@kernel
def _scan(data, offsets, active, classes, table, out, odd):  # type: ignore[no-untyped-def]
    """Write all candidates and odd characters; returns how many there are of each."""
    n = n_odd = 0
    for number in range(len(offsets) - 1):
        if not active[number]:
            continue
        row = RowBytes(data, classes, offsets[number], offsets[number + 1])
        first_of_row, odd_of_row, has_at = n, n_odd, False
        at = row.first
        while at < row.stop:
            bits = classes[data[at]]
            if not bits & START:
                at += 1
            elif bits & DIGIT:
                n, at = _write_from_digit(row, at, out, n)
            elif bits & ODD:
                n, n_odd, at = _write_odd(row, at, table, out, n, odd, n_odd)
            elif data[at] == 0x2D:
                if begins_pem(data, row.first, at, row.stop):
                    n = write_candidate(out, n, at + 1, at + 6, BEGIN)
                at += 1
            else:
                has_at = True
                if broken_after_at(data, row.first, at, row.stop):
                    odd[n_odd] = at
                    n_odd += 1
                n = _write_around_at(row, at, out, n)
                at += 1
        for i in range(first_of_row, n):
            out.rows[i] = number
        n_odd = _keep_those_that_matter(odd, odd_of_row, n_odd, has_at)
    return n, n_odd


@kernel
def _write_odd(row, at, table, out, n, odd, n_odd):  # type: ignore[no-untyped-def]
    """Read a character that may spell an address or read as another; returns (new n, new n_odd, where to read on)."""
    data, _, first, stop = row
    if data[at] < 0x80 and data[at] not in _ESCAPES:
        if is_written(data, first, at, stop):
            n = write_candidate(out, n, at, at + 1, WRITTEN)
        return n, n_odd, at + 1
    matters, width = reads_otherwise(data, first, at, stop, table)
    if matters:
        odd[n_odd] = at if matters == IN_NUMBER else -at - 1
        n_odd += 1
    return n, n_odd, at + width


@kernel
def _write_around_at(row: RowBytes, at: int, out: CandidateRows, n: int) -> int:
    """Write what is around an `@`, if it may be an address or a handle; returns the new n."""
    data, classes, first, stop = row
    start, end = around_at(data, classes, first, at, stop)
    if end:
        return write_candidate(out, n, start, end, AT)
    end = handle_end(data, classes, first, at, stop)
    return write_candidate(out, n, at, end, HANDLE) if end else n


@kernel
def _write_from_digit(row: RowBytes, at: int, out: CandidateRows, n: int) -> tuple[int, int]:
    """Write what is around a digit; returns (new n, where to read on)."""
    data, classes, first, stop = row
    start, end = mac_around(data, classes, first, at, stop)
    if end:
        return write_candidate(out, n, start, end, MAC), end
    after_hyphen = at > first and data[at - 1] == 0x2D and at - first >= 5
    if at > first and (classes[data[at - 1]] & RUNS_ON or (after_hyphen and is_key_start(data, at - 5, stop))):
        end = iban_end(data, classes, first, at, stop)
        if end:
            n = write_candidate(out, n, at - 2, end, IBAN)
        return write_word(row, token_start(data, classes, first, at), out, n)
    end = ipv6_end(data, classes, at, stop)
    if end:
        return write_candidate(out, n, at, end, IPV6), end
    return write_number(row, at, out, n)


@kernel
def _keep_those_that_matter(odd: Offsets, first: int, stop: int, has_at: bool) -> int:
    """Keep of a row's odd characters those in numbers, and those in words (written as -1 - position) if the row has an `@`.

    Returns where they end.
    """
    kept = first
    for i in range(first, stop):
        if odd[i] >= 0 or has_at:
            odd[kept] = odd[i] if odd[i] >= 0 else -1 - odd[i]
            kept += 1
    return kept
