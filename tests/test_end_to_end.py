"""A hand-made site through the whole pipeline: the exact reason per page, and the laws that only a whole run can show."""

from __future__ import annotations

import gzip
import json
import random
import re
import shutil
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest

from pipelines.driver.context import Engine
from pipelines.driver.run import Run
from schemas import recipe as recipes
from schemas.errors import ConservationError, EmptyCorpusError, GuardError, InputError, OutputError, TokenizerError
from schemas.recipe import Recipe
from schemas.stages import StageName
from testkit.archives import record
from tests.site import CONTACT, PAGES, write_warc

SECRETS = ("jane.doe@bakery-school.org", "253 0000")


def site_recipe(folder: Path, **changes: Any) -> Recipe:
    """FineWeb's rules on the site, with a tokenizer and a model as small as it."""
    warc, blocked = folder / "site.warc.gz", folder / "blocked.txt"
    if not warc.exists():
        write_warc(warc)
        blocked.write_text("blocked.example\n")
    settings: dict[str, Any] = {
        "sources.web.path": str(warc),
        "read.extractor": "resiliparse",
        "filters.url.block_domains": str(blocked),
        "tokenizer.vocab_size": 400,
        "encode.valid_ratio": 0.3,
        "pretrain.enabled": False,
        **changes,
    }
    return recipes.load("fineweb", [f"{key}={json.dumps(value)}" for key, value in settings.items()])


def execute(recipe: Recipe, out: Path, *, workers: int = 1, resume: bool = False) -> Run:
    run = Run(recipe, out, Engine(workers=workers), lambda stage, done, total: None)
    run.execute(resume=resume)
    return run


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("site")


@pytest.fixture(scope="module")
def done(site: Path) -> Path:
    execute(site_recipe(site), site / "run")
    return site / "run"


def ledger(run: Path) -> pl.DataFrame:
    return pl.read_parquet(run / "ledger" / "*.parquet").sort("origin_offset")


def shard_digests(run: Path) -> dict[str, str]:
    files = json.loads((run / "run.json").read_text())["files"]
    return {file["path"]: file["sha256"] for file in files if file["path"].startswith(("shards/", "tokenizer/", "documents/"))}


def test_every_page_ends_as_it_must(done: Path) -> None:
    found = [(row["step"], row["outcome"], row["reason"]) for row in ledger(done).iter_rows(named=True)]
    assert found == [(page.stage, page.outcome, page.reason) for page in PAGES]


def test_merges_name_a_survivor_that_stays_and_a_similarity_above_the_limit(done: Path) -> None:
    rows = ledger(done)
    kept = set(rows.filter(pl.col("outcome") == "kept").get_column("doc_id"))
    for row in rows.filter(pl.col("outcome") == "merged").iter_rows(named=True):
        assert row["survivor_id"] in kept
        assert row["limit"] <= row["value"] <= 1


def test_counts_balance_and_stand_in_run_json(done: Path) -> None:
    stages = {stage["stage"]: stage for stage in json.loads((done / "run.json").read_text())["stages"]}
    counts = {room: count for stage in stages.values() for room, count in stage["counts"].items()}
    assert counts["read"] == {"n_in": 15, "n_out": 11, "dropped": 3, "merged": 0, "failed": 1}
    assert counts["filters"] == {"n_in": 11, "n_out": 5, "dropped": 6, "merged": 0, "failed": 0}
    assert counts["dedup"] == {"n_in": 5, "n_out": 3, "dropped": 0, "merged": 2, "failed": 0}
    assert counts["dedup"]["n_out"] == counts["encode"]["n_in"] == counts["encode"]["n_out"] == 3


