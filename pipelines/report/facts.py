"""A run folder -> every number that the page, the card and the summary show.

Enters: run.json, the ledger, the columns of the documents, the counts in the shards, the model's metrics. Of text only
the length is read. What a run that stopped early has not made is empty or None. The stage that writes the report is
left out, so that a report written again is the same to the byte.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import msgspec
import polars as pl

from pipelines.driver.guards import LEAST_BYTES
from pipelines.read.records import FILE_REASONS
from pipelines.report.histograms import Histogram, histogram_of, histograms
from pipelines.report.rows import Cluster, CutRow, CutShare, FilesRow, GuardRow, LanguageRow, RuleRow, SourceRow
from pipelines.report.rules import LINE_RULES, Rule, configured_rules
from schemas import layout
from schemas import recipe as recipes
from schemas.certificate import Certificate, certificates, pending_path, read_certificate
from schemas.errors import OutputError, RecipeError
from schemas.hops import LEDGER
from schemas.ledger import ADDRESS_NAMES, scan_ledger
from schemas.manifest import read_run
from schemas.recipe import Recipe, redaction_column
from schemas.stages import StageName

REPORTED_STAGES: Final = tuple(name for name in StageName if name != StageName.REPORT)
ROOMS: Final = {
    "read": StageName.INGEST,
    "opt_out": StageName.INGEST,
    "takedown": StageName.INGEST,
    "filters": StageName.INGEST,
    "caps": StageName.CURATE,
    "dedup": StageName.CURATE,
    "encode": StageName.ENCODE,
}
"""Each room that counts records, and the stage that it belongs to."""
ON_REQUEST: Final = ("opt_out", "takedown")
"""Ledger stages of documents that were left out or taken down because somebody asked for it."""

UP_TO_FILTERS: Final = ("read", *ON_REQUEST, "filters")
"""Ledger stages whose rows stay whatever dedup decides."""
CUT_CHARS: Final = "n_cut_chars_"
"""How the columns begin that say how much a kind cut out of a document."""

WAITING: Final = "waiting"
"""The outcome of a document that the filters passed on in a run that has not got further."""
NO_LANGUAGE: Final = "not identified"
MOST_CLUSTERS: Final = 10
MOST_REASONS: Final = 20

SIZES: Final = pl.Schema({"source": pl.String, "lang": pl.String, "n_documents": pl.Int64, "n_chars": pl.Int64, "n_bytes": pl.Int64})
TOKENS: Final = pl.Schema({"split": pl.String, "source": pl.String, "lang": pl.String, "n_documents": pl.Int64, "n_tokens": pl.Int64})
FATES: Final = pl.Schema(
    {"source": pl.String, "lang": pl.String, "step": pl.String, "outcome": pl.String, "reason": pl.String, "n": pl.Int64}
)


class Facts:
    """One run's numbers, each computed when it is first asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.run = read_run(folder)
        try:
            self.recipe: Recipe = recipes.parse(self.run["recipe"])
        except RecipeError as error:
            raise OutputError(
                "CM-REPORT-001", f"{folder / 'run.json'}: {error} (the run was made by another version of corpusmill)"
            ) from error
        self.stages: dict[str, dict[str, Any]] = {
            stage["stage"]: stage for stage in self.run["stages"] if stage["stage"] in REPORTED_STAGES
        }
        self.counts: dict[str, dict[str, int]] = {room: n for stage in self.stages.values() for room, n in stage["counts"].items()}
        self.wall_s = sum(stage["wall_s"] for stage in self.stages.values())
        self.cpu_s = sum(stage["cpu_s"] for stage in self.stages.values())

    def done(self, stage: str) -> bool:
        """Whether the stage has finished."""
        return stage in self.stages

    def details(self, stage: str) -> dict[str, Any]:
        """What the stage states about itself; empty if it has not finished."""
        return self.stages.get(stage, {}).get("details", {})

    @property
    def stopped_before(self) -> str | None:
        """The first stage that has not finished, if any."""
        return next((stage for stage in REPORTED_STAGES if stage not in self.stages), None)

    @cached_property
    def files(self) -> list[dict[str, Any]]:
        """Path, bytes and sha256 of every file of the run."""
        return [file for stage in self.stages.values() for file in stage["outputs"]]

    @cached_property
    def certificates(self) -> list[Certificate]:
        """Those of all takedowns, in order; the last one is still pending while it has the report written."""
        pending = [path for path in [pending_path(self.folder)] if path.is_file()]
        return [read_certificate(path) for path in (*certificates(self.folder), *pending)]

    # --- The ledger --------------------------------------------------------------------------------------------------

    @cached_property
    def ledger(self) -> pl.LazyFrame:
        """The ledger's rows so far."""
        return scan_ledger(self.folder / layout.LEDGER)

    @cached_property
    def fates(self) -> pl.DataFrame:
        """How many records came to which end, by source and language.

        Of a run that stopped before every record had an end, what dedup had decided is left out, since it will be decided
        again; the documents that wait for it are counted in the pool.
        """
        by = ("source", "lang", "step", "outcome", "reason")
        fates = _typed(self.ledger.group_by(by).agg(pl.len().alias("n")), FATES)
        if not self.done(StageName.CURATE) and fates.get_column("n").sum() != self.counts.get("read", {}).get("n_in"):
            fates = pl.concat([fates.filter(pl.col("step").is_in(UP_TO_FILTERS)), self._waiting()])
        return fates.sort(by)

    def _waiting(self) -> pl.DataFrame:
        counts = self.waiting.group_by("source", "lang").agg(pl.len().alias("n"))
        return _typed(counts.with_columns(step=pl.lit("dedup"), outcome=pl.lit(WAITING), reason=pl.lit(None, pl.String)), FATES)

    @property
    def waiting(self) -> pl.LazyFrame:
        """Documents of the pool that the filters have passed on; scan them, never collect `text`."""
        paths = sorted(self.folder.glob("pool/*.arrow")) or sorted(self.folder.glob("work/pool/*.arrow"))
        if not paths:
            return pl.DataFrame(LEDGER.empty_table()).lazy()
        dropped = self.ledger.filter(step="filters").select(ADDRESS_NAMES)
        return pl.scan_ipc(paths).join(dropped, on=ADDRESS_NAMES, how="anti")

    @cached_property
    def refined(self) -> bool:
        """Whether every record has come to its end, even where the run was stopped for it."""
        return self.done(StageName.CURATE) or (
            self.done(StageName.INGEST) and not self.n_records(outcome=WAITING) and self.n_records() == self.counts["read"]["n_in"]
        )

    def n_records(self, **where: str) -> int:
        """Records of such a fate: `n_records(step="dedup", reason="exact")`."""
        return int(self.fates.filter(**where).get_column("n").sum())

    def reasons(self, stage: str, *outcomes: str) -> list[dict[str, Any]]:
        """The most frequent reasons for which records ended in `stage`: source, outcome, reason, n."""
        rows = self.fates.filter(pl.col("step") == stage, pl.col("outcome").is_in(outcomes))
        rows = rows.group_by("source", "outcome", "reason").agg(pl.col("n").sum())
        return rows.sort("n", "source", "reason", descending=[True, False, False]).head(MOST_REASONS).to_dicts()

    @cached_property
    def sources(self) -> list[SourceRow]:
        """The recipe's sources, in its order."""
        sizes, tokens = self._by("source", self.sizes), self._by("source", self.tokens)
        return [self._source(name, sizes.get(name, {}), tokens.get(name, {})) for name in self.recipe.sources]

    @cached_property
    def source_files(self) -> list[FilesRow]:
        """The files of each source; empty until they have been read."""
        return [FilesRow(name=name, **files) for name, files in self.details(StageName.INGEST).get("files", {}).items()]

    def _source(self, name: str, size: dict[str, int], token: dict[str, int]) -> SourceRow:
        config = self.recipe.sources[name]
        encoded = self.done(StageName.ENCODE)
        return SourceRow(
            name=name,
            source_class=config.source_class,
            licence=config.licence,
            n_records=self.n_records(source=name),
            n_failed=self.n_records(source=name, outcome="failed"),
            n_unread=self.n_records(source=name, step="read", outcome="dropped"),
            n_left_out=sum(self.n_records(source=name, step=stage) for stage in ON_REQUEST),
            n_filtered=self.n_records(source=name, step="filters") + self.n_records(source=name, step="caps"),
            n_merged=self.n_records(source=name, outcome="merged") + self.n_records(source=name, step="dedup", outcome="dropped"),
            n_waiting=self.n_records(source=name, outcome=WAITING),
            n_kept=self.n_records(source=name, outcome="kept"),
            n_chars=size.get("n_chars", 0) if self.refined else None,
            n_bytes=size.get("n_bytes", 0) if self.refined else None,
            n_tokens=token.get("n_tokens", 0) if encoded else None,
        )

    @cached_property
    def rules(self) -> list[RuleRow]:
        """Every configured rule, those that never fired included."""
        removed = dict(self.fates.filter(step="filters").group_by("reason").agg(pl.col("n").sum()).iter_rows())
        judged = dict(self.fates.filter(~pl.col("step").is_in(["read", *ON_REQUEST])).group_by("source").agg(pl.col("n").sum()).iter_rows())
        failing, alone = (self.details(StageName.INGEST).get(name) for name in ("failing", "failing_alone"))
        return [
            RuleRow(
                rule=rule,
                n_judged=sum(judged.get(source, 0) for source in rule.sources),
                n_removed=removed.get(rule.name, 0),
                n_failing=None if failing is None else failing.get(rule.name, 0),
                n_alone=None if alone is None else alone.get(rule.name, 0),
            )
            for rule in configured_rules(self.recipe, self.language_names)
        ]

    @property
    def silent_rules(self) -> list[RuleRow]:
        """Rules that nothing fails although they had something to judge."""
        return [row for row in self.rules if not row.fired and row.n_judged and self.done(StageName.INGEST)]

    @cached_property
    def cut_lines(self) -> list[tuple[str, int]]:
        """What the rules on lines cut out of the documents that are kept; empty where none is configured."""
        filters = msgspec.to_builtins(self.recipe.filters)
        is_on = {rule: filters[rule.partition(".")[0]][rule.partition(".")[2]] not in (None, False) for rule in LINE_RULES}
        columns = {rule: column for rule, column in LINE_RULES.items() if is_on[rule] and column in self.columns}
        if not columns:
            return []
        totals = self.documents.select(pl.col(column).sum() for column in columns.values()).collect().row(0)
        return [(rule, int(total or 0)) for rule, total in zip(columns, totals, strict=True)]

    @cached_property
    def merges(self) -> list[tuple[str, int]]:
        """Each configured kind of duplicate and how many documents it merged."""
        names = {kind: (kind, f"{kind}.max_share", f"{kind}.min_left") for kind in self.recipe.dedup.kinds}
        return [(kind, sum(self.n_records(step="dedup", reason=reason) for reason in reasons)) for kind, reasons in names.items()]

    @cached_property
    def cuts(self) -> list[CutRow]:
        """How much each kind that cuts took out of the sources' documents, in the recipe's order; empty where no kind does."""
        kinds = [name.removeprefix(CUT_CHARS) for name in self.columns if name.startswith(CUT_CHARS)]
        if not kinds:
            return []
        sums = self.documents.group_by("source").agg(pl.col(f"{CUT_CHARS}{kind}").cast(pl.Int64).sum().alias(kind) for kind in kinds)
        n_left = self._by("source", self.sizes)
        of_source = {row.pop("source"): row for row in sums.collect().to_dicts()}
        return [
            CutRow(source=name, n_cut=of_source[name], n_left=n_left[name]["n_chars"]) for name in self.recipe.sources if name in of_source
        ]

    @property
    def cut_shares(self) -> list[CutShare]:
        """What each kind cut out of each source, the largest share first."""
        shares = [
            CutShare(kind=kind, source=row.source, n_cut=n, share=n / row.n_before)
            for row in self.cuts
            for kind, n in row.n_cut.items()
            if n
        ]
        return sorted(shares, key=lambda one: -one.share)

    @cached_property
    def similarities(self) -> Histogram | None:
        """Jaccard similarity of the near-duplicates to their survivors, from the limit up to 1."""
        if not self.n_records(step="dedup", reason="minhash"):
            return None
        rows = self.ledger.filter(pl.col("step") == "dedup", pl.col("reason") == "minhash").select(jaccard="value")
        return histogram_of(rows, "jaccard", self.recipe.dedup.minhash.min_jaccard, 1.0)

    @cached_property
    def clusters(self) -> list[Cluster]:
        """The survivors in which most documents ended."""
        merged = self.ledger.filter(outcome="merged").group_by("survivor_id")
        sizes = merged.agg(pl.len().alias("n"), pl.col("reason").unique().sort().str.join(", ").alias("kinds"))
        top = sizes.sort("n", "survivor_id", descending=[True, False]).head(MOST_CLUSTERS).collect()
        survivors = self.ledger.filter(pl.col("doc_id").is_in(top.get_column("survivor_id").implode()), outcome="kept")
        source_of = dict(survivors.select("doc_id", "source").collect().iter_rows())
        return [
            Cluster(survivor_id=survivor_id.hex(), source=source_of.get(survivor_id, ""), kinds=kinds, n_merged=n)
            for survivor_id, n, kinds in top.iter_rows()
        ]

    @cached_property
    def guards(self) -> list[GuardRow]:
        """The ceilings of the recipe and how near the run came to each."""
        guards, fates = self.recipe.guards, self.fates
        failed = (pl.col("step") == "read") & (pl.col("outcome") == "failed")
        filtered = (pl.col("step") == "filters") & ~pl.col("reason").str.starts_with("language.")
        merged = ~pl.col("outcome").is_in(["kept", WAITING])
        entered, stayed = fates.filter(~pl.col("step").is_in(["read", *ON_REQUEST])), fates.filter(pl.col("step") == "dedup")
        return [
            self._worst_files(guards.max_failed_files),
            _nearest("max_failed", guards.max_failed, fates, failed, ("source",), guards.min_documents),
            _nearest("max_filtered", guards.max_filtered, entered, filtered, ("source", "lang"), guards.min_documents),
            _nearest("max_merged", guards.max_merged, stayed.filter(self.refined), merged, ("source", "lang"), guards.min_documents),
            self._largest_cluster(guards.max_cluster),
            self._same_address(guards.max_same_address),
            self._lost_bytes(guards.max_lost_bytes),
        ]

    def _largest_cluster(self, limit: float | None) -> GuardRow:
        """The survivor in which the largest share of all documents that dedup saw ended."""
        n = self.n_records(step="dedup")
        row = GuardRow(key="guards.max_cluster", limit=limit, group=None)
        if not self.refined or not self.clusters or n < self.recipe.guards.min_documents:
            return row
        largest = self.clusters[0]
        return replace(row, group=f"cluster of {largest.survivor_id}", n=n, share=(largest.n_merged + 1) / n)

    def _same_address(self, limit: float | None) -> GuardRow:
        """The share of all documents that dedup saw which have the address of another, and not its text."""
        row = GuardRow(key="guards.max_same_address", limit=limit, group=None)
        n, apart = self.n_records(step="dedup"), (self.details("curate").get("dedup") or {}).get("same_address_apart", 0)
        if not self.done("curate") or n < self.recipe.guards.min_documents:
            return row
        return replace(row, group="documents unlike another of their address", did="are", n=n, share=apart / n)

    def _lost_bytes(self, limit: float | None) -> GuardRow:
        """The source of which the largest share of bytes could not be read."""
        sizes, lost = (self.details("ingest").get(name) or {} for name in ("input_bytes", "lost_bytes"))
        rows = [(lost.get(name, 0) / size, name) for name, size in sizes.items() if size >= LEAST_BYTES]
        share, worst = max(rows, key=lambda row: row[0], default=(0.0, None))
        group = f"source {worst} (bytes)" if worst else None
        return GuardRow(key="guards.max_lost_bytes", limit=limit, group=group, n=sizes.get(worst, 0), share=share)

    def _worst_files(self, limit: float | None) -> GuardRow:
        """The source that could not read the largest share of its files."""
        bad = self.ledger.filter(pl.col("step") == "read", pl.col("origin_offset") == 0, pl.col("reason").is_in(FILE_REASONS))
        n_bad = dict(bad.group_by("source").len().collect().iter_rows())
        rows = [(n_bad.get(row.name, 0) / row.n_files, row) for row in self.source_files if row.n_files]
        share, worst = max(rows, key=lambda row: row[0], default=(0.0, None))
        group = f"source {worst.name}" if worst else None
        return GuardRow(key="guards.max_failed_files", limit=limit, group=group, n=worst.n_files if worst else 0, share=share)

    # --- Documents and shards ----------------------------------------------------------------------------------------

    @cached_property
    def documents(self) -> pl.LazyFrame:
        """The curated documents; scan them, never collect `text`."""
        paths = sorted((self.folder / "documents").glob("*.arrow")) if self.refined else []
        return pl.scan_ipc(paths) if paths else pl.LazyFrame()

    @cached_property
    def measured(self) -> pl.LazyFrame:
        """Every document that was read, with its signals; the curated ones where the run kept no others."""
        paths = sorted((self.folder / "pool").glob("*.arrow")) if self.done(StageName.INGEST) else []
        return pl.scan_ipc(paths) if paths else self.documents

    @cached_property
    def columns(self) -> pl.Schema:
        """Names and types of the documents' columns."""
        return self.documents.collect_schema()

    @cached_property
    def sizes(self) -> pl.DataFrame:
        """Documents, characters and UTF-8 bytes by source and language."""
        if "text" not in self.columns:
            return pl.DataFrame(schema=SIZES)
        n_chars, n_bytes = pl.col("text").str.len_chars().cast(pl.Int64), pl.col("text").str.len_bytes().cast(pl.Int64)
        grouped = self.documents.group_by("source", "lang").agg(n_documents=pl.len(), n_chars=n_chars.sum(), n_bytes=n_bytes.sum())
        return _typed(grouped, SIZES).sort("source", "lang")

    @cached_property
    def tokens(self) -> pl.DataFrame:
        """Documents and tokens by split, source and language."""
        frames = [
            pl.scan_ipc(self.folder / "shards" / shard["path"]).select("source", "lang", "n_tokens", split=pl.lit(shard["split"]))
            for shard in self.index["shards"]
        ]
        if not frames:
            return pl.DataFrame(schema=TOKENS)
        by = ("split", "source", "lang")
        grouped = pl.concat(frames).group_by(by).agg(n_documents=pl.len(), n_tokens=pl.col("n_tokens").cast(pl.Int64).sum())
        return _typed(grouped, TOKENS).sort(by)

    @cached_property
    def index(self) -> dict[str, Any]:
        """shards/index.json, or one without shards where there is none yet."""
        empty: dict[str, Any] = {"shards": []}
        return (_json(self.folder / "shards" / "index.json") or empty) if self.done(StageName.ENCODE) else empty

    @property
    def splits(self) -> list[dict[str, Any]]:
        """Shards, documents and tokens of each split."""
        n_shards = pl.DataFrame(self.index["shards"], schema_overrides={"split": pl.String})
        if n_shards.is_empty():
            return []
        by_split = n_shards.group_by("split").agg(
            pl.len().alias("n_shards"), *(pl.col(name).sum() for name in ("n_documents", "n_tokens", "n_bytes"))
        )
        return by_split.sort("split").to_dicts()

    @property
    def n_tokens(self) -> int | None:
        """Tokens in all shards."""
        return int(self.tokens.get_column("n_tokens").sum()) if self.done(StageName.ENCODE) else None

    @property
    def n_bytes(self) -> int:
        """UTF-8 bytes of the curated text."""
        return int(self.sizes.get_column("n_bytes").sum())

    @cached_property
    def languages(self) -> list[LanguageRow]:
        """Languages of the kept documents, the largest first."""
        tokens = self._by("lang", self.tokens)
        n_chars = self.sizes.get_column("n_chars").sum()
        rows = self.sizes.group_by("lang").agg(pl.col("n_documents", "n_chars", "n_bytes").sum())
        return [
            LanguageRow(
                name=lang or NO_LANGUAGE,
                n_documents=documents,
                n_chars=chars,
                n_bytes=n_bytes,
                n_tokens=tokens.get(lang, {}).get("n_tokens", 0) if self.done(StageName.ENCODE) else None,
                share=chars / n_chars if n_chars else 0.0,
            )
            for lang, documents, chars, n_bytes in rows.sort("n_chars", "lang", descending=[True, False]).iter_rows()
        ]

    @property
    def language_names(self) -> list[str]:
        """Languages that documents were identified as, dropped ones included."""
        return self.fates.get_column("lang").drop_nulls().unique().sort().to_list()

    @cached_property
    def licences(self) -> list[tuple[str | None, int]]:
        """Licences of the kept documents and how many have each; None: none stated."""
        return self._frequent("licence")

    @cached_property
    def rights(self) -> list[tuple[str | None, int]]:
        """Robots directives found with the kept documents and how many have each."""
        return [(value, n) for value, n in self._frequent("rights") if value is not None]

    @cached_property
    def redacted(self) -> list[tuple[str, int, int]]:
        """Each kind of private value, how many were replaced, and in how many documents."""
        kinds = [kind for kind in self.recipe.scrub.kinds if redaction_column(kind) in self.columns]
        if not kinds:
            return []
        counts = [pl.col(redaction_column(kind)).cast(pl.Int64) for kind in kinds]
        values, documents = (
            self.documents.select(totals).collect().row(0) for totals in ([c.sum() for c in counts], [(c > 0).sum() for c in counts])
        )
        return [(kind, n or 0, m or 0) for kind, n, m in zip(kinds, values, documents, strict=True)]

    @cached_property
    def redacted_by_source(self) -> dict[str, dict[str, int]]:
        """Replaced values by source and kind."""
        kinds = [kind for kind, _, _ in self.redacted]
        if not kinds:
            return {}
        sums = self.documents.group_by("source").agg(pl.col(redaction_column(kind)).cast(pl.Int64).sum().alias(kind) for kind in kinds)
        return {row.pop("source"): row for row in sums.sort("source").collect().to_dicts()}

    @cached_property
    def signals(self) -> list[Histogram]:
        """One histogram per numeric signal of all documents that were read and of the kept ones, with the limits of all languages."""
        limits: dict[str, set[float]] = {
            name: set()
            for name, kind in self.measured.collect_schema().items()
            if kind.is_numeric() and name not in ("origin_offset", "part") and not name.startswith(("n_redacted_", "n_cut_"))
        }
        for row in self.rules:
            if row.rule.signal in limits:
                limits[row.rule.signal] |= {
                    float(n) for n in (row.rule.limit, *row.rule.other_limits.values()) if isinstance(n, int | float)
                }
        drawn = {name: tuple(sorted(values)) for name, values in limits.items()}
        return histograms(self.measured, drawn, self.documents if self.refined else None)

    @cached_property
    def rules_on(self) -> dict[str, list[Rule]]:
        """The rules that limit each signal."""
        rules: dict[str, list[Rule]] = {}
        for row in self.rules:
            rules.setdefault(row.rule.signal, []).append(row.rule)
        return rules

    # --- The model ---------------------------------------------------------------------------------------------------

    @cached_property
    def metrics(self) -> dict[str, Any]:
        """validation/metrics.json; empty where the model has not been trained."""
        return _json(self.folder / "validation" / "metrics.json") or {}

    # --- Helpers -----------------------------------------------------------------------------------------------------

    def _by(self, key: str, frame: pl.DataFrame) -> dict[str | None, dict[str, int]]:
        """Sums of the counts of a frame, by one of its keys."""
        sums = frame.group_by(key).agg(pl.selectors.integer().sum())
        return {row.pop(key): row for row in sums.to_dicts()}

    def _frequent(self, column: str) -> list[tuple[str | None, int]]:
        if column not in self.columns:
            return []
        counts = self.documents.group_by(column).agg(pl.len().alias("n"))
        return list(counts.sort("n", column, descending=[True, False]).collect().iter_rows())


