"""run.json, the details of its stages and metrics.json as typed records.

A field with a default may be missing: the stage has not finished, or an earlier version made the run.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from pipelines.encode.evaluate import TokenizerEvaluation
from pipelines.encode.shards import ShardIndex
from schemas import layout
from schemas.errors import OutputError
from schemas.manifest import StageRecord, read_run

INDEX_FILE: Final = f"{layout.SHARDS}/index.json"
METRICS_FILE: Final = f"{layout.VALIDATION}/metrics.json"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRecord:
    """DIR/run.json."""

    recipe: dict[str, object]
    """With all defaults filled in."""
    recipe_digest: str
    workers: int
    runner: str
    stages: tuple[StageRecord, ...]
    """The finished stages, in order."""
    versions: dict[str, str] = field(default_factory=dict)
    """By package."""
    stopped: str | None = None
    """The error that stopped the run, if any."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFiles:
    """The files of one source."""

    n_files: int
    """Files that are read."""
    n_failed: int
    """Of them, those that could not be read, or not to the end."""
    passed_over: dict[str, int]
    """Files that the source names but the run does not read, by ending or reason."""

    @property
    def n_passed_over(self) -> int:
        """Files that the run does not read."""
        return sum(self.passed_over.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class IngestDetails:
    """Details of reading and filtering."""

    files: dict[str, SourceFiles] = field(default_factory=dict)
    """By source."""
    input_bytes: dict[str, int] = field(default_factory=dict)
    """Bytes of the input files, by source."""
    lost_bytes: dict[str, int] = field(default_factory=dict)
    """Of them, bytes that could not be read."""
    passed_over_records: dict[str, int] = field(default_factory=dict)
    """WARC records that are not pages, by type."""
    failing: dict[str, int] | None = None
    """By rule, the documents that fail it. None if the recipe does not keep dropped documents."""
    failing_alone: dict[str, int] | None = None
    """By rule, the documents that fail it and no other rule."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DedupCost:
    """The cost of deduplication, by name: documents, bytes and seconds."""

    forecast: dict[str, float]
    happened: dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class SetContamination:
    """One evaluation set and what was found of it."""

    items: int
    found: int
    documents_by_item: dict[str, int] = field(default_factory=dict)
    """The number of documents that contain each item found."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CurateDetails:
    """Details of deduplication and decontamination."""

    dedup: dict[str, int] = field(default_factory=dict)
    """Counters such as candidate_pairs and crowded_buckets."""
    dedup_cost: DedupCost | None = None
    contamination: dict[str, SetContamination] = field(default_factory=dict)
    """By evaluation set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerDetails:
    """Details of training the tokenizer."""

    vocab_size: int | None = None
    sample_documents: int = 0
    """Documents that it was trained on."""
    sample_bytes: int | None = None
    evaluation: TokenizerEvaluation | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodeDetails:
    """Details of encoding."""

    encoder_reason: str = ""
    """Why the compiled encoder was not used; empty if it was."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceLosses:
    """The model's loss on the validation text of one source, and that of token frequencies alone."""

    n_tokens: int | None = None
    loss: float | None = None
    """Nats per token."""
    bits_per_byte: float | None = None
    unigram_bits_per_byte: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingChecks:
    """The counts that training verified before its first step."""

    n_documents: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelMetrics:
    """validation/metrics.json: the trained model and its losses in nats per token."""

    valid: str | None = None
    """The text that the model was validated on: "held out" or "train tail"."""
    valid_sha256: str | None = None
    trained_with: dict[str, object] = field(default_factory=dict)
    """Seed and settings of the training."""
    passed: bool | None = None
    reasons: tuple[str, ...] = ()
    """Why the model did not pass."""
    n_tokens: int | None = None
    loss: float | None = None
    bits_per_byte: float | None = None
    """None if the tokenizer is not byte-level."""
    unigram_loss: float | None = None
    unigram_bits_per_byte: float | None = None
    first_loss: float | None = None
    sources: dict[str, SourceLosses] = field(default_factory=dict)
    train_curve: tuple[tuple[float, float], ...] = ()
    """(step, mean loss since the point before)"""
    valid_curve: tuple[tuple[float, float, float | None], ...] = ()
    """(step, loss, bits per byte)"""
    spikes: tuple[int, ...] = ()
    """Steps at which the training loss jumped."""
    steps: int | None = None
    n_parameters: int | None = None
    n_trained_tokens: int | None = None
    epochs: float | None = None
    tokens_per_s: float | None = None
    device: str | None = None
    checks: TrainingChecks = field(default_factory=TrainingChecks)


def run_record(folder: Path) -> RunRecord:
    """The run's record; OutputError if the folder is not that of a run, or a field is missing or has another type."""
    return _converted(read_run(folder), RunRecord, folder / "run.json")


def stage_details(folder: Path, record: StageRecord | None, details: type[_T]) -> _T:
    """The details of a stage as an object of that type; all defaults if the stage has not finished."""
    found = {} if record is None else {name: value for name, value in record.details.items() if value is not None}
    return _converted(found, details, folder / "run.json")


def crawl_counts(record: StageRecord | None) -> dict[str, dict[str, int]]:
    """URLs by crawled source and outcome; empty if nothing was crawled."""
    return {} if record is None else {name: counts for name, counts in record.details.items() if isinstance(counts, dict)}


def model_metrics(folder: Path) -> ModelMetrics | None:
    """validation/metrics.json, or None if no model was trained. OutputError if the file is damaged."""
    return _decoded(folder / METRICS_FILE, ModelMetrics)


def shard_index_of(folder: Path) -> ShardIndex | None:
    """shards/index.json, or None if there is none. OutputError if the file is damaged."""
    return _decoded(folder / INDEX_FILE, ShardIndex)


def _decoded(path: Path, kind: type[_T]) -> _T | None:
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise OutputError("CM-REPORT-002", f"{path} is damaged ({error}); run the stage that made it again with --resume") from error


def _converted(plain: object, kind: type[_T], path: Path) -> _T:
    try:
        return msgspec.convert(plain, type=kind)
    except msgspec.ValidationError as error:
        raise OutputError(
            "CM-REPORT-003", f"{path} is damaged or was written by another version of corpusmill ({error}); run it again with --resume"
        ) from error
