"""What is estimated before the run, and compared with what it cost."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pipelines.dedup.forecast import Cost, cost_record, detection_chances, folder_bytes, forecast_cost, forecast_lines, sample_pool
from pipelines.dedup.memory import band_row_bytes, signature_row_bytes
from pipelines.dedup.pool import Eligibility
from pipelines.dedup.spans.repeats.first_copies import UNIT_BYTES
from schemas.recipe import Dedup, MinHash
from tests.dedup.test_stage import words, write_segments


def estimated(dedup: Dedup, segments: list[Path], n_documents: int, eligibility: Eligibility | None = None) -> Cost:
    return forecast_cost(dedup, segments, n_documents, eligibility or Eligibility())


def test_bytes_follow_from_the_documents_and_the_largest_bucket_from_the_sample(tmp_path: Path) -> None:
    same = words(200, "same")
    texts = [" ".join([*same, str(row), f"tail{row}"]) for row in range(10)] + [" ".join(words(200, row)) for row in range(30)]
    dedup = Dedup()
    cost = estimated(dedup, write_segments(tmp_path, [texts]), 4000)
    assert cost.signature_bytes == 4000 * signature_row_bytes(dedup)
    assert cost.band_bytes == 4000 * 14 * band_row_bytes(dedup)
    assert cost.disk_bytes == cost.signature_bytes + cost.band_bytes
    assert cost.largest_bucket == 10 * 4000 // 40
    assert cost.cpu_s > 0


def test_equal_documents_are_no_bucket_if_an_earlier_kind_merges_them(tmp_path: Path) -> None:
    segments = write_segments(tmp_path, [[" ".join(words(100, "same"))] * 40])
    assert estimated(Dedup(), segments, 40).largest_bucket == 0
    assert estimated(Dedup(kinds=("minhash",)), segments, 40).largest_bucket == 40


def test_kinds_that_cut_write_texts_and_units_and_have_what_is_left_signed_anew(tmp_path: Path) -> None:
    segments = write_segments(tmp_path, [["\n".join(" ".join(words(5, f"{row} {line}")) for line in range(8)) for row in range(20)]])
    alone = estimated(Dedup(kinds=("exact",)), segments, 1000)
    lines = estimated(Dedup(kinds=("exact", "lines")), segments, 1000)
    n_units, n_chars = 1000 * 8, sum(len(row) for row in sample_pool(segments, Eligibility())[0].column("text").to_pylist()) * 1000 // 20
    assert lines.signature_bytes == alone.signature_bytes
    assert n_units * UNIT_BYTES + n_chars <= lines.disk_bytes - alone.disk_bytes < n_units * UNIT_BYTES + 1.2 * n_chars
    assert estimated(Dedup(kinds=("exact", "lines", "minhash")), segments, 1000).signature_bytes == 2 * alone.signature_bytes


def test_nothing_to_do_costs_next_to_nothing(tmp_path: Path) -> None:
    segments = write_segments(tmp_path, [["one", "two"]])
    nobody = Eligibility(lambda batch: np.zeros(batch.num_rows, bool))
    assert estimated(Dedup(), segments, 0, nobody).signature_bytes == 0
    assert estimated(Dedup(kinds=("exact",)), segments, 2).band_bytes == 0
    assert sample_pool(segments, nobody) == []


def test_lines_say_sizes_and_the_detection_curve() -> None:
    cost = Cost(n_documents=10, signature_bytes=5_300_000, band_bytes=2_000_000_000, disk_bytes=3, largest_bucket=0, cpu_s=7.4)
    lines = forecast_lines(cost, Dedup())
    assert "10 documents by exact, minhash: about 7 CPU seconds, 5.3 MB of signatures, 2.0 GB of bands" in lines[0]
    assert "largest bucket: none in the sample" in lines[0]
    assert "0.8: 0.923" in lines[1]
    assert "removed from 0.75 on" in lines[1]
    assert len(forecast_lines(cost, Dedup(kinds=("exact",)))) == 1


def test_forecast_and_measured_cost_are_recorded_together(tmp_path: Path) -> None:
    cost = Cost(n_documents=1, signature_bytes=2, band_bytes=3, disk_bytes=4, largest_bucket=5, cpu_s=6.0)
    both = cost_record(cost, cost, Dedup(minhash=MinHash(bands=5, rows=4)))
    assert both["forecast"] == both["happened"]
    assert both["detection_curve"]["0.8"] == round(1 - (1 - 0.8**4) ** 5, 4)
    assert detection_chances(Dedup())["0.9"] == 0.9996
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"12345")
    assert folder_bytes(tmp_path) == 5
