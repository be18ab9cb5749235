"""A text column in, the cleaned column out, and how many characters each step took out of every row.

A step is a pure function of the text alone, so no row depends on another one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.filters.clean.doubled import drop_doubled
from pipelines.filters.clean.han_spaces import close_han_spaces
from pipelines.filters.clean.inline import drop_citations, resolve_entities
from pipelines.filters.clean.page_marks import drop_page_marks
from pipelines.filters.clean.unwrap import unwrap
from pipelines.filters.mojibake import repair
from schemas.recipe import Recipe

STEPS: Final[dict[str, Callable[[pa.Array], pa.Array]]] = {
    "mojibake": repair,
    "entities": resolve_entities,
    "page_marks": drop_page_marks,
    "unwrap": unwrap,
    "han_spaces": close_han_spaces,
    "doubled": drop_doubled,
    "citations": drop_citations,
}


def run_steps(text: pa.Array, steps: Sequence[str]) -> tuple[pa.Array, npt.NDArray[np.float64]]:
    """(large_string column, float64[step, n]): per step, by how many characters a row became shorter.

    `unwrap` turns line feeds into spaces, which keeps the length: for it, the count is of line feeds.
    """
    counts = np.zeros((len(steps), len(text)))
    for number, name in enumerate(steps):
        before, text = text, STEPS[name](text)
        counts[number] = _line_feeds(before) - _line_feeds(text) if name == "unwrap" else _chars(before) - _chars(text)
    return text, counts


def cleaning_steps(recipe: Recipe) -> dict[str, tuple[str, ...]]:
    """The cleaning steps of each source, in order."""
    return {name: recipe.clean.steps if source.clean is None else source.clean for name, source in recipe.sources.items()}


def _chars(text: pa.Array) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = pc.utf8_length(text).to_numpy(zero_copy_only=False)
    return found


def _line_feeds(text: pa.Array) -> npt.NDArray[np.int64]:
    found: npt.NDArray[np.int64] = pc.count_substring(text, "\n").to_numpy(zero_copy_only=False)
    return found
