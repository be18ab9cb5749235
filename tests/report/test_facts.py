"""Numbers behind the page: bins, guards, limits by language, what needs attention."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.report import formats
from pipelines.report.attention import attention
from pipelines.report.facts import Facts
from pipelines.report.histograms import N_BINS, histogram_of, histograms
from pipelines.report.rules import configured_rules
from schemas import recipe as recipes
from schemas.recipe import Guards
from tests.report.fixture import make_run, site_recipe
from tests.report.test_statements import change_details


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    return Facts(make_run(tmp_path_factory.mktemp("facts") / "run"))


@given(st.lists(st.integers(0, 10_000), min_size=1), st.booleans())
def test_every_value_counts_in_the_bin_that_holds_it(values: list[int], logarithmic: bool) -> None:
    low, high = min(values), max(values)
    found = histogram_of(pl.LazyFrame({"x": values}), "x", low, high, logarithmic=logarithmic)
    assert sum(found.counts) == len(values)
    assert found.mean == pytest.approx(np.mean(values))
    for number, (first, last) in enumerate(zip(found.edges, found.edges[1:], strict=False)):
        slack = 1e-6 * (1 + high)
        least = sum(first + slack < value < last - slack for value in values)
        most = sum(first - slack <= value <= last + slack for value in values)
        assert least <= found.counts[number] <= most
    assert len(found.counts) == N_BINS


def test_bins_reach_as_far_as_the_limits_and_skip_what_is_missing() -> None:
    frame = pl.LazyFrame({"x": [0.4, None, float("nan"), 0.6], "none": pl.Series([None] * 4, dtype=pl.Float64)})
    (found,) = histograms(frame, {"x": (0.2, 0.8), "none": (1.0,)})
    assert (found.name, found.edges[0], found.edges[-1], sum(found.counts)) == ("x", 0.2, 0.8, 2)


def test_only_a_signal_of_one_value_is_constant() -> None:
    one, two = histograms(pl.LazyFrame({"one": [3.0, 3.0, None], "two": [3.0, 3.0, 4.0]}), {"one": (1.0,), "two": ()})
    assert (one.constant, two.constant) == (True, False)


def test_settings_that_cut_lines_are_counted_only_where_they_are_on(facts: Facts) -> None:
    cuts = facts.documents.rows.select(pl.col("c4.cut_few_words").sum()).collect().item()
    assert facts.documents.cut_lines == [("c4.min_line_words", cuts)]


def test_what_was_cut_is_counted_by_source_and_kind(facts: Facts) -> None:
    cuts = {row.source: row for row in facts.documents.cuts}
    sizes = {row.name: row for row in facts.sources}
    assert list(cuts) == list(sizes)
    assert cuts["web"].n_cut == {"lines": 1000 * sizes["web"].n_kept, "evaluation": 1}
    assert cuts["代码"].n_cut == {"lines": 0, "evaluation": 0}
    left = sizes["web"].n_chars
    assert left is not None
    assert cuts["web"].share == pytest.approx(1 - left / (left + 1000 * sizes["web"].n_kept + 1))
    assert cuts["代码"].share == 0


def test_limits_of_languages_are_those_that_the_filters_use() -> None:
    recipe = recipes.parse(
        {
            "name": "limits",
            "sources": {"web": {}},
            "filters": {
                "rules": ["gopher_quality"],
                "gopher_quality": {"min_words": 40, "max_hash_ratio": "off"},
                "profiles": {"zh": {"gopher_quality": {"min_words": 10}}, "en": {"gopher_quality": {"max_hash_ratio": 0.5}}},
            },
        }
    )
    rules = {rule.name: rule for rule in configured_rules(recipe, ["en", "zh"])}
    assert (rules["gopher_quality.min_words"].limit, rules["gopher_quality.min_words"].other_limits) == (40, {"zh": 10})
    assert (rules["gopher_quality.max_hash_ratio"].limit, rules["gopher_quality.max_hash_ratio"].other_limits) == (None, {"en": 0.5})
    assert rules["gopher_quality.max_mean_word_length"].other_limits == {"zh": None}


def test_a_source_with_rules_of_its_own_is_judged_by_those_alone() -> None:
    sources = {rule.rule_set: rule.sources for rule in configured_rules(site_recipe(), [])}
    assert sources["length"] == ("rows-v2", "代码")
    assert sources["gopher_quality"] == ("web",)


def test_guards_are_measured_as_they_judge(facts: Facts) -> None:
    shares = {row.key: (row.group, row.n, row.share) for row in facts.guards}
    assert shares["guards.max_failed"] == ("source web", 401, 6 / 401)
    assert shares["guards.max_failed_files"] == ("source web", 3, 0.0)
    assert shares["guards.max_filtered"] == ("language en", 239, 52 / 239)
    assert shares["guards.max_merged"] == ("source web", 205, 30 / 205)


def test_every_guard_of_the_recipe_is_in_the_table(facts: Facts) -> None:
    names = {field.name for field in dataclasses.fields(Guards)} - {"min_documents"}
    assert sorted(row.key for row in facts.guards) == sorted(f"guards.{name}" for name in names)


def test_damaged_bytes_and_shared_addresses_are_measured_as_their_guards_judge(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    change_details(folder, "ingest", input_bytes={"web": 4 << 20, "代码": 100}, lost_bytes={"web": 1 << 20, "代码": 100})
    facts = change_details(folder, "curate", dedup={"same_address_apart": 14})
    rows = {row.key: (row.group, row.n, row.share) for row in facts.guards}
    assert rows["guards.max_lost_bytes"] == ("source web (bytes)", 4 << 20, 0.25)
    assert rows["guards.max_same_address"] == ("documents that share a URL but not its text", 280, 14 / 280)


def test_files_that_failed_or_were_passed_over_in_number_are_mentioned(facts: Facts) -> None:
    texts = [notice.text for notice in attention(facts)]
    assert "1 of 3 files of source web could not be read completely." in texts
    assert "Source web reads 3 files and passes over 12 .html, 1 .json (not JSON Lines)." in texts


def test_a_run_that_its_merge_guard_stopped_shows_what_was_merged(tmp_path: Path) -> None:
    facts = Facts(make_run(tmp_path / "run", until="curate"))
    assert facts.ledger.merges == [("url", 0), ("exact", 14), ("minhash", 16)]
    ceilings = {row.key: row for row in facts.guards}
    assert ceilings["guards.max_merged"].n == 205
    assert (ceilings["guards.max_cluster"].n, ceilings["guards.max_cluster"].share) == (280, 26 / 280)


def test_merges_of_half_a_refine_are_left_out_since_they_are_made_again(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run", until="curate")
    (ledger,) = (folder / "ledger").glob("dedup-*.parquet")
    pl.read_parquet(ledger).head(20).write_parquet(ledger)
    facts = Facts(folder)
    assert not facts.ledger.is_complete
    assert facts.ledger.n_records(outcome="merged") == 0
    assert facts.ledger.n_records() == 490
    assert all(row.balances for row in facts.sources)


def test_a_ledger_that_lost_a_row_is_a_problem(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    (ledger,) = (folder / "ledger").glob("dedup-*.parquet")
    pl.read_parquet(ledger).slice(1).write_parquet(ledger)
    assert [notice.text for notice in attention(Facts(folder)) if notice.level == "problem"] == [
        "The ledger does not balance: 490 records were read, and it lists 489."
    ]


def test_a_kind_that_cut_text_has_found_duplicates(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    state = json.loads((folder / "run.json").read_text())
    state["recipe"]["dedup"]["kinds"] = ["lines", "substring"]
    (refine,) = (stage for stage in state["stages"] if stage["stage"] == "curate")
    refine["details"]["dedup"]["lines_cut_documents"] = 3
    (folder / "run.json").write_text(json.dumps(state))
    texts = [notice.text for notice in attention(Facts(folder))]
    assert [text for text in texts if "duplicates of kind" in text] == ["No duplicates of kind substring were found."]


def test_documents_that_share_an_address_but_no_text_are_mentioned(tmp_path: Path) -> None:
    folder = make_run(tmp_path / "run")
    state = json.loads((folder / "run.json").read_text())
    (refine,) = (stage for stage in state["stages"] if stage["stage"] == "curate")
    refine["details"]["dedup"]["same_address_apart"] = 3
    (folder / "run.json").write_text(json.dumps(state))
    texts = [notice.text for notice in attention(Facts(folder))]
    assert "3 documents shared a URL with a preferred document but not its text, and stayed." in texts


def test_crowded_buckets_missing_licences_and_robots_directives_are_mentioned(facts: Facts) -> None:
    texts = [notice.text for notice in attention(facts)]
    assert "26 of 32 rules never fired: 12 of gopher_repetition, 8 of gopher_quality, 2 of c4, 4 of fineweb." in texts
    assert "2 buckets contained more than dedup.minhash.max_comparisons documents; near-duplicates may remain." in texts
    assert "175 kept documents without a licence." in texts
    assert "7 kept documents with robots directives." in texts


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (formats.share(0.0), "0.0 %"),
        (formats.share(0.0001), "< 0.1 %"),
        (formats.share(0.9999), "> 99.9 %"),
        (formats.share(1.0), "100.0 %"),
        (formats.seconds(59.94), "59.9 s"),
        (formats.seconds(59.97), "1 min 00 s"),
        (formats.seconds(192), "3 min 12 s"),
        (formats.seconds(7500), "2 h 05 min"),
        (formats.size(999), "999 B"),
        (formats.size(82_295), "82.3 kB"),
        (formats.size(999_960), "1.0 MB"),
        (formats.shortened(12_400), "12.4 k"),
        (formats.shortened(999_700), "1 M"),
        (formats.limit(100_000.0), "100,000"),
        (formats.limit(None), "off"),
        (formats.number_of(1, "record"), "1 record"),
        (formats.number_of(2000, "record"), "2,000 records"),
        (formats.with_commas(None), "–"),
    ],
)
def test_numbers_read_well(shown: str, expected: str) -> None:
    assert shown == expected
