"""The evaluation counts what tokenizers make of text, by language and source, and how vocabularies are used."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from pipelines.encode.evaluate import BARELY, evaluate_tokenizers
from pipelines.report.tokenizers import tables
from schemas.recipe import Tokenizer
from tokenizer import bpe

ENGLISH = "the quick brown fox jumps over the lazy dog " * 20
CHINESE = "大模型需要干净的语料，语料需要去重。" * 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizers")
    for name, text, vocab_size in (("english", ENGLISH, 300), ("chinese", CHINESE, 282)):
        config = Tokenizer(vocab_size=vocab_size, pattern="llama", character_coverage=1.0)
        bpe.save_tokenizer(bpe.train_from_columns([pa.array([text], pa.large_string())], config), folder / name)
    return folder


def batch(rows: list[tuple[str, str | None, str]]) -> pa.RecordBatch:
    columns = [pa.array(column, pa.large_string()) for column in zip(*rows, strict=True)]
    return pa.RecordBatch.from_arrays(columns, ["source", "lang", "text"])


def test_text_is_counted_by_language_and_source_for_each_tokenizer(folder: Path) -> None:
    batches = [batch([("a", "en", "the fox"), ("b", "zh", "语料")]), batch([("a", None, "")])]
    english, chinese = evaluate_tokenizers({"e": folder / "english", "c": folder / "chinese"}, batches)
    assert english["name"] == "e"
    assert english["total"] == {"n_documents": 3, "n_bytes": 13, "n_chars": 9, "n_words": 3, "n_tokens": english["total"]["n_tokens"]}
    assert [(row["name"], row["n_bytes"]) for row in english["languages"]] == [("en", 7), ("zh", 6), (None, 0)]
    assert [(row["name"], row["n_documents"]) for row in english["sources"]] == [("a", 2), ("b", 1)]
    tokens = {report["name"]: row["n_tokens"] for report in (english, chinese) for row in report["languages"] if row["name"] == "zh"}
    assert tokens == {"e": 6, "c": 1}  # bytes of characters that it does not know; one token
    assert (english["single_byte_ratio"] or 0) > (chinese["single_byte_ratio"] or 0) * 0.5
    assert chinese["digits"] == "each digit alone"
    assert len(tables([english, chinese])) == 3


def test_unused_tokens_are_counted_and_longest_ones_named(folder: Path) -> None:
    (report,) = evaluate_tokenizers({"c": folder / "chinese"}, [batch([("a", "zh", CHINESE)])])
    assert report["n_unused"] >= 256  # every byte token
    assert report["longest"][0] in CHINESE
    assert len(report["longest"][0]) >= 2
    assert report["total"]["n_tokens"] < len(CHINESE)


def test_no_text_gives_no_ratios(folder: Path) -> None:
    (report,) = evaluate_tokenizers({"c": folder / "chinese"}, [])
    assert report["total"]["n_tokens"] == 0
    assert report["single_byte_ratio"] is None


def test_batches_without_a_document_change_nothing(folder: Path) -> None:
    some, none = batch([("a", "en", "the fox"), ("a", None, "fox")]), batch([("a", "en", "")]).slice(0, 0)
    (expected,) = evaluate_tokenizers({"e": folder / "english"}, [some])
    assert evaluate_tokenizers({"e": folder / "english"}, [none, some, none]) == [expected]
    assert expected["total"]["n_documents"] == 2
    assert evaluate_tokenizers({"e": folder / "english"}, [none]) == evaluate_tokenizers({"e": folder / "english"}, [])


def test_tokens_that_are_never_or_barely_used_are_counted_without_special_ones(folder: Path) -> None:
    """Capitals are no part of any merge: one is used as often as is not barely, another once less."""
    (report,) = evaluate_tokenizers({"e": folder / "english"}, [batch([("a", "en", "Q" * BARELY + "Z" * (BARELY - 1))])])
    n_special = len(Tokenizer().special_tokens)
    assert (report["n_unused"], report["n_barely_used"]) == (report["vocab_size"] - n_special - 2, 1)
    assert report["single_byte_ratio"] == 1.0


def test_how_numbers_are_cut_is_seen_on_numbers(tmp_path: Path) -> None:
    config = Tokenizer(vocab_size=258, pattern="gpt2", special_tokens=("<s>",))
    bpe.save_tokenizer(bpe.train_from_columns([pa.array(["77,77"] * 20, pa.large_string())], config), tmp_path / "tokenizer.json")
    (report,) = evaluate_tokenizers({"pairs": tmp_path / "tokenizer.json"}, [])
    assert report["digits"] == "up to 2 digits in a token"
