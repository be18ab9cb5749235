"""Bytes -> text: finds the charset, and never fails to decode.

Valid UTF-8 is UTF-8 whatever the server says, since text in other charsets does not look like it by accident. Otherwise a byte order mark
decides; then the charsets that HTTP and the page state are tried, then those of detectors. Labels have the meaning that browsers give them
(latin1 is cp1252, gb2312 is GB18030).
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple

from charset_normalizer import from_bytes
from resiliparse.parse.encoding import detect_encoding, map_encoding_to_html5

REPLACEMENT: Final = "\ufffd"
_MAX_BAD_RATIO: Final = 0.5  # above this, a stated charset is given up for others
# The same for UTF-8 against single-byte charsets, in which any bytes are text and hardly any text is valid UTF-8 by accident.
_MAX_BAD_UTF8_RATIO: Final = 0.9
_MULTIBYTE: Final = frozenset({"cp932", "cp949", "gb18030", "big5hkscs", "euc_jp", "iso2022_jp"})
_NO_CHARSETS: Final = frozenset({"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "utf_7"})
_DETECT_BYTES: Final = 1 << 16
_MIN_EVIDENCE_BYTES: Final = 64  # of non-ASCII bytes; with fewer the slow detector could only guess
_ASCII: Final = bytes(range(128))
_META_BYTES: Final = 1 << 12
_META_CHARSET: Final = re.compile(rb"<meta[^>]{0,512}?charset\s*=\s*[\"']?\s*([A-Za-z0-9_:.\-]{1,40})", re.IGNORECASE)
_XML_ENCODING: Final = re.compile(rb"<\?xml[^>]{0,256}?encoding\s*=\s*[\"']([A-Za-z0-9_:.\-]{1,40})", re.IGNORECASE)
_BOMS: Final = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16"))
# Supersets that browsers use for a label, as Python's codecs.
_WIDER: Final = {
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "gbk": "gb18030",
    "gb2312": "gb18030",
    "big5": "big5hkscs",
    "iso8859-11": "cp874",
    "iso8859-9": "cp1254",
}


class DecodedText(NamedTuple):
    """Text, its codec, and the share of its non-ASCII characters that could not be decoded, in [0, 1]."""

    text: str
    charset: str
    bad_ratio: float


def decode_text(data: bytes, stated: str | None = None, *, is_html: bool = False) -> DecodedText:
    """The text of `data`; `stated` is a charset label from elsewhere, such as an HTTP header."""
    # Escape sequences and NULs are valid UTF-8, but suggest ISO-2022 and UTF-16.
    if b"\x1b" not in data and b"\0" not in data[:_META_BYTES] and (text := _as_utf8(data)) is not None:
        return DecodedText(text, "utf-8", 0.0)
    for mark, codec in _BOMS:
        if data.startswith(mark):
            return _decode_as(data, codec)
    tried = []
    for codec in _stated(data, stated, is_html):
        decoded = _decode_as(data, codec)
        if decoded.bad_ratio <= _MAX_BAD_RATIO:
            return decoded
        tried.append(decoded)
    perhaps = next((decoded for decoded in tried if decoded.charset == "utf-8" and decoded.bad_ratio <= _MAX_BAD_UTF8_RATIO), None)
    for codec in _detected(data):
        if perhaps and codec not in _MULTIBYTE:
            continue
        decoded = _decode_as(data, codec)
        if not decoded.bad_ratio:
            return decoded
        tried.append(decoded)
    return perhaps or min(tried, key=lambda decoded: decoded.bad_ratio)


def _as_utf8(data: bytes) -> str | None:
    """The text if `data` is UTF-8, except perhaps for a last character that is cut off."""
    data = data.removeprefix(codecs.BOM_UTF8)
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        if error.reason != "unexpected end of data" or error.start == 0:
            return None
        return data[: error.start].decode()


def _stated(data: bytes, stated: str | None, is_html: bool) -> Iterator[str]:
    """The codecs of the label `stated` and of those in the page itself."""
    labels = [stated] if stated else []
    if is_html:
        labels += [
            found[1].decode("ascii") for pattern in (_META_CHARSET, _XML_ENCODING) if (found := pattern.search(data, 0, _META_BYTES))
        ]
    for label in labels:
        if codec := codec_for(label):
            yield codec


def _detected(data: bytes) -> Iterator[str]:
    """Guesses of the fast detector, then of the slow one, then the most common codecs of the web."""
    sample = data[:_DETECT_BYTES]
    if codec := codec_for(detect_encoding(sample) or ""):
        yield codec
    if len(sample.translate(None, _ASCII)) >= _MIN_EVIDENCE_BYTES and (match := from_bytes(sample).best()):
        codec = _WIDER.get(match.encoding, match.encoding)
        if codec in _WIDER.values() or map_encoding_to_html5(codec, False):  # not one that only the detector knows
            yield codec
    yield from ("utf-8", "cp1252")


@lru_cache(maxsize=512)
def codec_for(label: str) -> str | None:
    """Python's codec for a charset label as a browser understands it; None for an unknown label."""
    name = map_encoding_to_html5(label.strip().lower(), False) or label.strip().lower()
    name = _WIDER.get(name, name)
    try:
        codec = codecs.lookup(name)
    except (LookupError, ValueError):
        return None
    is_charset = codec._is_text_encoding and codec.name.replace("-", "_") not in _NO_CHARSETS  # "hex" is a codec, but not a text encoding
    return name if is_charset else None


def _decode_as(data: bytes, codec: str) -> DecodedText:
    text = data.decode(codec, "replace").removeprefix("\ufeff")
    n_bad = text.count(REPLACEMENT)
    n_beyond_ascii = len(text) - len(text.encode("ascii", "ignore")) if n_bad else 0
    return DecodedText(text, codec, n_bad / n_beyond_ascii if n_bad else 0.0)
