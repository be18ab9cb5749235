"""A text column in, every place that might hold a private value out, in one linear pass over the bytes.

The forms are told apart by their bytes: what stands around an `@`, what follows one, numbers (groups of digits with single
separators between), words of letters and digits, what starts like an IBAN, a key, a global IPv6 address or a MAC address. A number
carries the lengths of its groups and the separators between them, a word the lengths of its runs of letters and digits, so that
each kind picks its candidates by comparing integers and text without any costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numba
import numpy as np
import numpy.typing as npt

from schemas.buffers import Bytes, Offsets

AT: Final = 0
NUMBER: Final = 1
IBAN: Final = 2
IPV6: Final = 3
TOKEN: Final = 4
KEY: Final = 5
MAC: Final = 6
HANDLE: Final = 7
BEGIN: Final = 8
"""The BEGIN of a text in PEM."""
PHRASE: Final = 9
"""Found by a regular expression, see `phrases`."""

SPACE: Final = 1
HYPHEN: Final = 2
DOT: Final = 3
SLASH: Final = 4
BRACKET: Final = 5

MAX_GROUPS: Final = 10
MIN_DIGITS: Final = 7
CONTEXT: Final = 48  # bytes on either side that a finder may look at
_GROUP_BITS: Final = 6
_LONGEST_GROUP: Final = (1 << _GROUP_BITS) - 1
_SEPARATOR_BITS: Final = 3
_LONGEST_LOCAL: Final = 64  # RFC 5321
_LONGEST_DOMAIN: Final = 253
_LONGEST_IBAN: Final = 34
_LONGEST_IPV6: Final = 45
_SHORTEST_TOKEN: Final = 6
_LONGEST_TOKEN: Final = 128
_LONGEST_HANDLE: Final = 39
_LETTERS_FIRST: Final = 1 << (MAX_GROUPS * _GROUP_BITS)

_DIGIT: Final = 1
_LETTER: Final = 2
_LOCAL: Final = 4
_DOMAIN: Final = 8
_HEX: Final = 16
_START: Final = 32  # a candidate is looked for here
_TOKEN: Final = 64  # letters, digits and `_` run on into the number beside them


def shape(*lengths: int) -> int:
    """The code of a number whose groups have these lengths: shape(3, 2, 4) is that of 078-05-1120."""
    code = 0
    for length in lengths:
        code = code << _GROUP_BITS | length
    return code


def word(*lengths: int) -> int:
    """The code of a word that starts with letters and whose runs have these lengths: word(5, 4, 1) is that of ABCDE1234F."""
    return shape(*lengths) | _LETTERS_FIRST


def separators(*kinds: int) -> int:
    """The code of the separators between groups: separators(HYPHEN, HYPHEN) is that of 078-05-1120."""
    code = 0
    for kind in kinds:
        code = code << _SEPARATOR_BITS | kind
    return code


@dataclass(frozen=True, slots=True)
class Candidates:
    """Places in a column's text buffer, in no order; parts of a long number stand beside the whole of it."""

    rows: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    forms: npt.NDArray[np.uint8]
    n_digits: npt.NDArray[np.int64]
    """Of a number or a word; an X that closes a Chinese identity number counts as a digit."""
    shapes: npt.NDArray[np.int64]
    """Of a number or a word that starts with digits, see `shape`; of other words, see `word`. 0 where the runs are too many."""
    separators: npt.NDArray[np.int64]
    """Of a number, see `separators`."""

    def where(self, chosen: npt.NDArray[np.bool_]) -> Candidates:
        """The chosen ones."""
        return Candidates(*(getattr(self, name)[chosen] for name in self.__slots__))

    def __len__(self) -> int:
        return len(self.rows)


class Window(NamedTuple):
    """What a finder sees: a candidate and the CONTEXT bytes of its row on either side (characters at the far ends may be cut)."""

    before: bytes
    value: bytes
    after: bytes

    def __repr__(self) -> str:
        """No private value, so that none reaches a traceback or a log."""
        return f"Window({len(self.before)}, {len(self.value)}, {len(self.after)} bytes)"


