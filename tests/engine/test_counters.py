"""Counters may be named by anything that data contain."""

from __future__ import annotations

import apache_beam as beam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.engine.counters import count, counters_of, decode_name, encode_name, most_seen

NAMES = ["", "room", "a\tb", "a\nb", "a/b", "'\"", "é", "字", "\udcff", "\ud83d\ude00", "\0", "%", "%09", "+ :", "x" * 1000]


@given(st.text(st.characters(exclude_categories=())))
def test_any_string_has_a_code_of_printable_ascii(name: str) -> None:
    code = encode_name(name)
    assert code
    assert code.isascii()
    assert code.isprintable()
    assert decode_name(code) == name


@given(st.text("%09aé\t\udcff"), st.text("%09aé\t\udcff"))
def test_different_strings_have_different_codes(one: str, other: str) -> None:
    assert (encode_name(one) == encode_name(other)) == (one == other)


@pytest.mark.parametrize("name", ["n_in", "dedup cost", "gopher_quality.min_words", "a-b"])
def test_an_ordinary_name_is_its_own_code(name: str) -> None:
    assert encode_name(name) == name


def test_counts_of_any_room_and_name_come_back() -> None:
    def add(number: int) -> None:
        count(NAMES[number], **dict.fromkeys(NAMES, number))
        most_seen(f"most {NAMES[number]}", **dict.fromkeys(NAMES, number))

    with beam.Pipeline() as pipeline:
        pipeline | beam.Create([*range(len(NAMES))] * 2) | beam.Map(add)
    expected = {room: dict.fromkeys(NAMES, 2 * number) for number, room in enumerate(NAMES)}
    expected |= {f"most {room}": dict.fromkeys(NAMES, number) for number, room in enumerate(NAMES)}
    assert counters_of(pipeline.result) == expected
