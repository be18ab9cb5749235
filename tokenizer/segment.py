"""Text as CPM's tokenizer is given it (arXiv 2012.00413): the words that jieba finds, with a space between each two.

So no token crosses a word. The text's own spaces and line breaks become U+2582 and U+2583, words of their own; where text has these
itself, they come back as what they stand for, and U+2581 is lost. A tokenizer.json for such text is known by its decoder, which makes a
space of U+2582.
"""

from __future__ import annotations

import functools
import logging
from typing import Any, Final

import pyarrow as pa

from schemas.errors import TokenizerError

SPACE_MARK: Final = "\u2582"
NEWLINE_MARK: Final = "\u2583"
_MARKS: Final = str.maketrans({" ": SPACE_MARK, "\n": NEWLINE_MARK})


def segmented(text: pa.Array) -> pa.Array:
    """The column with its words apart; jieba takes about a second for a megabyte. TokenizerError if it is not installed."""
    cut = _jieba().cut
    rows = (" ".join(word.translate(_MARKS) for word in cut(row)) for row in text.fill_null("").to_pylist())
    return pa.array(rows, pa.large_string())


def takes_words(document: dict[str, Any]) -> bool:
    """Whether a parsed tokenizer.json is for segmented text."""
    decoder = document.get("decoder") or {}
    return {"type": "Replace", "pattern": {"String": SPACE_MARK}, "content": " "} in decoder.get("decoders", ())


@functools.cache
def _jieba() -> Any:
    try:
        import jieba  # noqa: PLC0415 - a tokenizer that does not ask for it does not need it
    except ImportError:
        raise TokenizerError(
            "this tokenizer cuts text into the words that jieba finds, and jieba is not installed; pip install jieba"
        ) from None
    jieba.setLogLevel(logging.WARNING)
    jieba.initialize()
    return jieba
