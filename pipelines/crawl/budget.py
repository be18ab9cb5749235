"""How many pages each site may still fetch, independent of which site is fast."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class SitePages:
    """The pages of one site."""

    n_fetched: int = 0
    n_begun: int = 0
    has_waiting: bool = False
    """Whether it has URLs that are not begun."""

    @property
    def is_open(self) -> bool:
        """Whether it may still need pages."""
        return self.has_waiting or self.n_begun > 0


class Budget:
    """Shares `max_pages` evenly among sites. What a site does not need goes to the others, and the remainder to the sites found first."""

    def __init__(self, max_pages: int) -> None:
        self.max_pages = max_pages
        self.sites: dict[str, SitePages] = {}
        self.n_taken = 0
        """Pages fetched plus targets begun, over all sites."""
        self.n_open = 0
        """Open sites."""
        self.n_left_by_closed = max_pages
        """Pages that closed sites leave to the open ones."""

    def site(self, name: str) -> SitePages:
        """The pages of a site, which is added if it is new."""
        return self.sites.setdefault(name, SitePages())

    def restore(self, name: str, n_fetched: int) -> None:
        """Count the pages of a site from before the crawl stopped."""
        self.site(name).n_fetched = n_fetched
        self.n_taken += n_fetched
        self.n_left_by_closed -= n_fetched

    def queue(self, name: str) -> None:
        """Note that a URL of the site waits."""
        self._change(self.site(name), has_waiting=True)

    def exhaust(self, name: str) -> None:
        """Note that no URL of the site waits."""
        self._change(self.site(name), has_waiting=False)

    def begin(self, name: str) -> None:
        """Note that a target of the site is begun."""
        self.n_taken += 1
        self._change(self.site(name), begun=1)

    def end(self, name: str, *, fetched: bool) -> None:
        """Note that a target of the site is settled, as a fetched page or not."""
        self.n_taken -= not fetched
        self._change(self.site(name), begun=-1, fetched=int(fetched))

    def room(self, name: str) -> int:
        """How many targets of an open site may begin now."""
        if not self.n_open:
            return 0
        share, rest = divmod(self.n_left_by_closed, self.n_open)
        pages = self.site(name)
        room = share - pages.n_fetched - pages.n_begun
        if room <= 0 and rest:
            room += self._is_among_first(name, rest)
        return min(room, self.max_pages - self.n_taken)

    def _is_among_first(self, name: str, n: int) -> bool:
        for other, pages in self.sites.items():
            if other == name:
                return True
            n -= pages.is_open
            if n <= 0:
                break
        return False

    def _change(self, pages: SitePages, *, has_waiting: bool | None = None, begun: int = 0, fetched: int = 0) -> None:
        was_open = pages.is_open
        if not was_open:
            self.n_left_by_closed += pages.n_fetched
        pages.has_waiting = pages.has_waiting if has_waiting is None else has_waiting
        pages.n_begun += begun
        pages.n_fetched += fetched
        if not pages.is_open:
            self.n_left_by_closed -= pages.n_fetched
        self.n_open += pages.is_open - was_open
