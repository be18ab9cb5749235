"""Sources that say how to be fetched -> archives in DIR/crawl."""

from __future__ import annotations

import msgspec

from pipelines.crawl.crawler import crawl_sites
from pipelines.crawl.visits import CrawlProgress
from pipelines.driver.context import RunContext, StageResult
from schemas import layout
from schemas.files import entry
from schemas.stages import StageName


def run(context: RunContext) -> StageResult:
    """Fetch every source that is a crawl. A stopped crawl continues."""
    done = StageResult(outputs=[])
    for name, source in context.recipe.sources.items():
        if source.crawl is None:
            continue
        most = source.crawl.max_pages

        def on_page(progress: CrawlProgress, most: int = most) -> None:
            context.on_progress(StageName.CRAWL, progress.n_fetched, most)

        report = crawl_sites(source.crawl, context.folder / layout.CRAWL / name, resume=True, on_page=on_page)
        done.outputs += [entry(path, context.folder) for path in report.files]
        done.details[name] = msgspec.to_builtins(report.counts)
    return done
