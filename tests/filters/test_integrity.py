"""Hidden and damaged characters: what counts, and what writing needs."""

from __future__ import annotations

import unicodedata

import ftfy.badness
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.filters import integrity
from pipelines.filters.mojibake import count_mojibake, repair
from tests.filters.helpers import chain_of, documents, outcome
from tests.text.strategies import TEXT, TEXTS, column, padded

HIDDEN = (
    *("\u200b", "\u200c", "\u200d", "\u00ad", "\ufe0f", "\u200e", "\u202a", "\u202e", "\u2066", "\ufeff", "\U000e0041", "\U000e007f"),
    *(
        "\ue000",
        "\ufffd",
        "\x01",
        "\x9f",
        "\U0001f3f4",
        "❤",
        "👩",
        "🚀",
        "ن",
        "ش",
        "क",
        "्",
        "ไ",
        "a",
        "B",
        "é",
        "Ã©",
        "â€™",
        "的",
        " ",
        "\n",
    ),
)
MIXED = st.lists(st.sampled_from(HIDDEN), max_size=30).map("".join) | TEXT


def counts(text: str) -> dict[str, float]:
    """The signals that are not 0, as numbers of characters."""
    measured = integrity.integrity_signals(column([text]))[:, 0] * max(len(text), 1)
    return {name.removesuffix("_ratio"): round(value, 6) for name, value in zip(integrity.SIGNALS, measured, strict=True) if value}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("pass\u200bword", {"zero_width": 1}),
        ("b\u200cad\u200d\u2060", {"zero_width": 3}),
        ("\ufeffa\ufeffb", {"zero_width": 1}),
        ("so \u00ad so", {"zero_width": 1}),
        ("😀\ufe0f\ufe0f\ufe01", {"zero_width": 2}),
        ("می\u200c\u200cخواهم", {"zero_width": 0}),
        ("x\u200d\u200d\u200dy", {"zero_width": 3}),
        ("if \u202ereverse\u202c", {"bidi": 2}),
        ("a\u200eb\u2066c", {"bidi": 2}),
        ("hi\U000e0068\U000e0069", {"tag": 2}),
        ("🏴" + "\U000e0067" * 9, {"tag": 2}),
        ("\uf0b7 item \U000f0000", {"private_use": 2}),
        ("caf\ufffd", {"replacement": 1}),
        ("a\x00b\x1b\x7f\uffff", {"control": 4}),
        ("Ã©tude â€™", {"mojibake": 2}),
    ],
)
def test_what_is_hidden_or_damaged_counts(text: str, found: dict[str, float]) -> None:
    if text.startswith("می"):  # the first joins on one side, the second on the other; a third would join nothing
        assert counts(text) == {}
        assert counts(text.replace("\u200c\u200c", "\u200c\u200c\u200c")) == {"zero_width": 1}
    else:
        assert counts(text) == found


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\ufeffA byte order mark at the start.",
        "👩🏽\u200d🚀 and ❤\ufe0f\u200d🔥 and 1\ufe0f\u20e3",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "می\u200cخواهم",
        "क्\u200dष and ර්\u200dණ",
        "សួស្តី\u200bពិភពលោក ไทย\u200bแลนด์",
        "Donau\u00addampf\u00adschiff",
        "葛\U000e0100飾",
        "\u200fשלום (world)\u200f \u200f",
        "\u202bمرحبا\u202c \u2067سلام\u2069",
        "tab\tline\r\npage\fnext",
        "L’été, “ça” — µ ° é; Ελληνικά, русский; 中文。",
    ],
)
def test_what_writing_needs_does_not_count(text: str) -> None:
    assert counts(text) == {}


def test_a_page_full_of_hidden_characters_is_dropped_with_the_reason() -> None:
    pages = ["clean text here", "hidden\u200b" * 9, "\U000e0041 tag", "\ufffd" * 3, "Ã©" * 9, "\x01bad"]
    reasons = [None, "max_zero_width_ratio", "max_tag_ratio", "max_replacement_ratio", "max_mojibake_ratio", "max_control_ratio"]
    assert outcome(chain_of(["integrity"]), documents(pages)) == [reason and f"integrity.{reason}" for reason in reasons]


@given(MIXED)
def test_signals_without_context_are_counts_of_characters(text: str) -> None:
    found = counts(text)
    assert found.get("replacement", 0) == text.count("\ufffd")
    assert found.get("private_use", 0) == sum(unicodedata.category(char) == "Co" and char not in "\U000ffffe" for char in text)
    nothing = sum(unicodedata.category(char) == "Cn" and (ord(char) & 0xFFFE == 0xFFFE or 0xFDD0 <= ord(char) <= 0xFDEF) for char in text)
    seen = sum(unicodedata.category(char) == "Cc" and char not in "\t\n\r\f\x85" for char in text)
    assert found.get("control", 0) == nothing + seen + sum("\ufff9" <= char <= "\ufffb" for char in text)
    assert found.get("mojibake", 0) == ftfy.badness.badness(text)
    assert found.get("zero_width", 0) <= sum(unicodedata.category(char) in ("Cf", "Mn", "Cn", "Lo") for char in text)


@given(st.lists(MIXED, max_size=6), st.integers(0, 6))
def test_a_batch_cut_anywhere_or_sliced_is_measured_alike(texts: list[str], cut: int) -> None:
    whole = integrity.integrity_signals(column(texts))
    assert np.array_equal(
        whole, np.hstack([integrity.integrity_signals(column(texts)[:cut]), integrity.integrity_signals(column(texts)[cut:])])
    )
    assert np.array_equal(whole, integrity.integrity_signals(padded(texts)))
    assert ((whole >= 0) & (whole <= 1)).all()


@given(TEXTS)
def test_mojibake_is_counted_as_ftfy_does(texts: list[str]) -> None:
    assert count_mojibake(column(texts)).tolist() == [ftfy.badness.badness(text) for text in texts]


@pytest.mark.parametrize("text", ["l’été “ça über", "привет, мир", "fiancée – naïve", "日本語の文"])
def test_what_was_decoded_wrongly_is_repaired(text: str) -> None:
    broken = text.encode().decode("latin-1" if text[0] not in "lf" else "windows-1252", errors="ignore")
    assert repair(column([f"{broken}\nA line – of its own…", "untouched é", ""])).to_pylist() == [
        f"{text}\nA line – of its own…",
        "untouched é",
        "",
    ]


@given(st.lists(MIXED, max_size=5), st.integers(0, 5))
def test_repair_is_batch_blind_and_leaves_clean_text(texts: list[str], cut: int) -> None:
    repaired = repair(column(texts)).to_pylist()
    assert repaired == repair(column(texts)[:cut]).to_pylist() + repair(column(texts)[cut:]).to_pylist()
    assert all(after == before for before, after in zip(texts, repaired, strict=True) if not ftfy.badness.is_bad(before))


def test_hostile_texts_are_measured_in_one_pass() -> None:
    texts = ["\u200d" * 300_000, "😀" * 300_000, "\x01" * 300_000, "Ã©" * 150_000, "\U000e0100" * 300_000]
    shares = integrity.integrity_signals(column(texts))
    assert shares.max(axis=0).round(2).tolist() == [1, 0, 1, 0.25, 1]
    assert repair(column(texts[3:4])).to_pylist() == ["é" * 150_000]
