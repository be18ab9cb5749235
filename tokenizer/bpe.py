"""The tokenizer functions that the pipeline uses: counting, training, reading and writing its file, encoding."""

from __future__ import annotations

from tokenizer.counts import PretokenCounter, merge_pretoken_counts, most_frequent_pretokens, pretoken_partitions
from tokenizer.encode import Encoder
from tokenizer.files import load_tokenizer, save_tokenizer
from tokenizer.patterns import PATTERNS
from tokenizer.train import column_counter, max_count_bytes, train_from_columns, train_from_counts

__all__ = [
    "PATTERNS",
    "Encoder",
    "PretokenCounter",
    "column_counter",
    "load_tokenizer",
    "max_count_bytes",
    "merge_pretoken_counts",
    "most_frequent_pretokens",
    "pretoken_partitions",
    "save_tokenizer",
    "train_from_columns",
    "train_from_counts",
]
