"""The Unicode tables against Python's own, and decoding."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given

from pipelines.text.unicode import (
    LETTER,
    MARK,
    NUMBER,
    PUNCTUATION,
    SPACE,
    SYMBOL,
    TABLE_SIZE,
    UNSPACED,
    UPPER,
    char_classes,
    decode,
)
from pipelines.text.view import text_view
from tests.text.strategies import TEXT, column

BITS = {"L": LETTER, "M": MARK, "N": NUMBER, "P": PUNCTUATION, "S": SYMBOL}


def test_classes_are_the_general_categories_and_isspace() -> None:
    table = char_classes()
    for code in range(TABLE_SIZE):
        char = chr(code)
        expected = BITS.get(unicodedata.category(char)[0], 0) | (SPACE if char.isspace() else 0)
        assert int(table[code]) & ~(UNSPACED | UPPER) == expected, hex(code)
        assert bool(table[code] & UPPER) == (unicodedata.category(char) == "Lu"), hex(code)


def test_nothing_above_the_table_is_a_letter_or_white_space() -> None:
    for code in range(TABLE_SIZE, 0x110000):
        char = chr(code)
        assert not char.isspace()
        assert unicodedata.category(char)[0] not in "LNPSZ", hex(code)


@pytest.mark.parametrize(("chars", "unspaced"), [("的々ぁカㄅกກကកㇰｶ𠀀", True), ("aéж한अع๑၁0。、①", False)])
def test_only_scripts_without_spaces_are_unspaced(chars: str, unspaced: bool) -> None:
    assert [bool(char_classes()[ord(char)] & UNSPACED) for char in chars] == [unspaced] * len(chars)


@given(TEXT)
def test_decode_reads_every_character(text: str) -> None:
    data, at, codes = text_view(column([text]))[0], 0, []
    while at < len(data):
        code, size = decode(data, at)
        codes.append(code)
        at += size
    assert codes == [ord(char) for char in text]
