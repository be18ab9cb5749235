"""The shards of a run, opened and fully checked against their index before training.

A file that differs from index.json raises OutputError with its name. The check also collects the token counts of the train split,
for the unigram baseline, and counts runs of equal sources, which show whether the split was shuffled.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal, NoReturn

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import OutputError, RecipeError
from schemas.files import sha256_of
from schemas.hops import tokens_schema

SHARDS_FORMAT: Final = "corpusmill-shards/1"
INDEX_FILE: Final = "shards/index.json"
LEAST_VARIANCE: Final = 100.0
"""Below this variance the number of runs is too far from a normal distribution for its standard score to mean anything."""

Split = Literal["train", "valid"]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """A shard as listed in the index; `path` is relative to the index."""

    path: str
    split: Split
    n_documents: int
    n_tokens: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerEntry:
    """The tokenizer that made the shards; `path` is relative to the run folder."""

    path: str
    sha256: str
    vocab_size: int
    end_of_text: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """Documents and tokens of one source."""

    n_documents: int
    n_tokens: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """shards/index.json."""

    format: str
    tokenizer: TokenizerEntry
    shards: tuple[Shard, ...]
    sources: dict[str, Total]

    @property
    def end_of_text(self) -> int:
        """The token that separates documents."""
        if self.tokenizer.end_of_text is None:
            raise RecipeError(
                "CM-PRETRAIN-005", "tokenizer.special_tokens: the tokenizer does not have the first one, which separates documents"
            )
        return self.tokenizer.end_of_text


class Census:
    """The content of the shards, counted batch by batch in order."""

    def __init__(self, vocab_size: int) -> None:
        self.token_counts: Ints = np.zeros(vocab_size, np.int64)
        """How often each token occurs in the train split."""
        self.by_source = {"n_documents": Counter[str](), "n_tokens": Counter[str]()}
        self.train_documents = Counter[str]()
        self.n_runs = 0
        self._last: str | None = None

    def add(self, batch: pa.RecordBatch, split: Split) -> None:
        """Count one batch of a shard."""
        for row in pa.Table.from_batches([batch]).group_by("source").aggregate([("n_tokens", "sum"), ("n_tokens", "count")]).to_pylist():
            self.by_source["n_documents"][row["source"]] += row["n_tokens_count"]
            self.by_source["n_tokens"][row["source"]] += row["n_tokens_sum"]
            if split == "train":
                self.train_documents[row["source"]] += row["n_tokens_count"]
        if split == "train" and batch.num_rows:
            self.token_counts += np.bincount(batch.column("tokens").flatten().to_numpy(), minlength=len(self.token_counts))
            source = batch.column("source")
            self.n_runs += (source[0].as_py() != self._last) + (pc.sum(pc.not_equal(source[1:], source[:-1])).as_py() or 0)
            self._last = source[-1].as_py()

    def shuffle_z(self) -> float | None:
        """Standard score of the number of runs of equal sources in the train split (Barton and David 1957, any number of kinds).

        Far below 0, documents of one source are next to each other: the split is not shuffled. None if there are too few runs to judge.
        """
        counts = self.train_documents.values()
        n, squares, cubes = sum(counts), sum(c**2 for c in counts), sum(c**3 for c in counts)
        if n < 2:
            return None
        mean = (n * (n + 1) - squares) / n
        variance = (squares * (squares + n * (n + 1)) - 2 * n * cubes - n**3) / (n**2 * (n - 1))
        return (self.n_runs - mean) / math.sqrt(variance) if variance >= LEAST_VARIANCE else None


@dataclass(slots=True)
class OpenedShards:
    """The checked shards of a run, memory-mapped."""

    index: Index
    census: Census
    batches: dict[Split, list[pa.RecordBatch]] = field(default_factory=lambda: {"train": [], "valid": []})


def read_index(folder: Path) -> Index:
    """The index of the run's shards."""
    path = folder / INDEX_FILE
    if not path.is_file():
        raise OutputError("CM-PRETRAIN-006", f"{path} does not exist: {folder} has no shards; run a recipe with --out {folder} first")
    try:
        index = msgspec.json.decode(path.read_bytes(), type=Index)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        _damaged(path, str(error))
    if index.format != SHARDS_FORMAT:
        _damaged(path, f"its format is {index.format!r}, not {SHARDS_FORMAT!r}")
    return index


def open_shards(folder: Path) -> OpenedShards:
    """Map every shard and compare it with the index: digest, columns, numbers, token ids, and sums by source."""
    index = read_index(folder)
    _check_digest(folder / index.tokenizer.path, index.tokenizer.sha256)
    opened = OpenedShards(index, Census(index.tokenizer.vocab_size))
    for shard in index.shards:
        path = (folder / INDEX_FILE).with_name(shard.path)
        _check_digest(path, shard.sha256)
        reader = pa.ipc.open_file(pa.memory_map(str(path)))
        batches = [reader.get_batch(i) for i in range(reader.num_record_batches)]
        _check_shard(path, shard, index, reader.schema, batches)
        for batch in batches:
            opened.census.add(batch, shard.split)
        opened.batches[shard.split] += batches
    found = {
        source: Total(**{name: counter[source] for name, counter in opened.census.by_source.items()})
        for source in opened.census.by_source["n_documents"]
    }
    if found != index.sources:
        _damaged(folder / INDEX_FILE, "its sums by source differ from those of the shards")
    return opened


def _check_shard(path: Path, shard: Shard, index: Index, schema: pa.Schema, batches: list[pa.RecordBatch]) -> None:
    if not schema.equals(tokens_schema(index.tokenizer.vocab_size)):
        _damaged(path, f"its columns are not those of a token shard of {index.tokenizer.vocab_size} token ids")
    if (schema.metadata or {}).get(b"tokenizer") != index.tokenizer.sha256.encode():
        _damaged(path, f"it was not made by {index.tokenizer.path}")
    found = {"n_documents": sum(batch.num_rows for batch in batches), "n_tokens": 0}
    for batch in batches:
        tokens = batch.column("tokens")
        if not pc.list_value_length(tokens).cast(pa.uint32()).equals(batch.column("n_tokens")):
            _damaged(path, "n_tokens is not the number of tokens in every row")
        ids = tokens.flatten()
        found["n_tokens"] += len(ids)
        highest = pc.max(ids).as_py() or 0
        if highest >= index.tokenizer.vocab_size:
            _damaged(path, f"token id {highest} is outside the vocabulary of {index.tokenizer.vocab_size}")
        if pc.any(pc.equal(ids, index.end_of_text)).as_py():
            _damaged(path, f"a document contains the end-of-text token {index.end_of_text}")
    for name, number in found.items():
        if number != getattr(shard, name):
            _damaged(path, f"{name} is {number}, not {getattr(shard, name)} as index.json says")


def _check_digest(path: Path, sha256: str) -> None:
    if not path.is_file():
        _damaged(path, "it is missing")
    if (found := sha256_of(path)) != sha256:
        _damaged(path, f"its sha256 is {found[:12]}..., not {sha256[:12]}... as index.json says")


def _damaged(path: Path, what: str) -> NoReturn:
    raise OutputError("CM-PRETRAIN-007", f"{path} is damaged: {what}; run the recipe again with --resume, which rewrites damaged files")