def scan(data: Bytes, offsets: Offsets, active: npt.NDArray[np.bool_]) -> Candidates:
    """The candidates in the active rows."""
    # The shortest two candidates that share bytes need more than two bytes each; pages that stay unused cost nothing.
    most = int(offsets[-1] - offsets[0]) // 2 + 16
    rows, starts, ends = np.empty(most, np.int64), np.empty(most, np.int64), np.empty(most, np.int64)
    forms, numbers = np.empty(most, np.uint8), np.empty((most, 3), np.int64)
    n = _scan(data, offsets, active, _CLASSES, rows, starts, ends, forms, numbers)
    return Candidates(rows[:n], starts[:n], ends[:n], forms[:n], *numbers[:n].T)


def phrases_at(rows: list[int], starts: list[int], ends: list[int]) -> Candidates:
    """Candidates that a regular expression found."""
    n = len(rows)
    none = np.zeros(n, np.int64)
    at = [np.array(column, np.int64) for column in (rows, starts, ends)]
    return Candidates(at[0], at[1], at[2], np.full(n, PHRASE, np.uint8), none, none, none)


def _byte_classes() -> npt.NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    for byte in range(128):
        char = chr(byte)
        if char.isdigit():
            table[byte] |= _DIGIT | _HEX | _START
        if char.isalpha():
            table[byte] |= _LETTER
        if char in "abcdefABCDEF":
            table[byte] |= _HEX
        if char.isalnum() or char == "_":
            table[byte] |= _TOKEN
        if char.isalnum() or char in "._%+-'":
            table[byte] |= _LOCAL
        if char.isalnum() or char in ".-":
            table[byte] |= _DOMAIN
    table[ord("@")] |= _START
    table[ord("-")] |= _START
    table[128:] |= _DOMAIN  # internationalised names
    table.flags.writeable = False
    return table


_CLASSES: Final = _byte_classes()
_KEY_STARTS: Final = np.frombuffer(b"AKIASIghpghoghughsghrgitxoxeyJsk_rk_sk-AIzglpnpmhf_SG.", np.uint8).reshape(-1, 3)
"""How keys of AWS, GitHub, Slack, JSON web tokens, Stripe, OpenAI, Google, GitLab, npm, Hugging Face and SendGrid begin."""


@numba.njit(cache=True, nogil=True)
def _scan(data, offsets, active, classes, rows, starts, ends, forms, numbers):  # type: ignore[no-untyped-def]
    n = 0
    for row in range(len(offsets) - 1):
        if not active[row]:
            continue
        first, stop = offsets[row], offsets[row + 1]
        at = first
        while at < stop:
            bits = classes[data[at]]
            if not bits & _START:
                at += 1
                continue
            before = n
            if data[at] == 0x2D:
                if _begins_pem(data, first, at, stop):
                    starts[n], ends[n], forms[n], rows[n] = at + 1, at + 6, BEGIN, row
                    n += 1
                at += 1
                continue
            if not bits & _DIGIT:
                start, end = _around_at(data, classes, first, at, stop)
                form = AT
                if not end:
                    start, end = at, _handle_end(data, classes, first, at, stop)
                    form = HANDLE
                if end:
                    starts[n], ends[n], forms[n] = start, end, form
                    n += 1
                at += 1
                for i in range(before, n):
                    rows[i] = row
                continue
            start, end = _mac(data, classes, first, at, stop)
            if end:
                starts[n], ends[n], forms[n] = start, end, MAC
                n += 1
                at = end
            elif at > first and (
                classes[data[at - 1]] & _TOKEN or (data[at - 1] == 0x2D and at - first >= 5 and _is_key_start(data, at - 5, stop))
            ):
                end = _iban_end(data, classes, first, at, stop)
                if end:
                    starts[n], ends[n], forms[n] = at - 2, end, IBAN
                    n += 1
                start = _token_start(data, classes, first, at)
                n, at = _word(data, classes, first, start, stop, n, starts, ends, forms, numbers)
            else:
                end = _ipv6_end(data, classes, at, stop)
                if end:
                    starts[n], ends[n], forms[n] = at, end, IPV6
                    n += 1
                    at = end
                else:
                    n, at = _number(data, classes, first, at, stop, n, starts, ends, forms, numbers)
            for i in range(before, n):
                rows[i] = row
    return n


@numba.njit(cache=True, nogil=True)
def _token_end(data, classes, at, stop):  # type: ignore[no-untyped-def]
    while at < stop and classes[data[at]] & _TOKEN:
        at += 1
    return at


