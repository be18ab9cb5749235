"""Each kernel timed alone on a corpus, and the whole run beside their sum.

    python -m benchmarks.stages --corpus pages.warc.gz [--out stages.json] [--workers 1]

The ratio `run_over_kernels` says what Beam, files, starting and importing add to the work itself.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
import typer

from benchmarks.measure import Cost, finish, measured, print_costs
from pipelines.dedup.exact import content_hashes
from pipelines.dedup.shingles import permutations, signatures
from pipelines.driver.context import Engine
from pipelines.driver.run import Run
from pipelines.filters.chain import FilterChain
from pipelines.filters.identify import identify
from pipelines.filters.precompile import precompile
from pipelines.read.batches import read_split
from pipelines.read.splits import plan
from pipelines.scrub.scrub import scrub_batch
from schemas import recipe as recipes
from schemas.recipe import Recipe
from tokenizer import bpe


def recipe_for(corpus: Path, vocab_size: int) -> Recipe:
    """FineWeb's chain on any corpus: every language stays, so that the later stages have work."""
    settings: dict[str, Any] = {
        "sources.web.path": str(corpus),
        "filters.language.keep": [],
        "filters.language.min_score": "off",
        "guards.max_filtered": "off",
        "tokenizer.vocab_size": vocab_size,
        "tokenizer.sample_bytes": 20_000_000,
        "pretrain.enabled": False,
    }
    return recipes.load("fineweb", [f"{key}={json.dumps(value)}" for key, value in settings.items()])


def main(
    corpus: Annotated[Path, typer.Option(help="A WARC or JSONL file, a folder or a glob.")],
    out: Annotated[Path | None, typer.Option(help="Also write the figures to this JSON file.")] = None,
    workers: Annotated[int, typer.Option(min=1)] = 1,
    vocab_size: Annotated[int, typer.Option(min=300)] = 4096,
) -> None:
    """Time the stages."""
    recipe = recipe_for(corpus, vocab_size)
    precompile(recipe)
    folder = Path(tempfile.mkdtemp(prefix="corpusmill-stages-"))
    try:
        costs = kernels(recipe, folder)
        with measured(f"whole run, {workers} worker(s)", costs[0].n_bytes, costs[0].n_documents) as whole:
            Run(recipe, folder / "run", Engine(workers=workers), lambda stage, done, total: None).execute(resume=False)
    finally:
        shutil.rmtree(folder)
    print_costs(f"stages on {corpus.name}", [*costs, whole])
    total = sum(cost.cpu_s for cost in costs)
    print(f"sum of the kernels alone: {total:.2f} CPU s; the whole run: {whole.cpu_s:.2f} CPU s")
    finish(out, [*costs, whole], {"run_over_kernels": whole.cpu_s / total})


def kernels(recipe: Recipe, folder: Path) -> list[Cost]:
    """Every kernel of the run, on what the one before it left, without Beam and without files between."""
    splits = plan(recipe.sources, folder)
    n_bytes = sum(Path(file).stat().st_size for file in {file for split in splits for file in split.files})
    costs = []
    with measured("read (bytes as stored)", n_bytes) as cost:
        batches = [found.documents for split in splits for found in read_split(split, recipe.sources[split.source], recipe.read)]
    cost.n_documents = sum(batch.num_rows for batch in batches)
    costs.append(cost)

    text_bytes = sum(batch.column("raw_text").nbytes for batch in batches)
    with measured("of the filters: language id", text_bytes, cost.n_documents) as language:
        for batch in batches:
            identify(batch.column("raw_text"), recipe.filters.language)
    chain = FilterChain.of(recipe)
    with measured("filters", text_bytes, cost.n_documents) as cost:
        kept = [chain(batch)[0] for batch in batches]
    costs.append(cost)

    documents = pa.Table.from_batches(kept).combine_chunks()
    kept_bytes, n_kept = documents.column("raw_text").nbytes, documents.num_rows
    minhash = recipe.dedup.minhash
    a, b = permutations(minhash.bands * minhash.rows, minhash.seed)
    with measured("dedup: hashes and signatures", kept_bytes, n_kept) as cost:
        for batch in kept:
            content_hashes(batch.column("raw_text"))
            signatures(batch.column("raw_text"), minhash.shingle, a, b)
    costs.append(cost)

    with measured("scrub", kept_bytes, n_kept) as cost:
        scrubbed = [scrub_batch(batch, recipe.scrub) for batch in kept]
    costs.append(cost)

    with measured("train the tokenizer", kept_bytes, n_kept) as cost:
        trained = bpe.train_from_columns((batch.column("text") for batch in scrubbed), recipe.tokenizer)
    costs.append(cost)
    bpe.save_tokenizer(trained, folder / "tokenizer.json")
    encoder = bpe.Encoder(folder / "tokenizer.json")
    with measured("encode", kept_bytes, n_kept) as cost:
        for batch in scrubbed:
            encoder(batch.column("text"))
    costs.append(cost)
    print_costs("within the filters", [language])
    return costs


if __name__ == "__main__":
    typer.run(main)
