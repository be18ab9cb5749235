"""Views of Arrow columns read the right bytes whatever the slice."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from schemas.buffers import fixed_column, fixed_view, string_column, string_view, take_rows


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


@given(st.lists(st.tuples(st.lists(st.integers(0, 9), max_size=4), st.text(max_size=3)), max_size=8), st.integers(0, 4), st.randoms())
def test_rows_are_taken_as_arrow_takes_them(rows: list[tuple[list[int], str]], start: int, random: random.Random) -> None:
    item = pa.field("item", pa.uint16(), nullable=False)
    schema = pa.schema([pa.field("tokens", pa.large_list(item), nullable=False), pa.field("text", pa.large_string())])
    whole = pa.Table.from_pylist([{"tokens": tokens, "text": text} for tokens, text in rows], schema)
    table = pa.concat_tables([whole.slice(start), whole.slice(0, start)])
    order = np.array(random.sample(range(len(rows)), random.randint(0, len(rows))), np.int64)
    taken = take_rows(table, order)
    assert taken.schema == schema
    assert taken.equals(table.take(pa.array(order)))


def test_lists_with_nulls_are_taken_too() -> None:
    table = pa.table({"lists": pa.array([[1], None, [2, 3]], pa.large_list(pa.uint16())), "names": pa.array([["a"], [], ["b"]])})
    assert take_rows(table, np.array([2, 1])).to_pylist() == [{"lists": [2, 3], "names": ["b"]}, {"lists": None, "names": []}]
