"""Settling overlaps and copying, against slow references."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scrub.spans import PrivateSpans, replace_spans, resolve_overlaps
from pipelines.text.view import text_view
from schemas.buffers import string_column
from tests.scrub.pii import texts

PLACEHOLDERS = (b"<A>", b"<LONGER>", b"")
SPANS = st.lists(st.tuples(st.integers(0, 30), st.integers(1, 8), st.integers(0, 2)), max_size=10).map(
    lambda spans: [(0, start, start + length, kind) for start, length, kind in spans]
)


def as_tuples(spans: PrivateSpans) -> list[tuple[int, ...]]:
    return [tuple(map(int, span)) for span in zip(spans.rows, spans.starts, spans.ends, spans.kinds, strict=True)]


@given(SPANS)
def test_of_overlapping_spans_the_more_certain_then_the_longer_then_the_earlier_stays(spans: list[tuple[int, int, int, int]]) -> None:
    stays: list[tuple[int, int, int, int]] = []
    for span in sorted(spans, key=lambda s: (s[3], s[1] - s[2], s[1])):
        if all(span[2] <= other[1] or other[2] <= span[1] for other in stays):
            stays.append(span)
    assert as_tuples(resolve_overlaps(PrivateSpans.of(spans))) == sorted(stays)


@given(SPANS, st.integers(0, 3))
def test_every_span_becomes_its_placeholder_and_the_rest_is_copied(spans: list[tuple[int, int, int, int]], start: int) -> None:
    text = "".join(chr(ord("a") + i % 26) for i in range(40))
    column = texts(["x", "yy", "zzz", text]).slice(start)
    data, offsets = text_view(column)
    shift = int(offsets[-2])
    settled = resolve_overlaps(PrivateSpans.of([(len(column) - 1, a + shift, b + shift, kind) for _, a, b, kind in spans]))
    fresh, fresh_offsets, places = replace_spans(data, offsets, settled, PLACEHOLDERS)
    expected, at = "", shift
    whole = data.tobytes().decode()
    for _, a, b, kind in as_tuples(settled):
        expected += whole[at:a] + PLACEHOLDERS[kind].decode()
        at = b
    expected += whole[at:]
    assert string_column(fresh, fresh_offsets).to_pylist() == [*column.to_pylist()[:-1], expected]
    assert [fresh[a:b].tobytes() for a, b in zip(places.starts, places.ends, strict=True)] == [PLACEHOLDERS[k] for k in settled.kinds]


def test_nothing_to_settle_and_nothing_to_write() -> None:
    none = resolve_overlaps(PrivateSpans.of([]))
    assert len(none) == 0
    data, offsets = text_view(texts(["a", ""]))
    fresh, fresh_offsets, _ = replace_spans(data, offsets, none, PLACEHOLDERS)
    assert string_column(fresh, fresh_offsets).to_pylist() == ["a", ""]
    assert np.array_equal(fresh_offsets, [0, 1, 1])
