"""What the steps of one deduplication share."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path

from pipelines.dedup.memory import band_row_bytes, block_row_bytes, partitions_for, signature_row_bytes
from pipelines.dedup.pool import Eligibility
from pipelines.dedup.snapshots.index import EarlierDocuments
from pipelines.dedup.spans.rewrite import Rescrub, no_rescrub
from pipelines.engine.progress import Progress
from schemas.recipe import Dedup


@dataclass(frozen=True, kw_only=True)
class DedupJob:
    """One deduplication of a pool."""

    dedup: Dedup
    segments: list[str]
    """Paths of the pool's segments, by number."""
    n_documents: int
    """How many of their documents are eligible."""
    folder: Path
    """For work files."""
    progress: Progress
    eligibility: Eligibility = field(default_factory=Eligibility)
    earlier: EarlierDocuments | None = None
    rescrub: Rescrub = no_rescrub

    @property
    def n_bytes(self) -> int:
        """Size of all segments."""
        return sum(Path(segment).stat().st_size for segment in self.segments)

    @property
    def n_partitions(self) -> int:
        """Partitions of a shuffle of signatures."""
        return partitions_for(self.n_documents * signature_row_bytes(self.dedup), self.dedup)

    @property
    def n_band_partitions(self) -> int:
        """Partitions of a shuffle of MinHash bands."""
        return partitions_for(self.n_documents * self.dedup.minhash.bands * band_row_bytes(self.dedup), self.dedup)

    @property
    def n_block_partitions(self) -> int:
        """Partitions of a shuffle of SimHash blocks."""
        return partitions_for(self.n_documents * block_row_bytes(self.dedup), self.dedup)


def n_progress_steps(dedup: Dedup) -> int:
    """How often `Deduplicate` and `ApplyMerges` report progress for each segment.

    Documents are signed before each run of kinds that compare them, each kind that cuts rewrites them, and at the end merges are applied.
    """
    signings = sum(not cuts for cuts, _ in groupby(kind in dedup.cut_kinds for kind in dedup.kinds))
    return signings + len(dedup.cut_kinds) + 1
