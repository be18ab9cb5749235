"""Encoding beside `tokenizers`, `tiktoken` and faster encoders: same vocabulary, same text, as many threads each, and the same ids.

    python -m benchmarks.tokenizer --corpus documents.jsonl.gz [--code code.jsonl.zst] [--threads 2] [--out FILE.json]
    python -m benchmarks.tokenizer --corpus documents.jsonl.gz --also FOLDER --identity 1000000

Documents are English or Chinese by the characters they are written in; those of neither kind are only compared. All encode the text
in turns, chunk by chunk, so that a busy machine slows all alike. The first half only warms up, and no text comes twice, so that a
cache holds what it would in a long stream. The headline ratios are the smallest over the kinds, in CPU seconds.
tiktoken comes with the extra `bench`; gigatoken, fastokens, kitoken and tokie are compared where they are installed.
"""

from __future__ import annotations

import gzip
import importlib
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import IO, Annotated, Any, Final, NamedTuple, cast

import pyarrow as pa
import typer
import zstandard

from benchmarks.measure import Cost, finish, measured, print_costs
from schemas.recipe import Tokenizer as TokenizerConfig
from testkit.random_text import random_texts
from tokenizer import bpe
from tokenizer.encode import Encoder
from tokenizer.patterns import OF_CHARACTERS, PATTERNS

CHUNK_BYTES: Final = 2_000_000
MUST_AGREE: Final = ("tokenizers", "tiktoken")
_HAN: Final = re.compile("[㐀-鿿]")
_NOT_ASCII: Final = re.compile("[^\x00-\x7f]")


class Library(NamedTuple):
    """One way to encode; only `encode` is measured."""

    take: Callable[[list[str]], Any]
    """Texts -> what it takes."""
    encode: Callable[[Any], Any]
    rows: Callable[[Any], list[list[int]]]
    """What it returns -> the ids of each text."""


def main(
    corpus: Annotated[list[Path], typer.Option(help="JSONL (.gz, .zst) with a column `text`; may be given several times.")],
    code: Annotated[Path | None, typer.Option(help="The same with source code.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the figures to this JSON file.")] = None,
    pattern: Annotated[str, typer.Option(help="How text is cut into pre-tokens.")] = "cl100k",
    vocab_size: Annotated[int, typer.Option(min=300)] = 32_768,
    sample_mb: Annotated[int, typer.Option(help="Text to train on, of each kind.")] = 10,
    most_mb: Annotated[int, typer.Option(help="Text to measure on, of each kind.")] = 20,
    threads: Annotated[int, typer.Option(min=1, help="Of each library.")] = 1,
    identity: Annotated[int, typer.Option(help="Only compare: this many random texts per pattern, and all documents.")] = 0,
    also: Annotated[
        list[Path] | None, typer.Option(help="With --identity: a folder of more JSONL files to learn from and compare.")
    ] = None,
) -> None:
    """Train a vocabulary on the text, then encode the text with each library."""
    os.environ |= {"TOKENIZERS_PARALLELISM": str(threads > 1).lower(), "RAYON_NUM_THREADS": str(threads)}
    kinds = by_kind(text for path in corpus for text in texts_of(path))
    if code is not None:
        kinds["code"] = list(texts_of(code))
    if identity:
        files = sorted(file for folder in also or () for file in folder.rglob("*.jsonl*"))
        kinds |= {str(path): list(texts_of(path)) for path in files}
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
    bpe.save_tokenizer(
        bpe.train_from_columns((pa.array(first_mb(texts, sample_mb), pa.large_string()) for texts in kinds.values()), config), path
    )


def time_all(
    encoder: Encoder, path: Path, pattern: str, kinds: dict[str, list[str]], most_mb: int, threads: int
) -> tuple[list[Cost], dict[str, float]]:
    """Costs, and how many times less CPU time ours took than each library, at worst; libraries that give other ids are named."""
    costs: list[Cost] = []
    ratios: dict[str, float] = {}
    with ThreadPoolExecutor(threads) as pool:
        libraries = encoders(encoder, path, pattern, threads, pool)
        for kind, every_text in kinds.items():
            of, different = time_kind(kind, in_chunks(first_mb(every_text, most_mb)), libraries)
            costs += of.values()
            for name, n in different.items():
                if n and name in MUST_AGREE:
                    raise SystemExit(f"{kind}: {n} documents have other ids than {name} gives")
                if n:
                    print(f"{kind}: {name} gives other ids for {n} documents")
                if kind != "other" and name != "ours":
                    ratios[name] = min(ratios.get(name, float("inf")), of[name].cpu_s / of["ours"].cpu_s)
    return costs, {f"{name} x": value for name, value in ratios.items()}


