"""A resume takes other settings and versions: exactly the stages that they shape are done again, and the result is a fresh run's."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pipelines.dedup.snapshots.catalogue import read_snapshots
from pipelines.driver.context import Engine
from pipelines.driver.markers import module_of
from pipelines.driver.run import Run
from pipelines.scrub import pseudonyms
from schemas import recipe as recipes
from schemas import shaping
from schemas.errors import InputError, OutputError, TokenizerError
from schemas.files import sha256_of
from schemas.manifest import StageRecord, write_run
from schemas.recipe import Recipe
from schemas.shaping import reads, settings_of
from schemas.stages import STAGES, Stage, StageName
from tests.test_end_to_end import execute, site_recipe

NAMES = tuple(StageName)
CORPUS = ("pool", "ledger", "scrub_audit", "index", "documents", "tokenizer", "shards")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    execute(site_recipe(folder), folder / "run")
    return folder


@pytest.fixture
def finished(site: Path, tmp_path: Path) -> Path:
    shutil.copytree(site / "run", tmp_path / "run")
    return tmp_path / "run"


def corpus(run: Path) -> dict[str, str]:
    """Digests of everything that is not a statement about the run."""
    return {str(path.relative_to(run)): sha256_of(path) for name in CORPUS for path in sorted((run / name).rglob("*")) if path.is_file()}


def resumed(recipe: Recipe, out: Path) -> tuple[list[str], list[str]]:
    """(the stages that a resume does again, what it says)."""
    said: list[str] = []
    before = {path.stem: path.stat().st_mtime_ns for path in (out / "stages").iterdir()}
    Run(recipe, out, Engine(on_message=said.append), lambda stage, done, total: None).execute(resume=True)
    after = {path.stem: path.stat().st_mtime_ns for path in (out / "stages").iterdir()}
    return [name for name in NAMES if after[name] != before.get(name)], said


@pytest.mark.parametrize(
    ("changes", "first", "said"),
    [
        ({"tokenizer.vocab_size": 300}, "tokenizer", "tokenizer.vocab_size changed from 400 to 300"),
        ({"encode.valid_ratio": 0.5}, "encode", "encode.valid_ratio changed from 0.3 to 0.5"),
        ({"dedup.kinds": ["exact"]}, "curate", 'dedup.kinds changed from ["exact","minhash"] to ["exact"]'),
        ({"filters.c4.min_line_words": 1}, "ingest", "filters.c4.min_line_words changed from 3 to 1"),
        ({"scrub.special_tokens": True}, "tokenizer", "scrub.special_tokens changed from false to true"),
        ({"description": "mine"}, "report", "description changed"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_a_changed_setting_does_again_the_stages_that_read_it_and_those_after(
    site: Path, finished: Path, changes: dict[str, Any], first: str, said: str
) -> None:
    again, messages = resumed(site_recipe(site, **changes), finished)
    assert again == list(NAMES[NAMES.index(first) :])
    assert f"{first} is done again, and what comes after it: {said}" in messages[0]
    if first != "report":
        execute(site_recipe(site, **changes), finished.parent / "fresh")
        assert corpus(finished) == corpus(finished.parent / "fresh")
    assert json.loads((finished / "run.json").read_text())["recipe"] == site_recipe(site, **changes).as_dict()


@pytest.mark.parametrize(
    ("name", "stages"),
    [
        ("max_filtered", ["ingest"]),
        ("max_failed", ["ingest"]),
        ("max_failed_files", ["ingest"]),
        ("max_lost_bytes", ["ingest"]),
        ("max_merged", ["curate"]),
        ("max_cluster", ["curate"]),
        ("max_same_address", ["curate"]),
        ("min_documents", ["ingest", "curate"]),
    ],
)
def test_a_guard_shapes_only_the_stage_that_asks_it(name: str, stages: list[str]) -> None:
    assert [stage.name for stage in STAGES[:-1] if reads(stage, f"guards.{name}")] == stages


def test_a_snapshot_of_another_name_takes_the_place_of_the_one_that_the_run_had_added(site: Path, tmp_path: Path) -> None:
    def named(name: str) -> Recipe:
        return site_recipe(site, **{"dedup.index": str(tmp_path / "index"), "dedup.snapshot": name})

    execute(named("first"), tmp_path / "run")
    before = {path: digest for path, digest in corpus(tmp_path / "run").items() if not path.startswith("shards/")}  # which name the recipe
    again, said = resumed(named("second"), tmp_path / "run")
    assert again[0] == "curate"
    assert f"{tmp_path / 'index'}: snapshot 'first', which this run had added, is taken out" in said
    assert before.items() <= corpus(tmp_path / "run").items()
    assert [snapshot.name for snapshot in read_snapshots(tmp_path / "index")] == ["second"]
    assert len([path for path in (tmp_path / "index").iterdir() if path.is_dir()]) == 2  # its files, and the catalogue
    assert resumed(named("second"), tmp_path / "run")[0] == []


@pytest.mark.parametrize("gone", [False, True])
def test_limits_decide_again_about_what_was_read_even_without_the_sources(site: Path, finished: Path, gone: bool) -> None:
    changes = {"filters.gopher_quality.min_words": 120, "guards.max_filtered": 0.99}
    recipe = site_recipe(site, **changes)
    execute(recipe, finished.parent / "fresh")
    warc, pool = site / "site.warc.gz", {path.name: path.stat().st_mtime_ns for path in (finished / "pool").iterdir()}
    try:
        if gone:
            warc.rename(site / "away")
        again, messages = resumed(recipe, finished)
    finally:
        if gone:
            (site / "away").rename(warc)
    assert again == list(NAMES[1:])
    assert messages[0].startswith("ingest decides again about the documents that were read: filters.gopher_quality.min_words")
    assert pool == {path.name: path.stat().st_mtime_ns for path in (finished / "pool").iterdir()}
    assert corpus(finished) == corpus(finished.parent / "fresh")


def test_without_the_sources_only_what_needs_them_is_refused_and_nothing_is_touched(site: Path, finished: Path) -> None:
    before, state, warc = corpus(finished), (finished / "run.json").read_bytes(), site / "site.warc.gz"
    scrubbed, learned = (site_recipe(site, **changes) for changes in ({"scrub.keep_role_addresses": True}, {"tokenizer.vocab_size": 300}))
    warc.rename(site / "away")
    try:
        with pytest.raises(
            InputError, match=r"scrub\.keep_role_addresses changed .*: so the sources must be read again, but .* no such file"
        ):
            resumed(scrubbed, finished)
        assert corpus(finished) == before
        assert (finished / "run.json").read_bytes() == state
        again, messages = resumed(learned, finished)
    finally:
        (site / "away").rename(warc)
    assert again == ["tokenizer", "encode", "validate", "report"]
    assert "what was read before is kept" in messages[0]


def test_a_run_that_failed_late_takes_the_remedy_of_its_message(site: Path, tmp_path: Path) -> None:
    with pytest.raises(TokenizerError, match="the sample fills only"):
        execute(site_recipe(site, **{"tokenizer.vocab_size": 60_000}), tmp_path / "late")
    again, _ = resumed(site_recipe(site), tmp_path / "late")
    assert again == ["curate", "tokenizer", "encode", "validate", "report"]  # a clear lack of text is found before dedup
    assert corpus(tmp_path / "late") == corpus(site / "run")


def test_a_pool_that_was_used_up_is_read_again_where_dedup_needs_it(site: Path, tmp_path: Path) -> None:
    lean = {"filters.keep_dropped": False}
    execute(site_recipe(site, **lean), tmp_path / "lean")
    assert resumed(site_recipe(site, **lean, **{"encode.valid_ratio": 0.5}), tmp_path / "lean")[0] == ["encode", "validate", "report"]
    changes = {**lean, "dedup.kinds": ["exact"]}
    again, messages = resumed(site_recipe(site, **changes), tmp_path / "lean")
    assert again == list(NAMES[1:])
    assert "work/pool/segment-00000.arrow is missing" in messages[0]
    execute(site_recipe(site, **changes), tmp_path / "fresh")
    assert corpus(tmp_path / "lean") == corpus(tmp_path / "fresh")


def test_after_a_takedown_nothing_is_read_again(site: Path, finished: Path) -> None:
    from pipelines.takedown.takedown import asked_for, takedown

    (certificate,) = takedown(finished, asked_for(urls=["http://site.example/bread"]))
    assert certificate.documents
    before = corpus(finished)
    with pytest.raises(OutputError, match=r"documents were taken down from this run, and scrub\.keep_role_addresses changed"):
        resumed(site_recipe(site, **{"scrub.keep_role_addresses": True}), finished)
    assert corpus(finished) == before
    again, _ = resumed(site_recipe(site, **{"tokenizer.vocab_size": 300}), finished)
    assert again == ["tokenizer", "encode", "validate", "report"]


def test_another_key_of_pseudonyms_reads_again(site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two keys in one corpus would give one person two names."""
    recipe = site_recipe(site, **{"scrub.modes.email": "pseudonym"})
    for number, (key, again) in enumerate((("a" * 32, None), ("a" * 32, []), ("b" * 32, list(NAMES[1:])))):
        monkeypatch.setenv("CORPUSMILL_SCRUB_KEY", key)
        pseudonyms._key.cache_clear()
        if number:
            assert resumed(recipe, tmp_path / "run")[0] == again
        else:
            execute(recipe, tmp_path / "run")
    marker = (tmp_path / "run" / "stages" / "ingest.json").read_text()
    assert "key of pseudonyms " in marker
    assert "b" * 32 not in marker
    pseudonyms._key.cache_clear()


