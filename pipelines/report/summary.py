"""A run folder -> one screen for the terminal: input, output, what needs attention, and where the files are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from rich import box
from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from pipelines.report import formats
from pipelines.report.attention import Notice, attention
from pipelines.report.facts import Facts
from pipelines.report.rows import SourceRow, total
from pipelines.report.run_facts import CARD, PAGE, REPORTED_STAGES
from pipelines.report.run_record import ModelMetrics
from pipelines.report.statements import on_request
from schemas import layout
from schemas.recipe import shown
from schemas.stages import StageName

MOST_SOURCES: Final = 6
MOST_NOTICES: Final = 6
EXACT_BELOW: Final = 1_000_000
NAME_CHARS: Final = 20
FILES: Final = (PAGE, CARD, f"{layout.SHARDS}/", layout.TOKENIZER_FILE, f"{layout.DOCUMENTS}/", f"{layout.LEDGER}/", "run.json")
"""Files and folders that the last line names."""


def summary(folder: Path) -> RenderableType:
    """Fits any width, with every message whole, and 40 lines of 100 columns unless messages are long."""
    facts = Facts(folder)
    state = "complete" if facts.stopped_before is None else f"stopped before {facts.stopped_before}"
    title = Text.assemble(
        (facts.recipe.name, "bold"), f"  {state}, {formats.seconds(facts.wall_s)} ({formats.seconds(facts.cpu_s)} of CPU)"
    )
    parts: list[RenderableType] = [title, Text(), _sources(facts), Text(), _results(facts), _times(facts)]
    if notices := attention(facts):
        parts.append(_notices(notices))
    return Group(*parts, _file_names(facts))


def _sources(facts: Facts) -> Table:
    """One row for each source; the largest ones if there are too many."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    table.add_column("source", max_width=NAME_CHARS, overflow="fold")  # a narrow screen breaks this column
    for name in ("records", "failed", "set\naside", "dropped", "merged", "kept", "text", "tokens"):
        table.add_column(name, justify="right", no_wrap=True)
    rows = facts.sources
    if len(rows) > MOST_SOURCES:
        rows = sorted(rows, key=lambda row: -row.n_records)[:MOST_SOURCES]
    for row in rows:
        table.add_row(*_funnel(row, facts.ledger.is_complete))
    if (n_more := len(facts.sources) - len(rows)) > 0:
        table.add_row(Text(f"and {n_more} more", style="dim"))
    if len(facts.sources) > 1:
        table.add_section()
        table.add_row(*_funnel(total(facts.sources), facts.ledger.is_complete), style="bold")
    return table


def _funnel(row: SourceRow, refined: bool) -> list[Text]:
    counts = (row.n_records, row.n_failed, row.n_set_aside, row.n_filtered, row.n_merged, row.n_kept if refined else None)
    cells = [*(_brief(n) for n in counts), formats.size(row.n_bytes), _brief(row.n_tokens)]
    return [Text(row.name), *(Text(cell) for cell in cells)]


def _brief(n: int | None) -> str:
    """Exact if it fits its column."""
    return formats.with_commas(n) if n is None or n < EXACT_BELOW else formats.shortened(n)


def _results(facts: Facts) -> Table:
    """Rules, tokens, tokenizer, model and redacted values, a line each."""
    table = Table.grid(padding=(0, 2))
    rule_sets = dict.fromkeys(row.rule.rule_set for row in facts.rules)
    rules = ", ".join(shown(facts.recipe.filters, rule_set) for rule_set in rule_sets)
    table.add_row("rules", Text(rules or "none", overflow="fold"))
    for line in _input_files(facts):
        table.add_row("files", Text(line, overflow="fold"))
    if passed_over := facts.ingest.passed_over_records:
        kinds = ", ".join(f"{kind} {formats.with_commas(n)}" for kind, n in passed_over.items())
        table.add_row("passed over", f"WARC records that are not pages: {kinds}")
    if facts.shards.n_tokens is not None:
        splits = ", ".join(f"{split.split} {formats.with_commas(split.n_tokens)}" for split in facts.shards.splits)
        table.add_row("tokens", f"{formats.with_commas(facts.shards.n_tokens)} ({splits})")
    if facts.done(StageName.TOKENIZER):
        table.add_row(StageName.TOKENIZER, _tokenizer(facts))
    if facts.metrics:
        table.add_row("model", _model(facts.metrics))
    for sentence in on_request(facts):
        table.add_row("on request", Text(sentence, overflow="fold"))
    if facts.ledger.is_complete:
        values = ", ".join(f"{kind} {formats.with_commas(n)}" for kind, n, _ in facts.documents.redacted if n)
        table.add_row("redacted", Text(values or ("nothing" if facts.recipe.scrub.kinds else "nothing was looked for"), overflow="fold"))
    return table


def _input_files(facts: Facts) -> Iterator[str]:
    """One line for each source with files that were not read."""
    for name, files in facts.ingest.files.items():
        if files.n_failed or files.passed_over:
            text = f"{name}: {formats.number_of(files.n_files, 'file')}"
            text += f", {files.n_failed} could not be read" if files.n_failed else ""
            yield text + (f"; passed over: {formats.passed_over(files.passed_over)}" if files.passed_over else "")


def _tokenizer(facts: Facts) -> str:
    config = facts.recipe.tokenizer
    origin = "copied from tokenizer.path" if config.path else "extended here" if config.extend else "trained here"
    if reason := facts.encode.encoder_reason:
        origin += f", encoded by the `tokenizers` library ({reason})"
    per_token = f", {facts.bytes_per_token:.2f} bytes per token" if facts.bytes_per_token else ""
    return f"{formats.with_commas(facts.tokenizer.vocab_size)} tokens, {origin}{per_token}"


def _model(metrics: ModelMetrics) -> Text:
    numbers = (metrics.first_loss, metrics.loss, metrics.bits_per_byte, metrics.unigram_bits_per_byte)
    first, last, bits, unigram = map(formats.ratio, numbers)
    verdict = ("passed", "green") if metrics.passed else ("not passed", "bold red")
    return Text.assemble(f"loss {first} -> {last}, {bits} bits per byte (token frequencies alone {unigram}) ", verdict)


def _times(facts: Facts) -> Columns:
    times = [f"{stage} {formats.seconds(facts.stages[stage].wall_s)}" for stage in REPORTED_STAGES if facts.done(stage)]
    if missing := [stage for stage in REPORTED_STAGES if not facts.done(stage)]:
        times.append(f"not run yet: {', '.join(missing)}")
    return Columns([Text(time, style="dim") for time in times], padding=(0, 2))


def _notices(notices: list[Notice]) -> Panel:
    lines = Text()
    n_problems = sum(notice.level == "problem" for notice in notices)
    shown = notices[: max(MOST_NOTICES, n_problems)]
    for notice in shown:
        lines.append("! " if notice.level == "problem" else "- ", style="bold red" if notice.level == "problem" else "yellow")
        lines.append(f"{notice.text}\n")
    if n_more := len(notices) - len(shown):
        lines.append(f"and {n_more} more in report/index.html\n", style="dim")
    lines.rstrip()
    return Panel(lines, title="needs attention", title_align="left", border_style="dim")


def _file_names(facts: Facts) -> Table:
    there = [name for name in FILES if (facts.folder / name).exists()]
    table = Table.grid(padding=(0, 1))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    table.add_row("in", Text(str(facts.folder)))
    table.add_row("", ", ".join(there))
    return table
