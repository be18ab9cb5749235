"""Peak memory of counting and learning over more and more text, each size in a process of its own.

    python -m benchmarks.tokenizer_memory --corpus pages.jsonl.gz [--megabytes 100 --megabytes 1000] [--set memory_mb=256]

The corpus is gone through again and again until there is enough text; from the second time on, every tenth document has other words.
"""

from __future__ import annotations

import multiprocessing
import re
from collections.abc import Iterator
from dataclasses import asdict
from itertools import count
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer

from benchmarks.measure import Cost, finish, measured, print_costs
from benchmarks.tokenizer import texts_of
from benchmarks.tokenizer_training import columns_of
from pipelines.encode.counting import count_columns
from schemas.recipe import Tokenizer as TokenizerConfig
from schemas.recipe import section
from tokenizer import bpe


def main(
    corpus: Annotated[list[Path], typer.Option(help="JSONL (.gz, .zst) with a column `text`; may be given several times.")],
    megabytes: Annotated[list[int] | None, typer.Option(help="Text to train on; 100 and 1000 if not given.")] = None,
    settings: Annotated[list[str] | None, typer.Option("--set", help="A key of schemas.recipe.Tokenizer; repeatable.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the figures to this JSON file.")] = None,
) -> None:
    """Train once per size."""
    config = section(TokenizerConfig, settings or ())
    bpe.train_from_columns([pa.array(["to compile the kernels " * 20], pa.large_string())], TokenizerConfig(vocab_size=258))
    with multiprocessing.get_context("spawn").Pool(1, maxtasksperchild=1) as pool:
        runs = [pool.apply(train_one, (corpus, size, config)) for size in megabytes or (100, 1000)]
    print_costs(f"training, {config.asked_size} tokens, memory_mb = {config.memory_mb}", [Cost(**run) for run in runs])
    finish(out, [Cost(**run) for run in runs], {"memory of the largest by that of the smallest": runs[-1]["peak_mb"] / runs[0]["peak_mb"]})


def train_one(corpus: list[Path], megabytes: int, config: TokenizerConfig) -> dict[str, Any]:
    """The figures of a Cost; the peak is that above the process before it."""
    with measured("", 0) as before:
        pass
    with measured(f"{megabytes} MB", megabytes * 1_000_000) as cost:
        bpe.train_from_counts(count_columns(columns_of(enough(corpus, megabytes)), config), config)
    return asdict(cost) | {"peak_mb": cost.peak_mb - before.peak_mb}


def enough(corpus: list[Path], megabytes: int) -> Iterator[str]:
    """Texts of so many megabytes in all."""
    left = megabytes * 1_000_000
    for turn in count():
        ending = rf"\g<0>{chr(ord('a') + turn % 26)}"
        for number, text in enumerate(text for path in corpus for text in texts_of(path)):
            changed = re.sub(r"\w\b", ending, text) if turn and number % 10 == 0 else text
            left -= len(changed.encode())
            if left < 0:
                return
            yield changed


if __name__ == "__main__":
    typer.run(main)