def test_nothing_private_is_left_anywhere(done: Path) -> None:
    assert all(secret in CONTACT for secret in SECRETS)
    (documents,) = (done / "documents").glob("*.arrow")
    table = pa.ipc.open_file(pa.memory_map(str(documents))).read_all()
    assert "raw_text" not in table.column_names
    (bread,) = (text for text in table.column("text").to_pylist() if "bread" in text)
    assert "write to Jane at <EMAIL> or call <PHONE> on weekdays" in bread
    assert sum(table.column("n_redacted_email").to_pylist()) == sum(table.column("n_redacted_phone").to_pylist()) == 1
    for path in done.rglob("*"):
        if path.is_file():
            content = path.read_bytes()
            assert not any(secret.encode() in content for secret in SECRETS), path
    assert not (done / "work").exists()


def test_shards_hold_the_kept_documents_and_decode_to_their_text(done: Path) -> None:
    from tokenizer.bpe import Encoder

    index = json.loads((done / "shards" / "index.json").read_text())
    decoder = Encoder(done / "tokenizer" / "tokenizer.json").tokenizer
    shards = [pa.ipc.open_file(pa.memory_map(str(done / "shards" / shard["path"]))).read_all() for shard in index["shards"]]
    tokens = {row["doc_id"]: row["tokens"] for shard in shards for row in shard.to_pylist()}
    (documents,) = (done / "documents").glob("*.arrow")
    texts = {row["doc_id"]: row["text"] for row in pa.ipc.open_file(pa.memory_map(str(documents))).read_all().to_pylist()}
    assert {doc_id: decoder.decode(ids) for doc_id, ids in tokens.items()} == texts
    assert index["sources"]["web"]["n_documents"] == 3
    assert set(shards[0].schema.metadata) == {b"tokenizer", b"recipe", b"scrub"}


def test_workers_do_not_change_the_corpus(site: Path, done: Path) -> None:
    execute(site_recipe(site), site / "two", workers=2)
    assert shard_digests(site / "two") == shard_digests(done)


class Interrupted(BaseException):
    """What a kill looks like from within."""


@pytest.mark.parametrize("stage", ["curate", "tokenizer", "encode"])
def test_a_run_that_was_killed_goes_on_to_the_same_bytes(site: Path, done: Path, stage: str) -> None:
    out = site / f"killed-{stage}"
    seen: list[str] = []

    def kill(told: str, units: int, total: int | None) -> None:
        if told == stage:
            raise Interrupted
        seen.append(told)

    with pytest.raises(Interrupted):
        Run(site_recipe(site), out, Engine(), kill).execute(resume=False)
    before = {path: path.stat().st_mtime_ns for path in (out / "ledger").iterdir()}
    execute(site_recipe(site), out, resume=True)
    assert shard_digests(out) == shard_digests(done)
    assert before.items() <= {path: path.stat().st_mtime_ns for path in (out / "ledger").iterdir()}.items(), (
        "a finished stage was done again"
    )


def test_a_finished_run_is_not_done_again_and_a_tampered_one_is_mended(site: Path, done: Path) -> None:
    out = site / "tampered"
    shutil.copytree(done, out)
    (shard,) = (out / "shards").glob("train-*.arrow")
    shard.write_bytes(b"damaged")
    execute(site_recipe(site), out, resume=True)
    assert shard_digests(out) == shard_digests(done)


def test_a_full_folder_is_refused_without_resume_and_what_is_no_run_with_it(site: Path, done: Path, tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="is not empty; give --out a new folder, or add --resume"):
        execute(site_recipe(site), done)
    (tmp_path / "README.md").write_text("mine")
    with pytest.raises(OutputError, match="not the folder of a run: there is nothing to resume"):
        execute(site_recipe(site), tmp_path, resume=True)
    assert (tmp_path / "README.md").read_text() == "mine"
    with pytest.raises(OutputError, match="holds the run of another recipe, 'fineweb', with other sources"):
        execute(site_recipe(site, name="other", **{"sources.more.path": str(site / "site.warc.gz")}), done, resume=True)


def test_an_empty_corpus_says_which_rules_emptied_it(site: Path) -> None:
    with pytest.raises(EmptyCorpusError, match=r"no document is left of 15 records .* gopher_quality\.min_words"):
        execute(site_recipe(site, **{"filters.gopher_quality.min_words": 5000}), site / "empty")
    state = json.loads((site / "empty" / "run.json").read_text())
    assert state["stopped"].startswith("ingest: CM-RUN-019: no document is left of 15 records")
    assert not state["complete"]


