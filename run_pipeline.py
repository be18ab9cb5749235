"""The command line of corpusmill: parses, runs, prints the summary. Nothing here is ever unpickled by a worker."""

from __future__ import annotations

import importlib.metadata
import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table
from rich.text import Text

from pipelines.commands.screen import (
    agree,
    check_workers,
    console,
    end_unless_passed,
    fail,
    say,
    show,
    show_certificate,
    show_encoded,
    stage_bars,
    stopped,
)
from schemas import recipe as recipes
from schemas.errors import MENDABLE, CorpusmillError, InputError, OutputError, RecipeError
from schemas.file_names import check_folder_name, printable
from schemas.lock import locked
from schemas.stages import StageName, stage_of

if TYPE_CHECKING:
    from pipelines.driver.run import Run

ABOUT = "Turn crawled pages, archives, books and code into clean, deduplicated, privacy-scrubbed, tokenized shards."
app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=ABOUT)
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set", metavar="SECTION.KEY=VALUE", help="Change one value of the recipe; repeatable, and the last one of a key counts."
    ),
]
Folder = Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run.")]

on_log: Callable[[str], None] | None = None
"""What hears of the lines of run.log; set by --verbose."""


def show_version(wanted: bool) -> None:
    """Print the version and end."""
    if wanted:
        print(f"corpusmill {importlib.metadata.version('corpusmill')}")
        raise typer.Exit


@app.callback()
def options(
    verbose: Annotated[bool, typer.Option("--verbose", help="Also show the lines that a run writes into DIR/run.log.")] = False,
    version: Annotated[bool, typer.Option("--version", callback=show_version, is_eager=True, help="Show the version.")] = False,
) -> None:
    """Options of every command."""
    global on_log  # noqa: PLW0603 - one process is one command line
    on_log = say if verbose else None


@app.command()
def run(
    recipe: Annotated[str, typer.Argument(metavar="RECIPE", help="A built-in name, the path of a TOML file, or the folder of a run.")],
    beam_options: Annotated[list[str] | None, typer.Argument(metavar="[-- BEAM_OPTION ...]", help="Passed on to the Beam runner.")] = None,
    out: Annotated[Path | None, typer.Option(help="The run folder; runs/RECIPE if not given.")] = None,
    settings: Settings = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes of the local runner.")] = 1,
    runner: Annotated[str, typer.Option(help="local, portable, flink, spark or dataflow.")] = "local",
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --out: stages are kept unless a setting that they read changed.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check the recipe and the inputs, say what would be done, and stop.")] = False,
) -> None:
    """Run a recipe from its sources to token shards, tokenizer, trained model and report."""
    check_workers(workers)
    chosen = recipes.load(recipe, settings or ())
    folder = out or (Path(recipe) if (Path(recipe) / "run.json").is_file() else Path("runs") / chosen.name)
    from pipelines.driver.context import Engine
    from pipelines.driver.run import Run
    from pipelines.engine.runners import check_runner
    from pipelines.report.summary import summary

    given = tuple(beam_options or ())
    check_runner(runner, given)
    if dry_run:
        show_dry_run(Run(chosen, folder, Engine(), on_progress=lambda stage, done, total: None), resume=resume)
        return
    try:
        with stage_bars() as bars:
            engine = Engine(runner=runner, workers=workers, beam_options=given, on_message=bars.on_message, on_log=on_log)
            records = Run(chosen, folder, engine, bars.on_progress).execute(resume=resume)
    except KeyboardInterrupt:
        raise stopped(f"stopped; the same command with --resume goes on in {folder}") from None
    console.print(summary(folder))
    end_unless_passed(next(record.details for record in records if record.stage == StageName.VALIDATE))


def show_dry_run(planned: Run, *, resume: bool) -> None:
    """What the run would read, do and leave; raises where it would end with an error for its files."""
    from pipelines.commands.dry_run import forecast
    from pipelines.report.dry_run import bad_file_lines, plan_table

    recipe, folder = planned.context.recipe, planned.context.folder
    planned.check(resume=resume)
    found = forecast(recipe, folder)
    show(plan_table(recipe, folder, found))
    for line in (*bad_file_lines(found), *(planned.foreseen() if resume else ())):
        say(line)
    found.check(recipe, say)


