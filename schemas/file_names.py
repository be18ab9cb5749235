r"""File names as text, and back.

A file name is bytes, while the ledger, run.json, the report and messages are text. A byte that is not UTF-8 becomes `\xNN`, an invisible
character `\n`, `\x20` or `\u200b`, and a backslash `\\`. Bash reads the same notation in $'...', so a user can paste the name.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from schemas.errors import OutputError

_SHORT: Final = {"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_LONG: Final = {short: character for character, short in _SHORT.items()}
_UNSEEN_SPACE: Final = re.compile(r"(?:^|(?<=/)) | (?=/|\Z)")
_ESCAPE: Final = re.compile(r"\\(?:[\\nrt]|x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})")


def printable(path: str) -> str:
    r"""A file name as text that can be written and printed everywhere: "caf\udce9" -> "caf\xe9"."""
    name = path if path.isprintable() and "\\" not in path else "".join(map(_printable, path))
    return _UNSEEN_SPACE.sub(r"\\x20", name)


def path_of(name: str) -> str:
    r"""The file name that `printable` turned into this text: "caf\xe9" -> "caf\udce9"."""
    return _ESCAPE.sub(lambda found: _character(found[0]), name)


def well_formed(text: str) -> str:
    """Text from a command line with bytes that are not UTF-8 as `printable` writes them, and everything else unchanged."""
    return re.sub("[\udc80-\udcff]", lambda found: _printable(found[0]), text)


def check_folder_name(folder: Path) -> None:
    """Raise OutputError if the path of an output folder is not UTF-8: the libraries that write there do not accept it."""
    name = str(folder.absolute())
    if well_formed(name) != name:
        raise OutputError(
            "CM-RECORD-003", f"{well_formed(str(folder))}: the name of an output folder must be UTF-8; pass another with --out"
        )


def _printable(character: str) -> str:
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if character.isprintable():
        return character
    if 0xDC80 <= code <= 0xDCFF:  # how Python represents a byte that is not UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"


def _character(escape: str) -> str:
    if escape in _LONG:
        return _LONG[escape]
    code = int(escape[2:], 16)
    return chr(0xDC00 + code if escape[1] == "x" and code >= 0x80 else code)
