"""Documents of token shards -> packed batches of shape (B, T + 1), with the number of the step as the only state.

The documents form a ring of tokens, each document followed by the end-of-text token. The last window continues with the first document,
so that every token is a target in every epoch. Windows overlap by one token. Their order is a new permutation in every epoch, computed
window by window.
No memory is needed per document or window, and any step of any rank can be computed directly.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from schemas.errors import EmptyCorpusError

IGNORE_INDEX: Final = -100
"""A target that is not predicted: padding, and the end of a held-out document, which is not text."""
FEISTEL_ROUNDS: Final = 4

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]


class TokenRing:
    """The documents of some batches of shards, in order, as one ring of tokens.

    Example: documents [5, 6] and [7], end of text 0: the ring is [5, 6, 0, 7, 0].
    """

    def __init__(self, batches: list[pa.RecordBatch], end_of_text: int) -> None:
        self.end_of_text = end_of_text
        columns = [batch.column("tokens") for batch in batches]
        self.chunks = [(column.values.to_numpy(), column.offsets.to_numpy()) for column in columns]  # views of the mapped file
        self.first_document = _starts([len(offsets) - 1 for _, offsets in self.chunks])
        self.first_position = _starts([int(offsets[-1] - offsets[0]) + len(offsets) - 1 for _, offsets in self.chunks])
        self.n_documents, self.n_tokens = int(self.first_document[-1]), int(self.first_position[-1])

    def read(self, start: int, n: int) -> tuple[Ints, Ints]:
        """(tokens int64[n], document number of each int64[n]) from position `start` on, around the ring."""
        tokens, documents = np.empty(n, np.int64), np.empty(n, np.int64)
        done = 0
        while done < n:
            position = (start + done) % self.n_tokens
            chunk = int(np.searchsorted(self.first_position, position, side="right")) - 1
            first, end = (int(p) for p in self.first_position[chunk : chunk + 2])
            piece = slice(done, done + min(n - done, end - position))
            where = np.arange(position - first, position - first + piece.stop - piece.start)
            tokens[piece], rows = self._in_chunk(chunk, where)
            documents[piece] = rows + self.first_document[chunk]
            done = piece.stop
        return tokens, documents

    def _in_chunk(self, chunk: int, where: Ints) -> tuple[Ints, Ints]:
        """(tokens, rows) at positions counted from the chunk's first."""
        values, offsets = self.chunks[chunk]
        begins = offsets - offsets[0] + np.arange(len(offsets))  # of each row; one separator per row before it
        rows = np.searchsorted(begins, where, side="right") - 1
        is_text = where != begins[rows + 1] - 1
        tokens = np.full(len(where), self.end_of_text, np.int64)
        tokens[is_text] = values[(offsets[0] + where - rows)[is_text]]
        return tokens, rows