@app.command()
def refilter(
    folder: Folder,
    settings: Settings = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes of the local runner.")] = 1,
) -> None:
    """Decide again about the documents of a run, with other limits: ledger and documents as of a whole run with them."""
    check_workers(workers)
    from pipelines.driver.context import Engine
    from pipelines.driver.refilter import refilter as decide_again
    from pipelines.report.summary import summary

    with stage_bars() as bars:
        decide_again(folder, settings or [], Engine(workers=workers, on_message=bars.on_message), bars.on_progress)
    console.print(summary(folder))
    console.print(
        f"ledger/ and documents/ are new; for tokenizer, shards and model: run {folder} --resume", highlight=False, soft_wrap=True
    )


@app.command()
def takedown(
    folder: Folder,
    url: Annotated[list[str] | None, typer.Option(help="The address of a page; repeatable, as all of these.")] = None,
    host: Annotated[list[str] | None, typer.Option(help="A domain, with everything below it.")] = None,
    email_hash: Annotated[list[str] | None, typer.Option(help="sha256 of an e-mail address in lower case.")] = None,
    phone_hash: Annotated[list[str] | None, typer.Option(help="sha256 of a telephone number in E.164, such as +16502530000.")] = None,
    doc_id: Annotated[list[str] | None, typer.Option(help="A document's id, as the ledger has it.")] = None,
    reason: Annotated[str | None, typer.Option(help="Stands in the certificate.")] = None,
    with_copies: Annotated[
        bool, typer.Option("--with-copies", help="Also the documents into which these had been merged, and all their copies.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask; for scripts.")] = False,
    max_documents: Annotated[int, typer.Option(min=0, help="More than so many are not removed unless their number is given.")] = 100,
) -> None:
    """Remove documents from a finished run, after showing how many: from every file that holds something of them, with a certificate."""
    from pipelines.takedown.takedown import asked_for
    from pipelines.takedown.takedown import takedown as take_down
    from schemas.certificate import pending_path

    asked = asked_for(url or (), host or (), email_hash or (), phone_hash or (), doc_id or ())
    try:
        done = take_down(folder, asked, reason, with_copies=with_copies, agree=lambda found: agree(found, max_documents, yes=yes))
    except KeyboardInterrupt:
        half = pending_path(folder).is_file()
        raise stopped(f"stopped half way; takedown {folder} finishes it" if half else "stopped; nothing was changed") from None
    if not done:
        console.print("no document of this run is asked for; nothing was changed")
    for certificate in done:
        show_certificate(certificate, folder)


@app.command()
def crawl(
    seeds: Annotated[list[str], typer.Argument(metavar="URL...", help="Where to start.")],
    out: Annotated[Path, typer.Option(help="The folder for the WARC files.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A key of the crawl section; repeatable.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the crawl in --out: what was fetched is kept.")] = False,
) -> None:
    """Crawl politely from seed URLs into WARC files."""
    data: dict[str, object] = {"name": "crawl", "sources": {"crawl": {"crawl": {"seeds": seeds}}}}
    for setting in settings or ():
        recipes.apply_setting(data, f"sources.crawl.crawl.{setting}")
    config = recipes.parse(data).sources["crawl"].crawl
    assert config is not None  # noqa: S101 - given just above
    from pipelines.crawl.crawler import crawl_sites

    check_folder_name(out)
    out.mkdir(parents=True, exist_ok=True)
    try:
        with locked(out), stage_bars() as bars:
            report = crawl_sites(
                config, out, resume=resume, on_page=lambda progress: bars.on_progress(StageName.CRAWL, progress.n_fetched, config.max_pages)
            )
    except KeyboardInterrupt:
        raise stopped(f"stopped; the same command with --resume goes on in {out}") from None
    table = Table(title=f"crawled into {out}", show_header=False)
    for name, number in report.counts.items():
        table.add_row(name, str(number))
    show(table)


