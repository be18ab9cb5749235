"""How text is split into pre-tokens: the regular expressions by name, and the compiled scanner that replaces each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

_CONTRACTIONS: Final = "'s|'t|'re|'ve|'m|'ll|'d"
_BIG: Final = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]"
_SMALL: Final = r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_AFTER_DIGITS: Final = r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"

_HAN: Final = r"\p{Han}\p{Hiragana}\p{Katakana}ー"
IN_HAN: Final = rf"[[{_HAN}]&&[\p{{L}}\p{{M}}]]"
NOT_IN_HAN: Final = rf"[[\p{{L}}\p{{M}}]&&[^{_HAN}]]"

PATTERNS: Final = {
    # GPT-2's encoder.py.
    "gpt2": rf"{_CONTRACTIONS}| ?\p{{L}}+| ?\p{{N}}+| ?[^\s\p{{L}}\p{{N}}]+|\s+(?!\S)|\s+",
    # tiktoken's cl100k_base, LLaMA-3: digits in groups of at most three.
    "cl100k": rf"(?i:{_CONTRACTIONS})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}{{1,3}}|{_AFTER_DIGITS}",
    # Qwen: every digit alone.
    "qwen2": rf"(?i:{_CONTRACTIONS})|[^\r\n\p{{L}}\p{{N}}]?\p{{L}}+|\p{{N}}|{_AFTER_DIGITS}",
    # tiktoken's o200k_base: words are also cut before a capital, and keep their contraction.
    "o200k": rf"[^\r\n\p{{L}}\p{{N}}]?{_BIG}*{_SMALL}+(?i:{_CONTRACTIONS})?|[^\r\n\p{{L}}\p{{N}}]?{_BIG}+{_SMALL}*(?i:{_CONTRACTIONS})?"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
    # LLaMA: every digit alone, words with their marks, separate runs of white space; for byte fallback.
    "llama": r" ?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+|\s+(?!\S)|\s+",
    # Baichuan: the same, and Chinese apart from other letters, as SentencePiece keeps scripts apart (with kana for Chinese).
    "baichuan": rf" ?{IN_HAN}+| ?{NOT_IN_HAN}+|\p{{N}}| ?[^\s\p{{L}}\p{{M}}\p{{N}}]+|\s+(?!\S)|\s+",
    # Source code: every line break alone, so that an indentation is one token regardless of the text before it.
    "code": r" ?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+|\r?\n|[^\S\r\n]+(?!\S)|[^\S\r\n]+|\s",
}

JIEBA: Final = "jieba"
"""CPM's pattern: not an expression, but the words that jieba finds (see `segment`)."""

GPT2: Final = 0
CL100K: Final = 1
O200K: Final = 2
LLAMA: Final = 3
CODE: Final = 4
WHOLE_ROW: Final = 5
SPACES_AND_WORD: Final = 6
"""A run of spaces and the text after it, for vocabularies whose tokens have spaces only at their start."""
SPACE_AND_WORD: Final = 7
"""One space and the text after it: SentencePiece's metaspace, with splitting."""

BAICHUAN: Final = 8

OF_CHARACTERS: Final = ("llama", "baichuan", JIEBA)
"""Patterns of vocabularies of characters with byte fallback; the others are for vocabularies of bytes."""

DIGITS_JOINED: Final = 0
DIGITS_ALONE: Final = 1
DIGITS_APART: Final = 2


@dataclass(frozen=True, slots=True)
class Scanner:
    """Which pattern the compiled scanner applies, and how it splits digits."""

    kind: int
    max_digits: int = 0
    """The most digits in one pre-token, for patterns like cl100k's."""
    split_digits: int = DIGITS_JOINED
    """The step before the pattern is applied: DIGITS_JOINED does nothing, DIGITS_ALONE splits off each digit, DIGITS_APART each run."""


SCANNERS: Final = {
    "gpt2": Scanner(GPT2),
    "cl100k": Scanner(CL100K, 3),
    "qwen2": Scanner(CL100K, 1),
    "o200k": Scanner(O200K, 3),
    "llama": Scanner(LLAMA),
    "baichuan": Scanner(BAICHUAN),
    "code": Scanner(CODE),
    JIEBA: Scanner(SPACE_AND_WORD),
}

_OTHER_SPELLINGS: Final = {
    # tiktoken's own, with possessive quantifiers: equivalent.
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+": "cl100k",
}


def scanner_of(pattern: str) -> Scanner | None:
    """The scanner that is equivalent to this regular expression, if there is one."""
    name = _OTHER_SPELLINGS.get(pattern) or next((name for name, known in PATTERNS.items() if known == pattern), None)
    return SCANNERS[name] if name else None
