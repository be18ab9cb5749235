"""Signatures against datasketch and rensa, the whole fuzzy dedup against datatrove, and what is found of planted copies.

    python -m benchmarks.dedup --corpus FOLDER [--truth PAIRS.jsonl] [--datatrove PYTHON] [--out FILE.json]

FOLDER holds *.jsonl.gz with columns id and text. PAIRS has one line per planted copy: id, orig_id. PYTHON is an interpreter that
can import datatrove. rensa is compared with if it is installed (`pip install corpusmill[bench]`). Both sides of the whole dedup run
as a process of their own with one worker, and the CPU seconds are those of every process they start, imports included.
"""

from __future__ import annotations

import importlib.util
import shutil
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
import typer
from datasketch import MinHash as DatasketchMinHash
from rich.console import Console
from rich.table import Table

from benchmarks.corpus import texts_of
from benchmarks.measure import Cost, cost_of_process, finish, measured, print_costs
from pipelines.dedup.minhash import detection_probability
from pipelines.dedup.shingles import permutations, shingle_sets, signatures
from pipelines.dedup.verify import similarities
from pipelines.engine.segments import open_segment
from schemas.recipe import MinHash

CONFIG: Final = MinHash(bands=14, rows=8, shingle=5)
N_PERMUTATIONS: Final = CONFIG.bands * CONFIG.rows
PEER_SAMPLE_BYTES: Final = 12_000_000  # the peers' loops are slow
ROUNDS: Final = 3


# --- Signatures ------------------------------------------------------------------------------------------------------


def compare_signatures(text: pa.Array) -> tuple[list[Cost], dict[str, float]]:
    """Costs from text to signature, on one thread, and our throughput over each peer's."""
    sample = text.slice(0, int(np.searchsorted(np.cumsum(pa.compute.binary_length(text).to_numpy()), PEER_SAMPLE_BYTES)))
    a, b = permutations(N_PERMUTATIONS, CONFIG.seed)
    signatures(text.slice(0, 1), CONFIG.shingle, a, b)  # compile
    peers: dict[str, Callable[[list[str]], object]] = {"datasketch": sign_with_datasketch}
    if importlib.util.find_spec("rensa"):
        peers["rensa"] = sign_with_rensa()
    shingled = [words_in_fives(document) for document in sample.to_pylist()]
    works: dict[str, tuple[pa.Array, Callable[[], object]]] = {"corpusmill": (text, lambda: signatures(text, CONFIG.shingle, a, b))}
    for name, sign in peers.items():
        works[f"{name}, from shingles"] = sample, partial(sign_all, sign, shingled)
        works[name] = sample, partial(sign_texts, sign, sample)
    costs: dict[str, Cost] = {}
    for _ in range(ROUNDS):  # in turns, and the best of each, since the machine is not always as fast
        for name, (texts, work) in works.items():
            with measured(f"signatures: {name}", texts.nbytes, len(texts)) as cost:
                work()
            costs[name] = min(costs.get(name, cost), cost, key=lambda cost: cost.cpu_s)
    check_equal_to_datasketch(sample.slice(0, 300), a, b)
    return list(costs.values()), {name: rate(costs["corpusmill"]) / rate(costs[name]) for name in peers}


def sign_all(sign: Callable[[list[str]], object], shingled: list[list[str]]) -> None:
    """Sign documents that are shingles already."""
    for shingles in shingled:
        sign(shingles)


def sign_texts(sign: Callable[[list[str]], object], texts: pa.Array) -> None:
    """Shingle and sign."""
    for document in texts.to_pylist():
        sign(words_in_fives(document))


def words_in_fives(text: str) -> list[str]:
    """The plainest word shingles: lower case, cut at white space."""
    words = text.lower().split()
    return [" ".join(words[i : i + CONFIG.shingle]) for i in range(len(words) - CONFIG.shingle + 1)]


