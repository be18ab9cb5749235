"""Scripts of letters, against the names that Unicode gives them."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.text.scripts import SCRIPTS, script_bits, script_table, share_in_scripts
from tests.text.strategies import TEXTS, column, padded

NAMES = {
    "Latn": "LATIN",
    "Grek": "GREEK",
    "Copt": "COPTIC",
    "Cyrl": "CYRILLIC",
    "Armn": "ARMENIAN",
    "Hebr": "HEBREW",
    "Arab": "ARABIC",
    "Syrc": "SYRIAC",
    "Thaa": "THAANA",
    "Deva": "DEVANAGARI",
    "Beng": "BENGALI",
    "Taml": "TAMIL",
    "Thai": "THAI",
    "Laoo": "LAO",
    "Tibt": "TIBETAN",
    "Mymr": "MYANMAR",
    "Geor": "GEORGIAN",
    "Hang": "HANGUL",
    "Ethi": "ETHIOPIC",
    "Cher": "CHEROKEE",
    "Khmr": "KHMER",
    "Hani": "CJK",
}


@pytest.mark.parametrize("script", sorted(NAMES))
def test_blocks_hold_the_letters_of_their_script(script: str) -> None:
    codes = np.flatnonzero(script_table() == SCRIPTS.index(script))
    letters = [chr(code) for code in codes if unicodedata.category(chr(code))[0] == "L"]
    named = [char for char in letters if NAMES[script] in unicodedata.name(char)]
    assert len(named) >= 0.9 * len(letters) > 0


def test_a_set_of_scripts_is_bits() -> None:
    assert script_bits("Jpan") == script_bits("Hani", "Kana") == script_bits("Hans") | script_bits("Hira")
    assert script_bits("Zzzz") == 0
    assert len(SCRIPTS) < 63


@pytest.mark.parametrize(
    ("text", "scripts", "share"),
    [
        ("abc где", "Latn", 0.5),
        ("abc где", "Cyrl", 0.5),
        ("12, 3!", "Latn", 1),
        ("", "Latn", 1),
        ("日本のカナ", "Jpan", 1),
        ("日本", "Latn", 0),
    ],
)
def test_the_share_counts_letters_alone(text: str, scripts: str, share: float) -> None:
    assert share_in_scripts(column([text]), np.array([script_bits(scripts)])).tolist() == [share]


@given(TEXTS, st.integers(0, 6))
def test_a_batch_cut_anywhere_or_sliced_gives_the_same_shares(texts: list[str], cut: int) -> None:
    bits = np.full(len(texts), script_bits("Latn"))
    whole = share_in_scripts(column(texts), bits)
    parts = [share_in_scripts(column(texts)[:cut], bits[:cut]), share_in_scripts(column(texts)[cut:], bits[cut:])]
    assert whole.tolist() == np.concatenate(parts).tolist() == share_in_scripts(padded(texts), bits).tolist()
