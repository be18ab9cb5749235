"""Signals of harmful text: listed words, and the score of a fastText model of adult or toxic text.

C4 (arXiv 1910.10683) drops a page with any listed word, ROOTS (arXiv 2303.03915) a page where their share of all words is too large.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.filters.bad_words import WordAutomaton, count_listed, read_list
from pipelines.filters.classifier import probability
from pipelines.filters.limits import Floats
from pipelines.filters.pending import PendingRows
from pipelines.filters.rule_set import RuleContext, RuleSet
from pipelines.text.labels import code_of
from schemas.recipe import ANY_LANGUAGE, Safety

SIGNALS: Final = ("flagged_words", "flagged_word_ratio", "score")


def safety_signals(text: pa.Array, lang: pa.Array, config: Safety) -> Floats:
    """SIGNALS of every row, float64[3, n].

    flagged_words counts places, flagged_word_ratio is the share of the words in them; both are 0 without a list for the language.
    The score is NaN without a model, and 0 for a text without words.
    """
    signals = np.full((len(SIGNALS), len(text)), np.nan)
    places, listed, words = flagged(text, lang, config)
    signals[0] = places
    signals[1] = listed / np.maximum(words, 1)
    if config.model is not None:
        signals[2] = probability(text, config.model, config.label, config.reads, "filters.safety")
    return signals


def flagged(text: pa.Array, lang: pa.Array, config: Safety) -> npt.NDArray[np.int64]:
    """`count_listed` of every row with the list of its language, int64[3, n]."""
    lists = word_automata(config)
    encoded = lang.dictionary_encode()
    rows_of = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False)
    counts = np.zeros((3, len(text)), np.int64)
    for number, label in [*enumerate(encoded.dictionary.to_pylist()), (-1, "")]:
        words = next((lists[key] for key in (label, code_of(label), ANY_LANGUAGE) if key in lists), None)
        rows = np.flatnonzero(rows_of == number)
        if words is not None and len(rows):
            counts[:, rows] = count_listed(text.take(pa.array(rows)), words)
    return counts


def word_automata(config: Safety) -> dict[str, WordAutomaton]:
    """The lists that the recipe names, by language; RecipeError if one cannot be read."""
    return {lang: read_list(path, config.allow, f"filters.safety.words.{lang}") for lang, path in config.words.items()}


def _measure(pending: PendingRows, context: RuleContext) -> Floats:
    return safety_signals(pending.text, pending.column("lang"), context.filters.safety)


RULE_SET = RuleSet(name="safety", config=Safety, signals=SIGNALS, measure=_measure)
