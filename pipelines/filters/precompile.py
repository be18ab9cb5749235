"""Compiles every kernel of a recipe's chain before the work starts, so that workers find them in numba's cache."""

from __future__ import annotations

import pyarrow as pa

from pipelines.filters.chain import FilterChain
from schemas.hops import DOCUMENT
from schemas.recipe import Recipe

_TEXT = "The first line of a page that says little.\nThe second line says that it has come to an end, and that is all."


def precompile(recipe: Recipe) -> None:
    """Run one small document of each source through the chain.

    A missing language model or list of domains raises here, before the run reads anything.
    """
    FilterChain.of(recipe).measure(pa.RecordBatch.from_pylist([_document(source) for source in recipe.sources], DOCUMENT))


def _document(source: str) -> dict[str, object]:
    names = {"source": source, "source_class": "other", "origin_file": "", "url": "http://example.com/"}
    return {**names, "doc_id": bytes(16), "origin_offset": 0, "part": 0, "raw_text": _TEXT}
