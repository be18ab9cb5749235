"""The whole story, one line per room, top to bottom: three Beam graphs, one per barrier.

    collect   splits   -> read -> filter -> segments                          (every record seen, raw text on disk)
    refine    segments -> dedup -> apply merges and scrub -> documents        (needs every signature)
    encode    documents -> tokens -> shuffle -> shards                        (needs the trained tokenizer)

Text never passes a shuffle: dedup sends back which rows of which segment end where.
"""

from __future__ import annotations

from pathlib import Path

import apache_beam as beam
import pyarrow as pa

from pipelines.dedup.stage import Deduplicate
from pipelines.encode.stage import EncodeShards
from pipelines.filters.chain import FilterChain
from pipelines.filters.stage import Filter
from pipelines.read.splits import Split
from pipelines.read.stage import ReadSplits
from pipelines.runtime import Progress, ReportFiles, WriteSegments, ended, passed
from pipelines.scrub.scrub import redaction_fields
from pipelines.scrub.stage import ApplyMergesAndScrub
from schemas.hops import DOCUMENT, LEDGER
from schemas.recipe import Recipe

SEGMENTS = "work/segments"
LEDGER_FOLDER = "ledger"
DOCUMENTS = "documents"


def filtered_schema(recipe: Recipe) -> pa.Schema:
    """filters/ -> dedup/: DOCUMENT and every signal that the recipe computes."""
    return pa.schema([*DOCUMENT, *FilterChain.of(recipe).fields()])


def curated_schema(recipe: Recipe) -> pa.Schema:
    """scrub/ -> encode/: `text` stands where `raw_text` stood, and how much was redacted of each kind."""
    fields = [field for field in filtered_schema(recipe) if field.name != "raw_text"]
    return pa.schema([*fields, pa.field("text", pa.large_string(), nullable=False), *redaction_fields(recipe.scrub)])


def collect(pipeline: beam.Pipeline, recipe: Recipe, splits: list[Split], run: Path, report: Path, progress: Progress) -> None:
    """Sources -> DIR/work/segments, and the ledger of what could not be read or was dropped by a rule."""
    read = pipeline | "splits" >> beam.Create(splits) | "read" >> ReadSplits(recipe, progress)
    filtered = read | "documents" >> beam.Map(passed) | "filter" >> Filter(recipe)
    files = (
        filtered | "kept" >> beam.Map(passed) | "segments" >> WriteSegments(run, SEGMENTS, "segment", filtered_schema(recipe)),
        read | "unread" >> beam.Map(ended) | "read ledger" >> WriteSegments(run, LEDGER_FOLDER, "read", LEDGER, ".parquet"),
        filtered | "dropped" >> beam.Map(ended) | "filter ledger" >> WriteSegments(run, LEDGER_FOLDER, "filters", LEDGER, ".parquet"),
    )
    files | "files" >> beam.Flatten() | "report" >> ReportFiles(report)


def refine(
    pipeline: beam.Pipeline, recipe: Recipe, segments: list[Path], n_documents: int, run: Path, report: Path, progress: Progress
) -> None:
    """DIR/work/segments -> DIR/documents, and the ledger of what was merged and what is kept."""
    work = run / "work" / "refine"
    paths = [str(path) for path in segments]
    numbered = pipeline | "segments" >> beam.Create(list(enumerate(paths))) | "spread" >> beam.Reshuffle()
    merges = numbered | "dedup" >> Deduplicate(recipe.dedup, paths, n_documents, work, progress)
    refined = (numbered, merges) | "scrub" >> ApplyMergesAndScrub(recipe.scrub, work / "merges", progress)
    files = (
        refined | "curated" >> beam.Map(passed) | "documents" >> WriteSegments(run, DOCUMENTS, "documents", curated_schema(recipe)),
        refined | "merged" >> beam.Map(ended) | "ledger" >> WriteSegments(run, LEDGER_FOLDER, "refine", LEDGER, ".parquet"),
    )
    files | "files" >> beam.Flatten() | "report" >> ReportFiles(report)


def encode(
    pipeline: beam.Pipeline,
    recipe: Recipe,
    documents: list[Path],
    tokenizer: Path,
    schema: pa.Schema,
    n_ranges: int,
    run: Path,
    report: Path,
    progress: Progress,
) -> None:
    """DIR/documents -> DIR/shards, under provisional names."""
    paths = pipeline | "documents" >> beam.Create([str(path) for path in documents])
    shards = EncodeShards(recipe.encode, recipe.seed, tokenizer, schema, run, run / "work" / "encode", n_ranges, progress)
    paths | "encode" >> shards | "report" >> ReportFiles(report)
