"""Files of evaluation sets -> their items: any file that can be read as a source, whatever shape its rows have.

The text of an item may be a string, a list of them (the turns of a conversation), messages with a role and content, or an object with such
a text among its members. Rows without text are counted and told of.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import polars as pl

from pipelines.dedup.evals.options import FIELDS as OPTION_FIELDS
from pipelines.dedup.evals.options import Question, question_of
from pipelines.read.columns import names_in, value_at
from pipelines.read.formats.parquet import open_table
from pipelines.read.records import Rejected, Unread
from pipelines.read.rows import Row, json_rows, parse_json
from pipelines.read.whole import whole_content
from schemas.errors import InputError
from schemas.ledger import Outcome

TEXT_FIELDS: Final = (
    *("question", "text", "prompt", "input", "stem", "problem", "query", "instruction", "content", "value"),
    *("parts", "turns", "messages", "contents", "conversation", "conversations"),
)
"""Members of an object that may be its text, in this order."""
_ASKED_BY: Final = frozenset({"user", "human", "prompter"})
_MAX_BYTES: Final = 1 << 30
_COMPRESSION: Final = re.compile(r"\.(?:gz|zst|bz2|xz)\Z", re.IGNORECASE)
_JSON: Final = re.compile(r"\.(?:jsonl|ndjson|json)\Z", re.IGNORECASE)
_TABLE: Final = re.compile(r"\.(?:csv|tsv)\Z", re.IGNORECASE)
_NAMED_FIELDS: Final = 40
_OF_ROWS: Final = frozenset({"bad_json", "too_large"})
"""Why single rows cannot be read; every other reason is the file's."""


@dataclass(frozen=True, slots=True)
class Item:
    """One row of an evaluation set that has text."""

    set: str
    id: str
    questions: tuple[Question, ...]
    """Any of them is the item: the turns of a conversation are several."""


@dataclass(slots=True)
class Items:
    """What a file has."""

    items: list[Item] = field(default_factory=list)
    without_text: Counter[str] = field(default_factory=Counter)
    """Rows without text, by reason."""


def read_items(path: Path, columns: Sequence[str]) -> Items:
    """The items of a file, each from the first of the columns that holds text; InputError if no row has any, or the file is damaged."""
    base = _COMPRESSION.sub("", path.name)
    found, rows = Items(), []
    for number, row in _rows(path, base, columns):
        if isinstance(row, Unread):
            if row.reason not in _OF_ROWS:
                raise _unreadable(path, row.reason)
            found.without_text[row.reason] += 1
            continue
        questions = tuple(questions_of(row, columns))
        if questions:
            found.items.append(Item(_name(row.get("set"), base.rsplit(".", 1)[0]), _name(row.get("id"), str(number)), questions))
        else:
            found.without_text["no text"] += 1
            rows.append(row)
    if not found.items:
        names = names_in(rows[:100])
        raise InputError(
            f"{path}: no row has text in one of the columns {', '.join(columns)}; columns found: "
            f"{', '.join(names[:_NAMED_FIELDS]) or 'none'}. Name the one with the text in decontaminate.columns"
        )
    return found


def _name(value: Any, otherwise: str) -> str:
    return str(value) if isinstance(value, str | int | float) else otherwise


# --- A row's text ----------------------------------------------------------------------------------------------------


def questions_of(row: Mapping[str, Any], columns: Sequence[str]) -> Iterator[Question]:
    """What the first column that holds text asks, with the options that the row has for it."""
    for column in columns:
        value = value_at(row, column)
        texts = [text for text in texts_in(value) if text.strip()]
        if texts:
            fields = {**row, **value} if isinstance(value, dict) else row
            yield from (question_of(text, fields) for text in texts)
            return


def texts_in(value: Any) -> list[str]:
    """The texts of a value: of messages those of the user, of other lists each entry and all in one, of an object its first with text."""
    if isinstance(value, str):
        inner = _from_json(value)
        return [value] if inner is None else texts_in(inner) or [value]
    if isinstance(value, bytes):
        return [value.decode("utf-8", "replace")]
    if isinstance(value, dict):
        return next((texts for name in TEXT_FIELDS if (texts := texts_in(value.get(name)))), [])
    if not isinstance(value, list):
        return []
    if any(isinstance(entry, dict) for entry in value):
        asked = [entry for entry in value if isinstance(entry, dict) and _is_asked(entry)]
        return [text for entry in asked or value for text in _message(entry)]
    texts = [text for entry in value for text in texts_in(entry)]
    return [*texts, "\n".join(texts)] if len(texts) > 1 else texts


