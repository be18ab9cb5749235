"""Every signal kernel against its slow reference, and the laws that all kernels keep."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.filters import c4, fineweb, gopher_quality, gopher_repetition
from pipelines.filters.c4 import LineRules
from pipelines.filters.profiles import NEUTRAL, PROFILES
from pipelines.filters.signals import QUALITY_SIGNALS, REPETITION_SIGNALS
from pipelines.filters.tables import profile_tables
from pipelines.text.words import split_on_space, split_words
from schemas.recipe import C4
from testkit.hostile_texts import KINDS
from tests.filters import reference
from tests.text.strategies import TEXTS, column, padded

PROFILE_LIST = [NEUTRAL, PROFILES["en"], PROFILES["zh"]]
TABLES = profile_tables(PROFILE_LIST)
Signals = npt.NDArray[np.float64]


def profiles_of(text: pa.Array) -> npt.NDArray[np.int32]:
    """A row's profile goes by its length, so that batches cut anywhere agree."""
    return np.array([len(one) % len(PROFILE_LIST) for one in text.to_pylist()], np.int32)


def quality(text: pa.Array, *, paper: bool = False) -> Signals:
    words = split_on_space(text) if paper else split_words(text)
    return gopher_quality.word_and_line_signals(text, words, profiles_of(text), TABLES, count_punctuation=paper)


def repetition(text: pa.Array) -> Signals:
    return gopher_repetition.repetition_signals(text, split_words(text))


def lines(text: pa.Array) -> Signals:
    return fineweb.line_signals(text, split_words(text).counts, 12, profiles_of(text), TABLES)


def cleaned(text: pa.Array, config: C4 | None = None, min_words: float = 3, max_chars: float = 1000) -> tuple[pa.Array, Signals]:
    by_line = np.full(len(text), min_words, float), np.full(len(text), max_chars, float)
    return c4.cut_lines(text, split_on_space(text), LineRules.of(config or C4(), *by_line), profiles_of(text), TABLES)


def rows(names: tuple[str, ...], measured: Signals) -> list[dict[str, float]]:
    return [dict(zip(names, row, strict=True)) for row in measured.T.tolist()]


def expected(texts: list[str], of: Callable[..., dict[str, float]], *args: Any, **kwargs: Any) -> list[Any]:
    return [pytest.approx(of(text, PROFILE_LIST[len(text) % len(PROFILE_LIST)], *args, **kwargs)) for text in texts]


@given(TEXTS, st.booleans())
def test_gopher_quality_is_the_reference(texts: list[str], paper: bool) -> None:
    measured = rows(QUALITY_SIGNALS, quality(column(texts), paper=paper))
    assert measured == expected(texts, reference.gopher_quality, paper=paper)


@given(TEXTS)
def test_gopher_repetition_is_the_reference(texts: list[str]) -> None:
    measured = rows(REPETITION_SIGNALS, repetition(column(texts)))
    assert measured == [pytest.approx(reference.gopher_repetition(text)) for text in texts]


@given(st.lists(st.lists(st.sampled_from("abc"), max_size=60).map(" ".join), max_size=4))
def test_gopher_repetition_is_the_reference_where_everything_repeats(texts: list[str]) -> None:
    measured = rows(REPETITION_SIGNALS, repetition(column(texts)))
    assert measured == [pytest.approx(reference.gopher_repetition(text)) for text in texts]


@given(TEXTS)
def test_fineweb_is_the_reference(texts: list[str]) -> None:
    assert rows(fineweb.SIGNALS, lines(column(texts))) == expected(texts, reference.fineweb, 12)


@given(TEXTS, st.booleans(), st.sampled_from([-np.inf, 1, 3]), st.sampled_from([3, np.inf]))
def test_c4_is_the_reference(texts: list[str], terminal: bool, min_words: float, max_chars: float) -> None:
    text, signals = cleaned(column(texts), C4(require_terminal_punctuation=terminal), min_words, max_chars)
    wanted = [
        reference.c4(one, PROFILE_LIST[len(one) % 3], min_line_words=min_words, max_word_chars=max_chars, terminal=terminal)
        for one in texts
    ]
    assert text.to_pylist() == [one for one, _ in wanted]
    assert rows(c4.SIGNALS, signals) == [one for _, one in wanted]


@pytest.mark.parametrize("kind", KINDS)
def test_hostile_documents_are_measured_as_by_the_references(kind: str) -> None:
    texts = [KINDS[kind](3000)]
    assert rows(QUALITY_SIGNALS, quality(column(texts))) == expected(texts, reference.gopher_quality, paper=False)
    assert rows(REPETITION_SIGNALS, repetition(column(texts))) == [pytest.approx(reference.gopher_repetition(texts[0]))]
    assert rows(fineweb.SIGNALS, lines(column(texts))) == expected(texts, reference.fineweb, 12)


