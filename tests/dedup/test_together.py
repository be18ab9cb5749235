"""Kinds that cut, evaluation sets, protected sources, scopes and indexes, together."""

from __future__ import annotations

import json
import os
from pathlib import Path

import polars as pl
import pytest

from pipelines.dedup.job import n_progress_steps
from pipelines.dedup.pool import Eligibility
from pipelines.dedup.snapshots.catalogue import read_snapshots
from pipelines.driver.context import Engine
from pipelines.driver.run import Run
from schemas import recipe as recipes
from schemas.errors import RecipeError
from schemas.recipe import Decontaminate, Dedup, Templates
from testkit.deduplicate import deduplicate
from tests.dedup.spans.test_stage import texts_left, with_urls
from tests.dedup.test_pool import QUESTION, evals
from tests.dedup.test_stage import merges_of, near, row_ref, words, write_segments

__all__ = ["evals"]

BODIES = [" ".join(words(80, ("body", row))) for row in range(4)]
MENU = "Home, news and contact"


def execute(folder: Path, name: str, texts: list[str], **settings: object) -> Path:
    """A whole run over the texts, without rules."""
    (folder / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    data: dict[str, object] = {}
    whole = {"name": name, "sources.web.path": str(folder / f"{name}.jsonl"), "filters.rules": [], "tokenizer.vocab_size": 300}
    for key, value in {**whole, "pretrain.enabled": False, "guards.max_cluster": "off", **settings}.items():
        recipes.apply_setting(data, f"{key}={json.dumps(value)}")
    Run(recipes.parse(data), folder / name, Engine(), lambda stage, done, total: None).execute(resume=False)
    return folder / name


def documents(run: Path) -> dict[int, str]:
    """{row of the input: text}."""
    frame = pl.read_ipc(run / "documents" / "*.arrow").sort("origin_offset")
    return dict(enumerate(frame.get_column("text")))


def ends(run: Path) -> list[tuple[str, str | None]]:
    """(outcome, reason) in the order of the input."""
    ledger = pl.read_parquet(run / "ledger" / "*.parquet").sort("origin_offset")
    return list(ledger.select("outcome", "reason").iter_rows())


@pytest.mark.parametrize("outcome", ["drop", "cut"])
def test_an_item_is_looked_for_in_the_text_before_a_kind_cuts_its_line(tmp_path: Path, evals: str, outcome: str) -> None:
    """Two documents contain the question on lines of its own; deduplicating lines first would leave it in one only."""
    texts = [
        f"{MENU}\n{BODIES[0]}\n{QUESTION}\n{BODIES[1]}",
        f"{MENU}\n{BODIES[2]}\n{QUESTION}\nthe end",
        f"{MENU}\n{BODIES[3]}",
        f"{MENU}\n{BODIES[3]}\n{MENU}",
    ]
    margin = {"decontaminate.margin_chars": 0, "decontaminate.min_piece_chars": 3}
    settings = {"decontaminate.paths": [evals], "decontaminate.outcome": outcome, **margin, "dedup.kinds": ["exact", "lines", "minhash"]}
    run = execute(tmp_path, "run", texts, **settings)
    found = ends(run)
    evaluation = ("dropped" if outcome == "drop" else "kept", "evaluation.arith")
    assert found[:2] == [evaluation, evaluation]
    assert sorted(found[2:]) == [("kept", None), ("merged", "lines.min_left")]
    left = "\n".join(documents(run).values())
    assert "sheep" not in left
    assert left.count(MENU) == 1
    assert left.count(BODIES[3]) == 1
    assert (BODIES[0] in left) == (outcome == "cut")
    details = json.loads((run / "run.json").read_text())["stages"]
    (refine,) = (stage for stage in details if stage["stage"] == "curate")
    assert refine["details"]["contamination"]["arith"]["documents_by_item"] == {"q1": 2}


def test_sets_and_items_may_have_any_names(tmp_path: Path) -> None:
    """Two sets named by their files, one by its row. The same id twice in a set is two items."""
    file_sets = {os.fsdecode(b"tab\t\xc3\xa9\xff"): "tab\té\\xff", "line\nbreak 'q\" %09": "line\nbreak 'q\" %09"}
    ids = ["a\tb", "a/b\n\r", "'\" é %2F", "", "same", "same"]
    (tmp_path / "evals").mkdir()
    questions = [" ".join(words(20, ("item", number))) for number in range(3 * len(ids))]
    rows = [{"id": id_, "question": question} for id_, question in zip(ids * 3, questions, strict=True)]
    of_files = [rows[: len(ids)], rows[len(ids) : 2 * len(ids)], [{"set": "a/b\té", **row} for row in rows[2 * len(ids) :]]]
    for stem, of_file in zip([*file_sets, "unused"], of_files, strict=True):
        (tmp_path / "evals" / f"{stem}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in of_file))
    texts = [*(f"{BODIES[0]} {question} {number}" for number, question in enumerate(questions)), *BODIES[1:]]
    run = execute(tmp_path, "run", texts, **{"decontaminate.paths": [str(tmp_path / "evals" / "*")], "dedup.kinds": ["exact"]})
    (curate,) = (stage for stage in json.loads((run / "run.json").read_text())["stages"] if stage["stage"] == "curate")
    sets, documents_by_item = [*file_sets.values(), "a/b\té"], {**dict.fromkeys(ids, 1), "same": 2}
    expected = {name: {"items": len(ids), "found": len(ids), "documents_by_item": documents_by_item} for name in sets}
    assert curate["details"]["contamination"] == expected
    assert ends(run) == [*(("dropped", f"evaluation.{name}") for name in sets for _ in ids), *[("kept", None)] * 3]


def test_what_went_with_an_item_is_counted_in_the_document(tmp_path: Path, evals: str) -> None:
    texts = [f"{BODIES[0]} {QUESTION} {BODIES[1]}", BODIES[2]]
    for kinds in (["exact"], ["exact", "lines"]):
        settings = {"decontaminate.paths": [evals], "decontaminate.outcome": "cut", "dedup.kinds": kinds}
        run = execute(tmp_path, "-".join(kinds), texts, **settings)
        frame = pl.read_ipc(run / "documents" / "*.arrow").sort("origin_offset")
        cut = len(texts[0]) - len(documents(run)[0])
        assert cut > len(QUESTION) + 2 * 200
        assert frame.get_column("n_cut_chars_evaluation").to_list() == [cut, 0]


def test_a_phrase_in_too_many_documents_is_no_evidence(tmp_path: Path) -> None:
    """Two items begin with a phrase of thirteen words that is in three documents; one of those goes on as the first item does."""
    phrase, ends_as = " ".join(words(13, "phrase")), [" ".join(words(5, ("end", item))) for item in range(2)]
    (tmp_path / "items.jsonl").write_text("".join(json.dumps({"question": f"{phrase} {end}"}) + "\n" for end in ends_as))
    texts = [f"{body} {phrase} {end}" for body, end in zip(BODIES, [ends_as[0], "other", "another"], strict=False)]
    any_gram = {"decontaminate.paths": [str(tmp_path / "items.jsonl")], "decontaminate.min_coverage": 0, "decontaminate.ending": False}
    for most, dropped in ((3, [0, 1, 2]), (2, [0])):
        settings = {"decontaminate.max_documents": most, "tokenizer.vocab_size": 257}
        run = execute(tmp_path, f"run-{most}", texts, **any_gram, **settings)
        assert [row for row, (outcome, _) in enumerate(ends(run)) if outcome == "dropped"] == dropped


def test_a_held_out_set_given_by_path_stays_out_of_training_with_all_copies_of_it(tmp_path: Path) -> None:
    for name, bodies in (("test", BODIES[:2]), ("short", ["short"])):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in bodies))
    changed = " ".join(near(BODIES[0].split(), 1, "changed"))
    held_out = {
        "sources.test.path": [str(tmp_path / "test.jsonl"), str(tmp_path / "short.jsonl")],
        "sources.test.rules": [],
        "dedup.protected": ["test"],
        "filters.rules": ["length"],
        "filters.length.min_chars": 100,
        "encode.valid_ratio": 0,
        "tokenizer.vocab_size": 257,
    }
    run = execute(tmp_path, "run", [f"{changed} and more of it", BODIES[1], BODIES[2], BODIES[3], "too short"], **held_out)
    ledger = pl.read_parquet(run / "ledger" / "*.parquet").sort("source", "origin_file", "origin_offset")
    assert ledger.filter(source="test").get_column("outcome").to_list() == ["kept"] * 3
    web = ledger.filter(source="web").select("outcome", "reason").rows()
    assert web == [("merged", "minhash"), ("merged", "exact"), ("kept", None), ("kept", None), ("dropped", "length.min_chars")]
    splits = {split: pl.read_ipc(run / "shards" / f"{split}-*.arrow").get_column("source").to_list() for split in ("train", "valid")}
    assert splits == {"train": ["web"] * 2, "valid": ["test"] * 3}
    details = {stage["stage"]: stage["details"] for stage in json.loads((run / "run.json").read_text())["stages"]}
    assert details["tokenizer"]["sample_documents"] == 2


