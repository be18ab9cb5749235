"""How many pages each site may still fetch, so that which ones are fetched does not depend on which site is fast."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Pages:
    """The pages of one site."""

    n_fetched: int = 0
    n_begun: int = 0
    waiting: bool = False
    """Whether it has URLs that are not begun."""

    @property
    def open(self) -> bool:
        """Whether it may still want pages."""
        return self.waiting or self.n_begun > 0


class Budget:
    """All sites share `max_pages` evenly; what one does not need goes to the others, and an odd rest to those that were found first."""

    def __init__(self, max_pages: int) -> None:
        self.max_pages = max_pages
        self.sites: dict[str, Pages] = {}
        self.n_taken = 0
        """Pages fetched, and targets begun, in all."""
        self.n_open = 0
        self.n_left_by_closed = max_pages
        """Pages that the closed sites have not used."""

    def site(self, name: str) -> Pages:
        """The pages of a site, which may be new."""
        return self.sites.setdefault(name, Pages())

    def restore(self, name: str, n_fetched: int) -> None:
        """The site has pages from before the crawl was stopped."""
        self.site(name).n_fetched = n_fetched
        self.n_taken += n_fetched
        self.n_left_by_closed -= n_fetched

    def queue(self, name: str) -> None:
        """A URL of the site waits."""
        self._change(self.site(name), waiting=True)

    def used_up(self, name: str) -> None:
        """No URL of the site waits."""
        self._change(self.site(name), waiting=False)

    def begin(self, name: str) -> None:
        """A target of the site is begun."""
        self.n_taken += 1
        self._change(self.site(name), begun=1)

    def end(self, name: str, *, fetched: bool) -> None:
        """A target of the site is settled, as a page or not."""
        self.n_taken -= not fetched
        self._change(self.site(name), begun=-1, fetched=int(fetched))

    def room(self, name: str) -> int:
        """How many targets of an open site may be begun now."""
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
            n -= pages.open
            if n <= 0:
                break
        return False

    def _change(self, pages: Pages, *, waiting: bool | None = None, begun: int = 0, fetched: int = 0) -> None:
        was_open = pages.open
        if not was_open:
            self.n_left_by_closed += pages.n_fetched
        pages.waiting = pages.waiting if waiting is None else waiting
        pages.n_begun += begun
        pages.n_fetched += fetched
        if not pages.open:
            self.n_left_by_closed -= pages.n_fetched
        self.n_open += pages.open - was_open
