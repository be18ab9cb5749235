"""A corpus in JSONL files as DOCUMENT batches. It imports no Beam, whose start would be on the bill of what is measured."""

from __future__ import annotations

import atexit
import gzip
import json
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pyarrow as pa

from schemas.hops import DOCUMENT, MAX_BATCH_ROWS


def texts_of(corpus: Path) -> Path:
    """A folder with those *.jsonl.gz of `corpus` that hold texts: itself, or links to some of its files where others lie beside them."""
    files = sorted(corpus.glob("*.jsonl.gz")) if corpus.is_dir() else [corpus]
    with_text = [file for file in files if _has_text(file)]
    if not with_text:
        raise SystemExit(f"{corpus}: no *.jsonl.gz with a column text; give a folder that has some")
    if corpus.is_dir() and with_text == files:
        return corpus
    folder = Path(tempfile.mkdtemp(prefix="corpusmill-corpus-"))
    atexit.register(shutil.rmtree, folder)
    for file in with_text:
        (folder / file.name).symlink_to(file.resolve())
    return folder


def _has_text(file: Path) -> bool:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        return isinstance(json.loads(next(lines, "{}")).get("text"), str)


def documents(path: Path, most_rows: int = MAX_BATCH_ROWS) -> Iterator[pa.RecordBatch]:
    """A JSONL file with columns id and text as DOCUMENT batches; the id's bytes, cut or filled to 16, are the doc_id."""
    frame = pl.read_ndjson(path, schema={"id": pl.String, "text": pl.String}, ignore_errors=False)
    ids = [identifier.encode()[:16].ljust(16, b"\0") for identifier in frame["id"]]
    whole = batch_of(frame["text"].to_arrow().cast(pa.large_string()), ids, path.name)
    yield from pa.Table.from_batches([whole]).to_batches(max_chunksize=most_rows)


def batch_of(texts: list[str] | pa.Array, ids: list[bytes] | None = None, origin_file: str = "file") -> pa.RecordBatch:
    """One DOCUMENT row per text; origin_offset is its place. Without ids the place is the doc_id, too."""
    n = len(texts)
    given = {
        "doc_id": pa.array(ids if ids is not None else [i.to_bytes(16, "big") for i in range(n)], pa.binary(16)),
        "source": pa.repeat(pa.scalar("web", pa.large_string()), n),
        "source_class": pa.repeat(pa.scalar("other", pa.large_string()), n),
        "origin_file": pa.repeat(pa.scalar(origin_file, pa.large_string()), n),
        "origin_offset": pa.array(range(n), pa.uint64()),
        "part": pa.repeat(pa.scalar(0, pa.uint32()), n),
        "raw_text": texts if isinstance(texts, pa.Array) else pa.array(texts, pa.large_string()),
    }
    columns = [given.get(field.name, pa.nulls(n, field.type)) for field in DOCUMENT]
    return pa.RecordBatch.from_arrays(columns, schema=DOCUMENT)
