"""What the byte scan finds: places in a text column that might be a private value, with their form and shape.

The forms: text around an `@` or after one, numbers (groups of digits with single separators), words of letters and digits, and text that
starts like an IBAN, a key, a global IPv6 address or a MAC address. A number has the lengths of its groups and its separators as integer
codes, a word those of its runs of letters and digits. So each kind picks its candidates by comparing integers, at no cost without any.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from pipelines.scrub.locales import UNKNOWN, Locale

AT: Final = 0
NUMBER: Final = 1
IBAN: Final = 2
IPV6: Final = 3
TOKEN: Final = 4
KEY: Final = 5
MAC: Final = 6
HANDLE: Final = 7
BEGIN: Final = 8
"""The BEGIN of a PEM block."""
WRITTEN: Final = 10
"""Part of a spelled-out address: a bracket around `at` or `dot`, `dot` between spaces, or the dot after a mail provider's name."""
PHRASE: Final = 9
"""Found by a regular expression, see `phrases`."""

SPACE: Final = 1
HYPHEN: Final = 2
DOT: Final = 3
SLASH: Final = 4
BRACKET: Final = 5

MAX_GROUPS: Final = 10
MIN_DIGITS: Final = 7
"""The fewest digits of a number that may be private without a word before it."""
FEWEST_DIGITS: Final = 5
CONTEXT: Final = 48  # bytes on either side of a candidate that a finder sees
GROUP_BITS: Final = 6
LONGEST_GROUP: Final = (1 << GROUP_BITS) - 1
SEPARATOR_BITS: Final = 3
LETTERS_FIRST: Final = 1 << (MAX_GROUPS * GROUP_BITS)


def shape(*lengths: int) -> int:
    """The code of a number with groups of these lengths: 078-05-1120 has shape(3, 2, 4)."""
    code = 0
    for length in lengths:
        code = code << GROUP_BITS | length
    return code


def word(*lengths: int) -> int:
    """The code of a word that starts with letters, with runs of these lengths: ABCDE1234F has word(5, 4, 1)."""
    return shape(*lengths) | LETTERS_FIRST


def separators(*kinds: int) -> int:
    """The code of the separators between groups: 078-05-1120 has separators(HYPHEN, HYPHEN)."""
    code = 0
    for kind in kinds:
        code = code << SEPARATOR_BITS | kind
    return code


@dataclass(frozen=True, slots=True)
class Candidates:
    """Spans of a column's text buffer, in no particular order; a long number is listed whole and in parts."""

    rows: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]
    forms: npt.NDArray[np.uint8]
    n_digits: npt.NDArray[np.int64]
    """Of a number or a word; an X that closes a Chinese identity number counts as a digit."""
    shapes: npt.NDArray[np.int64]
    """Of a number or a word that starts with digits, see `shape`; of other words, see `word`. 0 if there are more than MAX_GROUPS runs."""
    separators: npt.NDArray[np.int64]
    """Of a number, see `separators`."""

    def where(self, chosen: npt.NDArray[np.bool_]) -> Candidates:
        """The chosen ones."""
        return Candidates(*(getattr(self, name)[chosen] for name in self.__slots__))

    def __len__(self) -> int:
        return len(self.rows)


class Window(NamedTuple):
    """What a finder sees: a candidate and the CONTEXT bytes of its row on either side (characters at the far ends may be cut off)."""

    before: bytes
    value: bytes
    after: bytes
    locale: Locale = UNKNOWN
    """Where the document is from."""
    hinted: bool = True
    """Whether one of the kind's hints is in `before`; true for a kind without hints."""

    def __repr__(self) -> str:
        """Lengths only, so that no private value reaches a traceback or a log."""
        return f"Window({len(self.before)}, {len(self.value)}, {len(self.after)} bytes)"


def phrase_candidates(rows: list[int], starts: list[int], ends: list[int]) -> Candidates:
    """Candidates that a regular expression found."""
    n = len(rows)
    none = np.zeros(n, np.int64)
    at = [np.array(column, np.int64) for column in (rows, starts, ends)]
    return Candidates(at[0], at[1], at[2], np.full(n, PHRASE, np.uint8), none, none, none)
