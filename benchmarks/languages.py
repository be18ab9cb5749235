"""Languages: how well the model tells them, what it does with those it does not know, and what the rules remove of clean prose.

    python -m benchmarks.languages --corpus PATH [--corpus PATH ...] [--label COLUMN] [--by COLUMN] [--model FILE] [--out FILE.json]

PATH is a JSONL file, or a folder of them, with columns text and lang (or the column of --label), the document's true language.
`windows` is what the pipeline reads; `prefix` is the first 1,000 characters and `whole` the whole text, as they stand. Removal is
counted by benchmarks/removal.py.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import typer
import zstandard
from rich.console import Console
from rich.table import Table

from benchmarks.measure import finish
from benchmarks.removal import print_removed
from pipelines.filters.identify import identify, predict_languages
from pipelines.filters.model import load_language_model
from pipelines.text.labels import code_of
from schemas.recipe import Language

PREFIX_CHARS: Final = 1000
LONG_CHARS: Final = 10_000
SURE: Final = 0.65
N_TIMES: Final = 3
console = Console(width=160)


@dataclass(slots=True)
class Told:
    """How one way of reading does on a set of documents."""

    right: npt.NDArray[np.bool_]
    sure: npt.NDArray[np.bool_]
    cpu_s: float
    long_cpu_s: float


def read(paths: list[Path], label: str, by: str | None) -> pl.DataFrame:
    """Columns text, lang and group of all files; languages by their codes, groups by the label as it stands and the column `by`."""
    files = [file for path in paths for file in ([path] if path.is_file() else sorted(path.glob("*.jsonl*")))]
    frames = []
    for file in files:
        data = file.read_bytes()
        if file.suffix == ".zst":
            data = zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data)).read()
        frames.append(
            pl.read_ndjson(io.BytesIO(data), infer_schema_length=None).select(
                "text", lang=pl.col(label), by=pl.col(by) if by else pl.lit("")
            )
        )
    table = pl.concat(frames).drop_nulls()
    table = table.with_columns(group=pl.concat_str("lang", "by", separator=" ").str.strip_chars())
    return table.with_columns(lang=pl.Series([code_of(lang) for lang in table["lang"]], dtype=pl.String))


# --- Telling languages ------------------------------------------------------------------------------------------------


def tell(table: pl.DataFrame, config: Language) -> dict[str, Told]:
    """Three ways of reading the same documents."""
    ways: dict[str, Callable[[pa.Array], tuple[pa.Array, pa.Array]]] = {
        "windows": lambda text: identify(text, config),
        "prefix": lambda text: _as_it_stands(pc.utf8_slice_codeunits(text, 0, PREFIX_CHARS), config),
        "whole": lambda text: _as_it_stands(text, config),
    }
    long = table.filter(pl.col("text").str.len_chars() >= LONG_CHARS)
    found = {}
    for name, way in ways.items():
        (lang, score), cpu_s = _timed(way, table)
        _, long_cpu_s = _timed(way, long)
        right = np.array([code_of(one) == true for one, true in zip(lang.to_pylist(), table["lang"], strict=True)], np.bool_)
        found[name] = Told(right, score.to_numpy() >= SURE, cpu_s, long_cpu_s)
    return found


def _as_it_stands(text: pa.Array, config: Language) -> tuple[pa.Array, pa.Array]:
    labels, scores = predict_languages(pc.replace_substring_regex(text, r"\s", " "), config)
    return pa.array(labels, pa.large_string()), pa.array(scores)


def _timed(way: Callable[[pa.Array], tuple[pa.Array, pa.Array]], table: pl.DataFrame) -> tuple[tuple[pa.Array, pa.Array], float]:
    """(what is found, CPU seconds, the least of three times)."""
    text = table["text"].to_arrow().cast(pa.large_string())
    seconds = []
    for _ in range(N_TIMES):
        start = time.process_time()
        found = way(text)
        seconds.append(time.process_time() - start)
    return found, min(seconds)


def print_told(table: pl.DataFrame, told: dict[str, Told]) -> dict[str, float]:
    """Accuracy by language and in sum; the headline figures."""
    shown = Table("language", "documents", *(f"{name} right" for name in told), "windows sure", title="languages that the model knows")
    for lang in sorted(table["lang"].unique()):
        own = (table["lang"] == lang).to_numpy()
        cells = [f"{way.right[own].mean():.1%}" for way in told.values()]
        shown.add_row(lang, str(own.sum()), *cells, f"{told['windows'].sure[own].mean():.1%}")
    shown.add_section()
    shown.add_row("all", str(table.height), *(f"{way.right.mean():.2%}" for way in told.values()), f"{told['windows'].sure.mean():.1%}")
    n_long = int((table["text"].str.len_chars() >= LONG_CHARS).sum())
    shown.add_row("CPU s", "", *(f"{way.cpu_s:.2f}" for way in told.values()))
    shown.add_row(f"CPU s, {LONG_CHARS:,} characters or more", str(n_long), *(f"{way.long_cpu_s:.2f}" for way in told.values()))
    console.print(shown)
    windows, whole = told["windows"], told["whole"]
    points = 100 * (windows.right.mean() - whole.right.mean())
    times = f"{whole.cpu_s / max(windows.cpu_s, 1e-9):.1f} times"
    if n_long:
        times += f", of long documents {whole.long_cpu_s / max(windows.long_cpu_s, 1e-9):.1f} times"
    console.print(f"windows: {points:+.2f} points of accuracy against the whole text, at {times} its speed")
    return {
        "windows_right": float(windows.right.mean()),
        "prefix_right": float(told["prefix"].right.mean()),
        "whole_right": float(whole.right.mean()),
        "whole_over_windows_cpu": whole.cpu_s / max(windows.cpu_s, 1e-9),
        "whole_over_windows_cpu_long": whole.long_cpu_s / max(windows.long_cpu_s, 1e-9) if n_long else float("nan"),
    }


def print_unknown(table: pl.DataFrame, config: Language) -> dict[str, float]:
    """Documents of languages that the model has no label for: who passes as another language."""
    found = {
        "the model alone": _sure_of(table, lambda text: _as_it_stands(text, config)),
        "windows": _sure_of(table, lambda t: identify(t, config)),
    }
    shown = Table("language", "documents", *(f"{name}: {SURE} or more" for name in found), title="languages that the model does not know")
    for lang in sorted(table["lang"].unique()):
        own = (table["lang"] == lang).to_numpy()
        if any(sure[own].any() for sure in found.values()):
            shown.add_row(lang, str(own.sum()), *(str(sure[own].sum()) for sure in found.values()))
    langs = table["lang"].unique().sort().to_list()
    shown.add_row(f"all {len(langs)}", str(table.height), *(f"{sure.sum()} ({sure.mean():.2%})" for sure in found.values()))
    console.print(shown)
    console.print("not known:", " ".join(langs))
    return {"unknown_taken_for_another": float(found["windows"].mean())}


def _sure_of(table: pl.DataFrame, way: Callable[[pa.Array], tuple[pa.Array, pa.Array]]) -> npt.NDArray[np.bool_]:
    sure: npt.NDArray[np.bool_] = _timed(way, table)[0][1].to_numpy() >= SURE
    return sure


def main(
    corpus: Annotated[list[Path], typer.Option(help="A JSONL file, or a folder of them; repeatable.")],
    label: Annotated[str, typer.Option(help="The column of the true language.")] = "lang",
    by: Annotated[str | None, typer.Option(help="A column by which removal is told apart, such as source.")] = None,
    model: Annotated[str | None, typer.Option(help="A fastText model; without it the cached lid.176.ftz.")] = None,
    rules: Annotated[bool, typer.Option(help="Also count what the rule sets remove.")] = True,
    out: Annotated[Path | None, typer.Option(help="Also write the figures to this JSON file.")] = None,
) -> None:
    """Tell languages, then judge prose."""
    config = Language(model=model)
    table = read(corpus, label, by)
    known = {code_of(name.removeprefix("__label__")) for name in load_language_model(model).get_labels()}
    is_known = pl.col("lang").is_in(sorted(known))
    identify(table["text"].head(8).to_arrow().cast(pa.large_string()), config)  # compiles the kernels
    ratios: dict[str, float] = {}
    if len(familiar := table.filter(is_known)):
        ratios |= print_told(familiar, tell(familiar, config))
    if len(unknown := table.filter(~is_known)):
        ratios |= print_unknown(unknown, config)
    if rules:
        ratios |= print_removed(console, table, model)
    finish(out, [], ratios)


if __name__ == "__main__":
    typer.run(main)
