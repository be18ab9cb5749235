"""What characters are compared as."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest

from pipelines.text.fold import LOW, PLAIN, SEVERAL, compared_table, fold_table, folded, mark
from pipelines.text.unicode import TABLE_SIZE, char_classes


def fold_of(char: str) -> str:
    """As the table says it."""
    entry = int(fold_table()[ord(char)])
    if entry < SEVERAL:
        return chr(entry) if entry else ""
    place = entry - int(SEVERAL)
    return "".join(map(chr, fold_table()[place + 1 : place + 1 + fold_table()[place]]))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Straße", "STRASSE"),
        ("ﬁn ﬂow oﬀ", "FIN FLOW OFF"),
        ("ŉ ǰ", "ʼN J̌"),
        ("İstanbul ışık", "istanbul IŞIK"),
        ("Οδυσσεύς", "ΟΔΥΣΣΕΎΣ"),
        ("ᏣᎳᎩ", "ꮳꮃꭹ"),
        ("საქართველო", "ᲡᲐᲥᲐᲠᲗᲕᲔᲚᲝ"),
        ("ǅungla Ǉ", "DŽUNGLA LJ"),
        ("Ａ１", "a1"),
        ("ガパ", "ｶﾞﾊﾟ"),
        ("ﻻﺑﺖ ﻣﻦ", "لابت من"),
        ("ســـلام", "سلام"),
        ("é한がक़", unicodedata.normalize("NFD", "é한がक़")),
        ("2024", "٢٠٢٤"),
        ("x² ①", "x2 1"),
    ],
)
def test_case_width_and_composition_are_no_difference(one: str, other: str) -> None:
    assert "".join(map(fold_of, one)) == "".join(map(fold_of, other))


@pytest.mark.parametrize(
    ("one", "other"), [("か", "が"), ("ハ", "パ"), ("½", "12"), ("क", "कि"), ("3", "8"), ("+", "-"), ("*", "×"), ("😀", "😢")]
)
def test_what_a_reader_tells_apart_stays_apart(one: str, other: str) -> None:
    assert "".join(map(fold_of, one)) != "".join(map(fold_of, other))


def test_accents_go_and_vowel_signs_stay() -> None:
    assert fold_of("\u0301") == fold_of("\ufe0f") == ""
    assert fold_of("\u093f") == "\u093f"  # Devanagari vowel sign i


def test_quotes_and_sentence_marks_of_prose_are_nothing_and_dashes_are_one() -> None:
    assert "".join(map(fold_of, "“”‘’«»\"'`…。、！？،؟।•")) == ""
    assert "".join(map(fold_of, "-–—−－")) == "-----"
    assert "".join(map(fold_of, "＋＜（")) == "+<("


def test_the_table_says_what_the_functions_say_and_is_never_longer_than_the_text() -> None:
    for code in range(TABLE_SIZE):
        char = chr(code)
        if not 0xD800 <= code <= 0xDFFF:
            expected = folded(char) if unicodedata.category(char)[0] in "LNM" else mark(char)
            assert fold_of(char) == expected, hex(code)
            assert len(expected) <= max(1, len(char.encode()))


def test_an_entry_holds_fold_and_classes() -> None:
    entries = compared_table()[:TABLE_SIZE]
    differ = (entries >> np.uint32(24)) & 0x7F != char_classes() & 0x7F
    assert "".join(map(chr, np.flatnonzero(differ))) == "ﾞﾟ"  # marks of the kana before them
    assert np.array_equal((entries & LOW)[entries < SEVERAL], fold_table()[:TABLE_SIZE][entries < SEVERAL])
    assert [bool(entries[ord(char)] & PLAIN) for char in "aé9ж的한+ß"] == [True] * 4 + [False] * 4
