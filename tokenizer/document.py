"""The parts of a tokenizer.json that this package reads, as types."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypedDict

Step = dict[str, Any]
"""A normalizer, pre-tokenizer or decoder: its "type" and the options of that type."""


class AddedToken(TypedDict):
    """A token outside the vocabulary."""

    id: int
    content: str
    special: bool


class Model(TypedDict, total=False):
    """The vocabulary, its merges, and how they are applied."""

    type: str
    vocab: dict[str, int]
    merges: Sequence[str | Sequence[str]]
    """"left right", as files wrote it until late 2024, or [left, right]."""
    byte_fallback: bool
    ignore_merges: bool


class TokenizerDocument(TypedDict):
    """A parsed tokenizer.json."""

    added_tokens: list[AddedToken] | None
    normalizer: Step | None
    pre_tokenizer: Step | None
    decoder: Step | None
    model: Model
