"""What a kind of private value is: which candidates it looks at, what accepts a value, and what the acceptance rests on.

To add a kind, write a `Kind` in a file of this folder, add it to the table in `kinds.py`, and add its name to `schemas.recipe.scrub`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.scrub.candidates import NUMBER, TOKEN, Candidates, Window
from pipelines.scrub.hints import Hints
from pipelines.scrub.phrases import Phrase

Span = tuple[int, int]
Picks = Callable[[Candidates], npt.NDArray[np.bool_]]
Finder = Callable[[Window], Iterator[Span]]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of private value."""

    name: str
    """In recipes, columns (`n_redacted_NAME`) and placeholders (<NAME>)."""
    picks: Picks | Phrase
    """Which candidates to look at, by form and shape alone; or the phrase that finds them."""
    find: Finder
    """The byte spans of values, counted from the start of the candidate; they may reach into the text around it."""
    validator: str
    """What a value is checked against, for the audit."""
    hints: Hints = ()
    """Parts of words: unless empty, only candidates after one of them are looked at,"""
    unhinted: Picks | None = None
    """and those that this picks."""


def placeholder(name: str) -> bytes:
    """What replaces values of a kind: b"<EMAIL>" for "email"."""
    return f"<{name.upper()}>".encode()


def form(*forms: int) -> Picks:
    """Candidates of these forms."""
    return lambda candidates: np.isin(candidates.forms, forms)


def numbers(*shapes: int) -> Picks:
    """Numbers whose groups have these lengths, see `candidates.shape`."""
    return lambda candidates: (candidates.forms == NUMBER) & np.isin(candidates.shapes, shapes)


def numbers_of_digits(least: int, most: int) -> Picks:
    """Numbers with so many digits in all."""
    return lambda candidates: (candidates.forms == NUMBER) & (candidates.n_digits >= least) & (candidates.n_digits <= most)


def words(*shapes: int) -> Picks:
    """Words whose runs of letters and digits have these lengths, see `candidates.word`."""
    return lambda candidates: (candidates.forms == TOKEN) & np.isin(candidates.shapes, shapes)


def words_of_length(least: int, most: int) -> Picks:
    """Words of so many bytes."""

    def picks(candidates: Candidates) -> npt.NDArray[np.bool_]:
        n = candidates.ends - candidates.starts
        return (candidates.forms == TOKEN) & (n >= least) & (n <= most)

    return picks


def codes(candidates: Candidates) -> npt.NDArray[np.bool_]:
    """Numbers, and words of letters and digits, that may identify a person or an account."""
    n, n_digits = candidates.ends - candidates.starts, candidates.n_digits
    is_word = (candidates.forms == TOKEN) & (n >= 6) & (n <= 20) & (n_digits >= 4)
    return is_word | ((candidates.forms == NUMBER) & (n_digits >= 6) & (n_digits <= 20))


def either(*picks: Picks) -> Picks:
    """Candidates that one of these picks."""
    return lambda candidates: np.logical_or.reduce([pick(candidates) for pick in picks])


def whole_phrase(window: Window) -> Iterator[Span]:
    """A finder for kinds whose phrase is proof enough."""
    yield 0, len(window.value)
