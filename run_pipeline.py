"""The command line of corpusmill: parses options and calls the function that does the work. No worker process unpickles anything here."""

from __future__ import annotations

import importlib.metadata
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from pipelines.commands.options import (
    ConfirmationOptions,
    EngineOptions,
    Folder,
    InputOptions,
    KeySettings,
    RequestOptions,
    Settings,
    Workers,
    with_groups,
)
from pipelines.commands.screen import check_workers, console, fail, say, show, show_encoded, stage_bars
from schemas import recipe as recipes
from schemas.errors import MENDABLE, CorpusmillError, InputError, OutputError
from schemas.file_names import check_folder_name, printable
from schemas.lock import locked
from schemas.stages import StageName

ABOUT = "Turn crawled pages, archives, books and code into clean, deduplicated, privacy-scrubbed, tokenized shards."
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=ABOUT)

on_log: Callable[[str], None] | None = None
"""Is called with the lines of run.log; set by --verbose."""


def show_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        print(f"corpusmill {importlib.metadata.version('corpusmill')}")
        raise typer.Exit


@app.callback()
def common_options(
    verbose: Annotated[bool, typer.Option("--verbose", help="Also show the lines that a run writes to DIR/run.log.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Options of every command."""
    global on_log  # noqa: PLW0603 - one process is one command line
    on_log = say if verbose else None


@app.command("run")
@with_groups
def run_command(
    recipe: Annotated[
        str, typer.Argument(metavar="RECIPE", help="Name of a built-in recipe, path of a TOML file, or an existing run folder.")
    ],
    out: Annotated[Path | None, typer.Option(help="The run folder; by default runs/RECIPE.")] = None,
    settings: Settings = None,
    *,
    engine: EngineOptions,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue the run in --out; redo only stages whose settings, inputs or versions changed.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Check the recipe and the inputs, show what the run would do, and stop.")
    ] = False,
) -> None:
    """Run a recipe: from its sources to token shards, a tokenizer, a trained model and a report."""
    check_workers(engine.workers)
    chosen = recipes.load(recipe, settings or ())
    folder = out or (Path(recipe) if (Path(recipe) / "run.json").is_file() else Path("runs") / chosen.name)
    from pipelines.commands.run import run_recipe, show_dry_run

    if dry_run:
        show_dry_run(chosen, folder, engine, resume=resume)
    else:
        run_recipe(chosen, folder, engine, resume=resume, on_log=on_log)


@app.command("refilter")
def refilter_command(folder: Folder, settings: Settings = None, workers: Workers = 1) -> None:
    """Apply other filter limits to a finished run without reading its sources again. The result equals that of a new run."""
    check_workers(workers)
    from pipelines.commands.run import refilter_run

    refilter_run(folder, settings or [], workers)


@app.command("takedown")
@with_groups
def takedown_command(folder: Folder, *, request: RequestOptions, confirmation: ConfirmationOptions) -> None:
    """Remove documents from a finished run, after showing how many.

    They are removed from every file that contains parts of them, and a certificate is written. Without options, finish a takedown that was
    stopped half way.
    """
    from pipelines.commands.takedown import take_down

    take_down(folder, request, confirmation)


@app.command("crawl")
def crawl_command(
    seeds: Annotated[list[str], typer.Argument(metavar="URL...", help="URLs to start from.")],
    out: Annotated[Path, typer.Option(help="The folder for the WARC files.")],
    settings: KeySettings = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the crawl in --out; fetched pages are kept.")] = False,
) -> None:
    """Crawl politely from seed URLs into WARC files.

    --set takes the keys of sources.NAME.crawl (see `recipes --keys`).
    """
    from pipelines.commands.crawl import crawl_config, crawl_into

    crawl_into(crawl_config(seeds, settings or ()), out, resume=resume)


@app.command("validate")
def validate_command(folder: Folder, settings: Settings = None) -> None:
    """Train the small decoder on the shards of a run, on the GPU if there is one."""
    from pipelines.commands.validate import validate_run

    validate_run(folder, settings or ())


@app.command("train-classifier")
def train_classifier_command(
    positive: Annotated[list[str], typer.Option(metavar="PATH", help="Good documents: files, a folder or a glob; repeatable.")],
    negative: Annotated[list[str], typer.Option(metavar="PATH", help="Other documents, such as unfiltered crawl; repeatable.")],
    out: Annotated[Path, typer.Option(help="The model file to write, such as quality.bin.")],
    settings: KeySettings = None,
) -> None:
    """Train a fastText quality classifier and measure it on held-out documents.

    --set takes the fields of schemas.recipe.ClassifierTraining.
    """
    config = recipes.section(recipes.ClassifierTraining, settings or ())
    from pipelines.commands.tables import classifier_table
    from pipelines.commands.train import train_classifier

    trained = train_classifier(positive, negative, config, out)
    show(classifier_table(trained, out))
    if trained.n_on_both_sides:
        say(f"{trained.n_on_both_sides} documents were both positive and negative and were left out")


@app.command("train-tokenizer")
@with_groups
def train_tokenizer_command(
    out: Annotated[Path, typer.Option(help="The folder for tokenizer.json.")],
    *,
    inputs: InputOptions,
    vocab_size: Annotated[int | None, typer.Option(help="Number of tokens.")] = None,
    pattern: Annotated[
        str | None, typer.Option(help="How text is split: gpt2, cl100k, qwen2, o200k, llama, baichuan, jieba or code.")
    ] = None,
    compare: Annotated[list[Path] | None, typer.Option(help="Another tokenizer.json to measure on the same text; repeatable.")] = None,
    seed: Annotated[int, typer.Option(help="Seed of the sample if there is more text than sample_bytes.")] = 0,
    settings: KeySettings = None,
) -> None:
    """Train a tokenizer from files and measure it.

    --set takes the keys of the recipe's section tokenizer (see `recipes --keys`).
    """
    if not inputs.given:
        raise InputError("CM-COMMAND-015", "train-tokenizer has no input; pass files, folders or globs with --input")
    chosen = {"vocab_size": vocab_size, "pattern": pattern}
    short = [f"{key}={value}" for key, value in chosen.items() if value is not None]
    config = recipes.section(recipes.Tokenizer, [*short, *(settings or ())])
    from pipelines.commands.train import train_tokenizer
    from pipelines.report.tokenizers import tables

    for table in tables(train_tokenizer(inputs.given, config, seed, out, compare or ())):
        show(table)
    say(f"in {out / 'tokenizer.json'}")


@app.command("encode")
@with_groups
def encode_command(
    tokenizer: Annotated[Path, typer.Option(help="The tokenizer.json to encode with.")],
    out: Annotated[Path, typer.Option(help="The folder for shards/ and tokenizer/.")],
    *,
    inputs: InputOptions,
    end_of_text: Annotated[
        str | None, typer.Option(help="The token that separates documents; by default <|endoftext|> if the tokenizer has it.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of the order and the split.")] = 0,
    workers: Workers = 1,
    settings: KeySettings = None,
) -> None:
    """Encode files with any tokenizer.json into token shards. Nothing is filtered or scrubbed.

    --set takes the keys of the recipe's section encode (see `recipes --keys`).
    """
    check_workers(workers)
    if not inputs.given:
        raise InputError("CM-COMMAND-016", "encode has no input; pass files, folders or globs with --input")
    config = recipes.section(recipes.Encode, settings or ())
    from pipelines.commands.encode_files import EncodeRequest, encode_files

    request = EncodeRequest(paths=inputs.given, tokenizer=tokenizer, config=config, end_of_text=end_of_text, seed=seed)
    check_folder_name(out)
    out.mkdir(parents=True, exist_ok=True)
    with locked(out), stage_bars() as bars:
        done = encode_files(request, out, workers=workers, on_progress=lambda n, total: bars.on_progress(StageName.ENCODE, n, total))
    show_encoded(done, out)


@app.command("train-ngrams")
def train_ngrams_command(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Documents in one language: files, folders or globs.")],
    out: Annotated[Path, typer.Option(help="The ARPA file to write, such as en.arpa.")],
    percentiles_of: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="Documents whose perplexities give the cut-offs, such as unfiltered crawl; repeatable."),
    ] = None,
    settings: KeySettings = None,
) -> None:
    """Train an n-gram model for perplexities, and propose cut-offs for CCNet's buckets.

    --set takes the fields of schemas.recipe.NgramTraining.
    """
    config = recipes.section(recipes.NgramTraining, settings or ())
    from pipelines.commands.tables import cutoffs_line, ngram_table
    from pipelines.commands.train import perplexities, train_ngrams

    show(ngram_table(train_ngrams(paths, config, out), out))
    if percentiles_of:
        found = perplexities(percentiles_of, out, zero_digits=config.zero_digits)
        if not len(found):
            raise InputError("CM-COMMAND-017", f"{', '.join(percentiles_of)} contain no words; pass other files to --percentiles-of")
        say(cutoffs_line(found))