def test_nothing_is_held_out_where_copies_stay() -> None:
    with pytest.raises(RecipeError, match=r"dedup\.protected = \['test'\]: copies would stay"):
        Dedup(copies="weigh", protected=("test",))


@pytest.mark.parametrize("kinds", [("exact", "lines", "templates", "minhash"), ("lines",), ("exact", "minhash"), ()])
def test_progress_reports_as_many_steps_as_announced(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    told: list[tuple[int, int | None]] = []
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in BODIES))
    settings = {"name": "a", "sources.web.path": str(tmp_path / "a.jsonl"), "filters.rules": [], "dedup.kinds": kinds}
    data: dict[str, object] = {}
    for key, value in {**settings, "tokenizer.vocab_size": 257, "pretrain.enabled": False}.items():
        recipes.apply_setting(data, f"{key}={json.dumps(value)}")
    run = Run(recipes.parse(data), tmp_path / "run", Engine(), lambda stage, *units: told.append(units) if stage == "curate" else None)
    run.execute(resume=False)
    *_, last, _ = told
    assert last == (n_progress_steps(Dedup(kinds=kinds)),) * 2  # type: ignore[arg-type]


def test_the_index_keeps_what_the_run_keeps_after_cuts(tmp_path: Path) -> None:
    settings = {"dedup.kinds": ["lines", "exact", "minhash"], "dedup.index": str(tmp_path / "index"), "dedup.lines.min_left": 10}
    texts = [f"{MENU}\n{BODIES[0]}", f"{MENU}\n{BODIES[1]}", f"{MENU}\nshort", MENU]
    first = execute(tmp_path, "first", texts, **settings, **{"dedup.snapshot": "one"})
    assert len(documents(first)) == 2
    (snapshot,) = read_snapshots(tmp_path / "index")
    assert snapshot.n_documents == 2
    assert sorted(snapshot.keys) == ["exact", "minhash"]
    stored = pl.read_ipc(tmp_path / "index" / snapshot.folder / "documents-*.arrow")
    kept = pl.read_ipc(first / "documents" / "*.arrow")
    assert sorted(stored.get_column("doc_id")) == sorted(kept.get_column("doc_id"))
    changed = " ".join(near(BODIES[0].split(), 1, "changed"))
    second = execute(tmp_path, "second", [BODIES[1], f"{changed} and more of it", BODIES[2]], **settings)
    assert ends(second) == [("merged", "exact"), ("merged", "minhash"), ("kept", None)]


