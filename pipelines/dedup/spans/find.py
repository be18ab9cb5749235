"""By kind that cuts: which pieces of some texts may be repeated."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import pyarrow as pa

from pipelines.dedup.spans.lines import line_units
from pipelines.dedup.spans.repeats.substring import anchor_table, anchors, repeated_anchors, window_units
from pipelines.dedup.spans.sentences import sentence_units
from pipelines.dedup.spans.units import Units
from schemas.recipe import Dedup, Lines, Substring, Templates

FindUnits = Callable[[pa.Array], Units]
"""large_string[n] -> the units of the texts."""


def template_lines(text: pa.Array, config: Templates) -> Units:
    """All lines. Which of them are templates is decided by host."""
    return line_units(text, Lines())


def document_windows(text: pa.Array, config: Substring) -> Units:
    """The windows that can be equal to another one of these texts."""
    return window_units(text, config.min_words, anchor_table(repeated_anchors(anchors(text, config.min_words))))


_FINDERS: Final[dict[str, Callable[..., Units]]] = {
    "lines": line_units,
    "sentences": sentence_units,
    "templates": template_lines,
    "substring": document_windows,
}


def unit_finder(kind: str, dedup: Dedup) -> FindUnits:
    """What finds the units of a kind that cuts, as the recipe configures it."""
    return partial(_FINDERS[kind], config=getattr(dedup, kind))
