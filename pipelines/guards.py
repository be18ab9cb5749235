"""Ceilings on loss: a stage that removes more of a source or language than the recipe allows stops the run, with examples."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import polars as pl

from schemas.errors import GuardError
from schemas.recipe import Guards

N_EXAMPLES: Final = 5


def check_reading(ledger: Path, kept: pl.DataFrame, guards: Guards) -> None:
    """By source: records that could not be read. `kept` has one row (source, lang) per document that the filters kept."""
    rows = _rows(ledger, "read", "filters")
    failed = rows.filter((pl.col("stage") == "read") & (pl.col("outcome") == "failed"))
    _check("reading", ("source",), failed, _everything(rows, kept), guards.max_failed, "guards.max_failed", guards.min_documents)


def check_filters(ledger: Path, kept: pl.DataFrame, guards: Guards) -> None:
    """By source and by language: documents that rules other than the choice of language dropped."""
    rows = _rows(ledger, "filters").filter(~pl.col("reason").str.starts_with("language."))
    for by in (("source",), ("lang",)):
        _check("filters", by, rows, _everything(rows, kept), guards.max_filtered, "guards.max_filtered", guards.min_documents)


def check_merges(ledger: Path, guards: Guards) -> None:
    """By source and by language: documents that dedup merged."""
    rows = _rows(ledger, "dedup")
    merged = rows.filter(pl.col("outcome") == "merged")
    for by in (("source",), ("lang",)):
        _check("dedup", by, merged, rows, guards.max_merged, "guards.max_merged", guards.min_documents)


def _rows(ledger: Path, *stages: str) -> pl.DataFrame:
    return pl.scan_parquet(ledger / "*.parquet").filter(pl.col("stage").is_in(stages)).collect()


def _everything(rows: pl.DataFrame, kept: pl.DataFrame) -> pl.DataFrame:
    return pl.concat([rows.select("source", "lang"), kept.select("source", "lang")])


def _check(
    stage: str, by: tuple[str, ...], removed: pl.DataFrame, everything: pl.DataFrame, limit: float | None, key: str, least: int
) -> None:
    if limit is None:
        return
    shares = (
        everything.group_by(by)
        .len("n")
        .join(removed.group_by(by).len("removed"), on=by, how="inner", nulls_equal=True)
        .with_columns((pl.col("removed") / pl.col("n")).alias("share"))
        .filter((pl.col("n") >= least) & (pl.col("share") > limit))
        .sort("share", descending=True)
    )
    if shares.is_empty():
        return
    worst = shares.row(0, named=True)
    group = " ".join(f"{name}={worst[name]}" for name in by)
    rows = removed.filter(pl.all_horizontal(pl.col(name).eq_missing(worst[name]) for name in by))
    reasons = rows.group_by("reason").len("n").sort("n", "reason", descending=[True, False]).head(N_EXAMPLES)
    examples = rows.sort("origin_file", "origin_offset").head(N_EXAMPLES)
    raise GuardError(
        f"{stage} removed {worst['removed']} of {worst['n']} documents of {group} ({worst['share']:.1%}), more than {key} = {limit}. "
        f"Reasons: {', '.join(f'{r} {n}' for r, n in reasons.iter_rows())}. Examples: "
        + "; ".join(
            f"{(row['doc_id'] or b'').hex() or row['origin_file'] + ':' + str(row['origin_offset'])} {row['reason']} value={row['value']}"
            for row in examples.iter_rows(named=True)
        )
        + f'. Look at the ledger in the run folder; raise {key} (or set it to "off") if the removal is meant.'
    )