def test_copies_of_earlier_documents_are_weighed_where_copies_are(tmp_path: Path) -> None:
    settings = {"dedup.index": str(tmp_path / "index"), "dedup.copies": "weigh"}
    execute(tmp_path, "first", BODIES[:2], **settings, **{"dedup.snapshot": "one"})
    second = execute(tmp_path, "second", [BODIES[0], BODIES[2], BODIES[0], BODIES[2]], **settings)
    frame = pl.read_ipc(second / "documents" / "*.arrow").sort("origin_offset")
    assert frame.get_column("cluster_size").to_list() == [3, 2, 3, 2]


def test_protected_documents_are_neither_cut_nor_ended(tmp_path: Path) -> None:
    line = "a line that stands in all of them"
    segments = write_segments(
        tmp_path / "segments", [[f"{line}\nweb page, the longest by far"], [line, f"{line}\nheld out"]], ["web", "test"]
    )
    assert merges_of(Dedup(kinds=("lines",), protected=("test",)), segments, tmp_path) == []
    assert texts_left(tmp_path, "lines") == [["web page, the longest by far"], [line, f"{line}\nheld out"]]


def test_within_a_source_lines_and_templates_of_others_do_not_count(tmp_path: Path) -> None:
    texts = [[f"{MENU}\n{body}" for body in BODIES[:2]], [f"{MENU}\n{body}" for body in BODIES[2:]]]
    segments = write_segments(tmp_path / "segments", texts, ["a", "b"])
    deduplicate(Dedup(kinds=("lines",), scope="within_source"), segments, tmp_path / "lines")
    assert [text.count(MENU) for text in map("\n".join, texts_left(tmp_path / "lines", "lines"))] == [1, 1]
    with_urls(segments, [[f"http://a.example/{number}-{row}" for row in range(2)] for number in range(2)])
    for scope, n in (("all", 0), ("within_source", 4)):
        config = Dedup(kinds=("templates",), scope=scope, templates=Templates(min_pages=3))  # type: ignore[arg-type]
        deduplicate(config, segments, tmp_path / scope)
        assert sum(text.count(MENU) for part in texts_left(tmp_path / scope, "templates") for text in part) == n


