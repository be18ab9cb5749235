"""Real pages with planted duplicates, and real Chinese prose, through the published recipe; skipped where the data is not there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import zstandard
from fastwarc.warc import ArchiveIterator, WarcRecordType

from pipelines.driver.context import Engine
from pipelines.driver.run import Run
from pipelines.filters.chain import FilterChain
from pipelines.read.batches import read_split
from pipelines.read.splits import plan
from schemas import recipe as recipes
from schemas.recipe import Recipe
from tests.dedup.reference import jaccard, shingles

DATA = Path(__file__).parents[1].parent / "shared" / "data"
PAGES = DATA / "warc" / "real-pages.warc.gz"
CHINESE = DATA / "prose" / "zh.jsonl.zst"


def fineweb(**changes: Any) -> Recipe:
    settings = {"pretrain.enabled": False, **changes}
    return recipes.load("fineweb", [f"{key}={json.dumps(value)}" for key, value in settings.items()])


def execute(recipe: Recipe, out: Path) -> pl.DataFrame:
    """The ledger of the run."""
    Run(recipe, out, Engine(), lambda stage, done, total: None).execute(resume=False)
    return pl.read_parquet(out / "ledger" / "*.parquet")


@pytest.mark.skipif(not PAGES.is_file(), reason=f"{PAGES} is not there")
def test_planted_duplicates_are_merged_and_nothing_below_the_threshold_is(tmp_path: Path) -> None:
    recipe = fineweb(**{"sources.web.path": str(PAGES)})
    ledger = execute(recipe, tmp_path / "run")
    n_responses, offset_of = 0, {}
    with PAGES.open("rb") as file:
        for record in ArchiveIterator(file, record_types=WarcRecordType.response):
            n_responses += 1
            offset_of[record.record_id] = record.stream_pos
    assert ledger.height == n_responses
    assert ledger.n_unique(("origin_file", "origin_offset", "part")) == n_responses

    rows = {row["origin_offset"]: row for row in ledger.iter_rows(named=True)}
    text = filtered_texts(recipe, tmp_path)
    n_near, n_found = 0, 0
    for line in (PAGES.parent / "dup_truth.jsonl").read_text().splitlines():
        truth = json.loads(line)
        first, second = (rows[offset_of[truth[name]]] for name in ("orig_record_id", "dup_record_id"))
        if first["step"] in ("read", "filters") or second["step"] in ("read", "filters"):
            continue
        merged = cluster(first) == cluster(second)
        if truth["kind"] == "exact":
            assert merged, truth["dup_uri"]
        elif jaccard(*(shingles(text[row["origin_offset"]], 5) for row in (first, second))) >= 0.8:
            n_near += 1
            n_found += merged
    assert n_near >= 5
    assert n_found / n_near >= 0.9

    merges = ledger.filter(pl.col("outcome") == "merged")
    kept = {row["doc_id"]: row for row in ledger.filter(pl.col("outcome") == "kept").iter_rows(named=True)}
    for merge in merges.iter_rows(named=True):
        survivor = kept[merge["survivor_id"]]
        found = jaccard(*(shingles(text[row["origin_offset"]], 5) for row in (merge, survivor)))
        assert found >= recipe.dedup.minhash.min_jaccard
        assert merge["value"] == pytest.approx(found)


def cluster(row: dict[str, Any]) -> bytes:
    """The document that the row's text lives on in."""
    found: bytes = row["survivor_id"] if row["outcome"] == "merged" else row["doc_id"]
    return found


def filtered_texts(recipe: Recipe, folder: Path) -> dict[int, str]:
    """Text by offset of the documents that the filters keep."""
    chain = FilterChain.of(recipe)
    texts: dict[int, str] = {}
    for split in plan(recipe.sources, folder):
        for found in read_split(split, recipe.sources[split.source], recipe.read):
            kept, _ = chain(found.documents)
            texts |= dict(zip(kept.column("origin_offset").to_pylist(), kept.column("raw_text").to_pylist(), strict=True))
    return texts


@pytest.mark.skipif(not CHINESE.is_file(), reason=f"{CHINESE} is not there")
def test_chinese_is_neither_emptied_by_english_rules_nor_merged_away(tmp_path: Path) -> None:
    recipe = fineweb(**{"sources.web.path": str(CHINESE), "filters.language.keep": ["zh"], "tokenizer.vocab_size": 2048})
    ledger = execute(recipe, tmp_path / "run").sort("origin_offset")
    outcomes = dict(ledger.group_by("outcome").len().iter_rows())
    assert ledger.height == 135
    assert outcomes["kept"] / ledger.height >= 0.6  # of the rest most is code and formulae rather than prose
    assert outcomes.get("merged", 0) / ledger.height <= 0.05
    with zstandard.open(CHINESE, "rt", encoding="utf-8") as file:
        sources = [json.loads(line)["source"] for line in file]
    encyclopaedia = ledger.filter(pl.Series(sources) == "deepmind/xquad")
    assert encyclopaedia.height == 18
    assert encyclopaedia.filter(pl.col("outcome") == "dropped").height <= 1
