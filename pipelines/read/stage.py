"""Splits -> DOCUMENT batches, and ledger rows of what could not be read."""

from collections.abc import Iterator

import apache_beam as beam

from pipelines.read.reader import read_split
from pipelines.read.splits import Split
from pipelines.runtime import Decision, Progress, count, count_outcomes, tag
from schemas.recipe import Recipe

LOST_BYTES = "lost bytes"
"""Counts by source the bytes of damaged files of which it is not known how many records they held."""
PASSED_OVER = "passed over"
"""Counts by kind the WARC records that are no input."""


class ReadSplits(beam.PTransform):
    """Split -> Decision: one batch after the other, tagged with the split's number as segment."""

    def __init__(self, recipe: Recipe, progress: Progress) -> None:
        super().__init__()
        self.recipe, self.progress = recipe, progress

    def expand(self, splits: beam.PCollection[Split]) -> beam.PCollection[Decision]:
        """Spread the splits over the workers and read them."""
        return splits | beam.Reshuffle() | beam.ParDo(_Read(self.recipe, self.progress))


class _Read(beam.DoFn):
    def __init__(self, recipe: Recipe, progress: Progress) -> None:
        self.recipe, self.progress = recipe, progress

    def process(self, split: Split) -> Iterator[Decision]:
        for sequence, found in enumerate(read_split(split, self.recipe.sources[split.source], self.recipe.read)):
            count("read", n_in=found.n_records, n_out=found.documents.num_rows)
            count_outcomes("read", found.failures)
            count(LOST_BYTES, **{split.source: found.lost_bytes})
            count(PASSED_OVER, **found.passed_over)
            if found.n_records:
                yield Decision(tag(found.documents, split.index, sequence), tag(found.failures, split.index, sequence))
        self.progress.step()
