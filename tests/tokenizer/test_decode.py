"""Decoding gives back what was encoded, as bytes and as text, for every kind of vocabulary that the compiled encoder takes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import TokenizerError
from testkit.random_text import random_texts
from tests.tokenizer.test_encode import CORPUS, column, made
from tokenizer.decode import TokenDecoder
from tokenizer.encode import Encoder
from tokenizer.vocabulary import ONE_SPACE

LOSSLESS = ["gpt2", "cl100k", "o200k", "qwen2", "code", "digits alone", "characters, cut", "baichuan", "llama", "gemma", "metaspace, whole"]


@pytest.fixture(scope="module", params=LOSSLESS)
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return Encoder(made(request.param, tmp_path_factory.mktemp("tokenizer")))


def kept(encoder: Encoder, text: str) -> str:
    """What of a text its tokens can hold: metaspace reads U+2581 as a space, and one kind of it a first space as none."""
    if encoder.vocabulary.metaspace:
        text = text.replace("▁", " ")
    return text[1:] if encoder.vocabulary.first_space == ONE_SPACE and text.startswith(" ") else text


@given(st.lists(st.text(), max_size=5), st.integers(0, 5))
def test_any_text_comes_back_whole(encoder: Encoder, texts: list[str], cut: int) -> None:
    decoder, tokens = TokenDecoder(encoder), encoder(column(texts))
    expected = [kept(encoder, text) for text in texts]
    assert decoder.to_text(tokens).to_pylist() == expected
    assert decoder.to_bytes(tokens[cut:]).to_pylist() == [text.encode() for text in expected[cut:]]


def test_ordinary_and_awkward_text_comes_back_whole(encoder: Encoder) -> None:
    texts = [*CORPUS, *random_texts(5_000, seed=6), "2023年GPT-4 花费1.88亿元😀\U0002a6d6"]
    found = TokenDecoder(encoder).to_text(encoder(column(texts)))
    assert found.type == pa.large_string()
    assert found.to_pylist() == [kept(encoder, text) for text in texts]


def test_bytes_that_are_no_text_are_kept_as_bytes_and_marked_in_text(tmp_path: Path) -> None:
    encoder = Encoder(made("characters, cut", tmp_path))
    first, *_ = encoder(column(["\U00020001"])).to_pylist()[0]
    tokens = pa.array([[first], None], pa.large_list(pa.uint16()))
    assert TokenDecoder(encoder).to_bytes(tokens).to_pylist() == [b"\xf0", b""]
    assert TokenDecoder(encoder).to_text(tokens).to_pylist() == ["\ufffd", ""]


def test_tokens_of_another_tokenizer_are_refused(tmp_path: Path) -> None:
    decoder = TokenDecoder(Encoder(made("gpt2", tmp_path)))
    with pytest.raises(TokenizerError, match=r"CM-TOKENIZER-002: .*60000"):
        decoder.to_bytes(pa.array([[60_000]], pa.large_list(pa.uint16())))
