"""Intact files of every format through the command line: the ledger has every record, and the corpus is what was written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa

from testkit.fuzz.files import file_of
from testkit.fuzz.reading import lines_of
from tokenizer.decode import TokenDecoder
from tokenizer.encode import Encoder

ROOT: Final = Path(__file__).parents[2]
SETTINGS: Final = {
    "name": "fuzz",
    "sources.files.path": "files",
    "sources.code.path": "code",
    "sources.code.format": "code",
    "filters.rules": [],
    "dedup.kinds": ["exact"],
    "guards.max_failed_files": 1,
    "tokenizer.vocab_size": 600,
    "pretrain.enabled": False,
}


def check_run(folder: Path, seed: int, numbers: range) -> Iterator[str]:
    """What is wrong after a run over the files in `folder`, which is where it works."""
    files = [file_of(seed, number) for number in numbers]
    for file in files:
        path = folder / ("code" if file.name.endswith(".py") else "files") / file.name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(file.stored)
    (folder / "fuzz.toml").write_text("".join(f"{key} = {json.dumps(value)}\n" for key, value in SETTINGS.items()))
    command = [sys.executable, str(ROOT / "run_pipeline.py"), "run", "fuzz.toml", "--out", "out"]
    done = subprocess.run(
        command, cwd=folder, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False, timeout=600
    )
    if done.returncode:
        yield f"the run ends with status {done.returncode}: {done.stderr[-600:]}"
        return
    n_records = sum(len(file.records) - file.n_passed_over for file in files)
    n_rows = pl.read_parquet(folder / "out" / "ledger" / "*.parquet").height
    if n_rows != n_records:
        yield f"the ledger has {n_rows} rows of {n_records} records"
    texts = [text for file in files for text in file.texts.values()]
    made = Counter(lines_of(text.hidden) for text in texts)
    written = pl.read_ipc(folder / "out" / "documents" / "*.arrow").get_column("text").to_list()
    wrong = Counter(map(lines_of, written)) - made
    if wrong.total() > made[""]:
        yield from (f"a document is what nobody wrote: {text[:200]!a}" for text in wrong)
    if len(written) != len(texts):
        yield f"{len(written)} documents of {len(texts)}"
    decoder = TokenDecoder(Encoder(folder / "out" / "tokenizer" / "tokenizer.json"))
    shards = [pa.ipc.open_file(str(path)).read_all() for path in (folder / "out" / "shards").glob("*.arrow")]
    decoded = [text for shard in shards for column in shard.column("tokens").chunks for text in decoder.to_text(column).to_pylist()]
    if gone := Counter(written) - Counter(text.removesuffix("<|endoftext|>") for text in decoded):
        yield f"{gone.total()} documents do not come back from the shards, such as {next(iter(gone))[:200]!a}"