@numba.njit(cache=True, nogil=True)
def _begins_pem(data, first, at, stop):  # type: ignore[no-untyped-def]
    """Whether the hyphen at `at` is the last of "-----BEGIN "."""
    if at + 6 >= stop or at - first < 4 or data[at + 1] != 0x42 or data[at + 2] != 0x45 or data[at + 6] != 0x20:
        return False
    return data[at - 1] == 0x2D and data[at - 4] == 0x2D and data[at + 5] == 0x4E


@numba.njit(cache=True, nogil=True)
def _token_start(data, classes, first, at):  # type: ignore[no-untyped-def]
    """Where the word around `at` starts, or _LONGEST_TOKEN bytes before."""
    start = at
    while start > first and at - start < _LONGEST_TOKEN and classes[data[start - 1]] & _TOKEN:
        start -= 1
    return start


@numba.njit(cache=True, nogil=True)
def _word(data, classes, first, start, stop, n, starts, ends, forms, numbers):  # type: ignore[no-untyped-def]
    """Write the word of letters and digits at `start`, or the key that it is part of; return (n, where it ends)."""
    begin = start
    while begin > first and start - begin < _LONGEST_HANDLE and (classes[data[begin - 1]] & _TOKEN or data[begin - 1] == 0x2D):
        begin -= 1
    if _is_key_start(data, begin, stop) or (begin != start and _is_key_start(data, start, stop)):
        begin = begin if _is_key_start(data, begin, stop) else start
        end = begin
        while end < stop and (classes[data[end]] & _TOKEN or data[end] in (0x2D, 0x2E)):
            end += 1
        while data[end - 1] in (0x2D, 0x2E):
            end -= 1
        starts[n], ends[n], forms[n] = begin, end, KEY
        return n + 1, max(end, _token_end(data, classes, start, stop))
    code, runs, run, n_digits, letters = 0, 0, 0, 0, False
    at = start
    while at < stop and classes[data[at]] & _TOKEN:
        is_letter = not classes[data[at]] & _DIGIT
        n_digits += not is_letter
        if at > start and is_letter != letters:
            code = code << _GROUP_BITS | min(run, _LONGEST_GROUP) if runs < MAX_GROUPS else code
            runs, run = runs + 1, 0
        letters = is_letter
        run += 1
        at += 1
    code = code << _GROUP_BITS | min(run, _LONGEST_GROUP) if runs < MAX_GROUPS else 0
    bracketed = start > first and data[start - 1] == 0x3C and at < stop and data[at] == 0x3E  # a placeholder
    if _SHORTEST_TOKEN <= at - start <= _LONGEST_TOKEN and not bracketed and n_digits:
        if code and not classes[data[start]] & _DIGIT:
            code |= _LETTERS_FIRST
        starts[n], ends[n], forms[n] = start, at, TOKEN
        numbers[n, 0], numbers[n, 1], numbers[n, 2] = n_digits, code, 0
        n += 1
    return n, at


@numba.njit(cache=True, nogil=True)
def _is_key_start(data, at, stop):  # type: ignore[no-untyped-def]
    """Whether the three bytes at `at` open a key of a well-known service."""
    if at + 16 > stop:
        return False
    for i in range(len(_KEY_STARTS)):
        if data[at] == _KEY_STARTS[i, 0] and data[at + 1] == _KEY_STARTS[i, 1] and data[at + 2] == _KEY_STARTS[i, 2]:
            return True
    return False


@numba.njit(cache=True, nogil=True)
def _mac(data, classes, first, at, stop):  # type: ignore[no-untyped-def]
    """(start, end) of six pairs of hexadecimal digits with `:` or `-` between around the digit at `at`; else (0, 0)."""
    start = at - 1 if at > first and classes[data[at - 1]] & _HEX else at
    if start + 2 > stop or not (classes[data[start]] & _HEX and start + 1 < stop and classes[data[start + 1]] & _HEX):
        return 0, 0
    joint = data[start + 2] if start + 2 < stop else 0
    if joint not in (0x3A, 0x2D):
        joint = data[start - 1] if start > first else 0
        if joint not in (0x3A, 0x2D):
            return 0, 0
    for _ in range(5):
        if start - 3 < first or data[start - 1] != joint or not (classes[data[start - 2]] & _HEX and classes[data[start - 3]] & _HEX):
            break
        start -= 3
    end = start + 17
    if end > stop:
        return 0, 0
    for pair in range(6):
        p = start + 3 * pair
        if not (classes[data[p]] & _HEX and classes[data[p + 1]] & _HEX) or (pair and data[p - 1] != joint):
            return 0, 0
    if start > first and (classes[data[start - 1]] & _TOKEN or data[start - 1] == joint):
        return 0, 0
    if end < stop and (classes[data[end]] & _TOKEN or data[end] == joint):
        return 0, 0
    return start, end


