"""One screen that a person understands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from rich.console import Console

from pipelines.report.summary import summary
from tests.report.fixture import MARKER, N_KEPT, STAGES, make_run


def screen(folder: Path, width: int = 100) -> str:
    console = Console(width=width, record=True, file=(folder / "screen").open("w", encoding="utf-8"))
    with console.file:
        console.print(summary(folder))
    return console.export_text()


@pytest.mark.parametrize("until", STAGES[1:])
def test_it_fits_a_terminal(tmp_path: Path, until: str) -> None:
    lines = screen(make_run(tmp_path / "run", until=until)).splitlines()
    assert len(lines) <= 40
    assert max(map(len, lines)) <= 100


def test_it_shows_what_went_in_what_came_out_and_what_to_look_at(tmp_path: Path) -> None:
    text = " ".join(screen(make_run(tmp_path / "run")).split())
    assert "complete, 24.0 s (28.5 s of CPU)" in text
    assert "web 401 6 65 125 30 175 82.3 kB 20,456" in text
    assert f"all 490 8 65 137 30 {N_KEPT} 113.1 kB 28,106" in text
    assert "rules language, gopher_repetition:datatrove, gopher_quality:datatrove, c4:datatrove" in text
    assert "tokens 28,106 (train 25,366, valid 2,740)" in text
    assert "400 tokens, trained here, 4.02 bytes per token" in text
    assert "loss 5.993 -> 2.104, 0.759 bits per byte (token frequencies alone 1.425) passed" in text
    assert "redacted email 168, phone 50" in text
    assert "files web: 3 files, 1 could not be read; passed over: 12 .html, 1 .json (not JSON Lines)" in text
    losses = ["Kind lines cut 74.1 %", "language.keep removed 60 of 330 documents (18.2 %)", "length.min_chars removed 12 of 87"]
    assert sorted(losses, key=text.index) == losses, "the largest loss first"
    assert "and 6 more in report/index.html" in text
    assert "shards/, tokenizer/tokenizer.json, documents/, ledger/, run.json" in text
    assert MARKER not in text


@pytest.mark.parametrize("width", [80, 200])
def test_no_message_is_cut_at_any_width(tmp_path: Path, width: int) -> None:
    folder = make_run(tmp_path / "run", until="ingest")
    reason = f"GuardError: {'much was removed ' * 30}; raise guards.max_filtered"
    state = json.loads((folder / "run.json").read_text())
    (folder / "run.json").write_text(json.dumps(state | {"stopped": reason}))
    text = "".join(screen(folder, width).replace("│", " ").split())
    assert "".join(reason.split()) in text
    assert "…" not in text


def test_a_stopped_run_says_where(tmp_path: Path) -> None:
    text = " ".join(screen(make_run(tmp_path / "run", until="tokenizer")).split())
    assert "stopped before tokenizer" in text
    assert "not run yet: tokenizer, encode, validate" in text
    assert "! The run is not complete: stage tokenizer has not finished." in text
