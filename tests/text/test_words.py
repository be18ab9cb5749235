"""Word splitting against a slow reference in plain Python."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.text.words import HAS_LETTER, PUNCTUATION_ONLY, Words, split_on_space, split_words
from tests.text import reference
from tests.text.strategies import TEXTS, column, padded


def spelled(texts: list[str], words: Words) -> list[list[str]]:
    """The words of each row, cut out of the bytes of all texts together."""
    data = "".join(texts).encode()
    found = [data[start:end].decode() for start, end in zip(words.starts, words.ends, strict=True)]
    return [found[words.firsts[row] : words.lasts[row]] for row in range(len(texts))]


@given(TEXTS)
def test_words_are_those_of_the_reference(texts: list[str]) -> None:
    assert spelled(texts, split_words(column(texts))) == [reference.words(text) for text in texts]


@given(TEXTS)
def test_words_between_spaces_are_those_of_the_reference(texts: list[str]) -> None:
    assert spelled(texts, split_on_space(column(texts))) == [reference.space_words(text) for text in texts]


@given(TEXTS, st.sampled_from([split_words, split_on_space]))
def test_lengths_flags_and_hashes_say_what_the_words_are(texts: list[str], split: Callable[[pa.Array], Words]) -> None:
    words = split(column(texts))
    flat = [word for row in spelled(texts, words) for word in row]
    assert words.lengths.tolist() == [len(word) for word in flat]
    assert [bool(flag & HAS_LETTER) for flag in words.flags] == [reference.has(word, "L") for word in flat]
    assert [bool(flag & PUNCTUATION_ONLY) for flag in words.flags] == [not reference.has(word, "LN") for word in flat]
    assert len(set(words.hashes.tolist())) == len(set(flat)) == len(set(zip(words.hashes.tolist(), flat, strict=True)))


@given(TEXTS, st.integers(0, 6), st.sampled_from([split_words, split_on_space]))
def test_a_batch_cut_anywhere_or_sliced_gives_the_same_words(texts: list[str], cut: int, split: Callable[[pa.Array], Words]) -> None:
    whole, first, second, slice_ = (split(part) for part in (column(texts), column(texts)[:cut], column(texts)[cut:], padded(texts)))
    assert np.array_equal(whole.counts, np.concatenate([first.counts, second.counts]))
    assert np.array_equal(whole.counts, slice_.counts)
    for name in ("lengths", "flags", "hashes"):
        assert np.array_equal(getattr(whole, name), np.concatenate([getattr(first, name), getattr(second, name)]))
        assert np.array_equal(getattr(whole, name), getattr(slice_, name))


@given(TEXTS, st.data(), st.sampled_from([split_words, split_on_space]))
def test_words_of_taken_rows_are_those_of_their_texts(texts: list[str], data: st.DataObject, split: Callable[[pa.Array], Words]) -> None:
    stays = np.array(data.draw(st.lists(st.booleans(), min_size=len(texts), max_size=len(texts))), bool)
    taken, again = split(column(texts)).take(stays), split(column(texts).filter(pa.array(stays)))
    assert taken.counts.tolist() == again.counts.tolist()
    for row in range(len(again.counts)):
        own, other = slice(taken.firsts[row], taken.lasts[row]), slice(again.firsts[row], again.lasts[row])
        assert taken.hashes[own].tolist() == again.hashes[other].tolist()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("It's 3.14, or 1,000!!", ["It's", "3.14", ",", "or", "1,000", "!!"]),
        ("see https://a.example/b?c=1#d, e.g. example.com", ["see", "https://a.example/b?c=1#d", ",", "e.g", ".", "example.com"]),
        ("the end.Next U.S. and/or", ["the", "end", ".", "Next", "U.S", ".", "and/or"]),
        ("[link](http://a.b) x_1", ["[", "link", "]", "(", "http://a.b", ")", "x_1"]),
        ("你好，world。", ["你", "好", "，", "world", "。"]),
        ("ภาษา", ["ภ", "า", "ษ", "า"]),
        ("대한민국 만세...", ["대한민국", "만세", "..."]),
        ("", []),
    ],
)
def test_words_as_a_reader_would_count_them(text: str, words: list[str]) -> None:
    assert spelled([text], split_words(column([text]))) == [words]


def test_equal_words_at_different_places_have_equal_hashes() -> None:
    hashes = split_words(column(["café x", "x café"])).hashes
    assert hashes.tolist() == hashes[::-1].tolist()


@given(TEXTS, st.sampled_from([split_words, split_on_space]))
def test_what_is_not_asked_for_is_empty_and_the_rest_the_same(texts: list[str], split: Callable[..., Words]) -> None:
    whole = split(column(texts))
    for places, hashes in ((False, True), (True, False), (False, False)):
        words = split(column(texts), places=places, hashes=hashes)
        assert words.counts.tolist() == whole.counts.tolist()
        assert words.lengths.tolist() == whole.lengths.tolist()
        assert words.flags.tolist() == whole.flags.tolist()
        assert words.starts.tolist() == (whole.starts.tolist() if places else [])
        assert words.ends.tolist() == (whole.ends.tolist() if places else [])
        assert words.hashes.tolist() == (whole.hashes.tolist() if hashes else [])