@numba.njit(cache=True, nogil=True)
def _handle_end(data, classes, first, at, stop):  # type: ignore[no-untyped-def]
    """End of the `@name` that stands by itself at `at`; 0 where none does."""
    if at > first and (classes[data[at - 1]] & (_TOKEN | _LOCAL) or data[at - 1] in (0x40, 0x2F)):
        return 0
    end = at + 1
    while end < stop and end - at <= _LONGEST_HANDLE and classes[data[end]] & _TOKEN:
        end += 1
    return end if end - at >= 3 else 0


@numba.njit(cache=True, nogil=True)
def _around_at(data, classes, first, at, stop):  # type: ignore[no-untyped-def]
    """(start, end) of the address-like text around the `@`; (0, 0) where it has no name, or a short host without a dot."""
    start = at
    while start > first and at - start < _LONGEST_LOCAL and classes[data[start - 1]] & _LOCAL:
        start -= 1
    end = at + 1
    dotted = False
    while end < stop and end - at <= _LONGEST_DOMAIN and classes[data[end]] & _DOMAIN:
        dotted |= data[end] == 0x2E
        end += 1
    if start < at:
        return (start, end) if dotted or end - at > 3 else (0, 0)
    # No name, but perhaps the end of a password: https://jane:secret!@host.
    return (at, end) if dotted and at > first and data[at - 1] > 0x20 and data[at - 1] != 0x40 else (0, 0)


@numba.njit(cache=True, nogil=True)
def _iban_end(data, classes, first, at, stop):  # type: ignore[no-untyped-def]
    """End of what starts like an IBAN two bytes before the digit at `at`; 0 where nothing does."""
    if at - first < 2 or at + 1 >= stop or not classes[data[at + 1]] & _DIGIT:
        return 0
    if not (classes[data[at - 1]] & _LETTER and classes[data[at - 2]] & _LETTER):
        return 0
    if at - first > 2 and classes[data[at - 3]] & _TOKEN:
        return 0
    n, n_digits, end = 2, 0, at
    while end < stop and n < _LONGEST_IBAN + 1:
        bits = classes[data[end]]
        if bits & (_DIGIT | _LETTER):
            n += 1
            n_digits += bits & _DIGIT
            end += 1
        elif data[end] == 0x20 and end + 1 < stop and classes[data[end + 1]] & (_DIGIT | _LETTER):
            end += 1
        else:
            break
    return end if n >= 15 and n_digits >= 8 else 0


@numba.njit(cache=True, nogil=True)
def _ipv6_end(data, classes, at, stop):  # type: ignore[no-untyped-def]
    """End of what starts like an address in 2000::/3, the only global ones; 0 where nothing does."""
    if at + 6 >= stop or data[at] not in (0x32, 0x33) or data[at + 4] != 0x3A:
        return 0
    for i in range(at + 1, at + 4):
        if not classes[data[i]] & _HEX:
            return 0
    end = at + 5
    n_colons = 1
    while end < stop and end - at < _LONGEST_IPV6 and (classes[data[end]] & _HEX or data[end] == 0x3A):
        n_colons += data[end] == 0x3A
        end += 1
    return end if n_colons >= 2 else 0


