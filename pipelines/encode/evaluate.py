"""How well tokenizers compress each language and source, and how much of their vocabulary they use.

Modelled on the compression table of Baichuan 2 (arXiv 2309.10305, section 2.2), which compares tokenizers on the same text.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, TypedDict

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from tokenizer.bpe import Encoder

EVALUATED_BYTES: Final = 32_000_000
"""Bytes of text that a tokenizer is evaluated on."""
BARELY: Final = 10
"""A token that occurs less often is barely used."""
N_LONGEST: Final = 12
_SUMS: Final = ("n_documents", "n_bytes", "n_chars", "n_words", "n_tokens")


class TextSizes(TypedDict):
    """Some documents, and the tokens that a tokenizer makes of them."""

    n_documents: int
    n_bytes: int
    n_chars: int
    n_words: int
    """Words are separated by whitespace."""
    n_tokens: int


class GroupSizes(TextSizes):
    """The documents of one language or source."""

    name: str | None
    """None: without a language."""


class TokenizerEvaluation(TypedDict):
    """A tokenizer's report, as run.json states it."""

    name: str
    vocab_size: int
    encoder: str
    """"fast", or "tokenizers" for the library of that name."""
    encoder_reason: str
    """Why the library encodes; empty if it does not."""
    total: TextSizes
    languages: list[GroupSizes]
    """The largest first, like `sources`."""
    sources: list[GroupSizes]
    single_byte_ratio: float | None
    """Share of the text's tokens that are single bytes; None if there is no text."""
    n_unused: int
    """Tokens of the vocabulary, special ones excepted, that the text does not use."""
    n_barely_used: int
    """Tokens that it uses less than BARELY times."""
    longest: list[str]
    digits: str
    """How numbers are split, in words."""


def evaluate_tokenizers(tokenizers: dict[str, Path], batches: Iterable[pa.RecordBatch]) -> list[TokenizerEvaluation]:
    """One report per named tokenizer.json, on documents with the columns source, lang and text; reports show tokens, but no text."""
    encoders = {name: Encoder(path) for name, path in tokenizers.items()}
    used = {name: np.zeros(encoder.vocab_size, np.int64) for name, encoder in encoders.items()}
    rows: dict[str, list[pl.DataFrame]] = {name: [] for name in encoders}
    for batch in batches:
        text = pl.col("text").str
        counted = {"n_bytes": text.len_bytes(), "n_chars": text.len_chars(), "n_words": text.count_matches(r"\S+")}
        sizes = pl.DataFrame(batch.select(["source", "lang", "text"])).select(
            pl.col("source", "lang").cast(pl.String), n_documents=pl.lit(1), **counted
        )
        for name, encoder in encoders.items():
            tokens = encoder(batch.column("text"))
            used[name] += np.bincount(tokens.flatten().to_numpy(), minlength=len(used[name]))
            n_tokens = pl.Series("n_tokens", np.diff(tokens.offsets.to_numpy()))
            counts = sizes.with_columns(n_tokens).with_columns(pl.col(_SUMS).cast(pl.Int64))
            rows[name].append(counts.group_by("source", "lang").agg(pl.col(_SUMS).sum()))
    return [_report(name, encoders[name], used[name], rows[name]) for name in encoders]


def _report(name: str, encoder: Encoder, used: npt.NDArray[np.int64], rows: list[pl.DataFrame]) -> TokenizerEvaluation:
    table = pl.concat(rows) if rows else pl.DataFrame(schema={"source": pl.String, "lang": pl.String, **dict.fromkeys(_SUMS, pl.Int64)})
    names = {index: token for token, index in encoder.tokenizer.get_vocab().items()}
    specials = {index for index, token in encoder.tokenizer.get_added_tokens_decoder().items() if token.special}
    ordinary = [index for index in names if index not in specials]
    seen = used[ordinary]
    n_bytes = encoder.token_bytes()
    n_tokens = int(used.sum())
    longest = sorted(ordinary, key=lambda index: (-int(n_bytes[index]), index))[:N_LONGEST]
    return {
        "name": name,
        "vocab_size": encoder.vocab_size,
        "encoder": encoder.path,
        "encoder_reason": encoder.reason,
        "total": _sizes(table.select(pl.col(_SUMS).sum()).row(0, named=True)),
        "languages": _by(table, "lang"),
        "sources": _by(table, "source"),
        "single_byte_ratio": float(used[n_bytes == 1].sum() / n_tokens) if n_tokens else None,
        "n_unused": int((seen == 0).sum()),
        "n_barely_used": int(((seen > 0) & (seen < BARELY)).sum()),
        "longest": [encoder.tokenizer.decode([index], skip_special_tokens=False) for index in longest],
        "digits": _digits(encoder),
    }


def _by(table: pl.DataFrame, key: str) -> list[GroupSizes]:
    sums = table.group_by(key).agg(pl.col(_SUMS).sum()).sort("n_bytes", key, descending=[True, False])
    return [{"name": row[key], **_sizes(row)} for row in sums.to_dicts()]


def _sizes(row: Mapping[str, int]) -> TextSizes:
    return {
        "n_documents": row["n_documents"],
        "n_bytes": row["n_bytes"],
        "n_chars": row["n_chars"],
        "n_words": row["n_words"],
        "n_tokens": row["n_tokens"],
    }


def _digits(encoder: Encoder) -> str:
    """How numbers are split, found by encoding numbers of every length."""
    numbers = [str(7 * 10**size // 9 + offset) for size in range(2, 12) for offset in (0, 123)]
    lengths: Counter[int] = Counter()
    for row in encoder(pa.array([f"a {number}" for number in numbers], pa.large_string())).to_pylist():
        parts = [encoder.tokenizer.decode([index]) for index in row]
        lengths.update(sum(char.isdigit() for char in part) for part in parts if any(char.isdigit() for char in part))
    most = max(lengths, default=0)
    return "each digit alone" if most == 1 else f"up to {most} digits in a token"
