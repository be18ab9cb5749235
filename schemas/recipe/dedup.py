"""Which copies are found, and how."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

import numpy as np

from schemas.recipe.base import Threshold, config, require, require_name


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
class SameAddress:
    """Documents of one address: the same page, fetched again."""

    min_jaccard: Threshold = 0.5
    """Of two with one address, one is merged only if their shingle sets have at least this true Jaccard similarity; "off" asks for none.

    Half leaves room for a date, a counter and a comment. A page whose text is another at the second fetch stays twice, as two texts.
    """

    @property
    def limit(self) -> float:
        """What the similarity must reach."""
        return self.min_jaccard or 0.0

    def __post_init__(self) -> None:
        fits = self.min_jaccard is None or 0 < self.min_jaccard <= 1
        require(fits, "dedup.url.min_jaccard", self.min_jaccard, 'must lie in (0, 1]; "off" merges whatever shares an address')


@config
class MinHash:
    """MinHash-LSH with verified removals."""

    bands: int = 14
    """Bands of the signature; two documents are compared if one band is the same. 14 x 8 is FineWeb's choice."""
    rows: int = 8
    """Signatures have bands x rows permutations; the detection curve is 1 - (1 - J^rows)^bands."""
    threshold: Threshold = None
    """Where the curve shall turn: sets bands and rows to datasketch's optimum for `permutations`."""
    permutations: int = 128
    """Length of the signature in hashes where `threshold` is set; otherwise it is bands x rows."""
    shingle: int = 5
    """Words (characters in languages written without spaces) per shingle."""
    seed: int = 1
    """Seed of the hash functions; runs that share an index need the same."""
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
        least = self.min_containment
        require(least is None or 0 < least <= 1, "dedup.minhash.min_containment", least, "must lie in (0, 1]")
        for name in ("bands", "rows", "shingle", "max_comparisons"):
            require(getattr(self, name) > 0, f"dedup.minhash.{name}", getattr(self, name), "must be above 0")
        require(0 < self.min_jaccard <= 1, "dedup.minhash.min_jaccard", self.min_jaccard, "must lie in (0, 1]")


@config
class SimHash:
    """64-bit SimHash, with the numbers of ROOTS. The value in the ledger is the share of equal bits."""

    shingle: int = 6
    """Words (characters in languages written without spaces) per shingle."""
    distance: int = 4
    """Bits in which a document may differ from its survivor."""
    blocks: int = 6
    """Pieces of the hash; more of them make buckets smaller and more numerous."""
    max_comparisons: int = 256
    """A document is compared with at most this many better ones of one bucket; larger ones are counted."""

    @property
    def limit(self) -> float:
        """What the share of equal bits must reach."""
        return 1 - self.distance / 64

    def __post_init__(self) -> None:
        require(0 <= self.distance <= 16, "dedup.simhash.distance", self.distance, "must lie in [0, 16]")
        fits = self.distance < self.blocks <= 20
        require(fits, "dedup.simhash.blocks", self.blocks, f"must be above the distance, {self.distance}, and at most 20")
        for name in ("shingle", "max_comparisons"):
            require(getattr(self, name) > 0, f"dedup.simhash.{name}", getattr(self, name), "must be above 0")


@config
class Cuts:
    """What becomes of a document with repeated spans: they are cut, and it ends if too little is left.

    A document that holds the copy that stays, of any span, does not end.
    """

    max_share: Threshold = None
    """A document of whose characters a larger share would be cut ends as a whole."""
    min_left: int = 1
    """A document that was cut and has fewer characters left than this ends."""

    def __post_init__(self) -> None:
        require(self.max_share is None or 0 <= self.max_share <= 1, "max_share", self.max_share, "must lie in [0, 1]")
        require(self.min_left >= 0, "min_left", self.min_left, "must not be negative")


@config
class Lines(Cuts):
    """Lines that stand elsewhere, compared without case, width, accents and marks of prose; digits and operators count, unlike in CCNet."""

    scope: Literal["corpus", "document"] = "corpus"
    """Where copies are looked for."""
    min_chars: int = 1
    """Lines of fewer letters and digits stay."""


@config
class Sentences(Cuts):
    """Spans of sentences that stand elsewhere, as in C4; compared as lines are."""

    scope: Literal["corpus", "document"] = "corpus"
    """Where copies are looked for."""
    span: int = 3
    """Sentences per span."""

    def __post_init__(self) -> None:
        Cuts.__post_init__(self)
        require(self.span > 0, "dedup.sentences.span", self.span, "must be above 0")


