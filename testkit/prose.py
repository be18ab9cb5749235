"""What of a document is prose that a rule on prose may be asked about: mark-up taken off, paragraphs left.

Sources of labelled text are documentation and books as they are written: Markdown with code, tables, lists of links and checksums.
A rule that removes those is right, so what it removes of them says nothing about prose.
"""

from __future__ import annotations

import re
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.text.words import split_on_space

LEAST_WORDS: Final = 100
"""Twice what Gopher asks of a document, so that no rule on length speaks."""
LEAST_SHARE: Final = 0.5
PARAGRAPH_WORDS: Final = 10
CHARS_PER_WORD: Final = {"zh": 1.5, "ja": 2.0, "th": 3.8, "lo": 3.8, "km": 3.8, "my": 3.8}
"""Where each character counts as a word."""

_LETTERS_PER_CHAR: Final = 2 / 3

_OFF: Final = [
    (re.compile(pattern, re.MULTILINE | re.DOTALL), kept)
    for pattern, kept in (
        (r"\A---\n.*?\n---\n", ""),  # front matter
        (r"<!--.*?-->", ""),
        (r"^[ \t>]*(`{3,}|~{3,}).*?^[ \t>]*\1[ \t]*$", ""),  # fenced code
        (r"\{%\s*highlight.*?endhighlight\s*%\}", ""),
        (r"\{%.*?%\}|\{\{.*?\}\}", ""),  # templates
        (r"\$\$.*?\$\$", ""),
        (r"</?[A-Za-z][^<>\n]*>", ""),
        (r"!\[[^\]]*\]\([^)]*\)", ""),
        (r"\[([^\]]*)\](?:\([^)]*\)|\[[^\]]*\])", r"\1"),  # links
        (r"^[ \t]*(?:\|.*|\[[^\]\n]+\]:\s.*)$", ""),  # tables, targets of links
        (r"^(?: {4,}|\t)\S.*$", ""),  # indented code
        (r"^[ \t]*(?:#{1,6}\s+|>[ \t]?|[-*+]\s+|\d+[.)]\s+)", ""),
        (r"[*_]{1,3}(\S(?:[^*_\n]*\S)?)[*_]{1,3}", r"\1"),
        (r"`", ""),
    )
]


def paragraphs(text: str, lang: str) -> str:
    """The blocks of a text, without mark-up, that have ten words or more and are letters for the most part, a blank line between them."""
    for pattern, kept in _OFF:
        text = pattern.sub(kept, text)
    blocks = [block.strip() for block in re.split(r"\n\s*\n", text)]
    least = PARAGRAPH_WORDS * CHARS_PER_WORD.get(lang, 1)
    n_words = split_on_space(pa.array(blocks, pa.large_string())).counts
    return "\n\n".join(block for block, words in zip(blocks, n_words, strict=True) if words >= least and _is_written(block))


def is_prose(texts: list[str], prose: list[str], langs: list[str]) -> npt.NDArray[np.bool_]:
    """Which documents can be judged: their paragraphs are half of them or more, and a hundred words or more."""
    n_words = split_on_space(pa.array(prose, pa.large_string())).counts
    least = np.array([LEAST_WORDS * CHARS_PER_WORD.get(lang, 1) for lang in langs])
    share = np.array([len(left) / max(len(text), 1) for text, left in zip(texts, prose, strict=True)])
    found: npt.NDArray[np.bool_] = (n_words >= least) & (share >= LEAST_SHARE)
    return found


def _is_written(block: str) -> bool:
    dense = "".join(block.split())
    # Vowel signs are no letters to str.isalpha, so that scripts with them would look half written.
    letters = sum(char.isalpha() or not (char.isascii() or char.isnumeric() or not char.isprintable()) for char in dense)
    return letters >= _LETTERS_PER_CHAR * len(dense)
