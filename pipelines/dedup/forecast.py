"""What deduplication will cost and find, from a sample of the pool, before it runs; and the same of what happened."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa

from pipelines.dedup.memory import band_row_bytes, block_row_bytes, signature_row_bytes
from pipelines.dedup.minhash import band_keys, detection_probability
from pipelines.dedup.pool import TakePart
from pipelines.dedup.sign import Signer
from pipelines.dedup.spans.find import UNITS
from pipelines.dedup.spans.repeats import UNIT_BYTES
from schemas.recipe import Dedup

SAMPLE_BATCHES: Final = 8
SAMPLE_ROWS: Final = 512  # of each batch
CURVE_AT: Final = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95)
# Seconds beside signing and finding units, measured on one core of 2026: they are an order of size, no promise.
_START_S: Final = 0.5  # of each kind, and of the graph
_BAND_ROW_S: Final = 3.0e-6
_UNIT_ROW_S: Final = 0.5e-6
_WRITE_BYTES_PER_S: Final = 250e6


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """Of one deduplication, foreseen or seen."""

    n_documents: int
    signature_bytes: int
    band_bytes: int
    """Of the keys by which near-duplicates meet."""
    disk_bytes: int
    """Everything that lies in the work folder at once."""
    largest_bucket: int
    """Documents that share one band; 0 where a sample shows none that do."""
    cpu_s: float


def detection_curve(dedup: Dedup) -> dict[str, float]:
    """The share of pairs that share a band, by Jaccard similarity: what can be found at all."""
    chances = detection_probability(CURVE_AT, dedup.minhash.bands, dedup.minhash.rows)
    return {f"{at}": round(float(chance), 4) for at, chance in zip(CURVE_AT, chances, strict=True)}


def forecast(dedup: Dedup, segments: list[Path], n_documents: int, take_part: TakePart) -> Cost:
    """A few documents are signed, and cut into units, as the run will do with all; how much text the kinds cut is not foreseen."""
    texts = sample(segments, take_part)
    n = sum(batch.num_rows for batch in texts)
    if n == 0:
        return Cost(n_documents=n_documents, signature_bytes=0, band_bytes=0, disk_bytes=0, largest_bucket=0, cpu_s=_START_S)
    rows, sign_s = _signed(dedup, texts)
    n_units, find_s = _found_units(dedup, texts)
    # Texts that were cut are signed anew.
    n_signed = sum(not cuts for cuts, _ in groupby(dedup.kinds, key=lambda kind: kind in dedup.cut_kinds))
    text_bytes = sum(batch.column("text").nbytes for batch in texts) / n
    n_bands = dedup.minhash.bands if "minhash" in dedup.kinds else 0
    n_exchanged = sum(kind in ("url", "exact") for kind in dedup.kinds)
    signature_bytes = n_documents * signature_row_bytes(dedup)
    band_bytes = n_documents * (n_bands * band_row_bytes(dedup) + ("simhash" in dedup.kinds) * block_row_bytes(dedup))
    cut_bytes = n_documents * (n_units / n * UNIT_BYTES + text_bytes * len(dedup.cut_kinds))
    seconds = (n_signed * sign_s + find_s + n_units * _UNIT_ROW_S) / n
    seconds += n_bands * _BAND_ROW_S + (1 + len(dedup.cut_kinds)) * text_bytes / _WRITE_BYTES_PER_S
    return Cost(
        n_documents=n_documents,
        signature_bytes=n_signed * signature_bytes,
        band_bytes=band_bytes,
        disk_bytes=int(signature_bytes * n_exchanged + band_bytes + cut_bytes),
        largest_bucket=_largest_bucket(rows, dedup) * n_documents // n if n_bands else 0,
        cpu_s=round(_START_S * (1 + len(dedup.kinds)) + n_documents * seconds, 1),
    )


def _signed(dedup: Dedup, texts: list[pa.RecordBatch]) -> tuple[pa.Table, float]:
    """(signatures of the sample, CPU seconds that they took)."""
    sign = Signer(dedup)
    sign(texts[0].slice(0, 1), np.zeros(1, np.uint64))  # compile
    start = time.process_time()
    rows = pa.Table.from_batches([sign(batch, np.arange(batch.num_rows, dtype=np.uint64)) for batch in texts])
    return rows, time.process_time() - start


def _found_units(dedup: Dedup, texts: list[pa.RecordBatch]) -> tuple[int, float]:
    """(units of all kinds that cut in the sample, CPU seconds to find them)."""
    n_units, seconds = 0, 0.0
    for kind in dedup.cut_kinds:
        find = partial(UNITS[kind], config=getattr(dedup, kind))
        find(texts[0].column("text").slice(0, 1))  # compile
        start = time.process_time()
        n_units += sum(len(find(batch.column("text"))) for batch in texts)
        seconds += time.process_time() - start
    return n_units, seconds


def sample(segments: list[Path], take_part: TakePart) -> list[pa.RecordBatch]:
    """Documents that take part, from batches spread evenly over the pool: columns doc_id, source, url, text."""
    batches = []
    for path in segments[:: max(1, len(segments) // SAMPLE_BATCHES)]:
        with pa.memory_map(str(path)) as file:
            reader = pa.ipc.open_file(file)
            if reader.num_record_batches:
                batches.append(reader.get_batch(reader.num_record_batches // 2))
    taken = (take_part(batch, ("doc_id", "source", "url", "text"))[0].slice(0, SAMPLE_ROWS) for batch in batches)
    return [batch for batch in taken if batch.num_rows]


def _largest_bucket(rows: pa.Table, dedup: Dedup) -> int:
    """Most documents of the sample that share a band and are not equal under an earlier kind; 0 where no two do."""
    table = rows.combine_chunks()
    if "exact" in dedup.kinds:
        _, first = np.unique(np.array(table.column("exact_hash").to_pylist(), "S16"), return_index=True)
        table = table.take(pa.array(np.sort(first)))
    keys = band_keys(table.combine_chunks().to_batches()[0], dedup.minhash).column("key").to_numpy()
    most = int(np.unique(keys, return_counts=True)[1].max()) if len(keys) else 0
    return most if most > 1 else 0


def lines_of(cost: Cost, dedup: Dedup) -> list[str]:
    """What is printed before the run."""
    bucket = f"about {cost.largest_bucket} documents" if cost.largest_bucket else "none in the sample"
    sizes = f"{_mb(cost.signature_bytes)} of signatures, {_mb(cost.band_bytes)} of bands, {_mb(cost.disk_bytes)} on disk"
    kinds = ", ".join(dedup.kinds) or "nothing"
    lines = [f"dedup of {cost.n_documents} documents by {kinds}: about {cost.cpu_s:.0f} CPU seconds, {sizes}; largest bucket: {bucket}"]
    if "minhash" in dedup.kinds:
        curve = ", ".join(f"{at}: {chance:.3f}" for at, chance in detection_curve(dedup).items())
        lines.append(f"of pairs with a Jaccard similarity of ... this share is compared: {curve}; removed from {dedup.minhash.limit} on")
    return lines


def compared(foreseen: Cost, happened: Cost, dedup: Dedup) -> dict[str, Any]:
    """For run.json."""
    curve = {"detection_curve": detection_curve(dedup)} if "minhash" in dedup.kinds else {}
    return {"forecast": asdict(foreseen), "happened": asdict(happened), **curve}


def folder_bytes(folder: Path) -> int:
    """Of all files below."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _mb(n_bytes: int) -> str:
    return f"{n_bytes / 1e6:.1f} MB" if n_bytes < 1e9 else f"{n_bytes / 1e9:.1f} GB"
