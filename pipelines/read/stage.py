"""Splits -> DOCUMENT batches, and ledger rows of records that could not be read."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

import apache_beam as beam

from pipelines.engine.counters import count, count_outcomes
from pipelines.engine.decision import Decision
from pipelines.engine.progress import Progress
from pipelines.engine.segments import tag
from pipelines.read.batches import read_split
from pipelines.read.columns import ColumnCounts
from schemas.recipe import Recipe
from schemas.splits import Split

LOST_BYTES = "lost bytes"
"""Counts, by source, the bytes that cannot be read and held an unknown number of records."""
PASSED_OVER = "passed over"
"""Counts, by kind, the intact records that are not input."""
COLUMNS: Final = "columns of"
UNREADABLE: Final = "unreadable columns of"


class ReadSplits(beam.PTransform):
    """Split -> Decision: its batches in order, tagged with the split's number as segment."""

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
        columns = ColumnCounts()
        for sequence, batch in enumerate(read_split(split, self.recipe.sources[split.source], self.recipe.read, columns)):
            count("read", n_in=batch.n_records, n_out=batch.documents.num_rows)
            count_outcomes("read", batch.failures)
            count(LOST_BYTES, **{split.source: batch.lost_bytes})
            count(PASSED_OVER, **batch.passed_over)
            if batch.n_records:
                yield Decision(tag(batch.documents, split.index, sequence), tag(batch.failures, split.index, sequence))
        count(f"{COLUMNS} {split.source}", rows=columns.rows, text=columns.text, url=columns.url, addresses=columns.addresses)
        count(f"{UNREADABLE} {split.source}", **columns.unreadable)
        self.progress.step()


def counted_columns(counters: Mapping[str, Mapping[str, int]], source: str) -> ColumnCounts:
    """The columns of a source's rows, as counted by the graph."""
    unreadable = Counter({name: n for name, n in counters.get(f"{UNREADABLE} {source}", {}).items() if n})
    return ColumnCounts(**{name: n or 0 for name, n in counters.get(f"{COLUMNS} {source}", {}).items()}, unreadable=unreadable)
