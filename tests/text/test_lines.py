"""Lines, white space and characters of UTF-8 bytes against Python's str methods."""

from __future__ import annotations

from hypothesis import given

from pipelines.text import lines
from pipelines.text.unicode import char_classes
from pipelines.text.view import text_view
from schemas.buffers import Bytes
from tests.text.strategies import TEXT, column


def read_only(text: str) -> Bytes:
    return text_view(column([text]))[0]


@given(TEXT)
def test_lines_are_those_of_splitlines(text: str) -> None:
    data, stop, at, found = read_only(text), len(text.encode()), 0, []
    while at < stop:
        end, behind = lines.line_end(data, at, stop)
        found.append(bytes(data[at:end]).decode())
        at = behind
    assert found == text.splitlines()


@given(TEXT)
def test_newline_lines_are_those_of_split(text: str) -> None:
    data, stop, at, found = read_only(text), len(text.encode()), 0, []
    while at <= stop:
        end = lines.newline_end(data, at, stop)
        found.append(bytes(data[at:end]).decode())
        at = end + 1
    assert found == text.split("\n")
    assert lines.count_breaks(data, 0, stop) == text.count("\n")


@given(TEXT)
def test_strip_is_that_of_str(text: str) -> None:
    data = read_only(text)
    start, end = lines.strip(data, 0, len(data), char_classes())
    assert bytes(data[start:end]).decode() == text.strip()


@given(TEXT)
def test_characters_are_counted_and_found_from_behind(text: str) -> None:
    data = read_only(text)
    assert lines.count_chars(data, 0, len(data)) == len(text)
    if text:
        assert lines.code_before(data, len(data)) == ord(text[-1])
        assert lines.previous(data, len(data)) == len(text[:-1].encode())
