"""Baselines of a loss: the bytes of the text, and a unigram model, which knows only token frequencies."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypedDict

import numpy as np
import numpy.typing as npt
from tokenizers import Tokenizer, decoders, pre_tokenizers

from pipelines.pretrain.data import HeldOut
from pipelines.pretrain.shards import OpenedShards

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

BITS_PER_NAT: Final = 1 / math.log(2)


class Losses(TypedDict):
    """A model's loss on some text, and the unigram model's."""

    n_tokens: int
    n_bytes: int | None
    loss: float
    """Nats per token."""
    bits_per_byte: float | None
    unigram_loss: float
    unigram_bits_per_byte: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """By source, the size of the held-out text and the loss of a unigram model on it."""

    n_tokens: dict[str, int]
    n_bytes: dict[str, int] | None
    """None if the tokenizer is not byte-level."""
    unigram_nats: dict[str, float]
    uniform_loss: float
    """ln of the vocabulary size: nats per token of a model that predicts all tokens equally."""

    @classmethod
    def of(cls, opened: OpenedShards, sizes: Ints | None, held_out: dict[str, HeldOut]) -> Baseline:
        """The baseline of held-out text; the unigram model is counted on the train split, ends of documents included."""
        counts = opened.census.token_counts.copy()
        counts[opened.index.end_of_text] += opened.census.train_documents.total()
        nats = unigram_nats(counts)
        tokens = {source: held.tokens() for source, held in held_out.items()}
        return cls(
            n_tokens={source: len(ids) for source, ids in tokens.items()},
            n_bytes=None if sizes is None else {source: int(sizes[ids].sum()) for source, ids in tokens.items()},
            unigram_nats={source: float(nats[ids].sum()) for source, ids in tokens.items()},
            uniform_loss=math.log(opened.index.tokenizer.vocab_size),
        )

    def losses(self, nats: dict[str, float], sources: list[str] | None = None) -> Losses:
        """Nats per token and bits per byte over the named sources (default: all), with those of the unigram model."""
        names = list(nats) if sources is None else sources
        n_tokens = sum(self.n_tokens[name] for name in names)
        n_bytes = None if self.n_bytes is None else sum(self.n_bytes[name] for name in names)
        spent, unigram = (math.fsum(of[name] for name in names) for of in (nats, self.unigram_nats))
        return {
            "n_tokens": n_tokens,
            "n_bytes": n_bytes,
            "loss": spent / n_tokens,
            "bits_per_byte": bits_per_byte(spent, n_bytes),
            "unigram_loss": unigram / n_tokens,
            "unigram_bits_per_byte": bits_per_byte(unigram, n_bytes),
        }


def token_bytes(path: Path) -> Ints | None:
    """int64 per token id: the bytes of text that it represents, 0 for special tokens; None if the tokenizer is not byte-level.

    A byte-level vocabulary spells every byte as one character of a fixed alphabet of 256.
    """
    tokenizer = Tokenizer.from_file(str(path))
    if not isinstance(tokenizer.decoder, decoders.ByteLevel):
        return None
    alphabet = set(pre_tokenizers.ByteLevel.alphabet())
    added = tokenizer.get_added_tokens_decoder()
    vocabulary = tokenizer.get_vocab(with_added_tokens=True)
    sizes = np.zeros(max(vocabulary.values()) + 1, np.int64)
    for token, token_id in vocabulary.items():
        if token_id in added:
            sizes[token_id] = 0 if added[token_id].special else len(token.encode())
        elif not alphabet.issuperset(token):
            return None
        else:
            sizes[token_id] = len(token)
    return sizes


def text_digest(held_out: dict[str, HeldOut], path: Path) -> str:
    """sha256 of the decoded held-out text by source; bits per byte are comparable between runs with the same digest."""
    tokenizer = Tokenizer.from_file(str(path))
    text = {source: tokenizer.decode(held.tokens().tolist(), skip_special_tokens=False) for source, held in held_out.items()}
    return hashlib.sha256(json.dumps(text, sort_keys=True).encode()).hexdigest()


def unigram_nats(token_counts: Ints) -> Floats:
    """float64 per token id: -ln of its share among all tokens, with add-one smoothing."""
    counts = token_counts + 1.0
    return np.asarray(np.log(counts.sum()) - np.log(counts))


def bits_per_byte(nats: float, n_bytes: int | None) -> float | None:
    """Bits per byte of text; None if the number of bytes is unknown."""
    return nats * BITS_PER_NAT / n_bytes if n_bytes else None
