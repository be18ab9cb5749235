"""Files of every format with texts of many scripts, intact and damaged, through the readers and all rooms that handle text.

    python -m benchmarks.fuzz [--inputs 5000] [--seed 1] [--first 0] [--runs 2] [--keep FOLDER]

What the files hold is known from how they were made (`tests/fuzz`), so texts are compared, not only survival. Each finding names seed and
number: with `--first NUMBER --inputs 1 --keep FOLDER` the file alone is made again and kept.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Annotated, Final

import typer

from testkit.fuzz.reading import Tally, batch_of, check_slice
from testkit.fuzz.rooms import check_rooms
from testkit.fuzz.whole_run import check_run

SLICE: Final = 500


def check(folder: Path, seed: int, numbers: range, *, is_damaged: bool) -> Tally:
    """Read one slice and pass what it kept through the rooms; what is wrong is printed."""
    tally = check_slice(folder, seed, numbers, is_damaged=is_damaged)
    name = "damaged" if is_damaged else "intact"
    for one in tally.findings:
        typer.echo(f"seed {seed}, number {one.number}, {name} {', '.join(one.how)}: {Path(one.name).name}: {one.what}")
    if not tally.n_documents:
        return tally
    for what in check_rooms(batch_of(tally), tally.texts, folder, seed):
        tally.n_wrong_in_rooms += 1
        typer.echo(f"seed {seed}, {name} {numbers.start} to {numbers.stop - 1}: {what}")
    return tally


def main(
    inputs: Annotated[int, typer.Option(help="How many files to read intact, and as many damaged.")] = 5000,
    seed: Annotated[int, typer.Option(help="Another seed makes other files.")] = 1,
    first: Annotated[int, typer.Option(help="Number of the first file.")] = 0,
    runs: Annotated[int, typer.Option(help="Also put the first files, 200 for each, through whole runs.")] = 0,
    keep: Annotated[Path | None, typer.Option(help="Keep the files in this folder.")] = None,
) -> None:
    """Fuzz readers and rooms; ends with status 1 if anything is wrong."""
    n_wrong = 0
    for is_damaged in (False, True):
        tallies = []
        for start in range(first, first + inputs, SLICE):
            with tempfile.TemporaryDirectory(prefix="corpusmill-fuzz-") as temporary:
                folder = Path(temporary) if keep is None else keep / ("damaged" if is_damaged else "intact")
                folder.mkdir(parents=True, exist_ok=True)
                tallies.append(check(folder, seed, range(start, min(start + SLICE, first + inputs)), is_damaged=is_damaged))
        n_wrong += sum(len(tally.findings) + tally.n_wrong_in_rooms for tally in tallies)
        typer.echo(
            f"{'damaged' if is_damaged else 'intact'}: {inputs} files, {sum(t.n_records for t in tallies)} records, "
            f"{sum(t.n_documents for t in tallies)} documents, {sum(t.n_rows for t in tallies)} rows, "
            f"{sum(t.n_altered for t in tallies)} changed and {sum(t.n_unnoticed for t in tallies)} files short of one "
            f"where no checksum tells; {n_wrong} findings so far"
        )
    for start in range(first, first + 200 * runs, 200):
        with tempfile.TemporaryDirectory(prefix="corpusmill-fuzz-") as temporary:
            for what in check_run(Path(temporary), seed, range(start, start + 200)):
                n_wrong += 1
                typer.echo(f"seed {seed}, whole run over {start} to {start + 199}: {what}")
    raise typer.Exit(n_wrong > 0)


if __name__ == "__main__":
    typer.run(main)
