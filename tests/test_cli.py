"""The command line as a person meets it: every mistake ends with a non-zero status and one message that says what to do."""

from __future__ import annotations

import json
import re
import sys
from io import StringIO
from pathlib import Path

import pyarrow as pa
import pytest
from rich.console import Console
from rich.table import Table

import run_pipeline
from pipelines.commands import screen
from schemas import recipe as recipes
from tests.site import write_warc


def status_of(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    """Exit status of the command line."""
    monkeypatch.setattr(sys, "argv", ["run_pipeline.py", *arguments])
    with pytest.raises(SystemExit) as caught:
        run_pipeline.main()
    code = caught.value.code
    return code if isinstance(code, int) else 0


def message(capsys: pytest.CaptureFixture[str]) -> str:
    """What was printed on standard error, as one line: one error and no traceback."""
    shown = " ".join(capsys.readouterr().err.split())
    assert "Traceback" not in shown
    assert len(re.findall(r"\berror CM-[A-Z]+-\d{3}:", shown)) == 1
    return shown


@pytest.fixture(scope="module")
def warc(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cli") / "site.warc.gz"
    write_warc(path)
    return path


def web(path: Path) -> tuple[str, ...]:
    return ("--set", f"sources.web.path={json.dumps(str(path))}", "--set", "pretrain.enabled=false")


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("finweb",), "CM-RECIPE-006: 'finweb' is not a built-in recipe, a file or the folder of a run; did you mean 'fineweb'?"),
        (("fineweb", "--set", "dedup.minhsh.bands=3"), "unknown key 'minhsh'; did you mean 'minhash'?"),
        (("fineweb", "--set", "encode.shard_tokens=many"), "encode.shard_tokens: Expected `int`, got `str`"),
        (("fineweb", "--set", "oops"), "write it as section.key=value"),
        (("fineweb", "--set", 'dedup.kinds=["exct"]'), "dedup.kinds = 'exct': valid are url, exact, minhash"),
        (("fineweb", "--set", "sources.web.path=s3://bucket/a.jsonl"), "only files on this machine can be read"),
        (("fineweb", "--set", "sources.web.path="), "sources.web: nothing to read"),
        (("fineweb", "--set", "sources.web.path=nowhere/*.warc.gz"), "nowhere/*.warc.gz"),
        (("fineweb",), "sources.web"),
    ],
)
def test_a_wrong_recipe_or_input_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    assert status_of(monkeypatch, "run", *arguments, "--out", str(tmp_path / "out")) == 2
    assert expected in message(capsys)


def test_a_file_that_is_no_archive_is_named(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    bad = tmp_path / "bad.warc.gz"
    bad.write_bytes(b"this is no archive at all")
    assert status_of(monkeypatch, "run", "fineweb", "--out", str(tmp_path / "out"), *web(bad)) == 2
    assert "bad.warc.gz" in message(capsys)


def test_a_full_folder_is_refused_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, warc: Path
) -> None:
    (tmp_path / "precious.txt").write_text("mine")
    assert status_of(monkeypatch, "run", "fineweb", "--out", str(tmp_path), *web(warc)) == 2
    assert "is not empty; give --out a new folder, or add --resume" in message(capsys)
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]


def test_too_large_a_vocabulary_names_the_size_that_fits(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, warc: Path
) -> None:
    assert status_of(monkeypatch, "run", "fineweb", "--out", str(tmp_path / "out"), *web(warc)) == 2
    assert "tokenizer.vocab_size = 8192: the sample fills only" in message(capsys)


def test_an_empty_corpus_names_the_rules_that_emptied_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, warc: Path
) -> None:
    settings = (*web(warc), "--set", "filters.gopher_quality.min_words=5000")
    assert status_of(monkeypatch, "run", "fineweb", "--out", str(tmp_path / "out"), *settings) == 2
    assert "no document is left of 15 records" in message(capsys)


