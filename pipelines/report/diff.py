"""Two run folders -> the changes from one to the other, as plain numbers. Of text only the length is read.

Records are matched by their address in the ledger, so that runs over the same files are compared record by record even if
text changed. If a run stopped early, records are compared up to the last step that both runs have finished.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Final, Generic, Literal, TypeVar

import polars as pl

from pipelines.report.comparable import other_rules, why_not
from pipelines.report.facts import Facts
from pipelines.report.ledger_facts import UP_TO_FILTERS, WAITING
from pipelines.report.rows import SourceRow, total
from pipelines.report.run_record import ModelMetrics
from schemas import layout
from schemas.ledger import ADDRESS_NAMES
from schemas.stages import StageName

MOST_EXAMPLES: Final = 3
"""Doc_ids that are given for a group."""
PART_RECORDS: Final = 1_000_000
"""Records that are joined at a time: memory depends on it and not on the size of the runs."""

END: Final = pl.concat_str("outcome", "reason", separator=": ", ignore_nulls=True)
"""How a record ends, from the columns of the ledger: "kept" or "dropped: gopher_quality.min_words"."""

PASSED: Final = "passed by the filters"
"""The end of a document that the filters keep, if runs are compared up to the filters."""
OUTPUTS: Final = (layout.LEDGER, layout.DOCUMENTS, str(PurePath(layout.TOKENIZER_FILE).parent), layout.SHARDS)
SOURCE_FIELDS: Final = {
    "records": "n_records",
    "failed": "n_failed",
    "set aside": "n_set_aside",
    "dropped": "n_filtered",
    "merged": "n_merged",
    "kept": "n_kept",
    "characters": "n_chars",
    "bytes": "n_bytes",
    "tokens": "n_tokens",
}
"""The numbers of a source that are compared, and their fields in SourceRow."""
FROM_DEDUP_ON: Final = ("merged", "kept")
"""Of them, those that are known only after dedup."""

Reach = Literal["nothing", "filters", "end"]
"""How far records are compared: not at all, since a run has not read all of them, up to the filters, or to their end."""
Number = float | bool | None

_V = TypeVar("_V")


@dataclass(frozen=True, slots=True, kw_only=True)
class Change(Generic[_V]):
    """One value in both runs; None if a run does not have it."""

    name: str
    before: _V
    after: _V


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCompared:
    """A number of both runs that measures different things in them."""

    name: str
    before: Number
    after: Number
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Records that end differently in the two runs; None as an end: the run does not have them."""

    before: str | None
    after: str | None
    n: int
    ids: list[str]
    """The first of their doc_ids, in hex; records without a document have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """How records ended in both runs, compared one by one."""

    reach: Reach
    n_in_both: int = 0
    n_alike: int = 0
    """Of them, records with the same end."""
    n_other_text: int = 0
    """Of them, documents with another doc_id: their text or URL changed."""
    moves: list[Move] = field(default_factory=list)
    """Records with another end, and records of one run only; the most frequent first."""
    files: list[Change[int | None]] = field(default_factory=list)
    """Input files from which the runs read different numbers of records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """The changes from the run in folder `before` to the run in folder `after`."""

    before: str
    after: str
    stopped: Change[str | None]
    """The first stage that a run has not finished, if any."""
    recipe: list[Change[object]]
    """Settings that differ, by key."""
    versions: list[Change[object]]
    same_files: dict[str, bool]
    """For each folder of results in both runs, whether its files are the same to the byte."""
    results: list[Change[Number]]
    """Documents, sizes, tokenizer, model and time of the whole runs."""
    sources: dict[str, list[Change[Number]]]
    """By source, records by outcome, and sizes."""
    reasons: list[Change[Number]]
    """Records by outcome and reason, without kept ones."""
    not_compared: list[NotCompared]
    """Results, sizes and reasons that are left out of the fields above because they measure different things."""
    languages: list[Change[Number]]
    """Kept documents by language."""
    redacted: list[Change[Number]]
    """Replaced private values by kind."""
    records: Records


