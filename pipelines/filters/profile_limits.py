"""Limits of the languages, in groups from which language profiles are composed.

CLEAN_PROSE is for all languages. The others are for languages other than English, on which the published limits were set. In a script
without spaces each character counts as a word, so n words become n x chars_per_word characters, and the rules on word length and on
n-grams of fewer characters than the published number of words are meaningless and off. Elsewhere a limit differs from the published one
only where a system that filters many languages published another: ROOTS (arXiv 2303.03915), the multilingual
C4 (arXiv 2010.11934), FineWeb2 (arXiv 2506.20920). `python -m benchmarks.languages` shows what they remove, and
`filters.limits = "published"` leaves CLEAN_PROSE out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from pipelines.filters.roots_table import LOOSENED, OTHER, roots_limits

Limits = Mapping[str, float | None]
"""Limits by "rule_set.limit", or by "rule_set:variant.limit" for one variant alone; None is off."""

CLEAN_PROSE: Final[Limits] = {
    # Published: 0.8, which Gopher applies to words between white space. datatrove applies it to words that include every mark,
    # and removes 14 % of clean English and half of clean Russian. Of documents at 0.78 to 0.82 by Gopher's words, nine in ten have 0.39
    # to 0.63 by datatrove's: at the lower end of that, one in a hundred is lost of what Gopher's own formula keeps.
    "gopher_quality:datatrove.min_alpha_word_ratio": 0.4,
    # Published: 0.15 down to 0.10, which removes 10 % of clean technical English, 7 % of German laws and 6 % of Vietnamese, whose
    # subject makes them say the same words again. Twice that is the 98th percentile of clean technical English; novels, textbooks and
    # encyclopaedias stay below 0.13. What repeats itself for padding also fails the limits on the most frequent n-grams.
    **{f"gopher_repetition.max_dup_{n}gram_ratio": round(2 * (0.20 - n / 100), 2) for n in range(5, 11)},
    # Published: 0.30. Brackets, fences and names of speakers are many lines and few characters: the 95th percentile of documentation
    # as it is written is 0.40. The limit on the characters of such lines stays.
    "gopher_repetition.max_dup_line_ratio": 0.4,
    # Published: 0.30. In novels whose speakers break off, half of the lines end so: 7 % of Romanian ones and 5 % of Serbian ones fail.
    # Lists of teasers, its target, end so in nearly every line.
    "gopher_quality.max_ellipsis_line_ratio": 0.6,
    # The multilingual C4 dropped the ban on pages with a curly bracket, a rule against code: it removes a quarter of the clean pages where
    # much of the text about computing is documentation, and English textbooks with formulas.
    "c4.max_curly_brackets": None,
    # Published: 5. A hundred words of a Czech or German essay can be three sentences.
    "c4.min_sentences": 3,
    # Published: 0.12. Where lines are broken at 75 characters, as in plain-text books, every tenth or twentieth ends a sentence: one
    # English novel in four fails. The least of 700 of them is 0.051.
    "fineweb.min_terminal_line_ratio": 0.05,
    # Published: 0.01, chosen by what a model learns from the rest and not because a page above it is unclean; one repeated subheading
    # is enough, and it removes 11 % of clean English. FineWeb2 has 0.1; this is Gopher's limit on the same characters.
    "fineweb.max_dup_line_char_ratio": 0.2,
    # Published: 0.67 of the lines up to 30 characters. Clean prose stays below 0.57; this is the 97th percentile of documentation as it
    # is written, whose lists and code are short lines. It catches menus and footers, so the two limits above can be loose.
    "fineweb.max_short_line_ratio": 0.75,
    # The English and French rows (0.106 and 0.19, 0.14 and 0.13) remove 23 % and 5 % of clean prose. No language's row is stricter
    # than the one that ROOTS has for all others, which is the 99th percentile of clean English.
    **{f"roots.{name}": roots_limits(OTHER)[f"roots.{name}"] for name in LOOSENED},
    # That row's 0.3 removes 5 to 7 % of Indonesian, Korean and Turkish, and ROOTS has up to twice as much for others; this is its Urdu row.
    "roots.max_word_repetition_ratio": 0.5,
}
"""Limits that keep clean prose in any language; of this and a profile's own limit the looser one applies.

