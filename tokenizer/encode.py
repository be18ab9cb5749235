"""Text columns -> token columns, at the speed of memory where the vocabulary allows it, with the `tokenizers` library where not.

Text is never read as a special token: a document that spells out "<|endoftext|>" is encoded as those characters.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.buffers import Offsets
from schemas.errors import TokenizerError
from schemas.hops import id_type
from tokenizer.classes import code_classes
from tokenizer.files import load, n_ids, parsed
from tokenizer.match import SLACK, Matcher, Scratch, encode, matcher, scratch
from tokenizer.merge import MAX_IDS, MAX_MERGES, in_order, origins, pair_table
from tokenizer.patterns import Scanner
from tokenizer.prepare import in_form, with_spaces
from tokenizer.scan import text_view
from tokenizer.segment import segmented, takes_words
from tokenizer.trie import build
from tokenizer.vocabulary import UnsupportedError, Vocabulary, read_vocabulary

_MOST_STEPS: Final = 1 << 32
"""Of finding out how each token comes about; they grow with the square of its length."""


class Encoder:
    """Text columns -> token columns, with one loaded tokenizer. Any number of threads may call it; each keeps its own cache."""

    path: Literal["fast", "tokenizers"]
    """Which code does the work."""
    reason: str
    """Why it is not the fast one; empty if it is."""
    takes_words: bool
    """Whether text is first cut into words by jieba."""
    vocab_size: int
    """1 + the highest id."""

    def __init__(self, path: Path) -> None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # workers are the parallelism
        self.file, self.tokenizer = path, load(path)
        document = parsed(path, self.tokenizer)
        self.takes_words = takes_words(document)
        self.tokenizer.encode_special_tokens = True
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.vocab_size = n_ids(self.tokenizer)
        self.id_type = id_type(self.vocab_size)
        try:
            self.vocabulary = read_vocabulary(document)
            self.matcher, all_alive = _matcher(self.vocabulary)
            self.whole_words = self.vocabulary.whole_words and not all_alive  # else merges make every whole word anyway
            self.path, self.reason = "fast", ""
        except UnsupportedError as error:
            self.path, self.reason = "tokenizers", str(error)
        self._threads = threading.local()

    def __call__(self, text: pa.Array) -> pa.Array:
        """large_list<uint16 or uint32>, row-aligned with the large_string column; a null is an empty text."""
        if self.path == "fast":
            ids, offsets = self.encode_with(self.vocabulary.scanner, self.prepared(text))
        else:
            ids, offsets = self._with_the_library(text)
        item = pa.field("item", self.id_type, nullable=False)
        return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(ids), type=pa.large_list(item))

    def encode_with(self, scanner: Scanner, text: pa.Array) -> tuple[npt.NDArray[np.unsignedinteger[Any]], Offsets]:
        """(ids, row offsets) of text that is already normalized, cut by this scanner; only where `path` is "fast"."""
        data, offsets = text_view(text)
        # A token has at least one byte; pages of this array that stay unused are never touched and cost nothing.
        out = np.empty(int(offsets[-1] - offsets[0]) + SLACK, self.id_type.to_pandas_dtype())
        bounds = np.zeros(len(offsets), np.int64)
        impossible = np.zeros(int(np.diff(offsets).max(initial=0)) + 1, np.bool_)
        n = encode(
            data,
            offsets,
            scanner.kind,
            scanner.max_digits,
            scanner.split_digits,
            self.whole_words,
            code_classes(),
            self.matcher,
            self._scratch(),
            impossible,
            out,
            bounds,
        )
        return out[:n].copy(), bounds

    def token_bytes(self) -> npt.NDArray[np.int64]:
        """int64 per id: the bytes of text that the token stands for; 0 for special tokens and ids without a token."""
        sizes = np.zeros(self.vocab_size, np.int64)
        if self.path == "fast":
            known = np.diff(self.vocabulary.offsets)
            sizes[: len(known)] = known
            sizes[self.vocabulary.byte_ids] = 1
        else:
            for index in self.tokenizer.get_vocab().values():
                sizes[index] = len(self.tokenizer.decode([index]).encode())
        for index, token in self.tokenizer.get_added_tokens_decoder().items():
            sizes[index] = 0 if token.special else sizes[index]
        return sizes

    def prepared(self, text: pa.Array) -> pa.Array:
        """The column as it is cut: in the vocabulary's Unicode form, with its spaces; only where `path` is "fast"."""
        vocabulary = self.vocabulary
        if self.takes_words:
            text = segmented(text)
        if vocabulary.normalizer:
            text = in_form(text, vocabulary.normalizer)
        return with_spaces(text, vocabulary.first_space) if vocabulary.metaspace else text

    def _scratch(self) -> Scratch:
        if not hasattr(self._threads, "scratch"):
            self._threads.scratch = scratch()
        made: Scratch = self._threads.scratch
        return made

    def _with_the_library(self, text: pa.Array) -> tuple[npt.NDArray[np.unsignedinteger[Any]], Offsets]:
        texts = (segmented(text) if self.takes_words else text).fill_null("").to_pylist()
        try:
            ids = [encoding.ids for encoding in self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
        except Exception as error:  # the library raises bare Exception where a vocabulary cannot spell a text
            raise TokenizerError(f"{self.file}: {error}; the vocabulary has no token for text that it cannot spell") from error
        offsets = np.zeros(len(ids) + 1, np.int64)
        np.cumsum([len(row) for row in ids], out=offsets[1:])
        return self._narrowed(np.fromiter((i for row in ids for i in row), np.int64, offsets[-1])), offsets

    def _narrowed(self, ids: npt.NDArray[np.int64]) -> npt.NDArray[np.unsignedinteger[Any]]:
        if len(ids) and (highest := int(ids.max())) >= self.vocab_size:
            raise TokenizerError(f"{self.file}: the token id {highest} lies outside the vocabulary of {self.vocab_size} ids")
        return ids.astype(self.id_type.to_pandas_dtype())


def _matcher(vocabulary: Vocabulary) -> tuple[Matcher, bool]:
    """The tables that the kernel reads, and whether every token can appear; UnsupportedError where they do not hold, or not faithfully."""
    if len(vocabulary.offsets) > MAX_IDS or len(vocabulary.left) > MAX_MERGES:
        raise UnsupportedError(f"the vocabulary has more than {MAX_IDS} tokens or {MAX_MERGES} merges")
    if int((np.diff(vocabulary.piece_offsets) ** 2).sum()) > _MOST_STEPS:
        raise UnsupportedError("the tokens are too long for their origins to be found")
    pairs = pair_table(vocabulary.left, vocabulary.right)
    found = origins(vocabulary.pieces, vocabulary.piece_offsets, pairs, vocabulary.merged)
    if not in_order(vocabulary.left, vocabulary.right, found):
        raise UnsupportedError("a merge ranks before those that make its parts")
    trie = build(vocabulary.data, vocabulary.offsets, found.alive)
    if trie is None:
        raise UnsupportedError("the tokens together are too long for the trie")
    all_alive = bool(found.alive[np.diff(vocabulary.offsets) > 0].all())
    return matcher(vocabulary.data, vocabulary.offsets, trie, vocabulary.byte_ids, pairs, found), all_alive
