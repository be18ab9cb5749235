"""The pool, where measured and scrubbed documents wait: its columns, who decides about its documents, and which of them stay."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import polars as pl
import pyarrow as pa

from pipelines.engine.segments import batches_of
from pipelines.filters.chain import FilterChain
from pipelines.filters.decide import Decider, ExtraRules
from pipelines.scrub import density
from pipelines.scrub.scrub import redaction_fields
from schemas.hops import DOCUMENT
from schemas.recipe import Recipe


def pool_schema(recipe: Recipe) -> pa.Schema:
    """DOCUMENT with every signal, `text` for `raw_text`, and how much was redacted of each kind."""
    fields = [field for field in (*DOCUMENT, *FilterChain.of(recipe).fields()) if field.name != "raw_text"]
    return pa.schema([*fields, pa.field("text", pa.large_string(), nullable=False), *redaction_fields(recipe.scrub)])


def decider_of(recipe: Recipe) -> Decider:
    """What decides about the pool's documents."""
    return Decider.of(recipe, density_rules(recipe))


def density_rules(recipe: Recipe) -> ExtraRules:
    """The rules on private values, which judge after all others."""
    return partial(density.judge_density, config=recipe.scrub)


def kept_documents(recipe: Recipe, pool: list[Path]) -> pl.DataFrame:
    """(source, lang) of every document of the pool that no rule drops."""
    keeps = decider_of(recipe).keeps
    schema = pa.schema([pa.field("source", pa.large_string()), pa.field("lang", pa.large_string())])
    found = [
        batch.select(schema.names).filter(pa.array(keeps(batch))).cast(schema)  # of a few columns only
        for path in pool
        for batch in batches_of(path)
    ]
    return pl.DataFrame(pa.Table.from_batches(found, schema))