@app.command("calibrate")
def calibrate_command(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Good documents in one language: files, folders or globs.")],
    lang: Annotated[str, typer.Option(help="The language, by its code in recipes, such as sw.")],
    rules: Annotated[list[str] | None, typer.Option(help="A rule set to propose limits for; repeatable.")] = None,
    keep: Annotated[float, typer.Option(help="The share of the documents that each limit keeps.")] = 0.99,
    out: Annotated[Path | None, typer.Option(help="Also write the proposed limits to this TOML file.")] = None,
) -> None:
    """Propose filter limits for a language from a sample of its documents, and show the evidence."""
    from pipelines.commands.calibrate import DEFAULT_RULES, calibrate_files
    from pipelines.filters.calibrate import as_toml
    from pipelines.report.calibration import calibration_table, says
    from schemas.files import whole_file

    found = calibrate_files(paths, lang, rules or DEFAULT_RULES, keep)
    show(calibration_table(found))
    console.print(says(found), highlight=False)
    console.print(as_toml(found), markup=False, highlight=False)
    if out is not None:
        with whole_file(out) as temporary:
            temporary.write_text(as_toml(found))


@app.command("report")
def report_command(folder: Folder) -> None:
    """Write the report and the dataset card of a run again, and print its summary."""
    from pipelines.report.page import write_report
    from pipelines.report.summary import summary

    with locked(folder):
        write_report(folder)
    console.print(summary(folder))


