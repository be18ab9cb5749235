"""A run folder -> its recipe, finished stages, counts, files and certificates."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Final

from pipelines.report.run_record import (
    CurateDetails,
    EncodeDetails,
    IngestDetails,
    ModelMetrics,
    TokenizerDetails,
    crawl_counts,
    model_metrics,
    run_record,
    stage_details,
)
from schemas import recipe as recipes
from schemas.certificate import Certificate, certificates, pending_path, read_certificate
from schemas.errors import OutputError, RecipeError
from schemas.files import FileEntry
from schemas.manifest import Counts, StageRecord
from schemas.recipe import Recipe
from schemas.stages import StageName

PAGE: Final = "report/index.html"
CARD: Final = "README.md"
"""The dataset card."""
REPORTED_STAGES: Final = tuple(name for name in StageName if name != StageName.REPORT)
"""Without the stage that writes the report: a report that is written again is the same to the byte."""


class RunFacts:
    """What run.json and the certificates state. OutputError if run.json is damaged or of another version."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.record = run_record(folder)
        try:
            self.recipe: Recipe = recipes.parse(self.record.recipe)
        except RecipeError as error:
            raise OutputError("CM-REPORT-001", f"{folder / 'run.json'}: {error} (another version of corpusmill made the run)") from error
        self.stages: dict[StageName, StageRecord] = {
            StageName(stage.stage): stage for stage in self.record.stages if stage.stage in REPORTED_STAGES
        }
        self.counts: dict[str, Counts] = {step: counts for stage in self.stages.values() for step, counts in stage.counts.items()}
        self.wall_s = sum(stage.wall_s for stage in self.stages.values())
        self.cpu_s = sum(stage.cpu_s for stage in self.stages.values())
        self.crawled = crawl_counts(self.stages.get(StageName.CRAWL))
        self.ingest = stage_details(folder, self.stages.get(StageName.INGEST), IngestDetails)
        self.curate = stage_details(folder, self.stages.get(StageName.CURATE), CurateDetails)
        self.tokenizer = stage_details(folder, self.stages.get(StageName.TOKENIZER), TokenizerDetails)
        self.encode = stage_details(folder, self.stages.get(StageName.ENCODE), EncodeDetails)

    def done(self, stage: StageName) -> bool:
        """Whether the stage has finished."""
        return stage in self.stages

    @property
    def stopped_before(self) -> StageName | None:
        """The first stage that has not finished, if any."""
        return next((stage for stage in REPORTED_STAGES if stage not in self.stages), None)

    @property
    def n_read(self) -> int | None:
        """Records that were read; None until all sources have been."""
        return self.counts["read"].n_in if "read" in self.counts else None

    @cached_property
    def files(self) -> list[FileEntry]:
        """Every file of the run."""
        return [file for stage in self.stages.values() for file in stage.outputs]

    @cached_property
    def certificates(self) -> list[Certificate]:
        """The certificates of all takedowns, in order, with that of a takedown in progress: it rewrites the report before it ends."""
        pending = [path for path in [pending_path(self.folder)] if path.is_file()]
        return [read_certificate(path) for path in (*certificates(self.folder), *pending)]

    @cached_property
    def metrics(self) -> ModelMetrics | None:
        """validation/metrics.json; None if no model was trained."""
        return model_metrics(self.folder)
