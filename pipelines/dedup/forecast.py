"""What deduplication will cost and find, estimated from a sample of the pool before it runs, and what it did cost."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from pipelines.dedup.memory import band_row_bytes, block_row_bytes, signature_row_bytes
from pipelines.dedup.minhash import band_keys, detection_probability
from pipelines.dedup.pool import Eligibility
from pipelines.dedup.sign import Signer
from pipelines.dedup.spans.find import unit_finder
from pipelines.dedup.spans.repeats.first_copies import UNIT_BYTES
from schemas.recipe import Dedup

SAMPLE_BATCHES: Final = 8
SAMPLE_ROWS: Final = 512  # of each batch
CURVE_AT: Final = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
# Seconds besides signing and finding units, measured on one core in 2026: an order of magnitude.
_START_S: Final = 0.5  # of each kind, and of the graph
_BAND_ROW_S: Final = 3.0e-6
_UNIT_ROW_S: Final = 0.5e-6
_WRITE_BYTES_PER_S: Final = 250e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """The cost of one deduplication, estimated or measured."""

    n_documents: int
    signature_bytes: int
    band_bytes: int
    """Bytes of the keys by which near-duplicates meet."""
    disk_bytes: int
    """Bytes of all work files that exist at the same time."""
    largest_bucket: int
    """Documents that share one band; 0 if none of the sample do."""
    cpu_s: float


def detection_chances(dedup: Dedup) -> dict[str, float]:
    """{Jaccard similarity: chance that a pair shares a band}: the share of such pairs that can be found."""
    chances = detection_probability(CURVE_AT, dedup.minhash.bands, dedup.minhash.rows)
    return {f"{at}": round(float(chance), 4) for at, chance in zip(CURVE_AT, chances, strict=True)}


def forecast_cost(dedup: Dedup, segments: list[Path], n_documents: int, eligibility: Eligibility) -> Cost:
    """Sign a few documents and cut them into units, as the run does with all. How much text the kinds cut is not estimated."""
    texts = sample_pool(segments, eligibility)
    n = sum(batch.num_rows for batch in texts)
    if n == 0:
        return Cost(n_documents=n_documents, signature_bytes=0, band_bytes=0, disk_bytes=0, largest_bucket=0, cpu_s=_START_S)
    rows, sign_s = _signed(dedup, texts)
    n_units, find_s = _found_units(dedup, texts)
    # Texts that were cut are signed again.
    n_signed = sum(not cuts for cuts, _ in groupby(dedup.kinds, key=lambda kind: kind in dedup.cut_kinds))
    text_bytes = sum(batch.column("text").nbytes for batch in texts) / n
    n_bands = dedup.minhash.bands if "minhash" in dedup.kinds else 0
    n_shuffled = sum(kind in ("url", "exact") for kind in dedup.kinds)
    signature_bytes = n_documents * signature_row_bytes(dedup)
    band_bytes = n_documents * (n_bands * band_row_bytes(dedup) + ("simhash" in dedup.kinds) * block_row_bytes(dedup))
    cut_bytes = n_documents * (n_units / n * UNIT_BYTES + text_bytes * len(dedup.cut_kinds))
    seconds = (n_signed * sign_s + find_s + n_units * _UNIT_ROW_S) / n
    seconds += n_bands * _BAND_ROW_S + (1 + len(dedup.cut_kinds)) * text_bytes / _WRITE_BYTES_PER_S
    return Cost(
        n_documents=n_documents,
        signature_bytes=n_signed * signature_bytes,
        band_bytes=band_bytes,
        disk_bytes=int(signature_bytes * n_shuffled + band_bytes + cut_bytes),
        largest_bucket=_largest_bucket(rows, dedup) * n_documents // n if n_bands else 0,
        cpu_s=round(_START_S * (1 + len(dedup.kinds)) + n_documents * seconds, 1),
    )


def _signed(dedup: Dedup, texts: list[pa.RecordBatch]) -> tuple[pa.Table, float]:
    """(SIGNATURE rows of the sample, CPU seconds to make them)."""
    sign = Signer(dedup)
    sign(texts[0].slice(0, 1), np.zeros(1, np.uint64))  # compile
    start = time.process_time()
    rows = pa.Table.from_batches([sign(batch, np.arange(batch.num_rows, dtype=np.uint64)) for batch in texts])
    return rows, time.process_time() - start


def _found_units(dedup: Dedup, texts: list[pa.RecordBatch]) -> tuple[int, float]:
    """(number of units of all kinds that cut, CPU seconds to find them)."""
    n_units, seconds = 0, 0.0
    for kind in dedup.cut_kinds:
        find = unit_finder(kind, dedup)
        find(texts[0].column("text").slice(0, 1))  # compile
        start = time.process_time()
        n_units += sum(len(find(batch.column("text"))) for batch in texts)
        seconds += time.process_time() - start
    return n_units, seconds


def sample_pool(segments: list[Path], eligibility: Eligibility) -> list[pa.RecordBatch]:
    """Eligible documents of batches spread evenly over the pool: columns doc_id, source, url, text."""
    batches = []
    for path in segments[:: max(1, len(segments) // SAMPLE_BATCHES)]:
        with pa.memory_map(str(path)) as file:
            reader = pa.ipc.open_file(file)
            if reader.num_record_batches:
                batches.append(reader.get_batch(reader.num_record_batches // 2))
    taken = (eligibility(batch, ("doc_id", "source", "url", "text")).documents.slice(0, SAMPLE_ROWS) for batch in batches)
    return [batch for batch in taken if batch.num_rows]


def _largest_bucket(rows: pa.Table, dedup: Dedup) -> int:
    """The most documents of the sample that share a band and are not exact copies; 0 if no two do."""
    table = rows.combine_chunks()
    if "exact" in dedup.kinds:
        _, first = np.unique(np.array(table.column("exact_hash").to_pylist(), "S16"), return_index=True)
        table = table.take(pa.array(np.sort(first)))
    keys = band_keys(table.combine_chunks().to_batches()[0], dedup.minhash).column("key").to_numpy()
    most = int(np.unique(keys, return_counts=True)[1].max()) if len(keys) else 0
    return most if most > 1 else 0


def forecast_lines(cost: Cost, dedup: Dedup) -> list[str]:
    """The forecast as lines to print."""
    bucket = f"about {cost.largest_bucket} documents" if cost.largest_bucket else "none in the sample"
    sizes = f"{_mb(cost.signature_bytes)} of signatures, {_mb(cost.band_bytes)} of bands, {_mb(cost.disk_bytes)} on disk"
    kinds = ", ".join(dedup.kinds) or "nothing"
    lines = [f"dedup of {cost.n_documents} documents by {kinds}: about {cost.cpu_s:.0f} CPU seconds, {sizes}; largest bucket: {bucket}"]
    if "minhash" in dedup.kinds:
        curve = ", ".join(f"{at}: {chance:.3f}" for at, chance in detection_chances(dedup).items())
        lines.append(f"of pairs with a Jaccard similarity of ... this share is compared: {curve}; removed from {dedup.minhash.limit} on")
    return lines


def cost_record(estimated: Cost, measured: Cost, dedup: Dedup) -> dict[str, dict[str, float]]:
    """The entry `dedup_cost` of run.json."""
    curve = {"detection_curve": detection_chances(dedup)} if "minhash" in dedup.kinds else {}
    return {"forecast": asdict(estimated), "happened": asdict(measured), **curve}


def folder_bytes(folder: Path) -> int:
    """Size of all files below a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes < 1e9 else f"{n_bytes / 1e9:.1f} GB"
