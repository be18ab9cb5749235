"""Signals of ROOTS against their formulas in plain Python."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import isqrt

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.filters import roots
from pipelines.filters.signals import signal_names
from pipelines.text.words import split_on_space
from tests.filters.helpers import chain_of, documents, outcome
from tests.text.reference import category, space_words
from tests.text.strategies import TEXTS, column, padded

REPEATING = st.lists(st.lists(st.sampled_from(["a", "b", "ab", "的"]), max_size=60).map(" ".join), max_size=4)


def measure(text: pa.Array) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    return roots.text_signals(text, split_on_space(text), np.full(len(text), 3), 2)


def expected(text: str) -> dict[str, float]:
    found = space_words(text)
    chars = Counter(text[i : i + 3] for i in range(len(text) - 2))
    pairs = Counter(pairwise(found))
    top = sorted(chars.values(), reverse=True)
    n_top = min(isqrt(len(top)), sum(count > 1 for count in top))
    return {
        "words": len(found),
        "char_repetition_ratio": sum(top[:n_top]) / max(sum(top), 1),
        "word_repetition_ratio": sum(count for count in pairs.values() if count > 1) / max(sum(pairs.values()), 1),
        "special_char_ratio": sum(category(char) not in "LM" for char in text) / max(len(text), 1),
    }


@given(TEXTS | REPEATING)
def test_roots_is_the_reference(texts: list[str]) -> None:
    assert [dict(zip(signal_names(roots.TextSignal), row, strict=True)) for row in measure(column(texts)).T.tolist()] == [
        pytest.approx(expected(text)) for text in texts
    ]


@given(TEXTS | REPEATING, st.integers(0, 6))
def test_a_batch_cut_anywhere_or_sliced_gives_the_same_rows(texts: list[str], cut: int) -> None:
    whole = measure(column(texts))
    assert np.array_equal(whole, np.hstack([measure(column(texts)[:cut]), measure(column(texts)[cut:])]))
    assert np.array_equal(whole, measure(padded(texts)))


def test_a_repeated_phrase_is_dropped_and_said_why() -> None:
    batch = documents(["click here to win a prize now " * 20])
    assert outcome(chain_of(["roots"]), batch) == ["roots.max_word_repetition_ratio"]
    assert outcome(chain_of(["roots"], **{"filters.limits": "published"}), batch) == ["roots.max_char_repetition_ratio"]
