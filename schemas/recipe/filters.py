"""Rule sets and their published limits."""

from __future__ import annotations

import dataclasses
import datetime
import typing
from dataclasses import field
from typing import Final, Literal

from schemas.errors import RecipeError
from schemas.recipe.base import FilePath, Threshold, config, require, unknown_key

ANY_LANGUAGE: Final = "any"


@config
class Language:
    """Language identification with a fastText model."""

    model: FilePath | None = None
    """Path of a fastText model; None takes the cached lid.176.ftz."""
    assume: str | None = None
    """A language that every document is taken for, with score 1, without asking a model."""
    keep: tuple[str, ...] = ()
    """Language codes that are kept; empty keeps all."""
    min_score: Threshold = 0.65
    """Least probability of the language, 0 to 1. FineWeb drops below 0.65. At this default, and unless limits = "published", a text with
    nine common function words of its language passes below it, too: of languages with few training texts the model is never sure."""
    lines: Literal["keep", "measure", "cut"] = "keep"
    """What is done about lines in another language than the document's: nothing, measure their share, or cut them out as well."""
    line_score: float = 0.8
    """How sure the model must be of such a line."""
    max_mixed_line_ratio: Threshold = None
    """Of the document's characters, those in such lines, before they are cut."""

    zh_words: Literal["chars", "jieba"] = "chars"
    """What a word of Chinese is to rules that count words: a character, or what jieba finds, which takes twenty times as long."""

    def __post_init__(self) -> None:
        measured = self.max_mixed_line_ratio is None or self.lines != "keep"
        require(measured, "filters.language.max_mixed_line_ratio", self.max_mixed_line_ratio, 'needs lines = "measure" or "cut"')


@config
class Url:
    """Rules on a document's address; one without an address passes them, except keep_domains.

    A domain in a list stands for itself and all below it, except that a public suffix, under which others register (co.uk, github.io),
    stands for itself alone; write *.github.io for all below. The longest entry that fits a host decides.
    """

    block_domains: FilePath | None = None
    """Path of a list of domains, one a line; a document from one of them is dropped."""
    allow_domains: FilePath | None = None
    """Path of a list of domains that no other rule on addresses drops."""
    keep_domains: FilePath | None = None
    """Path of a list of domains; a document from any other is dropped."""
    block_words: tuple[str, ...] = ()
    """A URL that holds one of these words (between non-letters) is dropped."""
    hard_words: FilePath | None = None
    """Path of a list of words, one a line; a URL that holds one of them as a whole word is dropped."""
    subwords: FilePath | None = None
    """Path of a list; a URL that holds one of them anywhere, also across punctuation, is dropped."""
    soft_words: FilePath | None = None
    """Path of a list of words, each with its weight behind a space, or 1; a URL's score is the sum over the different ones in it."""
    soft_score: Threshold = 2
    """From this score on a URL is dropped. RefinedWeb (arXiv 2306.01116, section G.1) drops on two soft words."""


@config
class Length:
    """Plain limits on size."""

    min_chars: Threshold = 1
    """Least characters; 1 drops empty documents."""
    max_chars: Threshold = None
    """Most characters."""


@config
class GopherRepetition:
    """Repetition rules of Gopher (arXiv 2112.11446, table A1)."""

    variant: Literal["datatrove", "dolma", "nemo"] = "datatrove"
    """Whose formulas compute the signals; the limits are the same in all. By those of `dolma` every copy counts, by those of `nemo` a text
    of fewer than n words fails. `rules = ["gopher_repetition:dolma"]` says it too."""
    max_dup_line_ratio: Threshold = 0.30
    """Most lines that repeat another, of all lines."""
    max_dup_paragraph_ratio: Threshold = 0.30
    """Most paragraphs that repeat another, of all paragraphs."""
    max_dup_line_char_ratio: Threshold = 0.20
    """Most characters in repeated lines, of all characters."""
    max_dup_paragraph_char_ratio: Threshold = 0.20
    """Most characters in repeated paragraphs, of all characters."""
    max_top_2gram_ratio: Threshold = 0.20
    """Most characters in occurrences of the most frequent 2-gram of words, of all characters."""
    max_top_3gram_ratio: Threshold = 0.18
    """Most characters in occurrences of the most frequent 3-gram of words, of all characters."""
    max_top_4gram_ratio: Threshold = 0.16
    """Most characters in occurrences of the most frequent 4-gram of words, of all characters."""
    max_dup_5gram_ratio: Threshold = 0.15
    """Most characters in repeated 5-grams of words, of all characters."""
    max_dup_6gram_ratio: Threshold = 0.14
    """Most characters in repeated 6-grams of words, of all characters."""
    max_dup_7gram_ratio: Threshold = 0.13
    """Most characters in repeated 7-grams of words, of all characters."""
    max_dup_8gram_ratio: Threshold = 0.12
    """Most characters in repeated 8-grams of words, of all characters."""
    max_dup_9gram_ratio: Threshold = 0.11
    """Most characters in repeated 9-grams of words, of all characters."""
    max_dup_10gram_ratio: Threshold = 0.10
    """Most characters in repeated 10-grams of words, of all characters."""


