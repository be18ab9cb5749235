"""Deciding again against running again: the same ledger and documents, to the byte, and what each of the two costs.

    python -m benchmarks.refilter --corpus pages.jsonl.gz [--set filters.gopher_quality.min_words=20 ...] [--out refilter.json]

Three commands, each a process of its own: FineWeb's recipe, the same with other limits, and `refilter` with those limits on the first
run. RATIO is the second over the third, in wall seconds with starting and importing.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.measure import Cost, finish, measured, print_costs
from schemas.files import sha256_of

ROOT = Path(__file__).resolve().parents[1]
LIMITS = ["filters.gopher_quality.min_words=20", "filters.c4.min_sentences=2", "filters.fineweb.max_dup_line_char_ratio=0.05"]


def main(
    corpus: Annotated[str, typer.Option(help="A file, folder or glob of documents.")],
    limits: Annotated[list[str] | None, typer.Option("--set", help="The limits to change.")] = None,
    keep: Annotated[str, typer.Option(help="filters.language.keep, as TOML; all languages if empty.")] = "[]",
    model: Annotated[bool, typer.Option(help="Train the small model, too, as a run does unless it is told not to.")] = False,
    out: Annotated[Path | None, typer.Option(help="Also write the figures to this JSON file.")] = None,
) -> None:
    """Run, run with other limits, refilter, compare."""
    changes = limits or LIMITS
    base = [f"sources.web.path={corpus}", f"filters.language.keep={keep}", "guards.max_filtered=off"]
    base.append(f"pretrain.enabled={str(model).lower()}")
    folder = Path(tempfile.mkdtemp(prefix="corpusmill-refilter-"))
    try:
        costs = [
            command("run", "run", "fineweb", "--out", str(folder / "first"), *flags(base)),
            command("run with other limits", "run", "fineweb", "--out", str(folder / "second"), *flags(base + changes)),
            command("refilter with them", "refilter", str(folder / "first"), *flags(changes)),
        ]
        different = [path for path in files(folder / "second") if not same(folder / "first" / path, folder / "second" / path)]
        extra = files(folder / "first") - files(folder / "second")
    finally:
        shutil.rmtree(folder)
    print_costs(f"refilter on {corpus}", costs)
    print(f"files of ledger and documents that differ: {len(different) + len(extra)}")
    print(f"RATIO full run {costs[1].wall_s / costs[2].wall_s:.1f}x")
    finish(out, costs, {"full_run": costs[1].wall_s / costs[2].wall_s, "files_that_differ": float(len(different) + len(extra))})


def flags(settings: list[str]) -> list[str]:
    """As options of the command line."""
    return [part for setting in settings for part in ("--set", setting)]


def command(name: str, *arguments: str) -> Cost:
    """What one command costs."""
    with measured(name, 0) as cost:
        subprocess.run([sys.executable, str(ROOT / "run_pipeline.py"), *arguments], check=True, stdout=subprocess.DEVNULL)
    return cost


def files(run: Path) -> set[Path]:
    """Every file of the ledger and the documents."""
    return {path.relative_to(run) for name in ("ledger", "documents") for path in (run / name).iterdir()}


def same(one: Path, other: Path) -> bool:
    """Whether both are there with the same bytes."""
    return one.is_file() and sha256_of(one) == sha256_of(other)


if __name__ == "__main__":
    typer.run(main)