def time_kind(kind: str, chunks: list[list[str]], libraries: dict[str, Library]) -> tuple[dict[str, Cost], dict[str, int]]:
    """The cost of each library, and for how many documents it gives other ids than ours."""
    n_warm = len(chunks) // 2
    measured_on = [text for texts in chunks[n_warm:] for text in texts]
    n_bytes = sum(len(text.encode()) for text in measured_on)
    of = {name: Cost(name=f"{kind}: {name}", n_bytes=n_bytes, n_documents=len(measured_on)) for name in libraries}
    different = dict.fromkeys(libraries, 0)
    for number, texts in enumerate(chunks):
        expected: list[list[int]] = []
        for name, library in libraries.items():
            given = library.take(texts)
            with measured(name) as cost:
                encoded = library.encode(given)
            rows = library.rows(encoded)
            expected = expected or rows
            different[name] += sum(row != other for row, other in zip(expected, rows, strict=True))
            if number >= n_warm:
                of[name].cpu_s += cost.cpu_s
                of[name].wall_s += cost.wall_s
                of[name].peak_mb = max(of[name].peak_mb, cost.peak_mb)
    return of, different


def in_chunks(texts: list[str]) -> list[list[str]]:
    """Texts in chunks of about CHUNK_BYTES."""
    chunks: list[list[str]] = [[]]
    held = 0
    for text in texts:
        if held > CHUNK_BYTES:
            chunks.append([])
            held = 0
        chunks[-1].append(text)
        held += len(text.encode())
    return chunks


def encoders(encoder: Encoder, path: Path, pattern: str, threads: int, pool: ThreadPoolExecutor) -> dict[str, Library]:
    """Ours and every library that is installed and takes the vocabulary, on so many threads each; ours comes first."""

    def columns(texts: list[str]) -> list[pa.Array]:
        bounds = [len(texts) * i // threads for i in range(threads + 1)]
        return [pa.array(texts[start:end], pa.large_string()) for start, end in pairwise(bounds)]

    found = {"ours": Library(columns, lambda parts: list(pool.map(encoder, parts)), lambda parts: pa.chunked_array(parts).to_pylist())}
    found["tokenizers"] = Library(list, partial(encoder.tokenizer.encode_batch_fast, add_special_tokens=False), ids_of)
    encoding = tiktoken_encoding(path, pattern)
    if encoding is not None:
        one_by_one = Library(list, lambda texts: [encoding.encode_ordinary(text) for text in texts], list)
        many = Library(list, partial(encoding.encode_ordinary_batch, num_threads=threads), list)
        found["tiktoken"] = one_by_one if threads == 1 else many
    return found | other_encoders(path, threads)


def other_encoders(path: Path, threads: int) -> dict[str, Library]:
    """The faster encoders that are installed and read the tokenizer.json."""
    found: dict[str, Library] = {}
    loaders: dict[str, Callable[[Any], Library]] = {
        "gigatoken": lambda it: Library(
            list, partial(it.Tokenizer(str(path)).encode_batch, parallel=threads > 1), lambda rows: [list(row) for row in rows]
        ),
        "fastokens": lambda it: Library(list, partial(it.Tokenizer.from_file(str(path)).encode_batch, add_special_tokens=False), ids_of),
        "tokie": lambda it: Library(list, partial(it.Tokenizer.from_json(str(path)).encode_batch, add_special_tokens=False), ids_of),
        "kitoken": lambda it: Library(list, it.Kitoken.from_file(str(path)).encode_all, list),
    }
    for name, loader in loaders.items():
        try:
            found[name] = loader(importlib.import_module(name))
        except ImportError:
            continue
        except (ValueError, RuntimeError) as error:
            print(f"{name} does not take the vocabulary: {error}")
    return found


def ids_of(encodings: list[Any]) -> list[list[int]]:
    """What `tokenizers` and its like return, as lists."""
    return [list(encoding.ids) for encoding in encodings]


def tiktoken_encoding(path: Path, pattern: str) -> Any:
    """The same vocabulary in tiktoken, or None where that is not installed or cannot hold it."""
    try:
        import tiktoken  # noqa: PLC0415
    except ImportError:
        print("tiktoken is not installed (extra `bench`): not compared")
        return None
    if pattern in OF_CHARACTERS:
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
