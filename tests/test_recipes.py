"""Every built-in recipe: it can be planned, its rules judge documents, and what it lacks is said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from rich.console import Console

from pipelines.commands.dry_run import forecast
from pipelines.filters.chain import FilterChain
from pipelines.filters.model import cached_path
from pipelines.filters.precompile import precompile
from pipelines.report.dry_run import plan_table
from schemas import recipe as recipes
from schemas.errors import ModelError
from schemas.recipe import Recipe
from tests.filters.helpers import documents
from tests.filters.test_chain import CHINESE, ENGLISH

pytestmark = pytest.mark.skipif(not cached_path().is_file(), reason="the language model is not there; `make model` fetches it")

JUDGMENT = "北京市第一中级人民法院\n审理查明：{facts}\n本院认为，被告人的行为已构成犯罪。"
CODE = "def area(width, height):\n    return width * height\n" * 30
NEED_MODELS = {"ccnet": "perplexity", "llama": "perplexity", "dclm": "quality", "gpt3": "quality"}


def without_models(recipe: Recipe) -> Recipe:
    """The recipe without the rule sets that need a model by path."""
    data: dict[str, Any] = recipe.as_dict()
    for section in (data["filters"], *data["sources"].values()):
        section["rules"] = section["rules"] and [name for name in section["rules"] if name not in ("quality", "perplexity")]
    return recipes.parse(data)


@pytest.mark.parametrize("name", recipes.list_recipes())
def test_a_recipe_can_be_planned_and_shows_its_rules(name: str, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "a.py").write_text("x = 1\n")
    plain = recipes.load(name)
    paths = {source: tmp_path / ("code" if plain.sources[source].format == "code" else f"{source}.jsonl") for source in plain.sources}
    for path in paths.values():
        if path.suffix:
            path.write_text('{"text": "A row."}\n')
    recipe = recipes.load(name, [f"sources.{source}.path={json.dumps(str(path))}" for source, path in paths.items()])
    console = Console(record=True, width=300)
    console.print(plan_table(recipe, tmp_path / "out", forecast(without_models(recipe), tmp_path / "out")))
    shown = console.export_text()
    for rules in (recipe.filters.rules, *(source.rules for source in recipe.sources.values() if source.rules)):
        if rules != ("length",):
            assert ", ".join(recipes.shown(recipe.filters, rule) for rule in rules) in shown
    assert not (tmp_path / "out").exists()


def test_what_is_named_after_a_publication_has_the_published_limits() -> None:
    published = {name for name in recipes.list_recipes() if recipes.load(name).filters.limits == "published"}
    assert published == set(recipes.list_recipes()) - {"demo"}


@pytest.mark.parametrize("name", recipes.list_recipes())
def test_a_recipes_rules_judge_documents_of_every_source(name: str) -> None:
    recipe = without_models(recipes.load(name))
    texts = ["", "Too short.", ENGLISH, CHINESE, CODE, JUDGMENT.format(facts="被告人于某日进入商店。" * 10), "same line\n" * 200]
    sources = [source for source in recipe.sources for _ in texts]
    batch = documents(texts * len(recipe.sources), sources)
    chain = FilterChain.of(recipe)
    kept, dropped = chain(batch)
    assert kept.num_rows + dropped.num_rows == batch.num_rows
    assert dropped.num_rows >= 1
    assert chain.measure(batch).num_rows == batch.num_rows


@pytest.mark.parametrize(("name", "rule_set"), NEED_MODELS.items())
def test_a_recipe_that_needs_a_model_by_path_says_so(name: str, rule_set: str) -> None:
    with pytest.raises(ModelError, match=rf"filters\.{rule_set}\.model"):
        precompile(recipes.load(name))
    others = [other for other in recipes.list_recipes() if other not in NEED_MODELS]
    for other in others:
        precompile(recipes.load(other))


def test_codex_and_pangu_coder_keep_python_alone() -> None:
    for name, text, reason in (
        ("codex", CODE, None),
        ("codex", "# auto-generated\n" + CODE, "code.max_generated_marks"),
        ("pangu-coder", "print 'old'\n", "code.max_syntax_errors"),
    ):
        batch = documents([text], ["code"])
        at = batch.schema.get_field_index("meta")
        meta = pa.array([json.dumps({"language": "Python", "path": "src/area.py"})], pa.large_string())
        named = batch.set_column(at, batch.schema.field(at), meta)
        chain = FilterChain.of(recipes.load(name))
        assert chain(named)[1].column("reason").to_pylist() == ([] if reason is None else [reason])
        assert chain(batch)[1].column("reason").to_pylist() == ["code.extensions"]


def test_lawformer_keeps_judgments_whose_facts_have_more_than_fifty_tokens() -> None:
    chain = FilterChain.of(recipes.load("lawformer"))
    batch = documents([JUDGMENT.format(facts="事" * 49 + "。"), JUDGMENT.format(facts="事" * 50 + "。"), CHINESE], ["judgments"] * 3)
    kept, dropped = chain(batch)
    assert kept.column("sections.tokens").to_pylist() == [51]
    assert [(row["reason"], row["value"], row["limit"]) for row in dropped.to_pylist()] == [
        ("sections.min_tokens", 50, 51),
        ("sections.min_tokens", 0, 51),
    ]
