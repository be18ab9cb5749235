"""Splits -> DOCUMENT batches, and ledger rows of what could not be read."""

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Final

import apache_beam as beam

from pipelines.engine.counters import count, count_outcomes
from pipelines.engine.decision import Decision
from pipelines.engine.progress import Progress
from pipelines.engine.segments import tag
from pipelines.read.columns import Seen
from pipelines.read.reader import read_split
from schemas.recipe import Recipe
from schemas.splits import Split

LOST_BYTES = "lost bytes"
"""Counts by source the bytes that cannot be read and of which it is not known how many records they held."""
PASSED_OVER = "passed over"
"""Counts by kind the WARC records that are no input."""
COLUMNS: Final = "columns of"
UNREADABLE: Final = "unreadable columns of"


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
        seen = Seen()
        for sequence, found in enumerate(read_split(split, self.recipe.sources[split.source], self.recipe.read, seen)):
            count("read", n_in=found.n_records, n_out=found.documents.num_rows)
            count_outcomes("read", found.failures)
            count(LOST_BYTES, **{split.source: found.lost_bytes})
            count(PASSED_OVER, **found.passed_over)
            if found.n_records:
                yield Decision(tag(found.documents, split.index, sequence), tag(found.failures, split.index, sequence))
        count(f"{COLUMNS} {split.source}", rows=seen.rows, text=seen.text, url=seen.url, addresses=seen.addresses)
        count(f"{UNREADABLE} {split.source}", **{f"column {name}": n for name, n in seen.unreadable.items()})
        self.progress.step()


def seen_in(counters: Mapping[str, Mapping[str, int]], source: str) -> Seen:
    """What the rows of a source have, as a graph has counted it."""
    unreadable = Counter({name.removeprefix("column "): n for name, n in counters.get(f"{UNREADABLE} {source}", {}).items() if n})
    return Seen(**{name: n or 0 for name, n in counters.get(f"{COLUMNS} {source}", {}).items()}, unreadable=unreadable)