def test_a_dry_run_shows_the_plan_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, warc: Path
) -> None:
    out = tmp_path / "out"
    assert status_of(monkeypatch, "run", "fineweb", "--out", str(out), *web(warc), "--dry-run") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "1 file in 1 split" in shown
    assert "gopher_repetition:datatrove" in shown
    assert "56.5 % at 0.7, 92.4 % at 0.8" in shown
    assert not out.exists()


def dry_run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], path: Path | str, *settings: str) -> tuple[int, str, str]:
    """(exit status, what it shows on one line, its message) of a dry run of a recipe without rules."""
    given = ("--set", f"sources.web.path={json.dumps(str(path))}", "--set", "filters.rules=[]", "--set", "scrub.kinds=[]")
    status = status_of(monkeypatch, "run", "fineweb", "--out", "never", *given, *settings, "--dry-run")
    shown = capsys.readouterr()
    return status, " ".join(shown.out.replace("│", " ").split()), " ".join(shown.err.split())


def test_a_dry_run_samples_every_source_and_names_every_bad_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = "The river rises in a shallow valley north of the old quarry and runs past four villages before it meets the sea. "
    for number in range(3):
        rows = [{"text": text * (number + 1), "page": {"id": line}} for line in range(40)] + [{"text": ""}] * 10
        (tmp_path / f"{number}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (tmp_path / "[bold].parquet").write_bytes(b"<Error/>")
    (tmp_path / "page.html").touch()
    status, shown, error = dry_run(monkeypatch, capsys, tmp_path)
    assert (status, error) == (0, "")
    assert "4 files in 4 splits" in shown
    assert "passed over: 1 .html" in shown
    assert "columns: text, page, page.id" in shown
    assert "in a sample of 151 records: no document: 20.5 %: empty_text 30, not_parquet 1 dropped: 0.0 % of the documents" in shown
    assert "languages kept: not identified 120" in shown
    assert "forecast: about 151 records; 120 documents with" in shown
    assert f"cannot be read: {tmp_path}/[bold].parquet (not_parquet)" in shown


def test_a_dry_run_fails_where_the_run_would_for_its_files_or_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "a.jsonl").write_text('{"body": "a", "link": "b"}\n')
    status, _, error = dry_run(monkeypatch, capsys, tmp_path)
    assert status == 2
    assert "sources.web.text_column = 'text': no record has it; columns found: body, link." in error
    (tmp_path / "a.jsonl").write_text('{"text": "a", "link": "b"}\n')
    status, _, error = dry_run(monkeypatch, capsys, tmp_path, "--set", "sources.web.url_column=address")
    assert status == 2
    assert "sources.web.url_column = 'address': no record has it; columns found: text, link." in error
    (tmp_path / "b.warc.gz").touch()
    status, _, error = dry_run(monkeypatch, capsys, tmp_path, "--set", "guards.max_failed_files=0.4")
    assert status == 2
    assert "1 of 2 files of source=web could not be read (50.0%), more than guards.max_failed_files = 0.4" in error
    status, shown, error = dry_run(monkeypatch, capsys, tmp_path / "*.gz")
    assert status == 2
    assert f"cannot be read: {tmp_path}/b.warc.gz (empty_file)" in shown
    assert "sources.web: none of its 1 files can be read. Reasons: empty_file 1." in error


def test_a_file_whose_name_is_no_text_can_be_named_on_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("caf\udce9.jsonl").write_text('{"text": "a"}\n')
    assert status_of(monkeypatch, "run", "fineweb", "--out", "o", "--set", "sources.web.path=caf\udce9.jsonl", "--dry-run") == 0
    assert "1 file in 1 split" in capsys.readouterr().out
    assert recipes.load("fineweb", ["sources.web.path=caf\udce9.jsonl"]).sources["web"].path == (r"caf\xe9.jsonl",)
    assert status_of(monkeypatch, "run", "fineweb", "--out", "o", "--set", "sources.web.path=\udce9.jsonl", "--dry-run") == 2
    assert r"\xe9.jsonl" in message(capsys)


