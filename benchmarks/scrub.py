"""Private values: precision and recall beside Presidio's pattern recognisers and scrubadub, speed, and false alarms on ordinary text.

    python -m benchmarks.scrub --pii FOLDER [--corpus FOLDER] [--clean FOLDER ...] [--peers PYTHON] [--out FILE.json]

--pii holds labelled.jsonl.zst, rows {text, spans: [{type, start, end}]}. --corpus holds *.jsonl.gz with a column text. PYTHON is an
interpreter that can import presidio_analyzer and scrubadub. Some labels have wrong offsets: figures are given for labels as they are, and
for labels moved to where their value stands. --clean names files or folders of ordinary text (*.jsonl.zst with text): what is found there
is counted by kind and by its shape, digits as 9 and letters as a, so that no value is shown.
"""

from __future__ import annotations

import io
import json
import re
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import typer
import zstandard
from rich.console import Console
from rich.table import Table

from benchmarks.corpus import texts_of
from benchmarks.measure import Cost, finish, measured, print_costs
from pipelines.scrub.kinds import KINDS
from pipelines.scrub.scrub import scrub_with_audit
from schemas.recipe import PII_KINDS, Scrub

PEERS: Final = str(Path(__file__).with_name("scrub_peers.py"))
KIND_OF: Final = {
    "EMAIL": "email", "EMAIL_ADDRESS": "email", "email": "email",
    "CREDIT_CARD": "payment_card", "credit_card": "payment_card",
    "IBAN": "iban", "IBAN_CODE": "iban",
    "SSN": "us_ssn", "US_SSN": "us_ssn", "social_security_number": "us_ssn",
    "PHONE": "phone", "PHONE_NUMBER": "phone", "phone": "phone", "cn_mobile": "phone",
    "PASSPORT": "passport", "US_PASSPORT": "passport",
    "US_DRIVER_LICENSE": "driving_licence", "DRIVER_LICENSE": "driving_licence", "DRIVERS_LICENSE": "driving_licence",
    "DRIVER_LICENSE_NUM": "driving_licence", "LICENSE": "driving_licence",
    "BANK_ACCOUNT": "bank_account", "BANK_ACCOUNT_NUM": "bank_account", "ACCOUNT": "bank_account", "ACCOUNT_NUM": "bank_account",
    "ACCOUNT_NUMBER": "bank_account",
    "US_BANK_NUMBER": "bank_account",
    "ROUTING_NUMBER": "us_routing", "ABA_ROUTING_NUMBER": "us_routing",
}  # fmt: skip
"""Labels of the data sets and of the peers by the names of our kinds."""
SHARED: Final = ("email", "payment_card", "iban", "us_ssn", "phone", "passport", "driving_licence", "bank_account", "us_routing")
CHECKED: Final = ("payment_card", "iban")
WAYS: Final = ("as given", "moved", "overlap")
"""Exact spans against labels as they are, and against moved ones; any overlap with moved ones."""
Span = tuple[str, int, int]


@dataclass(slots=True)
class Score:
    """Found, true and missed spans of one kind."""

    hits: int = 0
    found: int = 0
    labelled: int = 0

    @property
    def precision(self) -> float:
        """1 where nothing was found."""
        return self.hits / self.found if self.found else 1.0

    @property
    def recall(self) -> float:
        """1 where there was nothing to find."""
        return self.hits / self.labelled if self.labelled else 1.0

    @property
    def f1(self) -> float:
        """The harmonic mean of the two."""
        both = self.precision + self.recall
        return 2 * self.precision * self.recall / both if both else 0.0


def rows_of(path: Path) -> list[dict[str, Any]]:
    """The rows of a *.jsonl.zst file."""
    with path.open("rb") as file:
        return [json.loads(line) for line in io.TextIOWrapper(zstandard.ZstdDecompressor().stream_reader(file), "utf-8")]


def our_spans(texts: list[str], langs: list[str | None], kinds: tuple[str, ...]) -> list[list[Span]]:
    """What we find in each text, in characters."""
    n = len(texts)
    columns = {
        "doc_id": pa.array([row.to_bytes(16) for row in range(n)], pa.binary(16)),
        "lang": pa.array(langs, pa.large_string()),
        "raw_text": pa.array(texts, pa.large_string()),
    }
    _, audit = scrub_with_audit(pa.RecordBatch.from_pydict(columns), Scrub(kinds=kinds))
    found: list[list[Span]] = [[] for _ in range(n)]
    for row in audit.to_pylist():
        found[int.from_bytes(row["doc_id"])].append((row["kind"], row["start_char"], row["end_char"]))
    return found


