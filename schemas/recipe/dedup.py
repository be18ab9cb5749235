"""Which copies are found, and how."""

from __future__ import annotations

import re
from dataclasses import field
from typing import Literal

import numpy as np

from schemas.recipe.base import Threshold, config, require


def best_banding(threshold: float, permutations: int) -> tuple[int, int]:
    """(bands, rows) with the least sum of missed pairs above the threshold and found ones below it, as datasketch chooses them."""
    step = 0.001
    below = (np.arange(int(threshold / step)) + 0.5) * step
    above = threshold + (np.arange(int((1 - threshold) / step)) + 0.5) * step

    def error(bands: int, rows: int) -> float:
        missed = ((1 - above**rows) ** bands).sum()
        return 0.5 * step * float((1 - (1 - below**rows) ** bands).sum() + missed)

    shapes = [(bands, rows) for bands in range(1, permutations + 1) for rows in range(1, permutations // bands + 1)]
    return min(shapes, key=lambda shape: error(*shape))


@config
class MinHash:
    """MinHash-LSH with verified removals."""

    bands: int = 14
    rows: int = 8
    """Signatures have bands x rows permutations; the detection curve is 1 - (1 - J^rows)^bands."""
    threshold: Threshold = None
    """Where the curve shall turn: sets bands and rows to datasketch's optimum for `permutations`."""
    permutations: int = 128
    shingle: int = 5
    """Words (characters in languages written without spaces) per shingle."""
    seed: int = 1
    min_jaccard: float = 0.75
    """A candidate is removed only if its shingle set has at least this true Jaccard similarity to the survivor's."""
    min_containment: Threshold = None
    """Verify by containment instead: the share of a document's shingles that must stand in the survivor."""
    max_comparisons: int = 32
    """A document is compared with at most this many better ones of one bucket; larger ones are counted and split by further bands."""

    clusters: Literal["verified_stars", "components"] = "verified_stars"
    """What verified pairs mean: each removed document is similar to its survivor, or any chain of pairs leads to one survivor."""

    @property
    def limit(self) -> float:
        """What a verified pair must reach."""
        return self.min_jaccard if self.min_containment is None else self.min_containment

    def __post_init__(self) -> None:
        if self.threshold is not None:
            require(0 < self.threshold < 1, "dedup.minhash.threshold", self.threshold, "must lie in (0, 1)")
            require(self.permutations > 1, "dedup.minhash.permutations", self.permutations, "must be above 1")
            bands, rows = best_banding(self.threshold, self.permutations)
            object.__setattr__(self, "bands", bands)
            object.__setattr__(self, "rows", rows)
        require(0 < self.limit <= 1, "dedup.minhash.min_containment", self.min_containment, "must lie in (0, 1]")
        for name in ("bands", "rows", "shingle", "max_comparisons"):
            require(getattr(self, name) > 0, f"dedup.minhash.{name}", getattr(self, name), "must be above 0")
        require(0 < self.min_jaccard <= 1, "dedup.minhash.min_jaccard", self.min_jaccard, "must lie in (0, 1]")


@config
class Dedup:
    """Which copies are merged. The one of the first source in `priority` stays, of those the longest, then the smallest doc_id."""

    kinds: tuple[Literal["url", "exact", "minhash"], ...] = ("exact", "minhash")
    minhash: MinHash = field(default_factory=MinHash)
    priority: tuple[str, ...] = ()
    """Names of sources, the most trusted first, at most 14; all others come after them, equally."""
    protected: tuple[str, ...] = ()
    """Names of sources, such as held-out sets, whose documents are never merged; what copies them elsewhere is."""
    scope: Literal["all", "within_source", "local_then_global"] = "all"
    """Whether copies are looked for in the whole corpus, in each source alone, or, as XuanYuan did, in each source and then in all."""
    index: str = ""
    """A folder with what earlier runs kept; a document that copies one of those is merged into it."""
    snapshot: str = ""
    """Under which name to add what this run keeps to the index; it is made if need be. Empty adds nothing."""
    memory_mb: int = 1024
    """What deduplication may hold in memory per worker; more is worked through in parts, from disk. Beam and Python come on top."""

    def __post_init__(self) -> None:
        require(self.memory_mb >= 64, "dedup.memory_mb", self.memory_mb, "must be at least 64")
        require(len(self.priority) < 15, "dedup.priority", list(self.priority), "name at most 14 sources")
        require(len(set(self.priority)) == len(self.priority), "dedup.priority", list(self.priority), "name each source once")
        require(not self.snapshot or bool(self.index), "dedup.snapshot", self.snapshot, "name the folder to add it to in dedup.index")
        plain = self.snapshot == "" or re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", self.snapshot) is not None
        require(plain, "dedup.snapshot", self.snapshot, "use letters, digits, '.', '_' and '-' only")
