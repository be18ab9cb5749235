"""Byte-level BPE with the `tokenizers` library: train on texts, load from a file, encode whole Arrow columns.

Text is never read as a special token: a document that spells out "<|endoftext|>" is encoded as those characters.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from tokenizers import Regex, decoders, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as HuggingFaceTokenizer

from schemas.errors import TokenizerError
from schemas.recipe import Tokenizer as TokenizerConfig
from tokenizer.encode import Encoder
from tokenizer.files import load, save
from tokenizer.patterns import PATTERNS

__all__ = ["PATTERNS", "Encoder", "load", "save", "train"]

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
