"""The parts of the byte scan that read digits: numbers with their groups, and text that starts like an IBAN, IPv6 or MAC address."""

from __future__ import annotations

from typing import Final

from pipelines.scrub.candidates import (
    BRACKET,
    DOT,
    FEWEST_DIGITS,
    GROUP_BITS,
    HYPHEN,
    LONGEST_GROUP,
    MAX_GROUPS,
    MIN_DIGITS,
    NUMBER,
    SEPARATOR_BITS,
    SLASH,
    SPACE,
)
from pipelines.scrub.scan_words import DIGIT, HEX, LETTER, RUNS_ON, CandidateRows, RowBytes, write_with_shape, write_word
from tokenizer.memory import kernel

_LONGEST_IBAN: Final = 34
_LONGEST_IPV6: Final = 45


@kernel
def mac_around(data, classes, first, at, stop):  # type: ignore[no-untyped-def]
    """(start, end) of six pairs of hexadecimal digits with `:` or `-` between around the digit at `at`; else (0, 0)."""
    start = at - 1 if at > first and classes[data[at - 1]] & HEX else at
    if start + 2 > stop or not (classes[data[start]] & HEX and start + 1 < stop and classes[data[start + 1]] & HEX):
        return 0, 0
    joint = data[start + 2] if start + 2 < stop else 0
    if joint not in (0x3A, 0x2D):
        joint = data[start - 1] if start > first else 0
        if joint not in (0x3A, 0x2D):
            return 0, 0
    for _ in range(5):
        if start - 3 < first or data[start - 1] != joint or not (classes[data[start - 2]] & HEX and classes[data[start - 3]] & HEX):
            break
        start -= 3
    end = start + 17
    if end > stop:
        return 0, 0
    for pair in range(6):
        p = start + 3 * pair
        if not (classes[data[p]] & HEX and classes[data[p + 1]] & HEX) or (pair and data[p - 1] != joint):
            return 0, 0
    if start > first and (classes[data[start - 1]] & RUNS_ON or data[start - 1] == joint):
        return 0, 0
    if end < stop and (classes[data[end]] & RUNS_ON or data[end] == joint):
        return 0, 0
    return start, end


@kernel
def iban_end(data, classes, first, at, stop):  # type: ignore[no-untyped-def]
    """End of the text that starts like an IBAN two bytes before the digit at `at`; 0 if there is none."""
    if at - first < 2 or at + 1 >= stop or not classes[data[at + 1]] & DIGIT:
        return 0
    if not (classes[data[at - 1]] & LETTER and classes[data[at - 2]] & LETTER):
        return 0
    if at - first > 2 and classes[data[at - 3]] & RUNS_ON and not _called_iban(data, first, at - 2):
        return 0
    n, n_digits, end = 2, 0, at
    while end < stop and n < _LONGEST_IBAN + 1:
        bits = classes[data[end]]
        if bits & (DIGIT | LETTER):
            n += 1
            n_digits += bits & DIGIT
            end += 1
        else:
            following = _joint_end(data, end, stop)
            if following == end or following >= stop or not classes[data[following]] & (DIGIT | LETTER):
                break
            end = following
    return end if n >= 15 and n_digits >= 8 else 0


@kernel
def _called_iban(data, first, at):  # type: ignore[no-untyped-def]
    """Whether "IBAN" is directly before `at`, with nothing between."""
    return at - first >= 4 and data[at - 4] == 0x49 and data[at - 3] == 0x42 and data[at - 2] == 0x41 and data[at - 1] == 0x4E


@kernel
def _joint_end(data, at, stop):  # type: ignore[no-untyped-def]
    """Where the space, hyphen or dot at `at` ends, of any width; `at` if there is none."""
    if data[at] in (0x20, 0x2D, 0x2E):
        return at + 1
    if data[at] == 0xC2 and at + 1 < stop and data[at + 1] == 0xA0:  # no-break space
        return at + 2
    if data[at] == 0xE2 and at + 2 < stop and data[at + 1] == 0x80 and (0x90 <= data[at + 2] <= 0x95 or data[at + 2] in (0x89, 0xAF)):
        return at + 3
    return at


