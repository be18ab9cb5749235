"""Every rule set is in the registry once, and one is added by its config, its module and one line."""

from __future__ import annotations

import dataclasses

import numpy as np
import pyarrow.compute as pc
import pytest

from pipelines.filters.chain import FilterChain
from pipelines.filters.decide import Decider
from pipelines.filters.limits import Floats
from pipelines.filters.pending import PendingRows
from pipelines.filters.registry import REGISTRY
from pipelines.filters.rule_set import RuleContext, RuleSet
from schemas.recipe import RULE_SETS, Filters, Threshold
from schemas.recipe.base import config
from tests.filters.helpers import documents, outcome, recipe_of


def test_the_registry_has_every_rule_set_of_a_recipe_with_its_config() -> None:
    assert {name: rule_set.config for name, rule_set in REGISTRY.items()} == RULE_SETS
    assert list(REGISTRY) == list(RULE_SETS)


@pytest.mark.parametrize("rule_set", REGISTRY.values(), ids=lambda rule_set: rule_set.name)
def test_a_rule_set_measures_exactly_if_it_has_signals(rule_set: RuleSet) -> None:
    assert bool(rule_set.signals) == (rule_set.measure is not None)
    fields = {field.name for field in dataclasses.fields(rule_set.config)}
    assert rule_set.settings_that_decide <= fields


# --- A rule set added as the checklist says: its config with a field of `Filters`, its module, a line in the registry ---------------


@config
class Shouting:
    """Pages that shout."""

    max_marks: Threshold = 2
    """Most exclamation marks."""


@config
class MoreFilters(Filters):
    """The section with the field of the new set."""

    shouting: Shouting = dataclasses.field(default_factory=Shouting)


def _measure(pending: PendingRows, context: RuleContext) -> Floats:
    return pc.count_substring(pending.text, "!").to_numpy(zero_copy_only=False).astype(np.float64)[None]


RULE_SET = RuleSet(name="shouting", config=Shouting, signals=("marks",), measure=_measure, needs_language=False)


def test_an_added_rule_set_measures_and_drops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULE_SETS, "shouting", Shouting)  # as it is derived from a field of `Filters`
    monkeypatch.setitem(REGISTRY, RULE_SET.name, RULE_SET)
    recipe = dataclasses.replace(recipe_of([]), filters=MoreFilters(rules=("length", "shouting"), shouting=Shouting(max_marks=1)))
    chain, batch = FilterChain.of(recipe), documents(["Quiet.", "Loud!", "Louder!!", ""])
    measured = chain.measure(batch)
    assert measured.column("shouting.marks").to_pylist() == [0, 1, 2, 0]
    assert outcome(chain, batch) == [None, None, "shouting.max_marks", "length.min_chars"]
    (row,) = (row for row in Decider.of(recipe).dropped(measured).to_pylist() if row["reason"] == "shouting.max_marks")
    assert (row["doc_id"], row["value"], row["limit"], row["step"]) == ((2).to_bytes(16, "big"), 2, 1, "filters")
