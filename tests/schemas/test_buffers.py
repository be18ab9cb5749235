"""Views of Arrow columns read the right bytes whatever the slice."""

from __future__ import annotations

import itertools

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from schemas.buffers import fixed_column, fixed_view, string_column, string_view


@given(
    st.lists(st.one_of(st.none(), st.text()), max_size=8),
    st.integers(0, 8),
    st.integers(0, 8),
    st.sampled_from([pa.string(), pa.large_string()]),
)
def test_string_view_reads_slices_and_nulls(texts: list[str | None], start: int, length: int, kind: pa.DataType) -> None:
    column = pa.array(texts, kind).slice(start, length)
    data, offsets = string_view(column)
    assert [bytes(data[i:j]).decode() for i, j in itertools.pairwise(offsets)] == [t or "" for t in column.to_pylist()]


@given(st.lists(st.text(), max_size=8))
def test_string_column_is_the_inverse(texts: list[str]) -> None:
    assert string_column(*string_view(pa.array(texts, pa.large_string()))).to_pylist() == texts


@given(st.lists(st.binary(min_size=16, max_size=16), max_size=6), st.integers(0, 6))
def test_fixed_views_respect_offsets(values: list[bytes], start: int) -> None:
    column = pa.array(values, pa.binary(16)).slice(start)
    view = fixed_view(column)
    assert [bytes(row) for row in view] == values[start:]
    assert fixed_column(np.array(view)).to_pylist() == values[start:]