def sign_with_datasketch(shingles: list[str]) -> object:
    """Its default scheme and hash, in one batch."""
    signature = DatasketchMinHash(num_perm=N_PERMUTATIONS, seed=CONFIG.seed, scheme="affine32")
    signature.update_batch([shingle.encode() for shingle in shingles])
    return signature.hashvalues


def sign_with_rensa() -> Callable[[list[str]], object]:
    """Its MinHash, in one call per document."""
    rensa: Any = importlib.import_module("rensa")

    def sign(shingles: list[str]) -> object:
        signature = rensa.RMinHash(num_perm=N_PERMUTATIONS, seed=CONFIG.seed)
        signature.update(shingles)
        return signature.digest()

    return sign


def check_equal_to_datasketch(text: pa.Array, a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> None:
    """Raise unless our signatures are bit for bit those of datasketch's affine32 for the same shingle hashes."""
    ours, _ = signatures(text, CONFIG.shingle, a, b)
    hashes, offsets = shingle_sets(text, CONFIG.shingle)
    for row in range(len(text)):
        theirs = DatasketchMinHash(num_perm=N_PERMUTATIONS, seed=CONFIG.seed, scheme="affine32", hashfunc=int)
        theirs.update_batch((hashes[offsets[row] : offsets[row + 1]] & np.uint64(0xFFFFFFFF)).tolist())
        assert np.array_equal(ours[row], theirs.hashvalues), f"signature of row {row} differs from datasketch's"
    print(f"signatures of {len(text)} documents are bit-equal to datasketch's affine32")


def rate(cost: Cost) -> float:
    """Bytes per CPU second."""
    return cost.n_bytes / cost.cpu_s


# --- The whole fuzzy dedup -------------------------------------------------------------------------------------------


def compare_fuzzy(corpus: Path, datatrove: str | None, folder: Path, n_bytes: int, n_documents: int) -> tuple[list[Cost], dict[str, float]]:
    """Costs of the whole fuzzy dedup; ours leaves its results in `folder`/ours."""
    numbers = [str(number) for number in (CONFIG.bands, CONFIG.rows, CONFIG.shingle)]
    command = [sys.executable, "-m", "benchmarks.fuzzy_ours", str(corpus)]
    cost_of_process("warm", [*command, str(folder / "warm"), *numbers], 0, 0)  # compiles the kernels, once per machine
    ours = [
        cost_of_process("fuzzy dedup: corpusmill", [*command, str(folder / name), *numbers], n_bytes, n_documents)
        for name in ("ours", "again", "once more")
    ]
    costs = [sorted(ours, key=lambda cost: cost.cpu_s)[1]]  # the median, since it is short
    if datatrove is None:
        return costs, {}
    peer = [datatrove, str(Path(__file__).with_name("fuzzy_datatrove.py")), str(corpus), str(folder / "datatrove"), *numbers]
    costs.append(cost_of_process("fuzzy dedup: datatrove", peer, n_bytes, n_documents))
    return costs, {"datatrove": costs[1].cpu_s / costs[0].cpu_s}


# --- What is found ---------------------------------------------------------------------------------------------------

BINS: Final = (0.0, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1.0001)


def quality(truth: Path, result: Path) -> dict[str, Any]:
    """Recall of planted pairs by true Jaccard, beside what banding and the threshold allow, and removals below the threshold.

    A pair is found when its two documents did not both stay. True Jaccard is that of our shingle sets.
    """
    tables = [open_segment(path).read_all() for path in sorted((result / "segments").glob("*.arrow"))]
    text = pa.concat_arrays([chunk for table in tables for chunk in table.column("text").chunks])
    ids = np.concatenate([table.column("doc_id").to_numpy() for table in tables])
    refs = np.concatenate([(np.uint64(i) << np.uint64(32)) + np.arange(len(t), dtype=np.uint64) for i, t in enumerate(tables)])
    row_of = {identifier: row for row, identifier in enumerate(ids.tolist())}
    pairs = pl.read_ndjson(truth)
    copy, original = (
        np.array([row_of[name.encode().ljust(16, b"\0")] for name in pairs.get_column(column)]) for column in ("id", "orig_id")
    )
    hashes, offsets = shingle_sets(text, CONFIG.shingle)
    merges = pl.DataFrame(open_segment(result / "merges.arrow").read_all())
    merged = np.isin(refs, merges.get_column("row_ref").to_numpy())
    frame = pl.DataFrame({"jaccard": similarities(hashes, offsets, copy, original, False), "found": merged[copy] | merged[original]})
    table: list[dict[str, float]] = []
    for low, high in pairwise(BINS):
        inside = frame.filter(pl.col("jaccard").is_between(low, high, closed="left"))
        jaccard = inside.get_column("jaccard").to_numpy()
        curve = detection_probability(jaccard, CONFIG.bands, CONFIG.rows) * (jaccard >= CONFIG.min_jaccard)
        table.append({"low": low, "n": inside.height, "found": int(inside.get_column("found").sum()), "curve": float(curve.sum())})
    checked = similarities(
        hashes,
        offsets,
        np.searchsorted(refs, merges.get_column("row_ref").to_numpy()),
        np.searchsorted(refs, merges.get_column("survivor_ref").to_numpy()),
        False,
    )
    from_08 = [row for row in table if row["low"] >= 0.8]
    return {
        "bins": table,
        "recall_over_curve_from_0.8": sum(row["found"] for row in from_08) / max(1e-9, sum(row["curve"] for row in from_08)),
        "removed": merges.height,
        "removed_below_threshold": int((checked < CONFIG.min_jaccard).sum()),
        "survivors_removed": int(np.isin(merges.get_column("survivor_ref").to_numpy(), merges.get_column("row_ref").to_numpy()).sum()),
    }


def print_quality(found: dict[str, Any]) -> None:
    """The table of recall by Jaccard."""
    table = Table("true Jaccard", "pairs", "found", "recall", "curve", title="planted copies")
    for row in found["bins"]:
        if row["n"]:
            table.add_row(
                f"from {row['low']:.2f}",
                f"{row['n']}",
                f"{row['found']}",
                f"{row['found'] / row['n']:.3f}",
                f"{row['curve'] / row['n']:.3f}",
            )
    Console(width=120).print(table)
    print(
        f"recall at Jaccard >= 0.8 over what the curve allows: {found['recall_over_curve_from_0.8']:.3f}; removed {found['removed']}, "
        f"below the threshold {found['removed_below_threshold']}, into a document that is gone {found['survivors_removed']}"
    )


def main(
    corpus: Annotated[Path, typer.Option(help="A folder with *.jsonl.gz, columns id and text.")],
    truth: Annotated[Path | None, typer.Option(help="JSONL with one planted pair (id, orig_id) a line.")] = None,
    datatrove: Annotated[str | None, typer.Option(help="A Python interpreter with datatrove.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the figures to this JSON file.")] = None,
) -> None:
    """Compare costs, then look at what was found."""
    name, corpus = corpus.name, texts_of(corpus)
    text = pl.concat([pl.read_ndjson(path, schema={"text": pl.String}) for path in sorted(corpus.glob("*.jsonl.gz"))])
    column = text.get_column("text").to_arrow().cast(pa.large_string())
    costs, ratios = compare_signatures(column)
    folder = Path(tempfile.mkdtemp(prefix="corpusmill-dedup-"))
    try:
        fuzzy, more = compare_fuzzy(corpus, datatrove, folder, column.nbytes, len(column))
        found = quality(truth, folder / "ours") if truth is not None else {}
    finally:
        shutil.rmtree(folder)
    print_costs(f"deduplication of {name}", [*costs, *fuzzy])
    if found:
        print_quality(found)
    finish(out, [*costs, *fuzzy], {**more, **ratios}, quality=found)


if __name__ == "__main__":
    typer.run(main)
