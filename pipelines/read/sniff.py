"""What a file is by its first bytes, whatever its name says."""

from __future__ import annotations

import bz2
import json
import lzma
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal

import zstandard

Content = Literal["warc", "jsonl", "parquet", "json", "unknown"]
"""`json` is JSON that is not one object a line."""

_HEAD_BYTES: Final = 1 << 16
_BLOCK_BYTES: Final = 1 << 20  # bzip2 gives nothing before the end of a block
_MAX_DECODED_BYTES: Final = 1 << 24
_LOOK_BYTES: Final = 1 << 12
_BINARY: Final = re.compile(rb"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f]")
_COMPRESSED: Final = (".gz", ".zst", ".bz2", ".xz")
_PADDING: Final = b"\0\r\n"
_BOM: Final = b"\xef\xbb\xbf"
_OBJECT_START: Final = re.compile(rb'[ \t]*\{[ \t]*"')
_DECODERS: Final[dict[bytes, Callable[[], Any]]] = {
    b"\x1f\x8b\x08": lambda: zlib.decompressobj(16 + zlib.MAX_WBITS),
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lzma.LZMADecompressor,
}


def content_of(path: Path) -> Content:
    """The format of a file by its first bytes; OSError if it cannot be opened."""
    with path.open("rb") as file:
        stored = file.read(8)
        head = decoded_head(file, _HEAD_BYTES)
    if stored.startswith(b"PAR1"):
        return "parquet"
    if head.lstrip(_PADDING).startswith(b"WARC/"):
        return "warc"
    return _json_content(head.removeprefix(_BOM))


def is_json_lines(path: Path) -> bool:
    """Whether a file that is called JSON Lines can be: it is empty or damaged, or one of its first lines is or begins an object."""
    with path.open("rb") as file:
        head = decoded_head(file, _HEAD_BYTES)
    if _is_archive(head):
        return False
    head = head.removeprefix(_BOM).lstrip()
    if path.suffix.lower() in _COMPRESSED and _BINARY.search(head, 0, _LOOK_BYTES):
        return True  # what follows the damaged start is looked for by those who read it
    if not head or head.startswith(b"["):
        return not head
    first, *others = [line for line in head.split(b"\n") if line.strip()]
    objects = [line for line in others if line.startswith(b"{")]
    if _OBJECT_START.match(first) and (not others or any(map(_OBJECT_START.match, objects))):
        return True
    return any(map(_is_object, [first, *objects]))


def decoded_head(file: BinaryIO, n_bytes: int) -> bytes:
    """What the first `n_bytes` of a file decode to, 16 MiB at most; as they are if they are not compressed, b"" if they are damaged."""
    file.seek(0)
    stored = file.read(n_bytes)
    magic = next((magic for magic in _DECODERS if stored.startswith(magic)), None)
    try:
        if magic:
            return _chained(stored if magic != b"BZh" else stored + file.read(max(0, _BLOCK_BYTES - n_bytes)), _DECODERS[magic])
        if stored.startswith(b"\x28\xb5\x2f\xfd") or stored[1:4] == b"\x2a\x4d\x18":
            decoder = zstandard.ZstdDecompressor(max_window_size=1 << 31)
            return decoder.stream_reader(stored, read_across_frames=True).read(_MAX_DECODED_BYTES)
    except (zlib.error, zstandard.ZstdError, lzma.LZMAError, OSError, EOFError):
        return b""
    return stored


def _chained(stored: bytes, new_decoder: Callable[[], Any]) -> bytes:
    """The content of one member after the other, up to the first that is damaged."""
    pieces: list[bytes] = []
    while stored and sum(map(len, pieces)) < _MAX_DECODED_BYTES:
        decoder = new_decoder()
        try:
            pieces.append(decoder.decompress(stored, _MAX_DECODED_BYTES))
        except (zlib.error, lzma.LZMAError, OSError, EOFError):
            break
        stored = decoder.unused_data if decoder.eof else b""
    return b"".join(pieces)


def _json_content(head: bytes) -> Content:
    """Whether text is JSON Lines, other JSON or neither: at least half of its lines are objects, and one of them can be read."""
    if _is_archive(head):
        return "unknown"
    lines = [line for line in head.split(b"\n") if line.strip()]
    objects = [line for line in lines if _OBJECT_START.match(line)]
    if objects and 2 * len(objects) >= len(lines) and (len(lines) == 1 or any(map(_is_object, objects))):
        return "jsonl"
    return "json" if head.lstrip()[:1] in (b"{", b"[") else "unknown"


def _is_archive(head: bytes) -> bool:
    """Whether this is a tar or zip archive, whose members may hold lines of JSON but not where its own headers lie."""
    return head[257:262] == b"ustar" or head.startswith(b"PK\x03\x04")


def _is_object(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line.decode("utf-8", "replace"), strict=False), dict)
    except (ValueError, RecursionError):
        return False
