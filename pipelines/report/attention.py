"""Facts -> what a person should look at before using the corpus, the gravest first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from pipelines.report import formats
from pipelines.report.facts import Facts
from schemas.stages import StageName

NEAR_CEILING: Final = 0.8
"""A guard is mentioned from this share of its limit on."""
MANY_FAILED: Final = 0.01
MUCH: Final = 0.1
"""What one rule, kind of duplicate or reason takes is mentioned from this share on."""
MOST_NAMES: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to look at, and the section of the page that shows it."""

    level: Literal["problem", "notice"]
    text: str
    section: str
    lost: float = 0.0
    """The share of documents, records or characters that it is about."""


def attention(facts: Facts) -> list[Notice]:
    """Problems first, then what took most of the documents or characters, then all else."""
    losses = sorted(_losses(facts), key=lambda notice: -notice.lost)
    return [*_problems(facts), *losses, *_notices(facts)]


def _problems(facts: Facts) -> Iterator[Notice]:
    if stage := facts.stopped_before:
        why = f" It was stopped in {facts.run['stopped']}" if facts.run.get("stopped") else ""
        text = f"The run is not complete: stage {stage} has not finished. Run it with --resume to go on from there.{why}"
        yield Notice(level="problem", text=text, section="funnel")
    if facts.done(StageName.CURATE):
        n_read, n_listed = facts.counts["read"]["n_in"], facts.n_records()
        if n_read != n_listed or not all(row.balances for row in facts.sources):
            text = f"The ledger does not balance: {formats.count(n_read)} records were read, {formats.count(n_listed)} are in it."
            yield Notice(level="problem", text=text, section="funnel")
    if facts.refined and (empty := [row.name for row in facts.sources if not row.n_kept]):
        yield Notice(level="problem", text=f"Nothing is kept of {_names(empty)}.", section="funnel")
    if facts.metrics.get("passed") is False:
        reasons = "; ".join(facts.metrics.get("reasons", ())) or "no reason stated"
        yield Notice(level="problem", text=f"The model did not pass: {reasons}.", section="model")
    for row in facts.guards:
        if row.limit is not None and row.group and row.share > row.limit:
            text = f"{row.group} {row.did} {formats.share(row.share)}, more than {row.key} = {row.limit:g} allows."
            yield Notice(level="problem", text=text, section="guards")


def _losses(facts: Facts) -> Iterator[Notice]:
    """What one rule, kind or reason took, where it is much."""
    for row in facts.rules:
        if (row.share or 0) >= MUCH:
            took = f"{formats.count(row.n_removed)} of {formats.number_of(row.n_judged, 'document')} ({formats.share(row.share)})"
            yield _loss(row.share or 0, f"The rule {row.rule.name} removed {took}.", "rules")
    n_dedup = facts.n_records(step="dedup") if facts.refined else 0
    for kind, n in facts.merges if n_dedup else ():
        if n >= MUCH * n_dedup:
            took = f"{formats.share(n / n_dedup)} of the documents that came to dedup ({formats.count(n)})"
            yield _loss(n / n_dedup, f"Duplicates of kind {kind} are {took}.", "duplicates")
    for cut in facts.cut_shares:
        if cut.share >= MUCH:
            took = f"{formats.share(cut.share)} of the characters of {cut.source}: {formats.count(cut.n_cut)}"
            yield _loss(cut.share, f"The kind {cut.kind} cut {took}.", "duplicates")
    yield from _unread(facts)


def _unread(facts: Facts) -> Iterator[Notice]:
    """Records that could not be read, or held no document."""
    n_records, n_failed = facts.n_records(), facts.n_records(outcome="failed")
    if n_failed > MANY_FAILED * n_records:
        text = f"{formats.number_of(n_failed, 'record')} ({formats.share(n_failed / n_records)}) could not be read."
        yield _loss(n_failed / n_records, text, "reading")
    n_of = Counter[str]()
    for row in facts.reasons("read", "dropped"):
        n_of[row["reason"]] += row["n"]
    for reason, n in n_of.items():
        if n >= MUCH * n_records:
            yield _loss(
                n / n_records, f"{formats.share(n / n_records)} of the records held no document: {reason} ({formats.count(n)}).", "reading"
            )
    if n := facts.n_records(step="caps"):
        yield _loss(n / n_records, f"Caps on domains and hosts dropped {formats.number_of(n, 'document')}.", "funnel")


