"""Training a vocabulary beside the `tokenizers` trainer: same text, same options, each in a process of its own.

    python -m benchmarks.tokenizer_training --corpus a.jsonl.gz --corpus b.jsonl.gz [--vocab-size 32768] [--out FILE.json]

Text is read as a stream by both, so the peaks are those of training. The two vocabularies must be equal.
"""

from __future__ import annotations

import json
import multiprocessing
import tempfile
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final, cast

import pyarrow as pa
import typer
from tokenizers import Regex, models, pre_tokenizers, trainers
from tokenizers import Tokenizer as HuggingFaceTokenizer

from benchmarks.measure import Cost, finish, measured, print_costs
from benchmarks.tokenizer import texts_of
from schemas.recipe import Tokenizer as TokenizerConfig
from tokenizer import bpe
from tokenizer.patterns import PATTERNS

BATCH_DOCUMENTS: Final = 1024


def main(
    corpus: Annotated[list[Path], typer.Option(help="JSONL (.gz, .zst) with a column `text`; may be given several times.")],
    out: Annotated[Path | None, typer.Option(help="Also write the figures to this JSON file.")] = None,
    vocab_size: Annotated[int, typer.Option(min=300)] = 32_768,
    pattern: Annotated[str, typer.Option(help="How text is cut into pre-tokens.")] = "cl100k",
) -> None:
    """Train twice and compare."""
    n_bytes = sum(len(text.encode()) for path in corpus for text in texts_of(path))
    config = TokenizerConfig(vocab_size=vocab_size, pattern=cast(Any, pattern))
    bpe.train_from_columns(
        [pa.array(["to compile the kernels " * 20], pa.large_string())], TokenizerConfig(vocab_size=258, pattern=cast(Any, pattern))
    )
    with (
        tempfile.TemporaryDirectory(prefix="corpusmill-training-") as folder,
        multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool,
    ):
        runs = [pool.apply(train_one, (name, corpus, config, Path(folder) / name, n_bytes)) for name in ("ours", "tokenizers")]
        first, second = (json.loads((Path(folder) / name).read_text())["model"] for name in ("ours", "tokenizers"))
    costs = [Cost(**run) for run in runs]
    print_costs(f"training, {pattern}, {vocab_size} tokens", costs)
    same = sum(a == b for a, b in zip(first["merges"], second["merges"], strict=False))
    print(f"{len(first['merges'])} merges, {len(second['merges'])} of the library, {same} at the same rank")
    ours, theirs = costs
    finish(out, costs, {"training cpu x": theirs.cpu_s / ours.cpu_s, "training memory x": theirs.peak_mb / ours.peak_mb}, same_merges=same)


def train_one(name: str, corpus: list[Path], config: TokenizerConfig, path: Path, n_bytes: int) -> dict[str, Any]:
    """Train with one of the two, in a process of its own; the figures of a Cost. The peak is that above the process before it."""
    texts = (text for file in corpus for text in texts_of(file))
    with measured("", 0) as before:
        pass
    with measured(name, n_bytes) as cost:
        bpe.save_tokenizer(bpe.train_from_columns(columns_of(texts), config) if name == "ours" else by_the_library(texts, config), path)
    return {"name": name, "cpu_s": cost.cpu_s, "wall_s": cost.wall_s, "peak_mb": cost.peak_mb - before.peak_mb, "n_bytes": n_bytes}


def columns_of(texts: Iterator[str]) -> Iterator[pa.Array]:
    """Columns of some documents each."""
    while batch := list(islice(texts, BATCH_DOCUMENTS)):
        yield pa.array(batch, pa.large_string())


def by_the_library(texts: Iterator[str], config: TokenizerConfig) -> HuggingFaceTokenizer:
    """The same vocabulary from the library's trainer."""
    tokenizer = HuggingFaceTokenizer(models.BPE())
    split = pre_tokenizers.Split(Regex(PATTERNS[config.pattern]), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])
    trainer = trainers.BpeTrainer(
        vocab_size=config.asked_size,
        min_frequency=config.min_frequency,
        max_token_length=config.max_token_length,
        special_tokens=list(config.special_tokens),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


if __name__ == "__main__":
    typer.run(main)
