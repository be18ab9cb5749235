"""Text as input of CPM's tokenizer (arXiv 2012.00413): the words that jieba finds, separated by spaces, so that no token crosses a word.

The text's own spaces and line breaks become U+2582 and U+2583, each a separate word. Text that contains these two characters decodes
to a space and a line break, and U+2581 is lost. A tokenizer.json for such text has a decoder that turns U+2582 into a space.
"""

from __future__ import annotations

import functools
import logging
from typing import Any, Final

import pyarrow as pa

from schemas.errors import TokenizerError
from tokenizer.document import TokenizerDocument

SPACE_MARK: Final = "\u2582"
NEWLINE_MARK: Final = "\u2583"
_MARKS: Final = str.maketrans({" ": SPACE_MARK, "\n": NEWLINE_MARK})


def segment_words(text: pa.Array) -> pa.Array:
    """The column with a space between words; jieba needs about one second per megabyte. TokenizerError if it is not installed."""
    cut = _jieba().cut
    rows = (" ".join(word.translate(_MARKS) for word in cut(row)) for row in text.fill_null("").to_pylist())
    return pa.array(rows, pa.large_string())


def expects_words(document: TokenizerDocument) -> bool:
    """Whether a parsed tokenizer.json is for segmented text."""
    decoder = document.get("decoder") or {}
    return {"type": "Replace", "pattern": {"String": SPACE_MARK}, "content": " "} in decoder.get("decoders", ())


@functools.cache
def _jieba() -> Any:
    try:
        import jieba  # noqa: PLC0415 - a tokenizer that does not ask for it does not need it
    except ImportError:
        raise TokenizerError(
            "CM-TOKENIZER-014", "jieba is not installed, and this tokenizer needs it to split text into words: pip install jieba"
        ) from None
    jieba.setLogLevel(logging.WARNING)
    jieba.initialize()
    return jieba
