"""The shared assertion finds kernels that see where a batch ends."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipelines.text.view import text_view
from testkit.batch_blind import assert_batch_blind

TEXTS = ["né", "", "的!", "word"]


def n_bytes(text: pa.Array) -> npt.NDArray[np.int64]:
    """The bytes of every row."""
    _, offsets = text_view(text)
    return np.diff(offsets)


def ends(text: pa.Array) -> npt.NDArray[np.int64]:
    """Wrong: offsets as they are, which do not begin at 0 in a slice."""
    _, offsets = text_view(text)
    return offsets[1:].copy()


def shares(text: pa.Array) -> npt.NDArray[np.float64]:
    """Wrong: of all bytes of the batch."""
    return n_bytes(text) / max(n_bytes(text).sum(), 1)


@pytest.mark.parametrize("cut", range(5))
def test_arrays_columns_and_batches_of_row_wise_kernels_pass(cut: int) -> None:
    assert_batch_blind(n_bytes, TEXTS, cut)
    assert_batch_blind(lambda text: np.vstack([n_bytes(text), np.full(len(text), np.nan)]), TEXTS, cut)
    assert_batch_blind(pc.utf8_upper, TEXTS, cut)
    assert_batch_blind(lambda text: pa.record_batch({"text": text}), TEXTS, cut)


@pytest.mark.parametrize("kernel", [ends, shares])
def test_a_kernel_that_sees_the_batch_fails(kernel: object) -> None:
    with pytest.raises(AssertionError):
        assert_batch_blind(kernel, TEXTS, 2)  # type: ignore[arg-type]


def test_a_kernel_that_loses_rows_fails() -> None:
    with pytest.raises(AssertionError):
        assert_batch_blind(lambda text: n_bytes(text)[1:], TEXTS, 0)
