"""Names for the rows of the arrays that kernels measure into: one IntEnum member per signal, in the order of the columns."""

from __future__ import annotations

import enum
from typing import Final


def signal_names(rows: type[enum.IntEnum]) -> tuple[str, ...]:
    """The signals of a rule set, as its columns are named: member MEAN_WORD_LENGTH is "mean_word_length"."""
    return tuple(row.name.lower() for row in rows)


class QualitySignal(enum.IntEnum):
    """Rows of gopher_quality, in every variant."""

    WORDS = 0
    MEAN_WORD_LENGTH = 1
    HASH_RATIO = 2
    ELLIPSIS_RATIO = 3
    BULLET_LINE_RATIO = 4
    ELLIPSIS_LINE_RATIO = 5
    ALPHA_WORD_RATIO = 6
    STOP_WORDS = 7


class RepetitionSignal(enum.IntEnum):
    """Rows of gopher_repetition, in every variant. The row of n-grams of n words is NGRAM_0 + n."""

    DUP_LINE_RATIO = 0
    DUP_PARAGRAPH_RATIO = 1
    DUP_LINE_CHAR_RATIO = 2
    DUP_PARAGRAPH_CHAR_RATIO = 3
    TOP_2GRAM_RATIO = 4
    TOP_3GRAM_RATIO = 5
    TOP_4GRAM_RATIO = 6
    DUP_5GRAM_RATIO = 7
    DUP_6GRAM_RATIO = 8
    DUP_7GRAM_RATIO = 9
    DUP_8GRAM_RATIO = 10
    DUP_9GRAM_RATIO = 11
    DUP_10GRAM_RATIO = 12


NGRAM_0: Final = int(RepetitionSignal.TOP_2GRAM_RATIO - 2)
QUALITY_SIGNALS: Final = signal_names(QualitySignal)
REPETITION_SIGNALS: Final = signal_names(RepetitionSignal)
