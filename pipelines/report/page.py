"""A run folder -> DIR/report/index.html, one page that needs nothing else, and DIR/README.md, the dataset card.

Both are a function of the folder alone: no clock, no network, no script. Everything from data is escaped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from itertools import groupby
from pathlib import Path
from typing import Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup, escape

from pipelines.report import formats, plots, statements
from pipelines.report.attention import attention
from pipelines.report.facts import NO_LANGUAGE, ON_REQUEST, REPORTED_STAGES, ROOMS, Facts
from pipelines.report.rows import total
from pipelines.report.rules import ANY_OTHER, Limit
from schemas.files import whole_file
from schemas.recipe import shown, variants_of
from schemas.stages import STAGES

HERE: Final = Path(__file__).parent

SECTIONS: Final = {
    "funnel": "From records to documents",
    "sources": "Sources",
    "reading": "Reading",
    "rules": "Rules",
    "signals": "Signals",
    "languages": "Languages",
    "duplicates": "Duplicates",
    "privacy": "Private values",
    "guards": "Guards",
    "tokens": "Tokens",
    "model": "Model",
    "time": "Time",
    "provenance": "Recipe, versions and files",
}
FATES: Final = {
    "kept": "n_kept",
    "merged as copies": "n_merged",
    "dropped by rules": "n_filtered",
    "set aside while reading": "n_unread",
    "failed": "n_failed",
    "waiting for dedup": "n_waiting",
    "left out or taken down on request": "n_left_out",
}
"""How a record ends, in the order of the bars, and the field of SourceRow that counts it."""

MOST_LANGUAGES: Final = 4
"""That are named where they share a limit of their own."""
MOST_ROWS: Final = 20
"""Licences and robots directives that are listed; the rest is counted."""

_SIZE_CATEGORIES: Final = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
_MARKUP: Final = re.compile(r"^[#+-]|[\\`*\[\]<>|~&$]|(?<![a-zA-Z0-9])_|_(?![a-zA-Z0-9])")
"""An underscore within a word is none."""


def write_report(folder: Path) -> list[Path]:
    """Write both and return their paths, the page first."""
    facts = Facts(folder)
    written = []
    for path, template in ((folder / "report" / "index.html", "page.html"), (folder / "README.md", "card.md")):
        with whole_file(path) as temporary:
            temporary.write_text(render(facts, template), "utf-8")
        written.append(path)
    return written


def render(facts: Facts, template: str) -> str:
    """The template filled with the run's facts."""
    environment = Environment(
        # HTML escapes by itself; Markdown has rules of its own, so its template asks for `plain` by name.
        autoescape=select_autoescape(["html"]),
        loader=FileSystemLoader(HERE),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        name: getattr(formats, name) for name in ("count", "share", "ratio", "limit", "size", "seconds", "shortened", "passed_over")
    }
    environment.filters |= {"plain": plain, "quoted": quoted, "pretty": pretty, "breakable": breakable, "by_language": by_language}
    return environment.get_template(template).render(
        facts=facts,
        run=facts.run,
        recipe=facts.recipe,
        metrics=facts.metrics,
        notices=attention(facts),
        sections=SECTIONS,
        shown=shown,
        rooms={room: stage for room, stage in ROOMS.items() if room not in ON_REQUEST or facts.counts.get(room, {}).get("dropped")},
        stages=REPORTED_STAGES,
        stage_titles={stage.name: stage.title for stage in STAGES},
        fates=FATES,
        total=total(facts.sources),
        variants=[
            shown(facts.recipe.filters, name) for name in dict.fromkeys(row.rule.rule_set for row in facts.rules) if variants_of(name)
        ],
        rule_sets=[(name, list(rows)) for name, rows in groupby(facts.rules, lambda row: row.rule.rule_set)],
        css=Markup((HERE / "page.css").read_text("utf-8")),  # noqa: S704 - our own file
        plots=plots,
        say=statements,
        most=MOST_ROWS,
        size_category=size_category(facts.n_records(outcome="kept")) if facts.refined else None,
        languages=[row.name for row in facts.languages if row.name != NO_LANGUAGE],
        licence=licence(facts),
        end_of_text=facts.index.get("tokenizer", {}).get("end_of_text"),
        first_shard=next((f"shards/{shard['path']}" for shard in facts.index["shards"]), None),
        first_split=next((split["split"] for split in facts.splits), None),
    )


def licence(facts: Facts) -> str:
    """The licence of the whole: the one that every kept document states, else "other" (several) or "unknown" (some state none)."""
    stated = [name for name, _ in facts.licences]
    if not stated or None in stated:
        return "unknown"
    return str(stated[0]).lower() if len(stated) == 1 else "other"


def plain(text: object) -> str:
    """Text as Markdown and the HTML in it show it: one line, nothing in it is markup."""
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", " ".join(str(text).split()))


def breakable(name: str) -> Markup:
    """A name of joined words, which may be broken after each of them."""
    return escape(name).replace("_", Markup("_<wbr>")).replace(".", Markup(".<wbr>"))


def by_language(limits: Mapping[str, Limit]) -> str:
    """Limits of languages: each by name, but many that share one by their number: "0.4 in 34 languages and any other, ja off"."""
    names: dict[Limit, list[str]] = {}
    for language, value in limits.items():
        names.setdefault(value, []).append(language)
    shown = []
    for value, languages in names.items():
        n = len(languages) - (ANY_OTHER in languages)
        if n <= MOST_LANGUAGES:
            shown += [f"{language} {formats.limit(value)}" for language in languages]
        else:
            shown.append(f"{formats.limit(value)} in {n} languages{' and any other' if n < len(languages) else ''}")
    return ", ".join(shown)


def quoted(text: object) -> str:
    """A YAML string; every JSON string is one."""
    return json.dumps(str(text), ensure_ascii=False)


def pretty(value: object) -> str:
    """Indented JSON."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def size_category(n_documents: int) -> str:
    """The size category by which dataset hubs sort."""
    return next((name for most, name in _SIZE_CATEGORIES if n_documents < most), "n>10M")
