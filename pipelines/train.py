"""Training the models that filters use, from files: the read room's documents go to the filter room's trainers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from pipelines.filters import classifier, ngram_train
from pipelines.filters.classifier import Trained, labelled, sampled
from pipelines.filters.ngram_score import load, perplexity
from pipelines.filters.ngram_train import Estimated
from pipelines.filters.normal import normalise
from pipelines.read.reader import read_split
from pipelines.read.splits import plan
from schemas.recipe import ClassifierTraining, NgramTraining, Read, Source

SOURCE: Final = "training"
"""The name of the source that documents read by path come from."""


def train_classifier(positive: Sequence[str], negative: Sequence[str], config: ClassifierTraining, out: Path) -> Trained:
    """The quality classifier of these files, written to `out`. No more than twice `max_documents` of either label are held."""
    held = pl.DataFrame()
    for paths, is_positive in ((positive, True), (negative, False)):
        for batch in documents(paths):
            held = pl.concat([held, labelled(batch, config, positive=is_positive)])
            if held.height > 4 * config.max_documents:
                held = sampled(held, config)
    return classifier.train(sampled(held, config), config, out)


def train_ngrams(paths: Sequence[str], config: NgramTraining, out: Path) -> Estimated:
    """The n-gram model of these files as an ARPA file, `out`."""

    def columns() -> Iterator[pa.Array]:
        return (normalise(batch.column("raw_text"), zero_digits=config.zero_digits) for batch in documents(paths))

    out.parent.mkdir(parents=True, exist_ok=True)
    return ngram_train.train(columns, config, out)


def perplexities(paths: Sequence[str], model: Path, *, zero_digits: bool) -> npt.NDArray[np.float64]:
    """The perplexity of every document of these files that has a word."""
    loaded = load(str(model))
    lines = (normalise(batch.column("raw_text"), zero_digits=zero_digits) for batch in documents(paths))
    found = np.concatenate([np.zeros(0), *(perplexity(column, loaded) for column in lines)])
    return found[~np.isnan(found)]


def documents(paths: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """DOCUMENT batches of files, folders and globs; records that hold no document are passed over."""
    source = Source(path=tuple(paths))
    for split in plan({SOURCE: source}, Path()):
        for found in read_split(split, source, Read()):
            if found.documents.num_rows:
                yield found.documents
