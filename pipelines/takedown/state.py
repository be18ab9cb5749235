"""The state of a run without some documents, made beside the run: every file that held one of them, sums, markers and run.json.

Counts, sums and digests are taken from what they were and from the rows that go; nothing but the affected files is read whole.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import polars as pl
import pyarrow as pa

from pipelines.encode.shards import write_shard_index
from pipelines.scrub.index import TakedownRequest, match_request
from pipelines.takedown.blank_records import write_blanked
from pipelines.takedown.preview import Preview, preview_of
from pipelines.takedown.redirects import led_to
from pipelines.takedown.remove_rows import removed_rows, write_ledger, write_without
from schemas import certificate as certificates
from schemas import layout
from schemas import recipe as recipes
from schemas.certificate import RewrittenFile
from schemas.errors import OutputError, RequestError
from schemas.files import FileEntry, entry, sha256_of
from schemas.hops import LEDGER
from schemas.ledger import Outcome, check_step
from schemas.manifest import Counts, RunState, StageRecord, lines_of, marker_path, read_marker, read_run, write_marker, write_run
from schemas.recipe import Recipe, redaction_column
from schemas.stages import StageName

STEP: Final = "takedown"
_BEFORE_RULES: Final = ("read", "opt_out", STEP)
"""Rooms with counts that stay as they are, or are counted again."""
_HOLDERS: Final = (layout.POOL, layout.DOCUMENTS, layout.SHARDS, layout.SCRUB_AUDIT, layout.INDEX, layout.LEDGER)
"""Folders with files that have rows per document."""


@dataclass(slots=True)
class NewState:
    """A run's state, and the new state that is being made in its staging folder."""

    folder: Path
    state: RunState
    recipe: Recipe
    before: dict[str, StageRecord]
    records: dict[str, StageRecord]
    rewritten: dict[str, RewrittenFile]
    n_tokens: int = 0

    @classmethod
    def read(cls, folder: Path) -> NewState:
        """OutputError where not even the ledger is complete."""
        state = read_run(folder)
        found = {stage: read_marker(folder, stage) for stage in StageName}
        records: dict[str, StageRecord] = {stage: record for stage, record in found.items() if record is not None}
        for stage in (StageName.INGEST, StageName.CURATE):
            if stage not in records:
                raise OutputError(
                    "CM-TAKEDOWN-003", f"{folder}: the stage {str(stage)!r} has not been finished; finish the run with --resume first"
                )
        if not any(file.path.startswith(f"{layout.INDEX}/") for file in records[StageName.INGEST].outputs):
            raise OutputError(
                "CM-TAKEDOWN-004",
                f"{folder} has no index of its documents, since an older version made it; run the recipe into a new folder",
            )
        return cls(folder, state, recipes.parse(state["recipe"]), dict(records), records, {})

    @property
    def staging(self) -> Path:
        """Where new files are made."""
        return certificates.staging(self.folder)

    def files(self, under: str) -> list[FileEntry]:
        """Files of the run below a folder."""
        return [file for record in self.before.values() for file in record.outputs if file.path.startswith(f"{under}/")]

    def find(self, asked: TakedownRequest, *, with_copies: bool = False) -> Preview:
        """All documents to remove: those asked for, copies merged into them and, if `with_copies`, the survivors they were merged into."""
        if (asked.email_hashes or asked.phone_hashes) and not self.recipe.opt_out.index_values:
            raise RequestError(
                "CM-TAKEDOWN-005", f"{self.folder} keeps no hashes of values (opt_out.index_values = false); give --url or --doc-id"
            )
        if asked.urls:
            archives = [self.folder / file.path for file in self.files(layout.CRAWL)]
            asked = dataclasses.replace(asked, urls=(*asked.urls, *led_to(archives, asked.urls)))
        named: dict[bytes, str] = {}
        hosts = []
        for file in self.files(layout.INDEX):
            index = pl.read_parquet(self.folder / file.path)
            named = dict(match_request(index, asked).iter_rows()) | named
            hosts.append(index.select("doc_id", "host"))
        columns = ["doc_id", "source", "outcome", "survivor_id"]
        ledger = pl.concat([pl.read_parquet(self.folder / file.path, columns=columns) for file in self.files(layout.LEDGER)])
        ledger = ledger.filter(pl.col("doc_id").is_not_null())
        if with_copies:
            named = dict.fromkeys(_survivors_of(ledger, named), "copy") | named
        copies = ledger.filter(pl.col("survivor_id").is_in(list(named))).get_column("doc_id").to_list()
        return preview_of(dict.fromkeys(copies, "copy") | named, ledger, pl.concat(hosts))

    def remove(self, ids: pa.Array) -> pa.Table:
        """Rewrite every file that contains one of the documents; return the removed ledger rows."""
        ledger = []
        for folder in _HOLDERS:
            for file in self.files(folder):
                path = self.folder / file.path
                if path.suffix == ".json" or not removed_rows(path, ids).num_rows:
                    continue
                self.check_as_written(file)
                if folder == layout.LEDGER:
                    ledger.append(removed_rows(path, ids, *LEDGER.names))
                n_rows = write_without(path, self.staging / file.path, ids, keep_empty=folder != layout.SHARDS)
                self.replaced(file, dataclasses.replace(entry(self.staging / file.path, self.staging), n_rows=n_rows))
        removed = pa.concat_tables(ledger)
        self.blank_crawled(pl.DataFrame(removed))
        return removed

    def check_as_written(self, file: FileEntry) -> None:
        """OutputError if a file differs from what the run wrote."""
        if sha256_of(self.folder / file.path) != file.sha256:
            raise OutputError("CM-TAKEDOWN-006", f"{self.folder / file.path} is not as the run wrote it; mend the run with --resume first")

    def blank_crawled(self, ledger: pl.DataFrame) -> None:
        """Rewrite every WARC file of the run's own crawls that one of the records came from."""
        for file in self.files(layout.CRAWL):
            offsets = ledger.filter(pl.col("origin_file") == file.path).get_column("origin_offset").to_list()
            if offsets:
                self.check_as_written(file)
                write_blanked(self.folder / file.path, self.staging / file.path, offsets)
                self.replaced(file, entry(self.staging / file.path, self.staging))

    def replaced(self, old: FileEntry, new: FileEntry) -> None:
        """Note a new file, in the certificate and in the record of its stage."""
        for stage, record in self.records.items():
            outputs = tuple(new if file.path == old.path else file for file in record.outputs)
            self.records[stage] = dataclasses.replace(record, outputs=outputs)
        self.rewritten[old.path] = RewrittenFile(
            path=old.path, sha256_before=old.sha256, sha256_after=new.sha256, n_rows_before=old.n_rows, n_rows_after=new.n_rows
        )

    def add_ledger(self, table: pa.Table, number: int) -> None:
        """Write the ledger file of removed records. It belongs to `ingest`, which no later decision repeats."""
        path = self.staging / layout.LEDGER / f"takedown-{number:04d}.parquet"
        write_ledger(table, path)
        new = entry(path, self.staging, table.num_rows)
        ingest = self.records[StageName.INGEST]
        outputs = tuple(sorted((*ingest.outputs, new), key=lambda file: file.path))
        self.records[StageName.INGEST] = dataclasses.replace(ingest, outputs=outputs)
        self.rewritten[new.path] = RewrittenFile(path=new.path, sha256_before=None, sha256_after=new.sha256, n_rows_after=new.n_rows)

    def update_counts(self, ledger: pl.DataFrame, ids: pa.Array) -> None:
        """Counts, sums and the index of the shards, as of a run in which the documents were left out before any rule judged."""
        ends = {(stage, outcome): n for stage, outcome, n in ledger.group_by("step", "outcome").len().iter_rows()}
        kept = sum(n for (_, outcome), n in ends.items() if outcome == Outcome.KEPT)
        left = ledger.height
        for stage in (StageName.INGEST, StageName.CURATE):
            record = self.records[stage]
            counts = {}
            for room, before in record.counts.items():
                if room in _BEFORE_RULES:
                    counts[room] = before
                    continue
                gone = {outcome.value: ends.get((room, outcome), 0) for outcome in Outcome if outcome != Outcome.KEPT}
                passed = left - sum(gone.values())
                counts[room] = _less(before, n_in=left, n_out=passed, **gone)
                left = passed
            self.records[stage] = dataclasses.replace(record, counts=counts)
        in_documents = sum(removed_rows(self.folder / file.path, ids).num_rows for file in self.files(layout.DOCUMENTS))
        check_step("takedown", left, kept, 0)
        check_step("takedown from documents", kept, in_documents, 0)
        self.count_takedown(ledger.height)
        curate = self.records[StageName.CURATE]
        details = curate.details | {"redacted": self.redacted_without(ids)}
        self.records[StageName.CURATE] = dataclasses.replace(curate, details=details)
        if StageName.ENCODE in self.records:
            self.update_shards(ids, kept)

    def count_takedown(self, n: int) -> None:
        """The room that all takedowns together are, behind opting out."""
        ingest = self.records[StageName.INGEST]
        passed = ingest.counts["opt_out"].n_out
        n += ingest.counts.get(STEP, Counts()).dropped
        counts = {}
        for room, before in ingest.counts.items():
            if room != STEP:
                counts[room] = before
            if room == "opt_out":
                counts[STEP] = Counts(n_in=passed, n_out=passed - n, dropped=n)
        self.records[StageName.INGEST] = dataclasses.replace(ingest, counts=counts)

    def redacted_without(self, ids: pa.Array) -> dict[str, int]:
        """Values replaced in the documents that are left, by kind."""
        redacted = dict(self.before[StageName.CURATE].details["redacted"])
        columns = [redaction_column(kind) for kind in redacted]
        for file in self.files(layout.DOCUMENTS):
            gone = removed_rows(self.folder / file.path, ids, *columns)
            for kind, column in zip(redacted, columns, strict=True):
                redacted[kind] -= int(gone.column(column).to_numpy().sum()) if gone.num_rows else 0
        return redacted

    def update_shards(self, ids: pa.Array, kept: int) -> None:
        """index.json and the record of `encode`."""
        path = f"{layout.SHARDS}/index.json"
        index = msgspec.json.decode((self.folder / path).read_bytes())
        shards = [file.path for file in self.files(layout.SHARDS) if file.path != path]
        gone = {shard: removed_rows(self.folder / shard, ids, "source", "n_tokens") for shard in shards}
        check_step("takedown from shards", kept, sum(table.num_rows for table in gone.values()), 0)
        for shard in index["shards"]:
            table = gone[f"{layout.SHARDS}/{shard['path']}"]
            if table.num_rows:
                new = self.staging / layout.SHARDS / shard["path"]
                shard["n_documents"] -= table.num_rows
                shard["n_tokens"] -= int(table.column("n_tokens").to_numpy().astype(np.int64).sum())
                shard["n_bytes"], shard["sha256"] = new.stat().st_size, sha256_of(new)
        removed = pl.concat([pl.DataFrame(table) for table in gone.values()])
        for source, n_documents, n_tokens in removed.group_by("source").agg(pl.len(), pl.col("n_tokens").cast(pl.Int64).sum()).iter_rows():
            total = index["sources"][source]
            total["n_documents"] -= n_documents
            total["n_tokens"] -= n_tokens
        index["sources"] = {source: total for source, total in index["sources"].items() if total["n_documents"]}
        self.n_tokens = int(removed.get_column("n_tokens").cast(pl.Int64).sum())
        if removed.height:
            write_shard_index(self.staging / path, index)
            (old,) = (file for file in self.files(layout.SHARDS) if file.path == path)
            self.replaced(old, entry(self.staging / path, self.staging))
        encode = self.records[StageName.ENCODE]
        counts = encode.counts | {StageName.ENCODE: _less(encode.counts[StageName.ENCODE], n_in=kept, n_out=kept)}
        details = encode.details | {"n_tokens": encode.details["n_tokens"] - self.n_tokens, "sources": index["sources"]}
        self.records[StageName.ENCODE] = dataclasses.replace(encode, counts=counts, details=details)

    def write_state(self) -> None:
        """Markers, each stage's inputs being the outputs of those before as they are now, and run.json."""
        lines = {
            old: new
            for stage, record in self.before.items()
            for old, new in zip(lines_of(record.outputs), lines_of(_same_files(record, self.records[stage])), strict=True)
        }
        fresh = [line for line in lines_of(self.records[StageName.INGEST].outputs) if line not in lines.values()]
        collected = set(lines_of(self.before[StageName.INGEST].outputs))
        for stage, record in list(self.records.items()):
            inputs = [lines.get(line, line) for line in record.inputs]
            if collected & set(record.inputs):
                inputs = _with_lines(inputs, fresh, [lines[line] for line in record.inputs if line in collected])
            self.records[stage] = dataclasses.replace(record, inputs=tuple(inputs))
        for stage, record in self.records.items():
            if record != self.before[stage]:
                write_marker(self.staging, record)
                self.late(marker_path(Path(), stage), final=stage != StageName.REPORT)
        write_state_file(self.staging, self.state, list(self.records.values()))
        self.late(Path("run.json"), final=StageName.REPORT not in self.records)
        for file in self.records[StageName.REPORT].outputs if StageName.REPORT in self.records else ():
            self.rewritten[file.path] = RewrittenFile(path=file.path, sha256_before=file.sha256, sha256_after=None)

    def late(self, path: Path, *, final: bool) -> None:
        """Note a file of the run's state; unless it is final, it is written once more with the report."""
        before = sha256_of(self.folder / path) if (self.folder / path).is_file() else None  # a marker of format 1 has another name
        after = sha256_of(self.staging / path) if final else None
        self.rewritten[str(path)] = RewrittenFile(path=str(path), sha256_before=before, sha256_after=after)


