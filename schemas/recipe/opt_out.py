"""Lists of those who asked to be left out."""

from __future__ import annotations

from schemas.recipe.base import FilePath, config


@config
class OptOut:
    """Documents that match a list are dropped before anything of them is written; no later decision restores them.

    Each list is a file with one entry per line; empty lines and lines that begin with # are ignored.
    """

    urls: FilePath | None = None
    """List of URLs. The scheme, "www.", the fragment, needless percent escapes and a slash at the end make no difference."""
    hosts: FilePath | None = None
    """List of domains, each with everything below it. A public suffix (co.uk) covers only itself, *.github.io everything below."""
    email_hashes: FilePath | None = None
    """List of sha256 hashes in hex of e-mail addresses in lower case; documents that contain such an address are dropped."""
    phone_hashes: FilePath | None = None
    """List of sha256 hashes in hex of telephone numbers in E.164 form, such as +16502530000; documents that contain one are dropped."""
    index_values: bool = True
    """Keep in DIR/index the first 8 bytes of the sha256 of every e-mail address and telephone number found, so that a takedown can search
    for them. Anyone with the index can then test whether an address that they know was in a document."""
