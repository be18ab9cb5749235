"""Kinds that cut inside a whole run: every record has its end, columns say what was cut, and joined text is scrubbed."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import polars as pl
import pytest

from pipelines.driver.context import Engine
from pipelines.driver.run import Run
from schemas import recipe as recipes

BODY = "Subject {word} begins {word}s with {word} words."
WORDS = [f"{a}{b}{c}" for a in ("ba", "ko", "lu", "me") for b in ("rin", "tas", "vol") for c in ("do", "gi", "pe")]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cuts")
    rows = [
        {
            "url": f"https://site.example/{k}",
            "text": f"Start here | Contents | Contact\n{BODY.format(word=word)}\nAll rights reserved",
        }
        for k, word in enumerate(WORDS)
    ]
    rows.append({"url": "https://site.example/menu", "text": "Start here | Contents | Contact\nAll rights reserved"})
    # The cut brings two halves of a card number together: 的的的的的的 stands in a longer document, too.
    rows.append(
        {
            "url": "https://a.example/1",
            "text": "的的的的的的 is what this longer document says, in as many words as it takes to be the best of both by far.",
        }
    )
    rows.append({"url": "https://b.example/2", "text": "The card has the number 4111 1111 的的的的的的 1111 1111 printed on it."})
    with gzip.open(folder / "pages.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    settings = {
        "name": "cuts",
        "sources.web.path": str(folder / "pages.jsonl.gz"),
        "filters.rules": [],
        "dedup.kinds": ["url", "exact", "templates", "lines", "sentences", "minhash", "substring"],
        "dedup.substring.min_words": 6,
        "tokenizer.vocab_size": 300,
        "pretrain.enabled": False,
    }
    data: dict[str, object] = {}
    for key, value in settings.items():
        recipes.apply_setting(data, f"{key}={json.dumps(value)}")
    out = folder / "run"
    Run(recipes.parse(data), out, Engine(), lambda stage, done, total: None).execute(resume=False)
    return out


def test_every_record_has_its_end_and_the_empty_page_says_why(run: Path) -> None:
    ledger = pl.read_parquet(run / "ledger" / "*.parquet")
    assert ledger.height == len(WORDS) + 3
    (ended,) = ledger.filter(pl.col("outcome") != "kept").to_dicts()
    assert (ended["step"], ended["outcome"], ended["reason"], ended["value"], ended["limit"]) == (
        "dedup",
        "dropped",
        "templates.min_left",
        0,
        1,
    )


def test_pages_keep_their_subjects_and_say_how_much_was_cut(run: Path) -> None:
    documents = pl.read_ipc(run / "documents" / "*.arrow")
    pages = documents.filter(pl.col("url").str.contains("site.example"))
    assert sorted(pages.get_column("text")) == sorted(BODY.format(word=word) for word in WORDS)
    assert pages.get_column("n_cut_chars_templates").unique().to_list() == [len("Start here | Contents | ContactAll rights reserved")]
    assert pages.get_column("n_cut_spans_templates").unique().to_list() == [2]
    assert documents.get_column("cluster_size").unique().to_list() == [1]


def test_joined_text_is_scrubbed_again(run: Path) -> None:
    documents = pl.read_ipc(run / "documents" / "*.arrow")
    (row,) = documents.filter(pl.col("url") == "https://b.example/2").to_dicts()
    assert row["n_cut_chars_substring"] == 6
    assert "1111" not in row["text"]
    assert row["n_redacted_payment_card"] == 1


def test_run_json_and_report_know_the_kinds(run: Path) -> None:
    stages = {stage["stage"]: stage for stage in json.loads((run / "run.json").read_text())["stages"]}
    assert stages["curate"]["counts"]["dedup"]["dropped"] == 1
    assert stages["curate"]["details"]["dedup"]["templates_cut_documents"] == len(WORDS) + 1
    assert "templates" in (run / "report" / "index.html").read_text()