def test_near_hashes_of_earlier_documents_and_of_protected_ones(tmp_path: Path) -> None:
    base = words(400, "simhash")
    config = Dedup(kinds=("simhash",), index=str(tmp_path / "index"), snapshot="one", protected=("test",))
    first = write_segments(tmp_path / "a", [[" ".join(base)]])
    assert merges_of(config, first, tmp_path / "run-a") == []
    texts = [[" ".join(near(base, 1, "n")) + " longer"], [" ".join(base)], [" ".join(words(400, "other"))]]
    second = write_segments(tmp_path / "b", texts, ["web", "test", "web"])
    later = Dedup(kinds=("simhash",), index=str(tmp_path / "index"), protected=("test",))
    merges, _ = deduplicate(later, second, tmp_path / "run-b")
    (merge,) = merges.to_pylist()
    assert (merge["row_ref"], merge["reason"], merge["survivor_id"]) == (row_ref(0, 0), "simhash", b"0000-00000000000")
    apart = Dedup(kinds=("simhash",), scope="within_source")
    assert merges_of(apart, second, tmp_path / "apart") == []
    assert merges_of(Dedup(kinds=("simhash",)), second, tmp_path / "all") == [(row_ref(1, 0), row_ref(0, 0), "simhash")]


def test_dedup_sees_the_cut_text_of_documents_that_held_an_item(tmp_path: Path, evals: str) -> None:
    """Cut out of the pool's text first: then both texts are the same lines, and one keeps them."""
    body = "\n".join(BODIES)
    segments = write_segments(tmp_path / "segments", [[f"{body}\n{QUESTION}", body]])
    eligibility = Eligibility(config=Decontaminate(paths=(evals,), outcome="cut", margin_chars=0))
    merges, _ = deduplicate(Dedup(kinds=("lines", "minhash")), segments, tmp_path, eligibility=eligibility)
    assert merges.column("reason").to_pylist() == ["lines.min_left"]
    (left,) = (text for text in texts_left(tmp_path, "lines")[0] if text)
    assert left.split() == body.split()
