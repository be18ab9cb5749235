"""Cleaning: the laws of every step, hostile texts, and the chain that counts what went."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.filters.clean.steps import STEPS, run_steps
from schemas import recipe as recipes
from schemas.errors import RecipeError
from schemas.recipe import CLEANING_STEPS, Clean
from tests.filters.helpers import chain_of, documents, recipe_of
from tests.text.strategies import TEXT, column, padded

PIECES = (
    *("研", "究", "者", "们", "模型", "的", "，", "。", "［3］", "カ", "です", "热启动策略", "热启动策略热启动策略", "第 3 页", "\u3000"),
    *("The river", "rises", "valley-", "known", "Heading", "A", "é", "ไทย", "대한", "&amp;", "&lt;", "&#38;", "amp;", "&#xff0c;", "lt;"),
    *(
        "[1]",
        "[12-14]",
        "^[3]",
        "[",
        "]",
        "12",
        "13",
        "- 4 -",
        "Page 5 of 9",
        "Ã©",
        "â€™",
        " ",
        "  ",
        "\n",
        "\n\n",
        "\r\n",
        "\t",
        "\f",
        "😀",
        "\0",
    ),
)
MIXED = st.lists(st.sampled_from(PIECES), max_size=40).map("".join) | st.lists(st.sampled_from(PIECES), max_size=60).map("\n".join) | TEXT
IDEMPOTENT = ("entities", "han_spaces")


def cleaned(step: str, text: str) -> str:
    """One step on one text."""
    found: str = STEPS[step](column([text]))[0].as_py()
    return found


def test_every_step_of_a_recipe_is_there() -> None:
    assert tuple(STEPS) == CLEANING_STEPS


@pytest.mark.parametrize("step", CLEANING_STEPS)
@given(texts=st.lists(MIXED, max_size=5), cut=st.integers(0, 5))
def test_a_batch_cut_anywhere_or_sliced_is_cleaned_alike(step: str, texts: list[str], cut: int) -> None:
    whole = STEPS[step](column(texts)).to_pylist()
    assert whole == STEPS[step](column(texts)[:cut]).to_pylist() + STEPS[step](column(texts)[cut:]).to_pylist()
    assert whole == STEPS[step](padded(texts)).to_pylist()
    assert len(whole) == len(texts)


@pytest.mark.parametrize("step", IDEMPOTENT)
@given(text=MIXED)
def test_once_is_enough(step: str, text: str) -> None:
    once = cleaned(step, text)
    assert cleaned(step, once) == once


@pytest.mark.parametrize("step", [step for step in CLEANING_STEPS if step not in ("mojibake", "entities", "unwrap")])
@given(text=MIXED)
def test_steps_that_take_out_put_nothing_in(step: str, text: str) -> None:
    left = iter(text)
    assert all(char in left for char in cleaned(step, text)), "what is left is a subsequence"


@given(text=MIXED)
def test_unwrapping_changes_white_space_and_hyphens_only(text: str) -> None:
    def bare(one: str) -> str:
        return "".join(char for char in one if not char.isspace() and char not in "-\u2010\u00ad")

    assert bare(cleaned("unwrap", text)) == bare(text)


HOSTILE = {
    "one line": "a" * 2_000_000,
    "one word": "word " * 200_000,
    "one word on lines of its own": "word\n" * 200_000,
    "emoji": "😀" * 300_000,
    "control characters": "\x01" * 1_000_000,
    "line feeds": "\n" * 500_000,
    "spaces": " " * 1_000_000,
    "Han apart": "研 " * 300_000,
    "brackets": "[" * 500_000,
    "ampersands": "&" * 500_000,
    "ampersands in ampersands": "&" + "amp;" * 250_000,
    "numbers on lines": "".join(f"{i % 9999}\n" for i in range(100_000)),
    "numbers in one bracket": "[" + "1," * 300_000,
    "mojibake": "Ã©" * 200_000,
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_texts_pass_every_step(name: str) -> None:
    text, counts = run_steps(column([HOSTILE[name], "", "x"]), CLEANING_STEPS)
    assert text[1:].to_pylist() == ["", "x"]
    assert not counts[:, 1:].any()
    expected = {"mojibake": "é" * 200_000, "Han apart": "研" * 300_000 + " ", "ampersands in ampersands": "&"}
    if name in ("one line", "one word", "emoji", "control characters", "brackets", "ampersands", "mojibake", "Han apart"):
        assert text[0].as_py() == expected.get(name, HOSTILE[name])


def test_the_chain_cleans_before_any_rule_measures_and_counts_what_went() -> None:
    page = "研 究 者 们 &amp; 模型 [3]。"
    settings = {"clean.steps": ["entities", "han_spaces", "citations"], "filters.length.max_chars": 11}
    kept, dropped = chain_of(["length"], **settings)(documents([page, "plain"]))
    assert kept.column("raw_text").to_pylist() == ["研究者们 & 模型。", "plain"]
    assert kept.column("length.chars").to_pylist() == [10, 5]
    assert [kept.column(f"clean.{name}").to_pylist() for name in ("entities", "han_spaces", "citations")] == [[4, 0], [3, 0], [4, 0]]
    assert dropped.num_rows == 0
    assert "clean.unwrap" not in kept.schema.names


def test_a_source_has_steps_of_its_own() -> None:
    sources = {"sources.code.path": "y", "sources.code.clean": [], "sources.web.clean": ["citations"], "clean.steps": ["entities"]}
    chain = chain_of(["length"], **sources)
    kept = chain.measure(documents(["a [1] &amp;", "a [1] &amp;"], ["web", "code"]))
    assert kept.column("raw_text").to_pylist() == ["a &amp;", "a [1] &amp;"]
    assert kept.column("clean.citations").to_pylist() == [4, None]
    assert "clean.entities" not in kept.schema.names
    assert chain.measure(documents([])).schema == kept.schema


@pytest.mark.parametrize(
    ("key", "steps", "message"),
    [
        ("clean.steps", ["unwarp"], "clean.steps: unknown key 'unwarp'; did you mean 'unwrap'?"),
        ("sources.web.clean", ["entity"], "sources.web.clean: unknown key 'entity'; did you mean 'entities'?"),
        ("clean.steps", ["unwrap", "unwrap"], "name each step once"),
    ],
)
def test_a_step_that_is_not_there_is_refused(key: str, steps: list[str], message: str) -> None:
    with pytest.raises(RecipeError) as caught:
        recipe_of(["length"], **{key: steps})
    assert message in str(caught.value)


def test_no_step_is_the_default() -> None:
    assert Clean().steps == ()
    assert recipes.load("fineweb").clean.steps == ()
    text = column(["a [1]"])
    assert run_steps(text, ())[0] is text
    assert np.array_equal(run_steps(text, ())[1], np.zeros((0, 1)))
