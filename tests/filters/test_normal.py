"""What models read of a text."""

from __future__ import annotations

import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.filters.normal import normalise
from pipelines.text.words import split_words
from tests.text.strategies import TEXTS, column, padded


def by_hand(texts: list[str]) -> list[str]:
    """The words of `split_words`, one by one; a word begins a line if a line feed stands between it and the one before."""
    found = []
    for text in texts:
        words, data, joined, end = split_words(column([text])), text.encode(), "", 0
        for i in range(int(words.lasts[0])):
            start = int(words.starts[i])
            gap = data[end:start].decode()
            joined += ("" if i == 0 else "\n" if "\n" in gap else " ") + data[start : words.ends[i]].decode()
            end = int(words.ends[i])
        found.append(pc.utf8_lower(joined).as_py())
    return found


@given(TEXTS)
def test_words_stand_apart_on_their_lines(texts: list[str]) -> None:
    assert normalise(column(texts)).to_pylist() == by_hand(texts)


@given(TEXTS, st.integers(0, 6))
def test_a_batch_cut_anywhere_or_sliced_reads_the_same(texts: list[str], cut: int) -> None:
    whole = normalise(column(texts)).to_pylist()
    assert whole == normalise(column(texts)[:cut]).to_pylist() + normalise(column(texts)[cut:]).to_pylist()
    assert whole == normalise(padded(texts)).to_pylist()


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("The Cat's\n\n(2nd) life.", "the cat's\n( 0nd ) life ."),
        ("你好，世界\n \n再见２", "你 好 ， 世 界\n再 见 0"),
        ("end.Next ٣,٤", "end . next 0,0"),
        (" \n", ""),
        ("", ""),
    ],
)
def test_case_goes_after_words_are_split_and_digits_become_zeros(text: str, read: str) -> None:
    assert normalise(column([text]), zero_digits=True).to_pylist() == [read]