@config
class GopherQuality:
    """Quality rules of Gopher (arXiv 2112.11446, appendix A1)."""

    variant: Literal["datatrove", "paper", "dolma", "nemo"] = "datatrove"
    """`datatrove`: punctuation marks are words of their own; in the others words are what stands between white space. `dolma` takes the
    median of word lengths and counts stop words with repeats, `nemo` has other bullets and ellipses."""
    min_words: Threshold = 50
    """Least words."""
    max_words: Threshold = 100_000
    """Most words."""
    min_mean_word_length: Threshold = 3
    """Least mean length of words in characters."""
    max_mean_word_length: Threshold = 10
    """Most mean length of words in characters."""
    max_hash_ratio: Threshold = 0.1
    """Most # signs per word."""
    max_ellipsis_ratio: Threshold = 0.1
    """Most ellipses per word."""
    max_bullet_line_ratio: Threshold = 0.9
    """Most lines that begin with a bullet, of all lines."""
    max_ellipsis_line_ratio: Threshold = 0.3
    """Most lines that end with an ellipsis, of all lines."""
    min_alpha_word_ratio: Threshold = 0.8
    """Least words with a letter, of all words."""
    min_stop_words: Threshold = 2
    """Least stop words of Gopher's eight English ones, or of the language's profile."""


@config
class C4:
    """Line and page rules of C4 (arXiv 1910.10683, section 2.2). Lines that fail are cut; then the page is judged."""

    variant: Literal["datatrove"] = "datatrove"
    """Whose formulas compute the signals."""
    require_terminal_punctuation: bool = False
    """Cut lines without `. ? ! " '` at the end. FineWeb runs with this off."""
    min_line_words: Threshold = 3
    """Lines with fewer words are cut."""
    max_word_chars: Threshold = 1000
    """Lines with a longer word, in characters, are cut."""
    cut_javascript: bool = True
    """Cut lines that mention JavaScript."""
    cut_policy: bool = True
    """Cut lines with a phrase of privacy and cookie notices."""
    remove_citations: bool = True
    """Take Wikipedia's marks such as [1] and [citation needed] out of lines."""
    max_lorem_ipsum: Threshold = 0
    """Most occurrences of "lorem ipsum"."""
    max_curly_brackets: Threshold = 0
    """Most curly brackets."""
    min_sentences: Threshold = 5
    """Least sentences."""


@config
class FineWeb:
    """FineWeb's own rules (arXiv 2406.17557, section 3.6)."""

    variant: Literal["datatrove"] = "datatrove"
    """Whose formulas compute the signals."""
    min_terminal_line_ratio: Threshold = 0.12
    """Least lines that end with punctuation, of all lines."""
    max_short_line_ratio: Threshold = 0.67
    """Most short lines, of all lines."""
    short_line_chars: int = 30
    """A line of at most so many characters is short."""
    max_dup_line_char_ratio: Threshold = 0.01
    """Most characters in repeated lines, of all characters."""
    max_newline_word_ratio: Threshold = 0.3
    """Most line breaks per word."""


@config
class RefinedWeb:
    """Line corrections of RefinedWeb (arXiv 2306.01116, section G.2). Lines that fail are cut; then the page is judged."""

    max_line_upper_ratio: Threshold = 0.5
    """Lines with a larger share of capitals are cut."""
    cut_numeric: bool = True
    """Cut lines of digits alone."""
    cut_counters: bool = True
    """Cut lines such as "3 likes"."""
    min_line_words: Threshold = 2
    """Lines with fewer words are cut."""
    edit_lines: bool = True
    """Cut "sign in", "read more..." and "items in cart" out of lines of up to 10 words."""
    max_cut_word_ratio: Threshold = 0.05
    """A document of whose words a larger share was cut is dropped."""


