"""URLs as the crawler compares them: one spelling per resource, and the scope in which links are followed."""

from __future__ import annotations

import ipaddress
import re
from typing import Final, Literal
from urllib.parse import urljoin

import tldextract
from yarl import URL

from schemas.errors import RecipeError

WEB_SCHEMES: Final = ("http", "https")
MAX_URL_CHARS: Final = 8192
"""Most servers refuse longer ones, and crawler traps produce them."""

_NEWLINES_AND_TABS: Final = str.maketrans("", "", "\t\n\r")
_SPACE_AND_CONTROLS: Final = "".join(map(chr, range(0x21)))
_NUMBER: Final = re.compile(r"[0-9]+|0x[0-9a-f]*")
_LABEL: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")

# The list inside of the package: no download, no cache. With private suffixes, a.github.io and b.github.io are two sites.
_extract_suffix: Final = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True)


def canonical(url: str) -> str | None:
    """The canonical spelling of an http(s) URL, in ASCII and without a fragment; None if it cannot be requested.

    Example: "HTTP://Example.com:80/a/../%7Eb?q=ü#top" -> "http://example.com/~b?q=%C3%BC"
    """
    url = _trimmed(url)
    if len(url) > MAX_URL_CHARS:
        return None
    try:
        # Decoding an escaped dot can reveal a dot segment, which the second parse removes.
        parsed = URL(str(URL(url).with_fragment(None)))
        if parsed.scheme not in WEB_SCHEMES or not parsed.raw_host or parsed.user or parsed.password or not parsed.port:
            return None
        text = str(parsed.origin()) + parsed.raw_path_qs
        fine = _is_host(parsed.raw_host) and text.isascii() and len(text) <= MAX_URL_CHARS
    except ValueError:  # includes errors of Unicode, IDNA and IP addresses
        return None
    return text if fine else None


def join(base: str, reference: str) -> str:
    """The absolute URL of a reference on the page `base`; the reference itself if it cannot be resolved."""
    reference = _trimmed(reference)
    try:
        return urljoin(base, reference)
    except ValueError:
        return reference


def is_web(url: str) -> bool:
    """Whether the URL's scheme is http or https."""
    return _trimmed(url).partition(":")[0].lower() in WEB_SCHEMES


def host_of(url: str) -> str:
    """The host of a canonical URL; IPv6 addresses come without brackets."""
    return URL(url, encoded=True).raw_host or ""


def origin_of(url: str) -> str:
    """Scheme, host and port of a canonical URL, the scope of one robots.txt."""
    return str(URL(url, encoded=True).origin())


def site_of(url: str) -> str:
    """Host and port of a canonical URL without a default port, the scope of pauses. http and https are one site."""
    return _without_scheme(origin_of(url))


def registered_domain(host: str) -> str:
    """The domain registered under a public suffix; the host itself if it is an IP address or a bare name.

    Example: "www.news.example.co.uk" -> "example.co.uk"
    """
    found = _extract_suffix(host)
    return f"{found.domain}.{found.suffix}" if found.domain and found.suffix else host


class Scope:
    """Which URLs belong to the sites of the seeds. http and https on their default ports are one site."""

    def __init__(self, kind: Literal["host", "domain", "prefix"], seeds: list[str]) -> None:
        self.kind = kind
        self.prefixes = tuple(_without_scheme(seed) for seed in seeds)
        self.sites = {self._site(seed) for seed in seeds}

    def __contains__(self, url: str) -> bool:
        if self.kind == "prefix":
            return _without_scheme(url).startswith(self.prefixes)
        return self._site(url) in self.sites

    def _site(self, url: str) -> str:
        return registered_domain(host_of(url)) if self.kind == "domain" else site_of(url)


def check_seeds(seeds: tuple[str, ...]) -> list[str]:
    """The seeds in canonical form; RecipeError names the first that is not an http(s) URL."""
    found = []
    for seed in seeds:
        url = canonical(seed)
        if url is None:
            raise RecipeError("CM-CRAWL-010", f"crawl.seeds: {seed!r} is not a valid http(s) URL; expected e.g. https://example.org/path")
        found.append(url)
    return found


def _trimmed(url: str) -> str:
    """The URL without white space around it and line breaks inside of it, as in browsers."""
    return url.strip(_SPACE_AND_CONTROLS).translate(_NEWLINES_AND_TABS)


def _without_scheme(url: str) -> str:
    return url.partition("://")[2]


def _is_host(host: str) -> bool:
    if ":" in host:  # an IPv6 address; a zone would name an interface of this machine
        return "%" not in host
    labels = host.removesuffix(".").split(".")
    if _NUMBER.fullmatch(labels[-1]):  # as in browsers, only an IP address ends with a number; 127.1 and 0x7f.1 are refused
        return str(ipaddress.IPv4Address(host)) == host
    return len(host) <= 253 and all(_LABEL.fullmatch(label) for label in labels)
