"""Opting out in a whole run: nothing of the document is written, whatever is decided later."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import polars as pl
import pytest

from pipelines.driver.context import Engine
from pipelines.driver.refilter import refilter
from pipelines.driver.run import Run
from pipelines.read import missing_columns
from schemas.errors import InputError, RecipeError
from schemas.recipe import Recipe, parse
from schemas.stages import StageName, stage_of
from tests.site import PAGES
from tests.takedown.test_takedown import assert_sound
from tests.test_end_to_end import execute, ledger, site_recipe

EMAIL = "jane.doe@bakery-school.org"
BREAD, SHORT = (next(at for at, page in enumerate(PAGES) if page.url.endswith(name)) for name in ("/bread", "/short"))


def lists(folder: Path) -> dict[str, str]:
    (folder / "emails.txt").write_text(hashlib.sha256(EMAIL.encode()).hexdigest() + "\n")
    (folder / "urls.txt").write_text("http://site.example/short\n")
    return {"opt_out.email_hashes": str(folder / "emails.txt"), "opt_out.urls": str(folder / "urls.txt")}


@pytest.mark.parametrize("keep_dropped", [True, False])
def test_nothing_is_written_of_who_asked(tmp_path: Path, keep_dropped: bool) -> None:
    recipe = site_recipe(tmp_path, **lists(tmp_path), **{"filters.keep_dropped": keep_dropped})
    execute(recipe, tmp_path / "run")
    rows = ledger(tmp_path / "run")
    ends = [(row["step"], row["reason"]) for row in rows.iter_rows(named=True)]
    assert ends[BREAD] == ("opt_out", "opt_out.email")
    dropped_first = ("filters", "gopher_quality.min_words")
    assert ends[SHORT] == (("opt_out", "opt_out.url") if keep_dropped else dropped_first)
    gone = rows.filter(step="opt_out").get_column("doc_id").to_list()
    for folder in ("pool", "documents"):
        for path in (tmp_path / "run" / folder).glob("*.arrow"):
            assert not set(gone) & set(pl.scan_ipc(path).select("doc_id").collect().get_column("doc_id"))
    index = pl.read_parquet(tmp_path / "run" / "index" / "*.parquet")
    assert not set(gone) & set(index.get_column("doc_id"))
    counts = json.loads((tmp_path / "run" / "stages" / "ingest.json").read_text())["counts"]
    assert counts["opt_out"]["dropped"] == len(gone)
    if keep_dropped:
        assert_sound(recipe, tmp_path / "run")


def test_deciding_again_brings_nobody_back_and_cannot_change_the_lists(tmp_path: Path) -> None:
    asked = lists(tmp_path)
    execute(site_recipe(tmp_path, **asked), tmp_path / "run")
    refilter(tmp_path / "run", ["filters.gopher_quality.min_words=1"], Engine(), lambda stage, done, total: None)
    ends = [(row["step"], row["reason"]) for row in ledger(tmp_path / "run").iter_rows(named=True)]
    assert (ends[BREAD], ends[SHORT]) == (("opt_out", "opt_out.email"), ("opt_out", "opt_out.url"))
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "pool").iterdir()}
    execute(site_recipe(tmp_path, **asked, **{"filters.gopher_quality.min_words": 1}), tmp_path / "run", resume=True)
    assert before == {path: path.stat().st_mtime_ns for path in (tmp_path / "run" / "pool").iterdir()}, "the sources were read again"
    with pytest.raises(RecipeError, match=r"refilter cannot change opt_out\.urls"):
        refilter(tmp_path / "run", ["opt_out.urls=off"], Engine(), lambda stage, done, total: None)


def test_a_list_that_grows_is_read_again_on_resume(tmp_path: Path) -> None:
    recipe = site_recipe(tmp_path, **lists(tmp_path), **{"tokenizer.vocab_size": 300})
    execute(recipe, tmp_path / "run")
    (tmp_path / "urls.txt").write_text("http://site.example/short\nhttp://site.example/clocks\n")
    execute(recipe, tmp_path / "run", resume=True)
    assert ledger(tmp_path / "run").filter(reason="opt_out.url").height == 2


def rows_recipe(folder: Path, rows: list[dict[str, object]], **settings: object) -> Recipe:
    (folder / "rows.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
    source = {"path": [str(folder / "rows.jsonl")], **settings}
    lists = {"urls": str(folder / "urls.txt"), "hosts": str(folder / "hosts.txt")}
    (folder / "urls.txt").write_text("http://one.example/page\n")
    (folder / "hosts.txt").write_text("two.example\n")
    return parse({"name": "rows", "sources": {"web": source}, "filters": {"rules": []}, "opt_out": lists})


def collected(recipe: Recipe, folder: Path) -> tuple[list[str], list[str]]:
    """(reasons of the ledger by record, what was said) of reading alone."""
    said: list[str] = []
    run = Run(recipe, folder, Engine(on_message=said.append), lambda stage, done, total: None)
    folder.mkdir()
    for name in (StageName.CRAWL, StageName.INGEST):
        run.records[name] = run.bring_up_to_date(stage_of(name))
    return ledger(folder).get_column("reason").to_list(), said


URLS = ("http://one.example/page", "http://two.example/", "http://three.example/")


def test_lists_apply_to_urls_in_members_of_objects(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"text": f"Some words of page {url}.", "metadata": {"url": url}} for url in URLS]
    assert collected(rows_recipe(tmp_path, rows), tmp_path / "run") == (["opt_out.url", "opt_out.host"], [])


def test_lists_of_addresses_that_had_nothing_to_look_at_are_told_of(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"text": f"Some words of page {url}.", "link": url} for url in URLS]
    reasons, said = collected(rows_recipe(tmp_path, rows), tmp_path / "run")
    assert (reasons, len(said)) == ([], 1)
    assert said[0].startswith(
        "sources.web: no record has a URL, so opt_out.urls and opt_out.hosts find nothing there; columns found: text, link."
    )
    assert collected(rows_recipe(tmp_path, rows, url_column="link"), tmp_path / "again")[0] == ["opt_out.url", "opt_out.host"]


def test_a_url_column_that_is_empty_in_every_record_is_told_of(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"text": f"Some words of page {url}.", "uri": None, "link": url} for url in URLS]
    reasons, said = collected(rows_recipe(tmp_path, rows, url_column="uri"), tmp_path / "run")
    assert (reasons, len(said)) == ([], 1)
    assert said[0].startswith(
        "sources.web: no record has a URL, so opt_out.urls and opt_out.hosts find nothing there; columns found: text, uri"
    )


def test_a_url_column_that_no_record_has_stops_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = rows_recipe(tmp_path, [{"text": f"Some words of page {url}.", "link": url} for url in URLS], url_column="uri")
    with pytest.raises(InputError, match=r"sources\.web\.url_column = 'uri': no record has it; columns found: text, link"):
        collected(recipe, tmp_path / "run")
    monkeypatch.setattr(missing_columns, "_SAMPLE_ROWS", 2)  # so that it is known after reading only
    with pytest.raises(InputError, match=r"sources\.web\.url_column = 'uri': no record has it; columns found: text, link"):
        collected(recipe, tmp_path / "again")
    monkeypatch.setattr("pipelines.driver.stages.ingest.check_column_counts", lambda sources, splits, seen: None)
    assert collected(recipe, tmp_path / "unchecked")[1][0].startswith("sources.web.url_column = 'uri': none of the first records has it")
