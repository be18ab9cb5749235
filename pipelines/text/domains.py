"""Lists of domains, and which hosts they cover.

An entry covers itself and all domains below it. A public suffix, under which others register (co.uk, github.io), covers itself alone,
because the sites below it have different owners; *.github.io covers them. The suffixes are those of the list in tldextract.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass

import idna
import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa
import tldextract

from pipelines.text.lists import read_lines
from schemas.errors import RecipeError
from schemas.files import cached_by_file

# A scheme only before `//`, because example.com:80 has none; anything before the last @ is not the host.
_HOST = r"^(?:(?:[A-Za-z][A-Za-z0-9+.-]*:)?[/\\]{2,})?(?:[^/?#\\]*@)?([^/?#:\\]*)"

_LAST_DOT = r"[.。．｡]$"

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True)
class DomainList:
    """A list of domains as hashes, because lists have millions."""

    below: Hashes
    """Of domains that cover all below them, ascending."""
    alone: Hashes
    """Of public suffixes, which cover themselves alone, ascending."""
    depths: tuple[int, ...]
    """The numbers of labels in `below`: 2 for example.com."""


@cached_by_file
def read_domains(path: str, key: str = "filters.url.block_domains") -> DomainList:
    """The domains in the file, one a line, in Unicode or punycode; empty lines and those that begin with # are ignored.

    RecipeError names a line that is not a domain; `key` is the setting that named the file.
    """
    names = read_lines(path, key, "domains")
    for number, name in names:
        if not is_domain(name):
            raise RecipeError(
                "CM-TEXT-001", f"{key}: {path}, line {number} is not a domain; write one domain per line, such as example.com"
            )
    return domains_of([name for _, name in names])


def is_domain(name: str) -> bool:
    """Whether it can be an entry of a list: no address and no port."""
    return bool(name) and not re.search(r"[\s/:@]", name)


def domains_of(names: Sequence[str]) -> DomainList:
    """The list of these domains."""
    listed = pl.Series("domain", names, dtype=pl.String)
    starred = listed.str.starts_with("*.") | listed.str.starts_with(".")
    domains = normal(listed.str.strip_prefix("*").str.strip_prefix("."))
    alone = is_public_suffix(domains) & ~starred
    below = domains.filter(~alone).unique()
    depths = sorted((below.str.count_matches(".", literal=True) + 1).unique())
    return DomainList(np.sort(below.hash().to_numpy()), np.sort(domains.filter(alone).unique().hash().to_numpy()), tuple(depths))


def covered(hosts: pl.Series, domains: DomainList) -> npt.NDArray[np.int64]:
    """int64 per host: how many labels the longest entry that covers it has; 0 for none, and for null."""
    n_labels = (hosts.str.count_matches(".", literal=True) + 1).fill_null(0).to_numpy()
    found = np.where(_is_in(hosts, domains.alone), n_labels, 0).astype(np.int64)
    for depth in domains.depths:
        tail = hosts.str.extract(rf"(?:^|\.)([^.]+(?:\.[^.]+){{{depth - 1}}})$")
        found[_is_in(tail, domains.below) & (found < depth)] = depth
    return found


def hosts_of(url: pa.Array) -> pl.Series:
    """The host in each URL of a large_string column, lower case, in punycode, without port, user and last dot; null of null."""
    text = pl.Series("url", pl.from_arrow(url), dtype=pl.String)
    return normal(text.str.strip_chars().str.extract(_HOST))


def is_public_suffix(hosts: pl.Series) -> pl.Series:
    """bool per host in punycode: whether it is a public suffix, by the rules of publicsuffix.org; a single label always is."""
    plain, parents, exceptions = _suffixes()
    parent = hosts.str.extract(r"^[^.]+\.(.+)$")
    single = ~hosts.str.contains(".", literal=True)
    return ((single | hosts.is_in(plain) | parent.is_in(parents)) & ~hosts.is_in(exceptions)).fill_null(False)


@functools.cache
def _suffixes() -> tuple[list[str], list[str], list[str]]:
    """(suffixes, domains below which every name is a suffix, exceptions from these), in punycode."""
    listed = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None, include_psl_private_domains=True).tlds
    plain = [name for name in listed if name[0] not in "*!"]
    of = (plain, [name[2:] for name in listed if name.startswith("*.")], [name[1:] for name in listed if name.startswith("!")])
    found = [normal(pl.Series(names, dtype=pl.String)).to_list() for names in of]
    return found[0], found[1], found[2]


def normal(host: pl.Series) -> pl.Series:
    """Lower case, without a dot at the end, names in punycode."""
    host = host.str.to_lowercase().str.replace(_LAST_DOT, "")
    unicode = host.filter(host.str.contains(r"[^\x00-\x7F]")).unique()
    return host.replace(unicode, pl.Series([_punycode(name) for name in unicode], dtype=pl.String)) if len(unicode) else host


def ascii_host(name: str) -> str:
    """One host in the form of `normal`."""
    name = re.sub(_LAST_DOT, "", name.lower())
    return name if name.isascii() else _punycode(name)


def _punycode(name: str) -> str:
    """As in browsers (UTS #46); names that this does not allow, such as emoji, by the older IDNA."""
    try:
        return idna.encode(name, uts46=True).decode("ascii")
    except idna.IDNAError:
        pass
    try:
        return name.encode("idna").decode("ascii").lower()
    except UnicodeError:  # not a name that can be registered: it equals only itself
        return name


def _is_in(names: pl.Series, hashes: Hashes) -> npt.NDArray[np.bool_]:
    own = names.hash().to_numpy()
    if not len(hashes):
        return np.zeros(len(own), bool)
    at = np.minimum(np.searchsorted(hashes, own), len(hashes) - 1)
    return (hashes[at] == own) & names.is_not_null().to_numpy()
