"""The whole story, one line per room, top to bottom: four Beam graphs, one per barrier.

    collect   splits    -> read -> measure -> scrub -> decide -> pool         (every record seen; raw text is not written)
    refine    pool      -> dedup -> documents                                 (needs every signature)
    tokenizer documents -> counts of pre-tokens                               (needs every document)
    encode    documents -> tokens -> shuffle -> shards                        (needs the trained tokenizer)

one that decides anew about a finished run (the pool's signals -> decide -> ledger), and one before `refine` where a recipe asks
for it (the pool's texts -> counts of evaluation n-grams).
Text never passes a shuffle: dedup sends back which rows of which pool file end where.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import apache_beam as beam
import pyarrow as pa

from pipelines.dedup.apply.stage import ApplyMerges
from pipelines.dedup.clusters import CLUSTER_SIZE
from pipelines.dedup.evals.decontaminate import EVALUATION_CUT, cuts_items
from pipelines.dedup.evals.stage import FindCommonGrams
from pipelines.dedup.forecast import Cost, forecast
from pipelines.dedup.pool import Keeps, TakePart
from pipelines.dedup.snapshots.index import open_index
from pipelines.dedup.snapshots.stage import StageSnapshot
from pipelines.dedup.spans.rewrite import cut_fields
from pipelines.dedup.stage import Deduplicate
from pipelines.encode.sample import Group
from pipelines.encode.stage import CountPretokens, EncodeShards
from pipelines.engine.decision import ended, passed
from pipelines.engine.progress import Progress
from pipelines.engine.segments import ReportFiles, WriteSegments
from pipelines.filters.chain import FilterChain
from pipelines.filters.decide import Decider, Judge
from pipelines.filters.stage import Decide, DecideAgain, Measure
from pipelines.read.splits import Split
from pipelines.read.stage import ReadSplits
from pipelines.scrub import density
from pipelines.scrub.audit import AUDIT
from pipelines.scrub.index import INDEX
from pipelines.scrub.scrub import redaction_fields
from pipelines.scrub.stage import ScrubDocuments, audit_of, index_of, left_out, mend
from schemas.hops import DOCUMENT, LEDGER
from schemas.recipe import Encode, Recipe, Tokenizer

POOL = "pool"
WORK_POOL = "work/pool"
"""Where the pool lies if what the rules drop is not kept: it is gone after `refine`."""
LEDGER_FOLDER = "ledger"
AUDIT_FOLDER = "scrub_audit"
INDEX_FOLDER = "index"
DOCUMENTS = "documents"
COLLECTED = (POOL, WORK_POOL, LEDGER_FOLDER, AUDIT_FOLDER, INDEX_FOLDER)
"""Folders that `collect` writes to."""
SNAPSHOT = "work/refine/snapshot"
"""What goes into the dedup index when the stage is done."""


def pool_folder(recipe: Recipe) -> str:
    """Where measured and scrubbed documents wait for a decision."""
    return POOL if recipe.filters.keep_dropped else WORK_POOL


def decider_of(recipe: Recipe) -> Decider:
    """What decides about the pool's documents."""
    return Decider.of(recipe, density_rules(recipe))


def density_rules(recipe: Recipe) -> Judge:
    """The rules on private values, which judge after all others."""
    return partial(density.judge, config=recipe.scrub)


def curated_schema(recipe: Recipe) -> pa.Schema:
    """The pool: DOCUMENT with every signal, `text` for `raw_text`, and how much was redacted of each kind."""
    fields = [field for field in (*DOCUMENT, *FilterChain.of(recipe).fields()) if field.name != "raw_text"]
    return pa.schema([*fields, pa.field("text", pa.large_string(), nullable=False), *redaction_fields(recipe.scrub)])


def documents_schema(recipe: Recipe) -> pa.Schema:
    """The documents: the pool's columns, how much was cut of each text, and how many copies each stands for."""
    of_items = [EVALUATION_CUT] if cuts_items(recipe.decontaminate) else []
    return pa.schema([*curated_schema(recipe), *cut_fields(recipe.dedup), CLUSTER_SIZE, *of_items])


def collect(pipeline: beam.Pipeline, recipe: Recipe, splits: list[Split], run: Path, report: Path, progress: Progress) -> None:
    """Sources -> the pool, and the ledger of what could not be read or is dropped by a rule."""
    read = pipeline | "splits" >> beam.Create(splits) | "read" >> ReadSplits(recipe, progress)
    measured = read | "documents" >> beam.Map(passed) | "measure" >> Measure(recipe)
    scrubbed = measured | "scrub" >> ScrubDocuments(recipe.scrub, recipe.opt_out)
    decided = scrubbed | "decide" >> Decide(recipe, density_rules(recipe))
    files = (
        scrubbed | "audited" >> beam.Map(audit_of) | "audit" >> WriteSegments(run, AUDIT_FOLDER, "audit", AUDIT, ".parquet"),
        scrubbed | "indexed" >> beam.Map(index_of) | "index" >> WriteSegments(run, INDEX_FOLDER, "index", INDEX, ".parquet"),
        scrubbed | "left out" >> beam.Map(left_out) | "opt-out ledger" >> WriteSegments(run, LEDGER_FOLDER, "opt_out", LEDGER, ".parquet"),
        decided | "pool" >> beam.Map(passed) | "segments" >> WriteSegments(run, pool_folder(recipe), "segment", curated_schema(recipe)),
        read | "unread" >> beam.Map(ended) | "read ledger" >> WriteSegments(run, LEDGER_FOLDER, "read", LEDGER, ".parquet"),
        decided | "dropped" >> beam.Map(ended) | "filter ledger" >> WriteSegments(run, LEDGER_FOLDER, "filters", LEDGER, ".parquet"),
    )
    files | "files" >> beam.Flatten() | "report" >> ReportFiles(report)


