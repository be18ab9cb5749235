"""What commands print: progress, tables, questions and error messages, with the exit statuses."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from schemas.errors import CorpusmillError, InputError, RequestError
from schemas.file_names import well_formed
from schemas.stages import STAGES

if TYPE_CHECKING:
    from pipelines.commands.encode_files import Encoded
    from pipelines.takedown.preview import Preview
    from schemas.certificate import Certificate

LOG_COLUMNS = 200
"""Width if the output is not a terminal and COLUMNS is not set."""
console = Console(width=None if sys.stdout.isatty() or "COLUMNS" in os.environ else LOG_COLUMNS)

NOT_PASSED, WRONG, INTERRUPTED = 1, 2, 130
"""Exit statuses besides 0: the model did not pass, an error that the user can fix, stopped by the user."""
MOST_WORKERS, WORKERS_PER_CORE = 32, 4

DECIDE = "decide"
"""The step of `refilter` before dedup; it is not a stage."""
STAGE_TITLES: dict[str, str] = {**{stage.name: stage.title for stage in STAGES}, DECIDE: "apply the limits"}


def say(line: str) -> None:
    """Print a line unchanged and uncut."""
    console.print(line, highlight=False, markup=False, soft_wrap=True)


def stopped(line: str) -> typer.Exit:
    """Print a line on standard error after the user stopped the command. Raise the result."""
    Console(stderr=True).print(line, highlight=False, soft_wrap=True)
    return typer.Exit(INTERRUPTED)


def show(table: Table) -> None:
    """Print a table without cutting cells."""
    for column in table.columns:
        column.overflow = "fold"
    console.print(table)


def agree(found: Preview, max_documents: int, *, yes: bool) -> None:
    """Show what a takedown would remove. Raises RequestError unless the user agrees, by answer or by option."""
    for line in found.lines():
        console.print(line, highlight=False, markup=False, soft_wrap=True)
    asks, n = sys.stdin.isatty() and sys.stdout.isatty(), found.n_documents
    if n > max_documents:
        remedy = f"to remove all of them, add --max-documents {n} --yes"
        if not asks:
            raise RequestError(
                "CM-COMMAND-008",
                f"the request names {n} documents, more than --max-documents {max_documents}; nothing was changed; {remedy}",
            )
        if typer.prompt(f"That is more than {max_documents}. Type the number of documents to remove them").strip() != str(n):
            raise RequestError("CM-COMMAND-009", f"not confirmed; nothing was changed; {remedy}")
    elif not yes:
        if not asks:
            raise RequestError("CM-COMMAND-010", "nothing was changed; add --yes to remove these documents")
        if not typer.confirm(f"Remove {n} document(s)?"):
            raise RequestError("CM-COMMAND-011", "not confirmed; nothing was changed")


def check_workers(workers: int) -> None:
    """Raise InputError for more worker processes than the memory can hold."""
    most = max(MOST_WORKERS, WORKERS_PER_CORE * (os.cpu_count() or 1))
    if workers > most:
        raise InputError(
            "CM-COMMAND-012",
            f"--workers {workers} is more than this machine can start; pass at most {most}. One process for each of its {os.cpu_count()} "
            "cores is fastest; the result does not depend on the number",
        )


def end_unless_passed(metrics: Mapping[str, object]) -> None:
    """Print whether the model passed, and end with the status NOT_PASSED if it did not. Without a model do nothing."""
    if "passed" not in metrics:
        return
    if metrics["passed"]:
        console.print("the model passed: it learned from these shards", highlight=False)
        return
    stderr = Console(stderr=True)
    reasons = metrics["reasons"]
    for reason in reasons if isinstance(reasons, list | tuple) else ():
        stderr.print(Text.assemble(("the model did not pass:", "bold red"), f" {reason}"), soft_wrap=True)
    raise typer.Exit(NOT_PASSED)


class StageBars:
    """One progress bar per stage: units done, total units, time."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.tasks: dict[str, TaskID] = {}
        self.in_log = not progress.console.is_terminal
        self.over: set[str] = set()

    def on_progress(self, stage: str, done: int, total: int | None) -> None:
        """Draw the stage's bar; it moves back and forth while the total is unknown."""
        if stage not in self.tasks:
            self.tasks[stage] = self.progress.add_task(STAGE_TITLES[stage], total=total)
        task = self.tasks[stage]
        if total is not None and done == total == 1:  # the stage is done, in whatever units
            total = done = int(self.progress.tasks[task].total or 1)
            self.progress.stop_task(task)
            if self.in_log and stage not in self.over:
                self.over.add(stage)
                self.on_message(f"{STAGE_TITLES[stage]}: done after {self.progress.tasks[task].elapsed or 0:.1f} s")
        self.progress.update(task, completed=done, total=total)

    def on_message(self, line: str) -> None:
        """Print a line above the bars."""
        self.progress.console.print(line, highlight=False, markup=False, soft_wrap=True)


@contextlib.contextmanager
def stage_bars() -> Iterator[StageBars]:
    """Progress bars on a terminal while the block runs; in a log file one line for each finished stage."""
    columns = (SpinnerColumn(), TextColumn("{task.description:<20}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield StageBars(progress)


def fail(error: CorpusmillError) -> None:
    """Print the error as one message, and end with the status WRONG."""
    console = Console(stderr=True)
    console.print(Text.assemble((f"error {error.code}:", "bold red"), f" {well_formed(error.message)}"), soft_wrap=True)
    sys.exit(WRONG)


def show_encoded(done: Encoded, out: Path) -> None:
    """Print the shards that encoding wrote."""
    table = Table("split", "shards", "documents", "tokens", title=f"{out / 'shards'}")
    for split in ("train", "valid"):
        shards = [shard for shard in done.index["shards"] if shard["split"] == split]
        numbers = (sum(shard[key] for shard in shards) for key in ("n_documents", "n_tokens"))
        table.add_row(split, str(len(shards)), *map(str, numbers))
    show(table)
    if done.n_failed:
        say(f"{done.n_failed} records have no document and were skipped")
    if done.encoder != "fast":
        say(f"encoded by the tokenizers library, which is slower: {done.encoder_reason}")
    if done.index["tokenizer"]["end_of_text"] is None:
        say("the tokenizer has no <|endoftext|>, so index.json states no end of text; choose a token with --end-of-text")


def show_certificate(certificate: Certificate, folder: Path) -> None:
    """Print what a takedown removed and what it left."""
    from schemas.certificate import certificate_path  # noqa: PLC0415 - of one command

    files = sum(file.path.startswith(("pool/", "documents/", "shards/")) for file in certificate.files)
    say(
        f"removed {len(certificate.documents)} document(s) with {certificate.n_tokens} tokens in shards; rewrote {files} files; "
        f"see {certificate_path(folder, certificate.number)}"
    )
    if left := certificate.survivors_left:
        say(
            f"{len(left)} document(s) with nearly the same text are still there, see survivors_left in the certificate; remove them with "
            f"takedown {folder} --with-copies --doc-id {left[0]}{' ...' if len(left) > 1 else ''}"
        )
