"""Where a text lists options: labels that count up (A B C, 1 2 3, ① ②, а б в, 가 나 다) or entries of a list."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple


class Series(NamedTuple):
    """Labels that count up, and what a text must have to be read as a list of them."""

    labels: tuple[str, ...]
    least: int = 3
    """The least number of options."""
    must_ask: bool = False
    """Whether a question or a colon must come before the first: statements and steps are numbered, too."""


_LATIN: Final = tuple("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
_ROMAN: Final = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X")
_OTHER: Final = (
    *("АБВГДЕЖЗИ", "абвгдежзи", "АБВГДЂЕЖ", "ΑΒΓΔΕΖΗΘ", "αβγδεζηθ", "אבגדהוזח", "أبجدهوزح", "ابجدهوزح", "অআইঈ"),
    *("가나다라마바사아", "ㄱㄴㄷㄹㅁㅂㅅㅇ", "アイウエオカキク", "あいうえおかきく", "イロハニホヘト", "甲乙丙丁戊己庚辛"),
    *("कखगघङ", "কখগঘঙ", "ਕਖਗਘਙ", "કખગઘઙ", "กขคงจฉ", "அஆஇஈஉ", "అఆఇఈఉ", "ಅಆಇಈಉ", "കഖഗഘങ"),
)
_FIRST_DIGITS: Final = (0x31, 0x661, 0x6F1, 0x967, 0x9E7, 0xA67, 0xAE7, 0xBE7, 0xC67, 0xCE7, 0xD67, 0xE51, 0xED1, 0x1041, 0x17E1, 0xFF11)
_FIRST_ENCLOSED: Final = (0x2460, 0x2776, 0x2780, 0x278A, 0x24F5, 0x24B6, 0x24D0, 0x2474, 0x249C, 0x2160, 0x2170, 0x3260, 0x326E, 0x32D0)


def _from(first: int, n: int) -> tuple[str, ...]:
    return tuple(chr(first + i) for i in range(n))


_UPPER: Final = (Series(_LATIN, least=2), Series(_from(0xFF21, 26), least=2))
_LOWER: Final = (Series(tuple("abcdefghijklmnopqrstuvwxyz")), Series(_from(0xFF41, 26)))
_LETTERS: Final = (*(Series(tuple(letters)) for letters in _OTHER), Series(("الف", "ب", "ج", "د", "ه")))
_NUMBERS: Final = (
    *(Series(_from(first, 9), must_ask=True) for first in _FIRST_DIGITS),
    Series(_ROMAN, must_ask=True),
    Series(tuple(one.lower() for one in _ROMAN), must_ask=True),
)
_ENCLOSED: Final = tuple(Series(_from(first, 8), must_ask=True) for first in _FIRST_ENCLOSED)


def _any_of(series: Sequence[Series]) -> str:
    labels = sorted({re.escape(label) for one in series for label in one.labels}, key=lambda label: (-len(label), label))
    return f"({'|'.join(labels)})"


# Runs of white space are taken possessively, or only to the end of a line: else time grows with the square of their length.
_START: Final = r"(?m)(?:^|<(?:br|li|p)\b[^<>]{0,40}>)[ \t　]*+(?:[-*•][ \t]*+)?\*{0,2}(?:(?i:option|choice)[ ]++)?"
_OPEN, _CLOSE, _BEHIND = r"[(（\[]", r"[)）\]]", r"(?:\*\*)?"
_MARK: Final = rf"{_OPEN}?%s[)）\].．:：、]{_BEHIND}"
_IN_LINE: Final = r"(?:^|(?<=[\s?？。！!:：;；，,）)]))"


def _pattern(text: str, series: Sequence[Series]) -> re.Pattern[str]:
    return re.compile(text % _any_of(series) if "%s" in text else text)


_LISTS: Final = tuple(
    (_pattern(text, series), tuple(series))
    for text, series in (
        (_START + _MARK, _UPPER),
        (_START + _MARK, _LOWER),
        (_START + _MARK, _LETTERS),
        (_IN_LINE + _MARK, [one._replace(least=3) for one in _UPPER]),
        (_START + _MARK, _NUMBERS),
        (_IN_LINE + "%s", _ENCLOSED),
        (rf"{_IN_LINE}{_OPEN}%s{_CLOSE}", [one._replace(must_ask=True) for one in (*_LOWER, *_LETTERS, *_NUMBERS)]),
        (_IN_LINE + "%s" + _CLOSE, [one._replace(must_ask=True) for one in (*_LOWER, *_LETTERS)]),
        (_START + r"%s[ \t]++(?=\S)", [Series(_LATIN[:8])]),
    )
)
"""Where labels occur, and which ones, in the order in which they are tried."""

_HEADING: Final = re.compile(r"(?i)(?:\b(?:answer )?(?:options|choices)|选项|選項|選択肢|보기|варианты(?: ответа)?)\s*+[:：]?\s*+\Z")
_ASKS: Final = re.compile(r"(?:[?？؟;:：…_]|[(（]\s*[)）])\W*\Z")
_ASKS_CHARS: Final = 200
"""So many characters before the first label are looked at."""
_INDENT: Final = r"[^\S\n]*+"
_LINE_ENDS: Final = rf"(?:{_INDENT}\n)++"
_ENTRY: Final = r"[ \t]*+(?:[-*•–]|choice:|\(?\d{1,2}[.)、])[ \t]*+"
_BULLETS: Final = re.compile(
    rf"(?is)\A(.*?)\n{_INDENT}(?:answer )?(?:options|choices|选项|選項|選択肢|보기)\s*+[:：]{_LINE_ENDS}"
    rf"((?:{_ENTRY}\S[^\n]*(?:\n|\Z)){{2,}})"
    rf"|\A(.*[?？؟]){_LINE_ENDS}((?:[ \t]*+(?:[-*•–]|choice:)[ \t]*+\S[^\n]*(?:\n|\Z)){{3,}})"
)
_BULLET: Final = re.compile(rf"(?im)^{_ENTRY}(\S.*)")
_IN_ONE_LINE: Final = re.compile(rf"(?is)\A(.*)\n{_INDENT}(?:answer )?(?:options|choices)\s*+[:：][ \t]*+([^\n]+)\s*+\Z")


def split_options(text: str) -> tuple[str, tuple[str, ...]]:
    """(question, options) of a text that ends with options that are labelled or listed; else the text and none."""
    for pattern, kinds in _LISTS:
        labels = list(pattern.finditer(text))
        for chain in (_chain(labels, series) for series in kinds if len(labels) >= series.least):
            if chain:
                ends = [label.start() for label in chain[1:]] + [len(text)]
                options = tuple(text[label.end() : end].strip() for label, end in zip(chain, ends, strict=True))
                return _HEADING.sub("", text[: chain[0].start()]).strip(), options
    if listed := _BULLETS.match(text):
        stem, entries = (listed[1], listed[2]) if listed[2] else (listed[3], listed[4])
        return stem.strip(), tuple(entry.strip() for entry in _BULLET.findall(entries))
    if (joined := _IN_ONE_LINE.match(text)) and len(parts := re.split(r"\s*[,;|]\s*", joined[2])) > 1:
        return joined[1].strip(), tuple(parts)
    return text, ()


def _chain(labels: Sequence[re.Match[str]], series: Series) -> list[re.Match[str]]:
    """The labels from the last first one that the second follows, as far as the series goes; empty if it is not a list of options."""
    numbers = {label: number for number, label in enumerate(series.labels)}
    numbered = [(numbers[label[1]], label) for label in labels if label[1] in numbers]
    second = max((at for at, (number, _) in enumerate(numbered) if number == 1), default=0)
    first = max((at for at, (number, _) in enumerate(numbered[:second]) if number == 0), default=None)
    if first is None:
        return []
    chain = list(_counting_up(numbered[first:]))
    before = chain[0].string[max(0, chain[0].start() - _ASKS_CHARS) : chain[0].start()]
    is_list = len(chain) >= series.least and (not series.must_ask or bool(_ASKS.search(before) or _HEADING.search(before)))
    return chain if is_list else []


def _counting_up(numbered: Sequence[tuple[int, re.Match[str]]]) -> Iterator[re.Match[str]]:
    wanted = 0
    for number, label in numbered:
        if number == wanted:
            yield label
            wanted += 1
