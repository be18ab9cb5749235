"""What the filter rules must know of a language: data, one LanguageProfile each.

The published limits were set on English. In a script written without spaces each character counts as a word, so a
number of words n becomes n x chars_per_word characters, and the rules on word length and on n-grams of fewer
characters than the published number of words say nothing and are off. Elsewhere a limit differs from the published one only where
a system that filters many languages published another: ROOTS (arXiv 2303.03915), the multilingual C4 (arXiv 2010.11934),
FineWeb2 (arXiv 2506.20920). A profile's limits stand in for published ones, never for one that the recipe changes or turns off;
filters.profiles.<language> of the recipe wins over both. `python -m benchmarks.languages` shows what they remove.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from pipelines.filters.labels import UNKNOWN
from pipelines.filters.roots_table import OTHER, roots_limits

Limits = Mapping[str, float | None]
"""Limits by "rule_set.limit", or by "rule_set:variant.limit" for one variant alone; None is off."""

LATIN_ENDS: Final = ".?!…"
C4_LINE_ENDS: Final = ".?!\"'"
UNICODE_ENDS: Final = ".?!‼⁇⁈⁉‽؟۔।॥。．！？｡"  # of Unicode's sentence terminals, to which FineWeb keeps, those in wide use
# Of Unicode's sentence terminals those of one script each, and the Tibetan shad, which is none of them but ends sentences.
OTHER_ENDS: Final = "։؞܀܁܂߹།༎፧።፨᙮᠃᠉។៕៖᥄᥅᪨᪩᪪᪫᭚᭛᭞᭟᰻᰼᱾᱿⳹⳺⳻⳾꓿꘎꘏꛳꛷꡶꡷꣎꣏꤯꧈꧉꩝꩞꩟꫰꫱꯫။၊"
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
    unspaced: bool = False
    """Written without spaces: each character counts as a word."""
    limits: Limits = field(default_factory=dict)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_NOT_ENGLISH: Final[Limits] = {
    **roots_limits(OTHER),
    # Gopher asks for letters in 0.8 of what stands between white space. In the words of this variant, where punctuation counts,
    # a document at that limit has letters in about 0.55 of them, in any language; 0.8 is what datatrove asks of English.
    "gopher_quality:datatrove.min_alpha_word_ratio": 0.5,
    # The multilingual C4 gave up the ban on pages with a curly bracket, which is a rule against code: where much of what is
    # written about computing is documentation, it removes a quarter of the clean pages.
    "c4.max_curly_brackets": None,
    # FineWeb2 lets ten times as much stand twice as FineWeb, and turns its rule on short lines off, in every language.
    "fineweb.max_dup_line_char_ratio": 0.1,
    "fineweb.max_short_line_ratio": None,
}

_SPACED: Final[Limits] = {
    **_NOT_ENGLISH,
    "gopher_quality.min_mean_word_length": 2,
    "gopher_quality.max_mean_word_length": 15,  # German has the highest of FineWeb2, among those with spaces
}
"""Limits of a language with spaces between words."""


_TOP_NGRAMS: Final = {2: 0.20, 3: 0.18, 4: 0.16}


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
        # Of five characters in a row many occur twice in any text. The one row of ROOTS for such a language is the Chinese one.
        "roots.min_words": round(10 * chars_per_word),
        "roots.max_word_repetition_ratio": 0.96,
        "c4.min_line_words": round(3 * chars_per_word),
        "fineweb.max_newline_word_ratio": round(0.3 / chars_per_word, 3),
        "gopher_repetition.max_top_2gram_ratio": 0.20 * 3 / 2,
        "gopher_repetition.max_top_3gram_ratio": 0.18 * 5 / 3,
        "gopher_repetition.max_top_4gram_ratio": 0.16 * 7 / 4,
        # The other variants count no spaces where none stand.
        **{f"gopher_repetition:{name}.max_top_{n}gram_ratio": limit for name in ("dolma", "nemo") for n, limit in _TOP_NGRAMS.items()},
        "gopher_repetition.max_dup_5gram_ratio": None,
        "gopher_repetition.max_dup_6gram_ratio": None,
        "gopher_repetition.max_dup_7gram_ratio": None,
        "gopher_repetition.max_dup_8gram_ratio": None,
        "gopher_repetition.max_dup_9gram_ratio": None,
        "gopher_repetition.max_dup_10gram_ratio": max_dup_10gram_ratio,
    }


# Thai and Lao end sentences with a space, Tibetan marks clauses like sentences.
_NO_SENTENCE_ENDS: Final[Limits] = {"c4.min_sentences": None, "fineweb.min_terminal_line_ratio": None}


def _terminal(least: float | None) -> Limits:
    """FineWeb2's limit on lines that end in terminal punctuation, where it is below FineWeb's."""
    return {"fineweb.min_terminal_line_ratio": least}


def _spaced(stop_words: str, *more: Limits, own_ends: str = "", short_line_scale: float = 1.0, limits: Limits = _SPACED) -> LanguageProfile:
    ends = LATIN_ENDS + own_ends
    return LanguageProfile(
        stop_words=_words(stop_words),
        sentence_ends=ends,
        line_ends=ends + OTHER_CLOSERS,
        terminal_punctuation=ends + OTHER_CLOSERS,
        short_line_scale=short_line_scale,
        limits={name: limit for group in (limits, *more) for name, limit in group.items()},
    )


def _cjk(stop_words: str, short_line_scale: float, limits: Limits, char_ngram: int = 10) -> LanguageProfile:
    return LanguageProfile(
        stop_words=_words(stop_words),
        sentence_ends=CJK_ENDS,
        line_ends=CJK_ENDS + CJK_CLOSERS,
        terminal_punctuation=CJK_ENDS + CJK_CLOSERS,
        char_ngram=char_ngram,
        short_line_scale=short_line_scale,
        unspaced=True,
        limits=limits,
    )


def _south_east_asian(own_ends: str, limits: Limits) -> LanguageProfile:
    """Without stop words: a word is several characters, and the rule sees them one by one."""
    ends = LATIN_ENDS + own_ends
    closed = ends + OTHER_CLOSERS
    return LanguageProfile(
        sentence_ends=ends, line_ends=closed, terminal_punctuation=closed, short_line_scale=0.9, unspaced=True, limits=limits
    )


_ANY_ENDS: Final = LATIN_ENDS + "。！？；؟۔।॥" + OTHER_ENDS

NEUTRAL: Final = LanguageProfile(
    sentence_ends=_ANY_ENDS,
    line_ends=_ANY_ENDS + OTHER_CLOSERS + "」』",
    terminal_punctuation=_ANY_ENDS + OTHER_CLOSERS + "」』",
    limits=_SPACED,
)
"""A language without a profile: no stop words, any script's sentence ends, wide bounds on word length."""

