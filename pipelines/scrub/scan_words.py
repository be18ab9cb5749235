"""The parts of the byte scan that read letters: words and keys, text around an `@`, handles, the beginning of PEM blocks."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.scrub.candidates import GROUP_BITS, KEY, LETTERS_FIRST, LONGEST_GROUP, MAX_GROUPS, TOKEN
from pipelines.scrub.reading import readings
from schemas.buffers import Bytes, Offsets
from tokenizer.memory import kernel

DIGIT: Final = 1
LETTER: Final = 2
LOCAL: Final = 4
DOMAIN: Final = 8
HEX: Final = 16
START: Final = 32  # a candidate is looked for here
RUNS_ON: Final = 64  # letters, digits and `_` run on into the number beside them
ODD: Final = 128  # begins a character that may read as another, see `reading`

_LONGEST_LOCAL: Final = 64  # RFC 5321
_LONGEST_DOMAIN: Final = 253
_SHORTEST_TOKEN: Final = 6
_LONGEST_TOKEN: Final = 128
_LONGEST_HANDLE: Final = 39


def _byte_classes() -> npt.NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    for byte in range(128):
        char = chr(byte)
        if char.isdigit():
            table[byte] |= DIGIT | HEX | START
        if char.isalpha():
            table[byte] |= LETTER
        if char in "abcdefABCDEF":
            table[byte] |= HEX
        if char.isalnum() or char == "_":
            table[byte] |= RUNS_ON
        if char.isalnum() or char in "._%+-'":
            table[byte] |= LOCAL
        if char.isalnum() or char in ".-":
            table[byte] |= DOMAIN
    table[ord("@")] |= START
    table[ord("-")] |= START
    table[128:] |= DOMAIN  # internationalised names
    for sign in "%&\\":
        table[ord(sign)] |= START | ODD
    for sign in "[({<.dD":
        table[ord(sign)] |= START | ODD  # may spell an address, see `is_written`
    odd = {chr(code).encode()[0] for code in np.flatnonzero(readings()).tolist()}
    table[list(odd)] |= START | ODD
    table.flags.writeable = False
    return table


CLASSES: Final = _byte_classes()
_KEY_STARTS: Final = np.frombuffer(b"AKIASIghpghoghughsghrgitxoxeyJsk_rk_sk-AIzglpnpmhf_SG.pypsq0AKCdopshpGOC", np.uint8).reshape(-1, 3)
"""How keys of AWS, GitHub, Slack, JSON web tokens, Stripe, OpenAI, Google, GitLab, npm, Hugging Face, SendGrid, PyPI, Square, JFrog,
DigitalOcean, Shopify and Google's OAuth begin."""
PROVIDERS: Final = (
    b"gmail", b"googlemail", b"yahoo", b"ymail", b"hotmail", b"outlook", b"live", b"icloud", b"protonmail", b"proton", b"aol", b"gmx",
    b"web", b"qq", b"163", b"126", b"mail", b"yandex", b"zoho", b"fastmail", b"rediffmail",
)  # fmt: skip
"""Mail providers: names of hosts that give addresses to people."""
_SHORTEST_KEY: Final = 15


class RowBytes(NamedTuple):
    """A row as the scan reads it: data[first:stop]."""

    data: Bytes
    classes: npt.NDArray[np.uint8]
    """uint8[256]: CLASSES."""
    first: int
    stop: int


N_DIGITS, SHAPE, SEPARATORS = range(3)
"""Columns of `CandidateRows.numbers`."""


class CandidateRows(NamedTuple):
    """What the scan writes: one element per candidate, see `Candidates`."""

    rows: Offsets
    starts: Offsets
    ends: Offsets
    forms: npt.NDArray[np.uint8]
    numbers: Offsets
    """int64[m, 3]: N_DIGITS, SHAPE and SEPARATORS of numbers and words; not set for other forms."""


@kernel
def write_candidate(out: CandidateRows, n: int, start: int, end: int, form: int) -> int:
    """Write candidate n; returns n + 1."""
    out.starts[n], out.ends[n], out.forms[n] = start, end, form
    return n + 1


@kernel
def write_with_shape(out: CandidateRows, n: int, start: int, end: int, form: int, n_digits: int, code: int, joints: int) -> int:
    """Write candidate n, a number or a word; returns n + 1."""
    out.numbers[n, N_DIGITS], out.numbers[n, SHAPE], out.numbers[n, SEPARATORS] = n_digits, code, joints
    return write_candidate(out, n, start, end, form)


@kernel
def token_start(data, classes, first, at):  # type: ignore[no-untyped-def]
    """Where the word around `at` starts, at most _LONGEST_TOKEN bytes before."""
    start = at
    while start > first and at - start < _LONGEST_TOKEN and classes[data[start - 1]] & RUNS_ON:
        start -= 1
    return start


@kernel
def _token_end(data, classes, at, stop):  # type: ignore[no-untyped-def]
    while at < stop and classes[data[at]] & RUNS_ON:
        at += 1
    return at


