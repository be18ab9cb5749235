"""Limits from distributions: what they let pass, what they remove together, and the recipe that they make."""

from __future__ import annotations

import json
import math
import sys
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import run_pipeline
from pipelines.commands.calibrate import calibrate_files
from pipelines.filters.calibrate import N_BINS, as_toml, propose, propose_limits, rounded, signal_histogram
from pipelines.filters.identify import identify
from pipelines.filters.limits import Languages
from pipelines.report.calibration import calibration_table, number, says, sparkline
from schemas import recipe as recipes
from schemas.errors import InputError, RecipeError
from schemas.recipe import Language
from tests.filters.helpers import chain_of, documents, outcome
from tests.text.strategies import column

VALUES = st.lists(st.floats(-1e6, 1e6, allow_subnormal=False) | st.just(math.nan), min_size=1, max_size=300).map(np.array)


@given(VALUES, st.floats(0.5, 0.999), st.booleans())
def test_a_limit_lets_the_share_pass_that_was_asked_for(
    values: np.ndarray[tuple[int], np.dtype[np.float64]], keep: float, is_min: bool
) -> None:
    known = values[~np.isnan(values)]
    limit = propose(values, keep, -math.inf if is_min else math.inf, is_min=is_min)
    passes = known >= limit if is_min else known <= limit
    assert passes.sum() >= math.floor(keep * len(known))


@given(st.floats(-1e9, 1e9), st.booleans())
def test_rounding_goes_outwards_and_not_far(value: float, up: bool) -> None:
    found = rounded(value, up=up)
    assert found >= value if up else found <= value
    assert abs(found - value) <= 0.011 * abs(value)


def test_a_limit_has_three_digits() -> None:
    assert [rounded(value, up=True) for value in (0.12341, 123.41, 1234.1, 0.5, 7, 0)] == [0.124, 124, 1240, 0.5, 7, 0]
    assert [rounded(value, up=False) for value in (0.12341, 123.41, 1234.1)] == [0.123, 123, 1230]


def test_each_document_is_counted_in_every_bin_once() -> None:
    assert sum(signal_histogram(np.array([1.0, 2, 3, 900, math.nan]))) == 4
    assert signal_histogram(np.array([5.0, 5.0]))[0] == 2
    assert signal_histogram(np.array([math.nan])) == (0,) * N_BINS


def test_shares_are_of_the_limit_by_itself_of_the_limit_alone_and_of_all_together() -> None:
    signals = {"gopher_quality.words": np.array([1.0, 100, 100, 100]), "fineweb.short_line_ratio": np.array([0.9, 0.9, 0.1, math.nan])}
    now = {"gopher_quality.min_words": 50.0, "fineweb.max_short_line_ratio": math.inf}
    found = propose_limits(signals, now, "xx", 0.6)
    words, short = found.proposals
    assert (words.proposed, words.removed, words.removed_now, words.removed_alone) == (100, 0.25, 0.25, 0.25)
    assert (short.proposed, short.removed, short.removed_now, short.removed_alone) == (0.9, 0, 0, 0)
    assert found.removed_by_set == {"gopher_quality": 0.25, "fineweb": 0.0}
    assert (found.removed, found.removed_now, found.n_documents) == (0.25, 0.25, 4)


def test_where_nothing_was_measured_nothing_is_proposed() -> None:
    found = propose_limits({"fineweb.short_line_ratio": np.array([math.nan])}, {"fineweb.max_short_line_ratio": math.inf}, "xx", 0.99)
    assert "max_short_line_ratio" not in as_toml(found)
    assert number(found.proposals[0].proposed) == "off"


def test_where_a_signal_hardly_occurs_its_limit_stays() -> None:
    values = np.array([0.0] * 999 + [1.0])
    assert propose(values, 0.99, 0.1, is_min=False) == 0.1
    assert propose(values, 0.9999, 0.1, is_min=False) == 1
    assert propose(values, 0.99, 50, is_min=True) == 0