@config
class Roots:
    """Rules of ROOTS (arXiv 2303.03915), with its limits for English; the language profiles have those for the others."""

    word_ngram: int = 5
    """Words per n-gram of the rule on repeated words."""
    min_words: Threshold = 20
    """Least words."""
    max_words: Threshold = 100_000
    """Most words."""
    max_char_repetition_ratio: Threshold = 0.106
    """Most repetition of n-grams of characters, 0 to 1."""
    max_word_repetition_ratio: Threshold = 0.19
    """Most words in repeated n-grams of words, of all words."""
    max_special_char_ratio: Threshold = 0.4
    """Most characters that are no letters: digits, punctuation, white space, symbols; of all characters."""
    stop_words: dict[str, FilePath] = field(default_factory=dict)
    """Paths of lists by language, one word or phrase a line: stop_words.en = "en.txt". In a language without one its rule is off."""
    flagged_words: dict[str, FilePath] = field(default_factory=dict)
    """Paths of lists of flagged words by language, as stop_words."""
    min_stop_word_ratio: Threshold = 0.3
    """ROOTS set it with its own long lists of closed-class words."""
    max_flagged_word_ratio: Threshold = 0.01
    """Most flagged words, of all words."""
    min_language_score: Threshold = 0.8
    """Least probability of the language, 0 to 1."""

    def __post_init__(self) -> None:
        require(self.word_ngram > 0, "filters.roots.word_ngram", self.word_ngram, "must be above 0")


@config
class Code:
    """Rules on source code. What Codex, LLaMA and PanGu-Coder agree on; CodeGeeX has bytes and letters limited too."""

    min_bytes: Threshold = None
    """Least size of the file in bytes."""
    max_bytes: Threshold = None
    """Most bytes."""
    max_mean_line_chars: Threshold = 100
    """Most characters per line on average."""
    max_max_line_chars: Threshold = 1000
    """Most characters in the longest line."""
    min_alnum_ratio: Threshold = 0.25
    """Least letters and digits, of all characters."""
    min_letter_ratio: Threshold = None
    """Least letters, of all characters."""
    max_generated_marks: Threshold = 0
    """Most marks by which a generator says that it wrote the file."""
    max_syntax_errors: Threshold = None
    """0 drops Python that does not parse."""
    min_html_text_ratio: Threshold = None
    """Of HTML, the share that is no mark-up; StarCoder asks for 0.2."""
    extensions: tuple[str, ...] = ()
    """Keep files whose name ends in one of these, such as ".py" or "Makefile"; empty keeps all."""


_COLUMNS: Final = {
    "rights": "robots directives, such as noai and noindex, are recorded in the column `rights`, but no rule acts on them yet; leave the "
    "key out, and keep such pages out of the sources or name their hosts in opt_out.hosts",
    "licence": "the licence is a column and no metadata; use filters.metadata.licences",
    "license": "the licence is a column and no metadata; use filters.metadata.licences",
}
"""What is known of a document beside its metadata, which never has these keys: a rule on them would do nothing."""


@config
class Metadata:
    """Predicates over what is known of a document beside its text. What is missing fails, except with `drop`."""

    fetched_from: datetime.date | None = None
    """Keep what was fetched on this day or later."""
    fetched_before: datetime.date | None = None
    """Keep what was fetched before this day."""
    licences: tuple[str, ...] = ()
    """Keep documents under one of these licences, whatever the case; empty keeps all."""
    min: dict[str, float] = field(default_factory=dict)
    """By key of the document's metadata: min.score = 3 keeps a score of 3 or more."""
    max: dict[str, float] = field(default_factory=dict)
    """By key: max.score = 3 keeps a score of 3 or less."""
    keep: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By key: keep.type = ["civil", "criminal"] keeps documents whose type is one of them. The key `source` is the name of the document's
    source in the recipe, `host` the host of its URL."""
    drop: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By key: drop.type = ["spam"] drops documents whose type is one of them. Keys as in `keep`."""
    keep_lists: dict[str, FilePath] = field(default_factory=dict)
    """The same with the path of a list, one value a line: keep_lists.host = "hosts.txt"."""
    drop_lists: dict[str, FilePath] = field(default_factory=dict)
    """As `drop`, with the path of a list, one value a line."""

    def __post_init__(self) -> None:
        for name in ("min", "max", "keep", "drop", "keep_lists", "drop_lists"):
            for key in getattr(self, name):
                known = f"filters.metadata.{name}.{key}"
                require(key not in _COLUMNS, known, getattr(self, name)[key], _COLUMNS.get(key, ""))
                require(
                    "'" not in key and "\\" not in key,
                    f"filters.metadata.{name}",
                    key,
                    "a key with a quote or backslash cannot be asked for",
                )


