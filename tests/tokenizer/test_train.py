"""Training gives the vocabulary and the merges of the `tokenizers` library's trainer, from counts alone."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as HuggingFaceTokenizer

from schemas.errors import TokenizerError
from schemas.recipe import Tokenizer
from tests.tokenizer.random_text import random_texts
from tests.tokenizer.test_encode import CORPUS, DATA, column
from tokenizer.counts import count_pretokens, merge_counts
from tokenizer.encode import Encoder
from tokenizer.files import save
from tokenizer.patterns import PATTERNS, SCANNERS
from tokenizer.train import count_for, extend, train, train_from_counts


def by_the_library(texts: list[str], config: Tokenizer) -> dict[str, Any]:
    tokenizer = HuggingFaceTokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(PATTERNS[config.pattern]), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocab_size,
        min_frequency=config.min_frequency,
        special_tokens=list(config.special_tokens),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
        max_token_length=config.max_token_length,
    )
    tokenizer.train_from_iterator(iter(texts), trainer)
    model: dict[str, Any] = json.loads(tokenizer.to_str())["model"]
    return model


def by_us(texts: list[str], config: Tokenizer) -> dict[str, Any]:
    model: dict[str, Any] = json.loads(train([column(texts)], config).to_str())["model"]
    return model


def as_dict(counts: pa.RecordBatch) -> dict[bytes, int]:
    return dict(zip(counts.column("pretoken").to_pylist(), counts.column("count").to_pylist(), strict=True))


@pytest.mark.parametrize("pattern", [name for name in PATTERNS if name != "llama"])
@pytest.mark.parametrize("limits", [{}, {"max_token_length": 6}, {"min_frequency": 5, "vocab_size": 600}])
def test_merges_are_those_of_the_library(pattern: Any, limits: dict[str, int]) -> None:
    config = Tokenizer(**{"vocab_size": 900, "pattern": pattern, **limits})
    assert by_us(CORPUS, config) == by_the_library(CORPUS, config)


@given(st.lists(st.text("aab ", max_size=30), min_size=20, max_size=40))
def test_ties_and_repeated_letters_fall_as_in_the_library(texts: list[str]) -> None:
    size = 258 + len(by_the_library(texts, Tokenizer(vocab_size=400, pattern="gpt2", min_frequency=1))["merges"])
    config = Tokenizer(vocab_size=size - 1, pattern="gpt2", min_frequency=1)
    theirs = by_the_library(texts, config)
    if len(theirs["vocab"]) == config.vocab_size:
        assert by_us(texts, config) == theirs


def test_real_text_of_many_languages_trains_alike() -> None:
    zstandard = pytest.importorskip("zstandard")
    files = [DATA / "prose" / f"{name}.jsonl.zst" for name in ("en", "zh", "ja", "ko", "de", "hi")] + [DATA / "code" / "code.jsonl.zst"]
    if not files[0].exists():
        pytest.skip("the language samples are not here")
    texts = []
    for file in files:
        with zstandard.open(file, "rt", encoding="utf-8") as lines:
            texts += [json.loads(line)["text"] for _, line in zip(range(150), lines, strict=False)]
    config = Tokenizer(vocab_size=8000)
    assert by_us(texts, config) == by_the_library(texts, config)


@given(st.lists(st.text(), max_size=6), st.integers(0, 6))
def test_counts_of_parts_add_up_to_those_of_the_whole(texts: list[str], cut: int) -> None:
    scanner, whole = SCANNERS["cl100k"], column(texts)
    parts = [count_pretokens(part, scanner) for part in (whole[:cut], whole[cut:])]
    splitter = pre_tokenizers.Split(Regex(PATTERNS["cl100k"]), "isolated")
    expected = Counter(piece.encode() for text in texts for piece, _ in splitter.pre_tokenize_str(text))
    assert as_dict(count_pretokens(whole, scanner)) == as_dict(merge_counts(parts)) == expected
    assert merge_counts(parts).equals(merge_counts(parts[::-1]))


def test_counting_many_words_grows_its_tables() -> None:
    texts = list(random_texts(30_000, seed=5))
    splitter = pre_tokenizers.Split(Regex(PATTERNS["gpt2"]), "isolated")
    expected = Counter(piece.encode() for text in texts for piece, _ in splitter.pre_tokenize_str(text))
    assert as_dict(count_pretokens(column(texts), SCANNERS["gpt2"])) == expected


def test_a_word_of_any_length_is_counted_whole() -> None:
    text = "语" * 100_000
    assert as_dict(count_pretokens(column([text, "语", text]), SCANNERS["gpt2"])) == {text.encode(): 2, "语".encode(): 1}


def test_characters_have_tokens_up_to_the_coverage_and_bytes_beyond(tmp_path: Path) -> None:
    config = Tokenizer(vocab_size=400, pattern="llama", character_coverage=0.9)
    save(train([column(CORPUS[:5])], config), tmp_path / "llama.json")
    encoder = Encoder(tmp_path / "llama.json")
    assert encoder.path == "fast"
    text = "2023年GPT-4 花费1.88亿元😀\U0002a6d6"
    (ids,) = encoder(column([text])).to_pylist()
    tokens = [encoder.tokenizer.id_to_token(i) for i in ids]
    assert None not in tokens
    assert [token for token in tokens if token and token[0].isdigit()] == list("20234188")
    assert "<0xF0>" in tokens
    assert encoder.tokenizer.decode(ids) == text


@given(st.text())
def test_a_vocabulary_of_characters_loses_nothing(text: str) -> None:
    tokenizer = train_from_counts(LLAMA_COUNTS, Tokenizer(vocab_size=420, pattern="llama", character_coverage=0.9))
    assert tokenizer.decode(tokenizer.encode(text).ids) == text


LLAMA_COUNTS = count_pretokens(column(CORPUS[:5]), SCANNERS["llama"])


def test_the_vocabulary_is_padded_with_more_merges() -> None:
    assert train([column(CORPUS)], Tokenizer(vocab_size=500, pad_to_multiple=64)).get_vocab_size() == 512


def test_normalized_text_is_what_is_learned() -> None:
    texts = ["cafe\u0301 " * 20, "plain text for the rest " * 5]
    tokenizer = train([column(texts)], Tokenizer(vocab_size=262, normalization="NFC", min_frequency=1))
    assert "Ã©" in tokenizer.get_vocab()
    assert tokenizer.encode("cafe\u0301").ids == tokenizer.encode("café").ids


def test_an_extended_vocabulary_keeps_every_old_id(tmp_path: Path) -> None:
    config = Tokenizer(vocab_size=320, pattern="gpt2")
    save(train([column(CORPUS[:1] + CORPUS[2:3])], config), tmp_path / "old.json")
    old = Encoder(tmp_path / "old.json").tokenizer
    counts = count_for(tmp_path / "old.json", [column(CORPUS[1:2] + CORPUS[4:5])])
    save(extend(tmp_path / "old.json", counts, Tokenizer(vocab_size=350, pattern="gpt2")), tmp_path / "new.json")
    new = Encoder(tmp_path / "new.json")
    assert new.path == "fast"
    assert new.vocab_size == 350
    assert old.get_vocab().items() <= new.tokenizer.get_vocab().items()
    english, chinese = new(column([CORPUS[0], CORPUS[1]])).to_pylist()
    assert english == old.encode(CORPUS[0]).ids
    assert len(chinese) < len(old.encode(CORPUS[1]).ids)
    assert new.tokenizer.decode(chinese) == CORPUS[1]


def test_a_vocabulary_too_small_for_its_characters_says_what_it_needs() -> None:
    with pytest.raises(TokenizerError, match=r"vocab_size = 300: .* characters that cover 1\.0 of the text need \d+"):
        train([column(CORPUS)], Tokenizer(vocab_size=300, pattern="llama", character_coverage=1.0))
