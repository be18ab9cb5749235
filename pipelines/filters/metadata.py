"""Rules on a document's dates, licence and metadata.

A document without the value fails the rule, except for `drop`: without a licence it has none of the kept ones, without a score no high one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.filters.limits import Profiles
from pipelines.filters.rule_set import RuleContext, RuleSet
from pipelines.filters.verdict import Mask, RuleOutcome, Verdict
from pipelines.text.domains import hosts_of
from pipelines.text.lists import all_lines
from schemas.files import cached_by_file
from schemas.recipe import Metadata

COLUMNS: Final = ("fetched_at", "licence", "meta")


def metadata_outcomes(documents: pa.RecordBatch, config: Metadata) -> Iterator[RuleOutcome]:
    """The outcome of each rule that is set.

    Rules are named after their setting and key: "metadata.min.score".
    """
    frame = pl.DataFrame({name: pl.from_arrow(documents.column(name)) for name in COLUMNS})
    fetched, licence, meta = frame.get_columns()
    none = np.full(frame.height, np.nan)
    if config.fetched_from is not None:
        yield "metadata.fetched_from", _not(fetched.dt.date() >= config.fetched_from), none, np.nan
    if config.fetched_before is not None:
        yield "metadata.fetched_before", _not(fetched.dt.date() < config.fetched_before), none, np.nan
    if config.licences:
        yield "metadata.licences", _not(licence.str.to_lowercase().is_in([name.lower() for name in config.licences])), none, np.nan
    for key, limit in config.min.items():
        values = _value(meta, key).cast(pl.Float64, strict=False)
        yield f"metadata.min.{key}", _not(values >= limit), values.fill_null(np.nan).to_numpy(), limit
    for key, limit in config.max.items():
        values = _value(meta, key).cast(pl.Float64, strict=False)
        yield f"metadata.max.{key}", _not(values <= limit), values.fill_null(np.nan).to_numpy(), limit
    for name, key, listed in _listed(config):
        own = {"source": _source, "host": _host}.get(key)
        is_listed = (own(documents) if own else _value(meta, key)).is_in(list(listed))
        yield f"metadata.{name}.{key}", _not(is_listed) if name.startswith("keep") else ~_not(is_listed), none, np.nan


def _listed(config: Metadata) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """(setting, key, values) of each list that keeps or drops."""
    for name in ("keep", "drop"):
        yield from ((name, key, values) for key, values in getattr(config, name).items())
        for key, path in getattr(config, f"{name}_lists").items():
            yield f"{name}_lists", key, read_values(path, f"filters.metadata.{name}_lists.{key}")


@cached_by_file
def read_values(path: str, key: str) -> tuple[str, ...]:
    """The values in the file, one a line; empty lines are ignored. RecipeError if it cannot be read."""
    lines = all_lines(path, key, "values")
    return tuple(line.strip() for line in lines if line.strip())


def _source(documents: pa.RecordBatch) -> pl.Series:
    return pl.Series(pl.from_arrow(documents.column("source")), dtype=pl.String)


def _host(documents: pa.RecordBatch) -> pl.Series:
    return hosts_of(documents.column("url"))


def _value(meta: pl.Series, key: str) -> pl.Series:
    """One value of the JSON objects as text; null where it is missing."""
    return meta.cast(pl.String).str.json_path_match(f"$['{key}']")


def _not(holds: pl.Series) -> Mask:
    """Where the condition is false or null."""
    found: Mask = ~holds.fill_null(False).to_numpy()
    return found


def _judge(documents: pa.RecordBatch, profile: Profiles, context: RuleContext) -> Verdict:
    return Verdict.of(metadata_outcomes(documents, context.filters.metadata), documents.num_rows)


RULE_SET = RuleSet(name="metadata", config=Metadata, judge=_judge, needs_language=False)
