"""Length of one section of a document: Lawformer (arXiv 2105.03887) keeps judgments whose facts have more than 50 tokens.

The section is a value of the metadata, or the text between its heading and the next one.
Tokens are words and punctuation marks; in scripts without spaces every character is one, as in the vocabulary of Lawformer.
"""

from __future__ import annotations

import functools
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.filters.limits import Floats
from pipelines.filters.pending import PendingRows
from pipelines.filters.rule_set import RuleContext, RuleSet
from pipelines.text.words import split_words
from schemas.errors import RecipeError
from schemas.recipe import Sections

SIGNALS: Final = ("tokens", "found")


def section_signals(text: pa.Array, meta: pa.Array, config: Sections) -> Floats:
    """SIGNALS of every row, float64[2, n], from the text and the JSON of `meta`, both large_string; 0 without the section."""
    section = pl.Series([None] * len(text), dtype=pl.String)
    if config.key is not None:
        section = pl.Series(pl.from_arrow(meta), dtype=pl.String).str.json_path_match(f"$['{config.key}']")
    if config.heading is not None:
        in_text = pl.Series(pl.from_arrow(text), dtype=pl.String).str.extract_groups(pattern(config.heading, config.next_heading))
        section = pl.select(pl.coalesce(section, in_text.struct.field("section"))).to_series()
    found = section.is_not_null().to_numpy()
    tokens = split_words(section.fill_null("").to_arrow().cast(pa.large_string())).counts
    return np.stack([tokens.astype(np.float64), found.astype(np.float64)])


@functools.cache
def pattern(heading: str, next_heading: str | None) -> str:
    """The regular expression of a section; RecipeError names an invalid one."""
    end = rf"(?:^(?:{next_heading})|\z)" if next_heading is not None else r"\z"
    whole = rf"(?ms)^(?:{heading})(?P<section>.*?){end}"
    for key, part in (("heading", heading), ("next_heading", next_heading), ("heading", whole)):
        try:
            pl.Series([""]).str.contains(part or "")
        except pl.exceptions.ComputeError as error:
            raise RecipeError("CM-FILTER-024", f"filters.sections.{key} = {part!r}: not a regular expression: {error}") from error
    return whole


def _measure(pending: PendingRows, context: RuleContext) -> Floats:
    return section_signals(pending.text, pending.column("meta"), context.filters.sections)


RULE_SET = RuleSet(name="sections", config=Sections, signals=SIGNALS, measure=_measure, needs_language=False)
