"""DOCUMENT batches -> the same with signals and fewer rows, and ledger rows of those that a rule dropped."""

from collections.abc import Iterator

import apache_beam as beam
import pyarrow as pa

from pipelines.filters.chain import FilterChain
from pipelines.runtime import Decision, count, count_outcomes, retag
from schemas.recipe import Recipe


class Filter(beam.PTransform):
    """RecordBatch -> Decision, by the recipe's rule sets."""

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        self.recipe = recipe

    def expand(self, documents: beam.PCollection[pa.RecordBatch]) -> beam.PCollection[Decision]:
        """Measure and decide."""
        return documents | beam.ParDo(_Filter(self.recipe))


class _Filter(beam.DoFn):
    def __init__(self, recipe: Recipe) -> None:
        self.recipe = recipe

    def setup(self) -> None:
        self.chain = FilterChain.of(self.recipe)

    def process(self, batch: pa.RecordBatch) -> Iterator[Decision]:
        kept, ledger = self.chain(batch)
        count("filters", n_in=batch.num_rows, n_out=kept.num_rows)
        count_outcomes("filters", ledger)
        yield Decision(retag(kept, batch), retag(ledger, batch))
