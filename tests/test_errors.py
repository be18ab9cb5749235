"""Every error that a user can fix has a code of its own, and survives the way from a worker process to the driver."""

from __future__ import annotations

import traceback
from collections import Counter

import pytest

from pipelines.commands import screen
from schemas.errors import CorpusmillError, InputError, UnfilledError, handed_over, in_graph
from testkit import error_codes


def test_every_error_has_a_code_of_a_known_area() -> None:
    found = list(error_codes.raised_errors())
    assert len(found) > 150
    assert [error.place for error in found if error.code is not None and error.area not in error_codes.AREAS] == []


def test_no_two_places_have_one_code() -> None:
    counts = Counter(error.code for error in error_codes.raised_errors() if error.code)
    assert [code for code, n in counts.items() if n > 1] == []


def test_the_page_of_codes_is_that_of_the_code() -> None:
    assert error_codes.PAGE.read_text("utf-8") == error_codes.page(), "run python -m testkit.error_codes"


@pytest.mark.parametrize("error", [InputError("CM-READ-001", "a\nb: CM-READ-002"), UnfilledError("CM-TOKENIZER-001", "few", 3, 2)])
def test_an_error_crosses_processes_whole(error: CorpusmillError) -> None:
    assert "".join(traceback.format_exception_only(error)) == f"schemas.errors.{type(error).__name__}: {error}\n", "nothing else is shown"
    with in_graph():
        printed = "".join(traceback.format_exception(error))
    found = handed_over(printed)
    assert found is not None
    assert (type(found), found.args, str(found)) == (type(error), error.args, f"{error.code}: {error.message}")


def test_a_command_shows_the_code_and_the_message(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        screen.fail(InputError("CM-READ-001", "a.jsonl is missing"))
    assert capsys.readouterr().err == "error CM-READ-001: a.jsonl is missing\n"
