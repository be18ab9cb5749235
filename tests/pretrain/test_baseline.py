"""Bytes per token from the vocabulary alone, and the loss of a model that knows frequencies only."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Tokenizer, decoders, models

from pipelines.pretrain.baseline import Baseline, bits_per_byte, token_bytes, unigram_nats
from pipelines.pretrain.data import hold_out
from pipelines.pretrain.shards import open_shards
from tests.pretrain.corpus import write_corpus, write_tokenizer
from tokenizer.bpe import Encoder


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    write_tokenizer(path, vocab_size=290)
    return path


@given(st.text())
def test_bytes_of_tokens_add_up_to_those_of_the_text(path: Path, text: str) -> None:
    sizes = token_bytes(path)
    assert sizes is not None
    (ids,) = Encoder(path)(pa.array([text], pa.large_string())).to_pylist()
    assert sizes[ids].sum() == len(text.encode())


def test_special_tokens_stand_for_no_bytes_and_added_words_for_their_own(path: Path, tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.add_tokens([AddedToken("语料", special=False)])
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    sizes = token_bytes(tmp_path / "tokenizer.json")
    assert sizes is not None
    assert sizes[[0, 290]].tolist() == [0, 6]
    assert sizes[1:257].tolist() == [1] * 256


def test_a_tokenizer_that_is_not_byte_level_has_no_known_bytes(tmp_path: Path) -> None:
    tokenizer = Tokenizer(models.WordLevel({"语": 0}, "语"))
    tokenizer.save(str(tmp_path / "a.json"))
    assert token_bytes(tmp_path / "a.json") is None
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(tmp_path / "b.json"))
    assert token_bytes(tmp_path / "b.json") is None


def test_unigram_nats_are_those_of_smoothed_shares() -> None:
    nats = unigram_nats(np.array([3, 0, 1], np.int64))
    assert np.exp(-nats) == pytest.approx([4 / 7, 1 / 7, 2 / 7])


def test_bits_per_byte_by_hand() -> None:
    assert bits_per_byte(8 * math.log(2), 4) == pytest.approx(2.0)
    assert bits_per_byte(1.0, None) is None


def test_losses_by_hand(tmp_path: Path) -> None:
    folder = write_corpus(tmp_path, [("train", [("web", [1, 1, 2]), ("web", [1])]), ("valid", [("web", [1, 2]), ("code", [2, 2])])])
    opened = open_shards(folder)
    held_out = hold_out(opened.batches["valid"], end_of_text=0, seq_len=3, most_tokens=100)
    baseline = Baseline.of(opened, token_bytes(folder / "tokenizer" / "tokenizer.json"), held_out)
    # Train holds token 1 three times, token 2 once and two ends; 257 more for smoothing.
    web, code = math.log(263 / 4) + math.log(263 / 2), 2 * math.log(263 / 2)
    assert baseline.uniform_loss == math.log(257)
    spent = {"web": 3.0, "code": 1.0}
    assert baseline.losses(spent) == pytest.approx(
        {
            "n_tokens": 4,
            "n_bytes": 4,
            "loss": 1.0,
            "bits_per_byte": 1 / math.log(2),
            "unigram_loss": (web + code) / 4,
            "unigram_bits_per_byte": (web + code) / 4 / math.log(2),
        }
    )
    assert baseline.losses(spent, ["code"])["loss"] == 0.5
    assert baseline.losses(spent, ["code"])["unigram_loss"] == pytest.approx(code / 2)
