"""The compiled encoder gives the ids of the `tokenizers` library, on any text, for every kind of vocabulary that it takes."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from schemas.errors import TokenizerError
from testkit.random_text import random_texts
from tokenizer.encode import Encoder
from tokenizer.patterns import OF_CHARACTERS, PATTERNS

DATA = Path(__file__).parents[2].parent / "shared" / "data"
CORPUS = [
    "The quick brown fox doesn't jump over the lazy dog's HTTPServer, they've said. " * 3,
    "大模型需要干净的语料，语料需要去重。中文的语料在网上。" * 5,
    "def f(x):\n    return x + 1\n\n\tif x != 10:\n        pass\n" * 5,
    "2023年 1.88亿元 12345 ½Ⅳ " * 4,
    "한국어 ひらがな カタカナ हिन्दी ไทย 😀👩‍👩‍👧 e\u0301\u0301 naïve Straße İſ " * 4,
    *random_texts(2_000, seed=3),
]


def byte_level(pattern: str) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(PATTERNS[pattern]), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    return tokenizer


def with_digits(alone: bool) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    digits = pre_tokenizers.Digits(individual_digits=alone)
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])
    return tokenizer


def normalized(form: str) -> Tokenizer:
    tokenizer = byte_level("qwen2")
    tokenizer.normalizer = getattr(normalizers, form)()
    return tokenizer


def characters(pre_tokenizer: pre_tokenizers.PreTokenizer | None, normalizer: normalizers.Normalizer | None = None) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    if pre_tokenizer is not None:
        tokenizer.pre_tokenizer = pre_tokenizer
    if normalizer is not None:
        tokenizer.normalizer = normalizer
    return tokenizer


def llama(prepend: bool) -> Tokenizer:
    steps: list[normalizers.Normalizer] = [normalizers.Prepend("▁")] if prepend else []
    return characters(None, normalizers.Sequence([*steps, normalizers.Replace(" ", "▁")]))


MAKERS: dict[str, Callable[[], Tokenizer]] = {
    **{name: partial(byte_level, name) for name in PATTERNS if name not in OF_CHARACTERS},
    "digits alone": lambda: with_digits(alone=True),
    "digits apart": lambda: with_digits(alone=False),
    "NFC": lambda: normalized("NFC"),
    "NFKC": lambda: normalized("NFKC"),
    "characters, cut": lambda: characters(pre_tokenizers.Split(Regex(PATTERNS["llama"]), "isolated")),
    "baichuan": lambda: characters(pre_tokenizers.Split(Regex(PATTERNS["baichuan"]), "isolated")),
    "metaspace, split": lambda: characters(pre_tokenizers.Metaspace()),
    "metaspace, never prepended": lambda: characters(pre_tokenizers.Metaspace(prepend_scheme="never", split=False)),
    "metaspace, whole": lambda: characters(pre_tokenizers.Metaspace(prepend_scheme="first", split=False)),
    "llama": lambda: llama(prepend=True),
    "gemma": lambda: llama(prepend=False),
}


def made(name: str, folder: Path) -> Path:
    tokenizer = MAKERS[name]()
    is_bytes = not tokenizer.model.byte_fallback
    trainer = trainers.BpeTrainer(
        vocab_size=1500,
        special_tokens=["<|endoftext|>"] if is_bytes else ["<unk>", "▁", *(f"<0x{byte:02X}>" for byte in range(256))],
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()) if is_bytes else [],
        limit_alphabet=300 if is_bytes else 150,
        show_progress=False,
    )
    # Without a pre-tokenizer, whole documents would be words.
    corpus = (part for text in CORPUS for part in (text.split("。") if not is_bytes else [text]))
    tokenizer.train_from_iterator(corpus, trainer)
    path = folder / f"{name}.json"
    document = json.loads(tokenizer.to_str())
    if not is_bytes:  # the 256 byte tokens are added tokens only as far as training goes
        document["added_tokens"] = []
    path.write_text(json.dumps(document))
    return path


@pytest.fixture(scope="module", params=MAKERS)
def encoder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    found = Encoder(made(request.param, tmp_path_factory.mktemp("tokenizer")))
    assert (found.path, found.reason) == ("fast", "")
    return found


def column(texts: list[str]) -> pa.Array:
    return pa.array(texts, pa.large_string())


def expected(encoder: Encoder, texts: list[str]) -> list[list[int]]:
    return [encoding.ids for encoding in encoder.tokenizer.encode_batch(texts, add_special_tokens=False)]


@given(st.lists(st.text(), max_size=4))
def test_any_text_gets_the_ids_of_the_library(encoder: Encoder, texts: list[str]) -> None:
    assert encoder(column(texts)).to_pylist() == expected(encoder, texts)


def test_awkward_and_ordinary_text_get_the_ids_of_the_library(encoder: Encoder) -> None:
    texts = [*CORPUS, *random_texts(10_000, seed=4), "", " ", "▁", " ▁a", "▁ a", "<|endoftext|>", "<unk>", "<0x0A>"]
    for text, ours, theirs in zip(texts, encoder(column(texts)).to_pylist(), expected(encoder, texts), strict=True):
        assert ours == theirs, text


@given(st.lists(st.sampled_from(["", "fox", "语料 ", "😀\U0002a6d6", "doesn't"]), max_size=6), st.integers(0, 6))
def test_a_batch_cut_anywhere_gives_the_same_rows(encoder: Encoder, texts: list[str], cut: int) -> None:
    whole = column(texts)
    assert encoder(whole).to_pylist() == encoder(whole[:cut]).to_pylist() + encoder(whole[cut:]).to_pylist()


def test_a_word_without_an_end_costs_no_more_per_byte(encoder: Encoder) -> None:
    text = ("ab" * 40_000 + "语料去重" * 10_000 + "!" * 20_000)[:150_000]
    assert encoder(column([text])).to_pylist() == expected(encoder, [text])


def test_a_null_is_an_empty_text(encoder: Encoder) -> None:
    (first, second) = encoder(pa.array([None, "fox"], pa.large_string())).to_pylist()
    assert first == []
    assert second == expected(encoder, ["fox"])[0]


@pytest.mark.parametrize("name", ["gpt2", "cl100k", "o200k", "llama"])
def test_documents_of_every_language_get_the_ids_of_the_library(name: str, tmp_path: Path) -> None:
    files = [*sorted((DATA / "prose").glob("*.jsonl.zst")), DATA / "code" / "code.jsonl.zst"]
    if not files[0].exists():
        pytest.skip("the language samples are not here")
    encoder = Encoder(made(name, tmp_path))
    for file in files:
        with zstandard.open(file, "rt", encoding="utf-8") as lines:
            texts = [json.loads(line)["text"] for _, line in zip(range(10), lines, strict=False)]
        assert encoder(column(texts)).to_pylist() == expected(encoder, texts), file.name


def test_merges_in_any_consistent_order_are_followed(tmp_path: Path) -> None:
    """Several merges make one token, one token can never appear, one merge has equal sides."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges = [("a", "b"), ("b", "c"), ("a", "a"), ("ab", "c"), ("a", "bc"), ("aa", "aa"), ("aa", "ab"), ("c", "c"), ("abc", "cc")]
    vocab: dict[str, int] = {char: index for index, char in enumerate(alphabet)}
    for left, right in merges:
        vocab.setdefault(left + right, len(vocab))
    vocab["bcc"] = len(vocab)
    for ignore_merges in (False, True):
        tokenizer = byte_level("gpt2")
        tokenizer.model = models.BPE(vocab=vocab, merges=merges, ignore_merges=ignore_merges)
        path = tmp_path / f"{ignore_merges}.json"
        tokenizer.save(str(path))
        encoder = Encoder(path)
        texts = [format(i, "b").replace("1", "a").replace("0", "b") + "c" * (i % 4) for i in range(2, 3000)] + [
            "bcc",
            "abcc bcc",
            "aaaaaaa",
        ]
        assert encoder.path == "fast"
        assert encoder(column(texts)).to_pylist() == expected(encoder, texts)
    assert encoder(column(["bcc"])).to_pylist() == [[vocab["bcc"]]]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda d: d | {"model": d["model"] | {"vocab": d["model"]["vocab"] | {"never": 300}}}, "tokens of the vocabulary share an id"),
        (
            lambda d: d | {"model": d["model"] | {"vocab": d["model"]["vocab"] | {"never": 1 << 22}}},
            "the vocabulary has ids from 2097152 on",
        ),
        (lambda d: d | {"model": d["model"] | {"end_of_word_suffix": "</w>"}}, "end_of_word_suffix = '</w>'"),
        (lambda d: d | {"normalizer": {"type": "Lowercase"}}, "Lowercase are not one Unicode form"),
        (lambda d: d | {"pre_tokenizer": {"type": "Whitespace"}}, "does not end in ByteLevel"),
        (lambda d: d | {"added_tokens": [d["added_tokens"][0] | {"special": False}]}, "added token '<|endoftext|>' "),
        (lambda d: json.loads(json.dumps(d).replace("{1,3}", "{1,4}")), "a pattern that has no scanner"),
        (lambda d: d | {"model": d["model"] | {"merges": d["model"]["merges"][::-1]}}, "ranks before those that make its parts"),
    ],
)
def test_what_is_not_supported_is_named_and_left_to_the_library(change: Any, reason: str, tmp_path: Path) -> None:
    document = json.loads(made("cl100k", tmp_path).read_text())
    path = tmp_path / "changed.json"
    path.write_text(json.dumps(change(document)))
    encoder = Encoder(path)
    assert encoder.path == "tokenizers"
    assert reason in encoder.reason
    texts = ["The fox 12345", "", "语料"]
    assert encoder(column(texts)).to_pylist() == expected(encoder, texts)