@pytest.mark.parametrize("measure", [quality, repetition, lines, lambda text: cleaned(text)[1]])
@given(texts=TEXTS, cut=st.integers(0, 6))
def test_a_batch_cut_anywhere_or_sliced_gives_the_same_rows(measure: Callable[[pa.Array], Signals], texts: list[str], cut: int) -> None:
    whole = measure(column(texts))
    assert np.array_equal(whole, np.hstack([measure(column(texts)[:cut]), measure(column(texts)[cut:])]))
    assert np.array_equal(whole, measure(padded(texts)))


@given(TEXTS, st.integers(0, 6))
def test_c4_cleans_a_batch_cut_anywhere_or_sliced_alike(texts: list[str], cut: int) -> None:
    whole = cleaned(column(texts))[0].to_pylist()
    assert whole == cleaned(column(texts)[:cut])[0].to_pylist() + cleaned(column(texts)[cut:])[0].to_pylist()
    assert whole == cleaned(padded(texts))[0].to_pylist()


# --- Traps ---------------------------------------------------------------------------------------------------------------


def signal(names: tuple[str, ...], measured: Signals, name: str) -> float:
    return float(measured[names.index(name), 0])


@given(
    st.lists(st.lists(st.sampled_from(["a", "b", "语", "cd", "ef", "。"]), min_size=20, max_size=300).map(" ".join), max_size=3),
    st.sampled_from([8, 64]),
)
def test_n_grams_beyond_the_table_are_counted_in_parts_with_the_same_result(texts: list[str], most_keys: int) -> None:
    text = column(texts)
    whole = repetition(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gopher_repetition, "MOST_KEYS", most_keys)
        np.testing.assert_array_equal(repetition(text), whole)


def test_blank_lines_are_no_duplicate_lines() -> None:
    measured = repetition(column(["one line\n\n\n\nanother line\n\n\n\na third line"]))
    assert signal(REPETITION_SIGNALS, measured, "dup_line_ratio") == 0
    assert signal(fineweb.SIGNALS, lines(column(["one\n\n\n\ntwo\n \n \nthree"])), "dup_line_char_ratio") == 0


def test_duplicate_grams_are_walked_greedily() -> None:
    """Nine times the same word: after the first 5-gram and its overlapping copies the walk jumps over the words it has counted."""
    measured = repetition(column(["x " * 9]))
    # Walk: place 0 is new, place 1 is a copy (5 words counted, on to 6), and from 6 no 5-gram is left.
    assert signal(REPETITION_SIGNALS, measured, "dup_5gram_ratio") == 5 / 18


def test_a_text_shorter_than_an_n_gram_repeats_nothing() -> None:
    assert repetition(column(["just four words here"]))[7:].tolist() == [[0.0]] * 6


def test_stop_words_are_distinct_and_case_counts() -> None:
    text = column(["the the the The OF and"])
    measured = gopher_quality.word_and_line_signals(text, split_words(text), np.array([1], np.int32), TABLES, count_punctuation=False)
    assert signal(QUALITY_SIGNALS, measured, "stop_words") == 2


def test_words_before_citations_go_decide_about_a_line() -> None:
    text, signals = cleaned(column(["Two words [12]\nOne [edit]"]))
    assert text.to_pylist() == ["Two words"]
    assert signal(c4.SIGNALS, signals, "cut_few_words") == 1
    assert signal(c4.SIGNALS, signals, "citations") == 1


def test_lorem_ipsum_in_a_line_that_was_cut_before_does_not_count() -> None:
    _, signals = cleaned(column(["Lorem ipsum\nhere comes Lorem Ipsum again"]))
    assert signal(c4.SIGNALS, signals, "lorem_ipsum") == 1


def test_switches_of_c4_turn_its_cuts_off() -> None:
    text = "We use cookies with JavaScript here [1]."
    assert cleaned(column([text]))[0].to_pylist() == [""]
    off = C4(cut_javascript=False, cut_policy=False, remove_citations=False)
    assert cleaned(column([text]), off)[0].to_pylist() == [text]


@pytest.mark.parametrize(
    ("line", "profile", "n"),
    [
        ("It costs 3.14 at example.com. Really?! Yes", "en", 3),
        ('He said "no." Then he left...', "en", 2),
        ("你好。今天天气很好！我们去哪里？", "zh", 3),
        ("他说：“好。”然后走了", "zh", 2),
    ],
)
def test_sentences_are_counted_as_a_reader_would(line: str, profile: str, n: int) -> None:
    tables = profile_tables([PROFILES[profile]])
    text = column([line])
    by_line = np.zeros(1), np.full(1, np.inf)
    _, signals = c4.cut_lines(text, split_on_space(text), LineRules.of(C4(), *by_line), np.zeros(1, np.int32), tables)
    assert signal(c4.SIGNALS, signals, "sentences") == n
