"""Byte-level BPE with the `tokenizers` library: train on texts, load from a file, encode whole Arrow columns.

Text is never read as a special token: a document that spells out "<|endoftext|>" is encoded as those characters.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
from tokenizers import Regex, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as HuggingFaceTokenizer

from schemas.errors import TokenizerError
from schemas.files import whole_file
from schemas.recipe import Tokenizer as TokenizerConfig

PATTERNS: Final = {
    # GPT-2's encoder.py.
    "gpt2": r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
    # tiktoken's cl100k_base; digits in groups of at most three.
    "cl100k": r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+",
}
BYTE_ALPHABET: Final = 256


def train(texts: Iterator[str], config: TokenizerConfig) -> HuggingFaceTokenizer:
    """A byte-level BPE tokenizer of exactly config.vocab_size tokens; special tokens come first, then the 256 bytes.

    Raises TokenizerError where the texts are too few to fill the vocabulary.
    """
    tokenizer = HuggingFaceTokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(PATTERNS[config.pattern]), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=config.vocab_size,
        min_frequency=config.min_frequency,
        special_tokens=list(config.special_tokens),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    size = tokenizer.get_vocab_size()
    if size < config.vocab_size:
        raise TokenizerError(
            f"tokenizer.vocab_size = {config.vocab_size}: the sample fills only {size} tokens "
            f"(pairs seen at least {config.min_frequency} times); set it to {size} or less, or give more text"
        )
    return tokenizer


def save(tokenizer: HuggingFaceTokenizer, path: Path) -> None:
    """Write tokenizer.json, whole or not at all."""
    with whole_file(path) as temporary:
        tokenizer.save(str(temporary))


def load(path: Path) -> HuggingFaceTokenizer:
    """The tokenizer in a tokenizer.json; TokenizerError names the file where it is none."""
    if not path.is_file():
        raise TokenizerError(
            f"tokenizer file {path} does not exist; give the path of a tokenizer.json, or leave tokenizer.path out to train one"
        )
    try:
        return HuggingFaceTokenizer.from_buffer(path.read_bytes())
    except Exception as error:  # the library raises bare Exception, for a bad file only
        raise TokenizerError(f"{path} is not a tokenizer.json that the `tokenizers` library reads: {error}") from error


class Encoder:
    """Text columns -> token columns, with one loaded tokenizer."""

    def __init__(self, path: Path) -> None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # workers are the parallelism
        self.tokenizer = load(path)
        self.tokenizer.encode_special_tokens = True
        self.vocab_size: int = self.tokenizer.get_vocab_size()
        self.id_type = pa.uint16() if self.vocab_size <= 1 << 16 else pa.uint32()

    def __call__(self, text: pa.Array) -> pa.Array:
        """large_list<uint16 or uint32>, row-aligned with the large_string column."""
        ids = [encoding.ids for encoding in self.tokenizer.encode_batch_fast(text.to_pylist(), add_special_tokens=False)]
        offsets = np.zeros(len(ids) + 1, np.int64)
        np.cumsum([len(row) for row in ids], out=offsets[1:])
        flat = np.fromiter((i for row in ids for i in row), self.id_type.to_pandas_dtype(), offsets[-1])
        item = pa.field("item", self.id_type, nullable=False)
        return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(flat), type=pa.large_list(item))
