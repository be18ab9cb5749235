"""Text columns -> token columns: compiled code if it supports the vocabulary, otherwise the `tokenizers` library.

Text never becomes a special token: a document that spells out "<|endoftext|>" is encoded as those characters.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from schemas.buffers import Offsets
from schemas.errors import TokenizerError
from schemas.hops import id_type
from tokenizer.files import load_tokenizer, n_ids, parsed
from tokenizer.match import SLACK, Matcher, Output, Scratch, build_matcher, encode_rows, new_scratch
from tokenizer.merge import MAX_IDS, MAX_MERGES, TokenIds, origins, pair_table, ranks_in_order
from tokenizer.patterns import Scanner
from tokenizer.prepare import in_form, with_spaces
from tokenizer.scan import compiled_scanner, readonly_view
from tokenizer.segment import expects_words, segment_words
from tokenizer.trie import build_trie
from tokenizer.vocabulary import BpeVocabulary, UnsupportedTokenizerError, read_vocabulary

_MOST_STEPS: Final = 1 << 32
"""Limit on the steps of `origins`, which grow with the square of a token's length."""


class Encoder:
    """Text columns -> token columns, with one loaded tokenizer. Thread-safe; each thread has its own cache."""

    path: Literal["fast", "tokenizers"]
    """Which code encodes."""
    reason: str
    """Why `path` is not "fast"; empty if it is."""
    expects_words: bool
    """Whether jieba first splits the text into words."""
    vocab_size: int
    """1 + the highest id."""

    def __init__(self, path: Path) -> None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # the workers run in parallel already
        self.file, self.tokenizer = path, load_tokenizer(path)
        document = parsed(path, self.tokenizer)
        self.expects_words = expects_words(document)
        self.tokenizer.encode_special_tokens = True
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.vocab_size = n_ids(self.tokenizer)
        self.id_type = id_type(self.vocab_size)
        try:
            self.vocabulary = read_vocabulary(document)
            self.matcher = _matcher(self.vocabulary)
            self.path, self.reason = "fast", ""
        except UnsupportedTokenizerError as error:
            self.path, self.reason = "tokenizers", str(error)
        self._threads = threading.local()

    def __call__(self, text: pa.Array) -> pa.Array:
        """large_list<uint16 or uint32>[n] of a large_string column; a null counts as empty text."""
        if self.path == "fast":
            ids, offsets = self.encode_with(self.vocabulary.scanner, self.prepared(text))
        else:
            ids, offsets = self._with_the_library(text)
        item = pa.field("item", self.id_type, nullable=False)
        return pa.LargeListArray.from_arrays(pa.array(offsets), pa.array(ids), type=pa.large_list(item))

    def encode_with(self, scanner: Scanner, text: pa.Array) -> tuple[TokenIds, Offsets]:
        """(ids, row offsets int64[n + 1]) of text that is already normalized, cut by this scanner; only if `path` is "fast"."""
        data, offsets = readonly_view(text)
        # A token has at least one byte. Unused pages of this array need no memory.
        output = Output(
            np.empty(int(offsets[-1] - offsets[0]) + SLACK, self.id_type.to_pandas_dtype()),
            np.zeros(len(offsets), np.int64),
            np.zeros(int(np.diff(offsets).max(initial=0)) + 1, np.bool_),
        )
        n = encode_rows(data, offsets, compiled_scanner(scanner), self.matcher, self._scratch(), output)
        return output.ids[:n].copy(), output.bounds

    def token_bytes(self) -> npt.NDArray[np.int64]:
        """int64[vocab_size]: the bytes of text that each token represents; 0 for special tokens and ids without a token."""
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
        """The column as input of the scanner: in the vocabulary's Unicode form, with its spaces; only if `path` is "fast"."""
        vocabulary = self.vocabulary
        if self.expects_words:
            text = segment_words(text)
        if vocabulary.normalizer:
            text = in_form(text, vocabulary.normalizer)
        return with_spaces(text, vocabulary.first_space) if vocabulary.metaspace else text

    def _scratch(self) -> Scratch:
        if not hasattr(self._threads, "scratch"):
            self._threads.scratch = new_scratch()
        made: Scratch = self._threads.scratch
        return made

    def _with_the_library(self, text: pa.Array) -> tuple[TokenIds, Offsets]:
        texts = (segment_words(text) if self.expects_words else text).fill_null("").to_pylist()
        try:
            ids = [encoding.ids for encoding in self.tokenizer.encode_batch_fast(texts, add_special_tokens=False)]
        except Exception as error:  # the library raises a bare Exception if a vocabulary cannot spell a text
            raise TokenizerError("CM-TOKENIZER-003", f"{self.file}: {error}; the vocabulary has no token for unknown characters") from error
        offsets = np.zeros(len(ids) + 1, np.int64)
        np.cumsum([len(row) for row in ids], out=offsets[1:])
        return self._narrowed(np.fromiter((i for row in ids for i in row), np.int64, offsets[-1])), offsets

    def _narrowed(self, ids: npt.NDArray[np.int64]) -> TokenIds:
        if len(ids) and (highest := int(ids.max())) >= self.vocab_size:
            raise TokenizerError(
                "CM-TOKENIZER-004", f"{self.file}: the token id {highest} is outside the vocabulary of {self.vocab_size} ids"
            )
        return ids.astype(self.id_type.to_pandas_dtype())


def _matcher(vocabulary: BpeVocabulary) -> Matcher:
    """The tables for the kernel; UnsupportedTokenizerError if they cannot hold the vocabulary or would not encode as it does."""
    if len(vocabulary.offsets) > MAX_IDS or len(vocabulary.left) > MAX_MERGES:
        raise UnsupportedTokenizerError(f"the vocabulary has more than {MAX_IDS} tokens or {MAX_MERGES} merges")
    if int((np.diff(vocabulary.piece_offsets) ** 2).sum()) > _MOST_STEPS:
        raise UnsupportedTokenizerError("the tokens are too long for their origins to be found")
    pairs = pair_table(vocabulary.left, vocabulary.right)
    found = origins(vocabulary.pieces, vocabulary.piece_offsets, pairs, vocabulary.merged)
    if not ranks_in_order(vocabulary.left, vocabulary.right, found):
        raise UnsupportedTokenizerError("a merge ranks before those that make its parts")
    trie = build_trie(vocabulary.data, vocabulary.offsets, found.alive)
    if trie is None:
        raise UnsupportedTokenizerError("the tokens together are too long for the trie")
    all_alive = bool(found.alive[np.diff(vocabulary.offsets) > 0].all())
    whole_words = vocabulary.whole_words and not all_alive  # if all are alive, merges make every whole word anyway
    return build_matcher(vocabulary.data, vocabulary.offsets, trie, vocabulary.byte_ids, pairs, found, whole_words=whole_words)