def test_truncation_and_padding_asked_for_by_a_file_lose_nothing(tmp_path: Path) -> None:
    tokenizer = Tokenizer.from_file(str(made("gpt2", tmp_path)))
    tokenizer.enable_truncation(2)
    tokenizer.enable_padding(length=64)
    tokenizer.normalizer = normalizers.Lowercase()  # so that the library does the work
    tokenizer.save(str(tmp_path / "short.json"))
    encoder = Encoder(tmp_path / "short.json")
    (ids,) = encoder(column(["the quick brown fox jumps over the lazy dog"])).to_pylist()
    assert encoder.tokenizer.decode(ids) == "the quick brown fox jumps over the lazy dog"


def rewritten(path: Path, change: Callable[[dict[str, Any]], None]) -> Path:
    document = json.loads(path.read_text())
    change(document)
    path.write_text(json.dumps(document))
    return path


def with_holes(document: dict[str, Any]) -> None:
    """Every id above 300 is raised beyond what 16 bits hold."""
    vocab = document["model"]["vocab"]
    vocab |= {token: index + 70_000 for token, index in vocab.items() if index > 300}


@pytest.mark.parametrize("lowercase", [False, True])
def test_ids_above_16_bits_stay_whole_in_a_small_vocabulary_with_holes(lowercase: bool, tmp_path: Path) -> None:
    path = rewritten(made("gpt2", tmp_path), with_holes)
    if lowercase:  # so that the library does the work
        rewritten(path, lambda d: d.update(normalizer={"type": "Lowercase"}))
    encoder = Encoder(path)
    assert encoder.path == ("tokenizers" if lowercase else "fast")
    assert encoder.tokenizer.get_vocab_size() == 1500
    assert encoder.vocab_size == 71_500
    found = encoder(column(CORPUS))
    assert found.type.value_type == pa.uint32()
    assert found.to_pylist() == expected(encoder, CORPUS)
    assert max(found.flatten().to_pylist()) > 1 << 16
    assert len(encoder.token_bytes()) == 71_500


