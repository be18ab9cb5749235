"""Two run folders -> what changed from one to the other, as plain numbers. Of text nothing but its length is read.

Records are matched by their address in the ledger, so runs over the same files are compared record by record, whatever
became of their text. Where a run stopped early, records are compared as far as both runs have come.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal

import polars as pl

from pipelines.report.comparable import other_rules, why_not
from pipelines.report.facts import UP_TO_FILTERS, WAITING, Facts
from pipelines.report.rows import SourceRow, total
from schemas.ledger import ADDRESS_NAMES
from schemas.stages import StageName

MOST_EXAMPLES: Final = 3
"""Ids and file names that are given of a group."""
PART_RECORDS: Final = 1_000_000
"""Records that are joined at a time; memory grows with it, not with the runs."""

END: Final = pl.concat_str("outcome", "reason", separator=": ", ignore_nulls=True)
"""How a record ends, of the columns of the ledger."""

PASSED: Final = "passed by the filters"
"""The end of a document where runs are compared as far as the filters."""
OUTPUTS: Final = ("ledger", "documents", "tokenizer", "shards")
SIZES: Final = {
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
"""What is compared of a source, and the field of SourceRow that holds it."""
FROM_DEDUP_ON: Final = ("merged", "kept")

Reach = Literal["nothing", "filters", "end"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One value in both runs; None where a run does not have it."""

    name: str
    before: Any
    after: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class NotCompared:
    """A value of both runs that does not measure the same thing in both."""

    name: str
    before: Any
    after: Any
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Records that end differently in the two runs. An end is "kept" or "dropped: gopher_quality.min_words"; None: not there."""

    before: str | None
    after: str | None
    n: int
    ids: list[str]
    """The least of their doc_ids, in hex; records that never became documents have none."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """What became of the records, compared one by one."""

    reach: Reach
    """Compared as far as their "end", as the "filters", or "nothing": a run has not read them all."""
    n_in_both: int = 0
    n_alike: int = 0
    """Of them, those with the same end."""
    n_other_text: int = 0
    """Of them, documents with another doc_id: their text as read, or their URL, is another."""
    moves: list[Move] = field(default_factory=list)
    """Those with another end, and those of one run alone; the most frequent first."""
    files: list[Change] = field(default_factory=list)
    """Input files of which the runs have read different numbers of records."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What changed from the run in folder `before` to the run in folder `after`."""

    before: str
    after: str
    stopped: Change
    """The first stage that a run has not finished, if any."""
    recipe: list[Change]
    """Settings that differ, by key."""
    versions: list[Change]
    same_files: dict[str, bool]
    """For each folder of results that both runs have: whether its files are the same to the byte."""
    results: list[Change]
    """Documents, sizes, tokenizer, model and time of the whole runs."""
    sources: dict[str, list[Change]]
    """Records by source and fate, and sizes."""
    reasons: list[Change]
    """Records by outcome and reason, those of the kept ones excepted."""
    not_compared: list[NotCompared]
    """Results, sizes of sources and reasons that are left out of the above, since they measure different things."""
    languages: list[Change]
    """Kept documents by language."""
    redacted: list[Change]
    """Replaced private values by kind."""
    records: Records


def difference(before: Path, after: Path) -> Difference:
    """Compare two runs; OutputError where a folder is none."""
    a, b = Facts(before), Facts(after)
    reach: Reach = "end" if a.refined and b.refined else "filters" if a.done(StageName.INGEST) and b.done(StageName.INGEST) else "nothing"
    against = why_not(a, b)
    results, not_compared = _comparable(side_by_side(_results(a), _results(b)), against)
    rules = other_rules(a, b)
    reasons = side_by_side(_reasons(a, reach), _reasons(b, reach), absent=0)
    of_rules = {one.name: rules[name] for one in reasons if (name := _rule_set(one.name)) in rules}
    reasons, more = _comparable(reasons, of_rules)
    return Difference(
        before=str(before),
        after=str(after),
        stopped=Change(name="stopped before", before=a.stopped_before, after=b.stopped_before),
        recipe=differing(_settings(a.run["recipe"]), _settings(b.run["recipe"])),
        versions=differing(a.run["versions"], b.run["versions"]),
        same_files=_same_files(a, b),
        results=results,
        sources={name: _comparable(sizes, against)[0] for name, sizes in _sources(a, b).items()},
        reasons=reasons,
        not_compared=[*not_compared, *more],
        languages=side_by_side(*({row.name: row.n_documents for row in facts.languages} for facts in (a, b)), absent=0),
        redacted=side_by_side(*({kind: n for kind, n, _ in facts.redacted} for facts in (a, b))),
        records=_records(a, b, reach),
    )


def _comparable(changes: list[Change], reasons: Mapping[str, str]) -> tuple[list[Change], list[NotCompared]]:
    """The changes that can be compared, and those that both runs have and `reasons` speaks against."""
    against = {change.name for change in changes if change.name in reasons and None not in (change.before, change.after)}
    return [change for change in changes if change.name not in against], [
        NotCompared(name=change.name, before=change.before, after=change.after, why=reasons[change.name])
        for change in changes
        if change.name in against
    ]


def _rule_set(end: str) -> str:
    """The rule set of an end such as "dropped: gopher_quality.min_words"."""
    return end.partition(": ")[2].partition(".")[0]


