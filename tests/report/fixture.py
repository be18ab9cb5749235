"""A small finished run folder made by hand, whose every number is known, without running the pipeline."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.encode.shards import SHARDS_FORMAT, shard_counts, source_totals, write_shard, write_shard_index
from schemas import recipe as recipes
from schemas.files import FileEntry, entry
from schemas.hops import LEDGER, tokens_schema
from schemas.ledger import Outcome
from schemas.manifest import Counts, StageRecord, write_run
from schemas.recipe import Recipe

MARKER: Final = "zebra-text-that-no-report-may-show"
HOSTILE: Final = '<script>alert("x")</script>'
ROWS: Final = "rows-v2"
STAGES: Final = ("crawl", "ingest", "curate", "tokenizer", "encode", "validate", "report")


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Records of one source and language that end alike."""

    n: int
    source: str
    stage: str
    outcome: Outcome
    lang: str | None = None
    reason: str | None = None
    value: float | None = None
    limit: float | None = None


KEPT, DROPPED, MERGED, FAILED = Outcome.KEPT, Outcome.DROPPED, Outcome.MERGED, Outcome.FAILED
GROUPS: Final = (
    Group(n=40, source="web", stage="read", outcome=DROPPED, reason="http_status"),
    Group(n=25, source="web", stage="read", outcome=DROPPED, reason="not_html"),
    Group(n=6, source="web", stage="read", outcome=FAILED, reason="truncated"),
    Group(n=60, source="web", lang="de", stage="filters", outcome=DROPPED, reason="language.keep"),
    Group(n=12, source="web", lang="en", stage="filters", outcome=DROPPED, reason="language.min_score", value=0.4, limit=0.65),
    Group(n=34, source="web", lang="en", stage="filters", outcome=DROPPED, reason="gopher_quality.min_words", value=21, limit=50),
    Group(n=9, source="web", lang="zh", stage="filters", outcome=DROPPED, reason="gopher_quality.min_words", value=51, limit=75),
    Group(
        n=7, source="web", lang="en", stage="filters", outcome=DROPPED, reason="gopher_repetition.max_dup_line_ratio", value=0.5, limit=0.3
    ),
    Group(n=3, source="web", lang="en", stage="filters", outcome=DROPPED, reason="c4.max_lorem_ipsum", value=1, limit=0),
    Group(n=14, source="web", lang="en", stage="dedup", outcome=MERGED, reason="exact", value=1, limit=1),
    Group(n=11, source="web", lang="en", stage="dedup", outcome=MERGED, reason="minhash", value=0.86, limit=0.72),
    Group(n=5, source="web", lang="zh", stage="dedup", outcome=MERGED, reason="minhash", value=0.95, limit=0.72),
    Group(n=120, source="web", lang="en", stage="dedup", outcome=KEPT),
    Group(n=55, source="web", lang="zh", stage="dedup", outcome=KEPT),
    Group(n=8, source=ROWS, lang="en", stage="filters", outcome=DROPPED, reason="length.min_chars", value=10, limit=200),
    Group(n=30, source=ROWS, lang="en", stage="dedup", outcome=KEPT),
    Group(n=2, source="代码", stage="read", outcome=FAILED, reason="encoding"),
    Group(n=4, source="代码", stage="filters", outcome=DROPPED, reason="length.min_chars", value=9, limit=200),
    Group(n=45, source="代码", stage="dedup", outcome=KEPT),
)
N_RECORDS: Final = sum(group.n for group in GROUPS)
N_KEPT: Final = sum(group.n for group in GROUPS if group.outcome is KEPT)


FILES: Final = {"web": {"n_files": 3, "n_failed": 1, "passed_over": {".html": 12, ".json (not JSON Lines)": 1}}}
FAILING: Final = {"failing": {"gopher_quality.min_words": 70}, "failing_alone": {"gopher_quality.min_words": 21}}


