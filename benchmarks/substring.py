"""Exact substring dedup: what it costs, and that it cuts exactly the bytes that a suffix array says.

    python -m benchmarks.substring --corpus FOLDER [--min-words 50] [--check-mb 5] [--out FILE.json]

FOLDER holds *.jsonl.gz with columns id and text. The check needs pydivsufsort (`pip install corpusmill[bench]`): windows of
`min-words` words are grouped by suffix array and common prefixes alone, without any hash, and the bytes that then have to be cut
are compared with the run's, byte by byte.
"""

from __future__ import annotations

import importlib
import importlib.util
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Final

import numba
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import typer

from benchmarks.corpus import documents, texts_of
from benchmarks.measure import finish, measured, print_costs
from pipelines.dedup.minhash import ranks
from pipelines.dedup.spans.cut import resolve_cuts
from pipelines.engine.segments import open_segment
from pipelines.text.words import Places, split_on_space
from schemas.hops import CUT, SCRUBBED
from schemas.recipe import Dedup, Substring
from testkit.deduplicate import deduplicate

Ints = npt.NDArray[np.int64]
_BLOCK: Final = 256


def write_segments(corpus: Path, folder: Path, max_bytes: float) -> list[Path]:
    """One segment file per JSONL file, with about `most_bytes` of text in all."""
    folder.mkdir(parents=True)
    paths, left = [], max_bytes
    for number, file in enumerate(sorted(corpus.glob("*.jsonl.gz"))):
        paths.append(folder / f"segment-{number:05d}.arrow")
        with pa.ipc.new_file(str(paths[-1]), SCRUBBED) as writer:
            for batch in documents(file, most_rows=256):
                if left > 0:
                    writer.write_batch(batch.rename_columns(SCRUBBED.names))
                    left -= pc.sum(pc.binary_length(batch.column("raw_text"))).as_py()
    return paths


def batches(segments: list[Path]) -> Iterator[pa.RecordBatch]:
    """Every batch of every segment."""
    for path in segments:
        reader = open_segment(path)
        yield from (reader.get_batch(index) for index in range(reader.num_record_batches))


def size_of(segments: list[Path]) -> tuple[int, int]:
    """(bytes of text, documents)."""
    found = [(pc.sum(pc.binary_length(batch.column("text"))).as_py(), batch.num_rows) for batch in batches(segments)]
    return sum(n for n, _ in found), sum(n for _, n in found)


# --- The bytes that a run cut, and those that a suffix array says ------------------------------------------------------


def joined(segments: list[Path]) -> tuple[npt.NDArray[np.uint8], dict[int, int], pa.Array]:
    """(all texts in the order of documents, where each begins by row reference, the texts as a column in that order)."""
    refs, texts, ids, lengths = [], [], [], []
    for number, path in enumerate(segments):
        table = open_segment(path).read_all()
        refs += [(number << 32) + row for row in range(table.num_rows)]
        texts += table.column("text").to_pylist()
        ids += table.column("doc_id").to_pylist()
        lengths += pc.utf8_length(table.column("text")).to_pylist()
    rank = ranks(np.zeros(len(refs), np.uint8), np.array(lengths, np.uint64), pa.array(ids, pa.binary(16)))
    order = np.lexsort((np.array(refs, np.uint64), rank)).tolist()
    encoded = [texts[i].encode() for i in order]
    bounds = np.cumsum([0, *map(len, encoded)])
    begins = {refs[i]: int(bounds[n]) for n, i in enumerate(order)}
    return np.frombuffer(b"".join(encoded), np.uint8).copy(), begins, pa.array([texts[i] for i in order], pa.large_string())


def bytes_cut(cuts: Path, begins: dict[int, int], n_bytes: int) -> npt.NDArray[np.bool_]:
    """Which bytes the run cut, read from the pieces of its shuffle."""
    table = pa.concat_tables([open_segment(path).read_all() for path in sorted(cuts.glob("*.arrow"))] or [CUT.empty_table()])
    cut_refs = table.column("row_ref").to_numpy()
    base = np.array([begins[ref] for ref in cut_refs.tolist()], np.int64)
    start, end = (base + table.column(name).to_numpy() for name in ("start", "end"))
    spans = resolve_cuts(np.zeros(len(cut_refs), np.int64), start, end, table.column("kept").to_numpy())
    cut = np.zeros(n_bytes, bool)
    for first, last in zip(spans.starts, spans.ends, strict=True):
        cut[first:last] = True
    return cut


