"""A run folder -> every number that the page, the card, the summary and the comparison show.

Read are run.json, the ledger, the columns of the documents, the counts in the shards and the model's metrics. Numbers of a stage
that has not finished are empty or None.
"""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Final

from pipelines.report.aggregates import sums_by
from pipelines.report.document_facts import DocumentFacts
from pipelines.report.formats import NO_LANGUAGE
from pipelines.report.guard_rows import guard_rows
from pipelines.report.histograms import Histogram
from pipelines.report.ledger_facts import ON_REQUEST, WAITING, LedgerFacts
from pipelines.report.rows import GuardRow, LanguageRow, RuleRow, SourceRow
from pipelines.report.rules import Rule, configured_rules
from pipelines.report.run_facts import RunFacts
from pipelines.report.shard_facts import ShardFacts
from schemas.stages import StageName

STAGE_OF_STEP: Final = {
    "read": StageName.INGEST,
    "opt_out": StageName.INGEST,
    "takedown": StageName.INGEST,
    "filters": StageName.INGEST,
    "caps": StageName.CURATE,
    "dedup": StageName.CURATE,
    StageName.ENCODE: StageName.ENCODE,
}
"""Each step that counts records, in the order in which records reach them, and its stage."""


class Facts(RunFacts):
    """One run's numbers, each computed when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.ledger = LedgerFacts(self)
        self.documents = DocumentFacts(self, self.ledger)
        self.shards = ShardFacts(self)

    @cached_property
    def sources(self) -> list[SourceRow]:
        """The recipe's sources, in its order."""
        sizes, tokens = sums_by(self.documents.sizes, "source"), sums_by(self.shards.tokens, "source")
        return [self._source(name, sizes.get(name, {}), tokens.get(name, {})) for name in self.recipe.sources]

    def _source(self, name: str, size: dict[str, int], token: dict[str, int]) -> SourceRow:
        config, n_records = self.recipe.sources[name], self.ledger.n_records
        is_complete, encoded = self.ledger.is_complete, self.done(StageName.ENCODE)
        return SourceRow(
            name=name,
            source_class=config.source_class,
            licence=config.licence,
            n_records=n_records(source=name),
            n_failed=n_records(source=name, outcome="failed"),
            n_unread=n_records(source=name, step="read", outcome="dropped"),
            n_left_out=sum(n_records(source=name, step=step) for step in ON_REQUEST),
            n_filtered=n_records(source=name, step="filters") + n_records(source=name, step="caps"),
            n_merged=n_records(source=name, outcome="merged") + n_records(source=name, step="dedup", outcome="dropped"),
            n_waiting=n_records(source=name, outcome=WAITING),
            n_kept=n_records(source=name, outcome="kept"),
            n_chars=size.get("n_chars", 0) if is_complete else None,
            n_bytes=size.get("n_bytes", 0) if is_complete else None,
            n_tokens=token.get("n_tokens", 0) if encoded else None,
        )

    @cached_property
    def languages(self) -> list[LanguageRow]:
        """Languages of the kept documents, the largest first."""
        tokens = sums_by(self.shards.tokens, "lang")
        sizes = sums_by(self.documents.sizes, "lang")
        n_chars = sum(size["n_chars"] for size in sizes.values())
        return [
            LanguageRow(
                name=lang or NO_LANGUAGE,
                n_documents=size["n_documents"],
                n_chars=size["n_chars"],
                n_bytes=size["n_bytes"],
                n_tokens=tokens.get(lang, {}).get("n_tokens", 0) if self.done(StageName.ENCODE) else None,
                share=size["n_chars"] / n_chars if n_chars else 0.0,
            )
            for lang, size in sorted(sizes.items(), key=lambda item: (-item[1]["n_chars"], item[0] or ""))
        ]

    @property
    def bytes_per_token(self) -> float | None:
        """UTF-8 bytes of curated text for each token; None until there are shards with tokens."""
        return self.documents.n_bytes / self.shards.n_tokens if self.shards.n_tokens else None

    @cached_property
    def rules(self) -> list[RuleRow]:
        """Every configured rule, those that never removed a document included."""
        removed, judged = self.ledger.removed_by_rule(), self.ledger.judged_by_source()
        failing, alone = self.ingest.failing, self.ingest.failing_alone
        return [
            RuleRow(
                rule=rule,
                n_judged=sum(judged.get(source, 0) for source in rule.sources),
                n_removed=removed.get(rule.name, 0),
                n_failing=None if failing is None else failing.get(rule.name, 0),
                n_alone=None if alone is None else alone.get(rule.name, 0),
            )
            for rule in configured_rules(self.recipe, self.ledger.languages)
        ]

    @property
    def silent_rules(self) -> list[RuleRow]:
        """Rules that judged documents, none of which failed."""
        return [row for row in self.rules if not row.fired and row.n_judged and self.done(StageName.INGEST)]

    @cached_property
    def rules_by_signal(self) -> dict[str, list[Rule]]:
        """The rules that limit each signal."""
        rules: dict[str, list[Rule]] = {}
        for row in self.rules:
            rules.setdefault(row.rule.signal, []).append(row.rule)
        return rules

    @cached_property
    def signals(self) -> list[Histogram]:
        """One histogram for each numeric signal, with its limits in all languages."""
        limits = {
            signal: [float(n) for rule in rules for n in (rule.limit, *rule.other_limits.values()) if isinstance(n, int | float)]
            for signal, rules in self.rules_by_signal.items()
        }
        return self.documents.signals(limits)

    @cached_property
    def guards(self) -> list[GuardRow]:
        """The ceilings of the recipe and how near the run came to each."""
        return guard_rows(self, self.ledger)
