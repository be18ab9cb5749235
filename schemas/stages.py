"""The table of a run's stages: names, settings and files. `pipelines/driver/stages/NAME.py` does the work of a stage."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final


class StageName(StrEnum):
    """The names of the stages in markers, run.json, progress and messages."""

    CRAWL = "crawl"
    INGEST = "ingest"
    CURATE = "curate"
    TOKENIZER = "tokenizer"
    ENCODE = "encode"
    VALIDATE = "validate"
    REPORT = "report"


NAMES_OF_FORMAT_1: Final = {StageName.INGEST: "collect", StageName.CURATE: "refine"}
"""The names in format 1 of stages that were renamed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One stage of a run."""

    name: StageName
    title: str
    """Its title in progress bars."""
    settings: tuple[str, ...]
    """The settings that it reads; "*" matches any one key, and a leading "-" excludes settings."""
    after: tuple[StageName, ...] = ()
    """Stages whose files it reads."""
    files_named_in: tuple[str, ...] = ()
    """Sections of the recipe that may name more files for it to read."""
    adds_inputs: bool = False
    """Whether its module has a function `inputs` that lists its other inputs."""
    owns: tuple[str, ...] = ()
    """Files and folders to delete before the stage starts, so that nothing of an earlier attempt remains."""
    leaves_work: bool = False
    """Whether the next stage needs DIR/work; otherwise it is deleted after this stage."""

    @property
    def module(self) -> str:
        """The module that does the work. The marker states the digest of its code and of everything it imports."""
        return f"pipelines.driver.stages.{self.name}"


STAGES: Final = (
    Stage(name=StageName.CRAWL, title="crawl", settings=("sources.*.crawl",), owns=("crawl",), leaves_work=True),
    Stage(
        name=StageName.INGEST,
        title="read, filter and scrub",
        settings=(
            "seed",
            "sources",
            "read",
            "clean",
            "filters",
            "opt_out",
            "scrub",
            "-scrub.special_tokens",
            "-scrub.max_host_values_per_1000_chars",
            "guards",
            "-guards.max_merged",
            "-guards.max_cluster",
            "-guards.max_same_address",
        ),
        files_named_in=("opt_out", "filters", "scrub"),
        adds_inputs=True,
        owns=("work", "pool", "ledger", "scrub_audit", "index"),
        leaves_work=True,
    ),
    Stage(
        name=StageName.CURATE,
        title="dedup",
        settings=(
            "seed",
            "sources.*.rules",
            "sources.*.clean",
            "clean",
            "filters",
            "domains",
            "decontaminate",
            "dedup",
            "scrub",
            "-scrub.special_tokens",
            "guards",
            "-guards.max_filtered",
            "-guards.max_failed",
            "-guards.max_failed_files",
            "-guards.max_lost_bytes",
        ),
        after=(StageName.INGEST,),
        files_named_in=("dedup",),
        adds_inputs=True,
        owns=("work/curate", "documents", "ledger/dedup-*.parquet", "ledger/refine-*.parquet", "ledger/caps-*.parquet"),
    ),
    Stage(
        name=StageName.TOKENIZER,
        title="train the tokenizer",
        settings=("seed", "tokenizer", "dedup.protected", "scrub.special_tokens", "scrub.kinds"),
        after=(StageName.CURATE,),
        files_named_in=("tokenizer",),
        owns=("work/tokenizer", "tokenizer"),
    ),
    Stage(
        name=StageName.ENCODE,
        title="encode and shuffle",
        settings=("seed", "encode", "dedup.protected", "tokenizer.special_tokens", "scrub"),
        after=(StageName.CURATE, StageName.TOKENIZER),
        owns=("work/encode", "shards"),
    ),
    # It owns nothing: a checkpoint in validation/ may be continued.
    Stage(name=StageName.VALIDATE, title="train the model", settings=("seed", "pretrain"), after=(StageName.ENCODE,), leaves_work=True),
    Stage(
        name=StageName.REPORT,
        title="write the report",
        settings=("*",),
        after=tuple(name for name in StageName if name != StageName.REPORT),
        owns=("report", "README.md"),
        leaves_work=True,
    ),
)


def stage_of(name: StageName) -> Stage:
    """The row of a stage in `STAGES`."""
    return STAGES[list(StageName).index(name)]


def following(name: StageName) -> tuple[StageName, ...]:
    """The stages after this one, in order."""
    names = tuple(StageName)
    return names[names.index(name) + 1 :]
