"""Ceilings on loss: a stage that removes more of a source or language than the recipe allows stops the run, with examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import polars as pl

from pipelines.read.records import FILE_REASONS
from schemas.errors import GuardError, InputError
from schemas.ledger import scan_ledger
from schemas.recipe import Guards

N_EXAMPLES: Final = 5
LEAST_BYTES: Final = 1 << 20


def failed_files(ledger: Path) -> pl.DataFrame:
    """(source, origin_file, reason, origin_offset) of every file that could not be read, or from that offset on could not, by name."""
    rows = scan_ledger(ledger).filter(pl.col("step") == "read", pl.col("reason").is_in(FILE_REASONS))
    return rows.select("source", "origin_file", "reason", "origin_offset").sort("source", "origin_file").collect()


def check_files(failed_ones: pl.DataFrame, n_files: dict[str, int], guards: Guards) -> None:
    """By source: how many of `n_files` files could not be read at all. InputError for a source without a readable file."""
    for source, n in n_files.items():
        failed = failed_ones.filter(source=source, origin_offset=0)
        reasons = failed.group_by("reason").len("n").sort("n", "reason", descending=[True, False])
        found = (
            f"Reasons: {', '.join(f'{reason} {count}' for reason, count in reasons.iter_rows())}. "
            f"Files: {'; '.join(f'{file} {reason}' for _, file, reason, _ in failed.head(N_EXAMPLES).iter_rows())}"
        )
        if failed.height == n:
            raise InputError(
                "CM-RUN-001", f"sources.{source}: none of its {n} files can be read. {found}. Replace them, or check its path and format"
            )
        if guards.max_failed_files is not None and failed.height > guards.max_failed_files * n:
            raise GuardError(
                "CM-RUN-002",
                f"{failed.height} of {n} files of source={source} could not be read ({failed.height / n:.1%}), more than "
                f"guards.max_failed_files = {guards.max_failed_files}. {found}. Replace or exclude them; raise guards.max_failed_files "
                '(or set it to "off") to go on without them.',
            )


def check_reading(ledger: Path, kept: pl.DataFrame, guards: Guards) -> None:
    """By source: records that could not be read. `kept` has one row (source, lang) per document that the filters kept."""
    rows = _rows(ledger, "read", "filters")
    failed = rows.filter((pl.col("step") == "read") & (pl.col("outcome") == "failed"))
    _check("reading", ("source",), failed, _everything(rows, kept), guards.max_failed, "guards.max_failed", guards.min_documents)


def check_lost(ledger: Path, lost: dict[str, int], sizes: dict[str, int], limit: float | None) -> None:
    """By source: stored bytes that could not be read, however many records they contained. Sources below one MiB are not judged."""
    shares = {name: n / sizes[name] for name, n in lost.items() if sizes.get(name, 0) >= LEAST_BYTES}
    worst = max(shares, key=lambda name: (shares[name], name), default=None)
    if limit is None or worst is None or shares[worst] <= limit:
        return
    failed = (pl.col("source") == worst) & (pl.col("outcome") == "failed")
    rows = _rows(ledger, "read").filter(failed).sort("value", "origin_file", descending=[True, False], nulls_last=True)
    reasons = rows.group_by("reason").len("n").sort("n", "reason", descending=[True, False]).head(N_EXAMPLES)
    raise GuardError(
        "CM-RUN-003",
        f"{lost[worst]} of {sizes[worst]} bytes of source={worst} ({shares[worst]:.1%}) could not be read, more than "
        f"guards.max_lost_bytes = {limit}. Reasons: {', '.join(f'{reason} {n}' for reason, n in reasons.iter_rows())}. Examples: "
        + "; ".join(_example(row) for row in rows.head(N_EXAMPLES).iter_rows(named=True))
        + '. Replace or exclude the files; raise guards.max_lost_bytes (or set it to "off") if the rest is enough.',
    )


def check_filters(ledger: Path, kept: pl.DataFrame, guards: Guards) -> None:
    """By source and by language: documents that rules other than the choice of language dropped."""
    rows = _rows(ledger, "filters").filter(~pl.col("reason").str.starts_with("language."))
    for by in (("source",), ("lang",)):
        _check("filters", by, rows, _everything(rows, kept), guards.max_filtered, "guards.max_filtered", guards.min_documents)


def check_merges(ledger: Path, guards: Guards) -> None:
    """By source and by language: documents that dedup removed, for any reason; then the largest cluster."""
    rows = _rows(ledger, "dedup")
    ended, merged = rows.filter(pl.col("outcome") != "kept"), rows.filter(pl.col("outcome") == "merged")
    for by in (("source",), ("lang",)):
        _check("dedup", by, ended, rows, guards.max_merged, "guards.max_merged", guards.min_documents)
    if guards.max_cluster is not None and rows.height >= guards.min_documents:
        _check_cluster(merged, rows.height, guards.max_cluster)


def _check_cluster(merged: pl.DataFrame, n_documents: int, limit: float) -> None:
    largest = merged.group_by("survivor_id").len("n").sort("n", "survivor_id", descending=[True, False]).head(1)
    if largest.is_empty() or largest.item(0, "n") + 1 <= limit * n_documents:
        return
    survivor, n = largest.row(0)
    rows = merged.filter(pl.col("survivor_id") == survivor).sort("value", "doc_id")
    reasons = rows.group_by("reason").len("n").sort("n", "reason", descending=[True, False])
    examples = rows.head(N_EXAMPLES).iter_rows(named=True)
    raise GuardError(
        "CM-RUN-004",
        f"dedup put {n + 1} of {n_documents} documents ({(n + 1) / n_documents:.1%}) into one cluster, more than "
        f"guards.max_cluster = {limit}: they end in {survivor.hex()}. "
        f"Reasons: {', '.join(f'{reason} {count}' for reason, count in reasons.iter_rows())}. "
        f"The least similar: {'; '.join(_example(row) for row in examples)}. "
        'Look at these documents; raise guards.max_cluster (or set it to "off") if they are copies.',
    )


def check_addresses(n_apart: int, n_documents: int, guards: Guards) -> None:
    """Documents of one address that are not alike, as dedup counted them."""
    limit = guards.max_same_address
    if limit is None or n_documents < guards.min_documents or n_apart <= limit * n_documents:
        return
    raise GuardError(
        "CM-RUN-005",
        f"{n_apart} of {n_documents} documents ({n_apart / n_documents:.1%}) share an address with a better one but not its text, "
        f"more than guards.max_same_address = {limit}. They stayed; addresses may name no documents here. "
        'Take "url" out of dedup.kinds, or raise guards.max_same_address (or set it to "off").',
    )


def _example(row: dict[str, Any]) -> str:
    name = row["doc_id"].hex() if row["doc_id"] else f"{row['origin_file']}:{row['origin_offset']}"
    return f"{name} {row['reason']} value={row['value']}"


def _rows(ledger: Path, *steps: str) -> pl.DataFrame:
    return scan_ledger(ledger).filter(pl.col("step").is_in(steps)).collect()


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
        "CM-RUN-006",
        f"{stage} removed {worst['removed']} of {worst['n']} documents of {group} ({worst['share']:.1%}), more than {key} = {limit}. "
        f"Reasons: {', '.join(f'{r} {n}' for r, n in reasons.iter_rows())}. Examples: "
        + "; ".join(_example(row) for row in examples.iter_rows(named=True))
        + f'. Look at the ledger in the run folder; raise {key} (or set it to "off") if the removal is meant.',
    )
