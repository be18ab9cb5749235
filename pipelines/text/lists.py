"""Lists that a recipe names: text files with one entry per line, compressed or not."""

from __future__ import annotations

import codecs
from pathlib import Path
from typing import Final

from pipelines.read.records import Rejected
from pipelines.read.whole import whole_content
from schemas.errors import RecipeError

_BYTE_ORDER_MARKS: Final = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def read_lines(path: str, key: str, what: str) -> list[tuple[int, str]]:
    """(number from 1, text) of the lines of a list that are not empty and do not begin with #."""
    numbered = [(number, line.strip()) for number, line in enumerate(all_lines(path, key, what), 1)]
    return [(number, line) for number, line in numbered if line and not line.startswith("#")]


def all_lines(path: str, key: str, what: str) -> list[str]:
    """Every line unchanged, from UTF-8 or, after a byte order mark, UTF-16. RecipeError names `key` if the file cannot be read."""
    try:
        content = whole_content(Path(path))
        encoding = next((name for mark, name in _BYTE_ORDER_MARKS.items() if content.startswith(mark)), "utf-8")
        return content.decode(encoding).splitlines()
    except Rejected as rejected:
        raise RecipeError("CM-TEXT-002", f"{key} = {path!r}: the file is damaged ({rejected.unread.reason}); replace it") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError("CM-TEXT-003", f"{key} = {path!r}: cannot be read as a list of {what} in UTF-8: {error}") from error