def _loss(share: float, text: str, section: str) -> Notice:
    return Notice(level="notice", text=text, section=section, lost=share)


def _notices(facts: Facts) -> Iterator[Notice]:
    for guard in facts.guards:
        if guard.limit and guard.group and NEAR_CEILING * guard.limit <= guard.share <= guard.limit:
            text = f"{guard.group} {guard.did} {formats.share(guard.share)}, near {guard.key} = {guard.limit:g}."
            yield Notice(level="notice", text=text, section="guards")
    for files in facts.source_files:
        if files.n_failed:
            text = f"{files.n_failed} of {formats.number_of(files.n_files, 'file')} of {files.name} could not be read, or not to the end."
            yield Notice(level="notice", text=text, section="reading")
        if files.n_passed_over > files.n_files:
            text = (
                f"{files.name} reads {formats.number_of(files.n_files, 'file')} and passed over {formats.passed_over(files.passed_over)}."
            )
            yield Notice(level="notice", text=text, section="reading")
    for name, n_lost in sorted((facts.details(StageName.INGEST).get("lost_bytes") or {}).items()):
        text = f"{formats.size(n_lost)} of the files of source {name} could not be read; it is not known how many records they held."
        yield Notice(level="notice", text=text, section="reading")
    if crowded := (facts.details(StageName.CURATE).get("dedup") or {}).get("crowded_buckets"):
        text = f"{formats.number_of(crowded, 'bucket')} held more than dedup.minhash.max_comparisons documents; near-duplicates may remain."
        yield Notice(level="notice", text=text, section="duplicates")
    if apart := (facts.details(StageName.CURATE).get("dedup") or {}).get("same_address_apart"):
        text = f"{formats.number_of(apart, 'document')} shared an address with a better one but not its text, and stayed."
        yield Notice(level="notice", text=text, section="duplicates")
    if facts.done(StageName.ENCODE) and all(split["split"] != "valid" for split in facts.splits):
        text = "There is no validation split: no document fell into encode.valid_ratio."
        yield Notice(level="notice", text=text, section="tokens")
    if facts.done(StageName.VALIDATE) and not facts.metrics:
        yield Notice(level="notice", text="No model was trained on the shards (pretrain.enabled = false).", section="model")
    if spikes := facts.metrics.get("spikes"):
        text = f"The training loss jumped {formats.number_of(len(spikes), 'time')}, first at step {spikes[0]}."
        yield Notice(level="notice", text=text, section="model")
    unlicensed = dict(facts.licences).get(None, 0)
    if unlicensed:
        yield Notice(level="notice", text=f"{formats.number_of(unlicensed, 'kept document')} without a licence.", section="sources")
    if facts.rights:
        n = sum(number for _, number in facts.rights)
        yield Notice(level="notice", text=f"{formats.number_of(n, 'kept document')} with robots directives.", section="sources")
    yield from _found_nothing(facts)


def _found_nothing(facts: Facts) -> Iterator[Notice]:
    """Rules and kinds that were asked for and found nothing."""
    if facts.silent_rules:
        text = f"{len(facts.silent_rules)} of {len(facts.rules)} rules never fired: {_silent(facts)}."
        yield Notice(level="notice", text=text, section="rules")
    if facts.refined:
        work = facts.details(StageName.CURATE).get("dedup") or {}
        if none := [kind for kind, n in facts.merges if not n and not work.get(f"{kind}_cut_documents")]:
            yield Notice(level="notice", text=f"No duplicates of kind {_names(none)} were found.", section="duplicates")
        if facts.redacted and not any(n for _, n, _ in facts.redacted):
            text = "No private value of any kind was found in the documents that are kept."
            yield Notice(level="notice", text=text, section="privacy")


def _silent(facts: Facts) -> str:
    """A few rules by name, many by rule set."""
    rules = [row.rule for row in facts.silent_rules]
    if len(rules) <= MOST_NAMES:
        return ", ".join(rule.name for rule in rules)
    rule_sets = Counter(rule.rule_set for rule in rules)
    return ", ".join(f"{n} of {rule_set}" for rule_set, n in rule_sets.items())


def _names(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
