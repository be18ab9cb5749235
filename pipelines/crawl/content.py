"""Bodies as they came over the wire -> plain bytes, never more of them than asked for."""

from __future__ import annotations

import zlib

_WINDOW_BITS = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


class UndecodableError(Exception):
    """A body that is not what its Content-Encoding says, or in an encoding that nobody asked for."""


class TooLargeError(Exception):
    """A body that unpacks to more bytes than allowed."""


def decoded(body: bytes, encodings: str, max_bytes: int) -> bytes:
    """The body without its Content-Encoding, such as "gzip" or "deflate, gzip" (applied left to right)."""
    for encoding in reversed([name.strip().lower() for name in encodings.split(",")]):
        if encoding in ("", "identity"):
            continue
        if encoding not in _WINDOW_BITS:
            raise UndecodableError(f"Content-Encoding {encoding!r}")
        body = _inflated(body, encoding, max_bytes)
    return body


def _inflated(body: bytes, encoding: str, max_bytes: int) -> bytes:
    if not body:
        return b""
    bits = _WINDOW_BITS[encoding]
    if encoding == "deflate" and not (body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0):
        bits = -zlib.MAX_WBITS  # many servers send raw deflate data without the zlib header
    unpacked = bytearray()
    try:
        while body:
            stream = zlib.decompressobj(bits)
            unpacked += stream.decompress(body, max_bytes + 1 - len(unpacked))
            if len(unpacked) > max_bytes:
                raise TooLargeError
            if not stream.eof:
                raise UndecodableError(f"{encoding} data that ends early")
            body = stream.unused_data.lstrip(b"\0")  # a further gzip member, or padding
            if encoding == "deflate":
                break
    except zlib.error as error:
        if not unpacked:
            raise UndecodableError(f"not {encoding} data") from error  # else: garbage after a whole member, as browsers accept
    return bytes(unpacked)
