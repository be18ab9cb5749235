"""Shares of listed words against a walk in plain Python, and ROOTS' rules on them."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.filters.profiles import PROFILES
from pipelines.filters.roots_table import LANGUAGES, MAX_PERPLEXITY, roots_limits
from pipelines.filters.word_lists import listed_word_shares, read_word_list
from schemas.errors import RecipeError
from schemas.recipe import Roots
from tests.filters.helpers import chain_of, documents, outcome
from tests.filters.test_chain import CHINESE, ENGLISH
from tests.text.reference import has, words
from tests.text.strategies import TEXTS, column, padded

LISTED = ["the", "of", "a b", "a b c", "的", "是不是", "ไทย", "isn't", "b", "# no entry", "", "--", "x, y"]
PIECES = st.lists(st.sampled_from(["a", "b", "c", "The", ",", "是", "不", "的", "x", "y", "7", "\n"]), max_size=30).map(" ".join)
LISTS = Path(__file__).parents[3] / "shared" / "data" / "lists" / "ldnoobw"


def expected(text: str) -> float:
    phrases = [words(entry) for entry in LISTED if entry and not entry.startswith("#") and all(has(word, "LN") for word in words(entry))]
    found = words(text.lower())
    n = listed = at = 0
    while at < len(found):
        if not has(found[at], "LN"):
            at += 1
            continue
        size = max((len(phrase) for phrase in phrases if found[at : at + len(phrase)] == phrase), default=0)
        listed += size
        n += size or has(found[at], "L")
        at += max(size, 1)
    return listed / n if n else 0.0


@pytest.fixture(scope="module")
def path() -> str:
    file = Path(tempfile.mkdtemp()) / "list.txt"
    file.write_text("\n".join(LISTED))
    return str(file)


@given(texts=st.lists(PIECES, max_size=5) | TEXTS, cut=st.integers(0, 6))
def test_shares_are_those_of_the_walk_and_batches_can_be_cut_anywhere(path: str, texts: list[str], cut: int) -> None:
    def measure(text: pa.Array) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        return listed_word_shares(text, pa.array(["en"] * len(text), pa.large_string()), {"en": path}, "key")

    whole = measure(column(texts))
    assert whole.tolist() == [pytest.approx(expected(text)) for text in texts]
    assert whole.tolist() == [*measure(column(texts)[:cut]), *measure(column(texts)[cut:])] == measure(padded(texts)).tolist()


def test_a_language_without_a_list_has_no_share_and_is_not_judged(path: str) -> None:
    found = listed_word_shares(
        column(["the", "the", "the", "the"]), pa.array(["en", "zho_Hans", "fr", None], pa.large_string()), {"en": path, "zh": path}, "k"
    )
    assert found.tolist()[:2] == [1, 1]
    assert np.isnan(found[2:]).all()
    settings = {"filters.roots.stop_words.en": path, "filters.roots.min_stop_word_ratio": 1}
    assert outcome(chain_of(["roots"], **settings), documents([ENGLISH, CHINESE])) == ["roots.min_stop_word_ratio", None]
    assert outcome(chain_of(["roots"], **{"filters.roots.flagged_words.zh": path}), documents([ENGLISH, CHINESE])) == [
        None,
        "roots.max_flagged_word_ratio",
    ]


def test_a_list_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"filters\.roots\.stop_words = .*nowhere.*: cannot be read as a list of words"):
        read_word_list(str(tmp_path / "nowhere"), "filters.roots.stop_words")


def test_the_table_of_roots_is_that_of_the_profiles_and_of_the_defaults() -> None:
    assert {f"roots.{name}": getattr(Roots(), name) for name in (key.partition(".")[2] for key in roots_limits("en"))} == roots_limits("en")
    assert set(MAX_PERPLEXITY) == set(LANGUAGES)
    for code in set(LANGUAGES) - {"en"}:
        assert {name: PROFILES[code].limits[name] for name in roots_limits(code)} == roots_limits(code)


@pytest.mark.skipif(not LISTS.is_dir(), reason="the lists of bad words are not there")
@pytest.mark.parametrize("lang", ["en", "zh", "ja", "th", "ru", "ar", "de", "fr", "es"])
def test_real_lists_find_their_own_words_in_every_script(lang: str) -> None:
    entries = [entry for entry in (LISTS / lang).read_text("utf-8").splitlines() if all(has(word, "LN") for word in words(entry.lower()))]
    found = listed_word_shares(column(entries), pa.array([lang] * len(entries), pa.large_string()), {lang: str(LISTS / lang)}, "key")
    assert len(entries) > 20
    assert (found == 1).all()
    clean = column([ENGLISH, CHINESE])
    assert listed_word_shares(clean, pa.array([lang] * 2, pa.large_string()), {lang: str(LISTS / lang)}, "key").max() < 0.05
