"""What the filter rules must know of a language: data, one LanguageProfile each.

The published limits were set on English. In a script written without spaces each character counts as a word, so a
number of words n becomes n x chars_per_word characters, and the rules on word length and on n-grams of fewer
characters than the published number of words say nothing and are off. A profile's limits stand in for published ones, never for
one that the recipe changes or turns off; filters.profiles.<language> of the recipe wins over both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

Limits = Mapping[str, float | None]
"""Limits by "rule_set.limit"; None is off."""

LATIN_ENDS: Final = ".?!…"
C4_LINE_ENDS: Final = ".?!\"'"
UNICODE_ENDS: Final = ".?!‼⁇⁈⁉‽؟۔।॥。．！？｡"  # of Unicode's sentence terminals, to which FineWeb keeps, those in wide use
CLOSERS: Final = "\"'”’»"
OTHER_CLOSERS: Final = CLOSERS + "“«›‹)"
CJK_ENDS: Final = "。！？；…｡．.?!"
CJK_CLOSERS: Final = "\"'”’」』）】》〉：:"


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageProfile:
    """One language as the rules see it."""

    stop_words: frozenset[str] = frozenset()
    """Case counts, as in Gopher: "the" and not "The". Empty turns min_stop_words off."""
    sentence_ends: str = LATIN_ENDS
    """ASCII ones end a sentence only before white space or the end of the line."""
    line_ends: str = C4_LINE_ENDS
    """What a line of prose ends in, to C4: sentence ends and the quotation marks and brackets after them."""
    terminal_punctuation: str = UNICODE_ENDS
    """The same to FineWeb."""
    char_ngram: int = 10
    """Characters of the n-grams in which ROOTS looks for repetition."""
    short_line_scale: float = 1.0
    """Characters that say as much as one English character: scales fineweb.short_line_chars."""
    limits: Limits = field(default_factory=dict)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _roots(min_words: float, max_words: float, char_repetition: float, word_repetition: float, special_chars: float) -> Limits:
    """A language's row in the table of ROOTS."""
    return {
        "roots.min_words": min_words,
        "roots.max_words": max_words,
        "roots.max_char_repetition_ratio": char_repetition,
        "roots.max_word_repetition_ratio": word_repetition,
        "roots.max_special_char_ratio": special_chars,
    }


_NOT_ENGLISH: Final[Limits] = {
    **_roots(10, 100_000, 0.2, 0.3, 0.4),  # its row for any other language
    # Punctuation marks count among the words, and the published 0.8 leaves them little room: of pages in Russian, each with its
    # mark-up taken off, it removed 72 %. It stays for English alone.
    "gopher_quality.min_alpha_word_ratio": 0.6,
    # The multilingual C4 (arXiv 2010.11934) gave up the ban on pages with a curly bracket, which is a rule against code: where
    # much of what is written about computing is documentation, it removes a quarter of the clean pages.
    "c4.max_curly_brackets": None,
}

_SPACED: Final[Limits] = {
    **_NOT_ENGLISH,
    "gopher_quality.min_mean_word_length": 2,
    "gopher_quality.max_mean_word_length": 12,
}
"""Limits of a language with spaces between words."""


def _unspaced(chars_per_word: float, max_dup_10gram_ratio: float) -> dict[str, float | None]:
    """Limits of a language whose characters count as words, `chars_per_word` of them to one English word.

    Characters of a frequent n-gram are counted with the spaces that join its words; such a text has none, so 2 n - 1 characters
    are counted where n stand, and the limits are higher by that.
    """
    return {
        "gopher_quality.min_words": round(50 * chars_per_word),
        "gopher_quality.max_words": round(100_000 * chars_per_word),
        "gopher_quality.min_mean_word_length": None,
        "gopher_quality.max_mean_word_length": None,
        **_NOT_ENGLISH,
        "c4.min_line_words": round(3 * chars_per_word),
        "fineweb.max_newline_word_ratio": round(0.3 / chars_per_word, 3),
        "gopher_repetition.max_top_2gram_ratio": 0.20 * 3 / 2,
        "gopher_repetition.max_top_3gram_ratio": 0.18 * 5 / 3,
        "gopher_repetition.max_top_4gram_ratio": 0.16 * 7 / 4,
        "gopher_repetition.max_dup_5gram_ratio": None,
        "gopher_repetition.max_dup_6gram_ratio": None,
        "gopher_repetition.max_dup_7gram_ratio": None,
        "gopher_repetition.max_dup_8gram_ratio": None,
        "gopher_repetition.max_dup_9gram_ratio": None,
        "gopher_repetition.max_dup_10gram_ratio": max_dup_10gram_ratio,
    }


# Thai and Lao end sentences with a space.
_NO_SENTENCE_ENDS: Final[Limits] = {"c4.min_sentences": None, "fineweb.min_terminal_line_ratio": None}


def _spaced(
    stop_words: str, *, own_ends: str = "", short_line_scale: float = 1.0, limits: Limits = _SPACED, roots: Limits | None = None
) -> LanguageProfile:
    ends = LATIN_ENDS + own_ends
    return LanguageProfile(
        stop_words=_words(stop_words),
        sentence_ends=ends,
        line_ends=ends + OTHER_CLOSERS,
        terminal_punctuation=ends + OTHER_CLOSERS,
        short_line_scale=short_line_scale,
        limits={**limits, **(roots or {})},
    )


