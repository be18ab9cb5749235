"""A quality classifier: fastText, trained on documents labelled by their source, scores all others.

GPT-3 and DCLM chose positives by trusted sources, LLaMA pages that Wikipedia cites; negatives are plain crawl. Documents are
sampled, shuffled and held out by hash(seed, doc_id), and training runs in one thread: the same documents and settings give
the same file, byte for byte.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.filters.fasttext_sgd import fit
from pipelines.filters.model import FasttextClassifier, open_classifier
from pipelines.filters.normal import normalise
from schemas.errors import InputError, ModelError
from schemas.files import cached_by_file, whole_file
from schemas.recipe import ClassifierTraining
from schemas.sampling import hash_ids, in_share

THRESHOLDS: Final = (0.02, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.98)

_PREFIX: Final = "__label__"
_REMEDY: Final = "set it to a fastText classifier; `python run_pipeline.py train-classifier` makes one"

Floats = npt.NDArray[np.float64]


# --- Scoring ---------------------------------------------------------------------------------------------------------


def probability(text: pa.Array, model: str | None, label: str, reads: str, where: str) -> Floats:
    """float64[n] in [0, 1]: the probability of a label by a fastText classifier; 0 without a word. `where` is the recipe's section."""
    return _score(_model_input(text, reads), load_classifier(model, label, where), label)


@cached_by_file
def load_classifier(model: str | None, label: str, where: str = "filters.quality") -> FasttextClassifier:
    """The fastText classifier at that path, loaded once per process; ModelError if it does not exist or lacks the label."""
    if model is None:
        raise ModelError("CM-FILTER-001", f"{where}.model is not set, and its rule set needs a model: {_REMEDY}")
    if not Path(model).is_file():
        raise ModelError("CM-FILTER-002", f"{where}.model = {model!r}: the file does not exist; {_REMEDY}")
    loaded = open_classifier(Path(model), _REMEDY)
    labels = [name.removeprefix(_PREFIX) for name in loaded.get_labels()]
    if label not in labels:
        raise ModelError("CM-FILTER-003", f"{model} has no label {label!r}; set {where}.label to one of {', '.join(labels[:20])}")
    return loaded


def _model_input(text: pa.Array, reads: str) -> pa.Array:
    """One line per row, with nothing that looks like a fastText label."""
    lines = pc.replace_substring(normalise(text) if reads == "words" else text, "\n", " ")
    return pc.replace_substring(lines, _PREFIX, "label")


def _score(lines: pa.Array, model: FasttextClassifier, label: str) -> Floats:
    """float64 in [0, 1] per line: the probability of the label."""
    score = np.zeros(len(lines))
    rows = [(row, line) for row, line in enumerate(lines.to_pylist()) if line and not line.isspace()]
    if rows:
        # A list, since `predict` of a single string is broken under NumPy 2; all labels, since the wanted one may be any.
        labels, likely = model.predict([line for _, line in rows], k=-1)
        for (row, _), names, chances in zip(rows, labels, likely, strict=True):
            score[row] = min(float(chances[names.index(_PREFIX + label)]), 1.0)
    return score


# --- Training --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ThresholdScores:
    """How the classifier performs at one threshold on the held-out documents; NaN where it accepts none."""

    threshold: float
    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainedClassifier:
    """The result of a training."""

    n_trained: int
    n_held_out: int
    n_on_both_sides: int
    """Documents left out because they are both positive and negative."""
    auc: float
    """The probability that a positive document scores above a negative one; ties count half."""
    measured: tuple[ThresholdScores, ...]


def labelled(documents: pa.RecordBatch, config: ClassifierTraining, *, positive: bool) -> pl.DataFrame:
    """What training reads of a DOCUMENT batch: doc_id, line, positive, order, held_out. Rows without a word are left out."""
    doc_id = documents.column("doc_id")
    columns = {
        "doc_id": doc_id,
        "line": _model_input(documents.column("raw_text"), "words"),
        "order": pa.array(hash_ids(doc_id, config.seed, "order")),
        "held_out": pa.array(in_share(hash_ids(doc_id, config.seed, "held out"), config.held_out)),
    }
    return pl.DataFrame(columns).filter(pl.col("line") != "").with_columns(positive=pl.lit(positive))


def sampled(documents: pl.DataFrame, config: ClassifierTraining) -> pl.DataFrame:
    """`max_documents` different documents of each label, in shuffled order, whatever the order of the rows."""
    once = documents.unique(["doc_id", "positive"]).sort("order", "doc_id", "positive")
    return once.filter(pl.int_range(pl.len()).over("positive") < config.max_documents)


def fit_classifier(documents: pl.DataFrame, config: ClassifierTraining, path: Path) -> TrainedClassifier:
    """Write the classifier of `sampled` documents to `path`, and measure it on those held out."""
    usable = documents.filter(pl.len().over("doc_id") == 1)
    held_out, training = usable.filter("held_out"), usable.filter(~pl.col("held_out"))
    for label, wanted in (("positive", True), ("negative", False)):
        for part, name in ((training, "to train on"), (held_out, "held out")):
            if not (part["positive"] == wanted).any():
                raise InputError(
                    "CM-FILTER-004",
                    f"no {label} document is {name}, of {usable.height} given; pass more --{label} files, or change held_out",
                )
    model = _fit(training, config)
    with whole_file(path) as temporary:
        model.save_model(str(temporary))
    score = _score(held_out["line"].to_arrow(), model, "positive")
    auc, measured = figures(score, held_out["positive"].to_numpy())
    return TrainedClassifier(
        n_trained=training.height,
        n_held_out=held_out.height,
        n_on_both_sides=(documents.height - usable.height) // 2,
        auc=auc,
        measured=measured,
    )


def _fit(documents: pl.DataFrame, config: ClassifierTraining) -> FasttextClassifier:
    # fastText marks the end of a line by this word, and adds it to every text that it scores.
    lines = documents.select(pl.col("line") + pl.lit(" </s>"))["line"]
    positive = documents["positive"].to_numpy()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "labelled.txt"
        label = pl.when("positive").then(pl.lit(f"{_PREFIX}positive ")).otherwise(pl.lit(f"{_PREFIX}negative "))
        documents.select(label + pl.col("line")).write_csv(path, include_header=False, quote_style="never")
        model = fit(path, lines.to_arrow().cast(pa.large_string()), positive.astype(np.int64), config)
    if not np.isfinite(model.get_output_matrix()).all():
        raise ModelError("CM-FILTER-005", f"the weights diverged at lr = {config.lr}; lower it")
    return model


def figures(score: Floats, positive: npt.NDArray[np.bool_]) -> tuple[float, tuple[ThresholdScores, ...]]:
    """(area under the ROC curve, precision and recall at THRESHOLDS)."""
    rank = pl.Series(score).rank("average").to_numpy()
    n_positive = int(positive.sum())
    n_pairs = n_positive * (len(positive) - n_positive)
    auc = (float(rank[positive].sum()) - n_positive * (n_positive + 1) / 2) / n_pairs
    return auc, tuple(_scores_at(threshold, score >= threshold, positive) for threshold in THRESHOLDS)


def _scores_at(threshold: float, accepted: npt.NDArray[np.bool_], positive: npt.NDArray[np.bool_]) -> ThresholdScores:
    n_accepted, n_positive, n_right = int(accepted.sum()), int(positive.sum()), int((accepted & positive).sum())
    precision = n_right / n_accepted if n_accepted else float("nan")
    return ThresholdScores(
        threshold=threshold, precision=precision, recall=n_right / n_positive, f1=2 * n_right / (n_accepted + n_positive)
    )
