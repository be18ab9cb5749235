"""Scrubbing texts that are made to hurt, with every kind: its time must grow with their size and no faster.

    python -m benchmarks.scrub_hostile [--megabytes 10] [--out FILE.json]

Each text is one pattern, again and again, at a tenth of the size and at the full size: a ratio of the two times near 10 is linear.
"""

from __future__ import annotations

import random
import string
import time
from pathlib import Path
from typing import Annotated, Any, Final

import pyarrow as pa
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.measure import finish
from pipelines.scrub.column import scrub_text
from schemas.recipe import PII_KINDS, Scrub

UNITS: Final = (
    "a@", "a@a@a@", "é@", "7", "1 ", ":", "2a00:", ".", "1.", "+", "0x000", "-----BEGIN ", "a1", "１", "pass", "address", "license no D1-",
    "GB82-", "1 / ", "aa:", "(0)",
)  # fmt: skip


def seconds(text: str) -> float:
    """CPU seconds of scrubbing a column of one text."""
    column, lang, url = (pa.array([value], pa.large_string()) for value in (text, "en", None))
    begun = time.process_time()
    scrub_text(column, lang, url, Scrub(kinds=PII_KINDS))
    return time.process_time() - begun


def texts_of(n_bytes: int) -> dict[str, str]:
    """By name: each pattern, and random base64 without an end."""
    draw = random.Random(0)
    letters = "".join(draw.choices(string.ascii_letters + string.digits + "+/", k=n_bytes))
    return {unit: unit * (n_bytes // len(unit.encode())) for unit in UNITS} | {"base64": letters}


def main(
    megabytes: Annotated[float, typer.Option(help="Size of the larger texts.")] = 10.0,
    out: Annotated[Path | None, typer.Option(help="Also write the figures to this JSON file.")] = None,
) -> None:
    """Time every pattern at both sizes."""
    seconds("warm up: a@b.com １３８００１３８０００ passport no. A1234567")
    few, many = texts_of(int(megabytes * 1e5)), texts_of(int(megabytes * 1e6))
    table = Table("pattern", f"{megabytes / 10:g} MB, CPU s", f"{megabytes:g} MB, CPU s", "ratio", title="scrub, every kind")
    figures: dict[str, Any] = {}
    for name, text in few.items():
        small, large = seconds(text), seconds(many[name])
        figures[name] = {"small": small, "large": large}
        table.add_row(repr(name), f"{small:.3f}", f"{large:.3f}", f"{large / small:.1f}")
    Console(width=140).print(table)
    finish(out, [], {"slowest_s": max(one["large"] for one in figures.values())}, patterns=figures)


if __name__ == "__main__":
    typer.run(main)
