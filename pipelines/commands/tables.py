"""What single commands print: classifiers, n-gram models and token shards as tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from rich.table import Table

from pipelines.encode.inspect import describe, open_shard
from pipelines.filters.classifier import TrainedClassifier
from pipelines.filters.ngram_train import NgramEstimate
from pipelines.report.formats import number_of, with_commas
from tokenizer import bpe


def classifier_table(trained: TrainedClassifier, out: Path) -> Table:
    """How the classifier does on held-out documents, by limit on the score."""
    table = Table(title=f"{out}: {trained.n_trained} documents trained on, {trained.n_held_out} held out, AUC {trained.auc:.4f}")
    for name in ("min_score", "precision", "recall", "F1"):
        table.add_column(name, justify="right")
    for at in trained.measured:
        table.add_row(f"{at.threshold}", f"{at.precision:.4f}", f"{at.recall:.4f}", f"{at.f1:.4f}")
    return table


def ngram_table(estimated: NgramEstimate, out: Path) -> Table:
    """Number of n-grams and discounts by order."""
    table = Table("n", "n-grams", "D1", "D2", "D3+", title=f"{out}")
    for n, (count, discounts) in enumerate(zip(estimated.n_ngrams, estimated.discounts, strict=True), 1):
        table.add_row(str(n), str(count), *(f"{d:.4f}" for d in discounts), "default discounts" if n in estimated.fell_back else "")
    return table


def cutoffs_line(found: npt.NDArray[np.float64]) -> str:
    """The cut-offs of CCNet's buckets for these perplexities."""
    middle, tail = np.percentile(found, [30, 60])
    return f"30 and 60 % of {len(found)} documents are below: cutoffs.LANG = [{middle:.1f}, {tail:.1f}]"


def shard_table(shard: Path, n_tokens: int, tokenizer: Path | None) -> Table:
    """The contents of a token shard, with the first `n_tokens` tokens of its first document."""
    found = describe(shard)
    table = Table(title=str(shard), show_header=False)
    for name, n in (("documents", found["documents"]), ("tokens", found["tokens"]), ("bytes", found["bytes"])):
        table.add_row(name, with_commas(n))
    for name, texts in (("columns", found["columns"]), ("metadata", found["metadata"])):
        table.add_row(name, "\n".join(f"{key}: {value}" for key, value in texts.items()))
    for name, totals in (("sources", found["sources"]), ("languages", found["languages"])):
        lines = (f"{key}: {number_of(one['documents'], 'document')}, {number_of(one['tokens'], 'token')}" for key, one in totals.items())
        table.add_row(name, "\n".join(lines))
    names: dict[float, str] = {0: "the shortest", 1: "the longest"}
    lengths = (f"{names.get(q, f'{q:.0%} at most')}: {number_of(n, 'token')}" for q, n in found["lengths"].items())
    table.add_row("lengths", "\n".join(lengths))
    if n_tokens:
        table.add_row("first tokens", first_tokens(shard, n_tokens, tokenizer or shard.parents[1] / "tokenizer" / "tokenizer.json"))
    return table


def first_tokens(shard: Path, n_tokens: int, tokenizer: Path) -> str:
    """Id and text of the first tokens of the shard's first document."""
    ids = open_shard(shard).column("tokens").slice(0, 1).to_pylist()
    loaded = bpe.load_tokenizer(tokenizer)
    return " ".join(f"{index}:{loaded.decode([index], skip_special_tokens=False)!r}" for index in (ids[0] if ids else ())[:n_tokens])
