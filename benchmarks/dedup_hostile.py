"""Input that breaks deduplication elsewhere, each kind in a process of its own: what it costs, and what is left of it.

python -m benchmarks.dedup_hostile [--thousands 1000] [--memory-mb 256] [--out FILE.json]

identical    as many equal documents, by `minhash` alone, so that every bucket holds them all
numbered     the same, but each with a number of its own, which shingles do not see
templated    10,000 pages of one site: 150 words of template around 100 of their own; every 50th has a copy with one word changed
repeated     one word, 2,000 times; and documents of nothing, and of one word
exact        as many equal documents, by `exact`
lined        as many documents of a line that all have and one of their own, by `lines`
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import typer

from benchmarks.dedup_scale import write_segments
from benchmarks.measure import Cost, finish, measured, print_costs
from schemas.buffers import fixed_column
from schemas.hops import MAX_BATCH_ROWS, SCRUBBED
from schemas.recipe import Dedup
from testkit.deduplicate import deduplicate

TEMPLATED: Final = 10_000
COPIED_EVERY: Final = 50


def words(n: int, seed: int) -> list[str]:
    """Words of six letters."""
    letters = np.random.default_rng(seed).integers(97, 123, (n, 6), np.uint8)
    return [bytes(word).decode() for word in letters]


def identical(n: int) -> Iterator[str]:
    """One text, n times."""
    text = " ".join(words(70, 0))
    return (text for _ in range(n))


def numbered(n: int) -> Iterator[str]:
    """One text with n numbers."""
    text = " ".join(words(70, 0))
    return (f"{text} {number}" for number in range(n))


def templated(n: int) -> Iterator[str]:
    """Pages that share three fifths of their words."""
    head, foot = words(100, 0), words(50, 1)
    for page in range(TEMPLATED):
        body = words(100, 2 + page)
        yield " ".join(head + body + foot)
        if page % COPIED_EVERY == 0:
            yield " ".join([*head, "changed", *body[1:], *foot])


def repeated(n: int) -> Iterator[str]:
    """Documents without information."""
    for _ in range(n // 100):
        yield "spam " * 2000
        yield ""
        yield "word"


def lined(n: int) -> Iterator[str]:
    """One line everywhere, and one nowhere else."""
    line = " ".join(words(10, 0))
    return (f"{line}\n{' '.join(words(5, 1 + number))}" for number in range(n))


KINDS: Final[dict[str, tuple[Callable[[int], Iterator[str]], tuple[str, ...]]]] = {
    "identical": (identical, ("minhash",)),
    "numbered": (numbered, ("exact", "minhash")),
    "templated": (templated, ("exact", "minhash")),
    "repeated": (repeated, ("exact", "minhash")),
    "exact": (identical, ("exact",)),
    "lined": (lined, ("lines",)),
}


def write(texts: Iterator[str], folder: Path) -> tuple[list[Path], int]:
    """(one segment file, number of documents)."""
    folder.mkdir(parents=True)
    path = folder / "segment-00000.arrow"
    n = 0
    with pa.ipc.new_file(str(path), SCRUBBED) as writer:
        while batch := list(islice(texts, MAX_BATCH_ROWS)):
            ids = np.zeros((len(batch), 16), np.uint8)
            ids[:, :8] = np.arange(n, n + len(batch), dtype=np.uint64).astype(">u8").view(np.uint8).reshape(-1, 8)
            given = {
                "doc_id": fixed_column(ids),
                **{name: pa.repeat(pa.scalar("site", pa.large_string()), len(batch)) for name in ("source", "source_class", "origin_file")},
                "origin_offset": pa.array(range(n, n + len(batch)), pa.uint64()),
                "part": pa.repeat(pa.scalar(0, pa.uint32()), len(batch)),
                "text": pa.array(batch, pa.large_string()),
            }
            columns = [given.get(field.name, pa.nulls(len(batch), field.type)) for field in SCRUBBED]
            writer.write_batch(pa.RecordBatch.from_arrays(columns, schema=SCRUBBED))
            n += len(batch)
    return [path], n


def one_kind(name: str, n: int, memory_mb: int) -> tuple[Cost, dict[str, Any]]:
    """Make that input and deduplicate it."""
    folder = Path(tempfile.mkdtemp(prefix="corpusmill-hostile-"))
    make, kinds = KINDS[name]
    config = Dedup(kinds=kinds, memory_mb=memory_mb)  # type: ignore[arg-type]
    try:
        deduplicate(config, write_segments(folder / "warm", 1000), folder / "warm")  # compiles the kernels
        segments, n_documents = write(make(n), folder / "segments")
        with measured(name, segments[0].stat().st_size, n_documents) as cost:
            merges, counters = deduplicate(config, segments, folder)
    finally:
        shutil.rmtree(folder)
    survivors = pc.count_distinct(merges.column("survivor_ref")).as_py()
    least = pc.min(merges.column("value")).as_py()
    return cost, {"documents": n_documents, "stay": n_documents - merges.num_rows, "survivors": survivors, "least value": least, **counters}


def main(
    thousands: Annotated[float, typer.Option(help="Thousand documents of the large kinds.")] = 1000,
    memory_mb: Annotated[int, typer.Option(help="dedup.memory_mb.")] = 256,
    out: Annotated[Path | None, typer.Option(help="Also write the figures to this JSON file.")] = None,
    alone: Annotated[str, typer.Option(hidden=True, help="Do the one kind here and print its cost.")] = "",
) -> None:
    """Measure every kind."""
    if alone:
        cost, found = one_kind(alone, int(thousands * 1000), memory_mb)
        print(json.dumps([asdict(cost), found]))
        return
    costs, findings = [], {}
    for name in KINDS:
        command = [sys.executable, "-m", "benchmarks.dedup_hostile", "--alone", name]
        command += ["--thousands", str(thousands), "--memory-mb", str(memory_mb)]
        ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        cost, findings[name] = json.loads(ran.stdout.splitlines()[-1])
        costs.append(Cost(**cost))
        print(name, findings[name], flush=True)
    print_costs("deduplication of hostile input", costs)
    finish(out, costs, {"peak_over_memory_mb_plus_1024": max(cost.peak_mb for cost in costs) / (memory_mb + 1024)}, found=findings)


if __name__ == "__main__":
    typer.run(main)
