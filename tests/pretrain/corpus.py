"""Run folders with token shards, made by the encode room from lists of token ids."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa

from pipelines.encode.shards import SHARDS_FORMAT, final_names, shard_counts, source_totals, write_shard, write_shard_index
from schemas.files import sha256_of
from schemas.hops import tokens_schema
from schemas.recipe import Tokenizer
from tokenizer import bpe

BYTES = 257
"""The vocabulary of a tokenizer without merges: the end-of-text token 0, then every byte."""

Documents = list[tuple[str, list[int]]]
"""(source, token ids)"""


def write_tokenizer(path: Path, vocab_size: int = BYTES) -> None:
    text = "the quick brown fox jumps over the lazy dog; 大模型需要干净的语料。" * 3
    bpe.save_tokenizer(bpe.train_from_columns([pa.array([text], pa.large_string())], Tokenizer(vocab_size=vocab_size)), path)


def token_rows(documents: Documents, vocab_size: int = BYTES) -> pa.Table:
    """The documents as rows of a shard."""
    schema = tokens_schema(vocab_size)
    columns: dict[str, list[Any]] = {
        "doc_id": [hashlib.blake2b(f"{i}:{ids}".encode(), digest_size=16).digest() for i, (_, ids) in enumerate(documents)],
        "source": [source for source, _ in documents],
        "lang": ["en"] * len(documents),
        "tokens": [ids for _, ids in documents],
        "n_tokens": [len(ids) for _, ids in documents],
    }
    return pa.table(columns, schema=schema)


def token_batch(documents: Documents) -> pa.RecordBatch:
    """The documents as one batch of a shard."""
    return token_rows(documents).combine_chunks().to_batches()[0] if documents else pa.RecordBatch.from_pylist([], tokens_schema(BYTES))


def write_corpus(folder: Path, shards: list[tuple[str, Documents]], **changes: Any) -> Path:
    """A run folder with a tokenizer, one shard per (split, documents) and their index; `changes` falsify the index."""
    tokenizer = folder / "tokenizer" / "tokenizer.json"
    write_tokenizer(tokenizer)
    schema = tokens_schema(BYTES, {"tokenizer": sha256_of(tokenizer), "recipe": "r", "scrub": "s"})
    names = final_names([f"{split}-r{i:06d}-000000.arrow" for i, (split, _) in enumerate(shards)])
    paths, entries = [], []
    for (split, documents), name in zip(shards, names.values(), strict=True):
        path = folder / "shards" / name
        write_shard(token_rows(documents), path, schema)
        n_documents, n_tokens = shard_counts(path)
        numbers = {"n_documents": n_documents, "n_tokens": n_tokens, "n_bytes": path.stat().st_size, "sha256": sha256_of(path)}
        entries.append({"path": name, "split": split, **numbers})
        paths.append(path)
    named = {"path": "tokenizer/tokenizer.json", "sha256": sha256_of(tokenizer), "vocab_size": BYTES, "end_of_text": 0}
    index = {"format": SHARDS_FORMAT, "tokenizer": named, "dtype": "uint16", "shards": entries, "sources": source_totals(paths)}
    write_shard_index(folder / "shards" / "index.json", index | changes)
    return folder
