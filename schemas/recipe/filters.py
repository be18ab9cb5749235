"""Rule sets and their published limits."""

from __future__ import annotations

import dataclasses
import datetime
from dataclasses import field
from typing import Final, Literal

from schemas.errors import RecipeError
from schemas.recipe.base import Threshold, config, require, unknown_key


@config
class Language:
    """Language identification with a fastText model."""

    model: str | None = None
    """Path of a fastText model; None takes the cached lid.176.ftz."""
    keep: tuple[str, ...] = ()
    """Language codes that are kept; empty keeps all."""
    min_score: Threshold = 0.65


@config
class Url:
    """URL rules."""

    block_domains: str | None = None
    """Path of a list of domains, one a line; a document from one of them or below it is dropped."""
    block_words: tuple[str, ...] = ()
    """A URL that holds one of these words (between non-letters) is dropped."""


@config
class Length:
    """Plain limits on size."""

    min_chars: Threshold = 1
    max_chars: Threshold = None


@config
class GopherRepetition:
    """Repetition rules of Gopher (arXiv 2112.11446, table A1)."""

    variant: Literal["datatrove"] = "datatrove"
    max_dup_line_ratio: Threshold = 0.30
    max_dup_paragraph_ratio: Threshold = 0.30
    max_dup_line_char_ratio: Threshold = 0.20
    max_dup_paragraph_char_ratio: Threshold = 0.20
    max_top_2gram_ratio: Threshold = 0.20
    max_top_3gram_ratio: Threshold = 0.18
    max_top_4gram_ratio: Threshold = 0.16
    max_dup_5gram_ratio: Threshold = 0.15
    max_dup_6gram_ratio: Threshold = 0.14
    max_dup_7gram_ratio: Threshold = 0.13
    max_dup_8gram_ratio: Threshold = 0.12
    max_dup_9gram_ratio: Threshold = 0.11
    max_dup_10gram_ratio: Threshold = 0.10


@config
class GopherQuality:
    """Quality rules of Gopher (arXiv 2112.11446, appendix A1)."""

    variant: Literal["datatrove", "paper"] = "datatrove"
    """`datatrove`: punctuation marks are words of their own; `paper`: words are what stands between white space."""
    min_words: Threshold = 50
    max_words: Threshold = 100_000
    min_mean_word_length: Threshold = 3
    max_mean_word_length: Threshold = 10
    max_hash_ratio: Threshold = 0.1
    max_ellipsis_ratio: Threshold = 0.1
    max_bullet_line_ratio: Threshold = 0.9
    max_ellipsis_line_ratio: Threshold = 0.3
    min_alpha_word_ratio: Threshold = 0.8
    min_stop_words: Threshold = 2


@config
class C4:
    """Line and page rules of C4 (arXiv 1910.10683, section 2.2). Lines that fail are cut; then the page is judged."""

    variant: Literal["datatrove"] = "datatrove"
    require_terminal_punctuation: bool = False
    """Cut lines without `. ? ! " '` at the end. FineWeb runs with this off."""
    min_line_words: Threshold = 3
    max_word_chars: Threshold = 1000
    cut_javascript: bool = True
    cut_policy: bool = True
    remove_citations: bool = True
    max_lorem_ipsum: Threshold = 0
    max_curly_brackets: Threshold = 0
    min_sentences: Threshold = 5


@config
class FineWeb:
    """FineWeb's own rules (arXiv 2406.17557, section 3.6)."""

    variant: Literal["datatrove"] = "datatrove"
    min_terminal_line_ratio: Threshold = 0.12
    max_short_line_ratio: Threshold = 0.67
    short_line_chars: int = 30
    max_dup_line_char_ratio: Threshold = 0.01
    max_newline_word_ratio: Threshold = 0.3


@config
class RefinedWeb:
    """Line corrections of RefinedWeb (arXiv 2306.01116, section G.2). Lines that fail are cut; then the page is judged."""

    max_line_upper_ratio: Threshold = 0.5
    cut_numeric: bool = True
    """Cut lines of digits alone."""
    cut_counters: bool = True
    """Cut lines such as "3 likes"."""
    min_line_words: Threshold = 2
    edit_lines: bool = True
    """Cut "sign in", "read more..." and "items in cart" out of lines of up to 10 words."""
    max_cut_word_ratio: Threshold = 0.05


@config
class Roots:
    """Rules of ROOTS (arXiv 2303.03915), with its limits for English; the language profiles have those for the others."""

    word_ngram: int = 5
    min_words: Threshold = 20
    max_words: Threshold = 100_000
    max_char_repetition_ratio: Threshold = 0.106
    max_word_repetition_ratio: Threshold = 0.19
    max_special_char_ratio: Threshold = 0.4

    def __post_init__(self) -> None:
        require(self.word_ngram > 0, "filters.roots.word_ngram", self.word_ngram, "must be above 0")


@config
class Code:
    """Rules on source code. What Codex, LLaMA and PanGu-Coder agree on; CodeGeeX has bytes and letters limited too."""

    min_bytes: Threshold = None
    max_bytes: Threshold = None
    max_mean_line_chars: Threshold = 100
    max_max_line_chars: Threshold = 1000
    min_alnum_ratio: Threshold = 0.25
    min_letter_ratio: Threshold = None
    max_generated_marks: Threshold = 0
    max_syntax_errors: Threshold = None
    """0 drops Python that does not parse."""