@kernel
def ipv6_end(data, classes, at, stop):  # type: ignore[no-untyped-def]
    """End of the text that starts like an address in 2000::/3, the only global ones; 0 if there is none."""
    if at + 6 >= stop or data[at] not in (0x32, 0x33) or data[at + 4] != 0x3A:
        return 0
    for i in range(at + 1, at + 4):
        if not classes[data[i]] & HEX:
            return 0
    end = at + 5
    n_colons = 1
    while end < stop and end - at < _LONGEST_IPV6 and (classes[data[end]] & HEX or data[end] == 0x3A):
        n_colons += data[end] == 0x3A
        end += 1
    return end if n_colons >= 2 else 0


@kernel
def _separator(data, classes, at, stop):  # type: ignore[no-untyped-def]
    """(kind, first byte of the next group) of the separator at `at`; the kind is 0 if no group of digits follows."""
    kind = 0
    p = at
    if p < stop and data[p] == 0x29:  # )
        kind = BRACKET
        p += 1
    if p < stop:
        byte = data[p]
        if byte == 0x20:
            kind, p = SPACE, p + 1
            if p + 1 < stop and data[p] in (0x2D, 0x2F) and data[p + 1] == 0x20:  # 0711 / 123456
                p += 2
            elif p + 3 < stop and data[p] == 0xE2 and data[p + 1] == 0x80 and data[p + 2] == 0x93 and data[p + 3] == 0x20:
                p += 4
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
    if p < stop and classes[data[p]] & DIGIT:
        return kind, p
    return 0, at


@kernel
def write_number(row: RowBytes, at: int, out: CandidateRows, n: int) -> tuple[int, int]:
    """Write the number at `at`, and each of its parts between spaces as a candidate of its own; returns (new n, where it stopped)."""
    data, classes, _, stop = row
    start = part = end = at
    n_groups, n_digits, lengths, joints = 0, 0, 0, 0
    part_groups, part_digits, part_lengths, part_joints = 0, 0, 0, 0
    joint = 0
    spaced = False
    while True:
        group = at
        while at < stop and classes[data[at]] & DIGIT:
            at += 1
        length = at - group
        if at < stop and classes[data[at]] & RUNS_ON:
            x = data[at] == 0x58 or data[at] == 0x78
            whole = at + 1 == stop or not classes[data[at + 1]] & RUNS_ON
            if x and whole and (length == 17 or (length == 3 and lengths == (6 << GROUP_BITS | 8))):
                length += 1
                at += 1
            elif not (x and n_digits + length >= MIN_DIGITS and not whole and classes[data[at + 1]] & DIGIT):
                n, at = write_word(row, group, out, n)
                break
        length = min(length, LONGEST_GROUP)
        if n_groups < MAX_GROUPS:
            lengths = lengths << GROUP_BITS | length
            joints = joints << SEPARATOR_BITS | joint
            n_digits += length
            end = at
        n_groups += 1
        if joint == SPACE:
            part, part_groups, part_digits, part_lengths, part_joints = group, 0, 0, 0, 0
        if part_groups < MAX_GROUPS:
            part_lengths = part_lengths << GROUP_BITS | length
            part_joints = part_joints << SEPARATOR_BITS | (joint if part_groups else 0)
            part_digits += length
        part_groups += 1
        joint, p = _separator(data, classes, at, stop)
        if joint != 0 and data[p - 1] == 0x28 and n_digits >= MIN_DIGITS:
            joint = 0  # a bracket opens the next number
        if (joint == SPACE or (joint == 0 and spaced)) and part_groups <= MAX_GROUPS and _suffices(part_digits, part_groups, part_joints):
            n = write_with_shape(out, n, part, at, NUMBER, part_digits, part_lengths, part_joints)
        if joint == 0:
            break
        spaced |= joint == SPACE
        at = p
    if _suffices(n_digits, min(n_groups, MAX_GROUPS), joints):
        n = write_with_shape(out, n, start, end, NUMBER, n_digits, lengths, joints)
    return n, at


@kernel
def _suffices(n_digits, n_groups, joints):  # type: ignore[no-untyped-def]
    """Enough digits for any kind, or four groups that start with dots between, like an IPv4 address."""
    if n_digits >= FEWEST_DIGITS:
        return True
    if n_groups < 4:
        return False
    head = joints >> (SEPARATOR_BITS * (n_groups - 4))
    return head == (DOT << 2 * SEPARATOR_BITS | DOT << SEPARATOR_BITS | DOT)