def _cjk(stop_words: str, short_line_scale: float, limits: Limits, char_ngram: int = 10) -> LanguageProfile:
    return LanguageProfile(
        stop_words=_words(stop_words),
        sentence_ends=CJK_ENDS,
        line_ends=CJK_ENDS + CJK_CLOSERS,
        terminal_punctuation=CJK_ENDS + CJK_CLOSERS,
        char_ngram=char_ngram,
        short_line_scale=short_line_scale,
        limits=limits,
    )


def _south_east_asian(own_ends: str, limits: Limits) -> LanguageProfile:
    """Without stop words: a word is several characters, and the rule sees them one by one."""
    ends = LATIN_ENDS + own_ends
    closed = ends + OTHER_CLOSERS
    return LanguageProfile(sentence_ends=ends, line_ends=closed, terminal_punctuation=closed, short_line_scale=0.9, limits=limits)


_ANY_ENDS: Final = LATIN_ENDS + "。！？；؟۔।॥។။"

NEUTRAL: Final = LanguageProfile(
    sentence_ends=_ANY_ENDS,
    line_ends=_ANY_ENDS + OTHER_CLOSERS + "」』",
    terminal_punctuation=_ANY_ENDS + OTHER_CLOSERS + "」』",
    limits={**_SPACED, "gopher_quality.max_mean_word_length": 15},
)
"""A language without a profile: no stop words, any script's sentence ends, wide bounds on word length."""

PROFILES: Final[dict[str, LanguageProfile]] = {
    "en": LanguageProfile(stop_words=_words("the be to of and that have with")),
    "zh": _cjk(
        "的 了 在 是 我 有 和 就 不 人 都 一 上 也 很 到 说 要 去 你 会 着 没 看 好 这 為 为 這 個 个 們 们 與 与 及 之 以 而 其 於 于",
        short_line_scale=0.4,
        limits={**_unspaced(1.5, max_dup_10gram_ratio=0.15), **_roots(1, 1_000_000, 0.2, 0.96, 0.3)},
        char_ngram=3,
    ),
    "ja": _cjk(
        "の は を に が と で も へ や か ら た て し な",
        short_line_scale=0.5,
        limits=_unspaced(2.0, max_dup_10gram_ratio=0.20),
    ),
    "th": _south_east_asian("ฯ", {**_unspaced(3.8, max_dup_10gram_ratio=0.25), **_NO_SENTENCE_ENDS}),
    "lo": _south_east_asian("ຯ", {**_unspaced(3.8, max_dup_10gram_ratio=0.25), **_NO_SENTENCE_ENDS}),
    "km": _south_east_asian("។៕", _unspaced(3.8, max_dup_10gram_ratio=0.25)),
    "my": _south_east_asian("။၊", _unspaced(3.8, max_dup_10gram_ratio=0.25)),
    "ko": _spaced(
        "이 그 수 것 및 등 는 은 있다 있는 있습니다 하는 그리고 대한 위해 합니다 때 더",
        short_line_scale=0.6,
        limits={**_SPACED, "gopher_quality.min_mean_word_length": 1.5},
    ),
    "ru": _spaced("и в не на что с по как это из для от но к он"),
    "ar": _spaced("في من على إلى عن أن التي الذي هذا هذه مع ما لا كان أو و", own_ends="؟؛۔", roots=_roots(20, 100_000, 0.2, 0.34, 0.3)),
    "de": _spaced("der die und in den von zu das mit ist nicht ein eine auf für"),
    "fr": _spaced("de la le et les des en un une du que est pour dans qui", roots=_roots(13, 100_000, 0.14, 0.13, 0.34)),
    "es": _spaced("de la que el en y a los se del las un por con para", roots=_roots(16, 100_000, 0.14, 0.25, 0.34)),
    "pt": _spaced("de a o que e do da em um para com não uma os no", roots=_roots(19, 100_000, 0.25, 0.98, 0.35)),
    "it": _spaced("di e il la che in un a per è una del con non le"),
    "nl": _spaced("de van het een en in is dat op te zijn met voor niet die"),
    "pl": _spaced("i w na z do nie się jest to że o jak dla od po"),
    "cs": _spaced("a se v na je že s z do o i to jako pro ve"),
    "tr": _spaced("ve bir bu da de için ile olarak olan daha çok gibi en ne ya"),
    "vi": _spaced("và của là có được trong cho không một những các người này đã với", roots=_roots(30, 100_000, 0.15, 0.2, 0.34)),
    "id": _spaced("yang dan di dengan untuk dari ini pada dalam adalah itu tidak ke akan atau", roots=_roots(15, 100_000, 0.15, 0.2, 0.34)),
    "hi": _spaced("के का में है की और से को यह कि पर एक हैं ने नहीं", own_ends="।॥", roots=_roots(38, 100_000, 0.18, 0.47, 0.45)),
}

_THREE_LETTERS: Final = (
    "ara:ar arb:ar ces:cs cmn:zh deu:de eng:en fra:fr hin:hi ind:id ita:it jpn:ja khm:km kor:ko lao:lo mya:my nld:nl pol:pl por:pt "
    "rus:ru spa:es tha:th tur:tr vie:vi zho:zh"
)
_ISO_639_1: Final = dict(pair.split(":") for pair in _THREE_LETTERS.split())


def code_of(label: str | None) -> str:
    """The code under which a language's profile stands, from a model's label: "zho_Hans" -> "zh", "en" -> "en"."""
    language = (label or "").partition("_")[0]
    return _ISO_639_1.get(language, language)
