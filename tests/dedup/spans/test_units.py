"""Texts as units: lines, runs of sentences, windows of words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from functools import partial

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dedup.spans.lines import line_units
from pipelines.dedup.spans.repeats.substring import anchor_table, anchors, repeated_anchors, window_units
from pipelines.dedup.spans.sentences import sentence_bounds, sentence_units
from pipelines.dedup.spans.units import Units
from schemas.recipe import Lines, Sentences
from tests.dedup.spans import reference
from tests.text.strategies import TEXTS, column, padded


def rows_of(units: Units) -> list[tuple[int, int, int]]:
    return list(zip(units.rows.tolist(), units.starts.tolist(), units.ends.tolist(), strict=True))


def keyed(units: Units) -> list[tuple[int, int]]:
    return list(zip(units.keys.tolist(), units.checks.tolist(), strict=True))


def check_keys(units: Units, expected: list[str]) -> None:
    """Equal units have equal keys and different ones different keys."""
    assert len(units) == len(expected)
    assert len(set(keyed(units))) == len(set(expected)) == len(set(zip(keyed(units), expected, strict=True)))


@given(TEXTS)
def test_lines_are_compared_without_case_and_marks_of_prose(texts: list[str]) -> None:
    units = line_units(padded(texts), Lines())
    found = [(row, *line) for row, text in enumerate(texts) for line in reference.lines(text)]
    assert rows_of(units) == [(row, *span) for row, _, span in found]
    check_keys(units, [key for _, key, _ in found])


@pytest.mark.parametrize(
    ("one", "other"),
    [("• word for word", "word for word"), ("“ word", "word"), ("oﬃce straße", "OFFICE STRASSE"), ("a\U000e0041b\U000e0100", "ab")],
)
def test_space_at_the_beginning_long_folds_and_unseen_characters_are_no_difference(one: str, other: str) -> None:
    check_keys(line_units(column([one, other]), Lines(min_chars=1)), ["the same", "the same"])
    check_keys(line_units(column([one, f"{other} x"]), Lines(min_chars=1)), [one, other])


def test_short_lines_stay_out() -> None:
    assert rows_of(line_units(column(["--\nab\nabc"]), Lines(min_chars=3))) == [(0, 6, 9)]


def sentences(text: str) -> list[str]:
    rows, starts, ends = sentence_bounds(column([text]))
    assert not rows.any()
    return [text.encode()[start:end].decode() for start, end in zip(starts, ends, strict=True)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. Two!  Three?", ["One.", "Two!", "Three?"]),
        ("Version 3.14 of a.b is out. Yes...", ["Version 3.14 of a.b is out.", "Yes..."]),
        ("He said: “Go.” Then (he left.) Then", ["He said: “Go.”", "Then (he left.)", "Then"]),
        ("你好。他说：“好！”然后走了。", ["你好。", "他说：“好！”", "然后走了。"]),
        ("आज। कल है।", ["आज।", "कल है।"]),
        ("no end\nnew line. ", ["no end", "new line."]),
        ("... !!\n", []),
    ],
)
def test_sentences_end_at_the_marks_of_any_script(text: str, found: list[str]) -> None:
    assert sentences(text) == found


@given(TEXTS, st.integers(1, 4))
def test_spans_of_sentences_are_all_runs_of_one_text(texts: list[str], size: int) -> None:
    rows, starts, ends = sentence_bounds(padded(texts))
    expected, keys = [], []
    for row, text in enumerate(texts):
        bounds = [(int(start), int(end)) for r, start, end in zip(rows, starts, ends, strict=True) if r == row]
        for i in range(len(bounds) - size + 1):
            start, end = bounds[i][0], bounds[i + size - 1][1]
            expected.append((row, start, end))
            keys.append(reference.normal(text.encode()[start:end].decode()))
    units = sentence_units(padded(texts), Sentences(span=size))
    assert rows_of(units) == expected
    check_keys(units, keys)


WORDY = st.lists(st.lists(st.sampled_from(["a", "b", "cc", "的", "\n", "é,"]), max_size=40).map(" ".join), max_size=5)


@given(WORDY, st.integers(2, 7))
def test_every_window_with_an_equal_is_found_with_its_exact_bytes(texts: list[str], k: int) -> None:
    everything = [(row, *window) for row, text in enumerate(texts) for window in reference.windows(text, k)]
    times = Counter(key for _, key, _ in everything)
    units = window_units(padded(texts), k, anchor_table(repeated_anchors(anchors(padded(texts), k))))
    found = set(rows_of(units))
    assert {(row, *span) for row, key, span in everything if times[key] > 1} <= found
    check_keys(units, [key for row, key, span in everything if (row, *span) in found])


def test_white_space_between_words_is_part_of_a_window() -> None:
    texts = column(["a b c", "a  b c", "a b\tc", "a b c"])
    units = window_units(texts, 3, anchor_table(repeated_anchors(anchors(texts, 3))))
    first, second, third, fourth = keyed(units)
    assert first == fourth
    assert len({first, second, third}) == 3


@pytest.mark.parametrize("texts", [["word " * 30_000], ["x" * 10_000_000], ["line\n" * 1_000_000], ["。" * 300_000], ["", " ", "\n"]])
def test_hostile_texts_are_cut_into_units_in_linear_time(texts: list[str]) -> None:
    column_ = column(texts)
    n_words = sum(len(text.split()) for text in texts)
    table = anchor_table(repeated_anchors(anchors(column_, 50)))
    assert len(window_units(column_, 50, table)) in (0, n_words - 49)
    assert len(line_units(column_, Lines())) == sum(bool(reference.normal(line[:100])) for text in texts for line in text.splitlines())
    assert len(sentence_units(column_, Sentences())) >= 0


def test_a_batch_cut_anywhere_gives_the_same_units() -> None:
    texts = ["one two three four. Five", "six\nseven eight", "", "one two three four. Five"] * 3
    table = anchor_table(np.unique(anchors(column(texts), 2)))
    finders: list[Callable[[pa.Array], Units]] = [
        partial(line_units, config=Lines()),
        partial(sentence_units, config=Sentences(span=1)),
        partial(window_units, k=2, repeated=table),
    ]
    for find in finders:
        whole = find(column(texts))
        parts = [find(column(texts).slice(0, 5)), find(column(texts).slice(5))]
        assert keyed(parts[0]) + keyed(parts[1]) == keyed(whole)
        assert whole.rows.tolist() == parts[0].rows.tolist() + (parts[1].rows + 5).tolist()