def difference(before: Path, after: Path) -> Difference:
    """Compare two runs; OutputError if a folder is not that of a run."""
    a, b = Facts(before), Facts(after)
    reach = _reach(a, b)
    against = why_not(a, b)
    results, other_results = _comparable(side_by_side(_results(a), _results(b)), against)
    rules = other_rules(a, b)
    ended = side_by_side(_reasons(a, reach), _reasons(b, reach), absent=0)
    of_rules = {one.name: rules[name] for one in ended if (name := _rule_set(one.name)) in rules}
    reasons, other_reasons = _comparable(ended, of_rules)
    return Difference(
        before=str(before),
        after=str(after),
        stopped=Change(name="stopped before", before=a.stopped_before, after=b.stopped_before),
        recipe=differing(_settings(a.record.recipe), _settings(b.record.recipe)),
        versions=differing(a.record.versions, b.record.versions),
        same_files=_same_files(a, b),
        results=results,
        sources={name: _comparable(sizes, against)[0] for name, sizes in _sources(a, b).items()},
        reasons=reasons,
        not_compared=[*other_results, *other_reasons],
        languages=side_by_side(*({row.name: row.n_documents for row in facts.languages} for facts in (a, b)), absent=0),
        redacted=side_by_side(*({kind: n for kind, n, _ in facts.documents.redacted} for facts in (a, b))),
        records=_records(a, b, reach),
    )


def _reach(a: Facts, b: Facts) -> Reach:
    if a.ledger.is_complete and b.ledger.is_complete:
        return "end"
    return "filters" if a.done(StageName.INGEST) and b.done(StageName.INGEST) else "nothing"


def _comparable(changes: list[Change[Number]], reasons: Mapping[str, str]) -> tuple[list[Change[Number]], list[NotCompared]]:
    """The changes that can be compared, and those of both runs that have an entry in `reasons`."""
    against = {change.name for change in changes if change.name in reasons and None not in (change.before, change.after)}
    return [change for change in changes if change.name not in against], [
        NotCompared(name=change.name, before=change.before, after=change.after, why=reasons[change.name])
        for change in changes
        if change.name in against
    ]


def _rule_set(end: str) -> str:
    """The rule set of an end such as "dropped: gopher_quality.min_words"."""
    return end.partition(": ")[2].partition(".")[0]


def differing(before: Mapping[str, object], after: Mapping[str, object]) -> list[Change[object]]:
    """The names whose values differ, in the order of both; 5 and 5.0 differ, and so do True and 1."""
    names = dict.fromkeys((*before, *after))
    changes: list[Change[object]] = [Change(name=name, before=before.get(name), after=after.get(name)) for name in names]
    return [change for change in changes if repr(change.before) != repr(change.after)]


def side_by_side(before: Mapping[str, Number], after: Mapping[str, Number], *, absent: Number = None) -> list[Change[Number]]:
    """One change for each name of either side; a side without the name has the value `absent`."""
    names = dict.fromkeys((*before, *after))
    return [Change(name=name, before=before.get(name, absent), after=after.get(name, absent)) for name in names]


def _settings(recipe: Mapping[str, object], section: str = "") -> dict[str, object]:
    """{"dedup.minhash.bands": 14, ...}"""
    settings: dict[str, object] = {}
    for key, value in recipe.items():
        settings |= _settings(value, f"{section}{key}.") if isinstance(value, dict) and value else {f"{section}{key}": value}
    return settings


def _same_files(a: Facts, b: Facts) -> dict[str, bool]:
    digests = [
        {folder: {file.path: file.sha256 for file in facts.files if file.path.startswith(f"{folder}/")} for folder in OUTPUTS}
        for facts in (a, b)
    ]
    return {folder: digests[0][folder] == digests[1][folder] for folder in OUTPUTS if digests[0][folder] and digests[1][folder]}


def _results(facts: Facts) -> dict[str, Number]:
    split_tokens = {split.split: split.n_tokens for split in facts.shards.splits}
    metrics = facts.metrics or ModelMetrics()
    return {
        **_sizes(total(facts.sources), facts),
        **{f"tokens, {name}": split_tokens.get(name) for name in ("train", "valid")},
        "vocabulary": facts.tokenizer.vocab_size,
        "bytes per token": facts.bytes_per_token,
        "model loss": metrics.loss,
        "model bits per byte": metrics.bits_per_byte,
        "model passed": metrics.passed,
        "wall seconds": None if facts.stopped_before else facts.wall_s,
        "CPU seconds": None if facts.stopped_before else facts.cpu_s,
    }


def _sources(a: Facts, b: Facts) -> dict[str, list[Change[Number]]]:
    before, after = ({row.name: _sizes(row, facts) for row in facts.sources} for facts in (a, b))
    return {name: side_by_side(before.get(name, {}), after.get(name, {})) for name in dict.fromkeys((*before, *after))}


