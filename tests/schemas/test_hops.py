"""The types of what travels between stages."""

from __future__ import annotations

import pyarrow as pa
import pytest

from schemas.hops import id_type, tokens_schema


@pytest.mark.parametrize(("vocab_size", "expected"), [(1, pa.uint16()), (65_536, pa.uint16()), (65_537, pa.uint32())])
def test_ids_take_two_bytes_as_long_as_the_highest_fits(vocab_size: int, expected: pa.DataType) -> None:
    assert id_type(vocab_size) == expected
    assert expected in {field.type.value_type for field in tokens_schema(vocab_size) if pa.types.is_nested(field.type)}