def _is_asked(message: Row) -> bool:
    return str(message.get("role", message.get("from", ""))).lower() in _ASKED_BY


def _message(entry: Any) -> list[str]:
    """The text of a message, whose content may be a list of parts."""
    content = next((entry[name] for name in ("content", "value") if entry.get(name)), None) if isinstance(entry, dict) else None
    if isinstance(content, list):
        parts = [text for part in content for text in texts_in(part)]
        return ["\n".join(parts)] if parts else []
    return texts_in(entry if content is None else content)


def _from_json(text: str) -> Any:
    """Messages or an object that a column of strings has as JSON; None for every other text."""
    if not text.startswith(("[{", '{"')):
        return None
    try:
        return parse_json(text.encode("utf-8", "replace"))
    except Rejected:
        return None


# --- A file's rows ---------------------------------------------------------------------------------------------------


def _rows(path: Path, name: str, columns: Sequence[str]) -> Iterator[tuple[int, Row | Unread]]:
    """(number, row or why it cannot be read): Parquet by its first bytes, JSON and tables by name, text otherwise."""
    with path.open("rb") as file:
        is_parquet = file.read(4) == b"PAR1"
    if is_parquet or name.lower().endswith((".parquet", ".pq")):
        yield from _parquet_rows(path, {"set", "id", *columns, *OPTION_FIELDS})
    elif _JSON.search(name):
        yield from _json_rows(path, columns)
    elif _TABLE.search(name):
        yield from _table_rows(path, name, columns)
    else:
        yield from _text_rows(path)


def _parquet_rows(path: Path, asked: Collection[str]) -> Iterator[tuple[int, Row | Unread]]:
    try:
        table = open_table(path)
    except Rejected as rejected:
        yield 0, rejected.unread
        return
    yield from table.rows({name for name in asked if table.has(name)})


def _json_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, Row | Unread]]:
    """The lines; or, where the first one is no row or the only one without text, the entries of an array that the whole file is, or of
    the longest one in its object.
    """
    rows = list(json_rows(path, _MAX_BYTES))
    first = rows[0][1] if rows else {}
    is_bad = first.reason == "bad_json" if isinstance(first, Unread) else len(rows) == 1 and not any(questions_of(first, columns))
    if is_bad and (entries := _entries(_content(path))):
        rows = list(enumerate(entries))
    yield from rows


def _table_rows(path: Path, name: str, columns: Sequence[str]) -> Iterator[tuple[int, Row | Unread]]:
    """The rows of a table with commas or tabs between its cells, by the names in its first line, whatever the case of their letters."""
    separator = "\t" if name.lower().endswith("tsv") else ","
    try:
        table = pl.read_csv(_content(path), separator=separator, infer_schema=False, truncate_ragged_lines=True)
    except pl.exceptions.PolarsError:
        yield 0, Unread(Outcome.FAILED, "not a table in UTF-8")
        return
    known = {column.lower(): column for column in columns}
    names = {each: known.get(each.strip().lower(), each) for each in table.columns}
    if not set(columns) & set(names.values()):
        raise InputError(
            f"{path}: its first line names none of the columns {', '.join(columns)}; it is {', '.join(table.columns)[:500]!r}. "
            "Name the column with the text in decontaminate.columns, or put the names of the columns into the first line"
        )
    yield from ((number, {names[each]: cell for each, cell in row.items()}) for number, row in enumerate(table.iter_rows(named=True)))


def _entries(content: bytes) -> list[Row]:
    try:
        whole = parse_json(content.removeprefix(b"\xef\xbb\xbf"))
    except Rejected:
        return []
    lists = [whole] if isinstance(whole, list) else [value for value in whole.values() if isinstance(value, list)] if whole else []
    entries = max(([entry for entry in each if isinstance(entry, dict)] for each in lists), key=len, default=[])
    return entries or ([whole] if isinstance(whole, dict) else [])


def _text_rows(path: Path) -> Iterator[tuple[int, Row | Unread]]:
    try:
        lines = _content(path).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError:
        yield 0, Unread(Outcome.FAILED, "not UTF-8")
        return
    yield from ((number, {"text": line}) for number, line in enumerate(lines) if line)


def _content(path: Path) -> bytes:
    try:
        return whole_content(path)
    except Rejected as rejected:
        raise _unreadable(path, rejected.unread.reason) from None


def _unreadable(path: Path, reason: str) -> InputError:
    return InputError(f"{path} cannot be read as an evaluation set ({reason}); give JSONL, Parquet or UTF-8 text")
