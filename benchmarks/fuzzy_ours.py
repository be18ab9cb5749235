"""corpusmill's fuzzy dedup from JSONL files to the documents that stay: the work of datatrove's four stages.

    python -m benchmarks.fuzzy_ours FOLDER OUT BANDS ROWS SHINGLE

A process of its own, so that its cost includes starting, importing and Beam. Leaves OUT/segments, OUT/merges.arrow and OUT/kept.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.corpus import documents
from pipelines.engine.segments import open_segment
from schemas.hops import SCRUBBED
from schemas.recipe import Dedup, MinHash
from testkit.deduplicate import deduplicate


def write_segments(files: list[Path], folder: Path) -> list[Path]:
    """One segment file per JSONL file."""
    folder.mkdir(parents=True)
    segments = []
    for number, file in enumerate(files):
        segments.append(folder / f"segment-{number:05d}.arrow")
        with pa.ipc.new_file(str(segments[-1]), SCRUBBED) as writer:
            for batch in documents(file):
                writer.write_batch(batch.rename_columns(SCRUBBED.names))
    return segments


def write_kept(segments: list[Path], merges: pa.Table, folder: Path) -> None:
    """The documents that stay, in files as their segments were."""
    folder.mkdir()
    merged = merges.column("row_ref").combine_chunks()
    for number, segment in enumerate(segments):
        table = open_segment(segment).read_all()
        rows = pa.array(range(number << 32, (number << 32) + table.num_rows), pa.uint64())
        with pa.ipc.new_file(str(folder / segment.name), SCRUBBED) as writer:
            writer.write_table(table.filter(pc.invert(pc.is_in(rows, value_set=merged))))


def main(folder: str, out: str, bands: int, rows: int, shingle: int) -> None:
    """Read, deduplicate, write; prints the wall seconds of each."""
    root = Path(out)
    start = time.perf_counter()
    segments = write_segments(sorted(Path(folder).glob("*.jsonl.gz")), root / "segments")
    start = told("read", start)
    config = Dedup(kinds=("minhash",), minhash=MinHash(bands=bands, rows=rows, shingle=shingle))
    merges, counters = deduplicate(config, segments, root)
    start = told("dedup", start)
    write_kept(segments, merges, root / "kept")
    told("write", start)
    print("COUNTERS", counters)


def told(stage: str, start: float) -> float:
    """Print how long a stage took; returns now."""
    now = time.perf_counter()
    print(f"STAGE {stage} {now - start:.2f}", flush=True)
    return now


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], *(int(number) for number in sys.argv[3:6]))
