"""Takedown on a finished run of many shards: what is asked for is gone, everything else is as it was to the byte."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import json
import random
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pytest
from warcio.archiveiterator import ArchiveIterator

from pipelines.driver.context import Engine
from pipelines.driver.refilter import refilter
from pipelines.driver.run import Run
from pipelines.pretrain.shards import open_shards
from pipelines.read.warc_records import WarcRecord, read_records
from pipelines.report.facts import Facts
from pipelines.takedown.preview import Preview
from pipelines.takedown.takedown import asked_for, prepare, takedown
from schemas import recipe as recipes
from schemas.certificate import Certificate, certificate_path, pending_path, read_certificate
from schemas.errors import OutputError, RequestError
from schemas.files import sha256_of
from schemas.ledger import check_run
from schemas.lock import locked
from schemas.manifest import read_marker
from schemas.recipe import Recipe
from schemas.stages import StageName
from tests.crawl.site import links, redirecting, running_site

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WORDS = ("river", "stone", "bridge", "water", "mill", "harbour", "clock", "tower", "bread", "flour", "oven", "salt", "meadow", "village")
EMAIL, PHONE = "jane.doe@bakery-school.org", "+16502530000"
SOURCES = ("first", "second", "third")


def sha256(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


def prose(seed: str, n_words: int = 60) -> str:
    draw = random.Random(seed)
    return " ".join(draw.choice(WORDS) + str(draw.randrange(50)) for _ in range(n_words)) + "."


def rows_of(source: str) -> list[dict[str, str]]:
    rows = [{"url": f"https://{source}.example.org/{number}", "text": prose(f"{source} {number}")} for number in range(24)]
    if source == "first":
        rows[3]["text"] += " Write to Jane.Doe@bakery-school.org, or call (650) 253-0000."
        rows[4]["text"] = f"Short: {EMAIL}"
        rows.append({"url": "https://mirror.example.net/page", "text": rows[5]["text"]})
        rows.append({"url": "https://www.people.example.com/a/", "text": prose("people"), "by": EMAIL})
    if source == "second":
        rows[7]["url"] = f"https://second.example.org/user/{EMAIL}"
        rows.append(rows[2])
    return rows


def recipe_of(folder: Path, **changes: Any) -> Recipe:
    for source in SOURCES:
        path = folder / f"{source}.jsonl"
        if not path.exists():
            path.write_text("".join(json.dumps(row) + "\n" for row in rows_of(source)))
    data: dict[str, Any] = {
        "name": "many",
        "sources": {source: {"path": str(folder / f"{source}.jsonl")} for source in SOURCES},
        "filters": {"rules": ["length"], "length": {"min_chars": 50}},
        "dedup": {"kinds": ["exact"]},
        "tokenizer": {"vocab_size": 320},
        "encode": {"shard_tokens": 300, "valid_ratio": 0.1},
        "pretrain": {"enabled": False},
    }
    for key, value in changes.items():
        recipes.apply_setting(data, f"{key}={json.dumps(value)}")
    return recipes.parse(data)


def execute(recipe: Recipe, out: Path, *, resume: bool = False) -> None:
    Run(recipe, out, Engine(), lambda stage, done, total: None).execute(resume=resume)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("many")
    execute(recipe_of(folder), folder / "run")
    return folder


@pytest.fixture
def done(site: Path, tmp_path: Path) -> Path:
    shutil.copytree(site / "run", tmp_path / "run")
    return tmp_path / "run"


def stamps(run: Path) -> dict[str, tuple[str, int]]:
    """(sha256, time of the last change) of every file of a run but its log, which every command continues."""
    files = (path for path in sorted(run.rglob("*")) if path.is_file() and path.name != "run.log")
    return {str(path.relative_to(run)): (sha256_of(path), path.stat().st_mtime_ns) for path in files}


def digests(run: Path) -> dict[str, str]:
    return {path: digest for path, (digest, _) in stamps(run).items()}


def take(run: Path, **asked: list[str]) -> Certificate:
    (certificate,) = takedown(run, asked_for(**asked), "a request", NOW)
    return certificate


def ids(run: Path, folder: str, suffix: str) -> list[bytes]:
    scan = pl.scan_parquet if suffix == "parquet" else pl.scan_ipc
    frames = [scan(path).select("doc_id").collect() for path in sorted((run / folder).glob(f"*.{suffix}"))]
    return [one for frame in frames for one in frame.get_column("doc_id").to_list() if one is not None]


def ledger(run: Path) -> pl.DataFrame:
    return pl.read_parquet(run / "ledger" / "*.parquet")


def id_of(run: Path, url: str) -> str:
    (found,) = pl.read_parquet(run / "index" / "*.parquet").filter(pl.col("url") == url).get_column("doc_id")
    return str(found.hex())


def assert_sound(recipe: Recipe, run: Path) -> None:
    """Loader, conservation, counts, report, and a resume that finds nothing to do."""
    opened = open_shards(run)
    ingest, curate, encode = (read_marker(run, stage) for stage in ("ingest", "curate", "encode"))
    assert ingest
    assert curate
    assert encode
    check_run(run / "ledger", ingest.counts["read"].n_in)
    rooms = {**ingest.counts, **curate.counts, **encode.counts}
    for counts in rooms.values():
        assert counts.n_in == counts.n_out + counts.dropped + counts.merged + counts.failed
    passed = list(rooms.values())
    assert [one.n_out for one in passed[:-1]] == [one.n_in for one in passed[1:]]
    assert list(rooms) == [name for name in ("read", "opt_out", "takedown", "filters", "caps", "dedup", "encode") if name in rooms]
    assert rooms["dedup"].n_out == len(ids(run, "documents", "arrow")) == sum(shard.n_documents for shard in opened.index.shards)
    assert rooms["filters"].n_in == len(ids(run, "pool", "arrow")) == len(ids(run, "index", "parquet"))
    ends = ledger(run).group_by("step", "outcome").len().rows()
    for stage, outcome, n in ends:
        if stage in rooms and stage != "read" and outcome != "kept":
            assert getattr(rooms[stage], outcome) == n
    facts = Facts(run)
    assert all(row.balances for row in facts.sources)
    state = json.loads((run / "run.json").read_text())
    assert all(sha256_of(run / file["path"]) == file["sha256"] for file in state["files"])
    before = stamps(run)
    execute(recipe, run, resume=True)
    after = stamps(run)
    assert before.keys() == after.keys()
    assert {path for path in before if before[path] != after[path]} <= {"run.json"}


def test_only_the_affected_files_of_a_run_of_many_shards_change(site: Path, done: Path) -> None:
    before = stamps(done)
    assert sum(path.startswith("shards/") for path in before) > 20
    url = "https://second.example.org/11"
    doc_id = bytes.fromhex(id_of(done, url))
    certificate = take(done, urls=["http://www.second.example.org/11/#top"])
    after = stamps(done)
    assert [(one.doc_id, one.reason, one.was) for one in certificate.documents] == [(doc_id.hex(), "url", "kept")]
    changed = {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}
    (shard,) = (path for path in changed if path.endswith(".arrow") and path.startswith("shards/"))
    own = {"documents/documents-00001.arrow", "pool/segment-00001.arrow", "index/index-00001.parquet", "ledger/dedup-00001.parquet"}
    state = {"shards/index.json", "run.json", "README.md", "report/index.html", *(f"stages/{stage}.json" for stage in tuple(StageName)[1:])}
    new = {"ledger/takedown-0001.parquet", "takedown/0001.json"}
    assert changed == {shard, *own, *state, *new}
    assert {file.path for file in certificate.files} == changed - {"takedown/0001.json"}
    for file in certificate.files:
        assert file.sha256_after == after[file.path][0]
        assert file.sha256_before == (before[file.path][0] if file.path in before else None)
    for folder in ("documents", "pool", "shards"):
        assert doc_id not in ids(done, folder, "arrow")
    for folder in ("index", "scrub_audit"):
        suffix = "parquet"
        assert doc_id not in ids(done, folder, suffix)
    (row,) = ledger(done).filter(doc_id=doc_id).iter_rows(named=True)
    assert (row["step"], row["outcome"], row["reason"], row["survivor_id"]) == ("takedown", "dropped", "takedown.url", None)
    assert_sound(recipe_of(site), done)
    assert read_certificate(certificate_path(done, 1)) == certificate


def test_other_rows_of_a_rewritten_file_stay_as_they_were(site: Path, done: Path) -> None:
    certificate = take(done, hosts=["third.example.org"])
    assert {one.reason for one in certificate.documents} == {"host"}
    gone = {bytes.fromhex(one.doc_id) for one in certificate.documents}
    assert len(gone) == 24
    for file in certificate.files:
        if file.path.endswith(".arrow"):
            old, new = (pa.ipc.open_file(pa.memory_map(str(run / file.path))) for run in (site / "run", done))
            assert old.schema.equals(new.schema, check_metadata=True)
            assert new.read_all().to_pylist() == [row for row in old.read_all().to_pylist() if row["doc_id"] not in gone]
    assert_sound(recipe_of(site), done)
    assert "third" not in json.loads((done / "shards" / "index.json").read_text())["sources"]


def test_hashes_of_values_find_documents_of_every_outcome_and_field(site: Path, done: Path) -> None:
    certificate = take(done, email_hashes=[sha256(EMAIL)], phone_hashes=[sha256(PHONE).upper()])
    assert sorted((one.reason, one.was) for one in certificate.documents) == [("email", "dropped"), *[("email", "kept")] * 3]
    assert_sound(recipe_of(site), done)
    text = certificate_path(done, 1).read_text()
    assert EMAIL not in text
    assert PHONE not in text
    assert not takedown(done, asked_for(phone_hashes=[sha256(PHONE)]))


def test_a_number_finds_the_document_that_spells_it_otherwise(done: Path) -> None:
    page = id_of(done, "https://first.example.org/3")
    (one,) = take(done, phone_hashes=[sha256(PHONE)]).documents
    assert (one.doc_id, one.reason) == (page, "phone")
    assert not takedown(done, asked_for(phone_hashes=[sha256("+16502530001")]))


def test_copies_of_a_removed_document_go_with_it_and_survivors_of_a_removed_copy_are_named(site: Path, done: Path) -> None:
    copy, page = id_of(done, "https://mirror.example.net/page"), id_of(done, "https://first.example.org/5")
    outcome = {row["doc_id"].hex(): row["outcome"] for row in ledger(done).iter_rows(named=True)}
    survivor, merged = (page, copy) if outcome[copy] == "merged" else (copy, page)
    other = shutil.copytree(done, done.parent / "other")
    certificate = take(done, doc_ids=[survivor])
    assert {(one.doc_id, one.reason, one.was) for one in certificate.documents} == {
        (survivor, "doc_id", "kept"),
        (merged, "copy", "merged"),
    }
    assert certificate.survivors_left == ()
    assert_sound(recipe_of(site), done)
    certificate = take(other, doc_ids=[merged])
    assert [(one.doc_id, one.was) for one in certificate.documents] == [(merged, "merged")]
    assert certificate.survivors_left == (survivor,)
    assert certificate.n_tokens == 0
    assert not any(file.path.startswith(("documents/", "shards/")) for file in certificate.files)
    assert_sound(recipe_of(site), other)


def test_a_page_that_was_read_twice_goes_twice(site: Path, done: Path) -> None:
    certificate = take(done, urls=["https://second.example.org/2"])
    assert (len(certificate.documents), certificate.n_records, certificate.survivors_left) == (1, 2, ())
    assert_sound(recipe_of(site), done)


def test_nothing_found_changes_nothing_and_a_second_time_neither(done: Path) -> None:
    before = stamps(done)
    assert takedown(done, asked_for(urls=["https://second.example.org/99"], hosts=["example.net.evil.org", "org"])) == []
    assert stamps(done) == before
    take(done, urls=["https://second.example.org/11"])
    before = stamps(done)
    assert takedown(done, asked_for(urls=["https://second.example.org/11"])) == []
    assert stamps(done) == before


def test_two_takedowns_have_two_certificates(site: Path, done: Path) -> None:
    assert take(done, urls=["https://second.example.org/11"]).number == 1
    assert take(done, urls=["https://third.example.org/1"]).number == 2
    marker = read_marker(done, "ingest")
    assert marker
    assert marker.counts["takedown"].dropped == 2
    assert_sound(recipe_of(site), done)


class Killed(BaseException):
    """What a kill looks like from within."""


@pytest.mark.parametrize("after", [0, 3, 9, 14, 17, 20])
def test_one_that_was_killed_ends_in_the_same_state(site: Path, done: Path, after: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = asked_for(email_hashes=[sha256(EMAIL)])
    whole = shutil.copytree(done, done.parent / "whole")
    takedown(whole, asked, "a request", NOW)
    honest, renamed = Path.replace, 0

    def replace(self: Path, target: Path) -> Path:
        nonlocal renamed
        if "takedown/pending" not in str(target):
            renamed += 1
        if renamed > after:
            raise Killed
        return honest(self, target)

    before = digests(done)
    with monkeypatch.context() as patched:
        patched.setattr(Path, "replace", replace)
        with pytest.raises(Killed):
            takedown(done, asked, "a request", NOW)
    assert pending_path(done).is_file()
    assert (digests(done).items() >= before.items()) == (after == 0)
    with pytest.raises(OutputError, match=r"CM-RECORD-001: .*`takedown .*`"):
        execute(recipe_of(site), done, resume=True)
    (certificate,) = takedown(done, asked)
    assert certificate.time == NOW.isoformat()
    assert digests(done) == digests(whole)
    assert_sound(recipe_of(site), done)


def test_one_that_was_killed_before_it_changed_anything_is_begun_anew(done: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = digests(done)
    with monkeypatch.context() as patched:
        patched.setattr("pipelines.takedown.takedown.NewState.write_state", lambda run: (_ for _ in ()).throw(Killed))
        with pytest.raises(Killed):
            prepare(done, asked_for(hosts=["third.example.org"]), None, NOW)
    left = {path: digest for path, digest in digests(done).items() if not path.startswith("takedown/pending/")}
    assert left == before
    take(done, urls=["https://second.example.org/11"])
    assert not (done / "takedown" / "pending").exists()


def test_no_later_decision_brings_a_document_back(site: Path, done: Path) -> None:
    gone = {bytes.fromhex(one.doc_id) for one in take(done, email_hashes=[sha256(EMAIL)]).documents}
    refilter(done, ["filters.length.min_chars=1"], Engine(), lambda stage, done, total: None)
    recipe = recipe_of(site, **{"filters.length.min_chars": 1})
    execute(recipe, done, resume=True)
    assert not gone & set(ids(done, "documents", "arrow"))
    assert_sound(recipe, done)


def test_sources_are_not_read_again_after_a_takedown(site: Path, done: Path) -> None:
    take(done, urls=["https://second.example.org/11"])
    (index,) = (done / "index").glob("index-00001.parquet")
    index.unlink()
    with pytest.raises(OutputError, match="reading again would bring those documents back"):
        execute(recipe_of(site), done, resume=True)


def test_a_damaged_file_stops_it_before_anything_is_changed(done: Path) -> None:
    (pool,) = (done / "pool").glob("segment-00001.arrow")
    table = pa.ipc.open_file(pa.memory_map(str(pool))).read_all()
    pool.unlink()
    with pa.ipc.new_file(str(pool), table.schema) as writer:
        writer.write_table(table, max_chunksize=3)
    before = stamps(done)
    with pytest.raises(OutputError, match=r"segment-00001\.arrow is not as the run wrote it"):
        takedown(done, asked_for(urls=["https://second.example.org/11"]))
    assert stamps(done) == before


def test_a_crawled_page_is_blank_in_the_archive_and_all_others_keep_their_addresses(tmp_path: Path) -> None:
    pages = {f"/{number}": f"<html><body><p>{prose(f'page {number}')}</p></body></html>" for number in range(6)}
    with running_site({"/": links(*pages), **pages}) as site:
        crawl = {"seeds": [f"{site.root}/"], "delay_s": 0.0, "private_hosts": ["127.0.0.1"], "user_agent": "testmill/1.0"}
        recipe = dataclasses.replace(
            recipe_of(tmp_path), sources=recipes.parse({"name": "x", "sources": {"site": {"crawl": crawl}}}).sources
        )
        execute(recipe, tmp_path / "run")
        url = f"{site.root}/3"
    path = tmp_path / "run" / "crawl" / "site" / "crawl-00000.warc.gz"
    before, whole = records_of(path), path.read_bytes()
    certificate = take(tmp_path / "run", urls=[url])
    after, blank = records_of(path), path.read_bytes()
    assert prose("page 3").encode() in gzip.decompress(whole)
    assert prose("page 3").encode() not in gzip.decompress(blank)
    assert url.encode() + b"\r" not in gzip.decompress(blank)
    assert len(blank) == len(whole)
    gone = [offset for offset, _, target, _ in before if target == url]
    assert [(kind, target, body) for offset, kind, target, body in after if offset in gone] == [("metadata", None, b"")] * 2
    assert [record for record in after if record[0] not in gone] == [record for record in before if record[0] not in gone]
    (file,) = (file for file in certificate.files if file.path.startswith("crawl/"))
    assert (file.sha256_before, file.sha256_after) == (hashlib.sha256(whole).hexdigest(), hashlib.sha256(blank).hexdigest())
    kept = ledger(tmp_path / "run").filter(pl.col("step") != "takedown").get_column("origin_offset").to_list()
    read = [item for item in read_records(path, path.name, 1 << 20) if isinstance(item, WarcRecord)]
    assert set(kept) <= {item.address.offset for item in read}
    assert_sound(recipe, tmp_path / "run")


def test_a_page_is_found_by_an_address_that_redirected_to_it(tmp_path: Path) -> None:
    pages: dict[str, Any] = {f"/{number}": f"<html><body><p>{prose(f'page {number}')}</p></body></html>" for number in range(6)}
    pages |= {"/old": redirecting("/older"), "/older": redirecting("/3"), "/gone": redirecting("https://elsewhere.example/")}
    with running_site({"/": links("/old", "/gone", *list(pages)[:6]), **pages}) as site:
        crawl = {"seeds": [f"{site.root}/"], "delay_s": 0.0, "private_hosts": ["127.0.0.1"], "user_agent": "testmill/1.0"}
        recipe = dataclasses.replace(
            recipe_of(tmp_path), sources=recipes.parse({"name": "x", "sources": {"site": {"crawl": crawl}}}).sources
        )
        execute(recipe, tmp_path / "run")
        page, old, gone = (f"{site.root}/{path}" for path in ("3", "%6Fld#top", "gone"))
    doc_id = id_of(tmp_path / "run", page)
    assert takedown(tmp_path / "run", asked_for(urls=[gone])) == []
    assert [(one.doc_id, one.reason) for one in take(tmp_path / "run", urls=[old]).documents] == [(doc_id, "url")]
    assert_sound(recipe, tmp_path / "run")


def records_of(path: Path) -> list[tuple[int, str, str | None, bytes]]:
    """Offset, type, URL and content of every record, as warcio reads them."""
    with path.open("rb") as file:
        records = ArchiveIterator(file)
        return [
            (records.get_record_offset(), record.rec_type, record.rec_headers.get_header("WARC-Target-URI"), record.content_stream().read())
            for record in records
        ]


def test_documents_that_a_cap_dropped_go_too(site: Path, tmp_path: Path) -> None:
    recipe = recipe_of(site, **{"domains.max_share": 0.9, "domains.by": "documents"})
    execute(recipe, tmp_path / "run")
    certificate = take(tmp_path / "run", hosts=["example.org"])
    assert {one.was for one in certificate.documents} >= {"kept", "dropped"}
    assert ledger(tmp_path / "run").filter(step="caps").is_empty()
    assert_sound(recipe, tmp_path / "run")


def test_a_run_that_kept_no_pool_loses_the_documents_too(site: Path, tmp_path: Path) -> None:
    recipe = recipe_of(site, **{"filters.keep_dropped": False})
    execute(recipe, tmp_path / "lean")
    certificate = take(tmp_path / "lean", urls=["https://second.example.org/11"])
    assert [one.was for one in certificate.documents] == ["kept"]
    assert bytes.fromhex(certificate.documents[0].doc_id) not in ids(tmp_path / "lean", "documents", "arrow")
    before = stamps(tmp_path / "lean")
    execute(recipe, tmp_path / "lean", resume=True)
    assert {path for path, one in stamps(tmp_path / "lean").items() if before[path] != one} == {"run.json"}


def test_hashes_of_values_can_be_left_out_of_the_index(site: Path, tmp_path: Path) -> None:
    execute(recipe_of(site, **{"opt_out.index_values": False}), tmp_path / "run")
    index = pl.read_parquet(tmp_path / "run" / "index" / "*.parquet")
    assert index.get_column("email_hashes").null_count() == index.get_column("phone_hashes").null_count() == index.height
    with pytest.raises(RequestError, match="keeps no hashes of values"):
        takedown(tmp_path / "run", asked_for(email_hashes=[sha256(EMAIL)]))


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"email_hashes": [sha256("a"), EMAIL]}, "--email-hash number 2 is no sha256"),
        ({"phone_hashes": [PHONE]}, "--phone-hash number 1 is no sha256"),
        ({"hosts": ["https://a.org/"]}, "--host number 1 is no domain"),
        ({"doc_ids": ["12"]}, "--doc-id number 1 is no id"),
    ],
)
def test_a_value_in_the_place_of_its_hash_is_refused_and_not_repeated(asked: dict[str, list[str]], message: str) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        asked_for(**asked)
    assert EMAIL not in str(caught.value)
    assert PHONE not in str(caught.value)


def merged_pair(run: Path) -> tuple[str, str]:
    """(survivor, merged): the page that is on a mirror, too."""
    pair = [id_of(run, url) for url in ("https://first.example.org/5", "https://mirror.example.net/page")]
    (merged,) = ledger(run).filter(pl.col("doc_id").is_in([bytes.fromhex(one) for one in pair]), outcome="merged").get_column("doc_id")
    pair.remove(merged.hex())
    return pair[0], merged.hex()


def test_with_copies_what_a_page_was_merged_into_goes_too(site: Path, done: Path) -> None:
    survivor, merged = merged_pair(done)
    (certificate,) = takedown(done, asked_for(doc_ids=[merged]), None, NOW, with_copies=True)
    assert {(one.doc_id, one.reason, one.was) for one in certificate.documents} == {
        (merged, "doc_id", "merged"),
        (survivor, "copy", "kept"),
    }
    assert certificate.request.with_copies
    assert certificate.survivors_left == ()
    assert bytes.fromhex(survivor) not in ids(done, "documents", "arrow")
    assert_sound(recipe_of(site), done)


def test_a_certificate_counts_what_was_removed(done: Path) -> None:
    certificate = take(done, email_hashes=[sha256(EMAIL)], urls=["https://third.example.org/1"])
    assert certificate.counts == {
        "reason": {"email": 4, "url": 1},
        "was": {"dropped": 1, "kept": 4},
        "source": {"first": 3, "second": 1, "third": 1},
    }
    text = certificate_path(done, 1).read_text()
    old = json.loads(text)
    del old["counts"], old["request"]["with_copies"]
    certificate_path(done, 1).write_text(json.dumps(old))
    assert read_certificate(certificate_path(done, 1)).counts == {}


def test_nothing_is_made_before_somebody_agrees(done: Path) -> None:
    before, survivor_and_merged = stamps(done), merged_pair(done)
    shown: list[Preview] = []

    def refuse(found: Preview) -> None:
        shown.append(found)
        raise RequestError("CM-COMMAND-009", "no")

    with pytest.raises(RequestError, match="no"):
        takedown(done, asked_for(hosts=["third.example.org"], doc_ids=[survivor_and_merged[1]]), agree=refuse)
    assert stamps(done) == before
    lines = "\n".join(shown[0].lines())
    assert shown[0].n_documents == 25
    assert "25 document(s) would be removed:\n  1 named by id\n  24 named by host" in lines
    assert "by source: third 24, first 1" in lines
    assert "third.example.org 24" in lines
    assert "1 document(s) stay that hold nearly the same text" in lines
    assert survivor_and_merged[0] in lines
    assert "--with-copies takes them down as well" in lines


def command(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    import sys

    import run_pipeline

    monkeypatch.setattr(sys, "argv", ["run_pipeline.py", "takedown", *arguments])
    with pytest.raises(SystemExit) as caught:
        run_pipeline.main()
    return caught.value.code if isinstance(caught.value.code, int) else 0


def test_a_script_says_yes_and_how_many_if_they_are_many(
    site: Path, done: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = stamps(done)
    host = (str(done), "--host", "third.example.org")
    for options, message in (
        ((), "CM-COMMAND-010: "),
        (
            ("--yes", "--max-documents", "23"),
            "CM-COMMAND-008: the request names 24 documents, more than --max-documents 23; nothing was changed",
        ),
    ):
        assert command(monkeypatch, *host, *options) == 2
        captured = capsys.readouterr()
        assert message in " ".join(captured.err.split())
        assert "24 document(s) would be removed" in captured.out
        assert "third.example.org 24" in captured.out
        assert stamps(done) == before
    assert command(monkeypatch, *host, "--yes", "--max-documents", "24") == 0
    assert "removed 24 document(s)" in capsys.readouterr().out
    assert_sound(recipe_of(site), done)


def test_the_terminal_says_what_stays_and_how_to_remove_it(
    done: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    survivor, merged = merged_pair(done)
    assert command(monkeypatch, str(done), "--doc-id", merged, "--yes") == 0
    shown = capsys.readouterr().out
    assert "1 document(s) with nearly the same text are still there" in shown
    assert f"remove them with takedown {done} --with-copies --doc-id {survivor}" in shown


@pytest.mark.parametrize(("typed", "status"), [("24\n", 0), ("y\n", 2), ("23\n", 2)])
def test_on_a_terminal_many_documents_are_confirmed_by_their_number(
    done: Path, monkeypatch: pytest.MonkeyPatch, typed: str, status: int
) -> None:
    import io
    import sys

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    before = stamps(done)
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    monkeypatch.setattr(sys, "stdout", Terminal())
    assert command(monkeypatch, str(done), "--host", "third.example.org", "--max-documents", "10") == status
    assert (stamps(done) == before) == (status != 0)


def test_two_takedowns_at_once_are_refused_and_so_is_a_run(site: Path, done: Path) -> None:
    before = stamps(done)
    with locked(done):
        with pytest.raises(OutputError, match="is in use by process"):
            takedown(done, asked_for(urls=["https://second.example.org/11"]))
        with pytest.raises(OutputError, match="is in use by process"):
            execute(recipe_of(site), done, resume=True)
    assert stamps(done) == before
    assert take(done, urls=["https://second.example.org/11"]).number == 1


@pytest.mark.parametrize("half", [False, True])
def test_ctrl_c_says_whether_anything_was_changed(
    done: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], half: bool
) -> None:
    before = stamps(done)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(
            "pipelines.takedown.takedown._report_again" if half else "pipelines.takedown.takedown.NewState.write_state", interrupted
        )
        assert command(patched, str(done), "--url", "https://second.example.org/11", "--yes") == 130
    shown = " ".join(capsys.readouterr().err.split())
    assert (f"stopped half way; finish it with takedown {done}" if half else "stopped; nothing was changed") in shown
    assert (stamps(done) == before) != half
    assert command(monkeypatch, str(done)) == 0
    assert certificate_path(done, 1).is_file() == half
