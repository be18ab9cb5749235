"""By kind that cuts: the pieces of some texts that may stand elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pyarrow as pa

from pipelines.dedup.spans.lines import line_units
from pipelines.dedup.spans.sentences import sentence_units
from pipelines.dedup.spans.substring import anchor_table, anchors, repeated_anchors, window_units
from pipelines.dedup.spans.units import Units
from schemas.recipe import Lines


def template_lines(text: pa.Array, config: Any) -> Units:
    """All lines: which of them are templates is asked by host."""
    return line_units(text, Lines())


def document_windows(text: pa.Array, config: Any) -> Units:
    """The windows of the texts that can have an equal one in them."""
    return window_units(text, config.min_words, anchor_table(repeated_anchors(anchors(text, config.min_words))))


UNITS: Final[dict[str, Callable[..., Units]]] = {
    "lines": line_units,
    "sentences": sentence_units,
    "templates": template_lines,
    "substring": document_windows,
}
"""Called with texts and the kind's section of the recipe."""
