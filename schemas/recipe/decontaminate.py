"""Evaluation sets that must not stand in the corpus."""

from __future__ import annotations

from typing import Literal

from schemas.recipe.base import config, require


@config
class Decontaminate:
    """Documents that hold an item of an evaluation set are dropped, or the item is cut out of them."""

    paths: tuple[str, ...] = ()
    """Files or globs: JSONL, JSON, Parquet, or text with one item a line, perhaps compressed. None turns decontamination off."""
    columns: tuple[str, ...] = (
        *("question", "text", "prompt", "input", "problem", "query", "instruction", "turns", "messages", "conversations"),
        *("question_stem", "goal", "ctx", "sentence"),
    )
    """The first of these in which a row has text is the item: a string, a list, messages, or an object with such a text.

    Members of objects have dotted names. Columns `set` and `id` name an item; else its file and row do. Options of multiple-choice items
    are taken from the text or from columns such as `choices` or `A`, and the question is looked for without them, too.
    """
    n: int = 13
    """Words (characters in scripts written without spaces) per n-gram, 8 to 50; GPT-3 took 13."""
    min_words: int = 8
    """An item of fewer words than `n` is one gram of all its words; one of fewer than this is not looked for."""
    min_coverage: float = 0.9
    """Share of an item's distinct n-grams that must stand in a document. Llama 2 called a sample dirty from 0.8 of its tokens on.

    A word that is changed amid an item costs `n` of its grams, so at 0.9 such a copy counts from 142 words on. GPT-3 took any gram: 0.
    """
    ending: bool = True
    """Whether an item's last `n` words, with what it asks, must stand there too: the passage that it is about is not the item."""
    max_documents: int | None = None
    """An n-gram in more documents than this is no evidence, but a common phrase; counting costs one more reading. GPT-3 took 10."""
    outcome: Literal["drop", "cut"] = "drop"
    """What happens to a document with an item: it is dropped, or the item is cut out of it."""
    margin_chars: int = 200
    """What is cut besides the item on either side, as GPT-3 did; the rest of the document stays, in one piece."""
    min_piece_chars: int = 200
    """Pieces between two cuts that are shorter go as well."""
    max_pieces: int = 10
    """A document that cuts would part into more pieces is dropped."""

    def __post_init__(self) -> None:
        require(8 <= self.n <= 50, "decontaminate.n", self.n, "must lie in 8 to 50")
        require(1 <= self.min_words <= self.n, "decontaminate.min_words", self.min_words, "must lie in 1 to decontaminate.n")
        require(0 <= self.min_coverage <= 1, "decontaminate.min_coverage", self.min_coverage, "must lie in [0, 1]")
        counts = self.max_documents is None or self.max_documents >= 1
        require(counts, "decontaminate.max_documents", self.max_documents, "must be at least 1")
        require(bool(self.columns), "decontaminate.columns", list(self.columns), "name at least one column")
        for name in ("margin_chars", "min_piece_chars"):
            require(getattr(self, name) >= 0, f"decontaminate.{name}", getattr(self, name), "must not be negative")
        require(self.max_pieces >= 1, "decontaminate.max_pieces", self.max_pieces, "must be at least 1")
