"""What is mended in a text before any rule measures it."""

from __future__ import annotations

from typing import Final

from schemas.errors import RecipeError
from schemas.recipe.base import config, unknown_key

CLEANING_STEPS: Final = ("mojibake", "entities", "page_marks", "unwrap", "han_spaces", "doubled", "citations")


@config
class Clean:
    """Cleaning steps, in the order in which they are named. Each counts what it takes out in a column `clean.STEP`."""

    steps: tuple[str, ...] = ()
    """Any of: mojibake (text that was decoded wrongly), entities (&amp;), page_marks (page numbers and running heads), unwrap (lines
    that a page's width broke), han_spaces (spaces between single Han characters), doubled (headings that stand twice), citations ([1])."""

    def __post_init__(self) -> None:
        check_steps(self.steps, "clean.steps")


def check_steps(steps: tuple[str, ...], where: str) -> None:
    """Raise unless every name is a cleaning step, and none stands twice."""
    for name in steps:
        if name not in CLEANING_STEPS:
            raise unknown_key(where, name, CLEANING_STEPS)
    if len(set(steps)) < len(steps):
        raise RecipeError("CM-RECIPE-003", f"{where} = {list(steps)!r}: name each step once; its count could not tell two apart")
