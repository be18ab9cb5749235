"""The law that kernels do not see batch borders, as one assertion."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

Rows = TypeVar("Rows", npt.NDArray[np.generic], pa.Array, pa.RecordBatch)


def assert_batch_blind(kernel: Callable[[pa.Array], Rows], texts: list[str], cut: int) -> None:
    """Assert that `kernel` gives every row the same result wherever the batch is cut.

    `kernel` maps a large_string column of n rows to an array whose last axis has n entries, an Arrow array of n rows, or a batch of n
    rows. NaN equals NaN.
    """
    column = pa.array(texts, pa.large_string())
    whole = kernel(column)
    assert n_rows(whole) == len(texts)
    assert_same(whole, joined(kernel(column[:cut]), kernel(column[cut:])))
    padded = pa.array(["before é", *texts, "behind"], pa.large_string())
    assert_same(whole, kernel(padded.slice(1, len(texts))))


def n_rows(rows: Rows) -> int:
    """How many rows a result has."""
    return int(rows.shape[-1]) if isinstance(rows, np.ndarray) else len(rows)


def joined(first: Rows, second: Rows) -> Rows:
    """The rows of two results as one."""
    if isinstance(first, np.ndarray):
        return np.concatenate([first, second], axis=-1)
    if isinstance(first, pa.RecordBatch):
        return pa.concat_batches([first, second])
    return pa.concat_arrays([first, second])


def assert_same(one: Rows, other: Rows) -> None:
    """Assert that two results are equal in type and in every value."""
    if isinstance(one, np.ndarray):
        np.testing.assert_array_equal(one, other, strict=True)
    else:
        assert one.equals(other)
        assert one.type == other.type if isinstance(one, pa.Array) else one.schema == other.schema
