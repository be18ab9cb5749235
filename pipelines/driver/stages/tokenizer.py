"""Documents -> exact counts of pre-tokens -> a tokenizer, measured on the documents."""

from __future__ import annotations

import dataclasses
import math
import shutil
from collections import Counter
from pathlib import Path
from typing import Any, Final

import apache_beam as beam

from pipelines.driver.context import Graph, RunContext, StageResult
from pipelines.encode.counting import count_batches
from pipelines.encode.evaluate import EVALUATED_BYTES, evaluate_tokenizers
from pipelines.encode.sample import Group, group_sizes, sample_batch, sampling_shares
from pipelines.encode.stage import CountPretokens
from pipelines.engine.segments import ReportFiles
from pipelines.scrub.scrub import special_tokens
from schemas import layout
from schemas.errors import EmptyCorpusError, TokenizerError, UnfilledError
from schemas.files import entry, whole_file
from schemas.recipe import Recipe, Tokenizer
from schemas.stages import StageName
from tokenizer import bpe

COUNTS_RANGE_BYTES: Final = 256 * 1024 * 1024
"""Sampled text for each range of pre-tokens that counts are added up in."""


def build(graph: Graph, counting: CountPretokens, documents: list[str]) -> None:
    """Documents that are drawn for the sample -> files of exact counts."""
    paths = graph.pipeline | "documents" >> beam.Create(documents)
    paths | "count" >> counting | "report" >> ReportFiles(graph.report)


def run(context: RunContext) -> StageResult:
    """Train on a sample, or take the given file; then measure it on the documents."""
    try:
        return make(context)
    except UnfilledError as error:
        raise TokenizerError(error.code, with_remedy(error, context.folder)) from None


def with_remedy(error: UnfilledError, folder: Path) -> str:
    """The message, and the command that continues the run with fewer tokens without reading or merging again."""
    if not error.n_fits:
        return error.message
    return f"{error.message}. To go on with what was done: run {folder} --resume --set tokenizer.vocab_size={error.n_fits}"


def make(context: RunContext) -> StageResult:
    """The tokenizer's file, and what it is worth."""
    recipe, config = context.recipe, config_of(context.recipe)
    path = context.folder / layout.TOKENIZER_FILE
    sizes = group_sizes(context.texts())
    details: dict[str, Any] = {}
    if config.path:
        with whole_file(path) as temporary:
            shutil.copyfile(config.path, temporary)
    else:
        tokenizer, details = train(context, config, sizes)
        bpe.save_tokenizer(tokenizer, path)
    measured = sampling_shares(sizes, EVALUATED_BYTES, 1.0)
    (evaluation,) = evaluate_tokenizers(
        {"this one": path}, (sample_batch(batch, measured, recipe.seed, "evaluation") for batch in context.texts())
    )
    details |= {"vocab_size": evaluation["vocab_size"], "evaluation": evaluation}
    return StageResult(outputs=[entry(path, context.folder)], details=details)


def config_of(recipe: Recipe) -> Tokenizer:
    """The recipe's, with the placeholders of private values as special tokens if it wants them."""
    config = recipe.tokenizer
    return dataclasses.replace(config, special_tokens=(*config.special_tokens, *special_tokens(recipe.scrub)))


def train(context: RunContext, config: Tokenizer, sizes: Counter[Group]) -> tuple[Any, dict[str, Any]]:
    """The tokenizer, and what it was learned from."""
    learned_from = Counter({group: size for group, size in sizes.items() if group[0] not in context.recipe.dedup.protected})
    if sizes.total() and not learned_from.total() and config.vocab_size is None:
        raise EmptyCorpusError(
            "CM-RUN-020",
            "no text is left to train a tokenizer on: every document is of a source in dedup.protected; name a tokenizer in tokenizer.path",
        )
    taken = sampling_shares(learned_from, config.sample_bytes, config.alpha)
    if config.model == "bpe":
        return train_bpe(context, config, taken, sum(sizes[group] * share for group, share in taken.items()))
    sample = [sample_batch(batch, taken, context.recipe.seed, "tokenizer") for batch in context.texts()]
    tokenizer = bpe.train_from_columns((batch.column("text") for batch in sample), config)
    return tokenizer, {"sample_documents": sum(batch.num_rows for batch in sample), "sample_bytes": group_sizes(sample).total()}


def train_bpe(context: RunContext, config: Tokenizer, taken: dict[Group, float], n_bytes: float) -> tuple[Any, dict[str, Any]]:
    """The tokenizer and how much text it saw: exact counts by all workers, then the learning."""
    n_partitions, documents = math.ceil(n_bytes / COUNTS_RANGE_BYTES), [str(path) for path in context.documents()]
    ran, files = context.graph(
        StageName.TOKENIZER,
        len(documents),
        lambda graph: build(
            graph,
            CountPretokens(config, context.recipe.seed, taken, graph.run, graph.work, n_partitions, graph.progress),
            documents,
        ),
    )
    parts = count_batches(context.folder / file.path for file in files)
    counted = ran.counters.get(StageName.TOKENIZER, {})
    counts = bpe.most_frequent_pretokens(parts, bpe.max_count_bytes(config))
    details = {
        "sample_documents": counted.get("n_documents", 0),
        "sample_bytes": counted.get("n_bytes", 0),
        "distinct_pretokens": sum(part.num_rows for part in parts),
        "learned_from_pretokens": counts.num_rows,
    }
    return bpe.train_from_counts(counts, config), details