@config
class Metadata:
    """Predicates over what is known of a document beside its text. What is missing fails, except with `drop`."""

    fetched_from: datetime.date | None = None
    """Keep what was fetched on this day or later."""
    fetched_before: datetime.date | None = None
    licences: tuple[str, ...] = ()
    """Keep documents under one of these licences, whatever the case; empty keeps all."""
    min: dict[str, float] = field(default_factory=dict)
    """By key of the document's metadata: min.score = 3 keeps a score of 3 or more."""
    max: dict[str, float] = field(default_factory=dict)
    keep: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By key: keep.type = ["civil", "criminal"] keeps documents whose type is one of them."""
    drop: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("min", "max", "keep", "drop"):
            for key in getattr(self, name):
                require(
                    "'" not in key and "\\" not in key,
                    f"filters.metadata.{name}",
                    key,
                    "a key with a quote or backslash cannot be asked for",
                )


@config
class Quality:
    """A fastText classifier of quality, with a limit on its score or GPT-3's rule, which lets some of the worse documents pass.

    GPT-3 (arXiv 2005.14165, appendix A) keeps a document if a draw from Pareto(alpha) exceeds 1 - score; here the draw
    comes from the recipe's seed and the doc_id. For that rule set min_score = "off" and min_pareto_margin = 0.
    """

    model: str | None = None
    """Path of a fastText classifier, such as `train-classifier` makes."""
    label: str = "positive"
    """The model's label of good documents; the score is its probability."""
    reads: Literal["words", "text"] = "words"
    """What the model was trained on: words as `train-classifier` writes them, or the text with line feeds as spaces (DCLM's models)."""
    min_score: Threshold = 0.5
    pareto_alpha: float = 9
    min_pareto_margin: Threshold = None
    """The margin is the draw less 1 - score."""

    def __post_init__(self) -> None:
        require(self.pareto_alpha > 0, "filters.quality.pareto_alpha", self.pareto_alpha, "must be above 0")


@config
class Perplexity:
    """How unlike an n-gram model's corpus a document is, and CCNet's buckets (arXiv 1911.00359)."""

    models: dict[str, str] = field(default_factory=dict)
    """Paths of ARPA files by language, such as `train-ngrams` makes: models.en = "en.arpa". Other languages are not judged."""
    cutoffs: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By language the perplexities at which the middle bucket and the tail begin; `train-ngrams --percentiles-of` proposes them."""
    zero_digits: bool = True
    """Read every digit as 0; as the model was trained."""
    max_perplexity: Threshold = None
    max_bucket: Threshold = None
    """0 keeps the head, 1 the middle too."""

    def __post_init__(self) -> None:
        for lang, (middle, tail) in self.cutoffs.items():
            where = f"filters.perplexity.cutoffs.{lang}"
            require(0 < middle <= tail, where, [middle, tail], "give where the middle begins, then where the tail begins")


RULE_SETS: Final[dict[str, type]] = {
    "length": Length,
    "language": Language,
    "url": Url,
    "gopher_repetition": GopherRepetition,
    "gopher_quality": GopherQuality,
    "c4": C4,
    "fineweb": FineWeb,
    "refinedweb": RefinedWeb,
    "roots": Roots,
    "code": Code,
    "metadata": Metadata,
    "quality": Quality,
    "perplexity": Perplexity,
}


@config
class Filters:
    """Which rule sets judge a document, in which order, and with which limits."""

    rules: tuple[str, ...] = ("length",)
    keep_dropped: bool = True
    """Measure every document by every rule set, and keep what the rules drop (scrubbed, in DIR/pool), so that `refilter` can decide
    again and the report can show what each rule removes by itself. Off: a document is measured no further than to the first limit that
    it fails, and is gone."""
    length: Length = field(default_factory=Length)
    language: Language = field(default_factory=Language)
    url: Url = field(default_factory=Url)
    gopher_repetition: GopherRepetition = field(default_factory=GopherRepetition)
    gopher_quality: GopherQuality = field(default_factory=GopherQuality)
    c4: C4 = field(default_factory=C4)
    fineweb: FineWeb = field(default_factory=FineWeb)
    refinedweb: RefinedWeb = field(default_factory=RefinedWeb)
    roots: Roots = field(default_factory=Roots)
    code: Code = field(default_factory=Code)
    metadata: Metadata = field(default_factory=Metadata)
    quality: Quality = field(default_factory=Quality)
    perplexity: Perplexity = field(default_factory=Perplexity)
    profiles: dict[str, dict[str, dict[str, float | str | None]]] = field(default_factory=dict)
    """Limits for one language, over those above: profiles.zh.gopher_quality.min_words = 100."""

    def __post_init__(self) -> None:
        check_rules(self.rules, "filters.rules")
        for lang, sets in self.profiles.items():
            for name, limits in sets.items():
                where = f"filters.profiles.{lang}"
                if name not in RULE_SETS:
                    raise RecipeError(unknown_key(where, name, RULE_SETS))
                known = [f.name for f in dataclasses.fields(RULE_SETS[name]) if f.name.startswith(("min_", "max_"))]
                for key in limits:
                    if key not in known:
                        raise RecipeError(unknown_key(f"{where}.{name}", key, known))


def check_rules(rules: tuple[str, ...], where: str) -> None:
    """Raise unless every name is a rule set."""
    for name in rules:
        if name not in RULE_SETS:
            raise RecipeError(unknown_key(where, name, RULE_SETS))
