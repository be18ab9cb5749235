"""Encoding beside `tokenizers` and `tiktoken`: same vocabulary, same text, as many threads each, and the same ids.

    python -m benchmarks.tokenizer --corpus documents.jsonl.gz [--code code.jsonl.zst] [--pattern cl100k] [--out FILE.json]
    python -m benchmarks.tokenizer --corpus documents.jsonl.gz --identity 1000000

Documents are English or Chinese by the characters they are written in; those of neither kind are only compared. The headline
ratios are the smallest over the kinds, in CPU seconds. tiktoken comes with the extra `bench`.
"""

from __future__ import annotations

import gzip
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path
from typing import IO, Annotated, Any, Final, cast

import pyarrow as pa
import typer
import zstandard
from tokenizers import Encoding
from tokenizers import Tokenizer as HuggingFaceTokenizer

from benchmarks.measure import Cost, finish, measured, print_costs
from schemas.recipe import Tokenizer as TokenizerConfig
from tests.tokenizer.random_text import random_texts
from tokenizer import bpe
from tokenizer.encode import Encoder
from tokenizer.patterns import PATTERNS

BATCH_DOCUMENTS: Final = 1024
ROUNDS: Final = 3
_HAN: Final = re.compile("[㐀-鿿]")
_NOT_ASCII: Final = re.compile("[^\x00-\x7f]")


def main(
    corpus: Annotated[Path, typer.Option(help="JSONL (.gz, .zst) with a column `text`.")],
    code: Annotated[Path | None, typer.Option(help="The same with source code.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the figures to this JSON file.")] = None,
    pattern: Annotated[str, typer.Option(help="How text is cut into pre-tokens.")] = "cl100k",
    vocab_size: Annotated[int, typer.Option(min=300)] = 32_768,
    sample_mb: Annotated[int, typer.Option(help="Text to train on, of each kind.")] = 10,
    most_mb: Annotated[int, typer.Option(help="Text to measure on, of each kind.")] = 20,
    threads: Annotated[int, typer.Option(min=1, help="Of each library; tiktoken has one.")] = 1,
    identity: Annotated[int, typer.Option(help="Only compare: this many random texts per pattern, and all documents.")] = 0,
) -> None:
    """Train a vocabulary on the text, then encode the text with each library."""
    os.environ |= {"TOKENIZERS_PARALLELISM": str(threads > 1).lower(), "RAYON_NUM_THREADS": str(threads)}
    kinds = by_kind(texts_of(corpus))
    if code is not None:
        kinds["code"] = list(texts_of(code))
    with tempfile.TemporaryDirectory(prefix="corpusmill-tokenizer-") as folder:
        path = Path(folder) / "tokenizer.json"
        patterns = list(PATTERNS) if identity else [pattern]
        costs: list[Cost] = []
        ratios: dict[str, float] = {}
        for name in patterns:
            train_on(kinds, name, vocab_size, sample_mb, path)
            encoder = Encoder(path)
            if encoder.path != "fast":
                raise SystemExit(f"{name}: encoded by the library, since {encoder.reason}")
            if identity:
                groups: dict[str, Iterator[str]] = {kind: iter(texts) for kind, texts in kinds.items()}
                compare(encoder, name, groups | {"random": random_texts(identity, seed=len(name))})
            else:
                costs, ratios = time_all(encoder, path, pattern, kinds, most_mb, threads)
    if not identity:
        print_costs(f"encoding, {pattern}, {vocab_size} tokens, {threads} threads", costs)
        finish(out, costs, ratios)


