"""Words by number."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.text.vocabulary import WordNumbers, word_end, word_number
from tests.text.strategies import column, padded

WORDS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8), unique=True, max_size=40)


@given(WORDS, WORDS)
def test_a_word_has_its_place_in_the_list_and_others_have_none(words: list[str], asked: list[str]) -> None:
    numbers = {word: i for i, word in enumerate(words)}
    for vocabulary in (WordNumbers.of(column(words)), WordNumbers.of(padded(words))):
        for word in [*words, *asked]:
            data = np.frombuffer(f"x{word}x".encode(), np.uint8)
            assert word_number(data, 1, len(data) - 1, vocabulary) == numbers.get(word, -1)


def test_words_end_at_a_space_a_line_feed_or_the_end() -> None:
    data = np.frombuffer("ab é\n河".encode(), np.uint8)
    assert [word_end(data, at, len(data)) for at in (0, 3, 6)] == [2, 5, 9]
