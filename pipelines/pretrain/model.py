"""A LLaMA-like decoder: RMSNorm before each block, rotary positions, grouped-query attention, SwiGLU.

In shapes B is batch, T time, D width, H heads, d channels of a head, V vocabulary.
"""

from __future__ import annotations

import math
from typing import Final, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from schemas.recipe import Pretrain

INIT_STD: Final = 0.02
ROPE_BASE: Final = 10_000.0


class TransformerDecoder(nn.Module):
    """Token ids (B, T) -> logits (B, T, V), V being vocab_size rounded up to a multiple of 64."""

    def __init__(self, config: Pretrain, vocab_size: int, seed: int, *, tied: bool = True) -> None:
        super().__init__()
        padded = round_up(vocab_size, 64)
        self.embedding = nn.Embedding(padded, config.d_model)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.n_layers))
        self.norm = nn.RMSNorm(config.d_model)
        self.head = nn.Linear(config.d_model, padded, bias=False)
        if tied:
            self.head.weight = self.embedding.weight
        angles = rotary_angles(config.seq_len, config.d_model // config.n_heads)
        self.register_buffer("angles", angles, persistent=False)
        self._initialize(config.n_layers, torch.Generator().manual_seed(seed))

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits of the token after each position."""
        angles = cast(Tensor, self.angles)[: tokens.shape[1]]
        x = self.embedding(tokens)
        for block in self.blocks:
            x = block(x, angles)
        return cast(Tensor, self.head(self.norm(x)))

    def n_parameters(self) -> int:
        """Trained numbers; a tied matrix counts once."""
        return sum(parameter.numel() for parameter in self.parameters())

    @torch.no_grad()
    def _initialize(self, n_layers: int, generator: torch.Generator) -> None:
        """Normal weights; those that write to the residual stream are smaller the deeper the model is, as in GPT-2."""
        for name, parameter in self.named_parameters():
            if parameter.ndim == 2:
                std = INIT_STD / math.sqrt(2 * n_layers) if name.endswith(("out.weight", "down.weight")) else INIT_STD
                parameter.normal_(0.0, std, generator=generator)


class Block(nn.Module):
    """Attention and feed-forward, each added to the residual stream."""

    def __init__(self, config: Pretrain) -> None:
        super().__init__()
        self.attention_norm, self.attention = nn.RMSNorm(config.d_model), Attention(config)
        self.feed_forward_norm, self.feed_forward = nn.RMSNorm(config.d_model), FeedForward(config.d_model)

    def forward(self, x: Tensor, angles: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)"""
        x = x + self.attention(self.attention_norm(x), angles)
        return cast(Tensor, x + self.feed_forward(self.feed_forward_norm(x)))


class Attention(nn.Module):
    """Causal attention in which n_heads / n_kv_heads query heads share a key and value head."""

    def __init__(self, config: Pretrain) -> None:
        super().__init__()
        self.n_heads, self.n_kv_heads = config.n_heads, config.n_kv_heads or config.n_heads
        d_head = config.d_model // config.n_heads
        self.query = nn.Linear(config.d_model, self.n_heads * d_head, bias=False)
        self.key = nn.Linear(config.d_model, self.n_kv_heads * d_head, bias=False)
        self.value = nn.Linear(config.d_model, self.n_kv_heads * d_head, bias=False)
        self.out = nn.Linear(config.d_model, config.d_model, bias=False)

    def forward(self, x: Tensor, angles: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)"""
        query = rotate(split_heads(self.query(x), self.n_heads), angles)
        key = rotate(split_heads(self.key(x), self.n_kv_heads), angles)
        value = split_heads(self.value(x), self.n_kv_heads)
        mixed = F.scaled_dot_product_attention(query, key, value, is_causal=True, enable_gqa=self.n_kv_heads != self.n_heads)
        return cast(Tensor, self.out(mixed.transpose(1, 2).flatten(2)))


class FeedForward(nn.Module):
    """SwiGLU (arXiv 2002.05202), 8/3 as wide as the model so that it has the parameters of a plain one 4 times as wide."""

    def __init__(self, d_model: int) -> None:
        super().__init__()
        width = round_up(8 * d_model // 3, 32)
        self.gate = nn.Linear(d_model, width, bias=False)
        self.up = nn.Linear(d_model, width, bias=False)
        self.down = nn.Linear(width, d_model, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """(B, T, D) -> (B, T, D)"""
        return cast(Tensor, self.down(F.silu(self.gate(x)) * self.up(x)))


def split_heads(x: Tensor, n_heads: int) -> Tensor:
    """(B, T, H * d) -> (B, H, T, d)"""
    return x.view(*x.shape[:2], n_heads, -1).transpose(1, 2)


def rotary_angles(seq_len: int, d_head: int) -> Tensor:
    """(T, d / 2): position times the frequency of each pair of channels (arXiv 2104.09864)."""
    frequencies = ROPE_BASE ** -(torch.arange(0, d_head, 2) / d_head)
    return torch.outer(torch.arange(seq_len), frequencies)


def rotate(x: Tensor, angles: Tensor) -> Tensor:
    """Turn channel i and channel i + d / 2 of (B, H, T, d) by their angle, so that scores depend on distance alone."""
    first, second = x.chunk(2, dim=-1)
    cos, sin = angles.cos(), angles.sin()
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1).type_as(x)


def round_up(number: int, multiple: int) -> int:
    """The least multiple of `multiple` that is not below `number`."""
    return -(-number // multiple) * multiple
