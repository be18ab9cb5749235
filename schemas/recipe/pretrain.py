"""The model that tests the shards."""

from __future__ import annotations

from schemas.recipe.base import config, require


@config
class Pretrain:
    """The small decoder that tests the shards by training on them."""

    enabled: bool = True
    """Whether to train the model."""
    n_layers: int = 4
    """Transformer blocks."""
    d_model: int = 256
    """Width of the model; a multiple of 2 x n_heads."""
    n_heads: int = 4
    """Attention heads."""
    n_kv_heads: int | None = None
    """Key and value heads, by default n_heads; fewer than n_heads means grouped-query attention."""
    seq_len: int = 256
    """Tokens per training sequence."""
    batch_size: int = 16
    """Sequences per step."""
    steps: int = 200
    """Optimizer steps."""
    learning_rate: float = 1e-3
    """Peak learning rate of AdamW."""
    warmup_steps: int = 20
    """Steps in which the learning rate rises to its peak."""
    weight_decay: float = 0.1
    """AdamW's weight decay."""
    clip_norm: float = 1.0
    """Larger gradients are scaled down to this norm."""
    valid_every: int = 50
    """Steps between two evaluations."""
    valid_tokens: int = 65_536
    """Maximum number of validation tokens per source and evaluation."""
    checkpoint_every: int = 100
    """Steps between two checkpoints."""

    def __post_init__(self) -> None:
        counts = ("n_layers", "d_model", "n_heads", "seq_len", "batch_size", "steps", "valid_every", "checkpoint_every")
        for name in counts:
            require(getattr(self, name) > 0, f"pretrain.{name}", getattr(self, name), "must be above 0")
        multiple = 2 * self.n_heads
        require(self.d_model % multiple == 0, "pretrain.d_model", self.d_model, f"must be a multiple of 2 x n_heads = {multiple}")
        divides = self.n_heads % (self.n_kv_heads or self.n_heads) == 0
        require(divides, "pretrain.n_kv_heads", self.n_kv_heads, f"must divide n_heads = {self.n_heads}")
