"""Chinese words by jieba: what is joined and what is not, and the laws of a kernel."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.filters.limits import Languages
from pipelines.text.segment import join_chinese, load_jieba
from pipelines.text.view import text_view
from pipelines.text.words import Words, split_words
from schemas.errors import RecipeError
from tests.filters.helpers import chain_of, documents, recipe_of
from tests.text.strategies import TEXTS, column, padded

pytest.importorskip("jieba", exc_type=ImportError)
CHINESE = "这条河发源于老采石场以北的一个浅谷，流经四个村庄，最后汇入大海。"
MIXED = st.text(st.sampled_from("河流经四个村庄的 ，。ab1\n"), max_size=30)


def spelled(texts: list[str], rows: list[bool] | None = None) -> list[list[str]]:
    """The words of each text, joined in the rows asked for."""
    text = column(texts)
    words = join_chinese(split_words(text), text, np.array(rows if rows is not None else [True] * len(texts), bool))
    return read(words, text)


def read(words: Words, text: object) -> list[list[str]]:
    data = text_view(text)[0]
    return [
        [bytes(data[at:end]).decode() for at, end in zip(words.starts[first:last], words.ends[first:last], strict=True)]
        for first, last in zip(words.firsts, words.lasts, strict=True)
    ]


def test_characters_are_joined_to_words_and_nothing_else_is() -> None:
    assert spelled(["我们在中国研究生命起源"]) == [["我们", "在", "中国", "研究", "生命", "起源"]]
    assert spelled(["使用React的状态管理，很好"]) == [["使用", "React", "的", "状态", "管理", "，", "很", "好"]]


def test_only_the_rows_asked_for_are_joined() -> None:
    assert spelled(["中国", "中国", "", "a b"], [False, True, True, True]) == [["中", "国"], ["中国"], [], ["a", "b"]]


def test_a_joined_word_is_the_same_word_wherever_it_stands() -> None:
    text = column(["中国，中国"])
    words = join_chinese(split_words(text), text, np.array([True]))
    assert words.hashes[0] == words.hashes[2]
    assert words.lengths.tolist() == [2, 1, 2]
    assert words.hashes[0] not in split_words(text).hashes


@given(st.lists(MIXED, max_size=4) | TEXTS)
def test_joined_words_spell_what_the_characters_spell(texts: list[str]) -> None:
    text = column(texts)
    assert ["".join(words) for words in spelled(texts)] == ["".join(words) for words in read(split_words(text), text)]


@given(st.lists(MIXED, max_size=4), st.integers(0, 4))
def test_a_batch_cut_anywhere_or_sliced_gives_the_same_words(texts: list[str], cut: int) -> None:
    whole = spelled(texts)
    assert whole == spelled(texts[:cut]) + spelled(texts[cut:])
    text = padded(texts)
    assert whole == read(join_chinese(split_words(text), text, np.ones(len(texts), bool)), text)


def test_the_rules_count_words_where_a_recipe_asks_for_it() -> None:
    settings = {"filters.language.assume": "zho_Hans", "filters.gopher_quality.min_words": 1}
    by_chars = chain_of(["gopher_quality"], **settings)(documents([CHINESE]))[0]
    by_words = chain_of(["gopher_quality"], **settings, **{"filters.language.zh_words": "jieba"})(documents([CHINESE]))[0]
    n_chars, n_words = (kept.column("gopher_quality.words").to_pylist()[0] for kept in (by_chars, by_words))
    assert n_chars == sum("\u4e00" <= char <= "\u9fff" for char in CHINESE)
    assert 0.4 * n_chars < n_words < 0.8 * n_chars
    assert 1.2 < by_words.column("gopher_quality.mean_word_length").to_pylist()[0] < 2.5


def test_limits_are_those_of_words() -> None:
    languages = Languages.of(recipe_of([], **{"filters.language.zh_words": "jieba"}).filters)
    zh, ja = languages.profile(column(["zho_Hant", "ja"]))
    limits = languages.limits["gopher_quality"].values[:, [zh, ja]]
    assert limits[languages.limits["gopher_quality"].names.index("min_words")].tolist() == [50, 100]
    assert languages.by_jieba[[zh, ja]].tolist() == [True, False]


def test_without_jieba_the_recipe_is_told_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "jieba", None)
    load_jieba.cache_clear()
    with pytest.raises(RecipeError, match=r"filters\.language\.zh_words.*pip install jieba"):
        load_jieba()
    load_jieba.cache_clear()