@app.command()
def validate(folder: Folder, settings: Settings = None) -> None:
    """Train the small decoder on the shards of a run, on the GPU where there is one."""
    from pipelines.pretrain.loop import validate_shards
    from schemas.manifest import keys_that_differ, read_run
    from schemas.shaping import reads

    data = read_run(folder)["recipe"]
    before = recipes.parse(data).as_dict()
    for setting in settings or ():
        recipes.apply_setting(data, setting)
    recipe = recipes.parse(data)
    if changed := [key for key in keys_that_differ(before, recipe.as_dict()) if not reads(stage_of(StageName.VALIDATE), key)]:
        raise RecipeError(
            "CM-COMMAND-014",
            f"validate does not read {', '.join(changed)}; `run {folder} --resume --set KEY=VALUE` does again what a setting changes",
        )
    with locked(folder), stage_bars() as bars:
        metrics = validate_shards(
            folder, recipe.pretrain, recipe.seed, on_step=lambda step, steps, loss: bars.on_progress(StageName.VALIDATE, step, steps)
        )
    console.print(
        f"trained on {metrics['n_trained_tokens']:,} tokens in {metrics['train_s']:.0f} s on {metrics['device']}: validation loss "
        f"{metrics['first_loss']:.3f} -> {metrics['loss']:.3f} nats per token (token frequencies alone: {metrics['unigram_loss']:.3f})",
        highlight=False,
        soft_wrap=True,
    )
    end_unless_passed(metrics)


@app.command()
def train_classifier(
    positive: Annotated[list[str], typer.Option(metavar="PATH", help="Files, folder or glob of good documents; repeatable.")],
    negative: Annotated[list[str], typer.Option(metavar="PATH", help="The same of the others, such as plain crawl; repeatable.")],
    out: Annotated[Path, typer.Option(help="The file for the model, such as quality.bin.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A key of schemas.recipe.ClassifierTraining; repeatable.")
    ] = None,
) -> None:
    """Train a fastText classifier of quality and measure it on documents that it did not see."""
    config = recipes.section(recipes.ClassifierTraining, settings or ())
    from pipelines.commands.train import train_classifier as train

    trained = train(positive, negative, config, out)
    table = Table(title=f"{out}: {trained.n_trained} documents trained on, {trained.n_held_out} held out, AUC {trained.auc:.4f}")
    for name in ("min_score", "precision", "recall", "F1"):
        table.add_column(name, justify="right")
    for at in trained.measured:
        table.add_row(f"{at.threshold}", f"{at.precision:.4f}", f"{at.recall:.4f}", f"{at.f1:.4f}")
    show(table)
    if trained.n_on_both_sides:
        console.print(f"{trained.n_on_both_sides} documents were both positive and negative and were left out")


@app.command()
def train_tokenizer(
    out: Annotated[Path, typer.Option(help="The folder for tokenizer.json.")],
    paths: Annotated[
        list[str] | None, typer.Argument(metavar="[PATH...]", help="Documents to learn from: files, folders or globs, or run folders.")
    ] = None,
    inputs: Annotated[list[str] | None, typer.Option("--input", metavar="PATH", help="The same; repeatable.")] = None,
    vocab_size: Annotated[int | None, typer.Option(help="Tokens.")] = None,
    pattern: Annotated[
        str | None, typer.Option(help="How text is cut: gpt2, cl100k, qwen2, o200k, llama, baichuan, jieba or code.")
    ] = None,
    compare: Annotated[list[Path] | None, typer.Option(help="A tokenizer.json to measure beside it; repeatable.")] = None,
    seed: Annotated[int, typer.Option(help="Of the draw, where there is more text than tokenizer.sample_bytes.")] = 0,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A key of schemas.recipe.Tokenizer; repeatable.")
    ] = None,
) -> None:
    """Train a tokenizer from files and measure it, beside others if asked to."""
    given = [*(inputs or ()), *(paths or ())]
    if not given:
        raise InputError("CM-COMMAND-015", "train-tokenizer has nothing to learn from; name files, folders or globs with --input")
    chosen = {"vocab_size": vocab_size, "pattern": pattern}
    short = [f"{key}={value}" for key, value in chosen.items() if value is not None]
    config = recipes.section(recipes.Tokenizer, [*short, *(settings or ())])
    from pipelines.commands.train import train_tokenizer as train
    from pipelines.report.tokenizers import tables

    for table in tables(train(given, config, seed, out, compare or ())):
        show(table)
    console.print(f"in {out / 'tokenizer.json'}", markup=False, highlight=False)