def test_an_id_outside_the_vocabulary_is_an_error_and_never_cut_to_its_width(tmp_path: Path) -> None:
    path = rewritten(made("gpt2", tmp_path), lambda document: document.update(normalizer={"type": "Lowercase"}))
    encoder = Encoder(path)
    assert encoder.path == "tokenizers"
    encoder.vocab_size = 1 + max(encoder(column(["a plain line"])).flatten().to_pylist())
    encoder(column(["a plain line"]))
    encoder.vocab_size -= 1
    with pytest.raises(TokenizerError, match=rf"the token id {encoder.vocab_size} .* {encoder.vocab_size} ids"):
        encoder(column(["a plain line"]))


@pytest.mark.parametrize("name", ["gpt2", "llama", "metaspace, split"])
def test_older_files_without_a_model_type_and_with_merges_as_strings_take_the_fast_path(name: str, tmp_path: Path) -> None:
    def older(document: dict[str, Any]) -> None:
        model = document["model"]
        del model["type"]
        for option in ("dropout", "byte_fallback", "ignore_merges"):
            if not model[option]:
                del model[option]
        if not any(" " in token for merge in model["merges"] for token in merge):
            model["merges"] = ["#version: 0.2", *(" ".join(merge) for merge in model["merges"])]
        if (pre_tokenizer := document["pre_tokenizer"]) and pre_tokenizer["type"] == "Metaspace":
            document["pre_tokenizer"] = {"type": "Metaspace", "replacement": "▁", "add_prefix_space": True}

    encoder = Encoder(rewritten(made(name, tmp_path), older))
    assert (encoder.path, encoder.reason) == ("fast", "")
    texts = [*CORPUS, *random_texts(2_000, seed=5)]
    assert encoder(column(texts)).to_pylist() == expected(encoder, texts)