@config
class Sections:
    """Length of one section of a document. Lawformer (arXiv 2105.03887) keeps judgments whose facts have more than 50 tokens."""

    key: str | None = None
    """The key of the document's metadata that holds the section."""
    heading: str | None = None
    """A regular expression that a line begins with: the section is what follows, where the metadata does not hold it."""
    next_heading: str | None = None
    """A regular expression that the line behind the section begins with; without one it goes on to the end."""
    min_tokens: Threshold = None
    """Least tokens (words; characters in scripts written without spaces) of the section."""
    max_tokens: Threshold = None
    """Most tokens."""

    def __post_init__(self) -> None:
        plain = self.key is None or not {"'", "\\"} & set(self.key)
        require(plain, "filters.sections.key", self.key, "a key with a quote or backslash cannot be asked for")


@config
class Quality:
    """A fastText classifier of quality, with a limit on its score or GPT-3's rule, which lets some of the worse documents pass.

    GPT-3 (arXiv 2005.14165, appendix A) keeps a document if a draw from Pareto(alpha) exceeds 1 - score; here the draw
    comes from the recipe's seed and the doc_id. For that rule set min_score = "off" and min_pareto_margin = 0.
    """

    model: FilePath | None = None
    """Path of a fastText classifier, such as `train-classifier` makes."""
    label: str = "positive"
    """The model's label of good documents; the score is its probability."""
    reads: Literal["words", "text"] = "words"
    """What the model was trained on: words as `train-classifier` writes them, or the text with line feeds as spaces (DCLM's models)."""
    min_score: Threshold = 0.5
    """Least probability of the label, 0 to 1."""
    pareto_alpha: float = 9
    """Shape of GPT-3's Pareto distribution; GPT-3 took 9."""
    min_pareto_margin: Threshold = None
    """The margin is the draw less 1 - score."""

    def __post_init__(self) -> None:
        require(self.pareto_alpha > 0, "filters.quality.pareto_alpha", self.pareto_alpha, "must be above 0")


@config
class Perplexity:
    """How unlike an n-gram model's corpus a document is, and CCNet's buckets (arXiv 1911.00359)."""

    models: dict[str, FilePath] = field(default_factory=dict)
    """Paths of ARPA files by language, such as `train-ngrams` makes: models.en = "en.arpa". Other languages are not judged."""
    cutoffs: dict[str, tuple[float, float]] = field(default_factory=dict)
    """By language the perplexities at which the middle bucket and the tail begin; `train-ngrams --percentiles-of` proposes them."""
    zero_digits: bool = True
    """Read every digit as 0; as the model was trained."""
    max_perplexity: Threshold = None
    """Most perplexity per word."""
    max_bucket: Threshold = None
    """0 keeps the head, 1 the middle too."""

    def __post_init__(self) -> None:
        for lang, (middle, tail) in self.cutoffs.items():
            where = f"filters.perplexity.cutoffs.{lang}"
            require(0 < middle <= tail, where, [middle, tail], "give where the middle begins, then where the tail begins")


@config
class Safety:
    """Listed words, and a fastText model of adult or toxic text."""

    words: dict[str, FilePath] = field(default_factory=dict)
    """Paths of lists by language, one word or phrase a line: words.en = "en.txt". words.any is for every language without one."""
    allow: tuple[str, ...] = ("性", "sm", "グロ", "女の子")
    """Listed words that are no reason; the default is what the multilingual C4 allows."""
    max_flagged_words: Threshold = None
    """Places; 0 is C4's rule."""
    max_flagged_word_ratio: Threshold = 0.01
    """ROOTS' limit for English."""
    model: FilePath | None = None
    """Path of a fastText classifier of adult or toxic text."""
    label: str = "toxic"
    """The model's label of harmful documents; the score is its probability."""
    reads: Literal["words", "text"] = "text"
    """What the model was trained on: words as `train-classifier` writes them, or the text with line feeds as spaces."""
    max_score: Threshold = None
    """Most probability of the label, 0 to 1."""

    def __post_init__(self) -> None:
        judged = self.max_score is None or self.model is not None
        require(judged, "filters.safety.max_score", self.max_score, "give filters.safety.model, or leave the limit out")


