"""FineWeb's filter chain against datatrove's: CPU seconds, what each rule removes, and whether the two decide alike.

    python -m benchmarks.filters --corpus FOLDER [--datatrove PYTHON] [--decisions] [--out FILE.json]

FOLDER holds *.jsonl.gz with columns id and text. PYTHON is an interpreter that can import datatrove and spacy. Both sides run as a
process of their own with one worker, from JSONL files to files of what stays, and the CPU seconds are those of every process that
they start, imports included. In the chain each side splits words and tells languages in its own way. For `--decisions` both are given
the same words and sentences, and every rule alone judges the same English documents, whatever the other rules say.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.corpus import documents as read_documents
from benchmarks.corpus import texts_of
from benchmarks.filters_ours import recipe
from benchmarks.measure import Cost, cost_of_process, finish, print_costs
from pipelines.filters import c4
from pipelines.filters.chain import FilterChain
from pipelines.filters.limits import Limits
from pipelines.filters.model import find
from pipelines.filters.pending import PendingRows
from pipelines.filters.registry import REGISTRY
from pipelines.filters.verdict import judge_limits, signal_of
from pipelines.text.view import text_view
from pipelines.text.words import Words, split_on_space, split_words
from schemas.recipe import C4

RULE_SETS: Final = ("language", "gopher_repetition", "gopher_quality", "c4", "fineweb")
PEER: Final = str(Path(__file__).with_name("filters_datatrove.py"))
REASONS: Final = {
    **{
        reason: f"gopher_repetition.max_dup_{ratio}_ratio"
        for reason, ratio in (
            ("dup_line_frac", "line"),
            ("dup_para_frac", "paragraph"),
            ("dup_line_char_frac", "line_char"),
            ("dup_para_char_frac", "paragraph_char"),
        )
    },
    **{f"top_{n}_gram": f"gopher_repetition.max_top_{n}gram_ratio" for n in (2, 3, 4)},
    **{f"duplicated_{n}_n_grams": f"gopher_repetition.max_dup_{n}gram_ratio" for n in range(5, 11)},
    "gopher_short_doc": "gopher_quality.min_words",
    "gopher_long_doc": "gopher_quality.max_words",
    "gopher_below_avg_threshold": "gopher_quality.min_mean_word_length",
    "gopher_above_avg_threshold": "gopher_quality.max_mean_word_length",
    "gopher_too_many_hashes": "gopher_quality.max_hash_ratio",
    "gopher_too_many_ellipsis": "gopher_quality.max_ellipsis_ratio",
    "gopher_too_many_bullets": "gopher_quality.max_bullet_line_ratio",
    "gopher_too_many_end_ellipsis": "gopher_quality.max_ellipsis_line_ratio",
    "gopher_below_alpha_threshold": "gopher_quality.min_alpha_word_ratio",
    "gopher_enough_stop_words": "gopher_quality.min_stop_words",
    "lorem_ipsum": "c4.max_lorem_ipsum",
    "curly_bracket": "c4.max_curly_brackets",
    "too_few_sentences": "c4.min_sentences",
    "line_punct_ratio": "fineweb.min_terminal_line_ratio",
    "short_line_ratio": "fineweb.max_short_line_ratio",
    "char_dup_ratio": "fineweb.max_dup_line_char_ratio",
    "list_ratio": "fineweb.max_newline_word_ratio",
}
"""datatrove's reasons by the names of our rules."""
CAUSES: Final = {
    "gopher_quality.min_words": " (symbols such as © and • are no words here, but are to datatrove, whose list of punctuation lacks them)",
    "gopher_quality.max_mean_word_length": " (the same symbols)",
}
"""Where the two differ on purpose."""
WHITE_SPACE: Final = re.compile(r"(\s+)")
CITATION: Final = re.compile(r"\[\d*\]|\[edit\]|\[citation needed\]")


# --- Costs -----------------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class SetRow:
    """One rule set on one side."""

    n_in: int
    n_dropped: int
    bytes_in: float
    seconds: float
    removed: dict[str, int]
    """By rule, in our names."""


