"""The first bytes of a file, decoded if it is compressed: enough to recognise its format and to estimate its size in records."""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from pathlib import Path, PurePath
from typing import BinaryIO, Final, NamedTuple

import zstandard

from pipelines.read.decoders import MemberDecoder, gzip_codec

COMPRESSION_SUFFIXES: Final = (".gz", ".zst", ".bz2", ".xz")
ESTIMATE_BYTES: Final = 1 << 20
"""Stored bytes that an estimate is made from."""
_HEAD_BYTES: Final = 1 << 16
_BLOCK_BYTES: Final = 1 << 20  # bzip2 yields nothing before the end of a block
_MAX_DECODED_BYTES: Final = 1 << 24
_DECODERS: Final[dict[bytes, Callable[[], MemberDecoder]]] = {
    b"\x1f\x8b\x08": gzip_codec().new_decoder,
    b"BZh": bz2.BZ2Decompressor,
    b"\xfd7zXZ\0": lzma.LZMADecompressor,
}


class FileHead(NamedTuple):
    """The beginning of a file."""

    path: Path
    stored: bytes
    """The first 8 bytes as stored."""
    content: bytes
    """What the first 64 KiB decode to, at most 16 MiB; empty if they are damaged."""


def read_head(path: Path) -> FileHead:
    """The beginning of a file; OSError if it cannot be opened."""
    with path.open("rb") as file:
        stored = file.read(8)
        return FileHead(path, stored, decoded_head(file, _HEAD_BYTES))


def decoded_head(file: BinaryIO, n_bytes: int) -> bytes:
    """What the first `n_bytes` of a file decode to, at most 16 MiB: the bytes themselves if uncompressed, b"" if damaged."""
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


def _chained(stored: bytes, new_decoder: Callable[[], MemberDecoder]) -> bytes:
    """The content of one member after the other, up to the first damaged one."""
    pieces: list[bytes] = []
    while stored and sum(map(len, pieces)) < _MAX_DECODED_BYTES:
        decoder = new_decoder()
        try:
            pieces.append(decoder.decompress(stored, _MAX_DECODED_BYTES))
        except (zlib.error, lzma.LZMAError, OSError, EOFError):
            break
        stored = decoder.unused_data if decoder.eof else b""
    return b"".join(pieces)


def is_archive(head: FileHead) -> bool:
    """Whether this is a tar or zip archive: its members may be lines of JSON, its own headers are not."""
    return head.content[257:262] == b"ustar" or head.content.startswith(b"PK\x03\x04")


def is_compressed(path: PurePath) -> bool:
    """Whether the file name ends with a compression suffix."""
    return path.suffix.lower() in COMPRESSION_SUFFIXES


def without_compression(name: str) -> str:
    """The name without its compression suffix: "a.jsonl.gz" -> "a.jsonl"."""
    path = PurePath(name)
    return name[: -len(path.suffix)] if is_compressed(path) else name


def estimate_records(path: Path, count: Callable[[bytes], int]) -> float:
    """About how many records a file has, if `count` counts those in decoded bytes."""
    size = path.stat().st_size
    with path.open("rb") as file:
        head = decoded_head(file, ESTIMATE_BYTES)
    return count(head) * size / max(1, min(size, ESTIMATE_BYTES))


def estimate_lines(path: Path) -> float:
    """About how many lines a file has."""
    return estimate_records(path, lambda head: head.count(b"\n"))


def one_record(path: Path) -> float:
    """The estimate for formats where each file is one record."""
    return 1.0