def _survivors_of(ledger: pl.DataFrame, named: dict[bytes, str]) -> list[bytes]:
    """Documents of this run into which some of these were merged."""
    survivors = ledger.filter(pl.col("doc_id").is_in(list(named))).get_column("survivor_id").drop_nulls()
    return ledger.filter(pl.col("doc_id").is_in(survivors.implode())).get_column("doc_id").to_list()


def write_state_file(folder: Path, state: RunState, records: list[StageRecord]) -> None:
    """run.json with these records; all else as `state` has it."""
    workers, runner, complete, stopped = state["workers"], state["runner"], state["complete"], state["stopped"]
    write_run(folder, recipes.parse(state["recipe"]), records, workers=workers, runner=runner, complete=complete, stopped=stopped)


def _same_files(old: StageRecord, new: StageRecord) -> list[FileEntry]:
    """The new record's entries of the files that the old one has, in its order."""
    by_path = {file.path: file for file in new.outputs}
    return [by_path[file.path] for file in old.outputs]


def _with_lines(inputs: list[str], fresh: list[str], among: list[str]) -> list[str]:
    """The lines of one stage's files with new ones, in the order of paths; other inputs stay where they are."""
    first = inputs.index(among[0])
    return [*inputs[:first], *sorted([*among, *fresh], key=lambda line: line.rsplit(" ", 2)[0]), *inputs[first + len(among) :]]


def _less(counts: Counts, **numbers: int) -> Counts:
    return dataclasses.replace(counts, **{name: getattr(counts, name) - n for name, n in numbers.items()})
