"""How the whole dedup grows: synthetic corpora of several sizes, each in a process of its own.

    python -m benchmarks.dedup_scale [--millions 0.5 --millions 5 ...] [--memory-mb 1024] [--out FILE.json] [--plot FILE.svg]

Every document is 40 to 99 words drawn from 65,536 by a hash of its number, one in ten a copy of an earlier one with one word in 40
changed, so a corpus needs no seed and any part of it can be made alone. Signing, banding, verification against the texts and
resolution all run; making the corpus is not measured. Peak memory is resident memory, mapped files included.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, Final

import numba
import numpy as np
import pyarrow as pa
import typer

from benchmarks.measure import Cost, finish, measured, print_costs
from schemas.buffers import Bytes, Offsets, fixed_column, string_column
from schemas.hops import MAX_BATCH_ROWS, SCRUBBED
from schemas.recipe import Dedup
from testkit.deduplicate import deduplicate

WORD_BYTES: Final = 7  # six letters and a space
LEAST_WORDS: Final = 40
MOST_WORDS: Final = 100
SEGMENT_DOCUMENTS: Final = 64 * MAX_BATCH_ROWS


@numba.njit(cache=True, nogil=True)
def mixed(number: int, salt: int) -> np.uint64:
    """A hash of two numbers (splitmix64)."""
    h = np.uint64(number) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(salt) * np.uint64(0xD1B54A32D192ED03)
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(31))


@numba.njit(cache=True, nogil=True)
def write_documents(first: int, n: int) -> tuple[Bytes, Offsets]:
    """(bytes, offsets) of documents number `first` to `first + n`."""
    data = np.empty(n * MOST_WORDS * WORD_BYTES, np.uint8)
    offsets = np.zeros(n + 1, np.int64)
    at = 0
    for row in range(n):
        number = first + row
        original = number
        if number > 0 and mixed(number, 1) % np.uint64(10) == 0:
            original = int(mixed(number, 2) % np.uint64(number))
        for k in range(LEAST_WORDS + np.int64(mixed(original, 3) % np.uint64(MOST_WORDS - LEAST_WORDS))):
            word = mixed(original, 16 + k)
            if original != number and mixed(number, 16 + k) % np.uint64(40) == 0:
                word = mixed(number, 1000 + k)
            word = mixed(np.int64(word & np.uint64(0xFFFF)), 4)
            for _ in range(WORD_BYTES - 1):
                data[at] = 97 + np.uint8(word % np.uint64(26))
                word //= np.uint64(26)
                at += 1
            data[at] = 32
            at += 1
        offsets[row + 1] = at
    return data[:at].copy(), offsets


def write_segments(folder: Path, n_documents: int, begin: int = 0) -> list[Path]:
    """Documents number `begin` to `begin + n_documents` as segment files."""
    folder.mkdir(parents=True)
    paths: list[Path] = []
    end = begin + n_documents
    for start in range(begin, end, SEGMENT_DOCUMENTS):
        paths.append(folder / f"segment-{len(paths):05d}.arrow")
        with pa.ipc.new_file(str(paths[-1]), SCRUBBED) as writer:
            for first in range(start, min(start + SEGMENT_DOCUMENTS, end), MAX_BATCH_ROWS):
                writer.write_batch(batch_of(first, min(MAX_BATCH_ROWS, end - first)))
    return paths


def batch_of(first: int, n: int) -> pa.RecordBatch:
    """SCRUBBED rows."""
    ids = np.zeros((n, 16), np.uint8)
    ids[:, :8] = np.array([mixed(first + row, 5) for row in range(n)], ">u8").view(np.uint8).reshape(n, 8)
    given = {
        "doc_id": fixed_column(ids),
        **{name: pa.repeat(pa.scalar("synthetic", pa.large_string()), n) for name in ("source", "source_class", "origin_file")},
        "origin_offset": pa.array(range(first, first + n), pa.uint64()),
        "part": pa.repeat(pa.scalar(0, pa.uint32()), n),
        "text": string_column(*write_documents(first, n)),
    }
    return pa.RecordBatch.from_arrays([given.get(field.name, pa.nulls(n, field.type)) for field in SCRUBBED], schema=SCRUBBED)


def one_size(n_documents: int, memory_mb: int) -> Cost:
    """Make a corpus of that size and deduplicate it."""
    folder = Path(tempfile.mkdtemp(prefix="corpusmill-scale-"))
    try:
        config = Dedup(kinds=("exact", "minhash"), memory_mb=memory_mb)
        deduplicate(config, write_segments(folder / "warm", 1000), folder / "warm")  # compiles the kernels
        segments = write_segments(folder / "segments", n_documents)
        with measured(f"{n_documents:,} documents", sum(path.stat().st_size for path in segments), n_documents) as cost:
            merges, counters = deduplicate(config, segments, folder)
        print(f"{n_documents} documents: {merges.num_rows} merges, {counters}", file=sys.stderr)
    finally:
        shutil.rmtree(folder)
    return cost


def draw(costs: list[Cost], memory_mb: int, path: Path) -> None:
    """CPU seconds and peak memory over the number of documents."""
    import matplotlib as mpl  # noqa: PLC0415 - heavy

    mpl.use("Agg")
    from matplotlib import pyplot as plt  # noqa: PLC0415

    millions = [cost.n_documents / 1e6 for cost in costs]
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5))
    left.plot(millions, [cost.cpu_s for cost in costs], "o-")
    left.plot(millions, [costs[0].cpu_s * m / millions[0] for m in millions], "--", color="grey", label="in proportion to the first")
    left.set(xlabel="million documents", ylabel="CPU seconds", ylim=(0, None), xlim=(0, None))
    right.plot(millions, [cost.peak_mb for cost in costs], "o-")
    right.axhline(memory_mb + 1024, linestyle="--", color="grey", label="dedup.memory_mb + 1 GB")
    right.set(xlabel="million documents", ylabel="peak memory, MB", ylim=(0, None), xlim=(0, None))
    for axes in (left, right):
        axes.legend()
    figure.tight_layout()
    figure.savefig(path)


def main(
    millions: Annotated[list[float], typer.Option(help="Million documents; give several times.")] = [0.5, 1, 2, 5],  # noqa: B006 - typer's way
    memory_mb: Annotated[int, typer.Option(help="dedup.memory_mb.")] = 1024,
    out: Annotated[Path | None, typer.Option(help="Also write the figures to this JSON file.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw them to this .svg or .png file.")] = None,
    alone: Annotated[bool, typer.Option(hidden=True, help="Do the one size here and print its cost.")] = False,
) -> None:
    """Measure every size, then the growth of CPU time over that of the data from the smallest to the largest."""
    if alone:
        print(json.dumps(asdict(one_size(int(millions[0] * 1e6), memory_mb))))
        return
    costs = []
    for size in sorted(millions):
        command = [sys.executable, "-m", "benchmarks.dedup_scale", "--alone", "--millions", str(size), "--memory-mb", str(memory_mb)]
        ran = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        costs.append(Cost(**json.loads(ran.stdout.splitlines()[-1])))
        print_costs("deduplication of synthetic corpora", costs)
    if plot is not None:
        draw(costs, memory_mb, plot)
    growth: dict[str, Any] = {}
    if len(costs) > 1:
        growth["cpu_growth_over_data_growth"] = (costs[-1].cpu_s / costs[0].cpu_s) / (costs[-1].n_documents / costs[0].n_documents)
    growth["peak_over_memory_mb_plus_1024"] = max(cost.peak_mb for cost in costs) / (memory_mb + 1024)
    finish(out, costs, growth)


if __name__ == "__main__":
    typer.run(main)
