"""Texts that no one wrote to be read: every signal has a value, and every document ends in the ledger or stays."""

from __future__ import annotations

import pytest

from testkit.hostile_texts import KINDS
from tests.filters.helpers import chain_of, documents, outcome
from tests.filters.test_chain import all_off

MEASURED = ["length", "gopher_repetition", "gopher_quality", "fineweb", "roots", "code", "c4"]  # c4 leaves another text
NOTHING = {
    "gopher_repetition.dup_line_ratio": 0,
    "gopher_repetition.top_2gram_ratio": 0,
    "gopher_repetition.dup_10gram_ratio": 0,
    "gopher_quality.words": 0,
    "gopher_quality.mean_word_length": 0,
    "gopher_quality.alpha_word_ratio": 0,
    "gopher_quality.stop_words": 0,
    "c4.sentences": 0,
    "fineweb.short_line_ratio": 0,
    "fineweb.newline_word_ratio": 0,
    "roots.word_repetition_ratio": 0,
}


@pytest.mark.parametrize(
    ("text", "values"),
    [
        pytest.param("", {**NOTHING, "length.chars": 0, "code.bytes": 0, "roots.special_char_ratio": 0}, id="empty"),
        pytest.param(" \t\u3000" * 99, {**NOTHING, "length.chars": 297, "roots.special_char_ratio": 1}, id="white space"),
        pytest.param("\n" * 99, {"gopher_repetition.dup_line_ratio": 0.5, "c4.sentences": 0, "code.max_line_chars": 0}, id="line feeds"),
        pytest.param(
            "word " * 1000,
            {
                "gopher_quality.words": 1000,
                "gopher_quality.mean_word_length": 4,
                "gopher_repetition.top_2gram_ratio": 9 * 999 / 5000,
                # Places 1, 6, 11 ... 991 of the words.
                "gopher_repetition.dup_5gram_ratio": 199 * 20 / 5000,
                "c4.sentences": 1,
                "roots.word_repetition_ratio": 1,
            },
            id="one word again and again",
        ),
        pytest.param(
            "a" * 5000,
            {
                "gopher_quality.words": 1,
                "gopher_quality.mean_word_length": 5000,
                "gopher_quality.alpha_word_ratio": 1,
                "c4.cut_long_word": 1,
                "code.max_line_chars": 5000,
            },
            id="one word without an end",
        ),
        pytest.param(
            "!?.,;:" * 100,
            {"gopher_quality.words": 0, "gopher_quality.alpha_word_ratio": 0, "c4.sentences": 0, "roots.special_char_ratio": 1},
            id="punctuation",
        ),
        pytest.param("." * 600, {"gopher_quality.words": 0, "gopher_quality.ellipsis_ratio": 200, "c4.sentences": 0}, id="dots"),
        pytest.param("😀" * 300, {"gopher_quality.words": 0, "length.chars": 300, "roots.special_char_ratio": 1}, id="emoji"),
        pytest.param("\x01\x02\x7f" * 99, {"gopher_quality.words": 0, "length.chars": 297, "code.alnum_ratio": 0}, id="control characters"),
        pytest.param("\0" * 300, {"gopher_quality.words": 0, "gopher_quality.mean_word_length": 0, "code.bytes": 300}, id="zeros"),
        pytest.param("\u0301" * 300, {"gopher_quality.words": 0, "roots.words": 1, "roots.special_char_ratio": 0}, id="combining marks"),
    ],
)
def test_every_signal_has_its_value(text: str, values: dict[str, float]) -> None:
    kept, ended = chain_of(MEASURED, **all_off())(documents([text]))
    assert ended.num_rows == 0
    assert {name: kept.column(name).to_pylist()[0] for name in values} == pytest.approx(values)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_hostile_document_ends_exactly_once(kind: str) -> None:
    texts = [KINDS[kind](size) for size in (0, 10, 3000)]
    assert outcome(chain_of(["length"]), documents(texts))[0] == "length.min_chars"
    assert len(outcome(chain_of(MEASURED), documents(texts))) == 3