def compare_costs(corpus: Path, datatrove: str | None, model: str, folder: Path) -> tuple[list[Cost], list[dict[str, SetRow]]]:
    """Costs of both sides and what their rule sets did, ours first."""
    frame = pl.concat([pl.read_ndjson(path, schema={"text": pl.String}) for path in sorted(corpus.glob("*.jsonl.gz"))])
    n_bytes, n_documents = int(frame.get_column("text").str.len_bytes().sum()), frame.height
    command = [sys.executable, "-m", "benchmarks.filters_ours", str(corpus)]
    cost_of_process("warm", [*command, str(folder / "warm"), model])  # compiles the kernels, once per machine
    costs = [cost_of_process("filters: corpusmill", [*command, str(folder / "ours"), model], n_bytes, n_documents)]
    costs.append(cost_of_process("corpusmill, all signals of all", [*command, str(folder / "all"), model, "all"], n_bytes, n_documents))
    sets = [our_sets(folder / "ours")]
    if datatrove is not None:
        os.environ["HF_HOME"] = str(folder / "cache")
        peer = [datatrove, PEER, "run", str(corpus), str(folder / "datatrove"), model]
        costs.append(cost_of_process("filters: datatrove", peer, n_bytes, n_documents))
        sets.append(their_sets(folder / "datatrove" / "logs" / "stats.json", n_bytes))
    return costs, sets


def our_sets(out: Path) -> dict[str, SetRow]:
    """From the ledger and the clock of our side."""
    ended = pl.DataFrame(pa.ipc.open_file(str(out / "ledger.arrow")).read_all()).group_by("reason").len()
    removed = {reason: n for reason, n in ended.iter_rows() if reason is not None}
    rows = {}
    for name, cost in json.loads((out / "sets.json").read_text()).items():
        own = {reason: n for reason, n in removed.items() if reason.partition(".")[0] == name}
        rows[name] = SetRow(**cost, n_dropped=sum(own.values()), removed=own)
    return rows


def their_sets(stats: Path, n_bytes: int) -> dict[str, SetRow]:
    """From datatrove's statistics. Its clock is that of the wall; it counts characters, of which the corpus has so many to a byte."""
    before, *steps = json.loads(stats.read_text())[: 1 + len(RULE_SETS)]
    bytes_per_char = n_bytes / before["stats"]["doc_len"]["total"]
    rows = {}
    for name, step in zip(RULE_SETS, steps, strict=True):
        found = step["stats"]
        drops = {reason.removeprefix("dropped_"): n for reason, n in found.items() if reason.startswith("dropped_")}
        rows[name] = SetRow(
            n_in=found["total"],
            n_dropped=found.get("dropped", 0),
            bytes_in=before["stats"]["doc_len"]["total"] * bytes_per_char,
            seconds=step["time_stats"]["total"],
            removed={REASONS.get(reason, f"{name}.{reason}"): n for reason, n in drops.items()},
        )
        before = step
    return rows


def print_sets(sides: list[dict[str, SetRow]]) -> None:
    """A line per rule set and rule, ours and theirs side by side."""
    table = Table("rule", title="the chain, each side with its own words: what came in, what went, how fast")
    for _ in sides:
        for head in ("documents in", "removed", "MB/s"):
            table.add_column(head, justify="right")
    for name in RULE_SETS:
        cells: list[str] = []
        for side in sides:
            row = side[name]
            cells += [f"{row.n_in}", f"{row.n_dropped}", f"{row.bytes_in / 1e6 / max(row.seconds, 1e-9):.2f}"]
        table.add_row(f"[bold]{name}", *cells)
        for rule in sorted({rule for side in sides for rule in side[name].removed}):
            table.add_row(f"  {rule}", *(cell for side in sides for cell in ("", f"{side[name].removed.get(rule, 0)}", "")))
    Console(width=140).print(table)


# --- Decisions -------------------------------------------------------------------------------------------------------


@dataclass(slots=True, kw_only=True)
class Judged:
    """Our decisions on a batch: by rule the value of every document and whether it fails, and C4's texts."""

    values: dict[str, list[float]]
    fails: dict[str, list[bool]]
    limits: dict[str, float]
    cleaned: dict[str, list[str]]


def english(corpus: Path, model: str, most: int) -> Iterator[pa.RecordBatch]:
    """Documents that the language model takes for English, whatever its score, up to `most`."""
    chain = FilterChain.of(recipe(model))
    for path in sorted(corpus.glob("*.jsonl.gz")):
        for batch in read_documents(path):
            pending = PendingRows(batch, np.arange(batch.num_rows))
            chain.verdict("language", pending)
            found = batch.filter(pc.equal(pending.documents.column("lang"), "en")).slice(0, most)
            most -= found.num_rows
            if found.num_rows:
                yield found


