"""Private values planted wherever a source can hold them are nowhere in what a run leaves behind: files, output, temporary files."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, unquote

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tokenizers import Tokenizer

from schemas.recipe import DEFAULT_KINDS
from testkit.planted import PLANTED
from tests.site import BREAD, CLOCKS, RIVER, Page, write_warc

ROOT = Path(__file__).parents[1]
WORDS = sorted(set(re.findall(r"[a-z]+", (RIVER + BREAD + CLOCKS).lower())))
PHRASES = [phrase for phrase, _ in PLANTED.values()]
VALUES = [value for _, value in PLANTED.values()]
RECIPE = """
name = "planted"
[sources]
rows.path = "rows.jsonl"
table.path = "table.parquet"
web.path = "site.warc.gz"
notes.path = "notes/*.txt"
[filters]
rules = ["length", "language", "gopher_repetition"]
length.min_chars = 200
language.keep = []
[dedup]
kinds = ["url", "exact", "minhash"]
[tokenizer]
vocab_size = 600
[encode]
shard_tokens = 2000
valid_ratio = 0.2
[pretrain]
enabled = false
"""


def kept(number: int, phrase: str) -> str:
    """A text of its own with the phrase in the middle."""
    draw = random.Random(number)
    lines = [f"{' '.join(draw.sample(WORDS, 14)).capitalize()}." for _ in range(8)]
    return "\n".join([*lines[:4], f"A line in which somebody says: {phrase}", *lines[4:]])


def rows() -> Iterator[bytes]:
    """Kept with the value in text, URL, licence, names and values of meta; merged; dropped; unreadable in several ways."""
    for number, phrase in enumerate(PHRASES):
        text, url = kept(number, phrase), f"https://a.example.org/find?n={number}&q={quote(phrase)}"
        row = {"text": text, "url": url, "title": f"About {number}: {phrase}", "licence": f"for {number}: {phrase}", phrase[:200]: number}
        yield json.dumps(row, ensure_ascii=number % 2 == 0).encode()
        yield json.dumps({"text": f"{text} ", "url": f"https://b.example.org/{number}", "by": phrase}).encode()
        yield json.dumps({"text": phrase, "url": f"https://c.example.org/{number}", "title": phrase}).encode()
        yield json.dumps({"text": {"of": phrase}, "url": f"https://d.example.org/{number}"}).encode()
        yield json.dumps({"body": phrase, "url": phrase}).encode()
        yield json.dumps({"text": text, "url": url}).encode()[:-9]
        yield b"\xff\xfe" + phrase.encode("utf-16-le")
        yield phrase.encode()
    yield json.dumps({"text": kept(99, " ".join(PHRASES).replace("\n", " ")), "url": "tel:+16502530000"}).encode()
    yield json.dumps({"text": kept(98, "x"), "url": "https://e.example.org/", "card": 4539148803436467}).encode()


def pages() -> Iterator[Page]:
    for number, phrase in enumerate(PHRASES):
        paragraphs = "".join(f"<p>{line}</p>" for line in kept(number + 40, phrase).splitlines())
        head = (
            f"<head><meta charset=utf-8><title>{phrase}</title><meta name=author content='{phrase}'><meta name=robots content='{phrase}'>"
        )
        body = f"<!DOCTYPE html><html>{head}</head><body><main>{paragraphs}</main></body></html>".encode()
        url = f"http://site.example/{number}?q={quote(phrase)}"
        yield Page(url=url, body=body, outcome="", stage="")
        yield Page(url=f"{url}&a=1", body=body, outcome="", stage="", damaged=True)
        yield Page(url=f"{url}&b=1", body=phrase.encode(), content_type="text/plain; charset=utf-8", outcome="", stage="")
        yield Page(url=f"{url}&c=1", body=body, status="404 Not Found", outcome="", stage="")
        yield Page(url=f"{url}&d=1", body=body, content_type=f"text/html; charset={quote(phrase)}", outcome="", stage="")


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the run, what it printed, and the folder for its temporary files."""
    folder = tmp_path_factory.mktemp("planted")
    (folder / "rows.jsonl").write_bytes(b"\n".join(rows()))
    texts = [kept(number + 70, phrase) for number, phrase in enumerate(PHRASES)]
    pq.write_table(pa.table({"text": texts, "url": PHRASES, "title": PHRASES}), folder / "table.parquet")
    write_warc(folder / "site.warc.gz", tuple(pages()))
    (folder / "notes").mkdir()
    for number, phrase in enumerate(PHRASES):
        (folder / "notes" / f"{number}.txt").write_text(kept(number + 120, phrase))
    (folder / "planted.toml").write_text(RECIPE)
    (folder / "temporary").mkdir()
    command = [sys.executable, str(ROOT / "run_pipeline.py"), "run", "planted.toml", "--out", "run", "--workers", "2"]
    environment = {**os.environ, "TMPDIR": str(folder / "temporary"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300)
    (folder / "output.txt").write_text(done.stdout + done.stderr)
    assert done.returncode == 0, done.stderr
    return folder


def contents(path: Path) -> Iterator[str]:
    """Everything that can be read in a file: its bytes, and the values in its columns."""
    yield path.read_bytes().decode("utf-8", "replace")
    if path.suffix == ".parquet":
        yield "\n".join(str(column.to_pylist()) for column in pq.read_table(path).columns)
    elif path.suffix == ".arrow":
        yield "\n".join(str(column.to_pylist()) for column in pa.ipc.open_file(pa.memory_map(str(path))).read_all().columns)


def spelled(value: str) -> re.Pattern[str]:
    """The value in either case and with any separators between the parts of it, or escaped as in JSON and URLs."""
    parts = re.findall(r"\w+", value) if re.fullmatch(r"[\d .\-/]+", value) else [value]
    return re.compile(r"[\s.\-/+]{0,2}".join(re.escape(part) for part in parts), re.IGNORECASE)


def found_in(texts: Iterator[str]) -> set[str]:
    patterns = {kind: spelled(value) for kind, (_, value) in PLANTED.items()}
    return {kind for text in texts for form in {text, unquote(text)} for kind, pattern in patterns.items() if pattern.search(form)}


def test_every_default_kind_is_planted() -> None:
    assert PLANTED.keys() == set(DEFAULT_KINDS)
    assert found_in(iter(PHRASES)) == set(DEFAULT_KINDS)


def test_no_planted_value_is_in_any_file_of_the_run(ran: Path) -> None:
    files = [path for path in (ran / "run").rglob("*") if path.is_file()]
    folders = {path.relative_to(ran / "run").parts[0] for path in files}
    assert folders >= {"documents", "index", "ledger", "pool", "report", "run.json", "scrub_audit", "shards", "stages", "tokenizer"}
    assert {str(path.relative_to(ran)): left for path in files if (left := found_in(contents(path)))} == {}


def test_no_planted_value_can_be_decoded_from_the_shards(ran: Path) -> None:
    tokenizer = Tokenizer.from_file(str(ran / "run" / "tokenizer" / "tokenizer.json"))
    shards = list((ran / "run" / "shards").glob("*.arrow"))
    rows = [row for shard in shards for row in pa.ipc.open_file(pa.memory_map(str(shard))).read_all().column("tokens").to_pylist()]
    texts = tokenizer.decode_batch(rows, skip_special_tokens=False)
    assert len(texts) > 3 * len(PLANTED)
    assert found_in(iter(texts)) == set()
    everything = "\n".join(texts)
    assert {kind for kind in DEFAULT_KINDS if f"<{kind.upper()}>" not in everything} == set()
    assert found_in(tokenizer.decode([number], skip_special_tokens=False) for number in range(tokenizer.get_vocab_size())) == set()


def test_no_planted_value_is_printed_or_left_among_temporary_files(ran: Path) -> None:
    assert found_in(iter([(ran / "output.txt").read_text()])) == set()
    left = [path for path in (ran / "temporary").rglob("*") if path.is_file()]
    assert {str(path): kinds for path in left if (kinds := found_in(contents(path)))} == {}


def test_records_of_every_outcome_had_values_planted(ran: Path) -> None:
    ledger = pq.read_table(ran / "run" / "ledger").to_pylist()
    outcomes = {(row["step"], row["outcome"]) for row in ledger}
    assert outcomes >= {("read", "failed"), ("read", "dropped"), ("filters", "dropped"), ("dedup", "merged"), ("dedup", "kept")}
    reasons = {row["reason"] for row in ledger}
    assert reasons >= {"bad_json", "no_text", "text_not_string", "gzip_damaged", "http_status"}
