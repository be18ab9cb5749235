"""The rule sets of publications, with the published limits as defaults."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from schemas.recipe.base import FilePath, Threshold, config, require


@config
class GopherRepetition:
    """Repetition rules of Gopher (arXiv 2112.11446, table A1)."""

    variant: Literal["datatrove", "dolma", "nemo"] = "datatrove"
    """Whose formulas compute the signals; the limits are the same in all variants. `dolma` counts every copy. With `nemo` a text of fewer
    than n words fails. `rules = ["gopher_repetition:dolma"]` also chooses a variant."""
    max_dup_line_ratio: Threshold = 0.30
    """Maximum share of lines that repeat another line."""
    max_dup_paragraph_ratio: Threshold = 0.30
    """Maximum share of paragraphs that repeat another paragraph."""
    max_dup_line_char_ratio: Threshold = 0.20
    """Maximum share of characters in repeated lines."""
    max_dup_paragraph_char_ratio: Threshold = 0.20
    """Maximum share of characters in repeated paragraphs."""
    max_top_2gram_ratio: Threshold = 0.20
    """Maximum share of characters in occurrences of the most frequent 2-gram of words."""
    max_top_3gram_ratio: Threshold = 0.18
    """Maximum share of characters in occurrences of the most frequent 3-gram of words."""
    max_top_4gram_ratio: Threshold = 0.16
    """Maximum share of characters in occurrences of the most frequent 4-gram of words."""
    max_dup_5gram_ratio: Threshold = 0.15
    """Maximum share of characters in repeated 5-grams of words."""
    max_dup_6gram_ratio: Threshold = 0.14
    """Maximum share of characters in repeated 6-grams of words."""
    max_dup_7gram_ratio: Threshold = 0.13
    """Maximum share of characters in repeated 7-grams of words."""
    max_dup_8gram_ratio: Threshold = 0.12
    """Maximum share of characters in repeated 8-grams of words."""
    max_dup_9gram_ratio: Threshold = 0.11
    """Maximum share of characters in repeated 9-grams of words."""
    max_dup_10gram_ratio: Threshold = 0.10
    """Maximum share of characters in repeated 10-grams of words."""


@config
class GopherQuality:
    """Quality rules of Gopher (arXiv 2112.11446, appendix A1)."""

    variant: Literal["datatrove", "paper", "dolma", "nemo"] = "datatrove"
    """Whose formulas compute the signals. `datatrove` counts punctuation marks as words; the others split words at white space. `dolma`
    uses the median word length and counts repeated stop words. `nemo` has other bullets and ellipses."""
    min_words: Threshold = 50
    """Minimum number of words."""
    max_words: Threshold = 100_000
    """Maximum number of words."""
    min_mean_word_length: Threshold = 3
    """Minimum mean word length in characters."""
    max_mean_word_length: Threshold = 10
    """Maximum mean word length in characters."""
    max_hash_ratio: Threshold = 0.1
    """Maximum number of # signs per word."""
    max_ellipsis_ratio: Threshold = 0.1
    """Maximum number of ellipses per word."""
    max_bullet_line_ratio: Threshold = 0.9
    """Maximum share of lines that begin with a bullet."""
    max_ellipsis_line_ratio: Threshold = 0.3
    """Maximum share of lines that end with an ellipsis."""
    min_alpha_word_ratio: Threshold = 0.8
    """Minimum share of words that contain a letter."""
    min_stop_words: Threshold = 2
    """Minimum number of stop words: Gopher's eight English ones, or those of the language's profile."""


@config
class C4:
    """Line and page rules of C4 (arXiv 1910.10683, section 2.2). Lines that fail are cut; then the page is judged."""

    variant: Literal["datatrove"] = "datatrove"
    """Whose formulas compute the signals."""
    require_terminal_punctuation: bool = False
    """Cut lines that do not end with one of `. ? ! " '`. FineWeb runs with this off."""
    min_line_words: Threshold = 3
    """Cut lines with fewer words."""
    max_word_chars: Threshold = 1000
    """Cut lines that contain a word of more characters."""
    cut_javascript: bool = True
    """Cut lines that mention JavaScript."""
    cut_policy: bool = True
    """Cut lines that contain a phrase of privacy or cookie notices."""
    remove_citations: bool = True
    """Remove Wikipedia's marks such as [1] and [citation needed] from lines."""
    max_lorem_ipsum: Threshold = 0
    """Maximum number of occurrences of "lorem ipsum"."""
    max_curly_brackets: Threshold = 0
    """Maximum number of curly brackets."""
    min_sentences: Threshold = 5
    """Minimum number of sentences."""


@config
class FineWeb:
    """FineWeb's own rules (arXiv 2406.17557, section 3.6)."""

    variant: Literal["datatrove"] = "datatrove"
    """Whose formulas compute the signals."""
    min_terminal_line_ratio: Threshold = 0.12
    """Minimum share of lines that end with punctuation."""
    max_short_line_ratio: Threshold = 0.67
    """Maximum share of short lines."""
    short_line_chars: int = 30
    """A line of at most this many characters is short."""
    max_dup_line_char_ratio: Threshold = 0.01
    """Maximum share of characters in repeated lines."""
    max_newline_word_ratio: Threshold = 0.3
    """Maximum number of line breaks per word."""


@config
class RefinedWeb:
    """Line corrections of RefinedWeb (arXiv 2306.01116, section G.2). Lines that fail are cut; then the page is judged."""

    max_line_upper_ratio: Threshold = 0.5
    """Cut lines with a larger share of capital letters."""
    cut_numeric: bool = True
    """Cut lines that contain only digits."""
    cut_counters: bool = True
    """Cut lines such as "3 likes"."""
    min_line_words: Threshold = 2
    """Cut lines with fewer words."""
    edit_lines: bool = True
    """Cut "sign in", "read more..." and "items in cart" out of lines of up to 10 words."""
    max_cut_word_ratio: Threshold = 0.05
    """Drop a document if a larger share of its words was cut."""


@config
class Roots:
    """Rules of ROOTS (arXiv 2303.03915). The defaults are its limits for English; the language profiles hold its other limits."""

    word_ngram: int = 5
    """Words per n-gram of the rule on repeated words."""
    min_words: Threshold = 20
    """Minimum number of words."""
    max_words: Threshold = 100_000
    """Maximum number of words."""
    max_char_repetition_ratio: Threshold = 0.106
    """Maximum repetition of character n-grams, 0 to 1."""
    max_word_repetition_ratio: Threshold = 0.19
    """Maximum share of words in repeated n-grams of words."""
    max_special_char_ratio: Threshold = 0.4
    """Maximum share of characters that are not letters: digits, punctuation, white space, symbols."""
    stop_words: dict[str, FilePath] = field(default_factory=dict)
    """By language the path of a list with one word or phrase per line: stop_words.en = "en.txt". The rule is off for a language without a
    list."""
    flagged_words: dict[str, FilePath] = field(default_factory=dict)
    """By language the path of a list of flagged words, like stop_words."""
    min_stop_word_ratio: Threshold = 0.3
    """Minimum share of words that are stop words. ROOTS set this limit for its own long lists of closed-class words."""
    max_flagged_word_ratio: Threshold = 0.01
    """Maximum share of words that are flagged."""
    min_language_score: Threshold = 0.8
    """Minimum probability of the language, 0 to 1."""

    def __post_init__(self) -> None:
        require(self.word_ngram > 0, "filters.roots.word_ngram", self.word_ngram, "must be above 0")