def test_what_a_late_stage_would_miss_is_told_before_the_first(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, warc: Path
) -> None:
    settings = (*web(warc), "--out", str(tmp_path / "out"))
    assert status_of(monkeypatch, "run", "fineweb", *settings, "--set", "tokenizer.path=none.json", "--dry-run") == 2
    assert "tokenizer file none.json does not exist" in message(capsys)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").touch()
    assert status_of(monkeypatch, "run", "fineweb", *settings, "--dry-run") == 2
    assert "is not empty" in message(capsys)


def test_sources_without_records_are_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "none.jsonl").touch()
    assert status_of(monkeypatch, "run", "fineweb", "--out", str(tmp_path / "out"), *web(tmp_path / "none.jsonl")) == 2
    assert "no record stands in the files of web" in message(capsys)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--runner", "prism"), "--runner 'prism': use one of local, portable, flink, spark, dataflow"),
        (("--workers", "100000"), "CM-COMMAND-012: --workers 100000 "),
        (("--set", "sources.../x.path=a"), "sources.: unknown key ''"),
        (("--out", "caf\udce9"), "CM-RECORD-003: caf\\xe9: "),
        (("--set", "name=../x"), "name = '../x': give a name of at most 60 letters"),
    ],
)
def test_an_option_that_makes_no_sense_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    assert status_of(monkeypatch, "run", "fineweb", "--out", str(tmp_path / "out"), *arguments) == 2
    assert expected in message(capsys)
    assert not (tmp_path / "out").exists()


def test_a_folder_in_use_is_refused_by_every_command_that_writes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, warc: Path
) -> None:
    from schemas.lock import locked

    out = str(tmp_path / "out")
    assert status_of(monkeypatch, "run", "fineweb", *web(warc), "--set", "tokenizer.vocab_size=300", "--out", out) == 0
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    capsys.readouterr()
    with locked(tmp_path / "out"):
        for command in (("run", out, "--resume"), ("refilter", out), ("takedown", out), ("validate", out), ("report", out)):
            assert status_of(monkeypatch, *command) == 2
            assert "out is in use by process " in message(capsys)
    after = {path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*")}
    assert {path.name for path in before if after.get(path) != before[path]} <= {"out"}


def test_a_model_that_does_not_pass_ends_with_1_and_says_why(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, warc: Path
) -> None:
    out = str(tmp_path / "out")
    settings = ("--set", "tokenizer.vocab_size=300", "--set", "encode.valid_ratio=0", "--set", "pretrain.steps=2")
    small = ("--set", "pretrain.d_model=16", "--set", "pretrain.n_layers=1", "--set", "pretrain.seq_len=16")
    source = ("--set", f"sources.web.path={json.dumps(str(warc))}")
    assert status_of(monkeypatch, "run", "fineweb", *source, *settings, *small, "--out", out) == 1
    error = " ".join(capsys.readouterr().err.split())
    assert "the model did not pass: the validation loss went from" in error
    assert status_of(monkeypatch, "validate", out) == 1
    shown = capsys.readouterr()
    assert "{" not in shown.out
    assert "tokens in" in " ".join(shown.out.split())
    assert "the model did not pass: the validation loss went from" in " ".join(shown.err.split())
    assert status_of(monkeypatch, "validate", out, "--set", "encode.valid_ratio=0.5") == 2
    assert "CM-COMMAND-014: validate does not read encode.valid_ratio" in message(capsys)


def test_a_dry_run_of_a_resume_says_what_would_be_done_again(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, warc: Path
) -> None:
    out = ("--out", str(tmp_path / "out"))
    assert status_of(monkeypatch, "run", "fineweb", *web(warc), *out) == 2  # too large a vocabulary
    capsys.readouterr()
    assert status_of(monkeypatch, "run", "fineweb", *web(warc), *out, "--resume", "--dry-run", "--set", "read.extractor=resiliparse") == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "crawl: kept ingest: done again: read.extractor changed from" in shown


def test_every_key_is_printed_with_its_meaning(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(monkeypatch, "recipes", "--keys") == 0
    assert "tokenizer.min_frequency = 2 A pair of tokens is merged if it occurs at least this often." in " ".join(
        capsys.readouterr().out.split()
    )


def test_what_the_file_system_refuses_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, warc: Path
) -> None:
    (tmp_path / "file").touch()
    assert status_of(monkeypatch, "run", "fineweb", "--out", str(tmp_path / "file" / "out"), *web(warc)) == 2
    assert "CM-COMMAND-018: " in message(capsys)


@pytest.mark.parametrize("state", ['{"recipe":', "{}"])
def test_a_damaged_run_is_one_message_of_every_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, state: str
) -> None:
    (tmp_path / "run.json").write_text(state)
    for command in ("run", "refilter", "takedown", "validate", "report"):
        assert status_of(monkeypatch, command, str(tmp_path)) == 2
        assert "run.json" in message(capsys)


