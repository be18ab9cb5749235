"""Code trees: one file is one record and one document.

Of a folder only files with a known extension, name or (without an extension) interpreter line are read, not data, images and the rest.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from pipelines.read.formats.text import read_text_file
from pipelines.read.heads import one_record
from pipelines.read.reader import ReadContext, Reader
from pipelines.read.records import Address, RecordResult

_SHEBANG: Final = re.compile(rb"#!\s*\S*?/?(?:env\s+(?:-S\s+)?)?([A-Za-z]+)[0-9.]*(?:\s|\Z)")

_BY_SUFFIX: Final = {
    suffix: language
    for language, suffixes in {
        "assembly": "asm s",
        "c": "c h",
        "c++": "cc cpp cxx hh hpp hxx",
        "c#": "cs",
        "clojure": "clj cljs",
        "cuda": "cu cuh",
        "dart": "dart",
        "elixir": "ex exs",
        "erlang": "erl hrl",
        "f#": "fs fsx",
        "fortran": "f f90 f95",
        "go": "go",
        "groovy": "groovy",
        "haskell": "hs",
        "java": "java",
        "javascript": "js jsx mjs cjs",
        "julia": "jl",
        "kotlin": "kt kts",
        "lua": "lua",
        "matlab": "matlab",
        "nim": "nim",
        "objective-c": "m mm",
        "ocaml": "ml mli",
        "pascal": "pas",
        "perl": "pl pm",
        "php": "php",
        "powershell": "ps1",
        "protobuf": "proto",
        "python": "py pyi pyx",
        "r": "r",
        "ruby": "rb",
        "rust": "rs",
        "scala": "scala",
        "shell": "sh bash zsh",
        "sql": "sql",
        "swift": "swift",
        "typescript": "ts tsx mts",
        "verilog": "v sv",
        "vhdl": "vhd vhdl",
        "vue": "vue",
        "zig": "zig",
    }.items()
    for suffix in suffixes.split()
}
_BY_NAME: Final = {"makefile": "make", "dockerfile": "docker", "cmakelists.txt": "cmake", "rakefile": "ruby", "gemfile": "ruby"}
_BY_INTERPRETER: Final = {
    "python": "python",
    "sh": "shell",
    "bash": "shell",
    "zsh": "shell",
    "perl": "perl",
    "ruby": "ruby",
    "node": "javascript",
    "php": "php",
    "lua": "lua",
}


def language_of(path: Path) -> str | None:
    """The programming language of a file by its name, or by its interpreter line if the name has no extension; None if unknown."""
    known = _BY_NAME.get(path.name.lower()) or _BY_SUFFIX.get(path.suffix[1:].lower())
    if known or path.suffix:
        return known
    with path.open("rb") as file:
        found = _SHEBANG.match(file.readline(128))
    return _BY_INTERPRETER.get(found[1].decode().lower()) if found else None


def _read(path: Path, name: str, context: ReadContext) -> Iterator[RecordResult]:
    yield Address(0), read_text_file(path, name, language_of(path) or "unknown", context.read)


READER: Final = Reader(
    format="code",
    title="code",
    suffixes=(),
    read=_read,
    accepts=lambda path: language_of(path) is not None,
    may_be_empty=True,
    is_one_record=True,
    estimate=one_record,
)