@app.command()
def encode(
    tokenizer: Annotated[Path, typer.Option(help="A tokenizer.json.")],
    out: Annotated[Path, typer.Option(help="The folder for shards/ and tokenizer/.")],
    paths: Annotated[
        list[str] | None,
        typer.Argument(metavar="[PATH...]", help="Documents to encode as they are: files, folders or globs, or run folders."),
    ] = None,
    inputs: Annotated[list[str] | None, typer.Option("--input", metavar="PATH", help="The same; repeatable.")] = None,
    end_of_text: Annotated[str | None, typer.Option(help="The token that separates documents; <|endoftext|> where there is one.")] = None,
    seed: Annotated[int, typer.Option(help="Of the order and the split.")] = 0,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes.")] = 1,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A key of schemas.recipe.Encode; repeatable.")
    ] = None,
) -> None:
    """Encode files with any tokenizer.json, into shards as a run writes them. Nothing is filtered or scrubbed."""
    check_workers(workers)
    given = [*(inputs or ()), *(paths or ())]
    if not given:
        raise InputError("CM-COMMAND-016", "encode has nothing to read; name files, folders or globs with --input")
    config = recipes.section(recipes.Encode, settings or ())
    from pipelines.commands.encode_files import encode_files

    check_folder_name(out)
    out.mkdir(parents=True, exist_ok=True)
    with locked(out), stage_bars() as bars:
        done = encode_files(
            given,
            tokenizer,
            out,
            config,
            end_of_text=end_of_text,
            seed=seed,
            workers=workers,
            on_progress=lambda n, total: bars.on_progress(StageName.ENCODE, n, total),
        )
    show_encoded(done, out)


@app.command()
def train_ngrams(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders or globs of documents in one language.")],
    out: Annotated[Path, typer.Option(help="The ARPA file, such as en.arpa.")],
    percentiles_of: Annotated[
        list[str] | None,
        typer.Option(metavar="PATH", help="Documents by whose perplexities to cut buckets, such as plain crawl; repeatable."),
    ] = None,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="A key of schemas.recipe.NgramTraining; repeatable.")
    ] = None,
) -> None:
    """Train an n-gram model for perplexities, and propose the cut-offs of CCNet's buckets."""
    config = recipes.section(recipes.NgramTraining, settings or ())
    from pipelines.commands.train import perplexities
    from pipelines.commands.train import train_ngrams as train

    estimated = train(paths, config, out)
    table = Table("n", "n-grams", "D1", "D2", "D3+", title=f"{out}")
    for n, (count, discounts) in enumerate(zip(estimated.n_ngrams, estimated.discounts, strict=True), 1):
        table.add_row(str(n), str(count), *(f"{d:.4f}" for d in discounts), "taken as given" if n in estimated.fell_back else "")
    show(table)
    if percentiles_of:
        found = perplexities(percentiles_of, out, zero_digits=config.zero_digits)
        if not len(found):
            raise InputError("CM-COMMAND-017", f"no word stands in {', '.join(percentiles_of)}; name other files")
        import numpy as np

        middle, tail = np.percentile(found, [30, 60])
        console.print(f"30 and 60 % of {len(found)} documents are below: cutoffs.LANG = [{middle:.1f}, {tail:.1f}]", markup=False)


@app.command()
def calibrate(
    paths: Annotated[list[str], typer.Argument(metavar="PATH...", help="Files, folders or globs of good documents in one language.")],
    lang: Annotated[str, typer.Option(help="The language, by the code that recipes use, such as sw.")],
    rules: Annotated[list[str] | None, typer.Option(help="A rule set to propose limits for; repeatable.")] = None,
    keep: Annotated[float, typer.Option(help="The share of the documents that each limit lets pass.")] = 0.99,
    out: Annotated[Path | None, typer.Option(help="Also write the proposed section to this TOML file.")] = None,
) -> None:
    """Propose a language's limits from a sample of its documents, and show what they rest on."""
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


