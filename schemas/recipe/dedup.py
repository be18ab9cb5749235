"""How copies are found and what happens to them."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

import numpy as np

from schemas.recipe.base import Threshold, config, require, require_name


def best_banding(threshold: float, permutations: int) -> tuple[int, int]:
    """(bands, rows) that minimise missed pairs above the threshold plus found pairs below it; equal to datasketch's choice."""
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
    """Documents with the same URL: one page, fetched again."""

    min_jaccard: Threshold = 0.5
    """Merge two documents with one URL only if their shingle sets have at least this true Jaccard similarity; "off" merges all of them.

    0.5 leaves room for a changed date, counter or comment. If a page has another text at the second fetch, both texts stay.
    """

    @property
    def limit(self) -> float:
        """The minimum similarity."""
        return self.min_jaccard or 0.0

    def __post_init__(self) -> None:
        fits = self.min_jaccard is None or 0 < self.min_jaccard <= 1
        require(fits, "dedup.url.min_jaccard", self.min_jaccard, 'must be in (0, 1]; "off" merges all documents that share a URL')


@config
class MinHash:
    """MinHash-LSH with verified removals."""

    bands: int = 14
    """Bands of the signature; two documents are compared if they agree in a band. FineWeb uses 14 bands of 8 rows."""
    rows: int = 8
    """Rows per band. Signatures have bands x rows permutations; the probability of a comparison is 1 - (1 - J^rows)^bands."""
    threshold: Threshold = None
    """The similarity at which that probability should rise: sets bands and rows to datasketch's optimum for `permutations`."""
    permutations: int = 128
    """Length of the signature in hashes if `threshold` is set; otherwise the length is bands x rows."""
    shingle: int = 5
    """Words (characters in languages written without spaces) per shingle."""
    seed: int = 1
    """Seed of the hash functions; runs that share an index must use the same."""
    min_jaccard: float = 0.75
    """A candidate is removed only if its shingle set has at least this true Jaccard similarity to the survivor's."""
    min_containment: Threshold = None
    """Verify by containment instead: the minimum share of a document's shingles that the survivor must contain."""
    max_comparisons: int = 32
    """Maximum comparisons of a document with preferred ones of its bucket; larger buckets are counted and split by further bands."""
    clusters: Literal["verified_stars", "components"] = "verified_stars"
    """How pairs become clusters: each removed document is similar to its survivor, or any chain of pairs leads to one survivor."""

    @property
    def limit(self) -> float:
        """The minimum similarity of a verified pair."""
        return self.min_jaccard if self.min_containment is None else self.min_containment

    def __post_init__(self) -> None:
        if self.threshold is not None:
            require(0 < self.threshold < 1, "dedup.minhash.threshold", self.threshold, "must be in (0, 1)")
            require(self.permutations > 1, "dedup.minhash.permutations", self.permutations, "must be above 1")
            bands, rows = best_banding(self.threshold, self.permutations)
            object.__setattr__(self, "bands", bands)
            object.__setattr__(self, "rows", rows)
        least = self.min_containment
        require(least is None or 0 < least <= 1, "dedup.minhash.min_containment", least, "must be in (0, 1]")
        for name in ("bands", "rows", "shingle", "max_comparisons"):
            require(getattr(self, name) > 0, f"dedup.minhash.{name}", getattr(self, name), "must be above 0")
        require(0 < self.min_jaccard <= 1, "dedup.minhash.min_jaccard", self.min_jaccard, "must be in (0, 1]")


@config
class SimHash:
    """64-bit SimHash with the parameters of ROOTS. The value in the ledger is the share of equal bits."""

    shingle: int = 6
    """Words (characters in languages written without spaces) per shingle."""
    distance: int = 4
    """Maximum number of bits in which a document may differ from its survivor."""
    blocks: int = 6
    """Number of pieces of the hash; more pieces give more and smaller buckets."""
    max_comparisons: int = 256
    """Maximum comparisons of a document with preferred ones of its bucket; larger buckets are counted."""

    @property
    def limit(self) -> float:
        """The minimum share of equal bits."""
        return 1 - self.distance / 64

    def __post_init__(self) -> None:
        require(0 <= self.distance <= 16, "dedup.simhash.distance", self.distance, "must be in [0, 16]")
        fits = self.distance < self.blocks <= 20
        require(fits, "dedup.simhash.blocks", self.blocks, f"must be above the distance, {self.distance}, and at most 20")
        for name in ("shingle", "max_comparisons"):
            require(getattr(self, name) > 0, f"dedup.simhash.{name}", getattr(self, name), "must be above 0")


@config
class Cuts:
    """What happens to a document with repeated spans: they are cut, and the document is dropped if too little is left.

    A document that keeps the surviving copy of any span is never dropped.
    """

    max_share: Threshold = None
    """Drop the document if a larger share of its characters would be cut."""
    min_left: int = 1
    """Drop a document that was cut and has fewer characters left."""

    def __post_init__(self) -> None:
        require(self.max_share is None or 0 <= self.max_share <= 1, "max_share", self.max_share, "must be in [0, 1]")
        require(self.min_left >= 0, "min_left", self.min_left, "must not be negative")


