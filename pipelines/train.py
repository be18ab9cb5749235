"""Training the models that filters use, from files: the read room's documents go to the filter room's trainers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
import pyarrow as pa

from pipelines.filters import classifier
from pipelines.filters.classifier import Trained, labelled, sampled
from pipelines.read.reader import read_split
from pipelines.read.splits import plan
from schemas.recipe import ClassifierTraining, Read, Source


def train_classifier(positive: Sequence[str], negative: Sequence[str], config: ClassifierTraining, out: Path) -> Trained:
    """The quality classifier of these files, written to `out`. No more than twice `max_documents` of either label are held."""
    held = pl.DataFrame()
    for paths, is_positive in ((positive, True), (negative, False)):
        for batch in documents(paths):
            held = pl.concat([held, labelled(batch, config, positive=is_positive)])
            if held.height > 4 * config.max_documents:
                held = sampled(held, config)
    return classifier.train(sampled(held, config), config, out)


def documents(paths: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """DOCUMENT batches of files, folders and globs; records that hold no document are passed over."""
    source = Source(path=tuple(paths))
    for split in plan({"training": source}, Path()):
        for found in read_split(split, source, Read()):
            if found.documents.num_rows:
                yield found.documents