def decide_again(pipeline: beam.Pipeline, recipe: Recipe, segments: list[Path], run: Path, report: Path, progress: Progress) -> None:
    """The pool's signals -> the ledger of what is dropped by a rule."""
    paths = pipeline | "segments" >> beam.Create([str(path) for path in segments])
    dropped = paths | "decide" >> DecideAgain(recipe, density_rules(recipe), progress)
    dropped | "ledger" >> WriteSegments(run, LEDGER_FOLDER, "filters", LEDGER, ".parquet") | "report" >> ReportFiles(report)


def find_common_grams(
    pipeline: beam.Pipeline, recipe: Recipe, segments: list[Path], keeps: Keeps, run: Path, report: Path, progress: Progress
) -> None:
    """The pool's rows that `keeps` keeps -> the n-grams of evaluation sets that stand in too many of them to be evidence."""
    paths = pipeline | "segments" >> beam.Create([str(path) for path in segments])
    common = FindCommonGrams(recipe, keeps, len(segments), run, run / "work" / "refine" / "grams", progress)
    paths | "common" >> common | "report" >> ReportFiles(report)


def forecast_refine(recipe: Recipe, segments: list[Path], n_documents: int, take_part: TakePart) -> Cost:
    """What deduplication will cost."""
    return forecast(recipe.dedup, segments, n_documents, take_part)


def refine(
    pipeline: beam.Pipeline,
    recipe: Recipe,
    segments: list[Path],
    n_documents: int,
    take_part: TakePart,
    run: Path,
    report: Path,
    progress: Progress,
) -> None:
    """The pool's rows that take part -> DIR/documents, and the ledger of what was merged and what is kept."""
    dedup, work = recipe.dedup, run / "work" / "refine"
    paths = [str(path) for path in segments]
    earlier, again = open_index(dedup, len(segments)), partial(mend, scrub=recipe.scrub)
    numbered = pipeline | "segments" >> beam.Create(list(enumerate(paths)))
    left = numbered | "dedup" >> Deduplicate(dedup, paths, n_documents, work, progress, take_part, earlier, again)
    refined = left | "apply merges" >> ApplyMerges(dedup, paths, n_documents, work / "merges", progress, take_part)
    curated = refined | "curated" >> beam.Map(passed)
    if cuts_items(recipe.decontaminate):  # what is joined may read as a private value
        curated = curated | "mend" >> beam.Map(mend, scrub=recipe.scrub)
    files = [
        curated | "documents" >> WriteSegments(run, DOCUMENTS, "documents", documents_schema(recipe)),
        refined | "merged" >> beam.Map(ended) | "ledger" >> WriteSegments(run, LEDGER_FOLDER, "refine", LEDGER, ".parquet"),
    ]
    if dedup.snapshot:
        files.append(
            left | "snapshot" >> StageSnapshot(dedup, take_part.left_by(dedup), n_documents, run, SNAPSHOT, work / "snapshot-keys")
        )
    files | "files" >> beam.Flatten() | "report" >> ReportFiles(report)


def count_pretokens(
    pipeline: beam.Pipeline,
    recipe: Recipe,
    config: Tokenizer,
    documents: list[Path],
    taken: dict[Group, float],
    n_ranges: int,
    run: Path,
    report: Path,
    progress: Progress,
) -> None:
    """The documents drawn for the sample, `taken` of each group -> what the tokenizer is learned from, in `run`."""
    paths = pipeline | "documents" >> beam.Create([str(path) for path in documents])
    counts = CountPretokens(config, recipe.seed, taken, run, run / "work" / "tokenizer", n_ranges, progress)
    paths | "count" >> counts | "report" >> ReportFiles(report)


def encode(
    pipeline: beam.Pipeline,
    read: Callable[[Any], Iterator[pa.RecordBatch]],
    documents: Sequence[Any],
    config: Encode,
    held_out: tuple[str, ...],
    seed: int,
    tokenizer: Path,
    schema: pa.Schema,
    n_ranges: int,
    run: Path,
    report: Path,
    progress: Progress,
) -> None:
    """Documents, each entry what `read` makes batches of -> DIR/shards, under provisional names."""
    parts = pipeline | "documents" >> beam.Create(documents)
    work = run / "work" / "encode"
    shards = EncodeShards(read, config, held_out, seed, tokenizer, schema, run, work, n_ranges, progress)
    parts | "encode" >> shards | "report" >> ReportFiles(report)
