"""Which bytes are cut in the end, and how the text closes over a cut."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.dedup.spans.cut import DisjointSpans, apply_cuts, resolve_cuts
from tests.text.strategies import TEXTS, column, padded

SPANS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 20), st.integers(1, 9), st.booleans()), max_size=12)


def spans_of(rows: list[tuple[int, int, int]]) -> DisjointSpans:
    return DisjointSpans(*(np.array([row[i] for row in rows], np.int64) for i in range(3)))


@given(SPANS)
def test_what_is_cut_lies_in_a_cut_span_and_in_no_kept_one(given_spans: list[tuple[int, int, int, bool]]) -> None:
    rows, starts, lengths, kept = (np.array([span[i] for span in given_spans]) for i in range(4))
    settled = resolve_cuts(rows.astype(np.int64), starts.astype(np.int64), (starts + lengths).astype(np.int64), kept.astype(bool))
    found = [(row, at) for row, start, end in zip(settled.rows, settled.starts, settled.ends, strict=True) for at in range(start, end)]
    cut = {(row, at) for row, start, n, stays in given_spans if not stays for at in range(start, start + n)}
    stay = {(row, at) for row, start, n, stays in given_spans if stays for at in range(start, start + n)}
    assert found == sorted(cut - stay)
    assert (settled.ends > settled.starts).all()


def cut(text: str, *pieces: str) -> tuple[str, int, int]:
    """The text without the pieces, each of which it has once; characters and pieces cut."""
    data = text.encode()
    places = sorted((data.index(piece.encode()), len(piece.encode())) for piece in pieces)
    out, n_chars, n_spans = apply_cuts(padded([text]), spans_of([(0, at, at + n) for at, n in places]))
    return out[0].as_py(), int(n_chars[0]), int(n_spans[0])


@pytest.mark.parametrize(
    ("text", "pieces", "left", "n_spans"),
    [
        ("one two three", ["two"], "one three", 1),
        ("one\ntwo\nthree", ["two"], "one\nthree", 1),
        ("one\n\ntwo\nthree", ["two"], "one\n\nthree", 1),
        ("one\ntwo\n\nthree", ["two"], "one\n\nthree", 1),
        ("one\ntwo\r\n\r\nthree", ["two"], "one\r\n\r\nthree", 1),
        ("one two\nthree", ["two"], "one\nthree", 1),
        ("one two\nthree\n", ["three"], "one two", 1),
        (" one two", ["one"], "two", 1),
        ("one two", ["one", "two"], "", 1),
        ("a b c d e", ["b", "c", "e"], "a d", 2),
        ("甲乙丙", ["乙"], "甲丙", 1),
        ("ab乙cd", ["乙"], "ab cd", 1),
        ("é ü ö", ["ü"], "é ö", 1),
    ],
)
def test_the_text_closes_over_a_cut(text: str, pieces: list[str], left: str, n_spans: int) -> None:
    assert cut(text, *pieces) == (left, sum(map(len, pieces)), n_spans)


@given(TEXTS, st.data())
def test_nothing_but_white_space_goes_besides_the_spans(texts: list[str], data: st.DataObject) -> None:
    rows = []
    for row, text in enumerate(texts):
        bounds = [len(text[:i].encode()) for i in range(len(text) + 1)]
        places = sorted(data.draw(st.sets(st.sampled_from(bounds), max_size=6)))
        rows += [(row, start, end) for start, end in zip(places[0::2], places[1::2], strict=False)]
    out, n_chars, _ = apply_cuts(padded(texts), spans_of(rows))
    for row, (text, left) in enumerate(zip(texts, out.to_pylist(), strict=True)):
        mine = [(start, end) for at, start, end in rows if at == row]
        keep, at = b"", 0
        for start, end in mine:
            keep, at = keep + text.encode()[at:start], end
        keep += text.encode()[at:]
        assert "".join(left.split()) == "".join(keep.decode().split())
        assert n_chars[row] == sum(len(text.encode()[start:end].decode()) for start, end in mine)
        if not mine:
            assert left == text


def test_no_cuts_and_no_rows() -> None:
    out, n_chars, n_spans = apply_cuts(column([]), spans_of([]))
    assert len(out) == len(n_chars) == len(n_spans) == 0
    assert apply_cuts(column(["a", ""]), spans_of([]))[0].to_pylist() == ["a", ""]
    assert isinstance(out, pa.LargeStringArray)
