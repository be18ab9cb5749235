"""What the filter rules must know of a language: data, one LanguageProfile each.

The published limits were set on English. In a script written without spaces each character counts as a word, so a
number of words n becomes n x chars_per_word characters, and the rules on word length and on n-grams of fewer
characters than the published number of words say nothing and are off. A profile's limits stand in for those of the
recipe's rule sets, never for one that the recipe turns off; filters.profiles.<language> of the recipe wins over both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

Limits = Mapping[str, float | None]
"""Limits by "rule_set.limit"; None is off."""

LATIN_ENDS: Final = ".?!…"
CLOSERS: Final = "\"'”’»"
CJK_ENDS: Final = "。！？；…｡．.?!"
CJK_CLOSERS: Final = "\"'”’」』）】》〉：:"


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageProfile:
    """One language as the rules see it."""

    stop_words: frozenset[str] = frozenset()
    """Case counts, as in Gopher: "the" and not "The". Empty turns min_stop_words off."""
    sentence_ends: str = LATIN_ENDS
    """ASCII ones end a sentence only before white space or the end of the line."""
    terminal_punctuation: str = LATIN_ENDS + CLOSERS
    """What a line of prose ends in: sentence ends and the quotation marks and brackets after them."""
    short_line_scale: float = 1.0
    """Characters that say as much as one English character: scales fineweb.short_line_chars."""
    limits: Limits = field(default_factory=dict)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _unspaced(chars_per_word: float) -> dict[str, float | None]:
    """Limits of a language whose characters count as words, `chars_per_word` of them to one English word."""
    return {
        "gopher_quality.min_words": round(50 * chars_per_word),
        "gopher_quality.max_words": round(100_000 * chars_per_word),
        "gopher_quality.min_mean_word_length": None,
        "gopher_quality.max_mean_word_length": None,
        "c4.min_line_words": round(3 * chars_per_word),
        "fineweb.max_newline_word_ratio": round(0.3 / chars_per_word, 3),
        "gopher_repetition.max_dup_5gram_ratio": None,
        "gopher_repetition.max_dup_6gram_ratio": None,
        "gopher_repetition.max_dup_7gram_ratio": None,
        "gopher_repetition.max_dup_8gram_ratio": None,
        "gopher_repetition.max_dup_9gram_ratio": None,
        "gopher_repetition.max_dup_10gram_ratio": 0.15,
    }


NEUTRAL: Final = LanguageProfile(
    sentence_ends=LATIN_ENDS + "。！？；؟۔।॥።။។",
    terminal_punctuation=LATIN_ENDS + CLOSERS + "。！？；؟۔।॥።။។」』",
    limits={"gopher_quality.min_mean_word_length": 2, "gopher_quality.max_mean_word_length": 15},
)
"""A language without a profile: no stop words, any script's sentence ends, wide bounds on word length."""

_ZH: Final = LanguageProfile(
    stop_words=_words(
        "的 了 在 是 我 有 和 就 不 人 都 一 上 也 很 到 说 要 去 你 会 着 没 看 好 这 為 这 這 個 个 們 们 與 与 及 之 以 而 其 於 于"
    ),
    sentence_ends=CJK_ENDS,
    terminal_punctuation=CJK_ENDS + CJK_CLOSERS,
    short_line_scale=0.4,
    limits=_unspaced(1.5),
)

PROFILES: Final[dict[str, LanguageProfile]] = {
    "en": LanguageProfile(stop_words=_words("the be to of and that have with")),
    "zh": _ZH,
}
