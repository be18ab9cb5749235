"""Listed words as words where words have spaces, as parts of the text where not; and the score of a model."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.filters import safety
from pipelines.filters.bad_words import compile_list, count_listed
from pipelines.filters.model import cached_path
from schemas.errors import ModelError, RecipeError
from schemas.recipe import Safety
from tests.filters.helpers import chain_of, documents, outcome
from tests.text.strategies import TEXT, TEXTS, column, padded

WORDS = ("bad", "ano", "very bad", "ad", "坏", "坏话", "ดี", "ワル", "(x)", "плохо")
PIECES = (
    *("bad", "BAD", "Ｂａｄ", "b\u00adad", "very", " ", "  ", "\n", "-", "_", "año", "ano", "ad", "s", "(x)"),
    *("坏", "话", "好", "ดี", "่", "ワ", "ル"),
)
MIXED = st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | TEXT
HIDDEN = ("Cf", "Cc", "Cs")
LANG = pa.large_string()


def places(text: str, words: tuple[str, ...] = WORDS) -> list[int]:
    return count_listed(column([text]), compile_list(words))[:, 0].tolist()


def folded(text: str) -> str:
    """As the kernel reads it, slowly."""
    visible = [char for char in text if char.isspace() or not (unicodedata.category(char) in HIDDEN or "\ufe00" <= char <= "\ufe0f")]
    return re.sub(" +", " ", "".join(map(folded_char, visible)))


def folded_char(char: str) -> str:
    wide = unicodedata.normalize("NFKC", char) if ord(char) < 0x32400 else char
    plain = (wide if len(wide) == 1 else char).casefold()
    return " " if char.isspace() else plain if len(plain) == 1 else char


def is_unspaced(char: str) -> bool:
    return unicodedata.category(char)[0] in "LMN" and re.match(r"[ก-ฺเ-๎ぁ-ヿ一-鿿က-႟ក-៿]", char) is not None and not char.isdecimal()


def is_border(text: str, at: int) -> bool:
    """Whether a word may begin or end before text[at]."""
    if at in (0, len(text)):
        return True
    before, after = text[at - 1], text[at]
    if not (is_word(before) and is_word(after)):
        return True
    return unicodedata.category(after)[0] != "M" and (is_unspaced(before) or is_unspaced(after))


def is_word(char: str) -> bool:
    return unicodedata.category(char)[0] in "LMN"


def slow_places(text: str, words: tuple[str, ...]) -> int:
    text, found = folded(text), 0
    end = len(text)
    while end > 0:
        matching = [word for word in map(folded, words) if text[:end].endswith(word) and is_border(text, end - len(word))]
        found += bool(matching and is_border(text, end))
        end -= max(map(len, matching), default=1) if is_border(text, end) else 1
    return found


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join))
def test_places_are_those_of_a_search_at_every_character(text: str) -> None:
    assert places(text)[0] == slow_places(text, WORDS)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A bad, very  \n BAD day; badly, forbad, b\u200bad.", [3, 4, 8]),
        ("Ｂａｄ año ano ANO", [3, 3, 4]),
        ("他说坏话，不坏。", [2, 3, 6]),
        ("คนดีมาก", [1, 1, 6]),
        ("看bad片", [1, 1, 3]),
        ("face (x) face", [1, 1, 3]),
        ("foo_bad_bar", [1, 1, 3]),
        ("Плохо!", [1, 1, 1]),
        ("", [0, 0, 0]),
        ("...", [0, 0, 0]),
    ],
)
def test_words_are_found_as_each_script_writes_them(text: str, found: list[int]) -> None:
    assert places(text) == found


def test_allowed_and_empty_words_are_not_listed() -> None:
    assert count_listed(column(["性 sm bad"]), compile_list(["性", "SM", "bad", "", " ", "\u200b"], ["性", "sm"]))[0].tolist() == [1]
    assert count_listed(column(["anything"]), compile_list([])).tolist() == [[0], [0], [1]]


@given(st.lists(MIXED, max_size=6), st.integers(0, 6))
def test_a_batch_cut_anywhere_or_sliced_is_counted_alike(texts: list[str], cut: int) -> None:
    words = compile_list(WORDS)
    whole = count_listed(column(texts), words)
    assert np.array_equal(whole, np.hstack([count_listed(column(texts)[:cut], words), count_listed(column(texts)[cut:], words)]))
    assert np.array_equal(whole, count_listed(padded(texts), words))
    assert (whole[1] <= whole[2]).all()


def test_one_word_a_million_times_and_lists_that_overlap_are_counted_in_one_pass() -> None:
    assert places("bad " * 1_000_000) == [1_000_000] * 3
    assert places("坏" * 300_000, ("坏" * 3, "坏" * 2))[0] == 100_000


@pytest.fixture
def lists(tmp_path: Path) -> dict[str, str]:
    (tmp_path / "en.txt").write_text("# a comment\nbad\n\nvery bad\n", "utf-8")
    (tmp_path / "zh.txt").write_text("坏话\n性\n", "utf-8")
    return {"en": str(tmp_path / "en.txt"), "zh": str(tmp_path / "zh.txt")}


def test_each_document_meets_the_list_of_its_language(lists: dict[str, str]) -> None:
    text, lang = column(["a bad word", "a bad word", "坏话性", "bad", "bad"]), pa.array(["en", "fr", "zh", None, "eng_Latn"], LANG)
    measured = safety.safety_signals(text, lang, Safety(words=lists))
    assert measured[0].tolist() == [1, 0, 1, 0, 1]
    assert measured[1].round(3).tolist() == [0.333, 0, 0.667, 0, 1]
    assert np.isnan(measured[2]).all()
    with_any = safety.safety_signals(text, lang, Safety(words={"any": lists["en"], "zh": lists["zh"]}))
    assert with_any[0].tolist() == [1, 1, 1, 1, 1]


@pytest.mark.skipif(not cached_path().is_file(), reason="the language model is not there; `make model` fetches it")
def test_a_page_goes_by_the_share_or_by_any_listed_word(lists: dict[str, str]) -> None:
    english = "The river rises in a shallow valley north of the old quarry. " * 20
    pages = [english + "Bad weather.", "A bad bad very bad day it was for all of us who live here.", english]
    by_share = {f"filters.safety.words.{lang}": path for lang, path in lists.items()}
    assert outcome(chain_of(["safety"], **by_share), documents(pages)) == [None, "safety.max_flagged_word_ratio", None]
    by_any = chain_of(["safety"], **by_share, **{"filters.safety.max_flagged_words": 0})
    assert outcome(by_any, documents(pages)) == ["safety.max_flagged_words", "safety.max_flagged_words", None]


def test_a_list_that_cannot_be_read_names_the_key_and_the_file(tmp_path: Path) -> None:
    (tmp_path / "latin.txt").write_bytes(b"caf\xe9\n")
    for path in ("nowhere.txt", str(tmp_path / "latin.txt"), str(tmp_path)):
        with pytest.raises(RecipeError, match=r"filters\.safety\.words\.en = .*cannot be read as a list of words in UTF-8"):
            safety.safety_signals(column(["x"]), pa.array(["en"], LANG), Safety(words={"en": path}))


@pytest.mark.skipif(not cached_path().is_file(), reason="the language model is not there; `make model` fetches it")
def test_the_score_is_any_models_probability_of_the_named_label() -> None:
    """The language model serves as a model of "toxic" = Chinese."""
    model = str(cached_path())
    text = column(["这条河发源于老采石场以北的一个浅谷。", "The river rises in a shallow valley.", "", " \n "])
    score = safety.safety_signals(text, pa.nulls(4, LANG), Safety(model=model, label="zh"))[2]
    assert score[0] > 0.9
    assert score[1] < 0.1
    assert score[2:].tolist() == [0, 0]
    assert outcome(
        chain_of(["safety"], **{"filters.safety.model": model, "filters.safety.label": "zh", "filters.safety.max_score": 0.5}),
        documents(text.to_pylist()),
    ) == ["safety.max_score", None, None, None]


def test_a_model_that_is_missing_or_lacks_the_label_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"filters\.safety\.model = .*none\.bin"):
        safety.safety_signals(column(["x"]), pa.nulls(1, LANG), Safety(model=str(tmp_path / "none.bin")))
    with pytest.raises(RecipeError, match=r"filters\.safety\.max_score = 0\.5: give filters\.safety\.model"):
        Safety(max_score=0.5)
    if cached_path().is_file():
        with pytest.raises(ModelError, match=r"no label 'toxic'; set filters\.safety\.label to one of"):
            safety.safety_signals(column(["x"]), pa.nulls(1, LANG), Safety(model=str(cached_path())))


@given(TEXTS)
def test_nothing_listed_is_nothing_found(texts: list[str]) -> None:
    measured = safety.safety_signals(column(texts), pa.array(["en"] * len(texts), LANG), Safety())
    assert not measured[:2].any()
