"""What the filters remove of menus, footers and notices, and of the articles between them, under the limits of either kind.

    python -m benchmarks.boilerplate --pages PAGES.tar.zst [--model FILE] [--out FILE.json]

PAGES holds pages/* and truth.jsonl with the columns file and main_text. The lines of a page's whole text that are not in its main text
are its boilerplate. English pages with LEAST_WORDS words or more of it are judged, and main texts of as many; each rule set alone, and
FineWeb's four in a row. Limits that keep clean prose are worth something only as long as they still tell it from this.
"""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Final

import pyarrow as pa
import typer
import zstandard
from resiliparse.extract.html2text import extract_plain_text
from resiliparse.parse.encoding import bytes_to_str, detect_encoding
from rich.console import Console
from rich.table import Table

from benchmarks.measure import finish
from benchmarks.removal import FIRST, RULE_SETS, removed
from pipelines.filters.chain import FilterChain
from pipelines.filters.identify import identify
from schemas import recipe as recipes
from schemas.recipe import Language

LEAST_WORDS: Final = 100
IN_A_ROW: Final = "these four in a row"
console = Console(width=160)


def read(path: Path) -> Iterator[tuple[str, str]]:
    """(boilerplate, main text) of each labelled page."""
    pages: dict[str, bytes] = {}
    truth: list[dict[str, str]] = []
    unpacked = zstandard.ZstdDecompressor(max_window_size=2**31).stream_reader(io.BytesIO(path.read_bytes()))
    with tarfile.open(fileobj=unpacked, mode="r|") as files:
        for member in files:
            content = files.extractfile(member)
            if content is None:
                continue
            data = content.read()
            if member.name.endswith("truth.jsonl"):
                truth = [json.loads(line) for line in data.decode().split("\n") if line]
            else:
                pages[Path(member.name).name] = data
    for row in truth:
        data = pages.get(Path(row["file"]).name, b"")
        html = bytes_to_str(data, detect_encoding(data) or "utf-8")
        main = " ".join((row.get("main_text") or "").split())
        lines = (" ".join(line.split()) for line in extract_plain_text(html).split("\n"))
        yield "\n".join(line for line in lines if line and line not in main), row.get("main_text") or ""


def english(texts: list[str], model: str | None) -> list[str]:
    """Those that are English and long enough to be judged."""
    lang, _ = identify(pa.array(texts, pa.large_string()), Language(model=model))
    return [text for text, label in zip(texts, lang.to_pylist(), strict=True) if label == "en" and len(text.split()) >= LEAST_WORDS]


def chains(limits: str) -> Iterator[tuple[str, FilterChain]]:
    """Each rule set alone, and FineWeb's in a row."""
    for name, rules in (*((name, [name]) for name in RULE_SETS), (IN_A_ROW, list(FIRST))):
        filters = {"rules": rules, "limits": limits, "language": {"assume": "en"}}
        yield name, FilterChain.of(recipes.parse({"name": "boilerplate", "sources": {"web": {"path": ["x"]}}, "filters": filters}))


def main(
    pages: Annotated[Path, typer.Option(help="A tar.zst of labelled pages.")],
    model: Annotated[str | None, typer.Option(help="A fastText model; without it the cached lid.176.ftz.")] = None,
    out: Annotated[Path | None, typer.Option(help="Also write the figures to this JSON file.")] = None,
) -> None:
    """Judge boilerplate and main texts by either kind of limits."""
    kinds = dict(zip(("boilerplate", "main text"), (list(texts) for texts in zip(*read(pages), strict=True)), strict=True))
    shown = Table("", "limits", "texts", *RULE_SETS, IN_A_ROW, title="removed")
    ratios: dict[str, float] = {}
    for kind, texts in kinds.items():
        judged = english(texts, model)
        for limits in ("published", "profiles"):
            found = removed(judged, [kind] * len(judged), dict(chains(limits)))[kind]
            shown.add_row(kind, limits, str(found.n), *(f"{found.share(name):.1%}" for name in found.rules))
            ratios[f"removed_{kind.replace(' ', '_')}_{limits}"] = found.share(IN_A_ROW)
    console.print(shown)
    finish(out, [], ratios)


if __name__ == "__main__":
    typer.run(main)
