"""What a byte scan finds: places in a column of text that might hold a private value, and what their bytes tell of them.

The forms are told apart by their bytes: what stands around an `@`, what follows one, numbers (groups of digits with single
separators between), words of letters and digits, what starts like an IBAN, a key, a global IPv6 address or a MAC address. A number
carries the lengths of its groups and the separators between them, a word the lengths of its runs of letters and digits, so that
each kind picks its candidates by comparing integers and text without any costs nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

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
WRITTEN: Final = 10
"""A bracket around `at` or `dot`, `dot` between spaces, or the dot after the name of a provider of mail."""
PHRASE: Final = 9
"""Found by a regular expression, see `phrases`."""

SPACE: Final = 1
HYPHEN: Final = 2
DOT: Final = 3
SLASH: Final = 4
BRACKET: Final = 5

MAX_GROUPS: Final = 10
MIN_DIGITS: Final = 7
"""Of a number that may be private without a word before it."""
FEWEST_DIGITS: Final = 5
CONTEXT: Final = 48  # bytes on either side that a finder may look at
GROUP_BITS: Final = 6
LONGEST_GROUP: Final = (1 << GROUP_BITS) - 1
SEPARATOR_BITS: Final = 3
LETTERS_FIRST: Final = 1 << (MAX_GROUPS * GROUP_BITS)


def shape(*lengths: int) -> int:
    """The code of a number whose groups have these lengths: shape(3, 2, 4) is that of 078-05-1120."""
    code = 0
    for length in lengths:
        code = code << GROUP_BITS | length
    return code


def word(*lengths: int) -> int:
    """The code of a word that starts with letters and whose runs have these lengths: word(5, 4, 1) is that of ABCDE1234F."""
    return shape(*lengths) | LETTERS_FIRST


def separators(*kinds: int) -> int:
    """The code of the separators between groups: separators(HYPHEN, HYPHEN) is that of 078-05-1120."""
    code = 0
    for kind in kinds:
        code = code << SEPARATOR_BITS | kind
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
    hinted: bool = True
    """Whether one of the kind's hints stands before; true where it has none."""

    def __repr__(self) -> str:
        """No private value, so that none reaches a traceback or a log."""
        return f"Window({len(self.before)}, {len(self.value)}, {len(self.after)} bytes)"


def phrases_at(rows: list[int], starts: list[int], ends: list[int]) -> Candidates:
    """Candidates that a regular expression found."""
    n = len(rows)
    none = np.zeros(n, np.int64)
    at = [np.array(column, np.int64) for column in (rows, starts, ends)]
    return Candidates(at[0], at[1], at[2], np.full(n, PHRASE, np.uint8), none, none, none)