def test_a_report_of_no_run_says_so(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert status_of(monkeypatch, "report", str(tmp_path)) == 2
    assert "is not the folder of a run" in message(capsys)


def test_two_runs_that_differ_by_one_limit_are_compared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, warc: Path
) -> None:
    one, two = str(tmp_path / "one"), str(tmp_path / "two")
    for out, min_words in ((one, "50"), (two, "145")):
        settings = (*web(warc), "--set", "tokenizer.vocab_size=300", "--set", f"filters.gopher_quality.min_words={min_words}")
        assert status_of(monkeypatch, "run", "fineweb", *settings, "--out", out) == 0
    capsys.readouterr()
    assert status_of(monkeypatch, "diff", one, two, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["recipe"] == [{"name": "filters.gopher_quality.min_words", "before": 50, "after": 145}]
    assert found["versions"] == []
    (move,) = (move for move in found["records"]["moves"] if move["before"] == "kept")
    assert (move["after"], move["n"]) == ("dropped: gopher_quality.min_words", 1)
    assert status_of(monkeypatch, "diff", one, two) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "15 records in both runs, compared" in shown
    assert f"1 kept -> dropped: gopher_quality.min_words {move['ids'][0]}" in shown
    assert status_of(monkeypatch, "diff", one, str(tmp_path)) == 2
    assert "is not the folder of a run" in message(capsys)


def test_the_recipes_are_listed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert status_of(monkeypatch, "recipes") == 0
    shown = capsys.readouterr().out
    assert "demo" in shown
    assert "fineweb" in shown


def test_a_run_that_is_stopped_by_hand_says_how_to_go_on(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, warc: Path
) -> None:
    from pipelines.driver.run import Run

    def stop(self: Run, *, resume: bool) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Run, "execute", stop)
    assert status_of(monkeypatch, "run", "fineweb", "--out", str(tmp_path / "out"), *web(warc)) == 130
    assert "repeat the command with --resume" in " ".join(capsys.readouterr().err.split())


def test_a_tokenizer_without_the_separator_is_refused(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, warc: Path
) -> None:
    from schemas.recipe import Tokenizer
    from tokenizer import bpe

    text = pa.array(["some text to learn from " * 9], pa.large_string())
    bpe.save_tokenizer(bpe.train_from_columns(iter([text]), Tokenizer(vocab_size=260, special_tokens=("<s>",))), tmp_path / "t.json")
    settings = (*web(warc), "--set", f"tokenizer.path={json.dumps(str(tmp_path / 't.json'))}")
    assert status_of(monkeypatch, "run", "fineweb", "--out", str(tmp_path / "out"), *settings) == 2
    assert "has no token '<|endoftext|>' to separate documents" in message(capsys)


