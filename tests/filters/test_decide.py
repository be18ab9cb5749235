"""Decisions from signals: the same as those made while measuring, and the same whenever they are made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.filters.chain import FilterChain
from pipelines.filters.decide import Decider, tally
from pipelines.filters.limits import Languages
from pipelines.filters.model import cached_path
from pipelines.filters.registry import REGISTRY
from pipelines.scrub.scrub import scrub_batch
from schemas.hops import LEDGER
from tests.filters.helpers import documents, recipe_of
from tests.filters.test_chain import ALL_SETS, CHINESE, ENGLISH, LOOSE
from tests.text.strategies import TEXTS

pytestmark = pytest.mark.skipif(not cached_path().is_file(), reason="the language model is not there; `make model` fetches it")

TWO_SOURCES = {"sources.code.path": "y", "sources.code.rules": ["length", "code", "metadata"], "filters.metadata.licences": ["mit"]}


@given(TEXTS, st.booleans(), st.integers(0, 6))
def test_deciding_from_signals_is_deciding_while_measuring(texts: list[str], strict: bool, cut: int) -> None:
    texts = [ENGLISH, *texts, "same\n" * 9, CHINESE, "Two words. " * 40]
    batch = documents(texts, [["web", "code"][i % 5 == 3] for i in range(len(texts))])
    recipe = recipe_of(ALL_SETS, **TWO_SOURCES, **({} if strict else LOOSE))
    chain, decider = FilterChain.of(recipe), Decider.of(recipe)
    kept, dropped = chain(batch)
    measured = chain.measure(batch)
    assert measured.column("doc_id").equals(batch.column("doc_id"))
    assert decider.dropped(measured).to_pylist() == dropped.to_pylist()
    assert measured.filter(pa.array(decider.keeps(measured))).equals(kept)
    parts = [decider.dropped(part).to_pylist() for part in (measured.slice(0, cut), measured.slice(cut))]
    assert parts[0] + parts[1] == dropped.to_pylist()


def test_every_document_is_measured_by_every_set_of_its_source() -> None:
    """Also by those that come after the one that drops it."""
    measured = FilterChain.of(recipe_of(["gopher_quality", "c4", "fineweb"])).measure(documents(["Too short.", ENGLISH]))
    assert measured.column("gopher_quality.words").to_pylist()[0] == 2
    assert measured.column("c4.sentences").to_pylist()[0] == 0  # C4 cut its only line
    assert all(measured.column(name).null_count == 0 for name in measured.schema.names if name.startswith("gopher_quality."))


def test_a_value_that_could_not_be_measured_fails_every_limit_that_is_on() -> None:
    recipe = recipe_of(["length"], **{"filters.length.max_chars": "off"})
    chain = FilterChain.of(recipe)
    measured = chain.measure(documents(["text"]))
    unknown = measured.set_column(measured.schema.get_field_index("length.chars"), "length.chars", pa.nulls(1, pa.float64()))
    (row,) = Decider.of(recipe).dropped(unknown).to_pylist()
    assert (row["reason"], row["value"], row["limit"]) == ("length.min_chars", None, 1)


def test_no_documents_and_no_rules_decide_nothing() -> None:
    recipe = recipe_of([])
    measured = FilterChain.of(recipe).measure(documents(["text"]))
    assert Decider.of(recipe).keeps(measured).tolist() == [True]
    assert Decider.of(recipe).dropped(measured.slice(0, 0)).schema == LEDGER


def test_limits_and_predicates_decide_but_what_cuts_or_computes_does_not(tmp_path: Path) -> None:
    for rule_set, key in (
        ("gopher_quality", "min_words"),
        ("language", "min_score"),
        ("language", "keep"),
        ("url", "block_words"),
        ("metadata", "licences"),
        ("perplexity", "max_bucket"),
    ):
        assert REGISTRY[rule_set].only_decides(key), (rule_set, key)
    for rule_set, key in (
        ("c4", "min_line_words"),
        ("c4", "require_terminal_punctuation"),
        ("fineweb", "short_line_chars"),
        ("language", "model"),
        ("perplexity", "cutoffs"),
        ("gopher_repetition", "variant"),
    ):
        assert not REGISTRY[rule_set].only_decides(key), (rule_set, key)


def test_the_tally_tells_what_a_rule_removes_by_itself() -> None:
    recipe = recipe_of(["length", "gopher_quality"], **{"filters.length.min_chars": 12})
    measured = FilterChain.of(recipe).measure(documents(["Too short.", "Too short as well.", ENGLISH, ENGLISH.replace("the ", "")]))
    decider = Decider.of(recipe)
    found = tally(4, decider.verdicts(measured))
    failing = [
        {reason for rows, verdict in decider.verdicts(measured.slice(i, 1)) for reason in np.array(verdict.reasons)[verdict.fails[:, 0]]}
        for i in range(4)
    ]
    assert failing[2] == set() and {"length.min_chars", "gopher_quality.min_words"} <= failing[0]
    for reason, (joint, alone) in found.items():
        assert joint == sum(reason in one for one in failing)
        assert alone == sum(one == {reason} for one in failing)


def test_a_blocked_address_is_blocked_after_scrubbing_too(tmp_path: Path) -> None:
    """Decisions see the scrubbed URL: what scrubbing takes for private there must not hide the host from a list."""
    (tmp_path / "list.txt").write_text("93.184.216.34\n")
    recipe = recipe_of(["url"], **{"filters.url.block_domains": str(tmp_path / "list.txt")})
    urls: list[str | None] = ["http://93.184.216.34:8080/?who=jane@bakery.org", "http://other.org/"]
    scrubbed = scrub_batch(FilterChain.of(recipe).measure(documents(["text"] * 2, urls=urls)), recipe.scrub)
    assert scrubbed.column("url").to_pylist()[0] == "http://93.184.216.34:8080/?who=<EMAIL>"
    assert Decider.of(recipe).dropped(scrubbed).column("reason").to_pylist() == ["url.block_domains"]


def test_published_limits_and_profiles_differ_in_what_decides_alone() -> None:
    """Or else `refilter` could not change filters.limits: what cuts lines must be the same under both."""
    published, profiles = (Languages.of(recipe_of([], **{"filters.limits": name}).filters).limits for name in ("published", "profiles"))
    for rule_set, limits in published.items():
        for number, name in enumerate(limits.names):
            if not REGISTRY[rule_set].only_decides(name):
                assert np.array_equal(limits.values[number], profiles[rule_set].values[number]), f"{rule_set}.{name}"
