"""Training from files: quality classifiers, n-gram models and tokenizers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pipelines.commands.files import Files
from pipelines.encode.counting import count_columns
from pipelines.encode.evaluate import EVALUATED_BYTES, TokenizerEvaluation, evaluate_tokenizers
from pipelines.encode.sample import group_sizes, sample_batch, sampling_shares
from pipelines.filters import classifier, ngram_train
from pipelines.filters.classifier import TrainedClassifier, labelled, sampled
from pipelines.filters.ngram_model import load_ngram_model, perplexity
from pipelines.filters.ngram_train import NgramEstimate
from pipelines.filters.normal import normalise
from pipelines.read.batches import read_whole_split
from pipelines.read.missing_columns import check_named_files
from pipelines.read.splits import plan
from schemas.errors import EmptyCorpusError, InputError
from schemas.recipe import ClassifierTraining, NgramTraining, Read, Source, Tokenizer
from tokenizer import bpe

SOURCE: Final = "training"
"""The source name of documents that are read by path."""


def train_classifier(positive: Sequence[str], negative: Sequence[str], config: ClassifierTraining, out: Path) -> TrainedClassifier:
    """Train a quality classifier on these files and write it to `out`. Memory holds at most 4 x `max_documents` documents and one batch."""
    held = pl.DataFrame()
    for paths, is_positive in ((positive, True), (negative, False)):
        for batch in documents(paths):
            held = pl.concat([held, labelled(batch, config, positive=is_positive)])
            if held.height > 4 * config.max_documents:
                held = sampled(held, config)
    return classifier.fit_classifier(sampled(held, config), config, out)


def train_ngrams(paths: Sequence[str], config: NgramTraining, out: Path) -> NgramEstimate:
    """Train an n-gram model on these files and write it to `out`, an ARPA file."""

    def columns() -> Iterator[pa.Array]:
        return (normalise(batch.column("raw_text"), zero_digits=config.zero_digits) for batch in documents(paths))

    out.parent.mkdir(parents=True, exist_ok=True)
    return ngram_train.train_ngram_model(columns, config, out)


def perplexities(paths: Sequence[str], model: Path, *, zero_digits: bool) -> npt.NDArray[np.float64]:
    """float64: the perplexity of every document of these files that contains a word."""
    loaded = load_ngram_model(str(model))
    lines = (normalise(batch.column("raw_text"), zero_digits=zero_digits) for batch in documents(paths))
    found = np.concatenate([np.zeros(0), *(perplexity(column, loaded) for column in lines)])
    return found[~np.isnan(found)]


def train_tokenizer(paths: Sequence[str], config: Tokenizer, seed: int, out: Path, compare: Sequence[Path]) -> list[TokenizerEvaluation]:
    """The tokenizer of these files as OUT/tokenizer.json, and what it and those to compare it with make of a part of them."""
    sizes = group_sizes(texts(paths))
    if not sizes:
        raise EmptyCorpusError("CM-COMMAND-013", f"{', '.join(paths)} contain no documents; pass other files")
    path = out / "tokenizer.json"
    taken = sampling_shares(sizes, config.sample_bytes, config.alpha)
    columns = (sample_batch(batch, taken, seed, "tokenizer").column("text") for batch in texts(paths))
    bpe.save_tokenizer(
        bpe.train_from_counts(count_columns(columns, config), config) if config.model == "bpe" else bpe.train_from_columns(columns, config),
        path,
    )
    measured = sampling_shares(sizes, EVALUATED_BYTES, 1.0)
    tokenizers = {"this one": path, **{str(other): other for other in compare}}
    return evaluate_tokenizers(tokenizers, (sample_batch(batch, measured, seed, "evaluation") for batch in texts(paths)))


def texts(paths: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Batches of the documents of these files, with source, language and text."""
    files = Files(paths)
    return (batch for part in files.parts for batch in files.read(part))


def documents(paths: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """DOCUMENT batches of files, folders and globs. Records without a document are skipped."""
    source = Source(path=tuple(paths))
    try:
        splits = plan({SOURCE: source}, Path())
    except InputError as error:
        raise InputError(error.code, error.message.removeprefix(f"sources.{SOURCE}.path = ")) from None
    check_named_files(source, splits)
    for split in splits:
        for found in read_whole_split(split, source, Read()):
            if found.documents.num_rows:
                yield found.documents
