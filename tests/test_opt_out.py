"""Opting out in a whole run: nothing of the document is written, whatever is decided later."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import polars as pl
import pytest

from pipelines.refilter import refilter
from pipelines.run import Engine
from schemas.errors import RecipeError
from tests.site import PAGES
from tests.test_end_to_end import execute, ledger, site_recipe
from tests.test_takedown import assert_sound

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
    ends = [(row["stage"], row["reason"]) for row in rows.iter_rows(named=True)]
    assert ends[BREAD] == ("opt_out", "opt_out.email")
    dropped_first = ("filters", "gopher_quality.min_words")
    assert ends[SHORT] == (("opt_out", "opt_out.url") if keep_dropped else dropped_first)
    gone = rows.filter(stage="opt_out").get_column("doc_id").to_list()
    for folder in ("pool", "documents"):
        for path in (tmp_path / "run" / folder).glob("*.arrow"):
            assert not set(gone) & set(pl.scan_ipc(path).select("doc_id").collect().get_column("doc_id"))
    index = pl.read_parquet(tmp_path / "run" / "index" / "*.parquet")
    assert not set(gone) & set(index.get_column("doc_id"))
    counts = json.loads((tmp_path / "run" / "stages" / "collect.json").read_text())["counts"]
    assert counts["opt_out"]["dropped"] == len(gone)
    if keep_dropped:
        assert_sound(recipe, tmp_path / "run")


def test_deciding_again_brings_nobody_back_and_cannot_change_the_lists(tmp_path: Path) -> None:
    asked = lists(tmp_path)
    execute(site_recipe(tmp_path, **asked), tmp_path / "run")
    refilter(tmp_path / "run", ["filters.gopher_quality.min_words=1"], Engine(), lambda stage, done, total: None)
    ends = [(row["stage"], row["reason"]) for row in ledger(tmp_path / "run").iter_rows(named=True)]
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