def test_a_list_that_changes_under_a_run_is_read_again_on_resume(site: Path, done: Path) -> None:
    """The recipe is the same, the file that it names is not."""
    recipe = site_recipe(site, **{"filters.url.block_domains": str(site / "growing.txt")})
    (site / "growing.txt").write_text("blocked.example\n")
    execute(recipe, site / "growing")
    assert ledger(site / "growing").filter(pl.col("reason") == "url.block_domains").height == 1
    (site / "growing.txt").write_text("site.example\n")
    execute(recipe, site / "growing", resume=True)
    assert ledger(site / "growing").filter(pl.col("reason") == "url.block_domains").height > 1


def test_too_large_a_vocabulary_ends_the_run_with_the_size_that_fits(site: Path) -> None:
    with pytest.raises(TokenizerError, match="the sample fills only"):
        execute(site_recipe(site, **{"tokenizer.vocab_size": 60_000}), site / "vocabulary")


def test_a_guard_stops_a_run_that_loses_too_much(site: Path) -> None:
    with pytest.raises(GuardError, match=r"filters removed 5 of 10 documents of source=web .*max_filtered = 0\.3\. Reasons: "):
        execute(site_recipe(site, **{"guards.max_filtered": 0.3, "guards.min_documents": 5}), site / "guard")


def test_addresses_that_many_documents_share_stop_a_run_whose_recipe_says_so(tmp_path: Path) -> None:
    lines = [{"text": f"{number} {word}" * 9, "url": "http://a.example/"} for number, word in enumerate("abcdef")]
    rows = tmp_path / "a.jsonl"
    rows.write_text("".join(f"{json.dumps(line)}\n" for line in lines))
    changes = {"sources.web.path": str(rows), "sources.web.rules": [], "guards.min_documents": 5, "guards.max_same_address": 0.5}
    changes |= {"dedup.kinds": ["url"], "tokenizer.vocab_size": 257, "tokenizer.pad_to_multiple": 1}
    with pytest.raises(GuardError, match=r"5 of 6 documents \(83\.3%\) share an address"):
        execute(site_recipe(tmp_path, **changes), tmp_path / "guard")


def test_a_source_of_which_most_bytes_are_damaged_stops_the_run_whatever_the_rows_say(site: Path, done: Path, tmp_path: Path) -> None:
    """One row stands for what nobody can count."""
    assert done.is_dir()
    archive = tmp_path / "damaged.warc.gz"
    log = gzip.compress(record("metadata://gnu.org/software/wget/warc/wget.log", b"a log of words", kind="resource"))
    archive.write_bytes(log + (site / "site.warc.gz").read_bytes() + b"\x1f\x8b\x08" + random.Random(1).randbytes(2 << 20))
    recipe = site_recipe(site, **{"sources.web.path": str(archive)})
    with pytest.raises(
        GuardError, match=r"of source=web \(99\.\d%\) could not be read.*guards\.max_lost_bytes = 0\.5\. Reasons: .*gzip_damaged"
    ):
        execute(recipe, tmp_path / "stopped")
    execute(site_recipe(site, **{"sources.web.path": str(archive), "guards.max_lost_bytes": "off"}), tmp_path / "run")
    stages = {stage["stage"]: stage for stage in json.loads((tmp_path / "run" / "run.json").read_text())["stages"]}
    assert stages["ingest"]["details"]["passed_over_records"] == {"resource metadata:": 1}
    assert (2 << 20) < stages["ingest"]["details"]["lost_bytes"]["web"] < archive.stat().st_size
    assert stages["ingest"]["counts"]["read"]["n_in"] == 15  # the last page of the site is damaged, and has the row of all that follows


def test_evaluation_sets_that_are_missing_are_refused_before_anything_is_read(site: Path) -> None:
    with pytest.raises(InputError, match=r"decontaminate\.paths: .*nowhere\.jsonl matches no file"):
        execute(site_recipe(site, **{"decontaminate.paths": ["nowhere.jsonl"]}), site / "missing")
    assert not (site / "missing").exists()


