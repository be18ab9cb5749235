"""Who asked to be left out."""

from __future__ import annotations

from schemas.recipe.base import FilePath, config


@config
class OptOut:
    """Documents that match a list are dropped before anything of them is written; no later decision brings them back.

    Each list is a file with one entry a line; empty lines and those that begin with # say nothing.
    """

    urls: FilePath | None = None
    """Addresses of pages. Scheme, "www.", fragment, percent escapes that separate nothing and a slash at the end make no difference."""
    hosts: FilePath | None = None
    """Domains, each with everything below it; a public suffix (co.uk, github.io) covers itself alone, *.github.io what is below."""
    email_hashes: FilePath | None = None
    """sha256 in hex of e-mail addresses in lower case; a document that holds such an address is dropped."""
    phone_hashes: FilePath | None = None
    """sha256 in hex of telephone numbers in E.164, such as +16502530000."""
    index_values: bool = True
    """Keep the first 8 bytes of the sha256 of every e-mail address and telephone number found in DIR/index, so that a takedown can look for
    them. They let anyone who has the index test whether an address he knows was in a document."""
