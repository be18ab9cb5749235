"""Facts -> what a person should check before using the corpus, the most serious first."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from pipelines.report import formats
from pipelines.report.facts import Facts
from pipelines.report.rows import GuardRow
from schemas.stages import StageName

NEAR_CEILING: Final = 0.8
"""A guard is mentioned if a group reached this share of its limit."""
MANY_FAILED: Final = 0.01
"""Records that could not be read are mentioned above this share."""
MUCH: Final = 0.1
"""A rule, kind of duplicate or reason is mentioned if it removed this share."""
MOST_NAMES: Final = 9
"""Names that are listed; the others are counted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing to check, and the section of the page that shows it."""

    level: Literal["problem", "notice"]
    text: str
    section: str
    lost: float = 0.0
    """Share of documents, records or characters that were removed."""


def attention(facts: Facts) -> list[Notice]:
    """Problems first, then losses by their share, then everything else."""
    losses = sorted(_losses(facts), key=lambda notice: -notice.lost)
    return [*_problems(facts), *losses, *_notices(facts)]


def _problems(facts: Facts) -> Iterator[Notice]:
    if stage := facts.stopped_before:
        why = f" It stopped in {facts.record.stopped}" if facts.record.stopped else ""
        text = f"The run is not complete: stage {stage} has not finished. Run it again with --resume to continue.{why}"
        yield Notice(level="problem", text=text, section="funnel")
    if facts.done(StageName.CURATE):
        n_read, n_listed = facts.n_read, facts.ledger.n_records()
        if n_read != n_listed or not all(row.balances for row in facts.sources):
            read, listed = formats.with_commas(n_read), formats.with_commas(n_listed)
            text = f"The ledger does not balance: {read} records were read, and it lists {listed}."
            yield Notice(level="problem", text=text, section="funnel")
    if facts.ledger.is_complete and (empty := [row.name for row in facts.sources if not row.n_kept]):
        yield Notice(level="problem", text=f"No document was kept from {_names(empty)}.", section="funnel")
    if facts.metrics and facts.metrics.passed is False:
        reasons = "; ".join(facts.metrics.reasons) or "no reason stated"
        yield Notice(level="problem", text=f"The model did not pass: {reasons}.", section="model")
    for row in facts.guards:
        if row.limit is not None and row.group and row.share > row.limit:
            text = f"{_group_share(row)}, more than {row.key} = {row.limit:g} allows."
            yield Notice(level="problem", text=text, section="guards")


def _losses(facts: Facts) -> Iterator[Notice]:
    """Rules, kinds of duplicates and reasons that removed a large share."""
    for row in facts.rules:
        if (row.share or 0) >= MUCH:
            took = f"{formats.with_commas(row.n_removed)} of {formats.number_of(row.n_judged, 'document')} ({formats.share(row.share)})"
            yield _loss(row.share or 0, f"The rule {row.rule.name} removed {took}.", "rules")
    n_dedup = facts.ledger.n_records(step="dedup") if facts.ledger.is_complete else 0
    for kind, n in facts.ledger.merges if n_dedup else ():
        if n >= MUCH * n_dedup:
            took = f"{formats.share(n / n_dedup)} of the documents that reached dedup ({formats.with_commas(n)})"
            yield _loss(n / n_dedup, f"Duplicates of kind {kind} were {took}.", "duplicates")
    for cut in facts.documents.cut_shares:
        if cut.share >= MUCH:
            took = f"{formats.share(cut.share)} of the characters of source {cut.source} ({formats.with_commas(cut.n_cut)})"
            yield _loss(cut.share, f"Kind {cut.kind} cut {took}.", "duplicates")
    yield from _unread(facts)


def _unread(facts: Facts) -> Iterator[Notice]:
    """Records that could not be read, or contained no document."""
    n_records, n_failed = facts.ledger.n_records(), facts.ledger.n_records(outcome="failed")
    if n_failed > MANY_FAILED * n_records:
        text = f"{formats.number_of(n_failed, 'record')} ({formats.share(n_failed / n_records)}) could not be read."
        yield _loss(n_failed / n_records, text, "reading")
    n_of = Counter[str]()
    for row in facts.ledger.reasons("read", "dropped"):
        n_of[row.reason] += row.n
    for reason, n in n_of.items():
        if n >= MUCH * n_records:
            text = f"{formats.share(n / n_records)} of the records contained no document: {reason} ({formats.with_commas(n)})."
            yield _loss(n / n_records, text, "reading")
    if n := facts.ledger.n_records(step="caps"):
        yield _loss(n / n_records, f"Caps on domains and hosts dropped {formats.number_of(n, 'document')}.", "funnel")


def _loss(share: float, text: str, section: str) -> Notice:
    return Notice(level="notice", text=text, section=section, lost=share)


def _group_share(row: GuardRow) -> str:
    """The start of a sentence: "Source web lost 3.0 %"."""
    group = row.group or ""
    return f"{group[:1].upper()}{group[1:]} {row.verb} {formats.share(row.share)}"


def _notices(facts: Facts) -> Iterator[Notice]:
    """Everything else, in the order of the page's sections."""
    for row in facts.guards:
        if row.limit and row.group and NEAR_CEILING * row.limit <= row.share <= row.limit:
            yield Notice(level="notice", text=f"{_group_share(row)}, close to {row.key} = {row.limit:g}.", section="guards")
    yield from _files(facts)
    yield from _dedup(facts)
    if facts.done(StageName.ENCODE) and all(split.split != "valid" for split in facts.shards.splits):
        text = "There is no validation split: encode.valid_ratio selected no document."
        yield Notice(level="notice", text=text, section="tokens")
    if facts.done(StageName.VALIDATE) and not facts.metrics:
        yield Notice(level="notice", text="No model was trained on the shards (pretrain.enabled = false).", section="model")
    if facts.metrics and (spikes := facts.metrics.spikes):
        text = f"The training loss jumped {formats.number_of(len(spikes), 'time')}, first at step {spikes[0]}."
        yield Notice(level="notice", text=text, section="model")
    unlicensed = dict(facts.documents.licences).get(None, 0)
    if unlicensed:
        yield Notice(level="notice", text=f"{formats.number_of(unlicensed, 'kept document')} without a licence.", section="sources")
    if facts.documents.rights:
        n = sum(number for _, number in facts.documents.rights)
        yield Notice(level="notice", text=f"{formats.number_of(n, 'kept document')} with robots directives.", section="sources")
    yield from _found_nothing(facts)


