"""Packing loses nothing, repeats nothing within an epoch, and depends on the step alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.pretrain.data import IGNORE_INDEX, TokenRing, WindowBatches, hold_out, pack_documents, permute, split_tail
from schemas.errors import EmptyCorpusError
from tests.pretrain.corpus import token_batch

END = 0
TOKENS = st.lists(st.integers(1, 256), max_size=9)
BATCHES = st.lists(st.lists(TOKENS, max_size=4), max_size=4)


def line_of(batches: list[list[list[int]]]) -> TokenRing:
    return TokenRing([token_batch([("web", ids) for ids in documents]) for documents in batches], END)


def laid_out(batches: list[list[list[int]]]) -> tuple[list[int], list[int]]:
    """(tokens, document numbers), made the slow way."""
    documents = [ids for batch in batches for ids in batch]
    return [t for ids in documents for t in (*ids, END)], [i for i, ids in enumerate(documents) for _ in (*ids, END)]


@given(BATCHES.filter(any), st.integers(0, 60), st.integers(0, 60))
def test_a_line_is_its_documents_each_with_an_end_and_closes_to_a_ring(batches: list[list[list[int]]], start: int, n: int) -> None:
    line = line_of(batches)
    tokens, documents = laid_out(batches)
    assert (line.n_tokens, line.n_documents) == (len(tokens), sum(len(batch) for batch in batches))
    read = line.read(start, n)
    assert read[0].tolist() == [tokens[(start + i) % len(tokens)] for i in range(n)]
    assert read[1].tolist() == [documents[(start + i) % len(tokens)] for i in range(n)]


def test_slices_of_batches_are_read_from_their_own_first_row() -> None:
    batch = token_batch([("web", [1, 2]), ("web", [3]), ("web", [4, 5, 6])])
    assert TokenRing([batch.slice(1, 1), batch.slice(2)], END).read(0, 6)[0].tolist() == [3, END, 4, 5, 6, END]


def test_a_line_maps_its_tokens_without_copying_them() -> None:
    batch = token_batch([("web", list(range(1, 200)))])
    values, _ = TokenRing([batch], END).chunks[0]
    assert values.ctypes.data == batch.column("tokens").values.buffers()[1].address


@given(BATCHES, st.integers(1, 12), st.integers(1, 5), st.integers(1, 3), st.integers(0, 9))
def test_ranks_share_an_epoch_without_overlap_and_every_token_is_a_target(
    batches: list[list[list[int]]], seq_len: int, batch_size: int, world_size: int, seed: int
) -> None:
    line = line_of(batches)
    if line.n_tokens <= seq_len:
        with pytest.raises(EmptyCorpusError, match=rf"CM-PRETRAIN-001: .* {line.n_tokens} tokens.*pretrain\.seq_len"):
            WindowBatches(line, seq_len=seq_len, batch_size=batch_size, seed=seed)
        return
    ranks = [
        WindowBatches(line, seq_len=seq_len, batch_size=batch_size, seed=seed, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    n_windows = ranks[0].n_windows
    n_steps = -(-2 * n_windows // (batch_size * world_size))
    turns = [int(window) for step in range(n_steps) for rank in ranks for window in rank.windows(step)]
    for epoch in (turns[:n_windows], turns[n_windows : 2 * n_windows]):
        assert sorted(epoch) == list(range(n_windows))
    assert ranks[0].epochs(n_steps) >= 2
    tokens, documents = laid_out(batches)
    targets = set()
    for step in range(n_steps):
        for rank in ranks:
            batch, owners = rank.batch(step)
            assert batch.shape == owners.shape == (batch_size, seq_len + 1)
            for row, owner, window in zip(batch, owners, rank.windows(step), strict=True):
                places = [(int(window) * seq_len + i) % len(tokens) for i in range(seq_len + 1)]
                assert row.tolist() == [tokens[i] for i in places]
                assert owner.tolist() == [documents[i] for i in places]
                targets.update(places[1:])
    assert targets == set(range(len(tokens)))


def test_windows_overlap_by_exactly_one_token() -> None:
    line = line_of([[list(range(1, 100))]])
    first, second = line.read(0, 11)[0], line.read(10, 11)[0]
    assert first[-1] == second[0]
    assert first[-2] != second[0] != first[-1] + 1


def test_a_step_is_the_same_whichever_came_before_it() -> None:
    line = line_of([[[i, i + 1, i + 2] for i in range(1, 50)]])
    once, again = (WindowBatches(line, seq_len=7, batch_size=3, seed=5) for _ in range(2))
    for step in range(9):
        once.batch(step)
    assert np.array_equal(once.batch(9)[0], again.batch(9)[0])


def test_order_changes_with_seed_and_epoch() -> None:
    line = line_of([[[1 + i % 200, 2, 3] for i in range(300)]])
    windows = WindowBatches(line, seq_len=10, batch_size=120, seed=0)
    assert windows.n_windows == 120
    orders = {tuple(WindowBatches(line, seq_len=10, batch_size=120, seed=seed).windows(step)) for seed in (0, 1) for step in (0, 1)}
    assert len(orders) == 4


@given(st.integers(1, 700), st.text(max_size=4))
def test_the_shuffle_is_a_bijection(n: int, key: str) -> None:
    assert sorted(permute(np.arange(n), n, key).tolist()) == list(range(n))


def test_the_shuffle_leaves_no_trace_of_the_order() -> None:
    n = 20_000
    places = np.arange(n)
    moved = permute(places, n, "key")
    assert abs(np.corrcoef(places, moved)[0, 1]) < 0.03
    assert abs(np.corrcoef(moved[:-1], moved[1:])[0, 1]) < 0.03
    assert np.abs(np.diff(moved)).mean() == pytest.approx(n / 3, rel=0.05)


@given(st.lists(TOKENS.filter(bool), min_size=1, max_size=5), st.integers(1, 12))
def test_every_held_out_token_is_a_target_once_after_what_came_before_it(documents: list[list[int]], seq_len: int) -> None:
    held = pack_documents([np.array(ids) for ids in documents], END, seq_len)
    assert held.tokens().tolist() == [t for ids in documents for t in ids]
    assert held.inputs.shape == held.targets.shape
    inputs, targets = held.inputs.ravel().tolist(), held.targets.ravel().tolist()
    assert inputs[0] == END
    for i, target in enumerate(targets[:-1]):
        assert target in (IGNORE_INDEX, inputs[i + 1])
        assert (target == IGNORE_INDEX) == (inputs[i + 1] == END)


def test_held_out_text_is_bounded_by_source() -> None:
    batches = [
        token_batch([("web", [1, 2, 3]), ("code", [4]), ("void", [])]),
        token_batch([("web", [5, 6, 7]), ("code", [8, 9]), ("web", [10])]),
    ]
    held = hold_out(batches, end_of_text=END, seq_len=4, most_tokens=5)
    assert {source: part.tokens().tolist() for source, part in held.items()} == {"code": [4, 8, 9], "web": [1, 2, 3, 5, 6]}
    assert hold_out(batches, end_of_text=END, seq_len=4, most_tokens=0) == {}


@given(st.lists(st.integers(0, 4), max_size=4), st.integers(0, 20))
def test_the_tail_and_the_rest_are_the_whole(sizes: list[int], n: int) -> None:
    starts = np.cumsum([0, *sizes])
    batches = [token_batch([("web", [1 + int(start) + i]) for i in range(size)]) for start, size in zip(starts, sizes, strict=False)]
    kept, tail = split_tail(batches, n)
    ids = [[row["tokens"][0] for batch in part for row in batch.to_pylist()] for part in (kept, tail)]
    assert ids[0] + ids[1] == list(range(1, sum(sizes) + 1))
    assert len(ids[1]) == min(n, sum(sizes))
    assert all(isinstance(batch, pa.RecordBatch) for batch in kept + tail)
