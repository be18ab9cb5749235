"""WordPiece and Unigram come from the library: special tokens first, Chinese characters alone, and the encoder says who encodes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from schemas.errors import TokenizerError
from schemas.recipe import Tokenizer
from tokenizer import bpe

BERT = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
TEXTS = [
    text * 4
    for text in ("The quick brown fox jumps over the lazy dog. ", "大模型需要干净的语料，语料需要去重。", "Unhappy unlucky undone. ")
]


def trained(tmp_path: Path, config: Tokenizer) -> bpe.Encoder:
    bpe.save_tokenizer(bpe.train_from_columns([pa.array(TEXTS, pa.large_string())], config), tmp_path / "tokenizer.json")
    return bpe.Encoder(tmp_path / "tokenizer.json")


def tokens(encoder: bpe.Encoder, text: str) -> list[str | None]:
    (ids,) = encoder(pa.array([text], pa.large_string())).to_pylist()
    return [encoder.tokenizer.id_to_token(index) for index in ids]


def test_wordpiece_isolates_chinese_characters(tmp_path: Path) -> None:
    encoder = trained(tmp_path, Tokenizer(model="wordpiece", vocab_size=100, special_tokens=BERT, cased=False, min_frequency=1))
    assert [encoder.tokenizer.token_to_id(name) for name in BERT] == [0, 1, 2, 3, 4]
    assert tokens(encoder, "The 语料") == ["the", "语", "料"]
    assert tokens(encoder, "☃") == ["[UNK]"]
    assert (encoder.path, encoder.reason) == ("tokenizers", "the model is WordPiece, not BPE")


def test_unigram_marks_word_beginnings(tmp_path: Path) -> None:
    encoder = trained(tmp_path, Tokenizer(model="unigram", vocab_size=50, special_tokens=("</s>", "<unk>"), normalization="NFKC"))
    assert encoder.tokenizer.token_to_id("</s>") == 0
    found = tokens(encoder, "the fox")
    assert "".join(token or "" for token in found) == "▁the▁fox"
    assert encoder.tokenizer.decode(encoder.tokenizer.encode("the fox").ids) == "the fox"


@pytest.mark.parametrize("model", ["wordpiece", "unigram"])
def test_a_vocabulary_that_the_text_cannot_fill_is_refused(tmp_path: Path, model: str) -> None:
    with pytest.raises(TokenizerError, match="vocab_size = 5000"):
        trained(tmp_path, Tokenizer(model=model, vocab_size=5000, special_tokens=("[UNK]",)))  # type: ignore[arg-type]