def _files(facts: Facts) -> Iterator[Notice]:
    """Files and bytes that were not read."""
    for name, files in facts.ingest.files.items():
        if files.n_failed:
            n_files = formats.number_of(files.n_files, "file")
            text = f"{files.n_failed} of {n_files} of source {name} could not be read completely."
            yield Notice(level="notice", text=text, section="reading")
        if files.n_passed_over > files.n_files:
            n_files, others = formats.number_of(files.n_files, "file"), formats.passed_over(files.passed_over)
            yield Notice(level="notice", text=f"Source {name} reads {n_files} and passes over {others}.", section="reading")
    for name, n_lost in sorted(facts.ingest.lost_bytes.items()):
        text = f"{formats.size(n_lost)} of source {name} could not be read; the number of records in them is unknown."
        yield Notice(level="notice", text=text, section="reading")


def _dedup(facts: Facts) -> Iterator[Notice]:
    """Documents that were not compared, or not merged for their URL alone."""
    if crowded := facts.curate.dedup.get("crowded_buckets"):
        n_buckets = formats.number_of(crowded, "bucket")
        text = f"{n_buckets} contained more than dedup.minhash.max_comparisons documents; near-duplicates may remain."
        yield Notice(level="notice", text=text, section="duplicates")
    if apart := facts.curate.dedup.get("same_address_apart"):
        text = f"{formats.number_of(apart, 'document')} shared a URL with a preferred document but not its text, and stayed."
        yield Notice(level="notice", text=text, section="duplicates")


def _found_nothing(facts: Facts) -> Iterator[Notice]:
    """Rules and kinds of the recipe that found nothing."""
    if facts.silent_rules:
        text = f"{len(facts.silent_rules)} of {len(facts.rules)} rules never fired: {_silent(facts)}."
        yield Notice(level="notice", text=text, section="rules")
    if facts.ledger.is_complete:
        work = facts.curate.dedup
        if none := [kind for kind, n in facts.ledger.merges if not n and not work.get(f"{kind}_cut_documents")]:
            yield Notice(level="notice", text=f"No duplicates of kind {_names(none)} were found.", section="duplicates")
        if facts.documents.redacted and not any(n for _, n, _ in facts.documents.redacted):
            text = "No private values were found in the kept documents."
            yield Notice(level="notice", text=text, section="privacy")


def _silent(facts: Facts) -> str:
    """Few rules by name, many by rule set."""
    rules = [row.rule for row in facts.silent_rules]
    if len(rules) <= MOST_NAMES:
        return ", ".join(rule.name for rule in rules)
    rule_sets = Counter(rule.rule_set for rule in rules)
    return ", ".join(f"{n} of {rule_set}" for rule_set, n in rule_sets.items())


def _names(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return ", ".join(names[:MOST_NAMES]) + more
