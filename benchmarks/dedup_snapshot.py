"""What it costs to add a snapshot to an index, beside the run that made the index.

    python -m benchmarks.dedup_snapshot [--millions 2] [--share 0.1] [--memory-mb 1024] [--out FILE.json]

The corpus is that of `benchmarks.dedup_scale`: one document in ten is a copy of an earlier one. The first run takes the first documents
into a new index, the second the next `share` of them, most of whose originals are in the first. Both check, dedup and add.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Annotated

import pyarrow as pa
import pyarrow.compute as pc
import typer

from benchmarks.dedup_scale import write_segments
from benchmarks.measure import finish, measured, print_costs
from pipelines.engine.segments import open_segment
from schemas.recipe import Dedup
from testkit.deduplicate import deduplicate


def main(
    millions: Annotated[float, typer.Option(help="Million documents of the first run.")] = 2.0,
    share: Annotated[float, typer.Option(help="Documents of the second run, as a share of those of the first.")] = 0.1,
    memory_mb: Annotated[int, typer.Option(help="dedup.memory_mb.")] = 1024,
    out: Annotated[Path | None, typer.Option(help="Also write the figures to this JSON file.")] = None,
) -> None:
    """Run both and compare their CPU seconds."""
    folder = Path(tempfile.mkdtemp(prefix="corpusmill-snapshot-"))
    n_first, n_second = int(millions * 1e6), int(millions * share * 1e6)
    try:
        warm = str(folder / "warm-index")
        for name in ("a", "b"):  # compiles the kernels
            segments = write_segments(folder / f"warm-{name}", 1000)
            deduplicate(Dedup(memory_mb=memory_mb, index=warm, snapshot=name), segments, folder / f"run-warm-{name}")
        first, second = write_segments(folder / "first", n_first), write_segments(folder / "second", n_second, n_first)
        index = str(folder / "index")
        costs = []
        for name, segments in (("first", first), ("second", second)):
            n_bytes, n = sum(path.stat().st_size for path in segments), n_first if name == "first" else n_second
            with measured(f"{name} run, {n:,} documents", n_bytes, n) as cost:
                merges, counters = deduplicate(Dedup(memory_mb=memory_mb, index=index, snapshot=name), segments, folder / f"run-{name}")
            costs.append(cost)
            earlier = merges.filter(pc.greater_equal(merges.column("survivor_ref"), pa.scalar(len(segments) << 32, pa.uint64())))
            print(f"{name}: {merges.num_rows} merges, {earlier.num_rows} of them into earlier documents; {counters}")
        check_names(earlier, first)
        index_bytes = sum(path.stat().st_size for path in Path(index).rglob("*.arrow"))
    finally:
        shutil.rmtree(folder)
    print_costs("adding a snapshot to an index", costs)
    finish(
        out,
        costs,
        {
            "snapshot_cpu_over_first_run": costs[1].cpu_s / costs[0].cpu_s,
            "index_bytes_over_text_bytes": index_bytes / sum(cost.n_bytes for cost in costs),
        },
    )


def check_names(merges: pa.Table, segments: list[Path]) -> None:
    """Raise unless every survivor is a document of these segments."""
    ids = pa.concat_arrays([chunk for path in segments for chunk in open_segment(path).read_all().column("doc_id").chunks])
    assert pc.all(pc.is_in(merges.column("survivor_id"), value_set=ids)).as_py(), "a survivor is none of the earlier documents"


if __name__ == "__main__":
    typer.run(main)
