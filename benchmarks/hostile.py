"""The filter chain on documents that are made to hurt: its time must grow with their size and no faster.

    python -m benchmarks.hostile [--megabytes 10] [--out FILE.json]

Every rule set that needs no trained model but the one for languages judges each document alone, at a tenth of the size and at the full
size. A ratio of the two times near 10 is linear; one near 100 would be quadratic.
"""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Final

import pyarrow as pa
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.measure import finish
from pipelines.filters.chain import FilterChain
from pipelines.filters.pending import PendingRows
from pipelines.filters.precompile import precompile
from schemas import recipe as recipes
from schemas.hops import DOCUMENT
from schemas.recipe import Recipe
from testkit.hostile_texts import KINDS

RULE_SETS: Final = (
    *("length", "language", "url", "gopher_repetition", "gopher_quality", "c4", "fineweb", "refinedweb", "roots", "code", "metadata"),
)
ROUNDS: Final = 3


@dataclass(slots=True, kw_only=True)
class Timed:
    """One kind of document."""

    kind: str
    small_s: float
    large_s: float
    reason: str | None
    """Why the large one is dropped."""

    @property
    def ratio(self) -> float:
        """How many times as long the large one takes."""
        return self.large_s / max(self.small_s, 1e-9)


def recipe() -> Recipe:
    """All rule sets at their defaults."""
    data = {"name": "hostile", "sources": {"web": {"path": ["x"]}}, "filters": {"rules": list(RULE_SETS)}}
    return recipes.parse(data)


def document(text: str) -> pa.RecordBatch:
    """A batch of one row."""
    row = {
        "doc_id": bytes(16),
        "source": "web",
        "source_class": "other",
        "origin_file": "",
        "origin_offset": 0,
        "part": 0,
        "raw_text": text,
    }
    return pa.RecordBatch.from_pylist([row], DOCUMENT)


def measure(chain: FilterChain, text: str) -> tuple[float, str | None]:
    """(CPU seconds that all rule sets take on the document, though one may drop it early; the reason of the first that does)."""
    best, reason = float("inf"), None
    for _ in range(ROUNDS):
        pending = PendingRows(document(text), pa.array([0]).to_numpy())
        start = time.process_time()
        verdicts = [chain.verdict(name, pending) for name in RULE_SETS]
        best = min(best, time.process_time() - start)
        reason = next((verdict.reasons[verdict.failed[0]] for verdict in verdicts if verdict.failed[0] >= 0), None)
    return best, reason


def main(
    megabytes: Annotated[float, typer.Option(help="Size of the large documents.")] = 10,
    out: Annotated[Path | None, typer.Option(help="Also write the figures to this JSON file.")] = None,
) -> None:
    """Time every kind of document at a tenth of the size and at the full size."""
    precompile(recipe())
    chain = FilterChain.of(recipe())
    n_bytes = int(megabytes * 1e6)
    found = []
    for kind, made in KINDS.items():
        (small, _), (large, reason) = measure(chain, made(n_bytes // 10)), measure(chain, made(n_bytes))
        found.append(Timed(kind=kind, small_s=small, large_s=large, reason=reason))
    (empty, reason) = measure(chain, "")
    found.append(Timed(kind="empty", small_s=empty, large_s=empty, reason=reason))
    head = (f"{megabytes / 10:g} MB, CPU s", f"{megabytes:g} MB, CPU s", "times", "MB/CPU s", "dropped by")
    table = Table("document", *head, title="every rule set on one document")
    for one in found:
        rate = megabytes / one.large_s if one.kind != "empty" else 0
        table.add_row(one.kind, f"{one.small_s:.3f}", f"{one.large_s:.3f}", f"{one.ratio:.1f}", f"{rate:.1f}", one.reason or "")
    Console(width=140).print(table)
    finish(out, [], {"hostile_growth": max(one.ratio for one in found)}, documents=[asdict(one) for one in found])


if __name__ == "__main__":
    typer.run(main)
