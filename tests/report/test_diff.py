"""Two runs side by side: every number of the difference, and records matched one by one."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Callable, Sequence
from io import StringIO
from pathlib import Path
from typing import Any, Final

import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from pipelines.report.diff import Change, Difference, Move, compare, difference, differing
from pipelines.report.diff_screen import diff_screen
from schemas.errors import OutputError
from tests.report.fixture import MARKER, N_RECORDS, STAGES, doc_id, make_run, metrics, numbered_groups

FIRST_KEPT: Final = next(number for number, group in numbered_groups() if group.outcome == "kept")
"""A document of source web in English; the 119 after it are, too."""


def change_ledger(folder: Path, change: Callable[[dict[str, Any]], dict[str, Any] | None]) -> None:
    """Rewrite every row of the run's ledger; None leaves it out."""
    for path in folder.glob("ledger/*.parquet"):
        table = pq.read_table(path)
        rows = [row for row in map(change, table.to_pylist()) if row is not None]
        pq.write_table(type(table).from_pylist(rows, table.schema), path)


def change_recipe(folder: Path, **filters: Any) -> None:
    state = json.loads((folder / "run.json").read_text())
    state["recipe"]["filters"]["gopher_quality"] |= filters
    state["versions"] |= {"polars": "0.0.1"}
    (folder / "run.json").write_text(json.dumps(state))


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run, and one with min_words = 90 by which three more documents are dropped; its second file was renamed."""
    folder = tmp_path_factory.mktemp("diff")
    before, after = make_run(folder / "before"), make_run(folder / "after")
    change_recipe(after, min_words=90)

    def change(row: dict[str, Any]) -> dict[str, Any]:
        if row["origin_offset"] in range(FIRST_KEPT, FIRST_KEPT + 3):
            return row | {"step": "filters", "outcome": "dropped", "reason": "gopher_quality.min_words"}
        return row | {"origin_file": "renamed"} if row["origin_file"] == "代码" else row

    change_ledger(after, change)
    return before, after


@pytest.fixture(scope="module")
def found(runs: tuple[Path, Path]) -> Difference:
    return difference(*runs)


def changed(changes: Sequence[Change[Any]]) -> dict[str, tuple[Any, Any]]:
    return {one.name: (one.before, one.after) for one in changes if one.before != one.after}


def test_settings_and_versions_that_differ_are_named(found: Difference) -> None:
    assert changed(found.recipe) == {"filters.gopher_quality.min_words": (50, 90)}
    assert changed(found.versions)["polars"][1] == "0.0.1"
    assert len(found.versions) == 1


def test_numbers_are_those_of_both_runs(found: Difference) -> None:
    assert changed(found.results) == {"kept": (250, 247), "dropped": (137, 140)}
    assert {name: changed(changes) for name, changes in found.sources.items()} == {
        "web": {"kept": (175, 172), "dropped": (125, 128)},
        "rows-v2": {},
        "代码": {},
    }
    assert changed(found.reasons) == {"dropped: gopher_quality.min_words": (43, 46)}
    values = {one.name: one.before for one in found.results}
    assert (values["records"], values["tokens, train"], values["vocabulary"], values["model loss"]) == (N_RECORDS, 25_366, 400, 2.104)
    assert found.same_files == {"ledger": True, "documents": True, "tokenizer": True, "shards": True}  # as run.json states them
    assert {one.name: one.before for one in found.languages} == {"en": 150, "zh": 55, "not identified": 45}
    assert {one.name: one.after for one in found.redacted}["email"] == 168


def test_records_are_matched_by_address(found: Difference) -> None:
    records = found.records
    assert (records.reach, records.n_in_both, records.n_alike, records.n_other_text) == ("end", N_RECORDS - 51, N_RECORDS - 54, 0)
    (dropped,) = (move for move in records.moves if None not in (move.before, move.after))
    ids = sorted(doc_id(number).hex() for number in range(FIRST_KEPT, FIRST_KEPT + 3))
    assert dropped == Move(before="kept", after="dropped: gopher_quality.min_words", n=3, ids=ids)
    gone = {move.before: move.n for move in records.moves if move.after is None}
    assert gone == {"kept": 45, "dropped: length.min_chars": 4, "failed: encoding": 2}
    assert gone == {move.after: move.n for move in records.moves if move.before is None}
    assert [move.ids for move in records.moves if move.before == "failed: encoding"] == [[]]
    assert records.files == [Change(name="renamed", before=None, after=51), Change(name="代码", before=51, after=None)]


def test_a_run_is_like_itself(runs: tuple[Path, Path]) -> None:
    found = difference(runs[0], runs[0])
    assert (found.recipe, found.versions, found.records.moves, found.records.files) == ([], [], [], [])
    assert found.records.n_alike == N_RECORDS
    assert not any(map(changed, (found.results, found.reasons, found.languages, *found.sources.values())))


@pytest.mark.parametrize("until", ["curate", "ingest"])
def test_a_stopped_run_is_compared_as_far_as_it_has_come(tmp_path: Path, runs: tuple[Path, Path], until: str) -> None:
    stopped = make_run(tmp_path / "run", until=until)
    change_ledger(stopped, lambda row: row if row["step"] in ("read", "filters") else None)
    found = difference(stopped, runs[0])
    assert (found.stopped.before, found.stopped.after) == (until, None)
    if until == "ingest":
        assert (found.records.reach, found.records.moves) == ("nothing", [])
        return
    assert (found.records.reach, found.records.n_in_both, found.records.n_alike) == ("filters", N_RECORDS, N_RECORDS)
    results = {one.name: (one.before, one.after) for one in found.results}
    assert (results["dropped"], results["kept"], results["tokens"]) == ((137, 137), (None, 250), (None, 28_106))
    assert changed(found.reasons) == {}
    moves = difference(stopped, runs[1]).records.moves
    assert [move.n for move in moves if move.before == "passed by the filters" and move.after == "dropped: gopher_quality.min_words"] == [3]


def test_a_setting_is_compared_as_it_stands() -> None:
    assert differing({"a": 5, "b": True, "c": [1], "d": None}, {"a": 5, "b": 1, "c": [1, 2], "e": 0}) == [
        Change(name="b", before=True, after=1),
        Change(name="c", before=[1], after=[1, 2]),
        Change(name="e", before=None, after=0),
    ]


def test_a_folder_that_is_no_run_and_a_recipe_of_another_version_are_named(tmp_path: Path, runs: tuple[Path, Path]) -> None:
    with pytest.raises(OutputError, match="CM-RECORD-010"):
        difference(runs[0], tmp_path)
    other = make_run(tmp_path / "other")
    change_recipe(other, min_wordz=1)
    with pytest.raises(OutputError, match=r"CM-REPORT-001: .*other/run.json.*min_wordz"):
        difference(other, runs[0])
    (other / "run.json").write_text('{"recipe":')
    with pytest.raises(OutputError, match=r"CM-RECORD-011: .*run\.json"):
        difference(runs[0], other)


# --- Against a dictionary --------------------------------------------------------------------------------------------

ENDS: Final = st.sampled_from(["kept", "dropped: a", "failed: b"])
ADDRESSES: Final = st.tuples(st.sampled_from(["x", "y"]), st.integers(0, 4), st.integers(0, 1))
LEDGERS: Final = st.dictionaries(ADDRESSES, st.tuples(st.none() | st.sampled_from([b"1", b"2", b"3", b"4", b"5"]), ENDS))
SCHEMA: Final = {"origin_file": pl.String, "origin_offset": pl.UInt64, "part": pl.UInt32, "doc_id": pl.Binary, "end": pl.String}

Ledger = dict[tuple[str, int, int], tuple[bytes | None, str]]


def frame(ledger: Ledger) -> pl.LazyFrame:
    return pl.LazyFrame([(*address, *row) for address, row in ledger.items()], schema=SCHEMA, orient="row")


@given(LEDGERS, LEDGERS, st.integers(1, 5))
def test_records_joined_in_parts_are_those_that_a_dictionary_finds(before: Ledger, after: Ledger, n_parts: int) -> None:
    found = compare(frame(before), frame(after), "end", n_parts)
    nothing = (None, None)
    pairs = {address: (before.get(address, nothing), after.get(address, nothing)) for address in before | after}
    counts = Counter((a[1], b[1]) for a, b in pairs.values())
    assert {(move.before, move.after): move.n for move in found.moves} == {ends: n for ends, n in counts.items() if ends[0] != ends[1]}
    assert found.moves == sorted(found.moves, key=lambda move: -move.n)
    assert found.n_in_both == len(before.keys() & after.keys())
    assert found.n_alike == sum(n for ends, n in counts.items() if ends[0] == ends[1])
    assert found.n_other_text == sum(None not in (a[0], b[0]) and a[0] != b[0] for a, b in pairs.values())
    for move in found.moves:
        ids = sorted(a[0] or b[0] or b"" for a, b in pairs.values() if (a[1], b[1]) == (move.before, move.after))
        assert move.ids == [one.hex() for one in ids if one][:3]
    files = {file: tuple(sum(address[0] == file for address in side) or None for side in (before, after)) for file in ("x", "y")}
    assert changed(found.files) == {file: n for file, n in files.items() if n[0] != n[1]}


# --- The screen ------------------------------------------------------------------------------------------------------


def shown(found: Difference, width: int) -> list[str]:
    screen = StringIO()
    Console(width=width, file=screen).print(diff_screen(found))
    return screen.getvalue().splitlines()


@pytest.mark.parametrize("until", STAGES[1:])
def test_it_fits_a_terminal_and_shows_no_text(tmp_path: Path, runs: tuple[Path, Path], until: str) -> None:
    stopped = make_run(tmp_path / "run", until=until)
    lines = shown(difference(stopped, runs[1]), 100)
    assert lines
    assert max(map(len, lines)) <= 100
    assert MARKER not in "".join(lines)


def test_it_shows_what_changed_and_for_which_documents(found: Difference) -> None:
    text = " ".join(" ".join(shown(found, 100)).split())
    (dropped,) = (move for move in found.records.moves if None not in (move.before, move.after))
    assert "filters.gopher_quality.min_words 50 90" in text
    assert "records 490 490 failed" in text
    assert "kept 250 247 -3 -1.2 %" in text
    assert "web dropped 125 128 +3 +2.4 % kept 175 172 -3 -1.7 %" in text
    assert "439 records in both runs, compared: 99.3 % end the same way" in text
    assert f"3 kept -> dropped: gopher_quality.min_words {' '.join(dropped.ids)}" in text
    assert "45 kept -> not in this run" in text
    assert "45 not in this run -> kept" in text
    assert "renamed – 51" in text


def test_of_long_lists_only_what_the_other_lacks_is_shown(found: Difference) -> None:
    words = [f"word{i}" for i in range(90)]
    put_in: Change[object] = Change(name="put in", before=words, after=[*words[1:], "new"])
    changes: list[Change[object]] = [put_in, Change(name="order", before=words[:9], after=words[8::-1])]
    text = " ".join(" ".join(shown(dataclasses.replace(found, recipe=changes), 100)).split())
    assert 'put in […, "word0"] […, "new"]' in text
    assert '"word0", "word1"' in text


# --- What is not compared --------------------------------------------------------------------------------------------


def retrained(folder: Path, **changes: Any) -> Path:
    """A run whose model measured something else."""
    run = make_run(folder)
    (run / "validation" / "metrics.json").write_text(json.dumps(metrics() | changes))
    return run


def not_compared(before: Path, after: Path) -> dict[str, str]:
    found = difference(before, after)
    shown_names = {one.name for one in (*found.results, *found.reasons)}
    assert not shown_names & {one.name for one in found.not_compared}
    return {one.name: one.why for one in found.not_compared}


def set_in_recipe(folder: Path, **sections: Any) -> Path:
    state = json.loads((folder / "run.json").read_text())
    for section, settings in sections.items():
        if isinstance(settings, dict):
            state["recipe"][section] |= settings
        else:
            state["recipe"][section] = settings
    (folder / "run.json").write_text(json.dumps(state))
    return folder


def with_other_files(folder: Path, path: str) -> Path:
    state = json.loads((folder / "run.json").read_text())
    for stage in state["stages"]:
        for file in stage["outputs"]:
            if file["path"].startswith(path):
                file["sha256"] = "0" * 64
    (folder / "run.json").write_text(json.dumps(state))
    return folder


def test_bits_per_byte_on_other_text_are_not_compared(tmp_path: Path, runs: tuple[Path, Path]) -> None:
    assert not_compared(*runs) == {}
    other = retrained(tmp_path / "other", valid_sha256="0" * 64)
    why = f"the models were validated on different text (sha256 {'5e' * 6}… and {'0' * 12}…)"
    assert not_compared(runs[0], other) == {"model loss": why, "model bits per byte": why}
    text = " ".join(" ".join(shown(difference(runs[0], other), 80)).split())
    assert f"Not compared because {why}: model loss, model bits per byte." in text
    assert "model bits per byte 0.759" not in text
    unnamed = not_compared(runs[0], retrained(tmp_path / "unnamed", valid_sha256=None))
    assert unnamed["model bits per byte"].endswith(f"run `validate {tmp_path / 'unnamed'}` to add it")


@pytest.mark.parametrize(
    ("settings", "why"),
    [({"pretrain": {"steps": 400}}, "pretrain.steps 200 and 400"), ({"seed": 5}, "seed 0 and 5")],
)
def test_models_that_were_trained_otherwise_are_not_compared(
    tmp_path: Path, runs: tuple[Path, Path], settings: dict[str, Any], why: str
) -> None:
    other = set_in_recipe(make_run(tmp_path / "run"), **settings)
    reasons = not_compared(runs[0], other)
    assert reasons == dict.fromkeys(["model loss", "model bits per byte"], f"the models were trained differently ({why})")
    assert not_compared(runs[0], set_in_recipe(make_run(tmp_path / "same"), pretrain={"checkpoint_every": 7})) == {}


def test_a_training_is_what_the_metrics_state_not_what_the_recipe_asks_for(tmp_path: Path) -> None:
    first, second = (retrained(tmp_path / f"{n}", trained_with={"seed": 0, "steps": n}) for n in (20, 25))
    assert not_compared(first, second)["model loss"] == "the models were trained differently (pretrain.steps 20 and 25)"


def test_numbers_of_other_tokenizers_are_not_compared(tmp_path: Path, runs: tuple[Path, Path]) -> None:
    other = with_other_files(make_run(tmp_path / "run"), "tokenizer/")
    reasons = not_compared(runs[0], other)
    assert set(reasons) == {"tokens", "tokens, train", "tokens, valid", "model loss"}, "bits per byte and bytes per token can be"
    assert set(reasons.values()) == {"the tokenizers differ, so their tokens are different pieces of text"}
    assert all("tokens" not in changed(changes) for changes in difference(runs[0], other).sources.values())
    reasons = not_compared(runs[0], with_other_files(other, "documents/"))
    assert reasons["bytes per token"] == "both the tokenizers and the documents differ"


def test_drops_by_other_formulas_are_not_compared(tmp_path: Path, runs: tuple[Path, Path]) -> None:
    other = set_in_recipe(make_run(tmp_path / "run"), filters={})
    state = json.loads((other / "run.json").read_text())
    state["recipe"]["filters"]["gopher_quality"]["variant"] = "nemo"
    (other / "run.json").write_text(json.dumps(state))
    assert not_compared(runs[0], other) == {
        "dropped: gopher_quality.min_words": "the signals are computed differently (gopher_quality:datatrove and gopher_quality:nemo)"
    }
