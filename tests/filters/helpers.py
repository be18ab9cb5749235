"""Documents and chains of a few words."""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa

from pipelines.filters.chain import FilterChain
from schemas import recipe as recipes
from schemas.hops import DOCUMENT
from schemas.recipe import Recipe


def documents(texts: list[str], sources: list[str] | None = None, urls: list[str | None] | None = None) -> pa.RecordBatch:
    """One DOCUMENT row per text; row i has the doc_id and offset i."""
    rows = [
        {
            "doc_id": i.to_bytes(16, "big"),
            "source": sources[i] if sources else "web",
            "source_class": "other",
            "url": urls[i] if urls else None,
            "origin_file": "file",
            "origin_offset": i,
            "part": 0,
            "raw_text": text,
        }
        for i, text in enumerate(texts)
    ]
    return pa.RecordBatch.from_pylist(rows, DOCUMENT)


def recipe_of(rules: list[str], **settings: Any) -> Recipe:
    """A recipe with the source `web`, these rule sets and settings by dotted key."""
    data: dict[str, Any] = {"name": "test", "sources": {"web": {"path": ["x"]}}, "filters": {"rules": rules}}
    for key, value in settings.items():
        recipes.apply_setting(data, f"{key}={value if value == 'off' else json.dumps(value)}")
    return recipes.parse(data)


def chain_of(rules: list[str], **settings: Any) -> FilterChain:
    """The chain of such a recipe."""
    return FilterChain.of(recipe_of(rules, **settings))


def outcome(chain: FilterChain, batch: pa.RecordBatch) -> list[str | None]:
    """Per row the reason for which it was dropped, or None; every row must end exactly once."""
    kept, ledger = chain(batch)
    found: dict[bytes, str | None] = dict.fromkeys(kept.column("doc_id").to_pylist())
    assert not found.keys() & set(ledger.column("doc_id").to_pylist())
    found |= dict(zip(ledger.column("doc_id").to_pylist(), ledger.column("reason").to_pylist(), strict=True))
    return [found[doc_id] for doc_id in batch.column("doc_id").to_pylist()]