@pytest.mark.parametrize("name", ["gpt2", "cl100k", "characters, cut", "metaspace, split", "llama"])
@pytest.mark.parametrize(
    "options",
    [
        {"ignore_merges": True},
        {"unk_token": None, "fuse_unk": False},
        {"continuing_subword_prefix": "", "end_of_word_suffix": ""},
        {"dropout": 0.0},
    ],
)
def test_options_of_a_model_give_the_ids_of_the_library(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    def changed(document: dict[str, Any]) -> None:
        document["model"] |= options
        document["truncation"] = {"max_length": 3, "strategy": "LongestFirst", "stride": 0, "direction": "Right"}
        padding = {"direction": "Right", "pad_to_multiple_of": None, "pad_id": 0, "pad_type_id": 0, "pad_token": "<pad>"}
        document["padding"] = {"strategy": {"Fixed": 512}, **padding}

    encoder = Encoder(rewritten(made(name, tmp_path), changed))
    assert (encoder.path, encoder.reason) == ("fast", "")
    texts = [*CORPUS, *random_texts(2_000, seed=6)]
    assert encoder(column(texts)).to_pylist() == expected(encoder, texts)


@pytest.mark.parametrize(
    ("model", "token"), [(models.WordPiece({"a": 0}, unk_token="[UNK]"), "WordPiece"), (models.Unigram([("a", -1.0)]), "unk_id")]
)
def test_a_vocabulary_that_cannot_spell_a_text_is_an_error_that_names_the_file(model: Any, token: str, tmp_path: Path) -> None:
    Tokenizer(model).save(str(tmp_path / "small.json"))
    encoder = Encoder(tmp_path / "small.json")
    with pytest.raises(TokenizerError, match=rf"small\.json: .*{token}"):
        encoder(column(["secret"]))
