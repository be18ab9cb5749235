"""What the pipeline needs of a tokenizer: count, train, write and read its file, encode and decode with it."""

from __future__ import annotations

from tokenizer.counts import PretokenCounter, merge_counts, most_frequent, ranges
from tokenizer.encode import Encoder
from tokenizer.files import load, save
from tokenizer.patterns import PATTERNS
from tokenizer.train import counting, most_counted_bytes, train, train_from_counts

__all__ = [
    "PATTERNS",
    "Encoder",
    "PretokenCounter",
    "counting",
    "load",
    "merge_counts",
    "most_counted_bytes",
    "most_frequent",
    "ranges",
    "save",
    "train",
    "train_from_counts",
]
