"""Numbers of full width: read as ASCII, replaced where they stand."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scrub.full_width import half_width, rows_with_full_width
from pipelines.scrub.scrub import scrub_with_audit
from pipelines.text.view import text_view
from schemas.recipe import Scrub
from tests.scrub.pii import texts

TEXTS = st.lists(st.text(alphabet="a1 é电：。０９ＡｚＺ＠＋（）～｡ｱ\u3000\uffef", max_size=12), max_size=5)


def reads_as(char: str) -> str:
    """The slow reference: only U+FF01 to U+FF5E have an ASCII character of the same name."""
    return chr(ord(char) - 0xFEE0) if "\uff01" <= char <= "\uff5e" else char


@given(TEXTS, st.integers(0, 5))
def test_chosen_rows_read_as_ascii_and_every_byte_knows_its_character(rows: list[str], start: int) -> None:
    column = texts(rows).slice(start)
    data, offsets = text_view(column)
    chosen = np.arange(len(column)) % 2 == 0
    half, half_offsets, starts, ends = half_width(data, offsets, chosen)
    for row, text in enumerate(column.to_pylist()):
        first, stop = half_offsets[row], half_offsets[row + 1]
        assert half[first:stop].tobytes().decode() == ("".join(map(reads_as, text)) if chosen[row] else "")
        places = [data[a:b].tobytes() for a, b in zip(starts[first:stop].tolist(), ends[first:stop].tolist(), strict=True)]
        assert b"".join(places) == (text.encode() if chosen[row] else b"")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("１", True),
        ("a＠b", True),
        ("＋", True),
        ("（0", True),
        ("0）1", True),
        ("（x）", False),
        ("，。：", False),
        ("Ａ", False),
        ("", False),
    ],
)
def test_only_rows_with_numbers_of_full_width_are_read_twice(text: str, expected: bool) -> None:
    data, offsets = text_view(texts(["plain", text, ""]))
    assert rows_with_full_width(data, offsets, np.ones(3, np.bool_)).tolist() == [False, expected, False]
    assert not rows_with_full_width(data, offsets, np.zeros(3, np.bool_)).any()


def test_the_audit_states_where_the_characters_of_full_width_stood() -> None:
    text = "手机１３８００１３８０００。"
    batch = pa.RecordBatch.from_pydict({"raw_text": texts(["plain", text])})
    scrubbed, audit = scrub_with_audit(batch, Scrub())
    assert scrubbed.column("text").to_pylist() == ["plain", "手机<CN_MOBILE>。"]
    (row,) = audit.to_pylist()
    assert (row["start_byte"], row["end_byte"], row["start_char"], row["end_char"]) == (6, 39, 2, 13)
