"""A short fuzz run; `python -m benchmarks.fuzz` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from testkit.fuzz.reading import batch_of, check_slice
from testkit.fuzz.rooms import check_rooms

SEED = 4


@pytest.mark.parametrize("is_damaged", [False, True])
def test_what_is_read_is_what_was_written_and_no_room_changes_a_letter(tmp_path: Path, is_damaged: bool) -> None:
    tally = check_slice(tmp_path, SEED, range(200), is_damaged=is_damaged)
    assert tally.findings == []
    assert tally.n_documents > 200
    assert len(tally.texts) > 200
    assert list(check_rooms(batch_of(tally), tally.texts, tmp_path, SEED)) == []
