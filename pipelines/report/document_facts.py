"""The curated documents -> sizes, licences, redacted values and cut text. Of `text` only the length is read."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import msgspec
import polars as pl

from pipelines.report.aggregates import collect_as, sums_by
from pipelines.report.histograms import Histogram, histograms
from pipelines.report.ledger_facts import LedgerFacts
from pipelines.report.rows import CutRow, CutShare
from pipelines.report.rules import LINE_RULES
from pipelines.report.run_facts import RunFacts
from schemas import layout
from schemas.recipe import redaction_column
from schemas.stages import StageName

CUT_CHARS: Final = "n_cut_chars_"
"""Prefix of the columns that count the characters that each kind cut from a document."""
DOCUMENT_SIZES: Final = pl.Schema(
    {"source": pl.String, "lang": pl.String, "n_documents": pl.Int64, "n_chars": pl.Int64, "n_bytes": pl.Int64}
)


class DocumentFacts:
    """The numbers of one run's documents, each computed when it is first asked for."""

    def __init__(self, run: RunFacts, ledger: LedgerFacts) -> None:
        self.run, self.ledger = run, ledger

    @cached_property
    def rows(self) -> pl.LazyFrame:
        """The curated documents; scan them, never collect `text`."""
        paths = sorted((self.run.folder / layout.DOCUMENTS).glob("*.arrow")) if self.ledger.is_complete else []
        return pl.scan_ipc(paths) if paths else pl.LazyFrame()

    @cached_property
    def measured(self) -> pl.LazyFrame:
        """Every document of the pool with its signals; the curated documents if the run did not keep the pool."""
        paths = sorted((self.run.folder / layout.POOL).glob("*.arrow")) if self.run.done(StageName.INGEST) else []
        return pl.scan_ipc(paths) if paths else self.rows

    @cached_property
    def columns(self) -> pl.Schema:
        """Names and types of the documents' columns."""
        return self.rows.collect_schema()

    @cached_property
    def sizes(self) -> pl.DataFrame:
        """Documents, characters and UTF-8 bytes by source and language, in the columns DOCUMENT_SIZES."""
        if "text" not in self.columns:
            return pl.DataFrame(schema=DOCUMENT_SIZES)
        n_chars, n_bytes = pl.col("text").str.len_chars().cast(pl.Int64), pl.col("text").str.len_bytes().cast(pl.Int64)
        grouped = self.rows.group_by("source", "lang").agg(n_documents=pl.len(), n_chars=n_chars.sum(), n_bytes=n_bytes.sum())
        return collect_as(grouped, DOCUMENT_SIZES).sort("source", "lang")

    @property
    def n_bytes(self) -> int:
        """UTF-8 bytes of the curated text."""
        return int(self.sizes.get_column("n_bytes").sum())

    @cached_property
    def licences(self) -> list[tuple[str | None, int]]:
        """Licences of the kept documents and how many have each; None if a document states none."""
        return self._frequencies("licence")

    @cached_property
    def rights(self) -> list[tuple[str | None, int]]:
        """Robots directives found with the kept documents and how many have each."""
        return [(value, n) for value, n in self._frequencies("rights") if value is not None]

    def _frequencies(self, column: str) -> list[tuple[str | None, int]]:
        if column not in self.columns:
            return []
        counts = self.rows.group_by(column).agg(pl.len().alias("n"))
        return list(counts.sort("n", column, descending=[True, False]).collect().iter_rows())

    @cached_property
    def redacted(self) -> list[tuple[str, int, int]]:
        """Each private kind, how many values were replaced, and in how many documents."""
        kinds = [kind for kind in self.run.recipe.scrub.kinds if redaction_column(kind) in self.columns]
        if not kinds:
            return []
        counts = [pl.col(redaction_column(kind)).cast(pl.Int64) for kind in kinds]
        values, documents = (
            self.rows.select(totals).collect().row(0) for totals in ([c.sum() for c in counts], [(c > 0).sum() for c in counts])
        )
        return [(kind, n or 0, m or 0) for kind, n, m in zip(kinds, values, documents, strict=True)]

    @cached_property
    def redacted_by_source(self) -> dict[str, dict[str, int]]:
        """Replaced values by source and private kind."""
        kinds = [kind for kind, _, _ in self.redacted]
        if not kinds:
            return {}
        sums = self.rows.group_by("source").agg(pl.col(redaction_column(kind)).cast(pl.Int64).sum().alias(kind) for kind in kinds)
        return {row.pop("source"): row for row in sums.sort("source").collect().to_dicts()}

    @cached_property
    def cut_lines(self) -> list[tuple[str, int]]:
        """Each configured rule on lines and how many lines it cut from the kept documents."""
        filters = msgspec.to_builtins(self.run.recipe.filters)
        is_on = {rule: filters[rule.partition(".")[0]][rule.partition(".")[2]] not in (None, False) for rule in LINE_RULES}
        columns = {rule: column for rule, column in LINE_RULES.items() if is_on[rule] and column in self.columns}
        if not columns:
            return []
        totals = self.rows.select(pl.col(column).sum() for column in columns.values()).collect().row(0)
        return [(rule, int(total or 0)) for rule, total in zip(columns, totals, strict=True)]

    @cached_property
    def cuts(self) -> list[CutRow]:
        """What was cut from the documents of each source, in the recipe's order; empty if no kind cuts text."""
        kinds = [name.removeprefix(CUT_CHARS) for name in self.columns if name.startswith(CUT_CHARS)]
        if not kinds:
            return []
        sums = self.rows.group_by("source").agg(pl.col(f"{CUT_CHARS}{kind}").cast(pl.Int64).sum().alias(kind) for kind in kinds)
        n_left = sums_by(self.sizes, "source")
        cut_from = {row.pop("source"): row for row in sums.collect().to_dicts()}
        return [
            CutRow(source=name, n_cut=cut_from[name], n_left=n_left[name]["n_chars"])
            for name in self.run.recipe.sources
            if name in cut_from
        ]

    @property
    def cut_shares(self) -> list[CutShare]:
        """What each kind cut from each source, the largest share first."""
        shares = [
            CutShare(kind=kind, source=row.source, n_cut=n, share=n / row.n_before)
            for row in self.cuts
            for kind, n in row.n_cut.items()
            if n
        ]
        return sorted(shares, key=lambda one: -one.share)

    def signals(self, limits: dict[str, list[float]]) -> list[Histogram]:
        """One histogram for each numeric signal, of all measured documents and of the kept ones; `limits` by signal."""
        found = {
            name: tuple(sorted(set(limits.get(name, ()))))
            for name, kind in self.measured.collect_schema().items()
            if kind.is_numeric() and name not in ("origin_offset", "part") and not name.startswith(("n_redacted_", "n_cut_"))
        }
        return histograms(self.measured, found, self.rows if self.ledger.is_complete else None)