# --- Versions --------------------------------------------------------------------------------------------------------


def test_another_version_of_a_library_does_again_the_stages_that_use_it(
    site: Path, finished: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = shaping._version
    monkeypatch.setattr(shaping, "_version", lambda name: "9.9" if name == "tokenizers" else honest(name))
    again, messages = resumed(site_recipe(site), finished)
    assert again == ["tokenizer", "encode", "validate", "report"]
    assert f"tokenizers changed from {honest('tokenizers')} to 9.9" in messages[0]
    monkeypatch.setattr(shaping, "_version", lambda name: "9.9" if name == "trafilatura" else honest(name))
    assert resumed(site_recipe(site), finished)[0] == list(NAMES[1:])
    state = json.loads((finished / "run.json").read_text())
    assert {stage["stage"]: stage["versions"].get("trafilatura") for stage in state["stages"]}["ingest"] == "9.9"
    assert "settings" not in state["stages"][0]


def test_run_json_says_which_stage_ran_on_which_version(site: Path, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = shaping._version
    monkeypatch.setattr(shaping, "_version", lambda name: "9.9" if name == "matplotlib" else honest(name))
    assert resumed(site_recipe(site), finished)[0] == ["report"]
    versions = json.loads((finished / "run.json").read_text())["versions"]
    assert versions["matplotlib"] == "9.9"
    assert versions["polars"] == honest("polars")
    records = [msgspec.convert(json.loads((finished / "stages" / f"{stage}.json").read_text()), StageRecord) for stage in NAMES]
    mixed = [dataclasses.replace(record, versions=record.versions | {"numpy": record.stage[0]}) for record in records[1:3]]
    write_run(finished, site_recipe(site), mixed, workers=1, runner="local", complete=True, stopped=None)
    assert json.loads((finished / "run.json").read_text())["versions"]["numpy"] == "i (ingest); c (curate)"


def test_changed_code_does_again_the_stages_that_are_made_of_it(site: Path, finished: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    honest = sha256_of
    monkeypatch.setattr(shaping, "sha256_of", lambda path: "0" if path.parts[-2:] == ("report", "plots.py") else honest(path))
    again, messages = resumed(site_recipe(site), finished)
    assert again == ["report"]
    assert messages == ["report is done again, and what comes after it: corpusmill's own code changed"]
    monkeypatch.setattr(shaping, "sha256_of", lambda path: "0" if path.parts[-2:] == ("dedup", "minhash.py") else honest(path))
    assert resumed(site_recipe(site), finished)[0] == list(NAMES[2:])


def test_a_marker_of_an_earlier_version_does_not_hold(site: Path, finished: Path) -> None:
    path = finished / "stages" / "encode.json"
    marker = json.loads(path.read_text())
    del marker["versions"]
    path.write_text(json.dumps(marker))
    again, messages = resumed(site_recipe(site), finished)
    assert again == ["encode", "validate", "report"]
    assert "an earlier version of corpusmill made it" in messages[0]


@pytest.mark.parametrize("stage", STAGES, ids=lambda stage: stage.name)
def test_every_library_that_shapes_a_stage_has_a_version(stage: Stage) -> None:
    libraries = {library for module in shaping._closure(stage.module) for library in shaping._imports(module)[1]}
    optional = {"jieba", "torch", "datasets"}
    without = {name for name in libraries - optional if shaping._version(shaping._DISTRIBUTIONS.get(name, name.replace("_", "-"))) is None}
    assert not without


# --- The table of what each stage reads ------------------------------------------------------------------------------


def sections() -> dict[type, str]:
    """Every class of sections of a recipe -> its place in one, with * for a name that a recipe chooses."""
    import types
    import typing

    found: dict[type, str] = {}

    def walk(kind: Any, where: str) -> None:
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            assert kind not in found, f"{kind} stands in two places: {found.get(kind)} and {where}"
            found[kind] = where
            for name, hint in typing.get_type_hints(kind).items():
                walk(hint, f"{where}.{name}".lstrip("."))
        elif isinstance(kind, types.UnionType):
            for one in typing.get_args(kind):
                walk(one, where)
        elif typing.get_origin(kind) is dict:
            walk(typing.get_args(kind)[1], f"{where}.*")

    walk(Recipe, "")
    return found


UNREAD = {"__getstate__", "_dataclass_getstate", "__eq__", "__hash__", "__repr__", "__post_init__", "replace", "as_dict", "_asdict_inner"}
"""Functions that touch every setting without asking for one."""


class Recorder:
    """Notes which settings are read while a stage is done."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stage = ""
        self.read: dict[str, set[str]] = {name: set() for name in NAMES}
        for kind, where in sections().items():
            monkeypatch.setattr(kind, "__getattribute__", self.reader(where, {f.name for f in dataclasses.fields(kind)}))

    def reader(self, where: str, keys: set[str]) -> Any:
        def read(section: Any, name: str) -> Any:
            if self.stage and name in keys and not self.is_unread(sys._getframe(1)):
                self.read[self.stage].add(f"{where}.{name}".lstrip("."))
            return object.__getattribute__(section, name)

        return read

    def noting(self, stage: str, do: Any) -> Any:
        """The method that does the stage, noting what it reads."""

        def noted(run: Run) -> Any:
            self.stage = stage
            try:
                return do(run)
            finally:
                self.stage = ""

        return noted

    @staticmethod
    def is_unread(frame: Any) -> bool:
        code, caller = frame.f_code, frame.f_back.f_code  # a comprehension has a frame of its own
        return bool({code.co_name, caller.co_name} & UNREAD) or code.co_filename.endswith(("recipe/whole.py", "schemas/shaping.py"))


WIDE = {
    "filters.rules": [name for name in recipes.RULE_SETS if name not in ("quality", "perplexity", "code", "sections")],
    "filters.limits": "published",
    "dedup.kinds": ["url", "exact", "minhash", "simhash", "lines", "sentences", "templates", "substring"],
    "dedup.memory_mb": 64,
    "domains.max_share": 0.9,
    "scrub.max_values": 5,
    "scrub.max_host_values_per_1000_chars": 100,
    "scrub.special_tokens": True,
    "clean.steps": ["page_marks", "citations"],
    "guards.min_documents": 1000,
    "filters.gopher_quality.min_words": 5,
}
PLAIN = {"tokenizer.model": "wordpiece", "tokenizer.vocab_size": 280, "encode.valid_ratio": 0, "filters.keep_dropped": False}


@pytest.mark.parametrize("changes", [WIDE, PLAIN], ids=["wide", "plain"])
def test_no_stage_reads_a_setting_that_it_does_not_declare(
    site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any]
) -> None:
    (tmp_path / "items.jsonl").write_text(json.dumps({"question": "one two three four five six seven eight nine ten"}) + "\n")
    more = {"decontaminate.paths": [str(tmp_path / "items.jsonl")], "decontaminate.max_documents": 10, "decontaminate.outcome": "cut"}
    indexed = {"dedup.index": str(tmp_path / "index"), "dedup.snapshot": "first"}
    recipe = site_recipe(site, **changes, **(more | indexed if changes is WIDE else {}))
    recorder = Recorder(monkeypatch)
    for stage in STAGES:
        monkeypatch.setattr(module_of(stage), "run", recorder.noting(stage.name, module_of(stage).run))
    execute(recipe, tmp_path / "out")
    assert {"seed", "filters.rules"} <= recorder.read["ingest"] | recorder.read["curate"]
    assert "tokenizer.vocab_size" in recorder.read["tokenizer"]
    for stage in STAGES:
        undeclared = {key for key in recorder.read[stage.name] if not reads(stage, key) and not is_section(key)}
        assert not undeclared, f"{stage.name} reads {sorted(undeclared)}"


def is_section(key: str) -> bool:
    return key in set(sections().values()) or f"{key}.*" in set(sections().values())


def test_every_setting_is_read_by_a_stage_before_the_report() -> None:
    """A new section must be added to the table of stages, or changing it would have no effect on a resume."""
    recipe = recipes.load("demo", ["sources.web.crawl.seeds=http://a.example/", "sources.web.path=x"])
    plain = recipe.as_dict()
    for section, value in plain.items():
        for key in value if isinstance(value, dict) else [""]:
            name = f"{section}.{key}".rstrip(".")
            assert section in ("name", "description") or any(reads(stage, name) for stage in STAGES[:-1]), name
    for stage in STAGES:
        assert settings_of(recipe, stage), stage
