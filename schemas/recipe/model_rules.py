"""The rule sets that ask a model or a list of words: language, quality, perplexity, safety."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from schemas.recipe.base import FilePath, Threshold, config, require


@config
class Language:
    """Language identification with a fastText model."""

    model: FilePath | None = None
    """Path of a fastText model; by default the cached lid.176.ftz."""
    assume: str | None = None
    """Assign this language to every document, with score 1, without asking a model."""
    keep: tuple[str, ...] = ()
    """Codes of the languages to keep; empty keeps all."""
    min_score: Threshold = 0.65
    """Minimum probability of the language, 0 to 1. FineWeb drops below 0.65. With this default, and unless limits = "published", a text
    with nine common function words of its language passes even below the limit: the model is never sure of languages with few training
    texts."""
    lines: Literal["keep", "measure", "cut"] = "keep"
    """What happens to lines in another language than the document's: nothing, their share is measured, or they are cut, too."""
    line_score: float = 0.8
    """Minimum probability of the other language for such a line, 0 to 1."""
    max_mixed_line_ratio: Threshold = None
    """Maximum share of the document's characters in such lines, before they are cut."""

    zh_words: Literal["chars", "jieba"] = "chars"
    """The unit that rules count as a Chinese word: a character, or a word that jieba finds, which takes twenty times as long."""

    def __post_init__(self) -> None:
        measured = self.max_mixed_line_ratio is None or self.lines != "keep"
        require(measured, "filters.language.max_mixed_line_ratio", self.max_mixed_line_ratio, 'needs lines = "measure" or "cut"')


@config
class Quality:
    """A fastText quality classifier, with a limit on its score or GPT-3's rule, which lets some of the worse documents pass.

    GPT-3 (arXiv 2005.14165, appendix A) keeps a document if a draw from Pareto(alpha) exceeds 1 - score; here the recipe's seed and the
    doc_id determine the draw. For that rule set min_score = "off" and min_pareto_margin = 0.
    """

    model: FilePath | None = None
    """Path of a fastText classifier; `train-classifier` makes one."""
    label: str = "positive"
    """The model's label for good documents; the score is its probability."""
    reads: Literal["words", "text"] = "words"
    """What the model was trained on: words as `train-classifier` writes them, or the text with line feeds as spaces (DCLM's models)."""
    min_score: Threshold = 0.5
    """Minimum probability of the label, 0 to 1."""
    pareto_alpha: float = 9
    """Shape of GPT-3's Pareto distribution; GPT-3 used 9."""
    min_pareto_margin: Threshold = None
    """Minimum margin of GPT-3's rule: the draw minus (1 - score)."""

    def __post_init__(self) -> None:
        require(self.pareto_alpha > 0, "filters.quality.pareto_alpha", self.pareto_alpha, "must be above 0")


@config
class Perplexity:
    """How much a document differs from an n-gram model's corpus, and CCNet's buckets (arXiv 1911.00359)."""

    models: dict[str, FilePath] = field(default_factory=dict)
    """By language the path of an ARPA file; `train-ngrams` makes one: models.en = "en.arpa". Other languages are not judged."""
    cutoffs: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By language the perplexities at which the middle bucket and the tail begin; `train-ngrams --percentiles-of` proposes them."""
    zero_digits: bool = True
    """Read every digit as 0; use the value that the model was trained with."""
    max_perplexity: Threshold = None
    """Maximum perplexity per word."""
    max_bucket: Threshold = None
    """0 keeps the head, 1 also the middle."""

    def __post_init__(self) -> None:
        for lang, (middle, tail) in self.cutoffs.items():
            where = f"filters.perplexity.cutoffs.{lang}"
            require(0 < middle <= tail, where, [middle, tail], "give the start of the middle bucket, then the start of the tail")


@config
class Safety:
    """Listed words, and a fastText model of adult or toxic text."""

    words: dict[str, FilePath] = field(default_factory=dict)
    """By language the path of a list with one word or phrase per line: words.en = "en.txt". words.any serves every language without a
    list of its own."""
    allow: tuple[str, ...] = ("性", "sm", "グロ", "女の子")
    """Listed words that do not count; the default is what multilingual C4 allows."""
    max_flagged_words: Threshold = None
    """Maximum number of places with a listed word; 0 is C4's rule."""
    max_flagged_word_ratio: Threshold = 0.01
    """Maximum share of listed words; the default is ROOTS' limit for English."""
    model: FilePath | None = None
    """Path of a fastText classifier of adult or toxic text."""
    label: str = "toxic"
    """The model's label for harmful documents; the score is its probability."""
    reads: Literal["words", "text"] = "text"
    """What the model was trained on: words as `train-classifier` writes them, or the text with line feeds as spaces."""
    max_score: Threshold = None
    """Maximum probability of the label, 0 to 1."""

    def __post_init__(self) -> None:
        judged = self.max_score is None or self.model is not None
        require(judged, "filters.safety.max_score", self.max_score, "give filters.safety.model, or leave the limit out")