def bytes_to_cut(data: npt.NDArray[np.uint8], texts: pa.Array, k: int) -> npt.NDArray[np.bool_]:
    """Which bytes lie in a window that came before, and in no first one of equal windows, by suffix array."""
    divsufsort: Any = importlib.import_module("pydivsufsort")
    words = split_on_space(texts)
    last = np.arange(len(words.starts)) + k - 1
    row_of = np.repeat(np.arange(len(words.firsts)), words.counts)
    whole = np.flatnonzero((last < len(last)) & (row_of[np.minimum(last, len(last) - 1)] == row_of))
    starts, ends = words.starts[whole], words.ends[last[whole]]
    suffixes = divsufsort.divsufsort(data)
    common = np.asarray(divsufsort.kasai(data, suffixes), np.int64)  # of a suffix and the next one in order
    rank = np.empty(len(data), np.int64)
    rank[suffixes] = np.arange(len(data))
    length = ends - starts
    order = np.lexsort((rank[starts], length))
    blocks = np.minimum.reduceat(common, np.arange(0, len(common), _BLOCK))
    same = _equal_to_next(rank[starts][order], length[order], common, blocks)
    group = np.cumsum(np.insert(~same[:-1], 0, False)) if len(order) else order
    of_group = np.full(int(group[-1]) + 1 if len(group) else 0, len(data), np.int64)
    np.minimum.at(of_group, group, starts[order])
    size = np.bincount(group)
    first = starts[order] == of_group[group]
    return _covered(starts[order], ends[order], ~first, len(data)) & ~_covered(
        starts[order], ends[order], first & (size[group] > 1), len(data)
    )


def _covered(starts: Places, ends: Places, chosen: npt.NDArray[np.bool_], n: int) -> npt.NDArray[np.bool_]:
    """Which bytes lie in one of the chosen spans."""
    depth = np.zeros(n + 1, np.int64)
    np.add.at(depth, starts[chosen], 1)
    np.add.at(depth, ends[chosen], -1)
    return np.cumsum(depth)[:n] > 0


@numba.njit
def _equal_to_next(rank: Ints, length: Ints, common: Ints, blocks: Ints) -> npt.NDArray[np.bool_]:
    """Whether window i equals window i + 1: of one length, and all suffixes between them share as much."""
    same = np.zeros(len(rank), np.bool_)
    for i in range(len(rank) - 1):
        if length[i] != length[i + 1]:
            continue
        at, end = rank[i], rank[i + 1]
        equal = True
        while at < end and equal:
            if at % _BLOCK == 0 and at + _BLOCK <= end:
                equal = blocks[at // _BLOCK] >= length[i]
                at += _BLOCK
            else:
                equal = common[at] >= length[i]
                at += 1
        same[i] = equal
    return same


def check(corpus: Path, folder: Path, config: Dedup, megabytes: float) -> dict[str, Any]:
    """Compare on a part of the corpus; ends the program if a byte differs."""
    segments = write_segments(corpus, folder / "part", megabytes * 1e6)
    deduplicate(config, segments, folder / "check")
    data, begins, texts = joined(segments)
    ours = bytes_cut(folder / "check" / "work" / "substring" / "cuts", begins, len(data))
    theirs = bytes_to_cut(data, texts, config.substring.min_words)
    differing = int(np.count_nonzero(ours != theirs))
    print(
        f"AGREEMENT {len(data) / 1e6:.2f} MB: {int(theirs.sum())} bytes to cut by suffix array, {int(ours.sum())} cut, {differing} differ"
    )
    if differing:
        raise SystemExit(1)
    return {"bytes": len(data), "to_cut": int(theirs.sum()), "cut": int(ours.sum()), "differing": differing}


def main(
    corpus: Annotated[Path, typer.Option(exists=True)],
    min_words: int = 50,
    check_mb: float = 5.0,
    memory_mb: int = 1024,
    out: Path | None = None,
) -> None:
    """Measure the whole corpus, then check a part of it."""
    corpus = texts_of(corpus)
    config = Dedup(kinds=("substring",), substring=Substring(min_words=min_words), memory_mb=memory_mb)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        warm = write_segments(corpus, folder / "warm-segments", 1e5)
        deduplicate(config, warm, folder / "warm")  # compiles the kernels
        segments = write_segments(corpus, folder / "segments", float("inf"))
        n_bytes, n_documents = size_of(segments)
        with measured("substring dedup", n_bytes, n_documents) as cost:
            _, counters = deduplicate(config, segments, folder / "run")
        print_costs(f"exact substrings of {min_words} words or more", [cost])
        print(f"COUNTERS {counters}")
        per_mb = 1e6 / n_bytes
        print(f"PER MB OF TEXT {cost.cpu_s * per_mb:.4f} CPU seconds, {cost.peak_mb * per_mb:.2f} MB of memory at the peak")
        agreement = check(corpus, folder, config, check_mb) if importlib.util.find_spec("pydivsufsort") else {}
    finish(out, [cost], {}, agreement=agreement, counters=counters)


if __name__ == "__main__":
    typer.run(main)