@app.command("diff")
def diff_command(
    before: Annotated[Path, typer.Argument(metavar="A", help="The folder of the first run.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="The folder of the second run.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
) -> None:
    """Show what differs between two runs: settings, versions, numbers, and records with another outcome."""
    from pipelines.report.diff import difference
    from pipelines.report.diff_screen import diff_screen

    found = difference(before, after)
    if as_json:
        import msgspec

        print(msgspec.json.encode(found).decode())
    else:
        console.print(diff_screen(found))


@app.command("inspect")
def inspect_command(
    shard: Annotated[Path, typer.Argument(metavar="SHARD", help="A token shard, such as DIR/shards/train-00000-of-00001.arrow.")],
    tokens: Annotated[int, typer.Option(min=0, help="Also show this many tokens of the first document.")] = 0,
    tokenizer: Annotated[Path | None, typer.Option(help="The tokenizer.json of the shard; by default that of its run.")] = None,
) -> None:
    """Show the contents of a token shard: counts, schema, metadata, lengths; tokens only on request."""
    from pipelines.commands.tables import shard_table

    show(shard_table(shard, tokens, tokenizer))


@app.command("recipes")
def recipes_command(
    keys: Annotated[bool, typer.Option("--keys", help="Explain every key of a recipe, with its default.")] = False,
) -> None:
    """List the built-in recipes, or the keys of a recipe."""
    if keys:
        for key in recipes.documented_keys():
            console.print(Text.assemble((key.name, "bold"), f" = {key.default}  ", (key.meaning, "dim")), soft_wrap=True)
        return
    table = Table(show_header=False, box=None)
    for name in recipes.list_recipes():
        table.add_row(f"[bold]{name}[/]", recipes.load(name).description)
    show(table)


def main() -> None:
    """Run the command line. An error that the user can fix is printed as one message, with exit status 2."""
    logging.basicConfig(level=logging.ERROR)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    try:
        app(standalone_mode=True)
    except CorpusmillError as error:
        fail(error)
    except OSError as error:
        if error.errno not in MENDABLE:
            raise
        name = printable(str(error.filename)) if error.filename else "a file"
        fail(OutputError("CM-COMMAND-018", f"{name}: {error.strerror}; fix that and repeat the command (a run continues with --resume)"))


if __name__ == "__main__":
    main()
