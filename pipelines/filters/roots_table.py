"""The limits of ROOTS (arXiv 2303.03915) by language, as its filtering code states them (parameters_filtering.py, BigScience).

Its stop-word, flagged-word and perplexity limits were set with its own word lists and models; a tokenizer splits its Chinese words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_COLUMNS: Final = (
    *("min_words", "max_words", "max_char_repetition_ratio", "max_word_repetition_ratio", "max_special_char_ratio"),
    *("min_stop_word_ratio", "max_flagged_word_ratio", "min_language_score"),
)
OTHER: Final = "other"
"""The row of every language without one of its own."""

LOOSENED: Final = ("max_char_repetition_ratio", "max_word_repetition_ratio", "max_special_char_ratio", "min_language_score")
"""Those that do not depend on the words of one language, so that the row of all others can replace a stricter one."""

MAX_PERPLEXITY: Final = dict(
    zip(
        ("ar", "bn", "ca", "en", "es", "eu", "fr", "hi", "id", "pt", "ur", "vi", "zh"),
        (2300, 2000, 2500, 1500, 1300, 3000, 1770, 1517, 5000, 3038, 1495, 1600, 2095),
        strict=True,
    )
)
"""Of 5-gram models of Wikipedia over SentencePiece tokens; other models give other perplexities."""

_TABLE: Final = {
    OTHER: (10, 100_000, 0.2, 0.3, 0.4, 0.1, 0.1, 0.7),
    "ar": (20, 100_000, 0.2, 0.34, 0.3, 0.07, 0.03, 0.81),
    "bn": (33, 100_000, 0.13, 0.21, 0.45, 0.002, 0.001, 0.95),
    "ca": (15, 100_000, 0.2, 0.4, 0.25, 0.25, 0.1, 0.8),
    "en": (20, 100_000, 0.106, 0.19, 0.4, 0.3, 0.01, 0.8),
    "es": (16, 100_000, 0.14, 0.25, 0.34, 0.4, 0.01, 0.8),
    "eu": (8, 100_000, 0.2, 0.4, 0.31, 0.05, 0.1, 0.7),
    "fr": (13, 100_000, 0.14, 0.13, 0.34, 0.27, 0.008, 0.8),
    "hi": (38, 100_000, 0.18, 0.47, 0.45, 0.01, 0.005, 0.9),
    "id": (15, 100_000, 0.15, 0.2, 0.34, 0.15, 0.01, 0.7),
    "pt": (19, 100_000, 0.25, 0.98, 0.35, 0.2, 0.007, 0.6),
    "ur": (25, 100_000, 0.19, 0.5, 0.25, 0.01, 0.025, 0.9),
    "vi": (30, 100_000, 0.15, 0.2, 0.34, 0.08, 0.005, 0.9),
    "zh": (1, 1_000_000, 0.2, 0.96, 0.3, 0.1691, 0.001, 0.85),
}
LANGUAGES: Final = tuple(sorted(_TABLE.keys() - {OTHER}))


def roots_limits(code: str) -> Mapping[str, float | None]:
    """A language's row, by "roots.limit"."""
    return {f"roots.{name}": limit for name, limit in zip(_COLUMNS, _TABLE[code], strict=True)}