@config
class Lines(Cuts):
    """Lines that also occur elsewhere. Case, width, accents and punctuation are ignored; digits and operators count, unlike in CCNet."""

    scope: Literal["corpus", "document"] = "corpus"
    """Where to search for copies: in the whole corpus, or within each document."""
    min_chars: int = 1
    """Lines with fewer letters and digits stay."""


@config
class Sentences(Cuts):
    """Spans of sentences that also occur elsewhere, as in C4; compared like lines."""

    scope: Literal["corpus", "document"] = "corpus"
    """Where to search for copies: in the whole corpus, or within each document."""
    span: int = 3
    """Sentences per span."""

    def __post_init__(self) -> None:
        Cuts.__post_init__(self)
        require(self.span > 0, "dedup.sentences.span", self.span, "must be above 0")


@config
class Templates(Cuts):
    """Lines that occur on many pages of one host; all copies are cut."""

    min_pages: int = 10
    """Minimum number of the host's pages with the line; `min_share` must be reached, too."""
    min_share: float = 0.1
    """Minimum share of the host's pages with the line; `min_pages` must be reached, too."""

    def __post_init__(self) -> None:
        Cuts.__post_init__(self)
        require(self.min_pages > 1, "dedup.templates.min_pages", self.min_pages, "must be above 1")
        require(0 <= self.min_share <= 1, "dedup.templates.min_share", self.min_share, "must be in [0, 1]")


@config
class Substring(Cuts):
    """Exact repetitions (Lee et al., RefinedWeb): runs of words that also occur elsewhere, byte for byte."""

    scope: Literal["corpus", "document"] = "corpus"
    """Where to search for copies: in the whole corpus, or within each document."""
    min_words: int = 50
    """Words (characters in scripts written without spaces) of the shortest run that is cut."""

    def __post_init__(self) -> None:
        Cuts.__post_init__(self)
        require(self.min_words > 1, "dedup.substring.min_words", self.min_words, "must be above 1")


@config
class Dedup:
    """Which copies are merged. The survivor is from the first source in `priority`, then the longest, then has the smallest doc_id."""

    kinds: tuple[Literal["url", "exact", "minhash", "simhash", "lines", "sentences", "templates", "substring"], ...] = ("exact", "minhash")
    """Kinds of copies to search for, in order: each kind sees the documents and texts that the kinds before it left."""
    copies: Literal["drop", "weigh"] = "drop"
    """`drop` removes merged documents. `weigh` keeps them, with the size of their cluster as a weight for sampling (Baichuan 2).

    Every document has the size of its cluster in the column `cluster_size`.
    """
    url: SameAddress = field(default_factory=SameAddress)
    minhash: MinHash = field(default_factory=MinHash)
    simhash: SimHash = field(default_factory=SimHash)
    lines: Lines = field(default_factory=Lines)
    sentences: Sentences = field(default_factory=Sentences)
    templates: Templates = field(default_factory=Templates)
    substring: Substring = field(default_factory=Substring)
    priority: tuple[str, ...] = ()
    """Names of sources, the most trusted first, at most 14; all other sources follow with equal priority."""
    protected: tuple[str, ...] = ()
    """Names of held-out sources: their documents are never merged or cut, but copies of them in other sources are.

    No tokenizer is trained on them, and all of them are in the validation split. With `rules = []` no filter drops any of them.
    """
    scope: Literal["all", "within_source", "local_then_global"] = "all"
    """Where copies are searched for: in the whole corpus, within each source, or within each source and then in all, as XuanYuan did."""
    index: str = ""
    """Folder with the documents that earlier runs kept; a document that copies one of them is merged into it."""
    snapshot: str = ""
    """Name under which the documents that this run keeps are added to the index, which is created if needed. Empty adds nothing."""
    memory_mb: int = 1024
    """Memory for dedup per worker, in MB; larger data is processed in parts, from disk. Beam and Python need memory on top."""

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
        require(weighs_alone, "dedup.copies", self.copies, f"the kinds {', '.join(self.cut_kinds)} cut copies; remove them or drop copies")
        nothing_held_out = self.copies == "drop" or not self.protected
        require(nothing_held_out, "dedup.protected", list(self.protected), 'copies would stay; set dedup.copies = "drop"')
        require(len(self.priority) < 15, "dedup.priority", list(self.priority), "name at most 14 sources")
        require(len(set(self.priority)) == len(self.priority), "dedup.priority", list(self.priority), "name each source once")
        require(not self.snapshot or bool(self.index), "dedup.snapshot", self.snapshot, "name the folder to add it to in dedup.index")
        if self.snapshot:
            require_name(self.snapshot, "dedup.snapshot")
