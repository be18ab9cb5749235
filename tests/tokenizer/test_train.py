"""Training gives the vocabulary and the merges of the `tokenizers` library's trainer, from counts alone."""

from __future__ import annotations

import json
import random
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as HuggingFaceTokenizer

from schemas.errors import TokenizerError, UnfilledError
from schemas.recipe import Tokenizer
from testkit.random_text import random_texts
from tests.tokenizer.test_encode import CORPUS, DATA, column
from tokenizer.counts import count_pretokens, merge_pretoken_counts
from tokenizer.encode import Encoder
from tokenizer.files import save_tokenizer
from tokenizer.learn import learn_merges
from tokenizer.patterns import OF_CHARACTERS, PATTERNS, SCANNERS
from tokenizer.train import train_from_columns, train_from_counts
from tokenizer.words import byte_words, initial_tokens


def by_the_library(texts: list[str], config: Tokenizer) -> dict[str, Any]:
    tokenizer = HuggingFaceTokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(PATTERNS[config.pattern]), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    trainer = trainers.BpeTrainer(
        vocab_size=config.asked_size,
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
    model: dict[str, Any] = json.loads(train_from_columns([column(texts)], config).to_str())["model"]
    return model


def as_dict(counts: pa.RecordBatch) -> dict[bytes, int]:
    return dict(zip(counts.column("pretoken").to_pylist(), counts.column("count").to_pylist(), strict=True))


@pytest.mark.parametrize("pattern", [name for name in PATTERNS if name not in OF_CHARACTERS])
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
    assert as_dict(count_pretokens(whole, scanner)) == as_dict(merge_pretoken_counts(parts)) == expected
    assert merge_pretoken_counts(parts).equals(merge_pretoken_counts(parts[::-1]))


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
    save_tokenizer(train_from_columns([column(CORPUS[:5])], config), tmp_path / "llama.json")
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
    assert train_from_columns([column(CORPUS)], Tokenizer(vocab_size=500, pad_to_multiple=64)).get_vocab_size() == 512


def test_normalized_text_is_what_is_learned() -> None:
    texts = ["cafe\u0301 " * 20, "plain text for the rest " * 5]
    tokenizer = train_from_columns([column(texts)], Tokenizer(vocab_size=262, normalization="NFC", min_frequency=1))
    assert "Ã©" in tokenizer.get_vocab()
    assert tokenizer.encode("cafe\u0301").ids == tokenizer.encode("café").ids


def test_an_extended_vocabulary_keeps_every_old_id(tmp_path: Path) -> None:
    config = Tokenizer(vocab_size=320, pattern="gpt2")
    save_tokenizer(train_from_columns([column(CORPUS[:1] + CORPUS[2:3])], config), tmp_path / "old.json")
    old = Encoder(tmp_path / "old.json").tokenizer
    grown = Tokenizer(vocab_size=350, extend=str(tmp_path / "old.json"))
    save_tokenizer(train_from_columns([column(CORPUS[1:2] + CORPUS[4:5])], grown), tmp_path / "new.json")
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
        train_from_columns([column(CORPUS)], Tokenizer(vocab_size=300, pattern="llama", character_coverage=1.0))


@given(st.lists(st.text("abc", min_size=3, max_size=20), min_size=10, max_size=40))
def test_following_all_pairs_learns_the_same(texts: list[str]) -> None:
    """As training does again where a merge spells a token that exists."""
    counts = count_pretokens(column(texts), SCANNERS["gpt2"])
    id_of_byte = np.arange(256, dtype=np.int32)
    tokens = initial_tokens([bytes([byte]) for byte in range(256)], [1] * 256)
    for longest in (None, 4):
        every, few = (
            learn_merges(byte_words(counts, id_of_byte, 300), tokens, 300, 1, longest, all_pairs=all_pairs) for all_pairs in (True, False)
        )
        assert every is not None
        if few is None:
            assert len(every.left) > len(every.offsets) - 1 - 256
        else:
            assert [array.tolist() for array in few] == [array.tolist() for array in every]


@given(st.lists(st.text("aab ", max_size=30), min_size=20, max_size=40), st.sampled_from([("ab",), ("aab", "ba"), ("b a", "aa")]))
def test_a_merge_that_spells_a_token_which_exists_is_the_librarys(texts: list[str], specials: tuple[str, ...]) -> None:
    config = Tokenizer(vocab_size=265, pattern="gpt2", min_frequency=1, special_tokens=specials)
    theirs = by_the_library(texts, config)
    if len(theirs["vocab"]) == config.vocab_size:
        assert by_us(texts, config) == theirs


def test_a_text_without_spaces_trains_as_in_the_library() -> None:
    rng = random.Random(3)
    texts = ["".join(rng.choices("abcdefghij", k=20_000)), "".join(rng.choices("的一是不了人我在有他", k=5_000))]
    assert by_us(texts, Tokenizer(vocab_size=700)) == by_the_library(texts, Tokenizer(vocab_size=700))


def test_a_vocabulary_of_characters_is_extended_by_those_that_it_lacks(tmp_path: Path) -> None:
    save_tokenizer(train_from_columns([column(CORPUS[:1])], Tokenizer(vocab_size=320, pattern="llama")), tmp_path / "old.json")
    old = Encoder(tmp_path / "old.json")
    config = Tokenizer(vocab_size=350, extend=str(tmp_path / "old.json"), character_coverage=1.0)
    save_tokenizer(train_from_columns([column(CORPUS[1:2])], config), tmp_path / "new.json")
    new = Encoder(tmp_path / "new.json")
    assert (new.path, new.vocab_size) == ("fast", 350)
    assert old.tokenizer.get_vocab().items() <= new.tokenizer.get_vocab().items()
    assert [new.tokenizer.id_to_token(index) for index in (320, 321)] == sorted(set(CORPUS[1]) - set(CORPUS[0]))[:2]
    before, after = (encoder(column(CORPUS[:2])).to_pylist() for encoder in (old, new))
    assert after[0] == before[0]
    assert len(after[1]) < len(before[1]) / 3
    assert new.tokenizer.decode(after[1]) == CORPUS[1]


def test_a_tokenizer_that_cannot_be_extended_says_why(tmp_path: Path) -> None:
    config = Tokenizer(vocab_size=300, pattern="gpt2")
    save_tokenizer(train_from_columns([column(CORPUS)], config), tmp_path / "old.json")
    with pytest.raises(TokenizerError, match=r"vocab_size = 300: .*old\.json has 300 tokens"):
        train_from_columns([column(CORPUS)], Tokenizer(vocab_size=300, extend=str(tmp_path / "old.json")))
    document = json.loads((tmp_path / "old.json").read_text())
    (tmp_path / "odd.json").write_text(json.dumps(document | {"normalizer": {"type": "Lowercase"}}))
    with pytest.raises(TokenizerError, match=r"odd\.json cannot be extended: the normalizers Lowercase"):
        train_from_columns([column(CORPUS)], Tokenizer(vocab_size=400, extend=str(tmp_path / "odd.json")))


def test_one_document_is_enough() -> None:
    assert train_from_columns([column(["the fox"])], Tokenizer(vocab_size=258, min_frequency=1)).get_vocab_size() == 258


def test_where_no_size_is_asked_for_as_many_tokens_are_learned_as_the_text_fills() -> None:
    texts = ["the dog and the fox " * 5]
    full = train_from_columns([column(texts)], Tokenizer(vocab_size=None))
    n = full.get_vocab_size()
    assert 257 < n < 300
    assert by_us(texts, Tokenizer(vocab_size=n)) == json.loads(full.to_str())["model"]
    with pytest.raises(UnfilledError, match=f"vocab_size = {n + 1}: .* fills only {n} tokens .* set it to {n} or less, leave it out"):
        train_from_columns([column(texts)], Tokenizer(vocab_size=n + 1))
    assert train_from_columns([column([])], Tokenizer()).get_vocab_size() == 257


def test_without_a_size_the_vocabulary_is_a_multiple_that_the_text_fills() -> None:
    texts = ["the dog and the fox " * 5]
    n = train_from_columns([column(texts)], Tokenizer()).get_vocab_size()
    multiple = 8 if n % 8 else 7
    fits = n - n % multiple
    padded = train_from_columns([column(texts)], Tokenizer(pad_to_multiple=multiple))
    assert padded.get_vocab_size() == fits
    assert json.loads(padded.to_str())["model"] == by_us(texts, Tokenizer(vocab_size=fits))
    with pytest.raises(UnfilledError, match=f"set it to {fits} or less"):
        train_from_columns([column(texts)], Tokenizer(vocab_size=n + 1, pad_to_multiple=multiple))


@pytest.mark.parametrize("pattern", ["gpt2", "llama"])
def test_a_text_that_is_repeated_does_not_become_one_token(pattern: Any) -> None:
    generator = random.Random(1)
    word = "".join(generator.choice("abcdefghijklmnop") for _ in range(4_000))
    tokenizer = train_from_columns([column([f"{word} " * 4, "a" * 4_000])], Tokenizer(pattern=pattern))
    assert 100 < max(map(len, tokenizer.get_vocab())) < 256
    with_no_limit = train_from_columns([column([f"{word} " * 4])], Tokenizer(pattern=pattern, max_token_length=None))
    assert max(map(len, with_no_limit.get_vocab())) >= 4_000


def test_the_default_limit_on_length_is_that_of_the_library() -> None:
    generator = random.Random(2)
    texts = [*CORPUS, "".join(generator.choice("abcdefghijklmnop") for _ in range(1_000)) * 3, "=" * 700]
    config = Tokenizer(vocab_size=1_000, pattern="gpt2")
    assert config.max_token_length == 256
    assert by_us(texts, config) == by_the_library(texts, config)
    assert max(map(len, by_us(texts, config)["vocab"])) < 256


@pytest.mark.parametrize("as_strings", [True, False])
def test_an_extended_vocabulary_keeps_the_ids_of_tokens_that_stand_beside_it(as_strings: bool, tmp_path: Path) -> None:
    document = json.loads(train_from_columns([column(CORPUS)], Tokenizer(vocab_size=320, pattern="gpt2")).to_str())
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    document["added_tokens"] += [{"id": 320 + i, "content": f"<|reserved_{i}|>", **flags, "special": True} for i in range(2)]
    if as_strings:
        del document["model"]["type"]
        document["model"]["merges"] = [" ".join(merge) for merge in document["model"]["merges"]]
    path = tmp_path / "old.json"
    path.write_text(json.dumps(document))
    old = Encoder(path)
    save_tokenizer(train_from_columns([column(CORPUS)], Tokenizer(vocab_size=350, extend=str(path))), tmp_path / "new.json")
    new = Encoder(tmp_path / "new.json")
    assert (new.path, new.vocab_size, new.tokenizer.get_vocab_size()) == ("fast", 350, 350)
    assert {token: new.tokenizer.token_to_id(token) for token in old.tokenizer.get_vocab()} == old.tokenizer.get_vocab()
    assert len(new(column(CORPUS)).flatten()) < len(old(column(CORPUS)).flatten())