def judge(batch: pa.RecordBatch, model: str) -> Judged:
    """Every rule alone, on the text as it came, all documents taken for English."""
    chain = FilterChain.of(recipe(model))
    judged = Judged(values={}, fails={}, limits={}, cleaned={})
    for rule_set in RULE_SETS[1:]:
        pending = as_english(chain, batch)
        chain.verdict(rule_set, pending)
        limits = chain.context.languages.limits[rule_set]
        for k, name in enumerate(limits.names):
            signal = signal_of(name)
            if signal not in REGISTRY[rule_set].signals:
                continue
            values = pending.documents.column(f"{rule_set}.{signal}").to_numpy()
            verdict = judge_limits(rule_set, Limits((name,), limits.values[[k]]), {signal: values}, pending.profile)
            rule = f"{rule_set}.{name}"
            judged.values[rule], judged.fails[rule] = values.tolist(), (verdict.failed == 0).tolist()
            judged.limits[rule] = float(limits.of(name, pending.profile[:1])[0])
    pending = as_english(chain, batch)
    words = by_python(pending.text)
    tables, limits = chain.context.languages.tables, chain.context.languages.limits["c4"]
    min_words, max_chars = (limits.of(name, pending.profile) for name in ("min_line_words", "max_word_chars"))
    for name, terminal in (("c4.text", False), ("c4.text, terminal punctuation", True)):
        config = C4(require_terminal_punctuation=terminal)
        text, _ = c4.cut_lines(pending.text, words, c4.LineRules.of(config, min_words, max_chars), pending.profile, tables)
        judged.cleaned[name] = text.to_pylist()
    return judged


def by_python(column: pa.Array) -> Words:
    """The words of `str.split`, which datatrove's C4 takes: ours parts characters of scripts without spaces."""
    starts: list[int] = []
    lengths: list[int] = []
    bounds = [0]
    for text, first in zip(column.to_pylist(), text_view(column)[1].tolist(), strict=False):
        at = first
        for piece in WHITE_SPACE.split(text):
            if piece and not piece.isspace():
                starts.append(at)
                lengths.append(len(piece))
            at += len(piece.encode())
        bounds.append(len(starts))
    firsts, lasts = np.array(bounds[:-1]), np.array(bounds[1:])
    return split_on_space(column[:0])._replace(firsts=firsts, lasts=lasts, starts=np.array(starts), lengths=np.array(lengths, np.uint32))


def as_english(chain: FilterChain, batch: pa.RecordBatch) -> PendingRows:
    """The batch with English as everyone's language."""
    pending = PendingRows(batch, np.arange(batch.num_rows))
    n, languages = batch.num_rows, chain.context.languages
    pending.set_language(pa.repeat(pa.scalar("en", pa.large_string()), n), pa.repeat(1.0, n), pa.nulls(n, pa.float64()), languages)
    return pending


def handed_over(batch: pa.RecordBatch, judged: Judged, chain: FilterChain) -> Iterator[dict[str, Any]]:
    """Every document with its words, the sentences of its lines, and the rules that it fails here."""
    column = batch.column("raw_text")
    words, data = split_words(column), text_view(column)[0]
    for row, text in enumerate(column.to_pylist()):
        own = slice(words.firsts[row], words.lasts[row])
        lines = list({CITATION.sub("", line.strip()) for line in text.splitlines()})
        yield {
            "text": text,
            "words": [bytes(data[at:end]).decode() for at, end in zip(words.starts[own], words.ends[own], strict=True)],
            "sentences": dict(zip(lines, n_sentences(chain, lines), strict=True)),
            "ours": [rule for rule, fails in judged.fails.items() if fails[row]],
        }


def n_sentences(chain: FilterChain, lines: list[str]) -> list[int]:
    """Sentences of each line, as C4's kernel counts them."""
    text = pa.array(lines, pa.large_string())
    config = C4(cut_javascript=False, cut_policy=False, remove_citations=False)
    languages = chain.context.languages
    off, profile = np.full(len(lines), np.inf), np.full(len(lines), languages.numbers["en"], np.int32)
    _, signals = c4.cut_lines(text, split_on_space(text), c4.LineRules.of(config, -off, off), profile, languages.tables)
    return signals[c4.SIGNALS.index("sentences")].astype(int).tolist()


