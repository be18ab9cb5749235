"""Encoding files with any tokenizer.json: the shards of a run without the rest of a run."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
from schemas.stages import StageName
from tokenizer import bpe

BYTES_PER_PARTITION: Final = 200_000_000
"""Bytes of input files per partition of the shuffle, roughly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeRequest:
    """What to encode, and how."""

    paths: Sequence[str]
    """Files, folders, globs or run folders."""
    tokenizer: Path
    """A tokenizer.json."""
    config: Encode = field(default_factory=Encode)
    end_of_text: str | None = None
    """The token that separates documents; None means "<|endoftext|>" if the tokenizer has it."""
    seed: int = 0
    """Seed of the order and the split."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """The result of encoding."""

    index: ShardIndex
    """The content of shards/index.json."""
    n_failed: int
    """Records without a document."""
    encoder: str
    """`fast`, or `tokenizers` for `encoder_reason`."""
    encoder_reason: str


def encode_files(
    request: EncodeRequest, out: Path, *, workers: int = 1, on_progress: Callable[[int, int], None] = lambda done, total: None
) -> Encoded:
    """Write the documents of files as OUT/shards, in the order and split of a run, and copy the tokenizer to OUT/tokenizer.

    Calls `on_progress` with (parts done, total parts). Raises OutputError if OUT/shards exists, TokenizerError if the tokenizer lacks the
    end-of-text token, InputError or EmptyCorpusError if there are no documents.
    """
    if (out / "shards").exists():
        raise OutputError("CM-COMMAND-004", f"{out / 'shards'} exists already; pass another folder with --out, or delete it")
    encoder = bpe.Encoder(request.tokenizer)
    end_of_text = encoder.tokenizer.token_to_id(request.end_of_text or "<|endoftext|>")
    if request.end_of_text and end_of_text is None:
        raise TokenizerError("CM-COMMAND-005", f"{request.tokenizer} has no token {request.end_of_text!r}; pass another --end-of-text")
    files = Files(request.paths)
    kept = out / layout.TOKENIZER_FILE
    with whole_file(kept) as temporary:
        shutil.copyfile(request.tokenizer, temporary)
    ran, reported = run_job(shard_job(request, files, kept, encoder.vocab_size), out, workers, on_progress)
    counted = ran.counters.get(StageName.ENCODE, {})
    check_step(StageName.ENCODE, counted.get("n_in", 0), sum(file.n_rows or 0 for file in reported), 0)
    if not reported:
        raise EmptyCorpusError("CM-COMMAND-006", f"{', '.join(request.paths)} contain no documents; pass other files")
    stated = {"path": layout.TOKENIZER_FILE, "sha256": sha256_of(kept), "vocab_size": encoder.vocab_size, "end_of_text": end_of_text}
    index = shard_index(named_shards(reported, out), out, stated, str(encoder.id_type))
    write_shard_index(out / "shards" / "index.json", index)
    n_failed = ran.counters.get("read", {}).get("failed", 0)
    return Encoded(index=index, n_failed=n_failed, encoder=encoder.path, encoder_reason=encoder.reason)


def shard_job(request: EncodeRequest, files: Files, tokenizer: Path, vocab_size: int) -> ShardJob[Path | Split]:
    """The work of the graph, in partitions of about BYTES_PER_PARTITION bytes of input."""
    paths = (path for part in files.parts for path in ([part] if isinstance(part, Path) else map(Path, part.files)))
    n_bytes = sum(path.stat().st_size for path in paths)
    return ShardJob(
        read=files.read,
        documents=files.parts,
        config=request.config,
        seed=request.seed,
        tokenizer=tokenizer,
        schema=tokens_schema(vocab_size, {"tokenizer": sha256_of(tokenizer), "scrub": "taken as given"}),
        n_partitions=max(1, math.ceil(n_bytes / BYTES_PER_PARTITION)),
    )


def run_job(
    job: ShardJob[Path | Split], out: Path, workers: int, on_progress: Callable[[int, int], None]
) -> tuple[GraphResult, list[FileEntry]]:
    """Run the graph. Returns its counters and the shards that it wrote."""
    work = out / layout.WORK
    report, progress = work / "encode.json", Progress(work / "encode.progress")
    with watch_progress(progress, lambda done: on_progress(done, len(job.documents))):
        ran = run_graph(lambda pipeline: build(pipeline, job, out, work, report, progress), runner="local", workers=workers)
    files = read_report(report)
    shutil.rmtree(work)
    return ran, files