def site_recipe() -> Recipe:
    """Three sources under different rules; one rule of them never fires by the groups above."""
    return recipes.parse(
        {
            "name": "small",
            "description": f"A run made by hand. {HOSTILE}",
            "sources": {
                "web": {"path": "web.warc.gz", "source_class": "commoncrawl"},
                ROWS: {"path": "rows.jsonl", "rules": ["length"], "licence": "CC-BY-4.0"},
                "代码": {"path": "code", "format": "code", "source_class": "code", "rules": ["length"], "licence": "PSF-2.0"},
            },
            "filters": {
                "rules": ["language", "gopher_repetition", "gopher_quality", "c4", "fineweb"],
                "length": {"min_chars": 200},
                "language": {"keep": ["en", "zh"]},
                "gopher_quality": {"max_hash_ratio": "off"},
            },
            "dedup": {"kinds": ["url", "exact", "minhash"], "minhash": {"min_jaccard": 0.72}},
            "tokenizer": {"vocab_size": 400},
        }
    )


def doc_id(number: int) -> bytes:
    """The id of record `number`."""
    return hashlib.blake2b(str(number).encode(), digest_size=16).digest()


def numbered_groups() -> Iterator[tuple[int, Group]]:
    """(record number, its group) of every record."""
    number = 0
    for group in GROUPS:
        for _ in range(group.n):
            yield number, group
            number += 1


def survivor_of(group: Group) -> bytes:
    """The first kept document of the group's source and language."""
    return next(
        doc_id(n) for n, other in numbered_groups() if other.outcome is KEPT and (other.source, other.lang) == (group.source, group.lang)
    )


def ledger_table() -> pa.Table:
    """The whole ledger."""
    survivors = {group: survivor_of(group) for group in GROUPS if group.outcome is MERGED}
    rows = [
        {
            "origin_file": group.source,
            "origin_offset": number,
            "part": 0,
            "doc_id": None if group.stage == "read" else doc_id(number),
            "source": group.source,
            "lang": group.lang,
            "step": group.stage,
            "outcome": group.outcome.value,
            "reason": group.reason,
            "value": group.value,
            "limit": group.limit,
            "survivor_id": survivors.get(group),
        }
        for number, group in numbered_groups()
    ]
    return pa.Table.from_pylist(rows, LEDGER)


def documents_table() -> pa.Table:
    """The curated documents: text with the marker in it, two private values in every third, some signals."""
    kept = [(number, group) for number, group in numbered_groups() if group.outcome is KEPT]
    texts = [f"{MARKER} " + ("数据" if group.lang == "zh" else "data") * (50 + 7 * i % 90) for i, (_, group) in enumerate(kept)]
    web = [group.source == "web" for _, group in kept]
    n = len(kept)
    columns: dict[str, pa.Array] = {
        "doc_id": pa.array([doc_id(number) for number, _ in kept], pa.binary(16)),
        "source": pa.array([group.source for _, group in kept], pa.large_string()),
        "source_class": pa.array(["other"] * n, pa.large_string()),
        "url": pa.array([f"https://{MARKER}.example/{i}" for i in range(n)], pa.large_string()),
        "origin_file": pa.array([group.source for _, group in kept], pa.large_string()),
        "origin_offset": pa.array([number for number, _ in kept], pa.uint64()),
        "part": pa.array([0] * n, pa.uint32()),
        "licence": pa.array([None if is_web else "PSF-2.0" for is_web in web], pa.large_string()),
        "rights": pa.array(["noai" if i % 40 == 0 else None for i in range(n)], pa.large_string()),
        "lang": pa.array([group.lang for _, group in kept], pa.large_string()),
        "lang_score": pa.array([0.66 + (i * 37 % 34) / 100 if is_web else None for i, is_web in enumerate(web)], pa.float64()),
        "length.chars": pa.array([len(text) for text in texts], pa.float64()),
        "gopher_quality.words": pa.array([50 + i * i % 4000 if is_web else None for i, is_web in enumerate(web)], pa.float64()),
        "gopher_quality.alpha_word_ratio": pa.array(
            [0.8 + i * 13 % 20 / 100 if is_web else None for i, is_web in enumerate(web)], pa.float64()
        ),
        "c4.cut_few_words": pa.array([i % 3 if is_web else None for i, is_web in enumerate(web)], pa.float64()),
        "c4.cut_no_terminal": pa.array([0.0] * n, pa.float64()),
        "text": pa.array(texts, pa.large_string()),
        "n_redacted_email": pa.array([2 if i % 3 == 0 else 0 for i in range(n)], pa.uint32()),
        "n_redacted_phone": pa.array([1 if i % 5 == 0 else 0 for i in range(n)], pa.uint32()),
        "n_redacted_iban": pa.array([0] * n, pa.uint32()),
        "n_cut_chars_lines": pa.array([1000 * is_web for is_web in web], pa.uint32()),
        "n_cut_spans_lines": pa.array([7 * is_web for is_web in web], pa.uint32()),
        "n_cut_chars_evaluation": pa.array([1 if i == 0 else 0 for i in range(n)], pa.uint32()),
    }
    return pa.table(columns)


