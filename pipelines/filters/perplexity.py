"""Perplexity under an n-gram model of the document's language, and CCNet's buckets (arXiv 1911.00359)."""

from __future__ import annotations

import enum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.filters.limits import Floats, Profiles
from pipelines.filters.ngram_model import REMEDY, NgramModel, load_ngram_model, perplexity
from pipelines.filters.normal import normalise
from pipelines.filters.pending import PendingRows
from pipelines.filters.rule_set import RuleContext, RuleSet
from pipelines.filters.signals import signal_names
from pipelines.filters.verdict import Verdict
from pipelines.text.labels import code_of
from schemas.errors import ModelError
from schemas.recipe import Perplexity


class PerplexitySignal(enum.IntEnum):
    """Rows of the signals."""

    PERPLEXITY = 0
    BUCKET = 1


SIGNALS = signal_names(PerplexitySignal)
HEAD, MIDDLE, TAIL = 0, 1, 2


def perplexity_signals(text: pa.Array, lang: pa.Array, config: Perplexity) -> Floats:
    """SIGNALS of every row, float64[2, n]. The perplexity is NaN without a model or a word, the bucket also without cut-offs."""
    models = models_of(config)
    encoded = lang.dictionary_encode()
    rows_of = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    signals = np.full((len(SIGNALS), len(text)), np.nan)
    for number, label in enumerate(encoded.dictionary.to_pylist()):
        key = label if label in models else code_of(label)
        if key not in models:
            continue
        rows = np.flatnonzero(rows_of == number)
        values = perplexity(normalise(text.take(pa.array(rows)), zero_digits=config.zero_digits), models[key])
        signals[PerplexitySignal.PERPLEXITY, rows] = values
        if key in config.cutoffs:
            signals[PerplexitySignal.BUCKET, rows] = buckets(values, config.cutoffs[key])
    return signals


def buckets(perplexities: Floats, cutoffs: tuple[float, float]) -> Floats:
    """HEAD below the first cut-off, MIDDLE below the second, TAIL from there on; NaN of NaN."""
    found = np.searchsorted(np.array(cutoffs), perplexities, side="right").astype(np.float64)
    found[np.isnan(perplexities)] = np.nan
    return found


def models_of(config: Perplexity) -> dict[str, NgramModel]:
    """The models that the recipe names, by language. ModelError if it names none or one cannot be loaded."""
    if not config.models:
        raise ModelError(
            "CM-FILTER-023", f'the rule set `perplexity` needs a model: set filters.perplexity.models.en = "en.arpa"; {REMEDY}'
        )
    return {lang: load_ngram_model(path) for lang, path in config.models.items()}


def _measure(pending: PendingRows, context: RuleContext) -> Floats:
    return perplexity_signals(pending.text, pending.column("lang"), context.filters.perplexity)


def _judge(documents: pa.RecordBatch, profile: Profiles, context: RuleContext) -> Verdict:
    """Documents of a language without a model pass, and those without cut-offs pass the limit on buckets."""
    verdict, models = RULE_SET.by_limits(documents, profile, context), context.filters.perplexity.models
    lang = documents.column("lang")
    labels = [label for label in lang.unique().to_pylist() if label in models or code_of(label) in models]
    without_model = ~pc.is_in(lang, pa.array(labels, lang.type)).to_numpy(zero_copy_only=False)
    on_bucket = np.array(verdict.reasons)[:, None] == "perplexity.max_bucket"
    return verdict.pass_where(np.ones((len(verdict.reasons), 1), np.bool_), without_model).pass_where(on_bucket, np.isnan(verdict.values))


RULE_SET = RuleSet(name="perplexity", config=Perplexity, signals=SIGNALS, measure=_measure, judge=_judge)
