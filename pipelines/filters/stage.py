"""DOCUMENT batches -> the same with signals; and, from signals alone, the ledger rows of those that a rule drops."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import apache_beam as beam
import pyarrow as pa

from pipelines.engine.coder import give_back
from pipelines.engine.counters import count, count_outcomes
from pipelines.engine.decision import Decision
from pipelines.engine.progress import Progress
from pipelines.engine.segments import open_segment, place_of, retag, tag
from pipelines.filters.chain import FilterChain
from pipelines.filters.decide import Decider, ExtraRules, tally
from pipelines.text.utf8 import prove_utf8
from schemas.hops import LEDGER
from schemas.recipe import Recipe

FAILING: Final = "failing"
"""Counters by rule: documents that fail it, alone or with others."""
FAILING_ALONE: Final = "failing_alone"
"""Counters by rule: documents that fail no other."""


class Measure(beam.PTransform):
    """DOCUMENT batches -> Decision: rows with their signals, and ledger rows of those that are dropped while measuring."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe

    def expand(self, documents: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[Decision]:
        """Measure every row, or each row until a rule drops it."""
        return documents | beam.ParDo(_Measure(self.recipe))


class _Measure(beam.DoFn):
    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    def setup(self) -> None:
        self.chain = FilterChain.of(self.recipe)

    def process(self, batch: pa.RecordBatch) -> Iterator[Decision]:
        give_back(batch)
        if self.recipe.filters.keep_dropped:
            measured = prove_utf8(self.chain.measure(batch), "filters")
            yield Decision(retag(measured, batch), retag(pa.RecordBatch.from_pylist([], LEDGER), batch))
        else:
            measured, dropped = self.chain(batch)
            yield Decision(retag(prove_utf8(measured, "filters"), batch), retag(dropped, batch))


class Decide(beam.PTransform):
    """Documents, and ledger rows of those already dropped -> Decision: the same documents, and ledger rows of all that a rule drops."""

    def __init__(self, recipe: Recipe, extra_rules: ExtraRules) -> None:
        """`extra_rules` judge documents after the rule sets."""
        super().__init__()
        self.recipe, self.extra_rules = recipe, extra_rules

    def expand(self, measured: beam.PCollection[Any]) -> beam.PCollection[Decision]:
        """Decide by the signals."""
        return measured | beam.ParDo(_Decide(self.recipe, self.extra_rules))


class _Decide(beam.DoFn):
    def __init__(self, recipe: Recipe, extra_rules: ExtraRules) -> None:
        self.recipe, self.extra_rules = recipe, extra_rules

    def setup(self) -> None:
        self.decider = Decider.of(self.recipe, self.extra_rules)

    def process(self, measured: Any) -> Iterator[Decision]:
        dropped = decided(self.decider, measured.kept)
        removed = pa.concat_batches([measured.removed.replace_schema_metadata(None), dropped])
        n_in = measured.kept.num_rows + measured.removed.num_rows
        count("filters", n_in=n_in, n_out=measured.kept.num_rows - dropped.num_rows)
        count_outcomes("filters", removed)
        yield Decision(measured.kept, retag(removed, measured.kept))


def decided(decider: Decider, documents: pa.RecordBatch) -> pa.RecordBatch:
    """LEDGER rows of the documents that do not stay; counts the documents that fail each rule."""
    verdicts = decider.verdicts(documents)
    for reason, (joint, alone) in tally(documents.num_rows, verdicts).items():
        count(FAILING, **{reason: joint})
        count(FAILING_ALONE, **{reason: alone})
    return decider.dropped(documents, verdicts)


class DecideAgain(beam.PTransform):
    """Paths of pool files -> ledger rows of all documents in them that a rule drops."""

    def __init__(self, recipe: Recipe, extra_rules: ExtraRules, progress: Progress) -> None:
        super().__init__()
        self.recipe, self.extra_rules, self.progress = recipe, extra_rules, progress

    def expand(self, paths: beam.PCollection[str]) -> beam.PCollection[pa.RecordBatch]:
        """Read only signals, no text."""
        return paths | beam.ParDo(_DecideAgain(self.recipe, self.extra_rules, self.progress))


class _DecideAgain(beam.DoFn):
    def __init__(self, recipe: Recipe, extra_rules: ExtraRules, progress: Progress) -> None:
        self.recipe, self.extra_rules, self.progress = recipe, extra_rules, progress

    def setup(self) -> None:
        self.decider = Decider.of(self.recipe, self.extra_rules)

    def process(self, path: str) -> Iterator[pa.RecordBatch]:
        segment, first = place_of(Path(path))
        reader = open_segment(Path(path))
        for index in range(reader.num_record_batches):
            documents = reader.get_batch(index)
            dropped = decided(self.decider, documents)
            count("filters", n_in=documents.num_rows, n_out=documents.num_rows - dropped.num_rows)
            count_outcomes("filters", dropped)
            yield tag(dropped, segment, first + index)
        self.progress.step()
