"""The error codes in the code, and docs/errors.md, which `python -m testkit.error_codes` writes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final, NamedTuple

from schemas import errors

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = ROOT / "docs" / "errors.md"
SOURCES: Final = ("corpusmill", "schemas", "tokenizer", "pipelines", "run_pipeline.py")
CLASSES: Final = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, errors.CorpusmillError)}
FORM: Final = re.compile(r"CM-([A-Z]+)-\d{3}")
AREAS: Final = {
    "COMMAND": "Commands",
    "CRAWL": "Crawling",
    "DEDUP": "Dedup",
    "ENCODE": "Encoding",
    "ENGINE": "Beam and worker processes",
    "FILTER": "Filters and their models",
    "LIBRARY": "The library",
    "PRETRAIN": "Validation",
    "READ": "Reading",
    "RECIPE": "Recipes",
    "RECORD": "Files of a run",
    "REPORT": "Reports",
    "RUN": "Runs",
    "SCRUB": "Privacy",
    "TAKEDOWN": "Takedown",
    "TEXT": "Texts and lists",
    "TOKENIZER": "Tokenizers",
}
_WIDTH: Final = 120
_HEAD: Final = """# Error codes

Every error that a user can fix has a code, which never changes its meaning. The wording of a message may change.
Words in braces stand for values. `python -m testkit.error_codes` writes this page.
"""


class RaisedError(NamedTuple):
    """One place that makes an error."""

    code: str | None
    """None if it repeats the code of another error."""
    kind: str
    message: str
    """With the names of values in braces."""
    place: str
    """file:line."""

    @property
    def area(self) -> str | None:
        """The middle part of the code; None if it is not a code."""
        found = FORM.fullmatch(self.code or "")
        return found[1] if found else None


def raised_errors() -> Iterator[RaisedError]:
    """Every place in the code that makes a CorpusmillError, by file and line."""
    for source in SOURCES:
        path = ROOT / source
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CLASSES:
                    place = f"{file.relative_to(ROOT)}:{node.lineno}"
                    yield RaisedError(_code(node.args), node.func.id, _template(node.args[1]) if len(node.args) > 1 else "", place)


def _code(arguments: list[ast.expr]) -> str | None:
    """The literal code, or "" if there is none."""
    match arguments:
        case [ast.Constant(value=str(code)), *_]:
            return code
        case [ast.Attribute(attr="code"), *_]:
            return None
    return ""


def _template(message: ast.expr) -> str:
    match message:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_template(part) for part in parts)
        case ast.FormattedValue(value=value):
            return f"{{{_name(value)}}}"
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return _template(left) + _template(right)
    return f"{{{_name(message)}}}"


def _name(value: ast.expr) -> str:
    """A word for the value of an expression: the last name in it."""
    match value:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name.strip("_")
        case ast.Subscript(slice=ast.Constant(value=str(key))):
            return key
        case ast.Subscript(value=inner) | ast.Call(func=ast.Attribute(value=ast.Constant()), args=[inner, *_]):
            return _name(inner)
        case ast.Call(args=[inner]):
            return _name(inner)
        case ast.Call(func=function):
            return _name(function)
    return "..."


def page() -> str:
    """The text of docs/errors.md."""
    listed = sorted({error.code: error for error in raised_errors() if error.code}.values(), key=lambda error: error.code or "")
    sections = [f"## {AREAS[area or '']}\n\n" + "\n".join(map(_entry, found)) + "\n" for area, found in groupby(listed, lambda e: e.area)]
    return "\n".join([_HEAD, *sections])


def _entry(error: RaisedError) -> str:
    """A list item, wrapped."""
    words = f"- `{error.code}` {error.kind}: {error.message}".replace("*", r"\*").replace("<", r"\<").split()
    lines = [words[0]]
    for word in words[1:]:
        if len(lines[-1]) + 1 + len(word) > _WIDTH:
            lines.append(f"  {word}")
        else:
            lines[-1] += f" {word}"
    return "\n".join(lines)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