def test_evaluation_items_and_what_earlier_runs_kept_stay_out(site: Path, done: Path) -> None:
    (documents,) = (done / "documents").glob("*.arrow")
    kept = pa.ipc.open_file(pa.memory_map(str(documents))).read_all().to_pylist()
    planted = " ".join(kept[0]["text"].split()[40:70]).upper()
    (site / "items.jsonl").write_text(json.dumps({"set": "quiz", "id": "7", "question": planted}) + "\n")
    sets = {"decontaminate.paths": [str(site / "items.jsonl")], "dedup.index": str(site / "index")}
    changes = {**sets, "tokenizer.vocab_size": 257}
    first = site_recipe(site, **changes, **{"dedup.snapshot": "first"})
    execute(first, site / "first")
    fates = {row["doc_id"]: row for row in ledger(site / "first").iter_rows(named=True)}
    assert (fates[kept[0]["doc_id"]]["outcome"], fates[kept[0]["doc_id"]]["reason"]) == ("dropped", "evaluation.quiz")
    state = json.loads((site / "first" / "run.json").read_text())
    details = next(stage for stage in state["stages"] if stage["stage"] == "curate")["details"]
    assert details["contamination"]["quiz"]["found"] == 1
    assert details["snapshot"]["n_documents"] == 2
    assert details["dedup_cost"]["happened"]["n_documents"] == details["dedup_cost"]["forecast"]["n_documents"] == 5
    digests = shard_digests(site / "first")
    execute(first, site / "first", resume=True)  # its own snapshot is none of its inputs
    assert shard_digests(site / "first") == digests
    execute(site_recipe(site, **changes), site / "second")
    again = {row["doc_id"]: row for row in ledger(site / "second").iter_rows(named=True)}
    for document in kept[1:]:
        assert (again[document["doc_id"]]["outcome"], again[document["doc_id"]]["survivor_id"]) == ("merged", document["doc_id"])


def test_a_lost_record_fails_the_run(site: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.filters.chain import FilterChain

    honest = FilterChain.measure

    def lossy(self: FilterChain, batch: pa.RecordBatch) -> pa.RecordBatch:
        return honest(self, batch).slice(1)

    monkeypatch.setattr(FilterChain, "measure", lossy)
    with pytest.raises(ConservationError, match="'read to opt_out' took in 11 records but passed on 10"):
        execute(site_recipe(site), site / "lossy")


def test_a_cap_on_domains_is_a_room_of_its_own_and_everything_still_balances(site: Path, done: Path) -> None:
    out = site / "capped"
    execute(site_recipe(site, **{"domains.max_share": 0.5, "domains.by": "documents"}), out)
    capped = ledger(out).filter(pl.col("step") == "caps")
    assert set(capped.get_column("reason")) == {"domains.max_share"}
    stages = {stage["stage"]: stage for stage in json.loads((out / "run.json").read_text())["stages"]}
    counts = stages["curate"]["counts"]
    assert counts["caps"] == {"n_in": 5, "n_out": 5 - capped.height, "dropped": capped.height, "merged": 0, "failed": 0}
    assert counts["dedup"]["n_in"] == 5 - capped.height
    assert ledger(out).height == ledger(done).height
    assert "caps" in (out / "report" / "index.html").read_text()


def test_the_log_has_times_counts_and_decisions_and_no_text(site: Path, done: Path) -> None:
    log = (done / "run.log").read_text()
    lines = log.splitlines()
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00 \S.*", line) for line in lines)
    ends = [line.partition(" ")[2] for line in lines if ": done in " in line]
    assert [line.partition(":")[0] for line in ends][:7] == list(StageName)
    n_in = pl.scan_parquet(done / "ledger" / "*.parquet").select(pl.len()).collect().item()
    assert f"; read in {n_in}, out " in ends[1]
    assert not any(word in log for word in ("villages", "notebooks", "example.org"))