@config
class Templates(Cuts):
    """Lines on many pages of one host; all copies are cut."""

    min_pages: int = 10
    """Pages of the host that must have the line ..."""
    min_share: float = 0.1
    """... and the share of its pages."""

    def __post_init__(self) -> None:
        Cuts.__post_init__(self)
        require(self.min_pages > 1, "dedup.templates.min_pages", self.min_pages, "must be above 1")
        require(0 <= self.min_share <= 1, "dedup.templates.min_share", self.min_share, "must lie in [0, 1]")


@config
class Substring(Cuts):
    """Exact repetitions (Lee et al., RefinedWeb): runs of words that stand elsewhere byte for byte."""

    scope: Literal["corpus", "document"] = "corpus"
    """Where copies are looked for."""
    min_words: int = 50
    """Words (characters in scripts written without spaces) of the shortest run that is cut."""

    def __post_init__(self) -> None:
        Cuts.__post_init__(self)
        require(self.min_words > 1, "dedup.substring.min_words", self.min_words, "must be above 1")


@config
class Dedup:
    """Which copies are merged. The one of the first source in `priority` stays, of those the longest, then the smallest doc_id."""

    kinds: tuple[Literal["url", "exact", "minhash", "simhash", "lines", "sentences", "templates", "substring"], ...] = ("exact", "minhash")
    """In order: each sees the documents and the texts that the kinds before it left."""
    copies: Literal["drop", "weigh"] = "drop"
    """Whether a document that is merged leaves the corpus, or stays, with the size of its cluster as a weight for sampling (Baichuan 2).

    Every document has that size in its column `cluster_size`.
    """
    url: SameAddress = field(default_factory=SameAddress)
    minhash: MinHash = field(default_factory=MinHash)
    simhash: SimHash = field(default_factory=SimHash)
    lines: Lines = field(default_factory=Lines)
    sentences: Sentences = field(default_factory=Sentences)
    templates: Templates = field(default_factory=Templates)
    substring: Substring = field(default_factory=Substring)
    priority: tuple[str, ...] = ()
    """Names of sources, the most trusted first, at most 14; all others come after them, equally."""
    protected: tuple[str, ...] = ()
    """Names of sources that are held out: their documents are never merged or cut, what copies them elsewhere is.

    No tokenizer learns from them, and all of them are of the validation split. A source with `rules = []` loses none to the filters.
    """
    scope: Literal["all", "within_source", "local_then_global"] = "all"
    """Whether copies are looked for in the whole corpus, in each source alone, or, as XuanYuan did, in each source and then in all."""
    index: str = ""
    """A folder with what earlier runs kept; a document that copies one of those is merged into it."""
    snapshot: str = ""
    """Under which name to add what this run keeps to the index; it is made if need be. Empty adds nothing."""
    memory_mb: int = 1024
    """What deduplication may hold in memory per worker; more is worked through in parts, from disk. Beam and Python come on top."""

    @property
    def document_kinds(self) -> tuple[str, ...]:
        """The kinds that compare whole documents."""
        return tuple(kind for kind in self.kinds if kind not in self.cut_kinds)

    @property
    def cut_kinds(self) -> tuple[str, ...]:
        """The kinds that cut spans out of texts."""
        return tuple(kind for kind in self.kinds if isinstance(getattr(self, kind, None), Cuts))

    def __post_init__(self) -> None:
        require(self.memory_mb >= 64, "dedup.memory_mb", self.memory_mb, "must be at least 64")
        require(len(set(self.kinds)) == len(self.kinds), "dedup.kinds", list(self.kinds), "name each kind once")
        weighs_alone = self.copies == "drop" or not self.cut_kinds
        require(
            weighs_alone, "dedup.copies", self.copies, f"the kinds {', '.join(self.cut_kinds)} cut copies; take them out or drop copies"
        )
        nothing_held_out = self.copies == "drop" or not self.protected
        require(nothing_held_out, "dedup.protected", list(self.protected), 'copies would stay; set dedup.copies = "drop"')
        require(len(self.priority) < 15, "dedup.priority", list(self.priority), "name at most 14 sources")
        require(len(set(self.priority)) == len(self.priority), "dedup.priority", list(self.priority), "name each source once")
        require(not self.snapshot or bool(self.index), "dedup.snapshot", self.snapshot, "name the folder to add it to in dedup.index")
        if self.snapshot:
            require_name(self.snapshot, "dedup.snapshot")
