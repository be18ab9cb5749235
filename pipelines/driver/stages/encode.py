"""Documents -> tokens -> shuffle -> token shards."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TypeVar

import apache_beam as beam

from pipelines.driver.context import RunContext, StageResult
from pipelines.encode.shards import named_shards, shard_index, write_shard_index
from pipelines.encode.stage import EncodeShards, ShardJob
from pipelines.engine.progress import Progress
from pipelines.engine.segments import ReportFiles, batches_of
from pipelines.scrub.scrub import scrub_digest
from schemas import layout
from schemas.files import entry, sha256_of
from schemas.hops import tokens_schema
from schemas.ledger import check_step
from schemas.manifest import Counts
from schemas.shaping import corpus_digest
from schemas.stages import StageName
from tokenizer import bpe

_Part = TypeVar("_Part")


def build(pipeline: beam.Pipeline, job: ShardJob[_Part], run: Path, work: Path, report: Path, progress: Progress) -> None:
    """The graph: what `job.documents` names -> RUN/shards, under provisional names."""
    parts = pipeline | "documents" >> beam.Create(job.documents)
    parts | "encode" >> EncodeShards(job, run, work, progress) | "report" >> ReportFiles(report)


def run(context: RunContext) -> StageResult:
    """Encode, shuffle, write shards, number them and write their index."""
    recipe, folder = context.recipe, context.folder
    tokenizer, documents = folder / layout.TOKENIZER_FILE, context.documents()
    encoder = bpe.Encoder(tokenizer)
    metadata = {"tokenizer": sha256_of(tokenizer), "recipe": corpus_digest(recipe), "scrub": scrub_digest(recipe.scrub)}
    n_bytes = sum(path.stat().st_size for path in documents)
    job = ShardJob(
        read=batches_of,
        documents=documents,
        config=recipe.encode,
        held_out=recipe.dedup.protected,
        seed=recipe.seed,
        tokenizer=tokenizer,
        schema=tokens_schema(encoder.vocab_size, metadata),
        n_partitions=math.ceil(n_bytes / (4 * recipe.encode.shard_tokens)),  # about four bytes a token
    )
    ran, files = context.graph(StageName.ENCODE, len(documents), lambda g: build(g.pipeline, job, g.run, g.work, g.report, g.progress))
    counters = ran.counters.get(StageName.ENCODE, {})
    counts = Counts(n_in=counters.get("n_in", 0), n_out=counters.get("n_out", 0))
    check_step(StageName.ENCODE, counts.n_in, counts.n_out, 0)
    check_step(StageName.ENCODE, context.records[StageName.CURATE].counts["dedup"].n_out, sum(file.n_rows or 0 for file in files), 0)
    shards, path = named_shards(files, folder), folder / layout.SHARDS / "index.json"
    end = encoder.tokenizer.token_to_id(recipe.tokenizer.special_tokens[0])
    named = {"path": layout.TOKENIZER_FILE, "sha256": metadata["tokenizer"], "vocab_size": encoder.vocab_size, "end_of_text": end}
    index = shard_index(shards, folder, named, str(encoder.id_type))
    write_shard_index(path, index)
    details = {
        "encoder": encoder.path,  # "fast", or "tokenizers" if the file needs a feature that the compiled encoder lacks,
        "encoder_reason": encoder.reason,  # and why
        "n_tokens": sum(shard["n_tokens"] for shard in index["shards"]),
        "n_shards": len(shards),
        "sources": index["sources"],
    }
    return StageResult(outputs=[*shards, entry(path, folder)], counts={StageName.ENCODE: counts}, details=details)