def metrics() -> dict[str, Any]:
    """What pretrain states of a training that went well."""
    losses = {
        "n_tokens": 2740,
        "n_bytes": 10_960,
        "loss": 2.104,
        "bits_per_byte": 0.759,
        "unigram_loss": 3.951,
        "unigram_bits_per_byte": 1.425,
    }
    train = [[step, 2 + 4 * 0.96**step + 0.05 * (step % 3)] for step in range(1, 101)]
    return {
        "valid": "held out",
        "valid_sha256": "5e" * 32,
        "passed": True,
        "reasons": [],
        **losses,
        "first_loss": 5.993,
        "uniform_loss": 5.991,
        "sources": {"web": {**losses, "n_tokens": 2034, "bits_per_byte": 0.812}, ROWS: {**losses, "n_tokens": 294}},
        "train_curve": train,
        "valid_curve": [[step, 2.1 + 3.9 * 0.96**step, 0.76] for step in (0, 25, 50, 75, 100)],
        "spikes": [],
        "steps": 100,
        "n_parameters": 812_416,
        "n_trained_tokens": 204_800,
        "epochs": 8.07,
        "tokens_per_s": 10_340.0,
        "device": "cpu",
    }


def counts_of(*rooms: str) -> dict[str, Counts]:
    """What each room took in and how records left it, from the groups."""
    order = ("read", "filters", "dedup")
    counts, entering = {}, N_RECORDS
    for room in order:
        ended = {outcome: sum(g.n for g in GROUPS if g.stage == room and g.outcome is outcome) for outcome in (DROPPED, MERGED, FAILED)}
        leaving = entering - sum(ended.values())
        counts[room] = Counts(n_in=entering, n_out=leaving, dropped=ended[DROPPED], merged=ended[MERGED], failed=ended[FAILED])
        entering = leaving
    counts["encode"] = Counts(n_in=entering, n_out=entering)
    return {room: counts[room] for room in rooms}


def make_run(folder: Path, *, until: str = "report", pretrain: bool = True) -> Path:
    """A run folder in which the stages before `until` are done, and `until` was stopped by its guard, with its files written."""
    recipe = site_recipe()
    finished = STAGES[: STAGES.index(until)]
    reached = STAGES[: STAGES.index(until) + 1]
    ledger, records = ledger_table(), []
    stages = ledger.column("step").to_pylist()
    (folder / "ledger").mkdir(parents=True)
    outputs: dict[str, list[FileEntry]] = {stage: [] for stage in STAGES}
    for stage, rooms in (("ingest", ("read", "filters")), ("curate", ("dedup",))):
        if stage in reached:
            path = folder / "ledger" / f"{rooms[-1]}-00000.parquet"
            pq.write_table(ledger.filter(pa.array([room in rooms for room in stages])), path)
            outputs[stage].append(entry(path, folder))
    if until in ("ingest", "curate"):
        write_segment(folder)
    details: dict[str, dict[str, Any]] = {
        "crawl": {"web": {"fetched": 466, "robots_denied": 3}},
        "ingest": {"n_splits": 3, "files": FILES, **FAILING},
    }
    if "curate" in reached:
        documents = documents_table()
        path = folder / "documents" / "documents-00000.arrow"
        path.parent.mkdir()
        with pa.ipc.new_file(str(path), documents.schema) as writer:
            writer.write_table(documents, max_chunksize=64)
        outputs["curate"].append(entry(path, folder, documents.num_rows))
        details["curate"] = {"dedup": {"candidate_pairs": 61, "verified_pairs": 33, "crowded_buckets": 2}, "redacted": {}}
    if "tokenizer" in finished:
        path = folder / "tokenizer" / "tokenizer.json"
        path.parent.mkdir()
        path.write_text("{}")
        outputs["tokenizer"].append(entry(path, folder))
        details["tokenizer"] = {"vocab_size": 400, "sample_documents": 250, "sample_bytes": 48_000}
    if "encode" in finished:
        outputs["encode"] = write_shards(folder, documents_table())
        details["encode"] = {"n_shards": 2}
    if "validate" in finished and pretrain:
        path = folder / "validation" / "metrics.json"
        path.parent.mkdir()
        path.write_text(json.dumps(metrics()))
        outputs["validate"].append(entry(path, folder))
    details["validate"] = metrics() if pretrain else {"skipped": "pretrain.enabled = false"}
    rooms_of = {"ingest": ("read", "filters"), "curate": ("dedup",), "encode": ("encode",)}
    records = [
        StageRecord(
            stage=stage,
            recipe_digest=recipe.digest(),
            inputs=(),
            outputs=tuple(outputs[stage]),
            counts=counts_of(*rooms_of.get(stage, ())),
            details=details.get(stage, {}),
            wall_s=1.5 + i,
            cpu_s=2.25 + i,
        )
        for i, stage in enumerate(finished)
    ]
    write_run(folder, recipe, records, workers=2, runner="local", complete=until == "report", stopped=None)
    return folder


