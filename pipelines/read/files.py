"""Text files and code trees: one file is one record and one document.

In a code tree only files with a known extension, name or (without an extension) interpreter line are records; data, images and
the rest of a tree are not. A file with a NUL byte near its start, or with one farther inside among bytes that are no text, is dropped as
`binary`, unless it is UTF-16 or UTF-32.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from pipelines.read.charset import decode
from pipelines.read.decoders import MAX_WINDOW_BYTES
from pipelines.read.members import parts
from pipelines.read.records import Document, Meta, Rejected, Unread, dropped, failed, unread_part

_PROBE_BYTES: Final = 1 << 13
_UTF16_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_MIN_NUL_RATIO: Final = 0.75
_MAX_CONTROL_RATIO: Final = 0.01
_FEW_CONTROLS: Final = 8
_CONTROLS: Final = bytes(code for code in range(32) if code not in b"\t\n\r\f\x1b")
_LINE_BREAKS: Final = dict.fromkeys(map(ord, "\t\n\r\f\0"), " ")
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


def read_file(path: Path, name: str, language: str | None, max_bytes: int, max_window: int = MAX_WINDOW_BYTES) -> Document | Unread:
    """The document that a text file (or a code file of `language`) is."""
    try:
        data, lacks_checksum = _content(path, name, max_bytes, max_window)
        if codec := _wide_codec(data):
            text, charset, bad_ratio = data.decode(codec, "replace").removeprefix("\ufeff"), codec, 0.0
        elif b"\0" in data and not data.startswith(_UTF16_BOMS) and _is_binary(data):
            raise dropped("binary")
        else:
            text, charset, bad_ratio = decode(data)
        text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")
        if not text.strip():
            raise dropped("empty_text")
    except Rejected as rejected:
        return rejected.unread
    meta: Meta = {"charset": charset}
    if bad_ratio:
        meta["bad_char_ratio"] = round(bad_ratio, 4)
    if lacks_checksum:
        meta["no_checksum"] = True
    if language:
        meta |= {"language": language, "path": name}
    return Document(text, meta=meta)


def _wide_codec(data: bytes) -> str | None:
    """The codec of UTF-32 by its byte order mark, or of UTF-16 without one: most of its characters are ASCII, and every other byte NUL."""
    if data.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")) and len(data) % 4 == 0:
        return "utf-32"
    head = data[: _PROBE_BYTES & ~1]
    n_high_first, n_low_first = head[0::2].count(0), head[1::2].count(0)
    if len(data) % 2 or max(n_high_first, n_low_first) < _MIN_NUL_RATIO * len(head) / 2 or (n_high_first and n_low_first):
        return None
    codec = "utf-16-be" if n_high_first else "utf-16-le"
    try:
        text = data.decode(codec)
    except UnicodeDecodeError:
        return None
    return codec if text[:_PROBE_BYTES].translate(_LINE_BREAKS).isprintable() and text else None


def _is_binary(data: bytes) -> bool:
    """Whether data with NUL bytes is no text: the first is near the start, or begins what is not UTF-8 and has many control characters."""
    first = data.index(b"\0")
    if first < _PROBE_BYTES:
        return True
    try:
        data.decode()
    except UnicodeDecodeError:
        tail = data[first:]
        return len(tail) - len(tail.translate(None, _CONTROLS)) > max(_FEW_CONTROLS, _MAX_CONTROL_RATIO * len(tail))
    return False


def _content(path: Path, name: str, max_bytes: int, max_window: int) -> tuple[bytes, bool]:
    """(content, whether it is compressed without a checksum); rejected if any part of the file is damaged."""
    pieces, n_bytes = [], 0
    lacks_checksum = False
    with path.open("rb") as file:
        for part in parts(file, name, max_window):
            if part.damage:
                raise Rejected(unread_part(part)._replace(lost_bytes=path.stat().st_size))
            lacks_checksum |= part.lacks_checksum
            for piece in part.pieces():
                n_bytes += len(piece)
                if n_bytes > max_bytes:
                    raise failed("too_large", None, max_bytes)
                pieces.append(piece)
    return b"".join(pieces), lacks_checksum
