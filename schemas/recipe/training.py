"""Settings of the commands that train models for filters."""

from __future__ import annotations

from schemas.recipe.base import config, require


@config
class ClassifierTraining:
    """Settings of `train-classifier`. It uses one thread, so that the same documents give the same model."""

    dim: int = 100
    """Length of word vectors."""
    epoch: int = 5
    """Number of passes over the documents."""
    lr: float = 0.1
    """Learning rate at the start."""
    word_ngrams: int = 2
    """Longest word n-gram that gets a vector."""
    min_count: int = 1
    """Rarer words get no vector."""
    bucket: int = 200_000
    """Rows of vectors that word n-grams share by hash; a model has 4 x dim bytes per row. fastText's own default is 2,000,000."""
    held_out: float = 0.1
    """Share of the documents, by hash(seed, doc_id), that is held out from training to measure the model."""
    max_documents: int = 200_000
    """Maximum number of documents per label, sampled by hash(seed, doc_id); they are held in memory."""
    seed: int = 0
    """Seed of the sample and of the order."""

    def __post_init__(self) -> None:
        for name in ("dim", "epoch", "lr", "word_ngrams", "min_count", "bucket", "max_documents"):
            require(getattr(self, name) > 0, name, getattr(self, name), "must be above 0")
        require(0 < self.held_out < 1, "held_out", self.held_out, "must be in (0, 1)")


@config
class NgramTraining:
    """Settings of `train-ngrams`."""

    order: int = 5
    """Longest n-gram, 2 to 8. CCNet used 5."""
    zero_digits: bool = True
    """Read every digit as 0, as CCNet does; filters.perplexity.zero_digits must be the same."""
    memory_mb: int = 1024
    """Memory for counting and estimating, in MB; larger data is processed in parts, from disk. Any value gives the same model."""

    def __post_init__(self) -> None:
        require(2 <= self.order <= 8, "order", self.order, "must be in [2, 8]")
        require(self.memory_mb >= 1, "memory_mb", self.memory_mb, "must be at least 1")