@kernel
def write_word(row: RowBytes, start: int, out: CandidateRows, n: int) -> tuple[int, int]:
    """Write the word of letters and digits at `start`, or the key that it is part of; returns (new n, where the word ends)."""
    data, classes, first, stop = row
    begin = start
    while begin > first and start - begin < _LONGEST_HANDLE and (classes[data[begin - 1]] & RUNS_ON or data[begin - 1] == 0x2D):
        begin -= 1
    if begin - first >= 3 and data[begin - 1] == 0x2E and is_key_start(data, begin - 3, stop):  # SG. and two parts
        begin -= 3
    if is_key_start(data, begin, stop) or (begin != start and is_key_start(data, start, stop)):
        begin = begin if is_key_start(data, begin, stop) else start
        end = begin
        while end < stop and (classes[data[end]] & RUNS_ON or data[end] in (0x2D, 0x2E)):
            end += 1
        while data[end - 1] in (0x2D, 0x2E):
            end -= 1
        if end - begin >= _SHORTEST_KEY:
            return write_candidate(out, n, begin, end, KEY), max(end, _token_end(data, classes, start, stop))
    code, runs, run, n_digits, letters = 0, 0, 0, 0, False
    at = start
    while at < stop and classes[data[at]] & RUNS_ON:
        is_letter = not classes[data[at]] & DIGIT
        n_digits += not is_letter
        if at > start and is_letter != letters:
            code = code << GROUP_BITS | min(run, LONGEST_GROUP) if runs < MAX_GROUPS else code
            runs, run = runs + 1, 0
        letters = is_letter
        run += 1
        at += 1
    code = code << GROUP_BITS | min(run, LONGEST_GROUP) if runs < MAX_GROUPS else 0
    bracketed = start > first and data[start - 1] == 0x3C and at < stop and data[at] == 0x3E  # a placeholder
    if _SHORTEST_TOKEN <= at - start <= _LONGEST_TOKEN and not bracketed and n_digits:
        if code and not classes[data[start]] & DIGIT:
            code |= LETTERS_FIRST
        n = write_with_shape(out, n, start, at, TOKEN, n_digits, code, 0)
    return n, at


@kernel
def is_key_start(data, at, stop):  # type: ignore[no-untyped-def]
    """Whether the three bytes at `at` begin a key of a well-known service."""
    if at + 16 > stop:
        return False
    for i in range(len(_KEY_STARTS)):
        if data[at] == _KEY_STARTS[i, 0] and data[at + 1] == _KEY_STARTS[i, 1] and data[at + 2] == _KEY_STARTS[i, 2]:
            return True
    return False


@kernel
def around_at(data, classes, first, at, stop):  # type: ignore[no-untyped-def]
    """(start, end) of the address-like text around the `@`; (0, 0) if it has no name, or a short host without a dot."""
    start = at
    while start > first and at - start < _LONGEST_LOCAL and classes[data[start - 1]] & LOCAL:
        start -= 1
    end = at + 1
    dotted = False
    while end < stop and end - at <= _LONGEST_DOMAIN and classes[data[end]] & DOMAIN:
        dotted |= data[end] == 0x2E
        end += 1
    if start < at:
        return (start, end) if dotted or end - at > 3 else (0, 0)
    # No name, but perhaps the end of a password: https://jane:secret!@host.
    return (at, end) if dotted and at > first and data[at - 1] > 0x20 and data[at - 1] != 0x40 else (0, 0)


@kernel
def handle_end(data, classes, first, at, stop):  # type: ignore[no-untyped-def]
    """End of the separate word `@name` at `at`; 0 if there is none."""
    if at > first and (classes[data[at - 1]] & (RUNS_ON | LOCAL) or data[at - 1] in (0x40, 0x2F)):
        return 0
    end = at + 1
    while end < stop and end - at <= _LONGEST_HANDLE and classes[data[end]] & RUNS_ON:
        end += 1
    return end if end - at >= 3 else 0


@kernel
def begins_pem(data, first, at, stop):  # type: ignore[no-untyped-def]
    """Whether the hyphen at `at` is the last of "-----BEGIN "."""
    if at + 6 >= stop or at - first < 4 or data[at + 1] != 0x42 or data[at + 2] != 0x45 or data[at + 6] != 0x20:
        return False
    return data[at - 1] == 0x2D and data[at - 4] == 0x2D and data[at + 5] == 0x4E


@kernel
def is_written(data, first, at, stop):  # type: ignore[no-untyped-def]
    """Whether a part of a spelled address is at `at`: `[at]`, `(dot)`, ` dot `, or the dot of ` at gmail.com`."""
    byte = data[at]
    if byte == 0x2E:
        return _after_provider(data, first, at, stop)
    if byte in (0x44, 0x64):
        return at > first and at + 3 < stop and data[at - 1] == 0x20 and data[at + 3] == 0x20 and _is_small(data, at + 1, stop, 0x6F, 0x74)
    at += 1
    if at < stop and data[at] == 0x20:
        at += 1
    if _is_small(data, at, stop, 0x61, 0x74):
        at += 2
    elif at < stop and data[at] in (0x40, 0x2E):
        at += 1
    elif _is_small(data, at, stop, 0x64, 0x6F) and at + 2 < stop and data[at + 2] | 0x20 == 0x74:
        at += 3
    else:
        return False
    if at < stop and data[at] == 0x20:
        at += 1
    return at < stop and data[at] in (0x5D, 0x29, 0x7D, 0x3E)


@kernel
def _is_small(data, at, stop, one, other):  # type: ignore[no-untyped-def]
    """Whether two letters are at `at`, in either case."""
    return at + 1 < stop and data[at] | 0x20 == one and data[at + 1] | 0x20 == other


@kernel
def _after_provider(data, first, at, stop):  # type: ignore[no-untyped-def]
    """Whether the dot ends ` at ` and the name of a provider of mail, and goes on with a letter."""
    if at + 1 >= stop or not 0x61 <= data[at + 1] | 0x20 <= 0x7A:
        return False
    for name in PROVIDERS:
        start = at - len(name)
        if start - 4 > first and data[start - 1] == 0x20 and data[start - 4] == 0x20 and _is_small(data, start - 3, stop, 0x61, 0x74):
            same = True
            for i in range(len(name)):
                same &= data[start + i] | 0x20 == name[i] | 0x20
            if same:
                return True
    return False
