"""Rules on where a document comes from: blocked domains with all below them, and blocked words in the URL."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from schemas.errors import RecipeError
from schemas.recipe import Url

_HOST = r"^(?:[A-Za-z][A-Za-z0-9+.-]*:)?(?://)?(?:[^/?#@]*@)?([^/?#:]*)"


@dataclass(frozen=True, slots=True)
class UrlRules:
    """The rules of a recipe, ready to be matched."""

    domains: Domains | None
    words: str | None
    """A regular expression."""

    @staticmethod
    def of(config: Url) -> UrlRules:
        """Read the list of domains; RecipeError says what is wrong with it."""
        return UrlRules(read_domains(config.block_domains) if config.block_domains is not None else None, _any_word(config.block_words))


@dataclass(frozen=True, slots=True)
class Domains:
    """A list of domains as hashes, since lists have millions."""

    hashes: npt.NDArray[np.uint64]
    """Ascending."""
    depths: tuple[int, ...]
    """How many labels its domains have: 2 for example.com."""


def in_blocked_domain(url: pa.Array, domains: Domains) -> npt.NDArray[np.bool_]:
    """bool per row of a large_string column: whether its host or a domain above it is in the list; null is not."""
    hosts = _hosts(pl.Series("url", pl.from_arrow(url), dtype=pl.String))
    found = np.zeros(len(url), bool)
    for depth in domains.depths:
        tail = hosts.str.extract(rf"(?:^|\.)([^.]+(?:\.[^.]+){{{depth - 1}}})$")
        found |= _is_in(tail, domains.hashes)
    return found


def has_blocked_word(url: pa.Array, words: str) -> npt.NDArray[np.bool_]:
    """bool per row of a large_string column: whether one of the words stands in it between non-letters; null has none."""
    return pl.Series("url", pl.from_arrow(url), dtype=pl.String).str.contains(words).fill_null(False).to_numpy()


@functools.cache
def read_domains(path: str) -> Domains:
    """The domains in the file, one a line, in Unicode or punycode; empty lines and those that begin with # say nothing."""
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"filters.url.block_domains = {path!r}: cannot be read as a list of domains in UTF-8: {error}") from error
    names = [line.strip() for line in lines]
    listed = pl.Series("domain", [name for name in names if name and not name.startswith("#")], dtype=pl.String)
    for number, name in enumerate(names, 1):
        if not name.startswith("#") and re.search(r"[\s/:@]", name):
            raise RecipeError(f"filters.url.block_domains: {path}, line {number}: write one domain a line, such as example.com")
    domains = _normal(listed.str.strip_prefix("*").str.strip_prefix(".")).unique()
    depths = sorted((domains.str.count_matches(".", literal=True) + 1).unique())
    return Domains(np.sort(domains.hash().to_numpy()), tuple(depths))


def _hosts(url: pl.Series) -> pl.Series:
    return _normal(url.str.strip_chars().str.extract(_HOST))


def _normal(host: pl.Series) -> pl.Series:
    """Lower case, without a dot at the end, names in punycode."""
    host = host.str.to_lowercase().str.strip_suffix(".")
    unicode = host.filter(host.str.contains(r"[^\x00-\x7F]")).unique()
    return host.replace(unicode, pl.Series([_punycode(name) for name in unicode], dtype=pl.String)) if len(unicode) else host


def _punycode(name: str) -> str:
    try:
        return name.encode("idna").decode("ascii")
    except UnicodeError:  # no name that can be registered: it equals only itself
        return name


def _is_in(names: pl.Series, hashes: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
    own = names.hash().to_numpy()
    at = np.minimum(np.searchsorted(hashes, own), len(hashes) - 1)
    return (hashes[at] == own) & names.is_not_null().to_numpy()


def _any_word(words: tuple[str, ...]) -> str | None:
    if not words:
        return None
    if not all(word.strip() for word in words):
        raise RecipeError(f"filters.url.block_words = {list(words)!r}: an empty word stands in every URL; leave it out")
    return rf"(?i)(?:^|\P{{L}})(?:{'|'.join(map(re.escape, words))})(?:\P{{L}}|$)"
