"""What the commands that train models for filters are asked for."""

from __future__ import annotations

from schemas.recipe.base import config, require


@config
class ClassifierTraining:
    """What `train-classifier` is asked for. One thread, so that the same documents give the same model."""

    dim: int = 100
    """Length of word vectors."""
    epoch: int = 5
    """Passes over the documents."""
    lr: float = 0.1
    """Learning rate at the start."""
    word_ngrams: int = 2
    """Longest n-gram of words that has a vector."""
    min_count: int = 1
    """A rarer word has no vector."""
    bucket: int = 200_000
    """Rows that word n-grams share by hash; fastText's own default, 2,000,000, makes a model of 4 x dim times as many bytes."""
    held_out: float = 0.1
    """Share of the documents, by hash(seed, doc_id), that is kept from training and measured on."""
    max_documents: int = 200_000
    """Documents of either label at most, sampled by hash(seed, doc_id); they are held in memory."""
    seed: int = 0
    """Seed of the draw and of the order."""

    def __post_init__(self) -> None:
        for name in ("dim", "epoch", "lr", "word_ngrams", "min_count", "bucket", "max_documents"):
            require(getattr(self, name) > 0, name, getattr(self, name), "must be above 0")
        require(0 < self.held_out < 1, "held_out", self.held_out, "must lie in (0, 1)")


@config
class NgramTraining:
    """What `train-ngrams` is asked for."""

    order: int = 5
    """Longest n-gram, 2 to 8. CCNet took 5."""
    zero_digits: bool = True
    """Read every digit as 0, as CCNet does; filters.perplexity.zero_digits must be the same."""
    memory_mb: int = 1024
    """What counting and estimating may hold; more is worked through in parts, from disk. The model is the same for any value."""

    def __post_init__(self) -> None:
        require(2 <= self.order <= 8, "order", self.order, "must lie in [2, 8]")
        require(self.memory_mb >= 1, "memory_mb", self.memory_mb, "must be at least 1")
