"""What the steps of a kind that cuts share: its settings, and the segments that it reads."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pipelines.dedup.arrays import Int64s, Mask, UInt64s
from pipelines.dedup.memory import partitions_for
from pipelines.dedup.pool import Eligibility
from pipelines.dedup.row_refs import row_ref
from pipelines.dedup.spans.rewrite import CutKind, Rescrub
from pipelines.engine.progress import Progress
from pipelines.engine.segments import batches_of
from schemas.recipe import Dedup


@dataclass(frozen=True)
class SpanJob:
    """One kind of one run."""

    kind: str
    dedup: Dedup
    segments: list[str]
    """Paths of the segments to read, by number."""
    n_bytes: int
    """Size of all segments."""
    folder: Path
    """For the rewritten segments and for work files."""
    eligibility: Eligibility
    rescrub: Rescrub
    progress: Progress

    @property
    def cut_kind(self) -> CutKind:
        """How the kind cuts."""
        return CutKind(self.kind, getattr(self.dedup, self.kind), self.rescrub)

    @property
    def within_document(self) -> bool:
        """Whether copies are looked for within each document only."""
        return bool(getattr(self.dedup, self.kind).scope == "document")

    @property
    def n_partitions(self) -> int:
        """Partitions of a shuffle of units, which mostly take less room than the text itself."""
        return partitions_for(self.n_bytes, self.dedup)

    def outputs(self) -> list[str]:
        """Paths of the rewritten segments, by number."""
        return [str(self.folder / f"segment-{number:05d}.arrow") for number in range(len(self.segments))]


class LiveSegment(NamedTuple):
    """A segment file, and which of its documents earlier kinds have removed."""

    number: int
    path: str
    removed: Int64s
    """Rows, ascending."""


class LiveBatch(NamedTuple):
    """A batch of a segment, and which of its documents are still eligible."""

    first_ref: np.uint64
    """The row reference of its first row."""
    documents: pa.RecordBatch
    """All rows; the texts of eligible ones are without evaluation items."""
    eligible: Mask

    def eligible_refs(self) -> UInt64s:
        """The row references of the eligible documents."""
        return self.first_ref + np.flatnonzero(self.eligible).astype(np.uint64)

    def eligible_documents(self, *columns: str) -> pa.RecordBatch:
        """Some columns of the eligible documents."""
        return self.documents.select(list(columns)).filter(pa.array(self.eligible))


def live_batches(segment: LiveSegment, eligibility: Eligibility) -> Iterator[LiveBatch]:
    """The batches of a segment, in order."""
    first_row = 0
    for whole in batches_of(Path(segment.path)):
        documents, eligible = eligibility.with_mask(whole)
        low, high = np.searchsorted(segment.removed, [first_row, first_row + documents.num_rows])
        eligible[segment.removed[low:high] - first_row] = False
        yield LiveBatch(row_ref(segment.number, first_row), documents, eligible)
        first_row += documents.num_rows
