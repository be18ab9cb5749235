"""The rule sets of a recipe as one kernel: documents in, the same documents with their signals out.

A source's cleaning steps come first: every rule set sees their result, and a column each counts what they took out. Each source has its
rule sets, in order; signals of sets that a source does not have are null. C4 and RefinedWeb cut lines out of `raw_text`: later sets see
the rest, and the rest goes on.
The language is identified for rows that meet `language` or a set whose limits depend on it, on the text as it is at that point, even
where no rule decides by it. Other rows have none.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Self

import numpy as np
import pyarrow as pa

from pipelines.filters.clean.steps import cleaning_steps
from pipelines.filters.decide import Decider, rules_of
from pipelines.filters.identify import LANGUAGE_FIELDS, language_columns
from pipelines.filters.pending import PendingRows, Rows
from pipelines.filters.registry import REGISTRY
from pipelines.filters.rule_set import RuleContext
from pipelines.filters.verdict import Verdict
from schemas.hops import DOCUMENT, LEDGER, conform
from schemas.recipe import CLEANING_STEPS, Recipe


class FilterChain:
    """DOCUMENT batch -> its rows with signals: all of them by `measure`, or by calling it those that no rule drops."""

    def __init__(self, context: RuleContext, rules: dict[str, tuple[str, ...]], steps: dict[str, tuple[str, ...]] | None = None) -> None:
        """`rules` and `steps` are the rule sets and cleaning steps of each source."""
        self.context, self.rules, self.steps = context, rules, steps or {}
        self.decider = Decider(context, rules)
        self.schema = pa.schema([*DOCUMENT, *self.fields()])

    @classmethod
    def of(cls, recipe: Recipe) -> Self:
        """The chain of a recipe. It reads the lists of domains; models are loaded when a batch needs them."""
        return cls(RuleContext.of(recipe), rules_of(recipe), cleaning_steps(recipe))

    def fields(self) -> list[pa.Field]:
        """What is appended to DOCUMENT: LANGUAGE_FIELDS, `clean.step` and `rule_set.signal` for each step and set that a source has."""
        taken = {name for steps in self.steps.values() for name in steps}
        used = {name for rules in self.rules.values() for name in rules}
        signals = [f"{name}.{signal}" for name, rule_set in REGISTRY.items() if name in used for signal in rule_set.signals]
        cleaning = [f"clean.{name}" for name in CLEANING_STEPS if name in taken]
        return [*LANGUAGE_FIELDS, *(pa.field(name, pa.float64()) for name in (*cleaning, *signals))]

    def measure(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Every row with every signal of its source's rule sets, whether or not a rule drops it."""
        measured = []
        for pending, rules in self._by_source(batch):
            for rule_set in rules:
                self.measure_set(rule_set, pending)
            measured.append((self._completed(pending.documents), pending.rows))
        return _in_order(measured, self.schema)

    def __call__(self, batch: pa.RecordBatch) -> tuple[pa.RecordBatch, pa.RecordBatch]:
        """(rows that stay, LEDGER rows of the others), each in the order of the input. No set measures a row that an earlier one drops."""
        kept, removed = [], []
        for pending, rules in self._by_source(batch):
            for rule_set in rules:
                pending.drop(self.verdict(rule_set, pending))
            kept.append((self._completed(pending.documents), pending.rows))
            removed += pending.removed
        return _in_order(kept, self.schema), _in_order(removed, LEDGER)

    def verdict(self, rule_set: str, pending: PendingRows) -> Verdict:
        """Measure the pending rows, and say which of them fail."""
        self.measure_set(rule_set, pending)
        return self.decider.verdict(rule_set, pending.documents, pending.profile)

    def measure_set(self, rule_set: str, pending: PendingRows) -> None:
        """Set the signals of a rule set as columns, and the text where the set cuts it."""
        if self.needs_language(rule_set) and not pending.identified:
            pending.set_language(*language_columns(pending.text, self.context.filters.language), self.context.languages)
        measuring = REGISTRY[rule_set]
        if measuring.measure:
            for name, values in zip(measuring.signals, measuring.measure(pending, self.context), strict=True):
                pending.set(f"{rule_set}.{name}", pa.array(values, from_pandas=True))

    def needs_language(self, rule_set: str) -> bool:
        """Whether the documents' language must be known before the rule set measures."""
        return REGISTRY[rule_set].needs_language or any(rule_set in sets for sets in self.context.filters.profiles.values())

    def _by_source(self, batch: pa.RecordBatch) -> Iterator[tuple[PendingRows, tuple[str, ...]]]:
        source = batch.column("source").dictionary_encode()
        of_source = source.indices.to_numpy(zero_copy_only=False)
        for number, name in enumerate(source.dictionary.to_pylist()):
            rows = np.flatnonzero(of_source == number)
            pending = PendingRows(batch if len(rows) == batch.num_rows else batch.take(pa.array(rows)), rows)
            pending.clean(self.steps.get(name, ()))
            yield pending, self.rules[name]

    def _completed(self, documents: pa.RecordBatch) -> pa.RecordBatch:
        for field in self.schema:
            if field.name not in documents.schema.names:
                documents = documents.append_column(field, pa.nulls(documents.num_rows, field.type))
        return conform(documents, self.schema)


def _in_order(pieces: list[tuple[pa.RecordBatch, Rows]], schema: pa.Schema) -> pa.RecordBatch:
    """The batches as one, sorted by row number."""
    if not pieces:
        return pa.RecordBatch.from_pylist([], schema)
    if len(pieces) == 1:
        return pieces[0][0]
    table = pa.concat_batches([batch for batch, _ in pieces])
    return table.take(pa.array(np.argsort(np.concatenate([rows for _, rows in pieces]))))