def _sizes(row: SourceRow, facts: Facts) -> dict[str, int | None]:
    return {
        name: getattr(row, key) if facts.ledger.is_complete or name not in FROM_DEDUP_ON else None for name, key in SOURCE_FIELDS.items()
    }


def _reasons(facts: Facts, reach: Reach) -> dict[str, int]:
    ended = facts.ledger.outcome_counts.filter(~pl.col("outcome").is_in(["kept", WAITING]))
    if reach != "end":
        ended = ended.filter(pl.col("step").is_in(UP_TO_FILTERS))
    counts = ended.group_by(end=END).agg(pl.col("n").sum()).sort("n", "end", descending=[True, False])
    return dict(counts.iter_rows())


# --- Record by record ------------------------------------------------------------------------------------------------


def _records(a: Facts, b: Facts, reach: Reach) -> Records:
    if reach == "nothing":
        return Records(reach=reach)
    n_most = max(facts.n_read or 0 for facts in (a, b))
    return compare(_ends(a, reach), _ends(b, reach), reach, n_parts=1 + n_most // PART_RECORDS)


def compare(before: pl.LazyFrame, after: pl.LazyFrame, reach: Reach, n_parts: int = 1) -> Records:
    """Two frames of address, doc_id and `end`, joined part by part; the part of a record depends on its address alone."""
    part = (pl.col("origin_file").hash() ^ pl.col("origin_offset").hash()) % n_parts
    counts: Counter[tuple[str | None, str | None]] = Counter()
    ids: defaultdict[tuple[str | None, str | None], list[bytes]] = defaultdict(list)
    n_other_text = 0
    for number in range(n_parts):
        joined = before.filter(part == number).join(after.filter(part == number), on=ADDRESS_NAMES, how="full", coalesce=True)
        for end_before, end_after, n, n_other, least in _moves(joined).iter_rows():
            pair = (end_before, end_after)
            counts[pair] += n
            n_other_text += n_other
            ids[pair] = heapq.nsmallest(MOST_EXAMPLES, ids[pair] + least)
    ordered = sorted(counts.items(), key=lambda item: (-item[1], str(item[0])))
    return Records(
        reach=reach,
        n_in_both=sum(n for pair, n in ordered if None not in pair),
        n_alike=sum(n for (end_before, end_after), n in ordered if end_before == end_after),
        n_other_text=n_other_text,
        moves=[Move(before=pair[0], after=pair[1], n=n, ids=[one.hex() for one in ids[pair]]) for pair, n in ordered if pair[0] != pair[1]],
        files=_files(before, after),
    )


def _moves(joined: pl.LazyFrame) -> pl.DataFrame:
    """(end before, end after, records, records with another doc_id, the first doc_ids) of joined records."""
    ids = pl.coalesce("doc_id", "doc_id_right").drop_nulls().sort().head(MOST_EXAMPLES)
    n_other = (pl.col("doc_id") != pl.col("doc_id_right")).sum()
    return joined.group_by("end", "end_right").agg(n=pl.len(), n_other=n_other, ids=ids).collect(engine="streaming")


def _files(before: pl.LazyFrame, after: pl.LazyFrame) -> list[Change[int | None]]:
    counted = (ends.group_by("origin_file").agg(n=pl.len()) for ends in (before, after))
    joined = next(counted).join(next(counted), on="origin_file", how="full", coalesce=True)
    rows = joined.filter(pl.col("n").ne_missing(pl.col("n_right"))).sort("origin_file").collect(engine="streaming")
    return [Change(name=file, before=n, after=n_right) for file, n, n_right in rows.iter_rows()]


def _ends(facts: Facts, reach: Reach) -> pl.LazyFrame:
    """Address, doc_id and end of every record."""
    if reach == "end":
        return facts.ledger.rows.select(*ADDRESS_NAMES, "doc_id", end=END)
    decided = pl.col("step").is_in(UP_TO_FILTERS)
    passed = facts.ledger.rows.filter(~decided) if facts.ledger.is_complete else facts.ledger.waiting
    columns = (*ADDRESS_NAMES, "doc_id")
    return pl.concat([facts.ledger.rows.filter(decided).select(*columns, end=END), passed.select(*columns, end=pl.lit(PASSED))])
