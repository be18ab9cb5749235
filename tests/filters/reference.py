"""The slow, obvious versions of the signals, from the published formulas, in plain Python."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from pipelines.filters.plain_letters import HIDDEN, plain_letters
from pipelines.filters.profiles import LanguageProfile
from pipelines.text.unicode import UNSPACED, char_classes
from tests.text.reference import category, has, space_words, words

PHRASES = (
    *("terms of use", "privacy policy", "cookie policy", "uses cookies", "use of cookies", "use cookies"),
    *("隐私政策", "隱私政策", "使用条款", "使用條款", "使用cookie", "使用 cookie"),
)


def ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def gopher_quality(text: str, profile: LanguageProfile, *, paper: bool) -> dict[str, float]:
    found = space_words(text) if paper else words(text)
    counted = found if paper else [word for word in found if has(word, "LN")]
    lines = text.splitlines()
    ellipses = sum(line.replace("…", "...").count("...") for line in lines)
    return {
        "words": len(counted),
        "mean_word_length": ratio(sum(map(len, counted)), len(counted)),
        "hash_ratio": ratio(text.count("#"), len(found)),
        "ellipsis_ratio": ratio(ellipses, len(found)),
        "bullet_line_ratio": ratio(sum(line.strip().startswith(("•", "-")) for line in lines), len(lines)),
        "ellipsis_line_ratio": ratio(sum(line.strip().endswith(("...", "…")) for line in lines), len(lines)),
        "alpha_word_ratio": ratio(sum(has(word, "L") for word in found), len(found)),
        "stop_words": len(profile.stop_words & set(found)),
    }


def duplicates(elements: list[str]) -> tuple[int, int]:
    """(copies after the first, their characters)."""
    met: set[str] = set()
    n = n_chars = 0
    for element in elements:
        if element in met:
            n += 1
            n_chars += len(element)
        met.add(element)
    return n, n_chars


def top_gram(found: list[str], n: int) -> int:
    """Characters of the most frequent n-gram joined by spaces, times its count; of equals the first."""
    grams = Counter(tuple(found[i : i + n]) for i in range(len(found) - n + 1))
    if not grams:
        return 0
    top, count = grams.most_common(1)[0]
    return len(" ".join(top)) * count


def dup_grams(found: list[str], n: int) -> int:
    """Characters of n-grams met before on a walk that jumps over each of them."""
    met: set[tuple[str, ...]] = set()
    at = n_chars = 0
    while at <= len(found) - n:
        gram = tuple(found[at : at + n])
        if gram in met:
            n_chars += sum(map(len, gram))
            at += n
        else:
            met.add(gram)
            at += 1
    return n_chars


def gopher_repetition(text: str) -> dict[str, float]:
    found = words(text)
    lines, paragraphs = re.split(r"\n+", text), re.split(r"\n{2,}", text.strip())
    (n_lines, line_chars), (n_paragraphs, paragraph_chars) = duplicates(lines), duplicates(paragraphs)
    return {
        "dup_line_ratio": ratio(n_lines, len(lines)),
        "dup_paragraph_ratio": ratio(n_paragraphs, len(paragraphs)),
        "dup_line_char_ratio": ratio(line_chars, len(text)),
        "dup_paragraph_char_ratio": ratio(paragraph_chars, len(text)),
        **{f"top_{n}gram_ratio": ratio(top_gram(found, n), len(text)) for n in (2, 3, 4)},
        **{f"dup_{n}gram_ratio": ratio(dup_grams(found, n), len(text)) for n in range(5, 11)},
    }


def fineweb(text: str, profile: LanguageProfile, short_line_chars: int) -> dict[str, float]:
    lines = [line for line in text.split("\n") if line.strip()]
    return {
        "terminal_line_ratio": ratio(sum(line[-1] in profile.terminal_punctuation for line in lines), len(lines)),
        "short_line_ratio": ratio(sum(len(line) <= short_line_chars * profile.short_line_scale for line in lines), len(lines)),
        "dup_line_char_ratio": ratio(duplicates(lines)[1], len(text.replace("\n", ""))),
        "newline_word_ratio": ratio(text.count("\n"), len(words(text))),
    }


def n_sentences(line: str, profile: LanguageProfile) -> int:
    n, at, last_end = 0, 0, 0
    while at < len(line):
        if line[at] not in profile.sentence_ends:
            at += 1
            continue
        end = at + 1
        while end < len(line) and category(line[end]) == "P":
            end += 1
        is_wide = any(char in profile.sentence_ends and ord(char) >= 0x80 for char in line[at:end])
        if end == len(line) or is_wide or line[end].isspace():
            n, last_end = n + 1, end
        at = end
    return n + (last_end < len(line))


def lower_ascii(text: str) -> str:
    return "".join(char.lower() if char.isascii() else char for char in text)


def c4(
    text: str, profile: LanguageProfile, *, min_line_words: float = 3, max_word_chars: float = 1000, terminal: bool = False
) -> tuple[str, dict[str, float]]:
    """(cleaned text, signals)."""
    signals = dict.fromkeys(
        (
            "sentences",
            "lorem_ipsum",
            "curly_brackets",
            "cut_long_word",
            "cut_no_terminal",
            "cut_few_words",
            "cut_javascript",
            "cut_policy",
            "citations",
        ),
        0.0,
    )
    kept = []
    for raw in map(str.strip, text.splitlines()):
        found = space_words(raw)
        if not raw:
            continue
        if any(len(word) > max_word_chars for word in found):
            signals["cut_long_word"] += 1
            continue
        line, n_citations = re.subn(r"\[\d*\]|\[edit\]|\[citation needed\]", "", raw, flags=re.ASCII)
        if terminal and (not line or line[-1] not in profile.line_ends or line.endswith("...")):
            signals["cut_no_terminal"] += 1
            continue
        if len(found) < min_line_words:
            signals["cut_few_words"] += 1
            continue
        lower = lower_ascii(line)
        signals["lorem_ipsum"] += lower.count("lorem ipsum")
        if "javascript" in lower:
            signals["cut_javascript"] += 1
            continue
        signals["curly_brackets"] += line.count("{")
        if any(phrase in lower for phrase in PHRASES):
            signals["cut_policy"] += 1
            continue
        if not line.strip():
            continue
        signals["sentences"] += n_sentences(line.strip(), profile)
        signals["citations"] += n_citations
        kept.append(line)
    return "\n".join(kept).strip(), signals


ASCII_WORD = re.compile(r"[^A-Za-z]*([A-Za-z](?:[A-Za-z'-]*[A-Za-z])?)[^A-Za-z]*")


def language_sample(text: str, n_windows: int, window_chars: int) -> str:
    """What the language model reads."""
    data, pieces, at = text.encode(), "", 0
    for part in range(n_windows):
        begin, end = len(data) * part // n_windows, len(data) * (part + 1) // n_windows
        if at < begin:
            at = begin
            while at < end and data[at] & 0xC0 == 0x80:
                at += 1
            pieces += " "
        n_chars = 0
        while at < end and n_chars < window_chars:
            char = data[at : at + 4].decode(errors="ignore")[0]
            pieces, at, n_chars = pieces + char, at + len(char.encode()), n_chars + 1
    found = []
    for word in pieces.split():
        if word.isascii():
            match = ASCII_WORD.fullmatch(word)
            found.append(match[1] if match else "")
        else:
            found.append(" ".join(language_letters(word).split()))
    return plain(" ".join(filter(None, found)))


def language_letters(word: str) -> str:
    """The letters of a word that is not ASCII, spaces for what is seen between them."""
    found, last = "", ""
    for char in word:
        is_hidden = ord(char) in HIDDEN
        if is_hidden and not (last and char_classes()[ord(last)] & UNSPACED):
            continue
        if not is_hidden and (category(char) in "LM" or char in "'’\u200c\u200d" or ord(char) in plain_letters()):
            found, last = found + char, char
        else:
            found += " "
    return found


def is_capital(letter: str) -> bool:
    return unicodedata.category(letter) == "Lu" and not "Ꭰ" <= letter <= "Ᏽ"


def plain(text: str) -> str:
    """Composed letters of ordinary style; in lower case where most are capitals, or most words begin with one."""
    letters = [char for char in (plain_letters().get(ord(char), char)[0] for char in text) if category(char) == "L"]
    words = text.split(" ")
    initials = [word for word in words if word and is_capital(plain_letters().get(ord(word[0]), word)[0])]
    mostly_capitals = sum(map(is_capital, letters)) > 0.4 * len(letters) or len(initials) > 0.7 * sum(map(bool, words))
    text = unicodedata.normalize("NFC", "".join(plain_letters().get(ord(char), char) for char in text))
    if not mostly_capitals:
        return text
    return (text.replace("I", "ı").replace("İ", "i") if "İ" in text else text).lower()