def compare_decisions(corpus: Path, datatrove: str, model: str, folder: Path, most: int) -> dict[str, Any]:
    """Agreement by rule, and every document on which the two do not agree: its id, both values and the limit."""
    chain, judged, ids = FilterChain.of(recipe(model)), [], []
    asked, answered = folder / "documents.jsonl", folder / "decisions.jsonl"
    with asked.open("w") as file:
        for batch in english(corpus, model, most):
            judged.append(judge(batch, model))
            ids += [doc_id.rstrip(b"\0").decode() for doc_id in batch.column("doc_id").to_pylist()]
            if len(judged) == 1:
                print(json.dumps(judged[0].limits), file=file)
            for document in handed_over(batch, judged[-1], chain):
                print(json.dumps(document), file=file)
    subprocess.run([datatrove, PEER, "decide", str(asked), str(answered)], check=True)
    theirs = [json.loads(line) for line in answered.read_text().splitlines()]
    table: dict[str, dict[str, int]] = {}
    differing: list[dict[str, Any]] = []
    for rule, limit in judged[0].limits.items():
        values = [value for part in judged for value in part.values[rule]]
        fails = [fail for part in judged for fail in part.fails[rule]]
        table[rule] = {"ours": sum(fails), "theirs": sum(rule in other["failed"] for other in theirs), "differ": 0}
        for identifier, value, fail, other in zip(ids, values, fails, theirs, strict=True):
            if fail != (rule in other["failed"]):
                table[rule]["differ"] += 1
                differing.append({"id": identifier, "rule": rule, "ours": value, "theirs": other["values"][rule], "limit": limit})
    texts: dict[str, int] = {}
    for name in judged[0].cleaned:
        own = [described(text) for part in judged for text in part.cleaned[name]]
        pairs = [(ids[i], ours, other["cleaned"][name]) for i, (ours, other) in enumerate(zip(own, theirs, strict=True))]
        unlike = [
            {"id": one, "rule": name, "ours": ours[1], "theirs": other[1], "limit": None} for one, ours, other in pairs if ours != other
        ]
        texts[name] = len(unlike)
        differing += unlike
    return {"documents": len(ids), "rules": table, "texts": texts, "differing": differing}


def described(text: str) -> list[object]:
    """As the other side has it."""
    return [hashlib.blake2b(text.encode(), digest_size=16).hexdigest(), text.count("\n") + 1]


def print_decisions(found: dict[str, Any]) -> None:
    """The table of agreement, then the documents on which the two do not agree."""
    n = found["documents"]
    table = Table(
        "rule", "ours drops", "datatrove drops", "differ", "agree", title=f"each rule alone on {n} documents, same words on both sides"
    )
    for rule, row in found["rules"].items():
        table.add_row(rule, f"{row['ours']}", f"{row['theirs']}", f"{row['differ']}", f"{1 - row['differ'] / n:.4%}")
    Console(width=140).print(table)
    for name, differ in found["texts"].items():
        print(f"{name}: what is left of {n - differ} of {n} documents is equal to the byte")
    for one in found["differing"]:
        limit = "lines left" if one["limit"] is None else f"limit {one['limit']:g}"
        cause = CAUSES.get(one["rule"], "")
        print(f"DIFFERS {one['id']} {one['rule']}: ours {one['ours']:.6g}, datatrove's {one['theirs']:.6g}, {limit}{cause}")


def main(
    corpus: Annotated[Path, typer.Option(help="A folder with *.jsonl.gz, columns id and text.")],
    datatrove: Annotated[str | None, typer.Option(help="A Python interpreter with datatrove.")] = None,
    model: Annotated[str | None, typer.Option(help="A fastText model for both; without it the cached lid.176.ftz.")] = None,
    costs: Annotated[bool, typer.Option(help="Compare costs.")] = True,
    decisions: Annotated[bool, typer.Option(help="Compare decisions rule by rule; needs --datatrove.")] = False,
    documents: Annotated[int, typer.Option(help="English documents to decide about, at most.")] = 6000,
    out: Annotated[Path | None, typer.Option(help="Also write the figures to this JSON file.")] = None,
) -> None:
    """Compare costs, then decisions."""
    path, name, corpus = str(find(model)), corpus.name, texts_of(corpus)
    measured: list[Cost] = []
    sets: list[dict[str, SetRow]] = []
    found: dict[str, Any] = {}
    folder = Path(tempfile.mkdtemp(prefix="corpusmill-filters-"))
    try:
        if costs:
            measured, sets = compare_costs(corpus, datatrove, path, folder)
        if decisions and datatrove is not None:
            found = compare_decisions(corpus, datatrove, path, folder, documents)
    finally:
        shutil.rmtree(folder)
    ratios = {}
    if found:
        print_decisions(found)
        ratios["agreement_least"] = 1 - max(row["differ"] for row in found["rules"].values()) / found["documents"]
    if measured:
        print_sets(sets)
        print_costs(f"filters on {name}", measured)
    if len(measured) > 1:
        ratios["every_signal"] = measured[1].cpu_s / measured[0].cpu_s
    if len(measured) > 2:
        ratios["datatrove"] = measured[2].cpu_s / measured[0].cpu_s
    finish(out, measured, ratios, sets=[{name: asdict(row) for name, row in side.items()} for side in sets], decisions=found)


if __name__ == "__main__":
    typer.run(main)