def texts_of(path: Path) -> Iterator[str]:
    """The `text` of every line."""
    openers: dict[str, Callable[..., AbstractContextManager[IO[str]]]] = {".gz": gzip.open, ".zst": zstandard.open}
    with openers.get(path.suffix, open)(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["text"]


def by_kind(texts: Iterator[str]) -> dict[str, list[str]]:
    """English: all but no character beyond ASCII; Chinese: a fifth of the characters or more are Han and there is no kana."""
    kinds: dict[str, list[str]] = {"English": [], "Chinese": [], "other": []}
    for text in texts:
        if len(_NOT_ASCII.findall(text)) <= 0.005 * len(text):
            kinds["English"].append(text)
        elif len(_HAN.findall(text)) >= 0.2 * len(text) and not re.search("[ぁ-ヿ]", text):
            kinds["Chinese"].append(text)
        else:
            kinds["other"].append(text)
    return {kind: found for kind, found in kinds.items() if found}


def first_mb(texts: list[str], megabytes: int) -> list[str]:
    """Texts from the front of at most so many megabytes, at least one."""
    taken: list[str] = []
    held = 0
    for text in texts:
        if taken and held > megabytes * 1_000_000:
            break
        taken.append(text)
        held += len(text.encode())
    return taken


def train_on(kinds: dict[str, list[str]], pattern: str, vocab_size: int, sample_mb: int, path: Path) -> None:
    """A vocabulary of all kinds alike."""
    config = TokenizerConfig(vocab_size=vocab_size, pattern=cast(Any, pattern))
    bpe.save(bpe.train((pa.array(first_mb(texts, sample_mb), pa.large_string()) for texts in kinds.values()), config), path)


def time_all(
    encoder: Encoder, path: Path, pattern: str, kinds: dict[str, list[str]], most_mb: int, threads: int
) -> tuple[list[Cost], dict[str, float]]:
    """Costs, and how many times less CPU time ours took than each library, at worst."""
    libraries: dict[str, Callable[[list[str]], list[Any]]] = {"tokenizers": partial(encode_with_tokenizers, encoder.tokenizer)}
    beside = tiktoken_encoding(path, pattern)
    if beside is not None:
        libraries["tiktoken"] = partial(encode_with_tiktoken, beside)
    costs: list[Cost] = []
    ratios: dict[str, float] = {}
    for kind, every_text in kinds.items():
        texts = first_mb(every_text, most_mb)
        columns = [pa.array(texts[i : i + BATCH_DOCUMENTS], pa.large_string()) for i in range(0, len(texts), BATCH_DOCUMENTS)]
        ours, encoded = best_of(f"{kind}: ours", texts, ROUNDS, partial(encode_columns, encoder, columns, threads))
        rows = [row for column in encoded for row in column.to_pylist()]
        costs.append(ours)
        for name, call in libraries.items():
            cost, found = best_of(f"{kind}: {name}", texts, 1, partial(call, texts))
            costs.append(cost)
            different = sum(row != getattr(theirs, "ids", theirs) for row, theirs in zip(rows, found, strict=True))
            if different:
                raise SystemExit(f"{kind}: {different} documents have other ids than {name} gives")
            if kind != "other":
                ratios[name] = min(ratios.get(name, float("inf")), cost.cpu_s / ours.cpu_s)
    return costs, {f"{name} x": value for name, value in ratios.items()}


def encode_columns(encoder: Encoder, columns: list[pa.Array], threads: int) -> list[pa.Array]:
    """A token column per text column."""
    if threads == 1:
        return [encoder(column) for column in columns]
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(encoder, columns))


def encode_with_tokenizers(tokenizer: HuggingFaceTokenizer, texts: list[str]) -> list[Encoding]:
    """In batches of as many documents as ours are given."""
    batches = (texts[i : i + BATCH_DOCUMENTS] for i in range(0, len(texts), BATCH_DOCUMENTS))
    return [row for batch in batches for row in tokenizer.encode_batch_fast(batch, add_special_tokens=False)]


def encode_with_tiktoken(encoding: Any, texts: list[str]) -> list[list[int]]:
    """One by one; it has no batch on one thread."""
    return [encoding.encode_ordinary(text) for text in texts]


def best_of(name: str, texts: list[str], rounds: int, work: Callable[[], list[Any]]) -> tuple[Cost, list[Any]]:
    """The least costly of some rounds, and what the work returned."""
    best, result = None, []
    n_bytes = sum(len(text.encode()) for text in texts)
    for _ in range(rounds):
        with measured(name, n_bytes, len(texts)) as cost:
            result = work()
        if best is None or cost.cpu_s < best.cpu_s:
            best = cost
    assert best is not None
    return best, result


def tiktoken_encoding(path: Path, pattern: str) -> Any:
    """The same vocabulary in tiktoken, or None where that is not installed or cannot hold it."""
    try:
        import tiktoken  # noqa: PLC0415
    except ImportError:
        print("tiktoken is not installed (extra `bench`): not compared")
        return None
    if pattern == "llama":
        return None
    vocabulary = Encoder(path).vocabulary
    tokens = {
        vocabulary.data[start:end].tobytes(): i
        for i, (start, end) in enumerate(zip(vocabulary.offsets, vocabulary.offsets[1:], strict=False))
    }
    special = json.loads(path.read_text())["added_tokens"]
    names = {token["content"]: token["id"] for token in special}
    ranks = {token: rank for token, rank in tokens.items() if rank not in names.values()}
    return tiktoken.Encoding("same", pat_str=PATTERNS[pattern], mergeable_ranks=ranks, special_tokens=names)


def compare(encoder: Encoder, name: str, groups: dict[str, Iterator[str]]) -> None:
    """Stop at the first text whose ids differ from the library's."""
    for kind, texts in groups.items():
        n = 0
        while batch := [text for _, text in zip(range(20_000), texts, strict=False)]:
            ours = encoder(pa.array(batch, pa.large_string())).to_pylist()
            for text, row, theirs in zip(batch, ours, encoder.tokenizer.encode_batch_fast(batch, add_special_tokens=False), strict=True):
                if row != theirs.ids:
                    raise SystemExit(f"{name}, {kind}: other ids for a text of {len(text)} characters with sha256 {hash_of(text)}")
            n += len(batch)
        print(f"{name}, {kind}: {n} texts, the same ids")


def hash_of(text: str) -> str:
    """Names a text without showing it."""
    import hashlib  # noqa: PLC0415

    return hashlib.sha256(text.encode()).hexdigest()


if __name__ == "__main__":
    typer.run(main)
