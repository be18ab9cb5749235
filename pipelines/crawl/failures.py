"""Why a URL is not fetched: the reasons that outcomes are counted by, and what the user can do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

GIVEN_UP: Final = "site_given_up"
NO_ANSWER: Final = ("network_error", "timeout", "too_slow")
"""Reasons that count towards giving up a site."""
REMEDIES: Final = {
    "network_error": "check the address, and that the server is running",
    "timeout": "check that the server is running, or raise crawl.timeout_s",
    "too_slow": "try again later",
    "private_address": "add the host to crawl.private_hosts if you mean to crawl it",
    "robots": "ask the site's owner, or crawl another site",
    "robots_unavailable": "try again later; a site is not crawled without its robots.txt",
    "crawl_delay": "raise crawl.max_crawl_delay_s if you can wait",
    "redirect_out_of_scope": "use the address that it redirects to as the seed",
    "excluded": "loosen crawl.exclude",
    "too_large": "raise crawl.max_page_bytes",
}
"""Reason -> remedy, for seeds that are not fetched."""


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a URL has no answer, or is never requested."""

    reason: str
    """The outcome under which it is counted."""
    detail: str
    """What was seen, for messages."""