def _typed(frame: pl.LazyFrame, schema: pl.Schema) -> pl.DataFrame:
    """The collected frame in exactly the columns and types of `schema`."""
    return frame.select(pl.col(name).cast(kind) for name, kind in schema.items()).collect(engine="streaming")


def _nearest(key: str, limit: float | None, everything: pl.DataFrame, removed: pl.Expr, groups: tuple[str, ...], least: int) -> GuardRow:
    """The group of at least `least` records that lost the largest share."""
    worst = GuardRow(key=f"guards.{key}", limit=limit, group=None)
    for by in groups:
        rows = everything.group_by(by).agg(n=pl.col("n").sum(), removed=pl.col("n").filter(removed).sum())
        for name, n, lost in rows.filter(pl.col("n") >= least).sort(by).iter_rows():
            if worst.group is None or lost / n > worst.share:
                kind = "language" if by == "lang" else by
                worst = GuardRow(key=worst.key, limit=limit, group=f"{kind} {name or NO_LANGUAGE}", n=n, share=lost / n)
    return worst


def _json(path: Path) -> dict[str, Any] | None:
    """A JSON object, or None where the file is not there."""
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (msgspec.DecodeError, msgspec.ValidationError) as error:
        raise OutputError("CM-REPORT-002", f"{path} is damaged ({error}); run the stage that made it again with --resume") from error
