"""A forecast of a run: every input file is opened, and a sample of each source is read, filtered and scrubbed."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import polars as pl
import pyarrow as pa

from pipelines.driver.guards import check_files
from pipelines.driver.pool import decider_of
from pipelines.filters.chain import FilterChain
from pipelines.filters.precompile import precompile
from pipelines.read.missing_columns import check_sample
from pipelines.read.sample import Sample, sample_source
from pipelines.read.splits import plan_sources
from pipelines.scrub.opt_out import OptOutLists, admit
from schemas.hops import DOCUMENT
from schemas.recipe import Recipe
from schemas.splits import Plan

NO_LANGUAGE: Final = "not identified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """A sample of a source, and estimates for the whole source."""

    sample: Sample
    n_records: int
    """Records in the sample."""
    unread: Counter[str]
    """Records of the sample without a document, by reason."""
    dropped: Counter[str]
    """Documents of the sample that a rule or list drops, by the first rule or list."""
    languages: Counter[str]
    """Languages of the kept documents of the sample."""
    n_foreseen: float
    """Estimated records of the source."""
    n_documents: float
    """Estimated kept documents of the source, before dedup."""
    n_text_bytes: float
    """Estimated bytes of text of those documents."""
    seconds: float
    """Estimated CPU time to read, filter and scrub the source with one worker."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """The splits of a run, and the outlook for each source that is not crawled."""

    plan: Plan
    outlooks: dict[str, Outlook]

    def check(self, recipe: Recipe, on_message: Callable[[str], None]) -> None:
        """Raise the InputError or GuardError with which the run would end because of its files or columns."""
        bad = [
            {"source": name, "origin_file": file, "reason": reason, "origin_offset": 0}
            for name, outlook in self.outlooks.items()
            for file, reason in outlook.sample.bad_files
        ]
        schema = {"source": pl.String, "origin_file": pl.String, "reason": pl.String, "origin_offset": pl.Int64}
        without_column = {
            name: recipe.sources[name]
            for name, outlook in self.outlooks.items()
            if (seen := outlook.sample.column_counts).rows and not (seen.text and (seen.url or recipe.sources[name].url_column is None))
        }
        check_sample(without_column, self.plan.splits, on_message)
        check_files(pl.DataFrame(bad, schema), self.plan.n_files(), recipe.guards)


def forecast(recipe: Recipe, folder: Path) -> Forecast:
    """Sample all sources that are files. Raises InputError if a path matches nothing."""
    sources = {name: source for name, source in recipe.sources.items() if not source.crawl}
    plan = plan_sources(sources, folder)
    precompile(recipe)
    _judge(recipe, pa.RecordBatch.from_pylist([], DOCUMENT))
    outlooks = {}
    for name, source in sources.items():
        start = time.process_time()
        sample = sample_source(name, source, plan.splits, recipe.read)
        outlooks[name] = _outlook(recipe, sample, start)
    return Forecast(plan, outlooks)


def _outlook(recipe: Recipe, sample: Sample, start: float) -> Outlook:
    found = sample.batch
    ended, kept = _judge(recipe, found.documents)
    weights = [sample.weights[name] for name in kept.column("origin_file").to_pylist()]
    read = (name for batch in (found.documents, found.failures) for name in batch.column("origin_file").to_pylist())
    n_foreseen = sum(sample.weights[name] for name in read)
    return Outlook(
        sample=sample,
        n_records=found.n_records,
        unread=Counter(found.failures.column("reason").to_pylist()),
        dropped=Counter(ended.column("reason").to_pylist()),
        languages=Counter(lang or NO_LANGUAGE for lang in kept.column("lang").to_pylist()),
        n_foreseen=n_foreseen,
        n_documents=sum(weights),
        n_text_bytes=sum(n * len(text.encode()) for n, text in zip(weights, kept.column("text").to_pylist(), strict=True)),
        seconds=(time.process_time() - start) * n_foreseen / max(1, found.n_records),
    )


def _judge(recipe: Recipe, documents: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
    """(LEDGER rows of the documents that a rule or list drops, the documents that are kept)."""
    admitted = admit(FilterChain.of(recipe).measure(documents), OptOutLists.of(recipe.opt_out), recipe.scrub)
    decider = decider_of(recipe)
    ended = pa.concat_batches([admitted.left_out, decider.dropped(admitted.documents)])
    return ended, admitted.documents.filter(pa.array(decider.keeps(admitted.documents)))
