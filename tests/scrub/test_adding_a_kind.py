"""A new private kind is one `Kind`, one entry in the table and its name in the recipe's list; everything else follows from those."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pyarrow as pa
import pytest

from pipelines.scrub.candidates import Window, shape
from pipelines.scrub.context import words_in
from pipelines.scrub.kind import Kind, Span, numbers
from pipelines.scrub.kinds import KINDS
from pipelines.scrub.scrub import scrub_with_audit, special_tokens, verify_clean
from schemas.recipe import PII_KINDS, Scrub
from schemas.recipe import scrub as scrub_recipe
from tests.scrub.pii import texts

_CUE: Final = re.compile(r"library card", re.IGNORECASE)


def find_library_card(window: Window) -> Iterator[Span]:
    """Digits whose sum is divisible by ten, after the words."""
    digits = [byte - 48 for byte in window.value if 48 <= byte <= 57]
    if sum(digits) % 10 == 0 and _CUE.search(words_in(window.before)):
        yield 0, len(window.value)


LIBRARY_CARD: Final = Kind("library_card", numbers(shape(3, 3, 3)), find_library_card, "digit sum, words before")


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Scrub:
    monkeypatch.setitem(KINDS, LIBRARY_CARD.name, LIBRARY_CARD)
    monkeypatch.setattr(scrub_recipe, "PII_KINDS", (*PII_KINDS, LIBRARY_CARD.name))
    return Scrub(kinds=("email", "library_card"), special_tokens=True)


def test_a_new_kind_is_found_counted_and_audited(config: Scrub) -> None:
    raw = ["library card 123-456-702, a@b.com", "library card 123-456-701", "sofa 123-456-702"]
    batch = pa.RecordBatch.from_pydict({"raw_text": texts(raw), "lang": texts(["en"] * 3)})
    scrubbed, audit = scrub_with_audit(batch, config)
    assert scrubbed.column("text").to_pylist() == ["library card <LIBRARY_CARD>, <EMAIL>", *raw[1:]]
    assert scrubbed.column("n_redacted_library_card").to_pylist() == [1, 0, 0]
    rows = [(row["kind"], row["start_byte"], row["end_byte"], row["validator"]) for row in audit.to_pylist()]
    assert ("library_card", 13, 24, "digit sum, words before") in rows
    assert special_tokens(config) == ("<EMAIL>", "<LIBRARY_CARD>")
    assert verify_clean(scrubbed, config).num_rows == 0


@pytest.mark.parametrize(("mode", "text"), [("drop_line", "keep\n"), ("placeholder", "keep\nlibrary card <LIBRARY_CARD>")])
def test_a_new_kind_has_every_mode(config: Scrub, mode: str, text: str) -> None:
    batch = pa.RecordBatch.from_pydict({"raw_text": texts(["keep\nlibrary card 123-456-702"]), "lang": texts(["en"])})
    config = Scrub(kinds=config.kinds, modes={"library_card": mode})
    assert scrub_with_audit(batch, config)[0].column("text").to_pylist() == [text]
