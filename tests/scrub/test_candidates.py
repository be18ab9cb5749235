"""The byte scan: shapes of numbers, parts between spaces, and nothing in what has none."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.scrub.candidates import AT, DOT, HYPHEN, IBAN, IPV6, NUMBER, SPACE, Candidates, separators, shape
from pipelines.scrub.scan import scan
from pipelines.text.view import text_view
from tests.scrub.pii import PII_LIKE, texts


def candidates_of(rows: list[str]) -> tuple[Candidates, list[tuple[int, int, str]]]:
    data, offsets = text_view(texts(rows))
    found, _ = scan(data, offsets, np.ones(len(rows), np.bool_))
    places = zip(found.rows, found.forms, found.starts, found.ends, strict=True)
    return found, [(int(row), int(form), data[start:end].tobytes().decode()) for row, form, start, end in places]


@pytest.mark.parametrize(
    ("text", "form", "value"),
    [
        ("邮箱abc@example.com ", AT, "abc@example.com"),
        ("电话+86 138-0013-8000。", NUMBER, "86 138-0013-8000"),
        ("证11010519491231002X。", NUMBER, "11010519491231002X"),
        ("at 8.8.8.8,", NUMBER, "8.8.8.8"),
        ("(GB82 WEST 1234 5698 7654 32)", IBAN, "GB82 WEST 1234 5698 7654 32"),
        ("[2a00:1450::1]", IPV6, "2a00:1450::1"),
    ],
)
def test_each_form_is_seen_from_its_first_byte_to_its_last(text: str, form: int, value: str) -> None:
    assert (0, form, value) in candidates_of([text])[1]


def test_a_number_carries_its_groups_and_separators() -> None:
    found, _ = candidates_of(["536-90-4399", "+86 138.0013-8000"])
    assert found.shapes[0] == shape(3, 2, 4)
    assert found.separators[0] == separators(HYPHEN, HYPHEN)
    whole = int(np.flatnonzero((found.rows == 1) & (found.n_digits == 13))[0])
    assert found.shapes[whole] == shape(2, 3, 4, 4)
    assert found.separators[whole] == separators(SPACE, DOT, HYPHEN)


def test_parts_between_spaces_stand_beside_the_whole() -> None:
    _, seen = candidates_of(["12 650-253-0000 13800138000"])
    assert {value for _, _, value in seen} == {"12 650-253-0000 13800138000", "650-253-0000", "13800138000"}


@pytest.mark.parametrize("text", ["", "plain text, 12 words; 2024 and 3.14", "a123 123b 1_x", "@ a@b @c.d", "12:30:45 std::x"])
def test_text_without_private_values_has_no_candidates(text: str) -> None:
    assert candidates_of([text])[1] == []


@given(st.lists(PII_LIKE, max_size=4))
def test_numbers_are_the_digit_runs_of_a_slow_reference(rows: list[str]) -> None:
    """Every run of at least seven digits that no letter, digit or `_` touches lies in a candidate of its row."""
    _, seen = candidates_of(rows)
    for row, text in enumerate(rows):
        numbers = [value for r, form, value in seen if r == row and form == NUMBER]
        others = [value for r, form, value in seen if r == row and form in (IPV6, IBAN)]
        for match in re.finditer(r"(?<![A-Za-z0-9_])[0-9]{7,40}(?![A-Za-z0-9_])", text):
            assert any(match[0] in value for value in numbers + others) or len(re.findall(r"[0-9]+", text)) > 10
        assert all(len(re.findall("[0-9X]", value, re.IGNORECASE)) >= 4 for value in numbers)


@given(st.lists(PII_LIKE, max_size=4), st.integers(0, 4))
def test_inactive_rows_and_rows_of_a_slice_are_seen_apart(rows: list[str], start: int) -> None:
    _, seen = candidates_of(rows)
    data, offsets = text_view(texts(rows).slice(start))
    shifted, _ = scan(data, offsets, np.ones(max(0, len(rows) - start), np.bool_))
    assert len(shifted) == sum(row >= start for row, _, _ in seen)
    assert len(scan(data, offsets, np.zeros(len(offsets) - 1, np.bool_))[0]) == 0
