"""Recall and false alarms on labelled and on ordinary text; floors a little below what was measured."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import zstandard

from pipelines.scrub.column import scrub_text
from schemas.recipe import DEFAULT_KINDS, Scrub
from tests.scrub.pii import texts

DATA = Path(__file__).parents[2].parent / "shared" / "data"
KIND_OF = {
    "EMAIL": "email",
    "EMAIL_ADDRESS": "email",
    "CREDIT_CARD": "payment_card",
    "IBAN": "iban",
    "IBAN_CODE": "iban",
    "SSN": "us_ssn",
    "US_SSN": "us_ssn",
    "PHONE": "phone",
    "PHONE_NUMBER": "phone",
}
RECALL = {"email": 0.95, "payment_card": 0.98, "iban": 0.94, "us_ssn": 0.85, "phone": 0.96}


def rows_of(name: str) -> list[dict[str, Any]]:
    path = DATA / name
    if not path.is_file():
        pytest.skip(f"{path} is not there")
    with path.open("rb") as file:
        return [json.loads(line) for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), "utf-8")]


def scrubbed_rows(rows: list[dict[str, Any]], lang: str | None, config: Scrub) -> list[str]:
    text, _ = scrub_text(texts([row["text"] for row in rows]), texts([lang] * len(rows)), texts([row.get("url") for row in rows]), config)
    found: list[str] = text.to_pylist()
    return found


def test_recall_of_each_kind_on_labelled_text() -> None:
    """A value counts as found when it no longer stands in the text."""
    rows = [row for row in rows_of("pii/labelled.jsonl.zst") if row["spans"]]
    found: dict[str, list[bool]] = {kind: [] for kind in RECALL}
    for row, after in zip(rows, scrubbed_rows(rows, "en", Scrub()), strict=True):
        for span in row["spans"]:
            if span["type"] in KIND_OF and span["value"].strip():
                found[KIND_OF[span["type"]]].append(span["value"] not in after)
    recall = {kind: sum(hits) / len(hits) for kind, hits in found.items()}
    assert {kind for kind, value in recall.items() if value < RECALL[kind]} == set(), recall


def test_recall_of_telephone_numbers_whose_region_is_known() -> None:
    rows = rows_of("pii/phones.jsonl.zst")
    hits: dict[str, list[bool]] = {"e164": [], "international": [], "national": []}
    for region in sorted({row["region"] for row in rows}):
        mine = [row for row in rows if row["region"] == region]
        for row, after in zip(mine, scrubbed_rows(mine, None, Scrub(phone_regions=(region,))), strict=True):
            hits[row["format"]].append(row["spans"][0]["value"] not in after)
    recall = {form: sum(values) / len(values) for form, values in hits.items()}
    assert recall["e164"] >= 0.99
    assert recall["international"] >= 0.98
    assert recall["national"] >= 0.89


@pytest.mark.parametrize(
    ("name", "lang", "per_million"),
    [
        ("pii/number_lines_unlabelled.jsonl.zst", None, 15.0),
        ("prose/en.jsonl.zst", "en", 3.0),
        ("prose/zh.jsonl.zst", "zh", 3.0),
        ("prose/de.jsonl.zst", "de", 3.0),
    ],
)
def test_false_alarms_of_number_kinds_are_rare(name: str, lang: str | None, per_million: float) -> None:
    """Prose and technical lines next to without private numbers: all but e-mail and MAC addresses counts as a false alarm."""
    rows = rows_of(name)
    config = Scrub(kinds=tuple(kind for kind in DEFAULT_KINDS if kind not in ("email", "mac")))
    column = texts([row["text"] for row in rows])
    _, counts = scrub_text(column, texts([lang] * len(rows)), texts([row.get("url") for row in rows]), config)
    assert counts.sum() <= per_million * sum(len(row["text"]) for row in rows) / 1e6
