"""The data of each language that the filter rules need, one LanguageProfile each.

A profile's limits (filters/profile_limits.py) replace published ones, but not limits that the recipe changes or turns off;
filters.profiles.<language> of the recipe overrides both. `keeps` loosens them, unless filters.limits = "published".
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Final

from pipelines.filters.profile_limits import (
    CLEAN_PROSE,
    CLEAN_UNSPACED,
    NO_SENTENCE_ENDS,
    NOT_ENGLISH,
    SPACED,
    TIBETAN,
    Limits,
    ngrams,
    terminal,
    unspaced,
)
from pipelines.filters.roots_table import roots_limits
from pipelines.text.labels import UNKNOWN

LATIN_ENDS: Final = ".?!…"
C4_LINE_ENDS: Final = ".?!\"'"
UNICODE_ENDS: Final = ".?!‼⁇⁈⁉‽؟۔।॥。．！？｡"  # the widely used ones of Unicode's sentence terminals, which FineWeb uses
# Those of Unicode's sentence terminals that belong to one script, and the Tibetan shad, which ends sentences but is not among them.
OTHER_ENDS: Final = "։؞܀܁܂߹།༎፧።፨᙮᠃᠉។៕៖᥄᥅᪨᪩᪪᪫᭚᭛᭞᭟᰻᰼᱾᱿⳹⳺⳻⳾꓿꘎꘏꛳꛷꡶꡷꣎꣏꤯꧈꧉꩝꩞꩟꫰꫱꯫။၊"
CLOSERS: Final = "\"'”’»"
OTHER_CLOSERS: Final = CLOSERS + "“«›‹)"
CJK_ENDS: Final = "。！？；…｡．.?!"
CJK_CLOSERS: Final = "\"'”’」』）】》〉：:"


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageProfile:
    """One language as the rules see it."""

    stop_words: frozenset[str] = frozenset()
    """Case matters, as in Gopher: "the" and not "The". Empty turns min_stop_words off."""
    sentence_ends: str = LATIN_ENDS
    """ASCII ones end a sentence only before white space or the end of the line."""
    line_ends: str = C4_LINE_ENDS
    """How a line of prose ends, for C4: sentence ends and the quotation marks and brackets after them."""
    terminal_punctuation: str = UNICODE_ENDS
    """The same for FineWeb."""
    char_ngram: int = 10
    """Characters per n-gram in the rule of ROOTS on repetition."""
    short_line_scale: float = 1.0
    """Characters for the content of one English character; scales fineweb.short_line_chars."""
    unspaced: bool = False
    """Written without spaces: each character counts as a word."""
    by_jieba: bool = False
    """Chinese whose characters jieba joins into words."""
    limits: Limits = field(default_factory=dict)
    """Limits that were published for the language or follow from its script; English has the published limits."""
    keeps: Limits = field(default_factory=lambda: CLEAN_PROSE)
    """Limits that keep clean prose: of one of these and the language's own the looser one applies."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _spaced(stop_words: str, *more: Limits, own_ends: str = "", short_line_scale: float = 1.0, limits: Limits = SPACED) -> LanguageProfile:
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
        keeps=CLEAN_UNSPACED,
    )


def _south_east_asian(own_ends: str, limits: Limits) -> LanguageProfile:
    """Without stop words: a word is several characters, and the rule sees them one by one."""
    ends = LATIN_ENDS + own_ends
    closed = ends + OTHER_CLOSERS
    return LanguageProfile(
        sentence_ends=ends,
        line_ends=closed,
        terminal_punctuation=closed,
        short_line_scale=0.9,
        unspaced=True,
        limits=limits,
        keeps=CLEAN_UNSPACED,
    )


_ANY_ENDS: Final = LATIN_ENDS + "。！？；؟۔।॥" + OTHER_ENDS

NEUTRAL: Final = LanguageProfile(
    sentence_ends=_ANY_ENDS,
    line_ends=_ANY_ENDS + OTHER_CLOSERS + "」』",
    terminal_punctuation=_ANY_ENDS + OTHER_CLOSERS + "」』",
    limits=SPACED,
)
"""A language without a profile: no stop words, any script's sentence ends, wide bounds on word length."""

UNDETERMINED: Final = replace(
    NEUTRAL,
    limits={**SPACED, **NO_SENTENCE_ENDS, "gopher_quality.min_mean_word_length": None, "refinedweb.max_line_upper_ratio": None},
)
"""An unknown language: how its sentences end is not known either, and in some scripts every letter is a capital."""