The percentiles are of encyclopaedia articles, novels, textbooks, manuals and standards in English, German, French, Spanish, Russian,
Arabic, Chinese and Japanese, without mark-up.
"""

CLEAN_UNSPACED: Final[Limits] = {
    **CLEAN_PROSE,
    # Ten characters say as much as three to seven words, so the limit for five words applies to them.
    "gopher_repetition.max_dup_10gram_ratio": CLEAN_PROSE["gopher_repetition.max_dup_5gram_ratio"],
}
"""The same where each character counts as a word."""

NOT_ENGLISH: Final[Limits] = {
    **roots_limits(OTHER),
    # Gopher requires letters in 0.8 of the words between white space. Of the words of this variant, where punctuation counts, a document
    # at that limit has letters in about 0.55, in any language; datatrove requires 0.8 of English.
    "gopher_quality:datatrove.min_alpha_word_ratio": 0.5,
    "c4.max_curly_brackets": None,  # as in the multilingual C4
    # FineWeb2 allows ten times as many repeated characters as FineWeb, and turns the rule on short lines off, in every language.
    "fineweb.max_dup_line_char_ratio": 0.1,
    "fineweb.max_short_line_ratio": None,
}

SPACED: Final[Limits] = {
    **NOT_ENGLISH,
    "gopher_quality.min_mean_word_length": 2,
    "gopher_quality.max_mean_word_length": 15,  # FineWeb2 has 11 for French, 14 for Spanish, 15 for German
}
"""Limits of a language with spaces between words."""


TOP_NGRAMS: Final = {2: 0.20, 3: 0.18, 4: 0.16}


def unspaced(chars_per_word: float, max_dup_10gram_ratio: float) -> dict[str, float | None]:
    """Limits of a language whose characters count as words, `chars_per_word` of them to one English word.

    The characters of a frequent n-gram are counted with the spaces between its words. A text without spaces has n of the 2 n - 1
    characters, so the limits are higher by that factor.
    """
    return {
        "gopher_quality.min_words": round(50 * chars_per_word),
        "gopher_quality.max_words": round(100_000 * chars_per_word),
        "gopher_quality.min_mean_word_length": None,
        "gopher_quality.max_mean_word_length": None,
        **NOT_ENGLISH,
        # Many sequences of five characters occur twice in any text. ROOTS has one row for such a language, the Chinese one.
        "roots.min_words": round(10 * chars_per_word),
        "roots.max_word_repetition_ratio": 0.96,
        "c4.min_line_words": round(3 * chars_per_word),
        "fineweb.max_newline_word_ratio": round(0.3 / chars_per_word, 3),
        "gopher_repetition.max_top_2gram_ratio": 0.20 * 3 / 2,
        "gopher_repetition.max_top_3gram_ratio": 0.18 * 5 / 3,
        "gopher_repetition.max_top_4gram_ratio": 0.16 * 7 / 4,
        # The other variants count only spaces in the text.
        **{f"gopher_repetition:{name}.max_top_{n}gram_ratio": limit for name in ("dolma", "nemo") for n, limit in TOP_NGRAMS.items()},
        "gopher_repetition.max_dup_5gram_ratio": None,
        "gopher_repetition.max_dup_6gram_ratio": None,
        "gopher_repetition.max_dup_7gram_ratio": None,
        "gopher_repetition.max_dup_8gram_ratio": None,
        "gopher_repetition.max_dup_9gram_ratio": None,
        "gopher_repetition.max_dup_10gram_ratio": max_dup_10gram_ratio,
    }


# Thai and Lao end sentences with a space, Tibetan marks clauses like sentences.
NO_SENTENCE_ENDS: Final[Limits] = {"c4.min_sentences": None, "fineweb.min_terminal_line_ratio": None}


def terminal(least: float | None) -> Limits:
    """FineWeb2's limit on lines that end in terminal punctuation, where it is below FineWeb's."""
    return {"fineweb.min_terminal_line_ratio": least}


def ngrams(top: tuple[float, ...], dup: tuple[float, ...]) -> Limits:
    """Limits on the most frequent n-gram, n = 2 to 4, and on repeated n-grams, n = 5 to 10."""
    return {
        **{f"gopher_repetition.max_top_{n}gram_ratio": limit for n, limit in enumerate(top, 2)},
        **{f"gopher_repetition.max_dup_{n}gram_ratio": limit for n, limit in enumerate(dup, 5)},
    }


TIBETAN: Final[Limits] = {
    # Each syllable and the mark after it are words, two syllables and two marks to an English word; white space separates clauses.
    **unspaced(4, max_dup_10gram_ratio=0.25),
    "gopher_quality:datatrove.min_alpha_word_ratio": None,
    "gopher_quality:paper.min_words": None,
    "c4.min_line_words": None,
    "refinedweb.min_line_words": None,
    "roots.min_words": None,
}