@app.command()
def report(folder: Folder) -> None:
    """Write the report and the dataset card of a run again, and print its summary."""
    from pipelines.report.page import write_report
    from pipelines.report.summary import summary

    with locked(folder):
        write_report(folder)
    console.print(summary(folder))


@app.command()
def diff(
    before: Annotated[Path, typer.Argument(metavar="A", help="The folder of a run.")],
    after: Annotated[Path, typer.Argument(metavar="B", help="The folder of the run to compare it with.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print everything as one JSON object.")] = False,
) -> None:
    """Show what changed from run A to run B: settings, versions, numbers, and which records ended differently."""
    from pipelines.report.diff import difference
    from pipelines.report.diff_screen import diff_screen

    found = difference(before, after)
    if as_json:
        import msgspec

        print(msgspec.json.encode(found).decode())
    else:
        console.print(diff_screen(found))


@app.command()
def inspect(
    shard: Annotated[Path, typer.Argument(metavar="SHARD", help="A token shard, such as DIR/shards/train-00000-of-00001.arrow.")],
    tokens: Annotated[int, typer.Option(min=0, help="Also show the first so many tokens of the first document.")] = 0,
    tokenizer: Annotated[Path | None, typer.Option(help="The tokenizer.json of the shard; that of its run if not given.")] = None,
) -> None:
    """Show what a token shard holds: counts, schema, metadata, lengths; tokens only on request."""
    from pipelines.encode.inspect import describe, open_shard
    from pipelines.report.formats import number_of, with_commas

    found = describe(shard)
    table = Table(title=str(shard), show_header=False)
    for name, n in (("documents", found["documents"]), ("tokens", found["tokens"]), ("bytes", found["bytes"])):
        table.add_row(name, with_commas(n))
    for name, texts in (("columns", found["columns"]), ("metadata", found["metadata"])):
        table.add_row(name, "\n".join(f"{key}: {value}" for key, value in texts.items()))
    for name, totals in (("sources", found["sources"]), ("languages", found["languages"])):
        lines = (f"{key}: {number_of(one['documents'], 'document')}, {number_of(one['tokens'], 'token')}" for key, one in totals.items())
        table.add_row(name, "\n".join(lines))
    names: dict[float, str] = {0: "the shortest", 1: "the longest"}
    lengths = (f"{names.get(q, f'{q:.0%} at most')}: {number_of(n, 'token')}" for q, n in found["lengths"].items())
    table.add_row("lengths", "\n".join(lengths))
    if tokens:
        from tokenizer import bpe

        ids = open_shard(shard).column("tokens").slice(0, 1).to_pylist()
        loaded = bpe.load_tokenizer(tokenizer or shard.parents[1] / "tokenizer" / "tokenizer.json")
        table.add_row(
            "first tokens",
            " ".join(f"{index}:{loaded.decode([index], skip_special_tokens=False)!r}" for index in (ids[0] if ids else ())[:tokens]),
        )
    show(table)


@app.command("recipes")
def list_recipes(
    keys: Annotated[bool, typer.Option("--keys", help="Explain every key of a recipe, with its default.")] = False,
) -> None:
    """List the built-in recipes, or the keys that a recipe may have."""
    if keys:
        for key in recipes.documented_keys():
            console.print(Text.assemble((key.name, "bold"), f" = {key.default}  ", (key.meaning, "dim")), soft_wrap=True)
        return
    table = Table(show_header=False, box=None)
    for name in recipes.list_recipes():
        table.add_row(f"[bold]{name}[/]", recipes.load(name).description)
    show(table)


def main() -> None:
    """Run the command line; an error that the user can mend is one message and exit status 2."""
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
        fail(OutputError("CM-COMMAND-018", f"{name}: {error.strerror}; fix that and repeat the command (a run goes on with --resume)"))


if __name__ == "__main__":
    main()
