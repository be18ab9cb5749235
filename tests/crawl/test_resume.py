"""A crawl that was stopped goes on where it was: nothing is fetched twice, nothing is lost, and the files are those of a whole crawl."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web

from pipelines.crawl.crawler import ACCOUNT, STATE_FOLDER, crawl_sites
from pipelines.crawl.state import FILE, CrawlState
from pipelines.crawl.visits import CrawlProgress
from pipelines.crawl.warc import Spool
from schemas.errors import OutputError
from tests.crawl.site import Site, links, records, redirecting, responses, robots, running_site

ROOT = Path(__file__).parents[2]
N = 40
CHILD = """
import json, sys
from pathlib import Path
import msgspec
from pipelines.crawl.crawler import crawl_sites
from schemas.recipe import Crawl
crawl_sites(msgspec.convert(json.loads(sys.argv[1]), Crawl), Path(sys.argv[2]), resume=True)
"""


class Stopper:
    """Sends a signal to a process when the site has been asked for so many pages."""

    def __init__(self) -> None:
        self.after, self.signal, self.n = 0, signal.SIGKILL, 0
        self.process: subprocess.Popen[bytes] | None = None

    def page(self, text: str) -> Any:
        async def answer(_: web.Request) -> web.Response:
            self.n += 1
            if self.process is not None and self.n == self.after:
                os.kill(self.process.pid, self.signal)
                await asyncio.sleep(0.2)
            return web.Response(text=text, content_type="text/html")

        return answer


@pytest.fixture
def stopper() -> Stopper:
    return Stopper()


@pytest.fixture
def site(stopper: Stopper) -> Iterator[Site]:
    """Pages in a tree, with a redirect, a missing page and a page that robots.txt forbids."""
    pages: dict[str, Any] = {"/": stopper.page(links("/0", "/old", "/missing", "/private", "/1", "/2"))}
    for number in range(N):
        pages[f"/{number}"] = stopper.page(links(f"/{2 * number + 3}", f"/{2 * number + 4}", "/") + f"<p>page {number}")
    pages["/old"] = redirecting("/39")
    pages["/robots.txt"] = robots("User-agent: *\nDisallow: /private")
    with running_site(pages) as running:
        yield running


def start(site: Site, out: Path, **settings: Any) -> subprocess.Popen[bytes]:
    config = json.dumps(msgspec.to_builtins(site.config(**settings)))
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen([sys.executable, "-c", CHILD, config, str(out)], env=environment, stderr=subprocess.DEVNULL)


def contents(out: Path) -> list[tuple[str, str, bytes]]:
    """(type, URL, body) of every record, in order."""
    report = crawl_report(out)
    return [(record.kind, record.url, record.body if record.kind == "response" else b"") for record in records(report)]


def crawl_report(out: Path) -> Any:
    account = json.loads((out / ACCOUNT).read_bytes())
    return type("Report", (), {"files": [out / name for name in account["files"]], "counts": account["counts"]})


@pytest.mark.parametrize("host_concurrency", [1, 4])
@pytest.mark.parametrize(("number", "moments"), [(signal.SIGKILL, (1, 9, 30)), (signal.SIGINT, (2, 17))], ids=["kill", "interrupt"])
def test_a_stopped_crawl_continues_and_ends_like_an_uninterrupted_one(
    site: Site, stopper: Stopper, tmp_path: Path, number: signal.Signals, moments: tuple[int, ...], host_concurrency: int
) -> None:
    whole = site.crawl(tmp_path / "whole", host_concurrency=host_concurrency)
    assert whole.counts == {"fetched": N + 1, "http_error": 44, "redirected": 1, "robots": 1}
    site.asked.clear()
    stopper.n, stopper.signal = 0, number
    for moment in moments:
        stopper.after = moment
        stopper.process = start(site, tmp_path / "out", host_concurrency=host_concurrency)
        assert stopper.process.wait(60) != 0
        assert stopper.n >= moment
        assert not list((tmp_path / "out").glob("crawl-*"))
    assert any((tmp_path / "out" / STATE_FOLDER).glob("pages-*.warc.gz"))
    stopper.process = None
    report = site.crawl(tmp_path / "out", resume=True, host_concurrency=host_concurrency)
    assert report.counts == whole.counts
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")
    twice = Counter(path for path, _ in site.asked)
    assert sum(twice.values()) - len(twice) <= len(moments) * host_concurrency, "only what was in flight is fetched again"
    assert twice["/robots.txt"] == 1
    assert not (tmp_path / "out" / STATE_FOLDER).exists()


def stop_after(n: int) -> Any:
    """Raises when so many visits are settled."""

    def on_page(progress: CrawlProgress) -> None:
        if progress.n_settled == n:
            raise Stopped

    return on_page


class Stopped(BaseException):
    """What ends a crawl from within."""


def stopped(site: Site, out: Path, after: int = 10, **settings: Any) -> None:
    with pytest.raises(Stopped):
        crawl_sites(site.config(**settings), out, resume=True, on_page=stop_after(after), clock=site.time.clock)


def test_progress_continues_where_it_was(site: Site, tmp_path: Path) -> None:
    stopped(site, tmp_path)
    reported: list[CrawlProgress] = []
    crawl_sites(site.config(), tmp_path, resume=True, on_page=reported.append, clock=site.time.clock)
    assert reported[0].n_settled == 11
    assert reported[-1].n_settled == N + 1 + 44 + 2


@pytest.mark.parametrize("max_pages", [7, 20])
def test_the_pages_that_a_limit_leaves_are_those_of_a_whole_crawl(site: Site, tmp_path: Path, max_pages: int) -> None:
    whole = site.crawl(tmp_path / "whole", max_pages=max_pages, host_concurrency=3)
    stopped(site, tmp_path / "out", 5, max_pages=max_pages, host_concurrency=3)
    assert site.crawl(tmp_path / "out", resume=True, max_pages=max_pages, host_concurrency=3).counts == whole.counts
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_torn_record_is_cut_off(site: Site, tmp_path: Path) -> None:
    whole = site.crawl(tmp_path / "whole")
    stopped(site, tmp_path / "out")
    (spool,) = (tmp_path / "out" / STATE_FOLDER).glob("pages-*")
    with spool.open("ab") as file:
        file.write(b"\x1f\x8b\x08 half a record")
    stopped(site, tmp_path / "out", 20)
    assert b"half a record" not in spool.read_bytes()
    assert site.crawl(tmp_path / "out", resume=True).counts == whole.counts
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_page_whose_record_was_lost_is_fetched_again(site: Site, tmp_path: Path) -> None:
    whole = site.crawl(tmp_path / "whole")
    stopped(site, tmp_path / "out")
    (spool,) = (tmp_path / "out" / STATE_FOLDER).glob("pages-*")
    os.truncate(spool, spool.stat().st_size - 10)
    assert site.crawl(tmp_path / "out", resume=True).counts == whole.counts
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_robots_txt_is_fetched_again_after_a_day(site: Site, tmp_path: Path) -> None:
    stopped(site, tmp_path)
    with CrawlState(tmp_path / STATE_FOLDER / FILE) as state:
        state.db.execute("UPDATE robots SET fetched_at = fetched_at - 86401")
        state.commit()
    site.pages["/robots.txt"] = robots("User-agent: *\nDisallow: /")
    report = site.crawl(tmp_path, resume=True)
    assert report.counts["robots"] > 1
    assert [path for path, _ in responses(report)][:3] == ["/robots.txt", "/robots.txt", "/"]


def test_a_finished_crawl_is_left_as_it_is(site: Site, tmp_path: Path) -> None:
    whole = site.crawl(tmp_path)
    before = [path.read_bytes() for path in whole.files]
    site.asked.clear()
    assert site.crawl(tmp_path, resume=True) == whole
    assert site.asked == []
    assert [path.read_bytes() for path in whole.files] == before


def test_one_that_was_stopped_while_it_wrote_its_files_writes_them_again(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = site.crawl(tmp_path / "whole")
    with monkeypatch.context() as patched:
        patched.setattr(Spool, "read", lambda spool, span: (_ for _ in ()).throw(Stopped))
        with pytest.raises(Stopped):
            site.crawl(tmp_path / "out")
    site.asked.clear()
    assert site.crawl(tmp_path / "out", resume=True).counts == whole.counts
    assert site.asked == []
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_a_stopped_crawl_is_only_gone_on_with_if_asked_and_with_the_same_settings(site: Site, tmp_path: Path) -> None:
    stopped(site, tmp_path)
    with pytest.raises(OutputError, match=r"has a stopped crawl; add --resume"):
        site.crawl(tmp_path)
    with pytest.raises(OutputError, match=r"has a crawl with crawl\.max_depth = 16, not 3"):
        site.crawl(tmp_path, resume=True, max_depth=3)
    assert site.crawl(tmp_path, resume=True, delay_s=0.1, max_pages=9).counts["fetched"] == 9


def test_two_crawls_into_one_folder_are_refused(site: Site, tmp_path: Path) -> None:
    stopped(site, tmp_path)
    with CrawlState(tmp_path / STATE_FOLDER / FILE), pytest.raises(OutputError, match="another process is crawling into this folder"):
        site.crawl(tmp_path, resume=True)


def test_a_state_that_is_damaged_is_named(site: Site, tmp_path: Path) -> None:
    (tmp_path / STATE_FOLDER).mkdir()
    (tmp_path / STATE_FOLDER / FILE).write_bytes(b"no database at all" * 100)
    with pytest.raises(OutputError, match=r"state\.sqlite: the state of the crawl is damaged"):
        site.crawl(tmp_path, resume=True)


def test_ctrl_c_of_the_command_says_how_to_go_on(site: Site, stopper: Stopper, tmp_path: Path) -> None:
    settings = ["delay_s=0", 'private_hosts=["127.0.0.1"]', "user_agent=testmill/1.0", "timeout_s=20"]
    given = [argument for setting in settings for argument in ("--set", setting)]
    command = [sys.executable, str(ROOT / "run_pipeline.py"), "crawl", f"{site.root}/", "--out", str(tmp_path / "out"), *given]
    stopper.after, stopper.signal = 20, signal.SIGINT
    stopper.process = subprocess.Popen(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE)
    _, shown = stopper.process.communicate(timeout=60)
    assert stopper.process.returncode == 130
    assert f"stopped; to continue in {tmp_path / 'out'}, repeat the command with --resume" in shown.decode()
    again = subprocess.run(command, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=False)
    assert again.returncode == 2
    assert b"add --resume" in again.stderr
    subprocess.run([*command, "--resume"], env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, check=True)
    asked = site.paths()
    assert len(asked) - len(set(asked)) <= 1
    site.crawl(tmp_path / "whole")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


def test_the_crawl_of_a_run_continues_source_by_source(site: Site, tmp_path: Path) -> None:
    """The first source is finished and the second half done when the run is stopped."""
    from pipelines.driver.context import Engine
    from pipelines.driver.run import Run
    from schemas import recipe as recipes
    from schemas.stages import StageName, stage_of

    crawls = {name: {"crawl": msgspec.to_builtins(site.config("/", f"/{at}"))} for name, at in (("one", 0), ("two", 39))}
    recipe = recipes.parse({"name": "crawled", "sources": crawls})
    n_told = 0

    def on_progress(stage: str, done: int, total: int | None) -> None:
        nonlocal n_told
        n_told += 1
        if n_told == 100:
            raise Stopped

    with pytest.raises(Stopped):
        Run(recipe, tmp_path, Engine(), on_progress).bring_up_to_date(stage_of(StageName.CRAWL))
    assert (tmp_path / "crawl" / "one" / ACCOUNT).is_file()
    assert not (tmp_path / "crawl" / "two" / ACCOUNT).is_file()
    record = Run(recipe, tmp_path, Engine(), lambda stage, done, total: None).bring_up_to_date(stage_of(StageName.CRAWL))
    assert [file.path for file in record.outputs] == ["crawl/one/crawl-00000.warc.gz", "crawl/two/crawl-00000.warc.gz"]
    assert all(counts["fetched"] == N + 1 for counts in record.details.values())
    asked = Counter(site.paths())
    assert sum(asked.values()) - 2 * len(asked) <= 1, "once for each source, but for the page that was in flight"
