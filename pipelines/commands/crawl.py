"""`crawl`: fetches pages into WARC files and prints how they ended."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich.table import Table

from pipelines.commands.screen import show, stage_bars, stopped
from pipelines.crawl.crawler import crawl_sites
from schemas import recipe as recipes
from schemas.file_names import check_folder_name
from schemas.lock import locked
from schemas.recipe import Crawl
from schemas.stages import StageName


def crawl_config(seeds: Sequence[str], settings: Sequence[str]) -> Crawl:
    """The section `crawl` of a source with these seeds and `key=value` settings. Raises RecipeError for a wrong one."""
    data: dict[str, object] = {"name": "crawl", "sources": {"crawl": {"crawl": {"seeds": list(seeds)}}}}
    for setting in settings:
        recipes.apply_setting(data, f"sources.crawl.crawl.{setting}")
    config = recipes.parse(data).sources["crawl"].crawl
    assert config is not None  # noqa: S101 - given above
    return config


def crawl_into(config: Crawl, out: Path, *, resume: bool) -> None:
    """Crawl into the folder, with a progress bar, and print the counts."""
    check_folder_name(out)
    out.mkdir(parents=True, exist_ok=True)
    try:
        with locked(out), stage_bars() as bars:
            report = crawl_sites(
                config, out, resume=resume, on_page=lambda progress: bars.on_progress(StageName.CRAWL, progress.n_fetched, config.max_pages)
            )
    except KeyboardInterrupt:
        raise stopped(f"stopped; to continue in {out}, repeat the command with --resume") from None
    table = Table(title=f"crawled into {out}", show_header=False)
    for name, number in report.counts.items():
        table.add_row(name, str(number))
    show(table)
