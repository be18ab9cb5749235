"""Files of evaluation sets -> their items, whatever shape their rows have.

The text of an item may be a string, a list of strings (the turns of a conversation), messages with a role and content, or an object with
such a text among its members. Rows without text are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from pipelines.dedup.evals.options import FIELDS as OPTION_FIELDS
from pipelines.dedup.evals.options import Question, question_of
from pipelines.text.nested import Row, column_names, value_at
from pipelines.text.row_files import BadRow, RowQuery, UnreadableError, bare_name, file_rows, json_value
from schemas.errors import InputError
from schemas.file_names import well_formed

TEXT_FIELDS: Final = (
    *("question", "text", "prompt", "input", "stem", "problem", "query", "instruction", "content", "value"),
    *("parts", "turns", "messages", "contents", "conversation", "conversations"),
)
"""Members of an object that may be its text, in order of preference."""
_USER_ROLES: Final = frozenset({"user", "human", "prompter"})
_NAMED_FIELDS: Final = 40


@dataclass(frozen=True, slots=True)
class EvalItem:
    """A row of an evaluation set that has text."""

    set: str
    """The row's `set`, or the name of its file."""
    id: str
    """The row's `id`, or its number."""
    questions: tuple[Question, ...]
    """Each of them identifies the item; the turns of a conversation are several."""


@dataclass(slots=True)
class EvalFile:
    """The rows of a file."""

    items: list[EvalItem] = field(default_factory=list)
    without_text: Counter[str] = field(default_factory=Counter)
    """Rows without text, by reason."""


def read_eval_file(path: Path, columns: Sequence[str]) -> EvalFile:
    """The items of a file, each from the first of the columns that has text; InputError if no row has any, or the file is damaged."""
    read, rows = EvalFile(), []
    set_name = well_formed(bare_name(path).rsplit(".", 1)[0])
    query = RowQuery(
        columns=tuple(columns),
        other_columns=frozenset({"set", "id", *OPTION_FIELDS}),
        has_text=lambda row: any(questions_of(row, columns)),
        key="decontaminate.columns",
    )
    try:
        for number, row in file_rows(path, query):
            if isinstance(row, BadRow):
                read.without_text[row.reason] += 1
            elif questions := tuple(questions_of(row, columns)):
                read.items.append(EvalItem(_label(row.get("set"), set_name), _label(row.get("id"), str(number)), questions))
            else:
                read.without_text["no text"] += 1
                rows.append(row)
    except UnreadableError as error:
        raise InputError(
            "CM-DEDUP-001", f"{path} cannot be read as an evaluation set ({error}); pass JSONL, Parquet or UTF-8 text"
        ) from None
    if not read.items:
        names = column_names(rows[:100])
        raise InputError(
            "CM-DEDUP-002",
            f"{path}: no row has text in one of the columns {', '.join(columns)}; columns found: "
            f"{', '.join(names[:_NAMED_FIELDS]) or 'none'}. Name the column with the text in decontaminate.columns",
        )
    return read


def _label(value: object, default: str) -> str:
    return str(value) if isinstance(value, str | int | float) else default


# --- The text of a row -----------------------------------------------------------------------------------------------


def questions_of(row: Mapping[str, object], columns: Sequence[str]) -> Iterator[Question]:
    """The questions in the first column that has text, with the options that the row has for them."""
    for column in columns:
        value = value_at(row, column)
        texts = [text for text in texts_in(value) if text.strip()]
        if texts:
            fields = {**row, **value} if isinstance(value, dict) else row
            yield from (question_of(text, fields) for text in texts)
            return


def texts_in(value: object) -> list[str]:
    """The texts of a value: of messages those of the user, of other lists each entry and all joined, of an object its first text."""
    if isinstance(value, str):
        inner = json_value(value) if value.startswith(("[{", '{"')) else None
        return [value] if inner is None else texts_in(inner) or [value]
    if isinstance(value, bytes):
        return [value.decode("utf-8", "replace")]
    if isinstance(value, dict):
        return next((texts for name in TEXT_FIELDS if (texts := texts_in(value.get(name)))), [])
    if not isinstance(value, list):
        return []
    if any(isinstance(entry, dict) for entry in value):
        asked = [entry for entry in value if isinstance(entry, dict) and _is_from_user(entry)]
        return [text for entry in asked or value for text in _message_texts(entry)]
    texts = [text for entry in value for text in texts_in(entry)]
    return [*texts, "\n".join(texts)] if len(texts) > 1 else texts


def _is_from_user(message: Row) -> bool:
    return str(message.get("role", message.get("from", ""))).lower() in _USER_ROLES


def _message_texts(entry: object) -> list[str]:
    """The text of a message, whose content may be a list of parts."""
    content = next((entry[name] for name in ("content", "value") if entry.get(name)), None) if isinstance(entry, dict) else None
    if isinstance(content, list):
        parts = [text for part in content for text in texts_in(part)]
        return ["\n".join(parts)] if parts else []
    return texts_in(entry if content is None else content)
