"""Addresses of pages, and when two of them are the same.

Spellings of the same resource by RFC 3986 and the WHATWG URL standard have one form: escapes of characters that separate nothing are
decoded, others are in capitals, characters that must be escaped are, dot segments are resolved, names are in punycode, the default port is
left out. Scheme, user, "www.", fragment, slashes at the end and an empty query make no difference either; the order of a query does.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from typing import Final

import polars as pl
import pyarrow as pa

from pipelines.text.domains import ascii_host

_CHARS: Final = r"A-Za-z0-9._~!$&'()*,;=:@\-"
_SIMPLE: Final = rf"^(?:[A-Za-z][A-Za-z0-9+.-]*://)?[A-Za-z0-9._-]*[A-Za-z0-9_-](?::[1-9][0-9]*)?(?:/[{_CHARS}+/]*(?:\?[{_CHARS}/?]+)?)?$"
"""URLs without fragment whose only other spellings differ in the host and the slashes at the end; nearly all have this form."""

_AUTHORITY: Final = re.compile(r"(?:(?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2,})?([^/?\\]*)([^?]*)\??(.*)", re.DOTALL)
_PORT: Final = re.compile(r":([0-9]*)\Z")
_SPACE_AND_CONTROLS: Final = "".join(map(chr, range(0x21)))
_NEWLINES_AND_TABS: Final = str.maketrans("", "", "\t\n\r")
_LONE_PERCENT: Final = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPE: Final = re.compile(rb"%([0-9A-Fa-f]{2})")
_TO_ESCAPE: Final = re.compile(rb"[^A-Za-z0-9._~!$&'()*+,;=:@/?%-]")
_SEPARATES_IN_PATH: Final = frozenset(b"/?#%&=+;\\")
_SEPARATES_IN_QUERY: Final = frozenset(b"#%&=+;")


def canonical_urls(url: pl.Series) -> pl.Series:
    """The one form of each URL (str; null of null): host, path and query, as described above."""
    text = url.str.strip_chars().str.replace(r"#.*$", "")
    plain = pl.DataFrame({"url": text}).select(plain_url(pl.col("url"))).to_series()
    simple = text.str.contains(_SIMPLE) & ~text.str.contains(r"/\.|\?/*$")
    if simple.all():
        return plain
    rest = url.filter(~simple).unique()
    spelled = url.replace_strict(rest, pl.Series([canonical_url(one) for one in rest], dtype=pl.String), default=None)
    return pl.select(pl.when(simple).then(plain).otherwise(spelled)).to_series()


def plain_url(url: pl.Expr) -> pl.Expr:
    """A URL without scheme, user, "www.", usual port, fragment and slashes at the end, the host in lower case; the rest unchanged.

    The indexes of earlier versions have all URLs in this form.
    """
    parts = url.str.strip_chars().str.extract_groups(r"^(?:[A-Za-z][A-Za-z0-9+.-]*://)?(?:[^/?#@]*@)?(?:[Ww]{3}\.)?([^/?#]*)([^#]*)")
    host = parts.struct.field("1").str.to_lowercase().str.replace(r":(?:80|443)?$", "")
    return pl.concat_str(host, parts.struct.field("2").str.replace(r"/+$", ""))


def canonical_url(url: str) -> str:
    """The one form of any URL.

    Example: "https://www.Bücher.example:443/a/../%7Ejos%c3%a9 (1)/?q=a+b#top" -> "xn--bcher-kva.example/~jos%C3%A9%20(1)/?q=a%20b"
    """
    text = url.strip(_SPACE_AND_CONTROLS).translate(_NEWLINES_AND_TABS).partition("#")[0]
    found = _AUTHORITY.fullmatch(text)
    assert found is not None  # noqa: S101 - it matches everything
    authority, path, query = found.groups()
    path = _without_dots(_escaped(path.replace("\\", "/"), _SEPARATES_IN_PATH))
    query = _escaped(query.replace("+", " "), _SEPARATES_IN_QUERY).rstrip("/")
    return _host_and_port(authority) + (f"{path or '/'}?{query}" if query else path.rstrip("/"))


def _host_and_port(authority: str) -> str:
    host = authority.rpartition("@")[2]
    port = _PORT.search(host)
    number = port[1].lstrip("0") if port else ""
    name = _unescaped(host[: port.start()] if port else host, frozenset()).decode("utf-8", "replace")
    name = ascii_host(name).removeprefix("www.")
    return name if number in ("", "80", "443") else f"{name}:{number}"


def _escaped(text: str, separators: frozenset[int]) -> str:
    """Decode escapes of characters that separate nothing, if the character is allowed; other escapes stay, in capitals."""
    plain = _unescaped(text, separators).decode("utf-8", "surrogateescape")
    composed = unicodedata.normalize("NFC", plain).encode("utf-8", "surrogateescape")
    return _TO_ESCAPE.sub(lambda found: b"%%%02X" % found[0][0], composed).decode("ascii")


def _unescaped(text: str, separators: frozenset[int]) -> bytes:
    def char(escape: re.Match[bytes]) -> bytes:
        value = int(escape[1], 16)
        return escape[0].upper() if value in separators else bytes([value])

    return _ESCAPE.sub(char, _LONE_PERCENT.sub(b"%25", text.encode("utf-8", "replace")))


def _without_dots(path: str) -> str:
    if "/." not in path:
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for number, segment in enumerate(segments, 1):
        if segment == "..":
            del kept[-1:]
        elif segment != ".":
            kept.append(segment)
        if segment in (".", "..") and number == len(segments):
            kept.append("")
    return "".join(f"/{segment}" for segment in kept)


def page_urls(url: pl.Series) -> pl.Series:
    """The one form of each URL, with its fragment if that names a page of its own: `#!` or `#/` and a path."""
    route = url.str.strip_chars().str.extract(r"^[^#]*(#[!/].*)$", 1).str.replace(r"/+$", "")
    routes = pl.select(pl.when(route.is_in(["#", "#!"])).then(pl.lit("")).otherwise(route.fill_null(""))).to_series()
    return canonical_urls(url) + routes


def url_digests(url: pa.Array, n_bytes: int) -> list[bytes | None]:
    """The first bytes of the sha256 of each URL's one form; None of null."""
    canonical = canonical_urls(pl.Series("url", pl.from_arrow(url), dtype=pl.String))
    return [None if one is None else url_digest(one, n_bytes) for one in canonical]


def url_digest(canonical: str, n_bytes: int) -> bytes:
    """The first bytes of the sha256 of a URL's form."""
    return hashlib.sha256(canonical.encode()).digest()[:n_bytes]