def test_a_classifier_is_trained_and_measured(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name, words in (("good", "rivers and valleys"), ("bad", "cheap watches now")):
        (tmp_path / f"{name}.jsonl").write_text("".join(json.dumps({"text": f"{words} {i}"}) + "\n" for i in range(60)))
    files = ("--positive", str(tmp_path / "good.jsonl"), "--negative", str(tmp_path / "bad.jsonl"))
    small = ("--set", "dim=4", "--set", "bucket=100", "--set", "epoch=20", "--set", "lr=0.5", "--set", "held_out=0.3")
    assert status_of(monkeypatch, "train-classifier", *files, "--out", str(tmp_path / "model.bin"), *small) == 0
    shown = capsys.readouterr().out
    assert "AUC 1.0000" in " ".join(shown.split())
    assert "recall" in shown
    assert (tmp_path / "model.bin").is_file()
    assert status_of(monkeypatch, "train-classifier", *files, "--out", str(tmp_path / "model.bin"), "--set", "dmi=4") == 2
    assert "unknown key 'dmi'; did you mean 'dim'?" in message(capsys)
    missing = ("--positive", str(tmp_path / "nowhere.jsonl"), *files[2:])
    assert status_of(monkeypatch, "train-classifier", *missing, "--out", str(tmp_path / "model.bin")) == 2
    assert "nowhere.jsonl" in message(capsys)


def test_an_n_gram_model_is_trained_and_buckets_proposed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    path = tmp_path / "text.jsonl"
    path.write_text("".join(json.dumps({"text": f"the river rises {i % 7} times\nand falls"}) + "\n" for i in range(40)))
    arguments = (str(path), "--out", str(tmp_path / "en.arpa"), "--set", "order=3", "--percentiles-of", str(path))
    assert status_of(monkeypatch, "train-ngrams", *arguments) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "below: cutoffs.LANG = [" in shown
    assert (tmp_path / "en.arpa").read_text("utf-8").startswith("\\data\\\nngram 1=10\n")
    assert status_of(monkeypatch, "train-ngrams", str(path), "--out", str(tmp_path / "en.arpa"), "--set", "order=1") == 2
    assert "order = 1: must be in [2, 8]" in message(capsys)
    (tmp_path / "empty.jsonl").write_text("")
    assert status_of(monkeypatch, "train-ngrams", str(tmp_path / "empty.jsonl"), "--out", str(tmp_path / "en.arpa")) == 2
    assert "CM-FILTER-022: " in message(capsys)


def test_a_tokenizer_is_trained_from_files_and_compared(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    lines = [
        {"text": "the quick brown fox jumps over the lazy dog " * 5, "lang": "en"},
        {"text": "大模型需要干净的语料。" * 9, "lang": "zh"},
    ]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (tmp_path / "b.txt").write_text("the dog " * 30)
    arguments = (
        "train-tokenizer",
        "--input",
        str(tmp_path / "a.jsonl"),
        str(tmp_path / "b.txt"),
        "--pattern",
        "gpt2",
        "--set",
        "min_frequency=1",
    )
    assert status_of(monkeypatch, *arguments, "--vocab-size", "280", "--out", str(tmp_path / "one")) == 0
    capsys.readouterr()
    one = tmp_path / "one" / "tokenizer.json"
    assert status_of(monkeypatch, *arguments, "--vocab-size", "270", "--out", str(tmp_path / "two"), "--compare", str(one)) == 0
    shown = capsys.readouterr().out
    assert "zh" in shown
    assert "a.jsonl" in shown
    assert len(json.loads((tmp_path / "two" / "tokenizer.json").read_text())["model"]["vocab"]) == 270


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--pattern", "gpt3"), "pattern = 'gpt3': valid are gpt2, cl100k, qwen2, o200k, llama, baichuan, jieba, code"),
        (("--vocab-size", "100"), "tokenizer.vocab_size = 100: must be at least 257"),
        (("--vocab-size", "9000"), "tokenizer.vocab_size = 9000: the sample fills only"),
        (("--set", "extend=none.json", "--vocab-size", "400"), "tokenizer file none.json does not exist"),
        (("--input", "nowhere.jsonl"), "nowhere.jsonl"),
    ],
)
def test_a_tokenizer_that_cannot_be_trained_is_one_message(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, arguments: tuple[str, ...], expected: str
) -> None:
    (tmp_path / "b.txt").write_text("the dog " * 30)
    assert status_of(monkeypatch, "train-tokenizer", "--input", str(tmp_path / "b.txt"), "--out", str(tmp_path / "out"), *arguments) == 2
    assert expected in message(capsys)


