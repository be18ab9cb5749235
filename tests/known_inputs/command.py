"""The command line on the inputs in ../shared/cases, each of which was once read or judged wrongly; their README says what is right."""

from __future__ import annotations

import contextlib
import io
import json
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

import run_pipeline

CASES = Path(__file__).parents[2].parent / "shared" / "cases"
needs_cases = pytest.mark.skipif(not (CASES / "README.md").exists(), reason="the cases are not there")
SMALL = ("filters.rules=[]", "dedup.kinds=[]", "tokenizer.vocab_size=257", "tokenizer.pad_to_multiple=1", "pretrain.enabled=false")


@dataclass(frozen=True)
class Done:
    """What a command left behind."""

    status: int
    shown: str
    """Standard output on one line."""
    message: str
    """Standard error on one line."""
    out: Path

    @cached_property
    def ledger(self) -> pl.DataFrame:
        """One row per record, in the order of their files."""
        return pl.read_parquet(self.out / "ledger" / "*.parquet").sort("origin_file", "origin_offset", "part")

    @cached_property
    def endings(self) -> dict[str, list[tuple[str, str | None]]]:
        """(outcome, reason) of every record, by the name of its file, in the order of the file."""
        found: dict[str, list[tuple[str, str | None]]] = {}
        for file, outcome, reason in self.ledger.select("origin_file", "outcome", "reason").rows():
            found.setdefault(Path(file).name, []).append((outcome, reason))
        return found

    @cached_property
    def documents(self) -> list[dict[str, Any]]:
        """The documents that are kept, in the order of their files."""
        files = (self.out / "documents").glob("*.arrow")
        rows = (row for file in files for row in pa.ipc.open_file(pa.memory_map(str(file))).read_all().to_pylist())
        return sorted(rows, key=lambda row: (row["origin_file"], row["origin_offset"], row["part"]))

    @cached_property
    def texts(self) -> dict[str, str]:
        """Text by the last part of the URL."""
        return {row["url"].rpartition("/")[2]: row["text"] for row in self.documents}


def command(*arguments: str | Path, out: Path) -> Done:
    """The command line with these arguments; any exception that is no message of its own comes through."""
    shown, message, status = io.StringIO(), io.StringIO(), 0
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(shown), contextlib.redirect_stderr(message):
        patch.setattr(sys, "argv", ["run_pipeline.py", *map(str, arguments)])
        try:
            run_pipeline.main()
        except SystemExit as ended:
            status = ended.code if isinstance(ended.code, int) else 0
    return Done(status, " ".join(shown.getvalue().replace("│", " ").split()), " ".join(message.getvalue().split()), out)


def run(out: Path, paths: Path | list[Path], *settings: str, dry: bool = False) -> Done:
    """A small run over these paths; later settings count before the small ones."""
    recipe = out.with_suffix(".toml")
    recipe.write_text("seed = 1\n")
    given = f"sources.s.path={json.dumps([str(path) for path in paths] if isinstance(paths, list) else str(paths))}"
    flags = [part for setting in (given, *SMALL, *settings) for part in ("--set", setting)]
    return command("run", recipe, "--out", out, *flags, *(["--dry-run"] if dry else []), out=out)
