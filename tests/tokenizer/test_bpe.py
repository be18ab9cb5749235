"""A tokenizer that loses nothing, reads no special token out of text, and is the same each time."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import TokenizerError
from schemas.recipe import Tokenizer
from tokenizer import bpe

CORPUS = [
    "the quick brown fox jumps over the lazy dog " * 3,
    "大模型需要干净的语料，语料需要去重。" * 5,
    "def f(x):\n    return x + 1\n" * 5,
    "2023年 1.88亿元 " * 4,
]


def column(texts: list[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


@pytest.fixture(scope="module", params=["gpt2", "cl100k", "llama", "baichuan"])
def path(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    bpe.save_tokenizer(
        bpe.train_from_columns([column(CORPUS)], Tokenizer(vocab_size=310, pattern=request.param, character_coverage=0.9)), path
    )
    return path


@given(st.lists(st.text(), max_size=4))
def test_any_text_round_trips(path: Path, texts: list[str]) -> None:
    encoder = bpe.Encoder(path)
    ids = encoder(pa.array(texts, pa.large_string()))
    assert ids.type == pa.large_list(pa.field("item", pa.uint16(), nullable=False))
    assert [encoder.tokenizer.decode(row, skip_special_tokens=False) for row in ids.to_pylist()] == texts


@given(st.lists(st.sampled_from(["", "fox", "语料 ", "😀\U0002a6d6"]), max_size=6), st.integers(0, 6))
def test_a_batch_cut_anywhere_gives_the_same_rows(path: Path, texts: list[str], cut: int) -> None:
    encoder, column = bpe.Encoder(path), pa.array(texts, pa.large_string())
    assert encoder(column).to_pylist() == encoder(column[:cut]).to_pylist() + encoder(column[cut:]).to_pylist()


def test_a_special_token_spelled_out_in_text_is_text(path: Path) -> None:
    encoder = bpe.Encoder(path)
    end = encoder.tokenizer.token_to_id("<|endoftext|>")
    (ids,) = encoder(pa.array(["a<|endoftext|>b"], pa.large_string())).to_pylist()
    assert end == 0
    assert end not in ids
    assert encoder.tokenizer.decode(ids) == "a<|endoftext|>b"


def test_transformers_loads_it_with_the_same_ids(path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    loaded = transformers.PreTrainedTokenizerFast(tokenizer_file=str(path))
    text = "the fox 大模型 🦊\n\n  x"
    (ids,) = bpe.Encoder(path)(pa.array([text], pa.large_string())).to_pylist()
    assert loaded(text)["input_ids"] == ids
    assert loaded.decode(ids) == text


@pytest.mark.parametrize("pattern", ["gpt2", "llama"])
def test_the_order_of_the_text_does_not_show(pattern: Any, tmp_path: Path) -> None:
    config = Tokenizer(vocab_size=330, pattern=pattern)
    for name, parts in (("one", [CORPUS]), ("two", [CORPUS[2:], CORPUS[:2]])):
        bpe.save_tokenizer(bpe.train_from_columns((column(part) for part in parts), config), tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_a_vocabulary_too_large_for_the_text_says_how_large_it_may_be() -> None:
    with pytest.raises(TokenizerError, match=r"vocab_size = 5000: the sample fills only \d+ tokens"):
        bpe.train_from_columns([column(CORPUS)], Tokenizer(vocab_size=5000))


def test_a_file_that_is_no_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="does not exist"):
        bpe.load_tokenizer(tmp_path / "none.json")
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(TokenizerError, match=r"bad\.json is not a tokenizer\.json"):
        bpe.load_tokenizer(tmp_path / "bad.json")