def write_segment(folder: Path) -> None:
    """What the filters passed on, as it lies there until dedup is done."""
    ledger = ledger_table()
    passed = ledger.filter(pa.array([stage == "dedup" for stage in ledger.column("step").to_pylist()]))
    table = passed.select(["origin_file", "origin_offset", "part", "doc_id", "source", "lang"])
    table = table.append_column("text", pa.array([MARKER] * table.num_rows, pa.large_string()))
    path = folder / "work" / "pool" / "segment-00000.arrow"
    path.parent.mkdir(parents=True)
    with pa.ipc.new_file(str(path), table.schema) as writer:
        writer.write_table(table)


def n_tokens_of(table: pa.Table) -> list[int]:
    """Tokens of each document: a quarter of its bytes."""
    return [len(text.encode()) // 4 for text in table.column("text").to_pylist()]


def write_shards(folder: Path, documents: pa.Table) -> list[FileEntry]:
    """One shard of training and one of validation, which holds every tenth document."""
    sizes = n_tokens_of(documents)
    ids = pa.large_list(pa.field("item", pa.uint16(), nullable=False))
    table = documents.select(["doc_id", "source", "lang"])
    table = table.append_column("tokens", pa.array([[7] * size for size in sizes], ids)).append_column(
        "n_tokens", pa.array(sizes, pa.uint32())
    )
    files, shards = [], []
    for split in ("train", "valid"):
        path = folder / "shards" / f"{split}-00000-of-00001.arrow"
        path.parent.mkdir(exist_ok=True)
        mine = table.filter(pa.array([(i % 10 == 0) == (split == "valid") for i in range(table.num_rows)]))
        write_shard(mine, path, tokens_schema(400, {"tokenizer": "t", "recipe": "r", "scrub": "s"}))
        n_documents, n_tokens = shard_counts(path)
        file = entry(path, folder, n_documents)
        files.append(file)
        shards.append({"path": path.name, "split": split, "n_documents": n_documents, "n_tokens": n_tokens, **sizes_of(file)})
    index = folder / "shards" / "index.json"
    tokenizer = {"path": "tokenizer/tokenizer.json", "sha256": "0" * 64, "vocab_size": 400, "end_of_text": 0}
    totals = source_totals([folder / file.path for file in files])
    write_shard_index(index, {"format": SHARDS_FORMAT, "tokenizer": tokenizer, "dtype": "uint16", "shards": shards, "sources": totals})
    return [*files, entry(index, folder)]


def sizes_of(file: FileEntry) -> dict[str, Any]:
    """The file's bytes and digest, as the index states them."""
    stated: dict[str, Any] = msgspec.to_builtins(file)
    return {name: stated[name] for name in ("n_bytes", "sha256")}