@numba.njit(cache=True, nogil=True)
def _separator(data, classes, at, stop):  # type: ignore[no-untyped-def]
    """(kind, first byte of the next group) of the separator at `at`; kind 0 where no group of digits follows."""
    kind = 0
    p = at
    if p < stop and data[p] == 0x29:  # )
        kind = BRACKET
        p += 1
    if p < stop:
        byte = data[p]
        if byte == 0x20:
            kind, p = SPACE, p + 1
        elif byte == 0x2D:
            kind, p = HYPHEN, p + 1
        elif byte == 0x2E:
            kind, p = DOT, p + 1
        elif byte == 0x2F:
            kind, p = SLASH, p + 1
        elif byte == 0xC2 and p + 1 < stop and data[p + 1] == 0xA0:  # no-break space
            kind, p = SPACE, p + 2
        elif byte == 0xE2 and p + 2 < stop and data[p + 1] == 0x80:
            if 0x90 <= data[p + 2] <= 0x95:  # hyphens and dashes
                kind, p = HYPHEN, p + 3
            elif data[p + 2] == 0xAF or data[p + 2] == 0x89:  # narrow spaces
                kind, p = SPACE, p + 3
    if p < stop and data[p] == 0x28:  # (
        kind = kind if kind else BRACKET
        p += 1
    if p < stop and classes[data[p]] & _DIGIT:
        return kind, p
    return 0, at


@numba.njit(cache=True, nogil=True)
def _number(data, classes, first, at, stop, n, starts, ends, forms, numbers):  # type: ignore[no-untyped-def]
    """Write the number at `at` as one candidate, and each of its parts between spaces as another; return (n, what is read)."""
    start = part = end = at
    n_groups, n_digits, lengths, joints = 0, 0, 0, 0
    part_groups, part_digits, part_lengths, part_joints = 0, 0, 0, 0
    joint = 0
    spaced = False
    while True:
        group = at
        while at < stop and classes[data[at]] & _DIGIT:
            at += 1
        length = at - group
        if at < stop and classes[data[at]] & _TOKEN:
            x = data[at] == 0x58 or data[at] == 0x78
            whole = at + 1 == stop or not classes[data[at + 1]] & _TOKEN
            if x and whole and (length == 17 or (length == 3 and lengths == (6 << _GROUP_BITS | 8))):
                length += 1
                at += 1
            elif not (x and n_digits + length >= MIN_DIGITS and not whole and classes[data[at + 1]] & _DIGIT):
                n, at = _word(data, classes, first, group, stop, n, starts, ends, forms, numbers)
                break
        length = min(length, _LONGEST_GROUP)
        if n_groups < MAX_GROUPS:
            lengths = lengths << _GROUP_BITS | length
            joints = joints << _SEPARATOR_BITS | joint
            n_digits += length
            end = at
        n_groups += 1
        if joint == SPACE:
            part, part_groups, part_digits, part_lengths, part_joints = group, 0, 0, 0, 0
        if part_groups < MAX_GROUPS:
            part_lengths = part_lengths << _GROUP_BITS | length
            part_joints = part_joints << _SEPARATOR_BITS | (joint if part_groups else 0)
            part_digits += length
        part_groups += 1
        joint, p = _separator(data, classes, at, stop)
        if joint != 0 and data[p - 1] == 0x28 and n_digits >= MIN_DIGITS:
            joint = 0  # a bracket opens the next number
        if (joint == SPACE or (joint == 0 and spaced)) and part_groups <= MAX_GROUPS and _suffices(part_digits, part_groups, part_joints):
            starts[n], ends[n], forms[n] = part, at, NUMBER
            numbers[n, 0], numbers[n, 1], numbers[n, 2] = part_digits, part_lengths, part_joints
            n += 1
        if joint == 0:
            break
        spaced |= joint == SPACE
        at = p
    if _suffices(n_digits, min(n_groups, MAX_GROUPS), joints):
        starts[n], ends[n], forms[n] = start, end, NUMBER
        numbers[n, 0], numbers[n, 1], numbers[n, 2] = n_digits, lengths, joints
        n += 1
    return n, at


@numba.njit(cache=True, nogil=True)
def _suffices(n_digits, n_groups, joints):  # type: ignore[no-untyped-def]
    """Enough digits for any kind, or four groups that start with dots between, like an IPv4 address, or three like a date."""
    if n_digits >= MIN_DIGITS or (n_groups == 3 and n_digits == MIN_DIGITS - 1):
        return True
    if n_groups < 4:
        return False
    head = joints >> (_SEPARATOR_BITS * (n_groups - 4))
    return head == (DOT << 2 * _SEPARATOR_BITS | DOT << _SEPARATOR_BITS | DOT)
