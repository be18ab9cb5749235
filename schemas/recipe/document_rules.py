"""The rule sets on a document's size, address, metadata, form and characters."""

from __future__ import annotations

import datetime
from dataclasses import field
from typing import Final

from schemas.recipe.base import FilePath, Threshold, config, require


@config
class Length:
    """Plain limits on size."""

    min_chars: Threshold = 1
    """Minimum number of characters; 1 drops empty documents."""
    max_chars: Threshold = None
    """Maximum number of characters."""


@config
class Url:
    """Rules on a document's URL. A document without one passes all of them except keep_domains.

    A domain in a list covers itself and everything below it. A public suffix, under which others register (co.uk, github.io), covers only
    itself; write *.github.io for everything below it. The longest entry that matches a host decides.
    """

    block_domains: FilePath | None = None
    """Path of a list with one domain per line; documents from these domains are dropped."""
    allow_domains: FilePath | None = None
    """Path of a list of domains that no other rule on URLs drops."""
    keep_domains: FilePath | None = None
    """Path of a list of domains; documents from all other domains are dropped."""
    block_words: tuple[str, ...] = ()
    """A URL that contains one of these words (between non-letters) is dropped."""
    hard_words: FilePath | None = None
    """Path of a list with one word per line; a URL that contains one of them as a whole word is dropped."""
    subwords: FilePath | None = None
    """Path of a list; a URL that contains one of its entries anywhere, even across punctuation, is dropped."""
    soft_words: FilePath | None = None
    """Path of a list with one word per line, each followed by a space and its weight, or by nothing for weight 1. A URL's score is the sum
    of the weights of the different words in it."""
    soft_score: Threshold = 2
    """A URL with this score or more is dropped. RefinedWeb (arXiv 2306.01116, section G.1) drops at two soft words."""


@config
class Code:
    """Rules on source code. The defaults are what Codex, LLaMA and PanGu-Coder agree on; CodeGeeX also limits bytes and letters."""

    min_bytes: Threshold = None
    """Minimum size of the file in bytes."""
    max_bytes: Threshold = None
    """Maximum size of the file in bytes."""
    max_mean_line_chars: Threshold = 100
    """Maximum mean number of characters per line."""
    max_max_line_chars: Threshold = 1000
    """Maximum number of characters in the longest line."""
    min_alnum_ratio: Threshold = 0.25
    """Minimum share of characters that are letters or digits."""
    min_letter_ratio: Threshold = None
    """Minimum share of characters that are letters."""
    max_generated_marks: Threshold = 0
    """Maximum number of marks by which a generator declares that it wrote the file."""
    max_syntax_errors: Threshold = None
    """0 drops Python files that do not parse."""
    min_html_text_ratio: Threshold = None
    """Minimum share of an HTML file that is text instead of mark-up; StarCoder requires 0.2."""
    extensions: tuple[str, ...] = ()
    """Keep only files whose names end in one of these, such as ".py" or "Makefile"; empty keeps all."""


_COLUMNS: Final = {
    "rights": "robots directives, such as noai and noindex, are recorded in the column `rights`, but no rule acts on them yet; leave the "
    "key out, and keep such pages out of the sources or name their hosts in opt_out.hosts",
    "licence": "the licence is a column, not metadata; use filters.metadata.licences",
    "license": "the licence is a column, not metadata; use filters.metadata.licences",
}
"""Columns that are not part of a document's metadata, with the remedy: a metadata rule on them would never match."""
_NO_QUOTES: Final = "a key must not contain a quote or a backslash; rename it in the input"


@config
class Metadata:
    """Rules on a document's metadata. A document that lacks a key fails the rule on it, except for `drop`."""

    fetched_from: datetime.date | None = None
    """Keep only documents that were fetched on or after this day."""
    fetched_before: datetime.date | None = None
    """Keep only documents that were fetched before this day."""
    licences: tuple[str, ...] = ()
    """Keep only documents under one of these licences, in upper or lower case; empty keeps all."""
    min: dict[str, float] = field(default_factory=dict)
    """By metadata key: min.score = 3 keeps documents with a score of 3 or more."""
    max: dict[str, float] = field(default_factory=dict)
    """By metadata key: max.score = 3 keeps documents with a score of 3 or less."""
    keep: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By metadata key: keep.type = ["civil", "criminal"] keeps only documents of these types. The key `source` means the name of the
    document's source in the recipe, `host` the host of its URL."""
    drop: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """By metadata key: drop.type = ["spam"] drops documents of these types. Keys as in `keep`."""
    keep_lists: dict[str, FilePath] = field(default_factory=dict)
    """Like `keep`, with the path of a list, one value per line: keep_lists.host = "hosts.txt"."""
    drop_lists: dict[str, FilePath] = field(default_factory=dict)
    """Like `drop`, with the path of a list, one value per line."""

    def __post_init__(self) -> None:
        for name in ("min", "max", "keep", "drop", "keep_lists", "drop_lists"):
            for key, value in getattr(self, name).items():
                where = f"filters.metadata.{name}"
                require(key not in _COLUMNS, f"{where}.{key}", value, _COLUMNS.get(key, ""))
                require("'" not in key and "\\" not in key, where, key, _NO_QUOTES)


@config
class Sections:
    """Length of one section of a document. Lawformer (arXiv 2105.03887) keeps judgments whose facts have more than 50 tokens."""

    key: str | None = None
    """The metadata key that holds the section's text."""
    heading: str | None = None
    """A regular expression for the start of the line before the section. It is used where the metadata does not hold the section."""
    next_heading: str | None = None
    """A regular expression for the start of the line after the section; without it the section runs to the end of the document."""
    min_tokens: Threshold = None
    """Minimum number of tokens in the section (words; characters in scripts written without spaces)."""
    max_tokens: Threshold = None
    """Maximum number of tokens in the section."""

    def __post_init__(self) -> None:
        plain = self.key is None or not {"'", "\\"} & set(self.key)
        require(plain, "filters.sections.key", self.key, _NO_QUOTES)


@config
class Integrity:
    """Invisible characters and traces of wrong decoding, each as a share of all characters. The limits allow single slips."""

    max_zero_width_ratio: Threshold = 0.01
    """Maximum share of zero-width characters that the script does not need."""
    max_bidi_ratio: Threshold = 0.01
    """Maximum share of marks that change the direction of text."""
    max_tag_ratio: Threshold = 0
    """Maximum share of tag characters outside flags, where their only use is to hide text."""
    max_private_use_ratio: Threshold = 0.05
    """Maximum share of private-use characters."""
    max_replacement_ratio: Threshold = 0.01
    """Maximum share of replacement characters, U+FFFD."""
    max_control_ratio: Threshold = 0.01
    """Maximum share of control characters other than white space."""
    max_mojibake_ratio: Threshold = 0.01
    """Maximum share of characters in wrongly decoded text."""
