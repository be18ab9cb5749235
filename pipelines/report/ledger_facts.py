"""The ledger -> how many records ended where, and why."""

from __future__ import annotations

from functools import cached_property
from typing import Final

import polars as pl

from pipelines.report.aggregates import collect_as
from pipelines.report.histograms import Histogram, histogram_of
from pipelines.report.rows import Cluster, ReasonRow
from pipelines.report.run_facts import RunFacts
from schemas import layout
from schemas.hops import LEDGER
from schemas.ledger import ADDRESS_NAMES, scan_ledger
from schemas.stages import StageName

ON_REQUEST: Final = ("opt_out", "takedown")
"""Steps at which a document ends because somebody asked for it."""
UP_TO_FILTERS: Final = ("read", *ON_REQUEST, "filters")
"""Steps whose ledger rows do not change when dedup runs again."""
NOT_JUDGED: Final = ("read", *ON_REQUEST)
"""Steps before the filters."""

WAITING: Final = "waiting"
"""The outcome of a document that passed the filters in a run that stopped before dedup was done."""
MOST_CLUSTERS: Final = 10
MOST_REASONS: Final = 20

OUTCOME_COUNTS: Final = pl.Schema(
    {"source": pl.String, "lang": pl.String, "step": pl.String, "outcome": pl.String, "reason": pl.String, "n": pl.Int64}
)


class LedgerFacts:
    """The numbers of one run's ledger, each computed when it is first asked for."""

    def __init__(self, run: RunFacts) -> None:
        self.run = run

    @cached_property
    def rows(self) -> pl.LazyFrame:
        """The ledger's rows so far."""
        return scan_ledger(self.run.folder / layout.LEDGER)

    @cached_property
    def outcome_counts(self) -> pl.DataFrame:
        """Records by source, language, step, outcome and reason, in the columns OUTCOME_COUNTS.

        If dedup did not finish, its rows are left out, since it will run again, and its documents count as waiting.
        """
        by = ("source", "lang", "step", "outcome", "reason")
        counts = collect_as(self.rows.group_by(by).agg(pl.len().alias("n")), OUTCOME_COUNTS)
        if not self.run.done(StageName.CURATE) and counts.get_column("n").sum() != self.run.n_read:
            counts = pl.concat([counts.filter(pl.col("step").is_in(UP_TO_FILTERS)), self._waiting_counts()])
        return counts.sort(by)

    def _waiting_counts(self) -> pl.DataFrame:
        counts = self.waiting.group_by("source", "lang").agg(pl.len().alias("n"))
        ended = {"step": pl.lit("dedup"), "outcome": pl.lit(WAITING), "reason": pl.lit(None, pl.String)}
        return collect_as(counts.with_columns(**ended), OUTCOME_COUNTS)

    @property
    def waiting(self) -> pl.LazyFrame:
        """Documents of the pool that passed the filters; scan them, never collect `text`."""
        folders = (self.run.folder / layout.POOL, self.run.folder / layout.WORK_POOL)
        paths = next((found for folder in folders if (found := sorted(folder.glob("*.arrow")))), [])
        if not paths:
            return pl.DataFrame(LEDGER.empty_table()).lazy()
        dropped = self.rows.filter(step="filters").select(ADDRESS_NAMES)
        return pl.scan_ipc(paths).join(dropped, on=ADDRESS_NAMES, how="anti")

    @cached_property
    def is_complete(self) -> bool:
        """Whether every record has ended; also true if a guard stopped the run after dedup."""
        return self.run.done(StageName.CURATE) or (
            self.run.done(StageName.INGEST) and not self.n_records(outcome=WAITING) and self.n_records() == self.run.n_read
        )

    def n_records(self, **where: str) -> int:
        """Records with these values: `n_records(step="dedup", reason="exact")`."""
        return int(self.outcome_counts.filter(**where).get_column("n").sum())

    def reasons(self, step: str, *outcomes: str) -> list[ReasonRow]:
        """The most frequent reasons why records ended at `step`."""
        rows = self.outcome_counts.filter(pl.col("step") == step, pl.col("outcome").is_in(outcomes))
        rows = rows.group_by("source", "outcome", "reason").agg(pl.col("n").sum())
        rows = rows.sort("n", "source", "reason", descending=[True, False, False]).head(MOST_REASONS)
        return [ReasonRow(source=source, outcome=outcome, reason=reason, n=n) for source, outcome, reason, n in rows.iter_rows()]

    def removed_by_rule(self) -> dict[str, int]:
        """Documents by the first rule that they failed."""
        rows = self.outcome_counts.filter(step="filters").group_by("reason").agg(pl.col("n").sum())
        return dict(rows.iter_rows())

    def judged_by_source(self) -> dict[str, int]:
        """Documents that reached the filters, by source."""
        rows = self.outcome_counts.filter(~pl.col("step").is_in(NOT_JUDGED)).group_by("source").agg(pl.col("n").sum())
        return dict(rows.iter_rows())

    @property
    def languages(self) -> list[str]:
        """Languages that documents were identified as, those of dropped ones included."""
        return self.outcome_counts.get_column("lang").drop_nulls().unique().sort().to_list()

    @cached_property
    def merges(self) -> list[tuple[str, int]]:
        """Each configured kind of duplicate and how many documents it merged."""
        names = {kind: (kind, f"{kind}.max_share", f"{kind}.min_left") for kind in self.run.recipe.dedup.kinds}
        return [(kind, sum(self.n_records(step="dedup", reason=reason) for reason in reasons)) for kind, reasons in names.items()]

    @cached_property
    def similarities(self) -> Histogram | None:
        """Jaccard similarity of near-duplicates to their survivors, from the limit up to 1; None if there are none."""
        if not self.n_records(step="dedup", reason="minhash"):
            return None
        rows = self.rows.filter(pl.col("step") == "dedup", pl.col("reason") == "minhash").select(jaccard="value")
        return histogram_of(rows, "jaccard", self.run.recipe.dedup.minhash.min_jaccard, 1.0)

    @cached_property
    def clusters(self) -> list[Cluster]:
        """The survivors that most documents were merged into, the largest first."""
        merged = self.rows.filter(outcome="merged").group_by("survivor_id")
        sizes = merged.agg(pl.len().alias("n"), pl.col("reason").unique().sort().str.join(", ").alias("kinds"))
        top = sizes.sort("n", "survivor_id", descending=[True, False]).head(MOST_CLUSTERS).collect()
        survivors = self.rows.filter(pl.col("doc_id").is_in(top.get_column("survivor_id").implode()), outcome="kept")
        source_of = dict(survivors.select("doc_id", "source").collect().iter_rows())
        return [
            Cluster(survivor_id=survivor_id.hex(), source=source_of.get(survivor_id, ""), kinds=kinds, n_merged=n)
            for survivor_id, n, kinds in top.iter_rows()
        ]
