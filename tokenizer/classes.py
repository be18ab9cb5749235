"""The class bits of every code point, as the `tokenizers` library itself reports them.

Its regular expressions and its digit splitter use different Unicode versions, and neither is Python's. A scanner needs the same
letters as the library to split text at the same positions.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
import numpy.typing as npt
from tokenizers import Regex, pre_tokenizers

from schemas.buffers import Bytes
from tokenizer.memory import kernel
from tokenizer.patterns import IN_HAN, NOT_IN_HAN

N_CODES: Final = 0x110000
LETTER: Final = 1  # \p{L}
NUMBER: Final = 2  # \p{N}
SPACE: Final = 4  # \s
UPPER: Final = 8  # [\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]: may begin a capitalised word
LOWER: Final = 16  # [\p{Ll}\p{Lm}\p{Lo}\p{M}]: may continue one
MARK: Final = 32  # \p{M}
NEWLINE: Final = 64  # [\r\n]
DIGIT: Final = 128  # split off by the pre-tokenizer `Digits`
HAN: Final = 256  # letters and marks of Chinese and Japanese
OTHER_WORD: Final = 512  # all other letters and marks

PATTERN_OF_BIT: Final = {
    LETTER: r"\p{L}",
    NUMBER: r"\p{N}",
    SPACE: r"\s",
    UPPER: r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]",
    LOWER: r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]",
    MARK: r"\p{M}",
    NEWLINE: r"[\r\n]",
    HAN: IN_HAN,
    OTHER_WORD: NOT_IN_HAN,
}
_ONE_CLASS_RUNS: Final = (
    rf"[\p{{Lu}}\p{{Lt}}]+|\p{{Ll}}+|[[\p{{Lm}}\p{{Lo}}]&&{IN_HAN}]+|[[\p{{Lm}}\p{{Lo}}]&&{NOT_IN_HAN}]+|[\p{{M}}&&{IN_HAN}]+|[\p{{M}}&&{NOT_IN_HAN}]+"
    r"|\p{N}+|[\r\n]+|[^\S\r\n]+|[^\s\p{L}\p{M}\p{N}]+"
)
_ASKED_UP_TO: Final = 0x40000  # the planes above have only tags, selectors (marks, in plane 14) and private use
_PLANE_14: Final = range(0xE0000, 0xE1000)


@functools.cache
def code_classes() -> npt.NDArray[np.uint16]:
    """uint16[N_CODES]: the class bits of every code point.

    One pass splits all characters into runs of one class; the class is then looked up for the first character of each run.
    """
    chars = "".join(chr(code) for code in (*range(0xD800), *range(0xE000, _ASKED_UP_TO), *_PLANE_14))
    runs = pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(_ONE_CLASS_RUNS), "isolated"), pre_tokenizers.Digits()])
    starts = [span[0] for _, span in runs.pre_tokenize_str(chars)]
    firsts = "".join(chars[start] for start in starts)
    bits = np.zeros(len(firsts), np.uint16)
    for bit, pattern in PATTERN_OF_BIT.items():
        only = pre_tokenizers.Split(Regex(pattern), "removed", invert=True).pre_tokenize_str(firsts)
        bits[[start for _, (start, _) in only]] |= bit
    # Between two letters, only a digit is split off.
    spaced = pre_tokenizers.Digits(individual_digits=True).pre_tokenize_str("".join(f"{first}a" for first in firsts))
    bits[[start // 2 for _, (start, end) in spaced if end - start == 1 and start % 2 == 0]] |= DIGIT
    table = np.zeros(N_CODES, np.uint16)
    codes = np.frombuffer(chars.encode("utf-32-le"), np.uint32)
    table[codes] = np.repeat(bits, np.diff([*starts, len(chars)]))
    return table


@kernel
def decode_char(data: Bytes, at: int) -> tuple[int, int]:
    """(code point, length in bytes) of the character at byte `at` of valid UTF-8."""
    first = int(data[at])
    if first < 0x80:
        return first, 1
    if first < 0xE0:
        return ((first & 0x1F) << 6) | (int(data[at + 1]) & 0x3F), 2
    if first < 0xF0:
        return ((first & 0x0F) << 12) | ((int(data[at + 1]) & 0x3F) << 6) | (int(data[at + 2]) & 0x3F), 3
    low = ((int(data[at + 1]) & 0x3F) << 12) | ((int(data[at + 2]) & 0x3F) << 6) | (int(data[at + 3]) & 0x3F)
    return ((first & 0x07) << 18) | low, 4
