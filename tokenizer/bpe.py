"""What the pipeline needs of a tokenizer: train one, write and read its file, encode with it."""

from __future__ import annotations

from tokenizer.encode import Encoder
from tokenizer.files import load, save
from tokenizer.patterns import PATTERNS
from tokenizer.train import extend, train

__all__ = ["PATTERNS", "Encoder", "extend", "load", "save", "train"]