def score(found: list[list[Span]], labelled: list[list[Span]], exact: bool) -> dict[str, Score]:
    """By kind. Where a label is only overlapped, each of both sides counts once; finds over labels of other types are no hits."""
    scores = {kind: Score() for kind in SHARED}
    for ours, truth in zip(found, labelled, strict=True):
        for kind, one in scores.items():
            mine = {(start, end) for name, start, end in ours if KIND_OF.get(name, name) == kind}
            true = {(start, end) for name, start, end in truth if name == kind}
            one.found += len(mine)
            one.labelled += len(true)
            if exact:
                one.hits += len(mine & true)
            else:
                one.hits += min(sum(any(a < y and x < b for x, y in true) for a, b in mine), len(true))
    return scores


def labels_of(row: dict[str, Any]) -> list[Span]:
    """The spans of a labelled row by our kinds."""
    return [(KIND_OF.get(span["type"], span["type"]), span["start"], span["end"]) for span in row["spans"]]


def moved_labels_of(row: dict[str, Any]) -> list[Span]:
    """The spans of a labelled row by our kinds; a label whose value stands elsewhere in the text is moved there, or left out."""
    labels = []
    for span in row["spans"]:
        value, start = span["value"].strip(" *"), span["start"]
        if row["text"][start : span["end"]] != span["value"]:
            start = row["text"].find(value)
        else:
            start += span["value"].find(value)
        if value and start >= 0:
            labels.append((KIND_OF.get(span["type"], span["type"]), start, start + len(value)))
    return labels


def compare_quality(pii: Path, peers: str | None, folder: Path) -> dict[str, dict[str, dict[str, Score]]]:
    """side -> one of WAYS -> kind -> Score."""
    rows = rows_of(pii / "labelled.jsonl.zst")
    given, moved = [labels_of(row) for row in rows], [moved_labels_of(row) for row in rows]
    truths = dict(zip(WAYS, (given, moved, moved), strict=True))
    sides = {"corpusmill": our_spans([row["text"] for row in rows], ["en"] * len(rows), Scrub().kinds)}
    if peers:
        asked, answered = folder / "labelled.jsonl", folder / "spans.jsonl"
        asked.write_text("".join(json.dumps({"text": row["text"]}) + "\n" for row in rows))
        subprocess.run([peers, PEERS, "spans", str(asked), str(answered)], check=True)
        answers = [json.loads(line) for line in answered.read_text().splitlines()]
        for name in ("presidio", "scrubadub"):
            sides[name] = [[(kind, start, end) for kind, start, end in answer[name]] for answer in answers]
    return {side: {way: score(found, truth, way != "overlap") for way, truth in truths.items()} for side, found in sides.items()}


def print_quality(scores: dict[str, dict[str, dict[str, Score]]]) -> None:
    """A line per kind and side."""
    title = "precision, recall and F1 of exact spans against labels as given, then moved to their values; of overlaps with these"
    table = Table("kind", "side", "labels", "found", *("P", "R", "F1") * len(WAYS), title=title)
    for kind in SHARED:
        for side, ways in scores.items():
            figures = [one for way in WAYS for one in (ways[way][kind].precision, ways[way][kind].recall, ways[way][kind].f1)]
            one = ways[WAYS[0]][kind]
            table.add_row(kind, side, f"{one.labelled}", f"{one.found}", *(f"{figure:.3f}" for figure in figures))
    Console(width=140).print(table)


def compare_speed(corpus: Path, peers: str | None, folder: Path, sample: int) -> tuple[list[Cost], dict[str, float]]:
    """CPU seconds of ours on all documents and on a sample, of the peers on the sample, and the ratios on the sample."""
    frame = pl.concat([pl.read_ndjson(path, schema={"text": pl.String}) for path in sorted(texts_of(corpus).glob("*.jsonl.gz"))])
    column = frame.get_column("text").drop_nulls().to_arrow().cast(pa.large_string())
    scrubbed(column.slice(0, 10))
    costs = [cost_of("corpusmill", column), cost_of("corpusmill, every kind", column, PII_KINDS)]
    few = column.slice(0, sample)
    times = 10
    own = cost_of("corpusmill on the sample", pa.concat_arrays([few] * times))
    own.cpu_s, own.wall_s, own.n_bytes, own.n_documents = own.cpu_s / times, own.wall_s / times, own.n_bytes // times, sample
    costs.append(own)
    ratios = {}
    if peers:
        asked, answered = folder / "sample.jsonl", folder / "time.json"
        asked.write_text("".join(json.dumps({"text": text}) + "\n" for text in few.to_pylist()))
        subprocess.run([peers, PEERS, "time", str(asked), str(answered)], check=True)
        for name, cpu_s in json.loads(answered.read_text()).items():
            costs.append(Cost(name=name, cpu_s=cpu_s, wall_s=cpu_s, n_bytes=own.n_bytes, n_documents=sample))
            ratios[name.replace(", ", "_").replace(" ", "_")] = cpu_s / own.cpu_s
    ratios["mb_per_cpu_second"] = costs[0].n_bytes / 1e6 / costs[0].cpu_s
    return costs, ratios


