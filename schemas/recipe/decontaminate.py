"""Evaluation sets that the corpus must not contain."""

from __future__ import annotations

from typing import Literal

from schemas.recipe.base import config, require


@config
class Decontaminate:
    """Documents that contain an item of an evaluation set are dropped, or the item is cut out of them."""

    paths: tuple[str, ...] = ()
    """Files or globs: JSONL, JSON, Parquet, or text with one item per line; they may be compressed. Empty turns decontamination off."""
    columns: tuple[str, ...] = (
        *("question", "text", "prompt", "input", "problem", "query", "instruction", "turns", "messages", "conversations"),
        *("question_stem", "goal", "ctx", "sentence"),
    )
    """The first of these columns that has text in a row is the item: a string, a list, messages, or an object with such a text.

    Members of objects have dotted names. Columns `set` and `id` name an item; without them its file and row do. Options of multiple-choice
    items are read from the text or from columns such as `choices` or `A`; the question is also searched for without its options.
    """
    n: int = 13
    """Words (characters in scripts written without spaces) per n-gram, 8 to 50; GPT-3 used 13."""
    min_words: int = 8
    """An item with fewer words than `n` is one gram of all its words; an item with fewer words than this is not searched for."""
    min_coverage: float = 0.9
    """Minimum share of an item's distinct n-grams that a document must contain. Llama 2 called a sample dirty at 0.8 of its tokens.

    One changed word inside an item costs `n` of its grams, so at 0.9 such a copy counts if it has 142 words or more. GPT-3 accepted any
    single gram: 0.
    """
    ending: bool = True
    """Whether the document must also contain an item's last `n` words, its question: the passage alone is not the item."""
    max_documents: int | None = None
    """Ignore n-grams that occur in more documents than this, as common phrases; counting reads the corpus once more. GPT-3 used 10."""
    outcome: Literal["drop", "cut"] = "drop"
    """What happens to a document with an item: `drop` the document, or `cut` the item out of it."""
    margin_chars: int = 200
    """Characters to cut on either side of the item, too, as GPT-3 did; the rest of the document stays one document."""
    min_piece_chars: int = 200
    """Shorter pieces between two cuts are cut, too; in characters."""
    max_pieces: int = 10
    """A document that would be cut into more pieces is dropped."""

    def __post_init__(self) -> None:
        require(8 <= self.n <= 50, "decontaminate.n", self.n, "must be 8 to 50")
        require(1 <= self.min_words <= self.n, "decontaminate.min_words", self.min_words, "must be 1 to decontaminate.n")
        require(0 <= self.min_coverage <= 1, "decontaminate.min_coverage", self.min_coverage, "must be in [0, 1]")
        counts = self.max_documents is None or self.max_documents >= 1
        require(counts, "decontaminate.max_documents", self.max_documents, "must be at least 1")
        require(bool(self.columns), "decontaminate.columns", list(self.columns), "name at least one column")
        for name in ("margin_chars", "min_piece_chars"):
            require(getattr(self, name) >= 0, f"decontaminate.{name}", getattr(self, name), "must not be negative")
        require(self.max_pieces >= 1, "decontaminate.max_pieces", self.max_pieces, "must be at least 1")
