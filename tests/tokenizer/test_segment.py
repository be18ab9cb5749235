"""Vocabularies over jieba's words: no token crosses a word, the ids are the library's on the same words, and text comes back."""

from __future__ import annotations

import sys

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import TokenizerError
from schemas.recipe import Tokenizer
from testkit.random_text import random_texts
from tokenizer import bpe, segment
from tokenizer.decode import TokenDecoder
from tokenizer.encode import Encoder

pytest.importorskip("jieba")

CORPUS = ["我来到北京清华大学，研究大规模语言模型。\n模型需要干净的语料 and words\n" * 3, "北京大学的语言模型研究需要语料。" * 5]
LOST = "▁▂▃"


def column(texts: list[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    bpe.save_tokenizer(bpe.train_from_columns([column(CORPUS)], Tokenizer(vocab_size=328, pattern="jieba")), path)
    found = Encoder(path)
    assert (found.path, found.expects_words) == ("fast", True)
    return found


def test_words_stand_apart_and_the_text_s_own_spaces_are_marks() -> None:
    found = segment.segment_words(column(["我来到北京清华大学 a\nb", ""]))
    assert found.to_pylist() == ["我 来到 北京 清华大学 ▂ a ▃ b", ""]


def test_no_token_crosses_a_word(encoder: Encoder) -> None:
    (ids,) = encoder(column(["北京清华大学"])).to_pylist()
    pieces = [encoder.tokenizer.id_to_token(index) or "" for index in ids]
    assert "".join(pieces) == "▁北京▁清华大学"
    assert all("▁" not in piece[1:] for piece in pieces)


def test_ids_are_the_library_s_on_the_same_words(encoder: Encoder) -> None:
    texts = column([*CORPUS, *random_texts(2_000, seed=7)])
    theirs = encoder.tokenizer.encode_batch_fast(segment.segment_words(texts).to_pylist(), add_special_tokens=False)
    assert encoder(texts).to_pylist() == [row.ids for row in theirs]


@given(st.lists(st.text(st.characters(exclude_characters=LOST, exclude_categories=["Cs"])), max_size=4))
def test_text_comes_back_whole(encoder: Encoder, texts: list[str]) -> None:
    tokens = encoder(column(texts))
    assert TokenDecoder(encoder).to_text(tokens).to_pylist() == texts
    assert [encoder.tokenizer.decode(row) for row in tokens.to_pylist()] == texts


def test_without_jieba_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "jieba", None)
    segment._jieba.cache_clear()
    with pytest.raises(TokenizerError, match=r"jieba is not installed.* pip install jieba"):
        segment.segment_words(column(["x"]))