def cost_of(name: str, column: pa.Array, kinds: tuple[str, ...] | None = None) -> Cost:
    """CPU seconds of scrubbing the column, audit rows included."""
    with measured(name, n_bytes=pc.sum(pc.binary_length(column)).as_py(), n_documents=len(column)) as cost:
        scrubbed(column, kinds)
    return cost


def scrubbed(column: pa.Array, kinds: tuple[str, ...] | None = None) -> None:
    """Scrub in batches of 1,000 rows."""
    config = Scrub(kinds=kinds) if kinds else Scrub()
    for first in range(0, len(column), 1000):
        scrub_with_audit(pa.RecordBatch.from_arrays([column.slice(first, 1000)], ["raw_text"]), config)


def shape_of(value: str) -> str:
    """The value with digits as 9 and letters as a, runs shortened: nothing of it can be read."""
    return re.sub(r"(.)\1{3,}", r"\1\1\1+", re.sub(r"[^\W\d_]", "a", re.sub(r"\d", "9", value)))[:40]


def false_alarms(paths: Iterable[Path], kinds: tuple[str, ...]) -> dict[str, Any]:
    """By file or folder: characters, finds by kind, and by kind and shape."""
    alarms: dict[str, Any] = {}
    for path in paths:
        n_chars, counts, causes = 0, Counter[str](), Counter[str]()
        for file in sorted(path.glob("*.jsonl.zst")) if path.is_dir() else [path]:
            rows = rows_of(file)
            texts = [row["text"] for row in rows]
            langs = [row.get("lang") if "prose" in str(file) else None for row in rows]  # elsewhere it is that of code
            n_chars += sum(map(len, texts))
            for text, spans in zip(texts, our_spans(texts, langs, kinds), strict=True):
                counts.update(kind for kind, _, _ in spans)
                causes.update(f"{kind} {shape_of(text[start:end])}" for kind, start, end in spans)
        alarms[path.name.partition(".")[0]] = {"chars": n_chars, "counts": dict(counts), "causes": dict(causes)}
    return alarms


def print_alarms(alarms: dict[str, Any]) -> None:
    """Finds per million characters by kind, then how often the 20 most frequent shapes were found."""
    table = Table("kind", *alarms, title="found in ordinary text, per million characters")
    table.add_row("(characters)", *(f"{one['chars']:,}" for one in alarms.values()))
    for kind in KINDS:
        if any(kind in one["counts"] for one in alarms.values()):
            table.add_row(kind, *(f"{1e6 * one['counts'].get(kind, 0) / one['chars']:.1f}" for one in alarms.values()))
    Console(width=140).print(table)
    totals = sum((Counter(one["causes"]) for one in alarms.values()), Counter[str]())
    causes = Table("kind and shape", *alarms, title="the most frequent shapes of what was found: times")
    for cause, _ in totals.most_common(20):
        causes.add_row(cause, *(f"{one['causes'].get(cause, 0)}" for one in alarms.values()))
    Console(width=140).print(causes)


def main(
    pii: Annotated[Path, typer.Option(help="A folder with labelled.jsonl.zst.")],
    corpus: Annotated[Path | None, typer.Option(help="A folder with *.jsonl.gz, column text.")] = None,
    clean: Annotated[list[Path] | None, typer.Option(help="Files of ordinary text, *.jsonl.zst, or folders of them.")] = None,
    peers: Annotated[str | None, typer.Option(help="A Python interpreter with presidio-analyzer and scrubadub.")] = None,
    every_kind: Annotated[bool, typer.Option(help="False alarms of every kind, also those that are off by default.")] = False,
    sample: Annotated[int, typer.Option(help="Documents that the peers are timed on.")] = 300,
    out: Annotated[Path | None, typer.Option(help="Also write the figures to this JSON file.")] = None,
) -> None:
    """Compare quality, then speed, then count false alarms."""
    costs: list[Cost] = []
    ratios: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="corpusmill-scrub-") as folder:
        scores = compare_quality(pii, peers, Path(folder))
        if corpus:
            costs, ratios = compare_speed(corpus, peers, Path(folder), sample)
    print_quality(scores)
    alarms = false_alarms(clean or [], PII_KINDS if every_kind else Scrub().kinds)
    if alarms:
        print_alarms(alarms)
    if costs:
        print_costs("scrub", costs)
    worst = min(scores["corpusmill"][way][kind].precision for kind in CHECKED for way in WAYS)
    ratios["least_precision_of_checked_kinds"] = worst
    plain = {side: {how: {kind: asdict(one) for kind, one in by.items()} for how, by in ways.items()} for side, ways in scores.items()}
    finish(out, costs, ratios, scores=plain, alarms=alarms)


if __name__ == "__main__":
    typer.run(main)
