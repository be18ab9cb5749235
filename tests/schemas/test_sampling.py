"""What chance decides comes from ids and the seed alone."""

from __future__ import annotations

import random

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from schemas.sampling import draws, hash_ids, in_share

IDS = st.lists(st.binary(min_size=16, max_size=16), max_size=20)


@given(IDS, st.integers(0, 20))
def test_hashes_are_of_the_id_alone(ids: list[bytes], start: int) -> None:
    column = pa.array(ids, pa.binary(16))
    assert hash_ids(column.slice(start), 1, "shuffle").tolist() == hash_ids(column, 1, "shuffle").tolist()[start:]


def test_hashes_are_uniform_and_independent_between_seeds_and_purposes() -> None:
    generator = random.Random(0)
    column = pa.array([generator.randbytes(16) for _ in range(20_000)], pa.binary(16))
    lines = [hash_ids(column, seed, purpose).astype(np.float64) / 2**64 for seed, purpose in ((1, "a"), (2, "a"), (1, "b"))]
    for line in lines:
        assert abs(line.mean() - 0.5) < 0.01
        assert abs(in_share((line * 2.0**64).astype(np.uint64), 0.1).mean() - 0.1) < 0.01
    assert np.abs(np.corrcoef(lines) - np.eye(3)).max() < 0.03


def test_no_share_holds_nothing_and_the_whole_everything() -> None:
    hashes = np.array([0, 1, 2**63, 2**64 - 1], np.uint64)
    assert in_share(hashes, 0.0).tolist() == [False] * 4
    assert in_share(hashes, 0.5).tolist() == [True, True, False, False]


def test_draws_are_uniform_and_never_reach_a_border() -> None:
    assert draws(np.array([0, 2**63, 2**64 - 1], np.uint64)).tolist() == [2.0**-53, 0.5 + 2.0**-53, 1 - 2.0**-53]