@config
class Integrity:
    """Characters that nobody sees or that a wrong decoding leaves, over all characters. The limits let single slips pass."""

    max_zero_width_ratio: Threshold = 0.01
    """Most zero-width characters that writing does not need."""
    max_bidi_ratio: Threshold = 0.01
    """Most marks that change the direction of text."""
    max_tag_ratio: Threshold = 0
    """Outside of flags tags have no use but to hide text."""
    max_private_use_ratio: Threshold = 0.05
    """Most characters for private use."""
    max_replacement_ratio: Threshold = 0.01
    """Most replacement characters, U+FFFD."""
    max_control_ratio: Threshold = 0.01
    """Most control characters other than white space."""
    max_mojibake_ratio: Threshold = 0.01
    """Most characters in text that was decoded wrongly."""


@config
class Filters:
    """Which rule sets judge a document, in which order, and with which limits."""

    rules: tuple[str, ...] = ("length",)
    """In order. Where a set has variants, "gopher_repetition:dolma" chooses one, as gopher_repetition.variant does."""
    limits: Literal["profiles", "published"] = "profiles"
    """Whose limits stand where the recipe states none. `profiles`: each language's, English too, which keep clean prose of all kinds.
    `published`: English has the numbers of the publications, other languages those that were published for them; for a corpus as
    a publication has made it."""
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
    sections: Sections = field(default_factory=Sections)
    quality: Quality = field(default_factory=Quality)
    perplexity: Perplexity = field(default_factory=Perplexity)
    safety: Safety = field(default_factory=Safety)
    integrity: Integrity = field(default_factory=Integrity)
    profiles: dict[str, dict[str, dict[str, float | str | None]]] = field(default_factory=dict)
    """Limits for one language, over those above: profiles.zh.gopher_quality.min_words = 100."""

    def __post_init__(self) -> None:
        check_rules(self.rules, "filters.rules")
        for lang, sets in self.profiles.items():
            for name, limits in sets.items():
                where = f"filters.profiles.{lang}"
                if name not in RULE_SETS:
                    raise unknown_key(where, name, RULE_SETS)
                known = [f.name for f in dataclasses.fields(RULE_SETS[name]) if f.name.startswith(("min_", "max_"))]
                for key in limits:
                    if key not in known:
                        raise unknown_key(f"{where}.{name}", key, known)


RULE_SETS: Final[dict[str, type]] = {
    name: kind for name, kind in typing.get_type_hints(Filters).items() if isinstance(kind, type) and dataclasses.is_dataclass(kind)
}
"""The config class of every rule set, by name: the sections of `Filters`, in their order."""


def check_rules(rules: tuple[str, ...], where: str) -> None:
    """Raise unless every name is a rule set, with one of its variants behind a colon or without: "gopher_repetition:dolma"."""
    for rule in rules:
        name, colon, variant = rule.partition(":")
        if name not in RULE_SETS:
            raise unknown_key(where, name, RULE_SETS)
        known = variants_of(name)
        if colon and variant not in known:
            advice = f"its variants are: {', '.join(known)}" if known else f"it has no variants; write {name!r}"
            raise RecipeError("CM-RECIPE-004", f"{where}: {rule!r} is no variant of {name}; {advice}")


def variants_of(rule_set: str) -> tuple[str, ...]:
    """The formulas by which a rule set can be computed, the default first; none where there is but one."""
    hint = typing.get_type_hints(RULE_SETS[rule_set]).get("variant")
    return typing.get_args(hint)


def shown(filters: Filters, rule_set: str) -> str:
    """The rule set with the variant that it runs in, as a recipe may name it: "gopher_repetition:dolma"."""
    variant = getattr(getattr(filters, rule_set), "variant", None)
    return f"{rule_set}:{variant}" if variant else rule_set


def with_variants(filters: Filters, rules: tuple[str, ...]) -> Filters:
    """The filters with every variant that one of the rules names; a set can only run in one."""
    chosen: dict[str, str] = {}
    for rule in rules:
        name, colon, variant = rule.partition(":")
        if not colon:
            continue
        stated = getattr(filters, name).variant
        other = chosen.get(name, stated if stated != variants_of(name)[0] else variant)
        if other != variant:
            raise RecipeError(
                "CM-RECIPE-005", f"{rule!r}: {name} runs in one variant, and {other!r} is asked for, too; make it a run of its own"
            )
        chosen[name] = variant
    sections = {name: dataclasses.replace(getattr(filters, name), variant=variant) for name, variant in chosen.items()}
    return dataclasses.replace(filters, rules=without_variants(filters.rules), **sections)


def without_variants(rules: tuple[str, ...]) -> tuple[str, ...]:
    """The names of the rule sets alone."""
    return tuple(rule.partition(":")[0] for rule in rules)