UNDETERMINED: Final = replace(
    NEUTRAL,
    limits={**_SPACED, **_NO_SENTENCE_ENDS, "gopher_quality.min_mean_word_length": None, "refinedweb.max_line_upper_ratio": None},
)
"""A language that is not known: how its sentences end is not known either, and in some scripts every letter is a capital."""

_CHINESE: Final = _cjk(
    "的 了 在 是 我 有 和 就 不 人 都 一 上 也 很 到 说 要 去 你 会 着 没 看 好 这 為 为 這 個 个 們 们 與 与 及 之 以 而 其 於 于",
    short_line_scale=0.4,
    limits={**_unspaced(1.5, max_dup_10gram_ratio=0.15), **roots_limits("zh"), **_terminal(0.106)},
    char_ngram=3,
)
# Its words are written syllable by syllable; FineWeb2's limits for it are of the same making as Gopher's, on Vietnamese.
_VIETNAMESE_NGRAMS: Final[Limits] = {
    f"gopher_repetition.max_{name}gram_ratio": limit
    for name, limit in (
        *(("top_2", 0.223), ("top_3", 0.197), ("top_4", 0.171), ("dup_5", 0.178), ("dup_6", 0.163)),
        *(("dup_7", 0.15), ("dup_8", 0.136), ("dup_9", 0.124), ("dup_10", 0.111)),
    )
}
_ARABIC: Final = _spaced("في من على إلى عن أن التي الذي هذا هذه مع ما لا كان أو و", roots_limits("ar"), own_ends="؟؛۔")

