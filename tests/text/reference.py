"""The slow, obvious word splitting that the kernels are compared with."""

from __future__ import annotations

import re
import unicodedata

from pipelines.text.unicode import TABLE_SIZE, UNSPACED, char_classes

URL_BORDERS = '"<>()[]{}|\\^`'
URL_TRAILERS = ".,;:!?'*_~"


def category(char: str) -> str:
    return unicodedata.category(char)[0] if ord(char) < TABLE_SIZE else "?"


def is_unspaced(char: str) -> bool:
    return ord(char) < TABLE_SIZE and bool(char_classes()[ord(char)] & UNSPACED)


def is_word_char(char: str) -> bool:
    return category(char) in "LMN" and not is_unspaced(char)


def is_joiner(char: str) -> bool:
    return char in "\u200c\u200d"


def with_marks(text: str, end: int) -> int:
    """End of the word that ends at `end` with the combining marks behind it."""
    while end < len(text) and (category(text[end]) == "M" or is_joiner(text[end])):
        end += 1
    return end


def joins(text: str, at: int, last: str) -> bool:
    """Whether the character at `at` joins what is before it (`last` is its last letter or number) to what follows."""
    if at + 1 >= len(text) or not last or is_unspaced(text[at + 1]):
        return False
    kinds = {"'": "L", "’": "L", ",": "N", ".": "LN", "/": "LN", "@": "LN"}.get(text[at], "")
    if text[at] == "." and unicodedata.category(text[at + 1]) == "Lu" and unicodedata.category(last) != "Lu":
        return False
    return category(last) in kinds and category(text[at + 1]) in kinds


def url_end(text: str, at: int) -> int:
    end = at + 3
    while end < len(text) and not (text[end].isspace() or is_unspaced(text[end]) or text[end] in URL_BORDERS):
        end += 1
    while text[end - 1] in URL_TRAILERS:
        end -= 1
    return end


def word_end(text: str, at: int) -> int:
    last, start = "", at
    while at < len(text):
        char = text[at]
        if is_word_char(char):
            last = char if category(char) in "LN" else last
        elif char == "_":
            last = ""
        elif text.startswith("://", at) and last and category(last) == "L":
            return url_end(text, at)
        elif not (at > start and (is_joiner(char) or joins(text, at, last))):
            break
        at += 1
    return at


def words(text: str) -> list[str]:
    """What `split_words` makes of the text."""
    found, at = [], 0
    while at < len(text):
        char = text[at]
        if char.isspace() or (category(char) not in "LMNPS" and char != "_"):
            at += 1
            continue
        if is_unspaced(char):
            end = with_marks(text, at + 1)
        elif is_word_char(char) or char == "_":
            end = word_end(text, at)
        else:
            end = at
            while end < len(text) and text[end] == char:
                end += 1
            end = with_marks(text, end)
        found.append(text[at:end])
        at = end
    return found


def space_words(text: str) -> list[str]:
    """What `split_on_space` makes of the text."""
    return [text[start:end] for start, end in space_spans(text)]


def space_spans(text: str) -> list[tuple[int, int]]:
    """(start, end) of each of those words."""
    found: list[tuple[int, int]] = []
    for match in re.finditer(r"\S+", text):
        run, at, touches = match[0], 0, False
        while at < len(run):
            end = at + 1
            if is_unspaced(run[at]):
                end, touches = with_marks(run, end), True
            else:
                while end < len(run) and not is_unspaced(run[end]):
                    end += 1
                touches = touches or end < len(run)
                if touches and not has(run[at:end], "LMN"):
                    at = end
                    continue
            found.append((match.start() + at, match.start() + end))
            at = end
    return found


def has(word: str, categories: str) -> bool:
    return any(category(char) in categories for char in word)