def differing(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    """The names whose values differ, in the order of both; 5.0 is 5, but True is not 1."""
    return [change for change in side_by_side(before, after) if repr(change.before) != repr(change.after)]


def side_by_side(before: Mapping[str, Any], after: Mapping[str, Any], *, absent: Any = None) -> list[Change]:
    """One change for each name of either side; `absent` stands for what one side does not have."""
    names = dict.fromkeys((*before, *after))
    return [Change(name=name, before=before.get(name, absent), after=after.get(name, absent)) for name in names]


def _settings(recipe: Mapping[str, Any], section: str = "") -> dict[str, Any]:
    """{"dedup.minhash.bands": 14, ...}"""
    settings: dict[str, Any] = {}
    for key, value in recipe.items():
        settings |= _settings(value, f"{section}{key}.") if isinstance(value, dict) and value else {f"{section}{key}": value}
    return settings


def _same_files(a: Facts, b: Facts) -> dict[str, bool]:
    digests = [
        {folder: {file["path"]: file["sha256"] for file in facts.files if file["path"].startswith(f"{folder}/")} for folder in OUTPUTS}
        for facts in (a, b)
    ]
    return {folder: digests[0][folder] == digests[1][folder] for folder in OUTPUTS if digests[0][folder] and digests[1][folder]}


def _results(facts: Facts) -> dict[str, Any]:
    everything = _sizes(total(facts.sources), facts)
    per_token = facts.n_bytes / facts.n_tokens if facts.n_tokens else None
    split_tokens = {split["split"]: split["n_tokens"] for split in facts.splits}
    tokenizer, metrics = facts.details(StageName.TOKENIZER), facts.metrics
    return {
        **everything,
        **{f"tokens, {name}": split_tokens.get(name) for name in ("train", "valid")},
        "vocabulary": tokenizer.get("vocab_size"),
        "bytes per token": per_token,
        **{f"model {name}".replace("_", " "): metrics.get(name) for name in ("loss", "bits_per_byte", "passed")},
        "wall seconds": None if facts.stopped_before else facts.wall_s,
        "CPU seconds": None if facts.stopped_before else facts.cpu_s,
    }


def _sources(a: Facts, b: Facts) -> dict[str, list[Change]]:
    before, after = ({row.name: _sizes(row, facts) for row in facts.sources} for facts in (a, b))
    return {name: side_by_side(before.get(name, {}), after.get(name, {})) for name in dict.fromkeys((*before, *after))}


def _sizes(row: SourceRow, facts: Facts) -> dict[str, int | None]:
    return {name: getattr(row, key) if facts.refined or name not in FROM_DEDUP_ON else None for name, key in SIZES.items()}


def _reasons(facts: Facts, reach: Reach) -> dict[str, int]:
    ended = facts.fates.filter(~pl.col("outcome").is_in(["kept", WAITING]))
    if reach != "end":
        ended = ended.filter(pl.col("step").is_in(UP_TO_FILTERS))
    counts = ended.group_by(end=END).agg(pl.col("n").sum()).sort("n", "end", descending=[True, False])
    return dict(counts.iter_rows())


# --- Record by record ------------------------------------------------------------------------------------------------


def _records(a: Facts, b: Facts, reach: Reach) -> Records:
    if reach == "nothing":
        return Records(reach=reach)
    n_most = max(facts.counts["read"]["n_in"] for facts in (a, b))
    return compare(_ends(a, reach), _ends(b, reach), reach, n_parts=1 + n_most // PART_RECORDS)


def compare(before: pl.LazyFrame, after: pl.LazyFrame, reach: Reach, n_parts: int = 1) -> Records:
    """Two frames of address, doc_id and `end`, joined a part at a time; which part a record is in depends on its address alone."""
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
    """(end before, end after, records, records with another doc_id, the least doc_ids) of joined records."""
    ids = pl.coalesce("doc_id", "doc_id_right").drop_nulls().sort().head(MOST_EXAMPLES)
    n_other = (pl.col("doc_id") != pl.col("doc_id_right")).sum()
    return joined.group_by("end", "end_right").agg(n=pl.len(), n_other=n_other, ids=ids).collect(engine="streaming")


def _files(before: pl.LazyFrame, after: pl.LazyFrame) -> list[Change]:
    counted = (ends.group_by("origin_file").agg(n=pl.len()) for ends in (before, after))
    joined = next(counted).join(next(counted), on="origin_file", how="full", coalesce=True)
    rows = joined.filter(pl.col("n").ne_missing(pl.col("n_right"))).sort("origin_file").collect(engine="streaming")
    return [Change(name=file, before=n, after=n_right) for file, n, n_right in rows.iter_rows()]


def _ends(facts: Facts, reach: Reach) -> pl.LazyFrame:
    """Address, doc_id and end of every record."""
    if reach == "end":
        return facts.ledger.select(*ADDRESS_NAMES, "doc_id", end=END)
    decided = pl.col("step").is_in(UP_TO_FILTERS)
    passed = facts.ledger.filter(~decided) if facts.refined else facts.waiting
    columns = (*ADDRESS_NAMES, "doc_id")
    return pl.concat([facts.ledger.filter(decided).select(*columns, end=END), passed.select(*columns, end=pl.lit(PASSED))])