def test_with_a_language_assumed_no_model_is_asked() -> None:
    lang, score = identify(column(["", "x"]), Language(model="nowhere.bin", assume="sw"))
    assert lang.to_pylist() == ["sw", "sw"]
    assert score.to_pylist() == [1, 1]


@pytest.fixture(scope="module")
def swahili(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """200 documents: sentences of made-up words, 40 to 239 of them."""
    rng = np.random.default_rng(0)
    lines = []
    for n in range(40, 240):
        words = ["".join(rng.choice(list("abkmnuiw"), rng.integers(2, 9))) for _ in range(n)]
        sentences = [" ".join(words[i : i + 8]).capitalize() + "." for i in range(0, n, 8)]
        lines.append(json.dumps({"text": "\n".join(sentences)}))
    path = tmp_path_factory.mktemp("swahili") / "sw.jsonl"
    path.write_text("\n".join(lines))
    return path


def test_the_section_is_a_recipe_that_keeps_the_sample_as_it_says(swahili: Path) -> None:
    found = calibrate_files([str(swahili)], "swh_Latn", ["gopher_quality", "fineweb"], 0.95)
    assert found.n_documents == 200
    section = tomllib.loads(as_toml(found))
    assert section["filters"]["profiles"].keys() == {"sw"}
    recipe = recipes.parse({"name": "x", "sources": {"web": {"path": ["x"]}}, **section})
    languages = Languages.of(recipe.filters)
    sw = languages.profile(column(["swh_Latn"]))
    assert languages.limits["gopher_quality"].of("min_words", sw).tolist() == [
        section["filters"]["profiles"]["sw"]["gopher_quality"]["min_words"]
    ]
    texts = [json.loads(line)["text"] for line in swahili.read_text().splitlines()]
    limits = {
        f"filters.profiles.sw.{rule_set}.{name}": limit
        for rule_set, own in section["filters"]["profiles"]["sw"].items()
        for name, limit in own.items()
    }
    chain = chain_of(["gopher_quality", "fineweb"], **{"filters.language.assume": "sw"}, **limits)
    dropped = sum(reason is not None for reason in outcome(chain, documents(texts)))
    assert dropped == round(found.removed * 200)
    assert 10 <= dropped < 80


def test_mistakes_are_named(swahili: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"CM-COMMAND-002: rules: 'url'"):
        calibrate_files([str(swahili)], "sw", ["url"], 0.99)
    with pytest.raises(RecipeError, match=r"rules: unknown key 'gofer_quality'; did you mean 'gopher_quality'\?"):
        calibrate_files([str(swahili)], "sw", ["gofer_quality"], 0.99)
    with pytest.raises(RecipeError, match=r"keep = 99"):
        calibrate_files([str(swahili)], "sw", ["fineweb"], 99)
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(InputError):
        calibrate_files([str(tmp_path / "empty.jsonl")], "sw", ["fineweb"], 0.99)


def test_the_terminal_shows_the_distribution(swahili: Path) -> None:
    found = calibrate_files([str(swahili)], "sw", ["gopher_quality"], 0.99)
    assert calibration_table(found).row_count == 1 + len(found.proposals)
    assert "1000" in says(found)
    assert sparkline((0, 1, 80, 40)) == " ▁█▄"


def test_the_command_prints_and_writes_the_section(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], swahili: Path, tmp_path: Path
) -> None:
    out = tmp_path / "sw.toml"
    monkeypatch.setattr(sys, "argv", ["run_pipeline.py", "calibrate", str(swahili), "--lang", "sw", "--out", str(out)])
    with pytest.raises(SystemExit) as ended:
        run_pipeline.main()
    assert ended.value.code == 0
    assert out.read_text() in capsys.readouterr().out
    assert tomllib.loads(out.read_text())["filters"]["profiles"]["sw"].keys() == {"gopher_repetition", "gopher_quality", "c4", "fineweb"}
