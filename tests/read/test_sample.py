"""What a look into the files of a source finds, without reading them."""

from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.read import sample as sampling
from pipelines.read.sample import Sample, sample_source
from pipelines.read.splits import plan
from schemas.recipe import Read, Source
from testkit.archives import members, pages


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("d").mkdir()
    return tmp_path


def look(source: Source) -> Sample:
    return sample_source("web", source, plan({"web": source}, Path("run")), Read())


def foreseen(sample: Sample) -> float:
    names = sample.batch.documents.column("origin_file").to_pylist() + sample.batch.failures.column("origin_file").to_pylist()
    return sum(sample.weights[name] for name in names)


def lines(n: int, seed: int = 0) -> bytes:
    draw = random.Random(seed)
    return b"".join(json.dumps({"text": draw.randbytes(200).hex(), "id": i}).encode() + b"\n" for i in range(n))


def test_every_bad_file_is_named_whether_it_is_sampled_or_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "SAMPLE_FILES", 2)
    for number in range(20):
        Path(f"d/{number:02}.jsonl").write_bytes(lines(3, number))
    Path("d/07.jsonl").write_bytes(b"<html>\n")
    Path("d/caf\udce9.jsonl.gz").touch()
    pq.write_table(pa.table({"content": ["a"]}), "d/other.parquet")
    sample = look(Source(path=("d",)))
    assert (sample.n_files, sample.bad_files) == (
        22,
        [("d/07.jsonl", "not_json_lines"), (r"d/caf\xe9.jsonl.gz", "empty_file"), ("d/other.parquet", "no_text_column")],
    )


@pytest.mark.parametrize("compress", [bytes, gzip.compress])
def test_records_of_large_files_are_foreseen_by_their_first_bytes(folder: Path, compress: object) -> None:
    content = lines(8000)
    Path("d/a.jsonl.gz").write_bytes(gzip.compress(content) if compress is gzip.compress else content)
    sample = look(Source(path=("d",)))
    assert sample.batch.n_records == sampling.SAMPLE_RECORDS
    assert sample.batch.failures.num_rows == 0
    assert sample.columns == ["text", "id"]
    assert foreseen(sample) == pytest.approx(8000, rel=0.05)


def test_the_cut_after_the_first_bytes_is_not_a_failure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "HEAD_BYTES", 4000)
    Path("d/a.warc.gz").write_bytes(b"".join(members(pages(400))))
    Path("d/b.warc.gz").write_bytes(gzip.compress(b"".join(pages(4000)), 1))
    sample = look(Source(path=("d",)))
    assert sample.bad_files == []
    assert sample.batch.failures.num_rows == 0
    assert 2 < sample.batch.documents.num_rows < 2 * sampling.SAMPLE_RECORDS + 1
    assert 2000 < foreseen(sample) < 8000


def test_estimates_are_made_by_format(folder: Path) -> None:
    Path("d/a.jsonl").write_bytes(lines(300))
    pq.write_table(pa.table({"text": ["a"] * 5000}), "d/b.parquet")
    Path("d/c.txt").write_text("a b c")
    assert foreseen(look(Source(path=("d",)))) == pytest.approx(300 + 5000 + 1)


def test_a_large_text_is_opened_and_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sampling, "SAMPLE_SMALL_FILES", 1)
    Path("d/a.txt").write_text("a b c")
    Path("d/b.txt").write_text("x" * (sampling.OPENING_BYTES + 1))
    opened = Path.open

    def denied(path: Path, *args: object) -> object:
        if path.name == "b.txt":
            raise PermissionError(13, "Permission denied")
        return opened(path, *args)  # type: ignore[call-overload]

    monkeypatch.setattr(Path, "open", denied)
    assert look(Source(path=("d",))).bad_files == [("d/b.txt", "unreadable_file")]
