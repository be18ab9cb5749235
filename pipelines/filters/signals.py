"""What every rule set measures, as names of columns: `rule_set.signal`, float64."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from pipelines.filters import (
    c4,
    classifier,
    code,
    fineweb,
    gopher_quality,
    gopher_repetition,
    integrity,
    ngram_score,
    refinedweb,
    roots,
    safety,
    sections,
)

LANGUAGE_FIELDS: Final = (
    pa.field("lang", pa.large_string()),
    pa.field("lang_score", pa.float64()),
    pa.field("lang_words", pa.float64()),  # function_words.count: what confirms a language of low score
)
SIGNALS: Final = {
    "length": ("chars",),
    "language": ("mixed_line_ratio",),  # its score is lang_score
    "url": (),
    "gopher_repetition": gopher_repetition.SIGNALS,
    "gopher_quality": gopher_quality.SIGNALS,
    "c4": c4.SIGNALS,
    "fineweb": fineweb.SIGNALS,
    "refinedweb": refinedweb.SIGNALS,
    "roots": roots.SIGNALS,
    "code": code.SIGNALS,
    "metadata": (),
    "sections": sections.SIGNALS,
    "quality": classifier.SIGNALS,
    "perplexity": ngram_score.SIGNALS,
    "safety": safety.SIGNALS,
    "integrity": integrity.SIGNALS,
}
