"""Encoding from files with any tokenizer.json: the shards of a run, without the rest of a run."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from pipelines.commands.files import Files
from pipelines.driver.stages.encode import build
from pipelines.encode.shards import ShardIndex, named_shards, shard_index, write_shard_index
from pipelines.encode.stage import ShardJob
from pipelines.engine.execute import GraphResult, run_graph
from pipelines.engine.progress import Progress, watch_progress
from pipelines.engine.segments import read_report
from schemas import layout
from schemas.errors import EmptyCorpusError, OutputError, TokenizerError
from schemas.files import FileEntry, sha256_of, whole_file
from schemas.hops import tokens_schema
from schemas.ledger import check_step
from schemas.recipe import Encode
from schemas.splits import Split
from tokenizer import bpe

BYTES_PER_RANGE: Final = 200_000_000
"""Of input files: about what a range of the shuffled line is made of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """What came of it."""

    index: ShardIndex
    """The content of shards/index.json."""
    n_failed: int
    """Records that hold no document."""
    encoder: str
    """`fast`, or `tokenizers` for the reason below."""
    encoder_reason: str


def encode_files(
    paths: Sequence[str],
    tokenizer: Path,
    out: Path,
    config: Encode,
    *,
    end_of_text: str | None = None,
    seed: int = 0,
    workers: int = 1,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> Encoded:
    """The documents of these files as OUT/shards, in the order and with the split that a run gives them, and OUT/tokenizer.

    `end_of_text` is the token that separates documents; None takes "<|endoftext|>" where the tokenizer has it. `on_progress` is called with
    the parts done and all parts.
    """
    if (out / "shards").exists():
        raise OutputError("CM-COMMAND-004", f"{out / 'shards'} is there already; name another folder with --out, or delete it")
    encoder = bpe.Encoder(tokenizer)
    end = encoder.tokenizer.token_to_id(end_of_text or "<|endoftext|>")
    if end_of_text and end is None:
        raise TokenizerError("CM-COMMAND-005", f"{tokenizer} has no token {end_of_text!r} to end documents with")
    files = Files(paths)
    kept = out / layout.TOKENIZER_FILE
    with whole_file(kept) as temporary:
        shutil.copyfile(tokenizer, temporary)
    n_bytes = sum(file.stat().st_size for part in files.parts for file in ([part] if isinstance(part, Path) else map(Path, part.files)))
    job = ShardJob(
        read=files.read,
        documents=files.parts,
        config=config,
        seed=seed,
        tokenizer=kept,
        schema=tokens_schema(encoder.vocab_size, {"tokenizer": sha256_of(kept), "scrub": "taken as given"}),
        n_partitions=max(1, math.ceil(n_bytes / BYTES_PER_RANGE)),
    )
    ran, reported = run_job(job, out, workers, on_progress)
    counted = ran.counters.get("encode", {})
    check_step("encode", counted.get("n_in", 0), sum(file.n_rows or 0 for file in reported), 0)
    if not reported:
        raise EmptyCorpusError("CM-COMMAND-006", f"no document stands in {', '.join(paths)}; name other files")
    named = {"path": layout.TOKENIZER_FILE, "sha256": sha256_of(kept), "vocab_size": encoder.vocab_size, "end_of_text": end}
    index = shard_index(named_shards(reported, out), out, named, str(encoder.id_type))
    write_shard_index(out / "shards" / "index.json", index)
    n_failed = ran.counters.get("read", {}).get("failed", 0)
    return Encoded(index=index, n_failed=n_failed, encoder=encoder.path, encoder_reason=encoder.reason)


def run_job(
    job: ShardJob[Path | Split], out: Path, workers: int, on_progress: Callable[[int, int], None]
) -> tuple[GraphResult, list[FileEntry]]:
    """Run the graph; what it counted and the shards that it wrote."""
    work = out / layout.WORK
    report, progress = work / "encode.json", Progress(work / "encode.progress")
    with watch_progress(progress, lambda done: on_progress(done, len(job.documents))):
        ran = run_graph(lambda pipeline: build(pipeline, job, out, work, report, progress), runner="local", workers=workers)
    files = read_report(report)
    shutil.rmtree(work)
    return ran, files