PROFILES: Final[dict[str, LanguageProfile]] = {
    UNKNOWN: UNDETERMINED,
    "en": LanguageProfile(stop_words=_words("the be to of and that have with")),
    **dict.fromkeys(("zh", "yue", "wuu", "gan", "lzh"), _CHINESE),
    "ja": _cjk("の は を に が と で も へ や か ら た て し な", short_line_scale=0.5, limits=_unspaced(2.0, max_dup_10gram_ratio=0.20)),
    "th": _south_east_asian("ฯๆ", {**_unspaced(3.8, max_dup_10gram_ratio=0.25), **_NO_SENTENCE_ENDS}),
    "lo": _south_east_asian("ຯໆ", {**_unspaced(3.8, max_dup_10gram_ratio=0.25), **_NO_SENTENCE_ENDS}),
    "km": _south_east_asian("។៕៖", {**_unspaced(3.8, max_dup_10gram_ratio=0.25), **_terminal(0.077)}),
    "my": _south_east_asian("။၊", _unspaced(3.8, max_dup_10gram_ratio=0.25)),
    # Syllables are set apart by a mark and joined to words by nothing.
    **dict.fromkeys(("bo", "dz"), LanguageProfile(sentence_ends="།༎༏༐༑༔", line_ends="།༎༏༐༑༔", terminal_punctuation="།༎༏༐༑༔")),
    "ko": _spaced(
        "이 그 수 것 및 등 는 은 있다 있는 있습니다 하는 그리고 대한 위해 합니다 때 더",
        {"gopher_quality.min_mean_word_length": 1.5},
        _terminal(0.062),
        short_line_scale=0.6,
    ),
    "ru": _spaced("и в не на что с по как это из для от но к он"),
    "uk": _spaced("і в не на що з до як це та у від він за для й але"),
    "bg": _spaced("на и да в за се от е с не че по са като до"),
    "sr": _spaced("и је у да се на за од са не су што као i je u da se na za od sa ne su što kao"),
    **dict.fromkeys(("ar", "arz", "ary", "apc", "acm", "ars"), _ARABIC),
    "fa": _spaced("و در به از که این را با است برای آن یک هم تا بود می", own_ends="؟؛۔"),
    "ur": _spaced("کے کی میں ہے اور سے کا کو اس نے پر کہ ہیں یہ نہیں", roots_limits("ur"), own_ends="؟؛۔"),
    "he": _spaced("של את על לא הוא זה עם כי גם היא או אל כל אני בין"),
    "de": _spaced("der die und in den von zu das mit ist nicht ein eine auf für", _terminal(None)),
    "fr": _spaced("de la le et les des en un une du que est pour dans qui", roots_limits("fr"), _terminal(0.1)),
    "es": _spaced("de la que el en y a los se del las un por con para", roots_limits("es")),
    "pt": _spaced("de a o que e do da em um para com não uma os no", roots_limits("pt")),
    "ca": _spaced("de la i el que a en les per un els una amb del no", roots_limits("ca")),
    "it": _spaced("di e il la che in un a per è una del con non le"),
    "ro": _spaced("de și în a la cu nu o din să pe că un care se"),
    "nl": _spaced("de van het een en in is dat op te zijn met voor niet die"),
    "sv": _spaced("och i att en som det på är av för med den till inte ett"),
    **dict.fromkeys(("da", "no"), _spaced("og i at en som det på er av af for med den til ikke et")),
    "fi": _spaced("ja on ei se että oli hän joka mutta myös kun tai niin ovat kuin"),
    "et": _spaced("ja on ei see et ta kui oma oli mis ka ning nad aga"),
    "hu": _spaced("a az és hogy nem is egy ez meg volt de csak el már mint"),
    "pl": _spaced("i w na z do nie się jest to że o jak dla od po"),
    "cs": _spaced("a se v na je že s z do o i to jako pro ve"),
    "sk": _spaced("a sa v na je že s z do o i to ako pre vo"),
    "sl": _spaced("in je v na da se za so ne z ki pa to kot bi"),
    "hr": _spaced("i je u da se na za od s ne su što kao to koji"),
    "lt": _spaced("ir į kad su iš yra tai ne bet jis kaip per apie o"),
    "lv": _spaced("un ir ar no ka par uz kas bet tas lai nav viņš to"),
    "el": _spaced("και το του να της η την που με για από είναι οι θα δεν", own_ends=";;··"),
    "hy": _spaced("և է որ են ու մեջ էր հետ նրա ի այս մի համար իր չէ", own_ends="։:՞՜"),
    "tr": _spaced("ve bir bu da de için ile olarak olan daha çok gibi en ne ya"),
    "vi": _spaced("và của là có được trong cho không một những các người này đã với", roots_limits("vi"), _VIETNAMESE_NGRAMS),
    **dict.fromkeys(
        ("id", "ms"),
        _spaced("yang dan di dengan untuk dari ini pada dalam adalah itu tidak ke akan atau", roots_limits("id")),
    ),
    "sw": _spaced("ya na wa kwa ni katika za la cha kama hii au lakini huo yake"),
    "eu": _spaced("eta da ez du zen bat ere dira hau zuen baina izan dute egin", roots_limits("eu")),
    "hi": _spaced("के का में है की और से को यह कि पर एक हैं ने नहीं", roots_limits("hi"), _terminal(0.091), own_ends="।॥"),
    "bn": _spaced("এই ও না করে থেকে এবং একটি তার হয় জন্য যে কি সঙ্গে এক তাদের", roots_limits("bn"), own_ends="।॥"),
}