_CHINESE: Final = replace(
    _cjk(
        "的 了 在 是 我 有 和 就 不 人 都 一 上 也 很 到 说 要 去 你 会 着 没 看 好 这 為 为 這 個 个 們 们 與 与 及 之 以 而 其 於 于",
        short_line_scale=0.4,
        limits={**unspaced(1.5, max_dup_10gram_ratio=0.15), **roots_limits("zh"), **terminal(0.106)},
        char_ngram=3,
    ),
    # ROOTS' 0.2 removes 18 % of clean articles, manuals and news: three characters are two words and come back. 0.3 is the 99th percentile.
    keeps={**CLEAN_UNSPACED, "roots.max_char_repetition_ratio": 0.3},
)


def _by_characters(limits: Limits) -> Limits:
    """Gopher's limits for the variants that count characters even where jieba finds words: all but datatrove's."""
    found: dict[str, float | None] = {}
    for key, limit in sorted(limits.items()):  # limits of one variant sort after those of all
        rule_set, _, name = key.partition(".")
        base, _, own = rule_set.partition(":")
        if base.startswith("gopher_"):
            found |= {f"{base}:{variant}.{name}": limit for variant in ("paper", "dolma", "nemo") if own in ("", variant)}
    return found


CHINESE_BY_JIEBA: Final = replace(
    _CHINESE,
    by_jieba=True,
    keeps={**CLEAN_PROSE, "roots.max_char_repetition_ratio": 0.3},
    # Words as in other languages, so the published numbers of words apply; n-grams and lengths are FineWeb2's, which counts such words.
    limits={
        **{name: limit for name, limit in _CHINESE.limits.items() if not name.startswith(("gopher_", "fineweb."))},
        **_by_characters(_CHINESE.limits),
        **NOT_ENGLISH,
        **terminal(0.106),
        **roots_limits("zh"),
        "gopher_quality.min_mean_word_length": 1,
        "gopher_quality.max_mean_word_length": 5,
        **ngrams((0.256, 0.201, 0.171), (0.198, 0.182, 0.167, 0.154, 0.14, 0.127)),
    },
)
# Vietnamese separates syllables by spaces; FineWeb2 derived these limits as Gopher did, on Vietnamese.
_VIETNAMESE_NGRAMS: Final = ngrams((0.223, 0.197, 0.171), (0.178, 0.163, 0.15, 0.136, 0.124, 0.111))
_ARABIC: Final = _spaced("في من على إلى عن أن التي الذي هذا هذه مع ما لا كان أو و", roots_limits("ar"), own_ends="؟؛۔")

PROFILES: Final[dict[str, LanguageProfile]] = {
    UNKNOWN: UNDETERMINED,
    "en": LanguageProfile(stop_words=_words("the be to of and that have with")),
    **dict.fromkeys(("zh", "yue", "wuu", "gan", "lzh"), _CHINESE),
    "ja": _cjk("の は を に が と で も へ や か ら た て し な", short_line_scale=0.5, limits=unspaced(2.0, max_dup_10gram_ratio=0.20)),
    "th": _south_east_asian("ฯๆ", {**unspaced(3.8, max_dup_10gram_ratio=0.25), **NO_SENTENCE_ENDS}),
    "lo": _south_east_asian("ຯໆ", {**unspaced(3.8, max_dup_10gram_ratio=0.25), **NO_SENTENCE_ENDS}),
    "km": _south_east_asian("។៕៖", {**unspaced(3.8, max_dup_10gram_ratio=0.25), **terminal(0.077)}),
    "my": _south_east_asian("။၊", unspaced(3.8, max_dup_10gram_ratio=0.25)),
    **dict.fromkeys(("bo", "dz"), _spaced("", NO_SENTENCE_ENDS, limits=TIBETAN, own_ends="།༎༏༐༑༔")),
    "ko": _spaced(
        "이 그 수 것 및 등 는 은 있다 있는 있습니다 하는 그리고 대한 위해 합니다 때 더",
        {"gopher_quality.min_mean_word_length": 1.5},
        terminal(0.062),
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
    "de": _spaced("der die und in den von zu das mit ist nicht ein eine auf für", terminal(None)),
    "fr": _spaced("de la le et les des en un une du que est pour dans qui", roots_limits("fr"), terminal(0.1)),
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
    "hi": _spaced("के का में है की और से को यह कि पर एक हैं ने नहीं", roots_limits("hi"), terminal(0.091), own_ends="।॥"),
    "bn": _spaced("এই ও না করে থেকে এবং একটি তার হয় জন্য যে কি সঙ্গে এক তাদের", roots_limits("bn"), own_ends="।॥"),
}
