"""A run folder -> DIR/report/index.html, one page without external files, and DIR/README.md, the dataset card.

Both depend on the folder alone: no clock, no network, no script. Everything from data is escaped.
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
from pipelines.report.facts import STAGE_OF_STEP, Facts
from pipelines.report.formats import NO_LANGUAGE
from pipelines.report.ledger_facts import ON_REQUEST
from pipelines.report.rows import total
from pipelines.report.rules import ANY_OTHER, Limit
from pipelines.report.run_facts import CARD, PAGE, REPORTED_STAGES
from schemas import layout
from schemas.files import whole_file
from schemas.recipe import shown, variants_of
from schemas.stages import STAGES, StageName

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
ENDS: Final = {
    "kept": "n_kept",
    "merged as copies": "n_merged",
    "dropped by rules": "n_filtered",
    "set aside while reading": "n_unread",
    "failed": "n_failed",
    "waiting for dedup": "n_waiting",
    "left out or taken down on request": "n_left_out",
}
"""How a record can end, in the order of the bars, and the field of SourceRow that counts it."""

MOST_LANGUAGES: Final = 4
"""Languages that share a limit are named up to this number, and counted above it."""
MOST_ROWS: Final = 20
"""Licences and robots directives that are listed; the others are counted."""

_SIZE_CATEGORIES: Final = ((10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"), (10**7, "1M<n<10M"))
_MARKUP: Final = re.compile(r"^[#+-]|[\\`*\[\]<>|~&$]|(?<![a-zA-Z0-9])_|_(?![a-zA-Z0-9])")
"""Characters that Markdown may read as markup; it does not read an underscore within a word so."""


def write_report(folder: Path) -> list[Path]:
    """Write both and return their paths, the page first. OutputError if a file of the run is damaged."""
    facts = Facts(folder)
    written = []
    for path, template in ((folder / PAGE, "page.html"), (folder / CARD, "card.md")):
        with whole_file(path) as temporary:
            temporary.write_text(render(facts, template), "utf-8")
        written.append(path)
    return written


def render(facts: Facts, template: str) -> str:
    """The template filled with the run's facts."""
    return environment().get_template(template).render(**run_variables(facts), **page_variables(facts), **card_variables(facts))


def environment() -> Environment:
    """Templates of this folder with the filters that they use."""
    found = Environment(
        # Only HTML is escaped automatically; the Markdown template calls the filter `plain`.
        autoescape=select_autoescape(["html"]),
        loader=FileSystemLoader(HERE),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    of_numbers = ("with_commas", "share", "ratio", "limit", "size", "seconds", "shortened", "passed_over")
    found.filters |= {name: getattr(formats, name) for name in of_numbers}
    found.filters |= {"plain": plain, "quoted": quoted, "pretty": pretty, "breakable": breakable, "by_language": by_language}
    found.globals |= {"StageName": StageName, "layout": layout, "plots": plots, "say": statements, "shown": shown, "most": MOST_ROWS}
    found.globals["no_language"] = NO_LANGUAGE
    return found


def run_variables(facts: Facts) -> dict[str, object]:
    """Variables of both templates: the facts and their parts."""
    return {
        "facts": facts,
        "run": facts.record,
        "recipe": facts.recipe,
        "metrics": facts.metrics,
        "total": total(facts.sources),
    }


def page_variables(facts: Facts) -> dict[str, object]:
    """Variables of the page."""
    ended = {step for step, counts in facts.counts.items() if counts.dropped}
    return {
        "notices": attention(facts),
        "sections": SECTIONS,
        "steps": {step: stage for step, stage in STAGE_OF_STEP.items() if step not in ON_REQUEST or step in ended},
        "stages": REPORTED_STAGES,
        "stage_titles": {stage.name: stage.title for stage in STAGES},
        "ends": ENDS,
        "rule_sets": [(name, list(rows)) for name, rows in groupby(facts.rules, lambda row: row.rule.rule_set)],
        "css": Markup((HERE / "page.css").read_text("utf-8")),  # noqa: S704 - our own file
    }


def card_variables(facts: Facts) -> dict[str, object]:
    """Variables of the dataset card."""
    rule_sets = dict.fromkeys(row.rule.rule_set for row in facts.rules)
    shards, splits = facts.shards.entries, facts.shards.splits
    return {
        "variants": [shown(facts.recipe.filters, name) for name in rule_sets if variants_of(name)],
        "size_category": size_category(facts.ledger.n_records(outcome="kept")) if facts.ledger.is_complete else None,
        "languages": [row.name for row in facts.languages if row.name != NO_LANGUAGE],
        "licence": licence(facts),
        "first_shard": f"{layout.SHARDS}/{shards[0]['path']}" if shards else None,
        "first_split": splits[0].split if splits else None,
    }


def licence(facts: Facts) -> str:
    """The licence if every kept document states the same one, "other" for several, "unknown" if a document states none."""
    stated = [name for name, _ in facts.documents.licences]
    if not stated or None in stated:
        return "unknown"
    return str(stated[0]).lower() if len(stated) == 1 else "other"


def plain(text: object) -> str:
    """Text on one line, escaped so that neither Markdown nor the HTML in it reads markup."""
    return _MARKUP.sub(lambda found: f"&#{ord(found[0])};", " ".join(str(text).split()))


def breakable(name: str) -> Markup:
    """A name that may be broken after each underscore and dot."""
    return escape(name).replace("_", Markup("_<wbr>")).replace(".", Markup(".<wbr>"))


def by_language(limits: Mapping[str, Limit]) -> str:
    """Limits of languages, by name or, if many share one, by number: "0.4 in 34 languages and any other, ja off"."""
    names: dict[Limit, list[str]] = {}
    for language, value in limits.items():
        names.setdefault(value, []).append(language)
    parts = []
    for value, languages in names.items():
        n = len(languages) - (ANY_OTHER in languages)
        if n <= MOST_LANGUAGES:
            parts += [f"{language} {formats.limit(value)}" for language in languages]
        else:
            parts.append(f"{formats.limit(value)} in {n} languages{' and any other' if n < len(languages) else ''}")
    return ", ".join(parts)


def quoted(text: object) -> str:
    """Text as a YAML string; every JSON string is one."""
    return json.dumps(str(text), ensure_ascii=False)


def pretty(value: object) -> str:
    """Indented JSON."""
    return json.dumps(value, ensure_ascii=False, indent=2)


def size_category(n_documents: int) -> str:
    """The size category by which dataset hubs sort."""
    return next((name for most, name in _SIZE_CATEGORIES if n_documents < most), "n>10M")
