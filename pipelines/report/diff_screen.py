"""The difference of two runs as tables for the terminal, the largest changes first."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, TypeVar

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from pipelines.report import formats
from pipelines.report.diff import Change, Difference, NotCompared, Number, Records

MOST_ROWS: Final = 12
"""Rows of each table; `diff --json` prints all."""
LIST_CHARS: Final = 30
"""Two longer lists are shown without their common items."""
MOST_VALUE_CHARS: Final = 200
"""A longer value is cut."""
ABSENT: Final = "not in this run"

_N = TypeVar("_N", Number, int | None)


def diff_screen(found: Difference) -> RenderableType:
    """The whole comparison; it fits 80 columns unless names are long."""
    return Group(*_parts(found))


def _parts(found: Difference) -> Iterator[RenderableType]:
    yield Text.assemble("before  ", (found.before, "bold"), "\nafter   ", (found.after, "bold"), overflow="fold")
    for folder, stage in ((found.before, found.stopped.before), (found.after, found.stopped.after)):
        if stage:
            yield Text(f"{folder} stopped before {stage}; only results that both runs have are compared", style="yellow", overflow="fold")
    yield from _values("setting", found.recipe, "The recipes are the same.")
    yield from _values("version of", found.versions, "The versions are the same.")
    if found.same_files:
        same, other = (", ".join(f"{name}/" for name, is_same in found.same_files.items() if is_same is wanted) for wanted in (True, False))
        yield Text(f"\nThe same to the byte: {same or 'nothing'}. Different: {other or 'nothing'}.")
    yield from _numbers("whole run", found.results, most=len(found.results))
    yield from _sources(found.sources)
    yield from _numbers("ended as", _largest(found.reasons))
    yield from _records(found.records)
    yield from _numbers("kept documents in", _largest(found.languages))
    yield from _numbers("private values replaced", _largest(found.redacted))
    yield from _not_compared(found.not_compared)


def _table(*columns: str, right: int) -> Table:
    """A table whose last `right` columns are numbers."""
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, collapse_padding=True)
    for number, name in enumerate(columns):
        is_number = number >= len(columns) - right
        table.add_column(name, justify="right" if is_number else "left", overflow="fold", no_wrap=is_number)
    return table


def _values(title: str, changes: list[Change[object]], none: str) -> Iterator[RenderableType]:
    """Settings or versions that differ."""
    yield Text()
    if not changes:
        yield Text(none)
        return
    table = _table(title, "before", "after", right=0)
    for change in changes[:MOST_ROWS]:
        table.add_row(*map(Text, (change.name, *_shown(change.before, change.after))))
    yield table
    yield from _rest(len(changes) - MOST_ROWS)


def _shown(before: object, after: object) -> tuple[str, str]:
    """Two values in few characters that show the difference: long lists without their common items."""
    if isinstance(before, list) and isinstance(after, list) and len(json.dumps(before + after, ensure_ascii=False)) > LIST_CHARS:
        own = [one for one in before if one not in after], [one for one in after if one not in before]
        if own != ([], []):
            return _json(["…", *own[0]]), _json(["…", *own[1]])
    return _json(before), _json(after)


def _json(value: object) -> str:
    if value is None:
        return formats.UNKNOWN
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False).replace('"…"', "…")
    return text if len(text) <= MOST_VALUE_CHARS else f"{text[:MOST_VALUE_CHARS]}…"


def _largest(changes: Iterable[Change[_N]]) -> list[Change[_N]]:
    """Numbers that differ, the largest difference first."""
    return sorted((one for one in changes if one.before != one.after), key=lambda one: -abs((one.after or 0) - (one.before or 0)))


def _numbers(title: str, changes: Sequence[Change[_N]], most: int = MOST_ROWS) -> Iterator[RenderableType]:
    if changes:
        table = _table(title, "before", "after", "change", "", right=4)
        for change in changes[:most]:
            table.add_row(*_cells(change))
        yield Text()
        yield table
        yield from _rest(len(changes) - most)


def _sources(sources: dict[str, list[Change[Number]]]) -> Iterator[RenderableType]:
    """What differs of each source, where there are several."""
    changed = {name: _differing(changes) for name, changes in sources.items() if len(sources) > 1}
    changed = {name: changes for name, changes in changed.items() if changes}
    if changed:
        table = _table("source", "", "before", "after", "change", "", right=4)
        for name, changes in list(changed.items())[:MOST_ROWS]:
            for number, change in enumerate(changes):
                table.add_row(Text("" if number else name), *_cells(change))
            table.add_section()
        yield Text()
        yield table
        yield from _rest(len(changed) - MOST_ROWS)


def _differing(changes: list[Change[Number]]) -> list[Change[Number]]:
    return [change for change in changes if change.before != change.after]


def _cells(change: Change[_N]) -> list[Text]:
    """Name, both numbers, their difference, and its share of the first number."""
    before, after = change.before, change.after
    difference = share = ""
    if before is not None and after is not None and before != after and not isinstance(after, bool):
        sign = "+" if after > before else "-"
        difference = sign + _number(abs(after - before))
        share = formats.share(abs(after - before) / before) if before else ""
        share = share if share.startswith(("<", ">")) or not share else sign + share
    style = "dim" if before == after else ""
    return [Text(cell, style=style) for cell in (change.name, _number(before), _number(after), difference, share)]


def _number(value: float | bool | None) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return formats.ratio(value) if isinstance(value, float) else formats.with_commas(value)


def _records(records: Records) -> Iterator[RenderableType]:
    """Records that end differently, with doc_ids to look up in the ledgers."""
    yield Text()
    if records.reach == "nothing":
        yield Text("Records are not compared: a run has not read all of its sources.")
        return
    as_far = " up to the filters" if records.reach == "filters" else ""
    alike = formats.share(records.n_alike / records.n_in_both if records.n_in_both else None)
    yield Text(
        f"{formats.number_of(records.n_in_both, 'record')} in both runs, compared{as_far}: {alike} end the same way"
        + (f", {formats.with_commas(records.n_other_text)} have another text or URL" if records.n_other_text else "")
    )
    if records.moves:
        table = _table("records", "end before -> end after, and some doc_ids", right=0)
        table.columns[0].justify = "right"
        for move in records.moves[:MOST_ROWS]:
            ends = f"{move.before or ABSENT} -> {move.after or ABSENT}"
            table.add_row(formats.with_commas(move.n), Text.assemble(ends, *((f"\n{one}", "dim") for one in move.ids)))
        yield table
        yield from _rest(len(records.moves) - MOST_ROWS)
    yield from _numbers("records of file", _largest(records.files))


def _not_compared(left_out: list[NotCompared]) -> Iterator[Text]:
    """Names of numbers that measure different things, by the reason."""
    names: dict[str, list[str]] = {}
    for one in left_out:
        names.setdefault(one.why, []).append(one.name)
    for why, of_it in names.items():
        more = f" and {len(of_it) - MOST_ROWS} more" if len(of_it) > MOST_ROWS else ""
        yield Text(f"\nNot compared because {why}: {', '.join(of_it[:MOST_ROWS])}{more}.", overflow="fold")


def _rest(n_rows: int) -> Iterator[Text]:
    if n_rows > 0:
        yield Text(f"and {formats.with_commas(n_rows)} more; print all with --json", style="dim")