def test_files_are_encoded_with_a_given_tokenizer_and_the_shards_inspected(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text, made, out = tmp_path / "b.txt", tmp_path / "made", tmp_path / "out"
    text.write_text("the dog " * 30)
    assert status_of(monkeypatch, "train-tokenizer", "--input", str(text), "--vocab-size", "260", "--out", str(made)) == 0
    arguments = ("--input", str(text), "--tokenizer", str(made / "tokenizer.json"), "--out", str(out), "--set", "valid_ratio=0")
    assert status_of(monkeypatch, "encode", *arguments) == 0
    capsys.readouterr()
    assert status_of(monkeypatch, "inspect", str(out / "shards" / "train-00000-of-00001.arrow")) == 0
    shown = " ".join(capsys.readouterr().out.replace("│", " ").split())
    n_tokens = json.loads((out / "shards" / "index.json").read_text())["shards"][0]["n_tokens"]
    assert 0 < n_tokens < 240
    assert f"sources b.txt: 1 document, {n_tokens} tokens" in shown
    assert f"the longest: {n_tokens} tokens" in shown
    assert status_of(monkeypatch, "encode", *arguments) == 2
    assert "CM-COMMAND-004: " in message(capsys)


def test_takedown_says_what_it_did_and_that_it_did_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, warc: Path
) -> None:
    out = str(tmp_path / "out")
    assert status_of(monkeypatch, "run", "fineweb", *web(warc), "--set", "tokenizer.vocab_size=300", "--out", out) == 0
    capsys.readouterr()
    assert status_of(monkeypatch, "takedown", out, "--url", "http://site.example/no-such-page") == 0
    assert "the request matches no document of this run; nothing was changed" in capsys.readouterr().out
    assert not (tmp_path / "out" / "takedown").exists()
    assert (
        status_of(monkeypatch, "takedown", out, "--url", "http://site.example/bread", "--reason", "asked by jane@bakery.org", "--yes") == 0
    )
    shown = " ".join(capsys.readouterr().out.split())
    assert "removed 1 document(s) with " in shown
    assert "takedown/0001.json" in shown
    assert json.loads((tmp_path / "out" / "takedown" / "0001.json").read_text())["request"]["reason"] == "asked by <EMAIL>"
    assert status_of(monkeypatch, "takedown", out, "--email-hash", "jane@bakery.org") == 2
    error = message(capsys)
    assert "--email-hash number 1 is no sha256" in error
    assert "jane@" not in error


# --- In a log file ---------------------------------------------------------------------------------------------------


def test_a_log_file_gets_a_line_for_each_stage_and_no_control_codes(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Console(file=StringIO(), width=screen.LOG_COLUMNS)
    monkeypatch.setattr(screen, "console", log)
    with screen.stage_bars() as bars:
        for done, total in ((0, None), (0, 3), (3, 3), (1, 1)):
            bars.on_progress("ingest", done, total)
        bars.on_message(long := "a message " * 40)
    assert isinstance(log.file, StringIO)
    first, *rest = log.file.getvalue().splitlines()
    assert re.fullmatch(r"read, filter and scrub: done after \d+\.\d s", first)
    assert rest == [long], "whole, in one line"


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_cell_of_a_table_is_cut(monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setattr(screen, "console", Console(file=(log := StringIO()), width=width))
    table = Table("name", "value")
    table.add_row("path", "x" * 300)
    screen.show(table)
    assert log.getvalue().count("x") == 300
    assert "…" not in log.getvalue()
