"""Deciding anew about a run: other limits over the same measurements, from the pool and without the sources.

Only what decides may change, and whatever comes after it; what a rule measures or cuts needs a run of its own. The ledger and the
documents are then what a whole run with the new settings would have made. Tokenizer, shards, model and report of the old
decision are deleted: `run DIR --resume` makes them anew.
"""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from pipelines import graph
from pipelines.filters.chain import FilterChain
from pipelines.filters.decide import decides, rules_of
from pipelines.run import OWNS, STAGES, Engine, Run, Tell, failing
from pipelines.runtime import stopwatch
from schemas import recipe as recipes
from schemas.certificate import check_none_pending
from schemas.errors import OutputError, RecipeError
from schemas.files import sha256_of
from schemas.manifest import StageRecord, marker_path, read_marker, read_run, write_marker
from schemas.recipe import Recipe

_AFTER: Final = ("name", "description", "domains", "decontaminate", "dedup", "tokenizer", "encode", "pretrain", "guards")
"""Parts of a recipe that act after the filters."""


def refilter(folder: Path, settings: list[str], engine: Engine, tell: Tell) -> Recipe:
    """Decide about every document of a run again, with these `section.key=value` settings over its recipe; the new recipe.

    Raises RecipeError for a setting that would change what is measured, OutputError where the run kept no pool.
    """
    check_none_pending(folder)
    data = read_run(folder)["recipe"]
    old = recipes.parse(data)
    for setting in settings:
        recipes.apply_setting(data, setting)
    new = recipes.parse(data)
    check_same_measurements(old, new)
    run = Run(new, folder, engine, tell)
    run.records = {stage: _marker(folder, stage) for stage in ("crawl", "collect")}
    _check_pool(run)
    _forget(folder)
    tell("decide", 0, None)
    run.records["crawl"] = dataclasses.replace(run.records["crawl"], recipe_digest=run.digest)
    run.records["collect"] = decide(run)
    for record in run.records.values():
        write_marker(folder, record)
    tell("decide", 1, 1)
    tell("refine", 0, None)
    run.records["refine"] = run.bring_up_to_date("refine")
    tell("refine", 1, 1)
    run.write_state(complete=False)
    return new


def check_same_measurements(old: Recipe, new: Recipe) -> None:
    """Raise RecipeError, naming the settings, if the new recipe reads, measures, cuts or scrubs otherwise."""
    before, after = dict(_measuring(old)), dict(_measuring(new))
    changed = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    if changed:
        raise RecipeError(
            f"refilter cannot change {', '.join(changed)}: that changes what is read, measured, cut or scrubbed, not only what is decided. "
            "Run the recipe with these settings into a new folder"
        )


def _measuring(recipe: Recipe) -> Iterator[tuple[str, Any]]:
    """Every setting that decides what the pool holds, by dotted key."""
    data = recipe.as_dict()
    filters = data.pop("filters")
    for key, value in _flat({key: value for key, value in data.items() if key not in _AFTER}):
        if not key.startswith("scrub.max_"):  # limits on what was counted
            yield key, value
    profiles = filters.pop("profiles")
    del filters["limits"]  # of limits that act on signals alone
    by_set = {name: filters.pop(name) for name in recipes.RULE_SETS}
    for key, value in _flat(filters):
        yield f"filters.{key}", value
    for where, sets in {"filters": by_set, **{f"filters.profiles.{lang}": sets for lang, sets in profiles.items()}}.items():
        for rule_set, keys in sets.items():
            yield from ((f"{where}.{rule_set}.{key}", value) for key, value in keys.items() if not decides(rule_set, key))
    chain = FilterChain.of(recipe)
    for source, rules in rules_of(recipe).items():  # a profile can make an earlier rule set ask for the language
        yield f"filters.profiles (when {source} is identified)", next((name for name in rules if chain.needs_language(name)), None)


def _flat(data: dict[str, Any], under: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in data.items():
        if isinstance(value, dict) and value:
            yield from _flat(value, f"{under}{key}.")
        else:
            yield f"{under}{key}", value


def decide(run: Run) -> StageRecord:
    """The record of `collect` with the ledger of the filters made anew."""
    before, pool = run.records["collect"], run.pool()
    segments = [run.folder / file.path for file in pool]
    with stopwatch() as watch:
        ran, ledger = run.graph(
            "decide",
            len(segments),
            lambda pipeline, report, progress: graph.decide_again(pipeline, run.recipe, segments, run.folder, report, progress),
        )
        counts = {**before.counts, **run.balance(ran, "filters")}
        run.check_kept(pool, counts)
    shutil.rmtree(run.folder / "work")
    others = [file for file in before.outputs if not file.path.startswith(f"{graph.LEDGER_FOLDER}/filters-")]
    outputs = tuple(sorted([*others, *ledger], key=lambda file: file.path))
    wall_s, cpu_s = round(watch.wall_s, 3), round(watch.cpu_s, 3)
    details = before.details | failing(ran)
    named = run.recipe.files_named_in("filters", "scrub")
    sources = [line for line in before.inputs if not line.startswith(("filters.", "scrub."))]
    return dataclasses.replace(
        before,
        recipe_digest=run.digest,
        inputs=(*sources, *named),
        outputs=outputs,
        counts=counts,
        details=details,
        wall_s=wall_s,
        cpu_s=cpu_s,
    )


def _marker(folder: Path, stage: str) -> StageRecord:
    marker = read_marker(folder, stage)
    if marker is None:
        raise OutputError(f"{folder}: the stage {stage!r} has not been finished; finish the run with --resume first")
    return marker


def _check_pool(run: Run) -> None:
    """Every file of the pool is there as it was written."""
    if not run.recipe.filters.keep_dropped:
        raise OutputError(f"{run.folder} was made with filters.keep_dropped = false: nothing is left to decide about; run the recipe again")
    for file in run.pool():
        path = run.folder / file.path
        if not path.is_file() or sha256_of(path) != file.sha256:
            raise OutputError(f"{path} is missing or not as the run wrote it; run the recipe again into a new folder")


def _forget(folder: Path) -> None:
    """Delete what the old decision led to, the markers first."""
    later = STAGES[STAGES.index("refine") :]
    for stage in later:
        marker_path(folder, stage).unlink(missing_ok=True)
    for pattern in (*(pattern for stage in later for pattern in OWNS[stage]), "validation"):
        for path in folder.glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
