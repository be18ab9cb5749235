"""RefinedWeb's corrections line by line, and the laws that all kernels keep."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.filters import refinedweb
from schemas.recipe import RefinedWeb
from tests.filters.helpers import chain_of, documents, outcome
from tests.text.strategies import TEXTS, column, padded

Cleaned = tuple[pa.Array, np.ndarray[tuple[int, int], np.dtype[np.float64]]]
LINES = st.lists(st.sampled_from(["A line that stays.", "", "ALL CAPITALS HERE", "3 likes", "2024", "word", "Read more..."]), max_size=8)


def clean(text: pa.Array, config: RefinedWeb | None = None) -> Cleaned:
    return refinedweb.correct_lines(text, config or RefinedWeb(), np.full(len(text), 2.0), np.full(len(text), 0.5))


@pytest.mark.parametrize(
    ("line", "left", "signal"),
    [
        ("THE WHOLE LINE SHOUTS", "", "cut_upper"),
        ("20240625", "", "cut_numeric"),
        ("3 likes", "", "cut_counter"),
        ("1.2K  Followers", "", "cut_counter"),
        ("Home", "", "cut_few_words"),
        ("Sign in to comment", "to comment", "edited_lines"),
        ("The rest is on page two. Read more...", "The rest is on page two.", "edited_lines"),
        ("You have 3 items in cart", "You have 3", "edited_lines"),
    ],
)
def test_each_correction_cuts_its_line_and_counts_it(line: str, left: str, signal: str) -> None:
    prose = "A line of prose that stays as it is."
    text, signals = clean(column([f"{prose}\n{line}\n{prose}"]))
    assert text.to_pylist() == ["\n".join(filter(None, [prose, left, prose]))]
    counted = dict(zip(refinedweb.SIGNALS, signals[:, 0].tolist(), strict=True))
    assert {name for name, n in counted.items() if n and name != "cut_word_ratio"} == {signal}
    assert counted["cut_word_ratio"] == pytest.approx((len(line.split()) - len(left.split())) / (18 + len(line.split())))


@pytest.mark.parametrize("line", ["Prose with A CAPITAL or two", "He got 3 likes for that answer", "In 1984 it rained", "说好。"])
def test_prose_stays(line: str) -> None:
    text, signals = clean(column([line]))
    assert text.to_pylist() == [line]
    assert not signals.any()


def test_long_lines_are_not_edited() -> None:
    line = "Whoever wants to know the rest of the story of the river may read more..."
    assert clean(column([line]))[0].to_pylist() == [line]


def test_one_blank_line_stays_between_paragraphs() -> None:
    assert clean(column(["\n\none two\n\n \n\nthree four\n\n"]))[0].to_pylist() == ["one two\n\nthree four"]


def test_switches_turn_cuts_off() -> None:
    text = "3 likes\n2024 2025\n20240625 of it\nSign in to comment"
    off = RefinedWeb(cut_numeric=False, cut_counters=False, edit_lines=False)
    assert clean(column([text]), off)[0].to_pylist() == [text]


def test_a_page_that_lost_too_many_words_is_dropped() -> None:
    pages = ["A line of prose that stays as it is.\n" * 20 + "3 likes", "Home page\nHome\nNEWS\nContact"]
    assert outcome(chain_of(["refinedweb"]), documents(pages)) == [None, "refinedweb.max_cut_word_ratio"]


@given(TEXTS | st.lists(LINES.map("\n".join), max_size=5), st.integers(0, 6))
def test_a_batch_cut_anywhere_or_sliced_is_cleaned_alike(texts: list[str], cut: int) -> None:
    text, signals = clean(column(texts))
    parts = [clean(column(texts)[:cut]), clean(column(texts)[cut:])]
    assert text.to_pylist() == [one for part, _ in parts for one in part.to_pylist()]
    assert np.array_equal(signals, np.hstack([measured for _, measured in parts]))
    assert text.to_pylist() == clean(padded(texts))[0].to_pylist()