class WindowBatches:
    """Batches of windows of a ring, divided among `world_size` ranks without overlap."""

    def __init__(self, ring: TokenRing, *, seq_len: int, batch_size: int, seed: int, rank: int = 0, world_size: int = 1) -> None:
        if ring.n_tokens <= seq_len:
            raise EmptyCorpusError(
                "CM-PRETRAIN-001",
                f"the train split has {ring.n_tokens} tokens, too few for one window of pretrain.seq_len + 1 = {seq_len + 1}; "
                "lower pretrain.seq_len, add text, or set pretrain.enabled = false",
            )
        self.ring, self.seq_len, self.batch_size, self.seed, self.rank, self.world_size = ring, seq_len, batch_size, seed, rank, world_size
        self.n_windows = -(-ring.n_tokens // seq_len)

    def batch(self, step: int) -> tuple[Ints, Ints]:
        """(tokens int64[B, T + 1], document number of each int64[B, T + 1]) of this rank at `step`."""
        read = [self.ring.read(int(window) * self.seq_len, self.seq_len + 1) for window in self.windows(step)]
        return np.stack([tokens for tokens, _ in read]), np.stack([documents for _, documents in read])

    def windows(self, step: int) -> Ints:
        """int64[B]: the windows of this rank at `step`. Counted over all ranks and epochs; a small corpus may repeat within a batch."""
        turns = (step * self.world_size + self.rank) * self.batch_size + np.arange(self.batch_size)
        epochs, places = np.divmod(turns, self.n_windows)
        windows = np.empty(self.batch_size, np.int64)
        for epoch in np.unique(epochs):
            windows[epochs == epoch] = permute(places[epochs == epoch], self.n_windows, f"windows:{self.seed}:{epoch}")
        return windows

    def epochs(self, n_steps: int) -> float:
        """Passes over the corpus after that many steps."""
        return n_steps * self.world_size * self.batch_size / self.n_windows


def permute(places: Ints, n: int, key: str) -> Ints:
    """The image of each place under a permutation of range(n), chosen by `key`.

    A Feistel network on the smallest power of 4 that is not below n, applied until the result is below n (Black and Rogaway 2002).
    """
    keys = np.frombuffer(hashlib.blake2b(key.encode(), digest_size=8 * FEISTEL_ROUNDS).digest(), np.uint64)
    half = np.uint64(max(1, ((n - 1).bit_length() + 1) // 2))
    value = _feistel(places.astype(np.uint64), half, keys)
    while (outside := value >= n).any():
        value[outside] = _feistel(value[outside], half, keys)
    return value.astype(np.int64)


def _feistel(value: Words, half: np.uint64, keys: Words) -> Words:
    mask = (np.uint64(1) << half) - np.uint64(1)
    left, right = value >> half, value & mask
    for key in keys:
        mixed = (right ^ key) * np.uint64(0x9E3779B97F4A7C15)
        mixed = (mixed ^ (mixed >> np.uint64(32))) * np.uint64(0xD6E8FEB86659FD93)
        left, right = right, left ^ ((mixed >> np.uint64(32)) & mask)
    return (left << half) | right


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOut:
    """Held-out text of one source, packed for evaluation: each token is a target once."""

    inputs: Ints
    """int64[n, T]"""
    targets: Ints
    """int64[n, T]; IGNORE_INDEX at positions that are not predicted."""

    def tokens(self) -> Ints:
        """int64[m]: the tokens to be predicted."""
        return self.targets[self.targets != IGNORE_INDEX]


def hold_out(batches: list[pa.RecordBatch], *, end_of_text: int, seq_len: int, most_tokens: int) -> dict[str, HeldOut]:
    """By source, the first `most_tokens` tokens of every source that has any."""
    documents: dict[str, list[Ints]] = {}
    room: dict[str, int] = {}
    for batch in batches:
        for source in pc.unique(batch.column("source")).to_pylist():
            if room.setdefault(source, most_tokens) <= 0:
                continue
            for row in np.flatnonzero(pc.equal(batch.column("source"), source).to_numpy(zero_copy_only=False)):
                tokens = batch.column("tokens")[int(row)].values.to_numpy()[: room[source]]
                if len(tokens):
                    documents.setdefault(source, []).append(tokens.astype(np.int64))
                room[source] -= len(tokens)
                if room[source] <= 0:
                    break
    return {source: pack_documents(documents[source], end_of_text, seq_len) for source in sorted(documents)}


def pack_documents(documents: list[Ints], end_of_text: int, seq_len: int) -> HeldOut:
    """Documents with the end-of-text token before each, in rows of T; the last row is padded.

    Example: [5, 6], [7], end of text 0, T = 2: inputs [[0, 5], [6, 0]], targets [[5, 6], [IGNORE_INDEX, 7]].
    """
    end = np.array([end_of_text], np.int64)
    line = np.concatenate([part for document in documents for part in (end, document)])
    n_rows = -(-(len(line) - 1) // seq_len)
    padded = np.full(n_rows * seq_len + 1, end_of_text, np.int64)
    padded[: len(line)] = line
    targets = np.where(padded[1:] == end_of_text, IGNORE_INDEX, padded[1:])
    return HeldOut(inputs=padded[:-1].reshape(n_rows, seq_len), targets=targets.reshape(n_rows, seq_len))


def split_tail(batches: list[pa.RecordBatch], n_documents: int) -> tuple[list[pa.RecordBatch], list[pa.RecordBatch]]:
    """(all but the last n documents, the last n documents)"""
    kept = list(batches)
    tail: list[pa.RecordBatch] = []
    while n_documents > 0 and kept:
        batch = kept.pop()
        n_kept = max(0, batch.num_rows - n_documents)
        tail.insert(0, batch.slice(n_kept))
        n_documents -= batch.num_rows - n_kept
        if n_kept:
            kept.append(batch.slice(0, n_kept))
    return kept, tail


def _starts(sizes: list[int]) -> Ints:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(np.array(sizes, np.int64))])
