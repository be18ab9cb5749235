"""Repairs to a text before any rule measures it."""

from __future__ import annotations

from typing import Final

from schemas.errors import RecipeError
from schemas.recipe.base import config, unknown_key

CLEANING_STEPS: Final = ("mojibake", "entities", "page_marks", "unwrap", "han_spaces", "doubled", "citations")


@config
class Clean:
    """Cleaning steps, applied in the given order. Each counts its changes in a column `clean.STEP`."""

    steps: tuple[str, ...] = ()
    """Choose from: mojibake (wrongly decoded text), entities (&amp;), page_marks (page numbers and running heads), unwrap (lines broken at
    the width of a page), han_spaces (spaces between single Han characters), doubled (repeated headings), citations ([1])."""

    def __post_init__(self) -> None:
        check_steps(self.steps, "clean.steps")


def check_steps(steps: tuple[str, ...], where: str) -> None:
    """Raise RecipeError unless every name is a cleaning step that is named once."""
    for name in steps:
        if name not in CLEANING_STEPS:
            raise unknown_key(where, name, CLEANING_STEPS)
    if len(set(steps)) < len(steps):
        raise RecipeError("CM-RECIPE-003", f"{where} = {list(steps)!r}: name each step once; it has only one count")
