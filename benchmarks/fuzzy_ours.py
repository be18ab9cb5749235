"""corpusmill's fuzzy dedup from JSONL files to the documents that stay: what datatrove's four stages do.

    python -m benchmarks.fuzzy_ours FOLDER OUT BANDS ROWS SHINGLE

A process of its own, so that its cost includes starting, importing and Beam. Leaves OUT/segments, OUT/merges.arrow and OUT/kept.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from benchmarks.deduplicate import deduplicate
from pipelines.runtime import open_segment
from schemas.hops import DOCUMENT, MAX_BATCH_ROWS
from schemas.recipe import Dedup, MinHash


def documents(path: Path) -> Iterator[pa.RecordBatch]:
    """A JSONL file with columns id and text as DOCUMENT batches; the id's bytes, cut or filled to 16, are the doc_id."""
    frame = pl.read_ndjson(path, schema={"id": pl.String, "text": pl.String}, ignore_errors=False)
    table = frame.select("id", "text").to_arrow()
    n = table.num_rows
    ids = [identifier.encode()[:16].ljust(16, b"\0") for identifier in table.column("id").to_pylist()]
    given = {
        "doc_id": pa.array(ids, pa.binary(16)),
        "source": pa.repeat(pa.scalar("web", pa.large_string()), n),
        "source_class": pa.repeat(pa.scalar("other", pa.large_string()), n),
        "origin_file": pa.repeat(pa.scalar(path.name, pa.large_string()), n),
        "origin_offset": pa.array(range(n), pa.uint64()),
        "part": pa.repeat(pa.scalar(0, pa.uint32()), n),
        "raw_text": table.column("text").combine_chunks().cast(pa.large_string()),
    }
    columns = [given.get(field.name, pa.nulls(n, field.type)) for field in DOCUMENT]
    yield from pa.Table.from_arrays(columns, schema=DOCUMENT).to_batches(max_chunksize=MAX_BATCH_ROWS)


def write_segments(files: list[Path], folder: Path) -> list[Path]:
    """One segment file per JSONL file."""
    folder.mkdir(parents=True)
    segments = []
    for number, file in enumerate(files):
        segments.append(folder / f"segment-{number:05d}.arrow")
        with pa.ipc.new_file(str(segments[-1]), DOCUMENT) as writer:
            for batch in documents(file):
                writer.write_batch(batch)
    return segments


def write_kept(segments: list[Path], merges: pa.Table, folder: Path) -> None:
    """The documents that stay, in files as their segments were."""
    folder.mkdir()
    merged = merges.column("at").combine_chunks()
    for number, segment in enumerate(segments):
        table = open_segment(segment).read_all()
        rows = pa.array(range(number << 32, (number << 32) + table.num_rows), pa.uint64())
        with pa.ipc.new_file(str(folder / segment.name), DOCUMENT) as writer:
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
