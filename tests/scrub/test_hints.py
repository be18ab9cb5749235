"""Parts of words near candidates, beside a slow reference."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scrub.candidates import CONTEXT
from pipelines.scrub.hints import has_hint_before, hint_positions
from pipelines.scrub.scan import scan
from pipelines.text.view import text_view
from tests.scrub.pii import texts

HINTS = (b"pass", b"ab", b"abc", "护照".encode())
PIECES = ["pass", "PaSs", "ab", "abc", "a", "护照", "护", " ", "1234567", "x" * 40]
ROWS = st.lists(st.lists(st.sampled_from(PIECES), max_size=9).map("".join), max_size=4)


@given(ROWS, st.integers(0, 4))
def test_hints_are_found_where_they_stand(rows: list[str], start: int) -> None:
    data, offsets = text_view(texts(rows).slice(start))
    text, base = data[offsets[0] : offsets[-1]].tobytes(), int(offsets[0])
    expected = [base + at for at in range(len(text)) if any(text.startswith(hint, at) for hint in HINTS)]
    assert hint_positions(HINTS, data, base, int(offsets[-1])).tolist() == expected


@given(ROWS)
def test_a_hint_counts_within_the_context_of_its_row(rows: list[str]) -> None:
    data, offsets = text_view(texts(rows))
    candidates, _ = scan(data, offsets, np.ones(len(rows), np.bool_))
    windows = [
        data[max(int(offsets[row]), start - CONTEXT) : start].tobytes().lower()
        for row, start in zip(candidates.rows.tolist(), candidates.starts.tolist(), strict=True)
    ]
    assert has_hint_before(HINTS, data, offsets, candidates).tolist() == [any(hint in window for hint in HINTS) for window in windows]
