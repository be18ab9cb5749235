"""What decontamination finds of evaluation items in other guises, and what it takes for one.

    python -m benchmarks.contamination --evals EVALS.jsonl.zst --prose EN.jsonl.zst --prose ZH.jsonl.zst [--out FILE.json]

EVALS has a column `question`, the prose `text`. Every item is put into prose of its script (the first file for the one written with spaces,
the second for Chinese) once in each guise. Of copies all should be found, of multiple-choice items without their options or
with them in another order nearly all. What is less than the item, or differs from it in words, is a near miss, made of
the question alone; how much of it is taken depends on the length of the item and on `decontaminate.min_coverage`. Of the prose
itself nothing should be taken.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import polars as pl
import pyarrow as pa
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.measure import finish
from pipelines.dedup.evals.index import n_words
from pipelines.dedup.evals.options import question_of
from schemas.recipe import Decontaminate
from testkit.guises import CHOICES, COPIES, NEAR_MISSES, evals_of, is_chinese, planted, taken

COVERAGES: Final = (0.8, 0.9, 0.95, 1.0)
console = Console(width=160)


def main(
    evals: Annotated[Path, typer.Option(help="Evaluation items")],
    prose: Annotated[list[Path], typer.Option(help="Prose written with spaces, then Chinese prose")],
    out: Annotated[Path | None, typer.Option(help="Write the numbers here, as JSON")] = None,
) -> None:
    """The share of documents that are taken, by guise, script and coverage, with and without the ending."""
    every = pl.read_ndjson(evals, infer_schema_length=None).get_column("question").to_list()
    texts = [pl.read_ndjson(path).get_column("text").to_list() for path in prose]
    around = tuple("\n".join(rows) for rows in texts)
    items = [item for item in every if n_words(item) >= Decontaminate().min_words]
    asked = [question_of(item) for item in items]
    chinese, choices = np.array([is_chinese(item) for item in items]), np.array([bool(question.options) for question in asked])
    evals_of_all, stems = evals_of(items), [question.stem for question in asked]
    settings = [Decontaminate(min_coverage=least, ending=ending) for least, ending in itertools.product(COVERAGES, (False, True))]
    heads = [f"{config.min_coverage}{' ending' if config.ending else ''}" for config in settings]
    table = Table("", "script", "n", *heads, title="% of documents taken")
    report = []
    for name, guise in (COPIES | CHOICES | NEAR_MISSES).items():
        documents = planted(stems if name in NEAR_MISSES else items, guise, (around[0], around[-1]))
        columns = [taken(evals_of_all, documents, config, own=name not in NEAR_MISSES) for config in settings]
        for script, of_script in (("spaced", ~chinese), ("Chinese", chinese)):
            rows = of_script & choices if name in CHOICES else of_script
            shares = [float(column[rows].mean()) for column in columns]
            table.add_row(name, script, f"{rows.sum():,}", *(f"{100 * share:.2f}" for share in shares))
            report.append({"guise": name, "script": script, "n": int(rows.sum()), **dict(zip(heads, shares, strict=True))})
    clean = pa.array([text for rows in texts for text in rows], pa.large_string())
    shares = [float(taken(evals_of_all, clean, config, own=False).mean()) for config in settings]
    table.add_row("prose", "both", f"{len(clean):,}", *(f"{100 * share:.2f}" for share in shares))
    report.append({"guise": "prose", "script": "both", "n": len(clean), **dict(zip(heads, shares, strict=True))})
    console.print(table)
    finish(out, [], {}, guises=report)


if __name__ == "__main__":
    typer.run(main)
