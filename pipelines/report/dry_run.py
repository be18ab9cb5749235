"""The output of `run --dry-run`: the plan, a forecast from a sample of each source, and every file that cannot be read."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Final

from rich.table import Table
from rich.text import Text

from pipelines.commands.dry_run import Forecast, Outlook
from pipelines.dedup.evals.sets import load_evals, unsearchable_items
from pipelines.dedup.minhash import detection_probability
from pipelines.dedup.snapshots.index import earlier_snapshots
from pipelines.report.formats import number_of, passed_over, seconds, share, shortened, size, with_commas
from schemas.recipe import Recipe, Tokenizer, shown
from schemas.stages import StageName

MOST_COUNTED: Final = 8
"""Reasons and languages that are listed; the others are counted."""
PRINTED_SIMILARITIES: Final = (0.6, 0.7, 0.8, 0.9)
"""Jaccard similarities at which the detection curve is printed."""


def plan_table(recipe: Recipe, folder: Path, found: Forecast) -> Table:
    """The plan of a run: its inputs, splits, rules and detection curve."""
    table = Table(title=f"{recipe.name} -> {folder} (dry run: nothing is written)", show_header=False)
    table.add_column(overflow="fold")
    table.add_column(overflow="fold")
    for name, source in recipe.sources.items():
        if source.crawl:
            table.add_row(f"source {name}", Text(f"crawled first from {', '.join(source.crawl.seeds)}"))
        else:
            table.add_row(f"source {name}", Text("\n".join(_lines(found, name))))
    table.add_row("rules", ", ".join(shown(recipe.filters, name) for name in recipe.filters.rules) or "none")
    for name, source in recipe.sources.items():
        if source.rules is not None:
            table.add_row(f"rules of {name}", ", ".join(shown(recipe.filters, rule) for rule in source.rules) or "none")
    table.add_row("dedup", ", ".join(recipe.dedup.kinds) or "none")
    if "minhash" in recipe.dedup.kinds:
        minhash = recipe.dedup.minhash
        curve = detection_probability(list(PRINTED_SIMILARITIES), minhash.bands, minhash.rows)
        detects = ", ".join(f"{share(p)} at {j}" for j, p in zip(PRINTED_SIMILARITIES, curve, strict=True))
        table.add_row("minhash detects", f"{detects}; removes only at true Jaccard >= {minhash.min_jaccard}")
    if recipe.decontaminate.paths:
        evals = load_evals(recipe.decontaminate)
        outcome = f"{len(evals.sets)} items of {len(evals.sets.unique())} sets; outcome: {recipe.decontaminate.outcome}"
        table.add_row("evaluation sets", "\n".join([outcome, *unsearchable_items(evals, recipe.decontaminate)]))
    if recipe.dedup.index:
        earlier = earlier_snapshots(recipe.dedup)
        n_earlier = sum(snapshot.n_documents for snapshot in earlier)
        table.add_row("dedup index", f"{recipe.dedup.index}: {n_earlier} documents of {len(earlier)} snapshots")
    table.add_row("scrub", ", ".join(recipe.scrub.kinds) or "nothing")
    table.add_row(StageName.TOKENIZER, recipe.tokenizer.path or _to_train(recipe.tokenizer))
    return table


def _to_train(config: Tokenizer) -> str:
    at_most = "at most " if config.vocab_size is None else ""
    return f"{config.model} of {at_most}{config.asked_size} tokens" + (f", grown from {config.extend}" if config.extend else "")


def bad_file_lines(found: Forecast) -> list[str]:
    """One line for every file that cannot be read."""
    return [f"cannot be read: {file} ({reason})" for outlook in found.outlooks.values() for file, reason in outlook.sample.bad_files]


def _lines(found: Forecast, name: str) -> list[str]:
    outlook, skipped = found.outlooks[name], found.plan.passed_over[name]
    sample = outlook.sample
    n_splits = sum(split.source == name for split in found.plan.splits)
    lines = [f"{number_of(sample.n_files, 'file')} in {number_of(n_splits, 'split')}, {size(sample.n_bytes)}"]
    if sample.bad_files:
        lines.append(f"{number_of(len(sample.bad_files), 'file')} cannot be read (listed below)")
    if skipped:
        lines.append(f"passed over: {passed_over(skipped)}")
    if sample.columns:
        lines.append(f"columns: {', '.join(sample.columns[:40])}{' and more' if len(sample.columns) > 40 else ''}")
    return lines + (_of_sample(outlook) if outlook.n_records else ["no records in the sample"])


def _of_sample(outlook: Outlook) -> list[str]:
    n, n_read = outlook.n_records, outlook.n_records - outlook.unread.total()
    lines = [f"in a sample of {number_of(n, 'record')}:"]
    lines.append(f"  no document: {share(outlook.unread.total() / n)}{_by(outlook.unread)}")
    lines.append(f"  dropped: {share(outlook.dropped.total() / n_read if n_read else None)} of the documents{_by(outlook.dropped)}")
    lines.append(f"  languages kept: {_by(outlook.languages)[2:] or 'none'}")
    lines.append(
        f"forecast: about {shortened(outlook.n_foreseen)} records; {shortened(outlook.n_documents)} documents with "
        f"{size(outlook.n_text_bytes)} of text reach dedup; one worker needs {seconds(outlook.seconds)} to read, filter and scrub"
    )
    return lines


def _by(counts: Counter[str]) -> str:
    """The most frequent ones: ": length.min_chars 12, url 3 and 2 more"."""
    named = ", ".join(f"{name} {with_commas(n)}" for name, n in sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:MOST_COUNTED])
    more = f" and {len(counts) - MOST_COUNTED} more" if len(counts) > MOST_COUNTED else ""
    return f": {named}{more}" if counts else ""
