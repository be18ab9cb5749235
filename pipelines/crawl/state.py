"""The state of a crawl on disk: every URL found, its outcome, and where its records are. It survives the process.

SQLite with a write-ahead log: committed changes survive a kill, and memory does not grow with the number of URLs. A URL is `waiting`,
`begun` or `settled`. A visit is stored as soon as its records are in the spool, so that it is never repeated.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from pipelines.crawl.failures import Failure
from pipelines.crawl.state_types import (
    CrawlIdentity,
    FailedSeed,
    KnownUrl,
    OutLinks,
    SiteSummary,
    SpoolSpan,
    StoredRobots,
    Target,
    UrlStatus,
    Visit,
    VisitRecords,
)
from schemas.errors import OutputError

VERSION: Final = 1
FILE: Final = "state.sqlite"

_TABLES: Final = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE urls (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,     -- of the canonical spelling
    url TEXT,                     -- null if it is never visited
    site TEXT,
    depth INTEGER NOT NULL,       -- links from a seed
    turn INTEGER NOT NULL,        -- order of discovery; the target of a redirect has the number of the redirecting page
    hops INTEGER NOT NULL,        -- consecutive redirects that led to it
    progress INTEGER NOT NULL,    -- UrlStatus
    outcome TEXT                  -- null until it is settled
);
CREATE INDEX queue ON urls (site, depth, turn, hops) WHERE progress = 0;
CREATE TABLE visits (
    url INTEGER PRIMARY KEY,
    origin TEXT NOT NULL,
    found TEXT,                   -- the Visit as JSON until it is settled,
    links BLOB,                   -- then the ids of URLs that it links or redirects to, int64
    redirects INTEGER NOT NULL,
    file INTEGER, start INTEGER, stop INTEGER
);
CREATE TABLE robots (
    origin TEXT PRIMARY KEY,
    fetched_at REAL NOT NULL,     -- seconds since 1970
    rules BLOB NOT NULL,
    reason TEXT, detail TEXT      -- why nothing there may be fetched
);
CREATE TABLE robots_records (origin TEXT NOT NULL, file INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL);
CREATE TABLE causes (url TEXT PRIMARY KEY, reason TEXT NOT NULL, detail TEXT NOT NULL);
"""


class CrawlState:
    """The state of one crawl. Only one process can open it at a time."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.db = sqlite3.connect(path, timeout=1.0)
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            self.db.close()
            if "locked" in str(error):
                raise OutputError(
                    "CM-CRAWL-008", f"{path.parent.parent}: another process is crawling into this folder; wait for it, or stop it"
                ) from error
            raise OutputError(
                "CM-CRAWL-009", f"{path}: the state of the crawl is damaged ({error}); use another folder, or delete {path.parent}"
            ) from error
        ((self.next_discovery,),) = self.db.execute("SELECT coalesce(max(turn), 0) + 1 FROM urls")

    def _open(self) -> None:
        self.db.execute("PRAGMA locking_mode = EXCLUSIVE")
        self.db.execute("PRAGMA journal_mode = WAL")
        self.db.execute("PRAGMA synchronous = NORMAL")
        ((version,),) = self.db.execute("PRAGMA user_version")
        with self.db:
            self.db.execute("BEGIN EXCLUSIVE")
            if version == 0:
                for statement in _TABLES.split(";\n"):
                    self.db.execute(statement)
                self.db.execute(f"PRAGMA user_version = {VERSION}")
            elif version != VERSION:
                raise sqlite3.DatabaseError(f"its version is {version}, not {VERSION}")
            self.db.execute("UPDATE urls SET progress = ? WHERE progress = ?", (UrlStatus.WAITING, UrlStatus.BEGUN))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.db.close()

    def commit(self) -> None:
        """Make all changes so far survive the process."""
        self.db.commit()

    # --- The crawl as a whole ----------------------------------------------------------------------------------------

    def identity(self) -> CrawlIdentity | None:
        """Which crawl this is; None if it has not begun."""
        facts: dict[str, str] = dict(self.db.execute("SELECT name, value FROM facts"))
        return CrawlIdentity(facts["crawl_id"], json.loads(facts["settings"])) if {"crawl_id", "settings"} <= facts.keys() else None

    def set_identity(self, identity: CrawlIdentity) -> None:
        """Store which crawl this is."""
        facts = {"settings": json.dumps(identity.settings), "crawl_id": identity.crawl_id}
        self.db.executemany("INSERT OR REPLACE INTO facts VALUES (?, ?)", facts.items())

    def add_failed_seed(self, url: str, failure: Failure) -> None:
        """Store why a seed, or the target of its redirect, was not fetched."""
        shown = failure.detail.encode("utf-8", "replace").decode()
        self.db.execute("INSERT OR REPLACE INTO causes VALUES (?, ?, ?)", (url, failure.reason, shown))

    def failed_seeds(self) -> list[FailedSeed]:
        """The seeds that were not fetched, in order."""
        rows = self.db.execute("SELECT url, reason, detail FROM causes ORDER BY rowid")
        return [FailedSeed(url, Failure(reason, detail)) for url, reason, detail in rows]

    # --- URLs --------------------------------------------------------------------------------------------------------

    def known(self, key: bytes) -> KnownUrl | None:
        """The URL with this key; None if it was not found before."""
        row = self.db.execute("SELECT id, depth, hops, outcome FROM urls WHERE key = ?", (key,)).fetchone()
        return KnownUrl(id=row[0], depth=row[1], hops=row[2], outcome=row[3]) if row else None

    def add(
        self, key: bytes, url: str | None, site: str | None, *, depth: int, hops: int, discovery: int | None, outcome: str | None
    ) -> int:
        """Add a new URL and return its id. With an outcome it is settled and never visited; without `discovery` it comes last."""
        status = UrlStatus.WAITING if outcome is None else UrlStatus.SETTLED
        if discovery is None:
            discovery = self._new_discovery()
        row = (key, url, site, depth, discovery, hops, status, outcome)
        cursor = self.db.execute(
            "INSERT INTO urls (key, url, site, depth, turn, hops, progress, outcome) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row
        )
        return int(cursor.lastrowid or 0)

    def _new_discovery(self) -> int:
        discovery, self.next_discovery = self.next_discovery, self.next_discovery + 1
        return discovery

    def shorten_path(self, known: KnownUrl, *, depth: int, hops: int, admit: bool) -> str | None:
        """Store a shorter path to a known URL. If that admits it, queue it and return its site."""
        self.db.execute("UPDATE urls SET depth = ?, hops = ? WHERE id = ?", (depth, hops, known.id))
        if not admit:
            return None
        row = (UrlStatus.WAITING, self._new_discovery(), known.id)
        self.db.execute("UPDATE urls SET progress = ?, outcome = NULL, turn = ? WHERE id = ?", row)
        ((site,),) = self.db.execute("SELECT site FROM urls WHERE id = ?", (known.id,))
        return str(site)

    def by_id(self, url: int) -> KnownUrl:
        """The URL with this id."""
        ((depth, hops, outcome),) = self.db.execute("SELECT depth, hops, outcome FROM urls WHERE id = ?", (url,))
        return KnownUrl(id=url, depth=depth, hops=hops, outcome=outcome)

    def begin_next(self, site: str) -> Target | None:
        """The next waiting URL of a site, which is begun from now on; None if none waits."""
        row = self.db.execute("SELECT id FROM urls WHERE site = ? AND progress = 0 ORDER BY depth, turn, hops LIMIT 1", (site,)).fetchone()
        return self.begin(row[0]) if row else None

    def begin(self, id_: int) -> Target:
        """The URL with this id, which is begun from now on."""
        ((url, site, depth, discovery, hops),) = self.db.execute("SELECT url, site, depth, turn, hops FROM urls WHERE id = ?", (id_,))
        self.db.execute("UPDATE urls SET progress = ? WHERE id = ?", (UrlStatus.BEGUN, id_))
        return Target(id=id_, url=url, site=site, depth=depth, discovery=discovery, hops=hops)

    def give_up(self, site: str, outcome: str) -> None:
        """Settle all waiting URLs of a site at once."""
        row = (UrlStatus.SETTLED, outcome, site, UrlStatus.WAITING)
        self.db.execute("UPDATE urls SET progress = ?, outcome = ? WHERE site = ? AND progress = ?", row)

    def sites(self, given_up: str) -> list[SiteSummary]:
        """All sites, in order of discovery; `given_up` is the outcome that marks a site as given up."""
        rows = self.db.execute(
            "SELECT site, sum(progress = 0), sum(coalesce(outcome = 'fetched', 0)), max(coalesce(outcome = ?, 0)) FROM urls"
            " WHERE site IS NOT NULL GROUP BY site ORDER BY min(id)",
            (given_up,),
        )
        return [SiteSummary(site, n_waiting, n_fetched, bool(gone)) for site, n_waiting, n_fetched, gone in rows]

    def outcomes(self) -> Counter[str]:
        """Outcome -> number of settled URLs."""
        return Counter(dict(self.db.execute("SELECT outcome, count(*) FROM urls WHERE outcome IS NOT NULL GROUP BY outcome")))

    def n_waiting(self) -> int:
        """Number of URLs that are neither begun nor settled."""
        ((n,),) = self.db.execute("SELECT count(*) FROM urls WHERE progress = 0")
        return int(n)

    # --- Visits ------------------------------------------------------------------------------------------------------

    def keep_visit(self, target: Target, visit: Visit, span: SpoolSpan | None) -> None:
        """Store a visit that is not settled yet, and where its records are."""
        row = (target.id, visit.origin, json.dumps(dataclasses.asdict(visit)), visit.redirect is not None, *(span or (None, None, None)))
        self.db.execute(
            "INSERT OR REPLACE INTO visits (url, origin, found, redirects, file, start, stop) VALUES (?, ?, ?, ?, ?, ?, ?)", row
        )

    def kept_visit(self, target: Target) -> Visit | None:
        """The visit of a target that was made but not settled before the crawl stopped; None if there was none."""
        row = self.db.execute("SELECT found FROM visits WHERE url = ? AND found IS NOT NULL", (target.id,)).fetchone()
        return Visit(**json.loads(row[0])) if row else None

    def settle(self, target: Target, outcome: str, links: Iterable[int]) -> None:
        """Settle a target; `links` are the ids of the URLs that it links or redirects to."""
        self.db.execute("UPDATE urls SET progress = ?, outcome = ? WHERE id = ?", (UrlStatus.SETTLED, outcome, target.id))
        self.db.execute("UPDATE visits SET found = NULL, links = ? WHERE url = ?", (array("q", links).tobytes(), target.id))

    def links(self, url: int) -> OutLinks:
        """Where a settled URL leads; nowhere if it was not visited."""
        row = self.db.execute("SELECT links, redirects FROM visits WHERE url = ?", (url,)).fetchone()
        ids = array("q")
        if row and row[0]:
            ids.frombytes(row[0])
        return OutLinks(ids, bool(row and row[1]))

    def n_visits(self) -> int:
        """Number of settled visits."""
        ((n,),) = self.db.execute("SELECT count(*) FROM visits WHERE found IS NULL")
        return int(n)

    def forget_visits_beyond(self, sizes: dict[int, int]) -> None:
        """Queue URLs again whose records were lost because they lie beyond the end of their spool file; `sizes`: file -> bytes."""
        rows = self.db.execute("SELECT url, file, stop FROM visits WHERE file IS NOT NULL").fetchall()
        lost = [(url,) for url, file, stop in rows if stop > sizes.get(file, 0)]
        self.db.executemany("DELETE FROM visits WHERE url = ?", lost)
        self.db.executemany("UPDATE urls SET progress = 0, outcome = NULL WHERE id = ?", lost)
        for origin, file, stop in self.db.execute("SELECT origin, file, stop FROM robots_records").fetchall():
            if stop > sizes.get(file, 0):
                self.db.execute("DELETE FROM robots WHERE origin = ?", (origin,))
                self.db.execute("DELETE FROM robots_records WHERE origin = ?", (origin,))
        self.commit()

    def spool_ends(self) -> dict[int, int]:
        """Spool file -> the byte after its last known record."""
        rows = "SELECT file, stop FROM visits WHERE file IS NOT NULL UNION ALL SELECT file, stop FROM robots_records"
        return dict(self.db.execute(f"SELECT file, max(stop) FROM ({rows}) GROUP BY file"))  # noqa: S608 - the query contains no values

    # --- For the order of records ------------------------------------------------------------------------------------

    def n_urls(self) -> int:
        """The highest id."""
        ((n,),) = self.db.execute("SELECT coalesce(max(id), 0) FROM urls")
        return int(n)

    def site_of(self, url: int) -> str:
        """The site of a URL."""
        ((site,),) = self.db.execute("SELECT site FROM urls WHERE id = ?", (url,))
        return str(site)

    def records_of(self, url: int) -> VisitRecords | None:
        """The records of a URL; None if it was not visited."""
        row = self.db.execute("SELECT origin, file, start, stop FROM visits WHERE url = ?", (url,)).fetchone()
        return VisitRecords(row[0], None if row[1] is None else SpoolSpan(*row[1:])) if row else None

    # --- robots.txt --------------------------------------------------------------------------------------------------

    def keep_robots(self, origin: str, robots: StoredRobots, spans: Iterable[SpoolSpan]) -> None:
        """Store the robots.txt of an origin, and where its records are."""
        reason, detail = (robots.refusal.reason, robots.refusal.detail) if robots.refusal else (None, None)
        row = (origin, robots.fetched_at, robots.rules, reason, detail)
        self.db.execute("INSERT OR REPLACE INTO robots VALUES (?, ?, ?, ?, ?)", row)
        self.db.executemany("INSERT INTO robots_records VALUES (?, ?, ?, ?)", [(origin, *span) for span in spans])

    def robots(self, origin: str) -> StoredRobots | None:
        """The robots.txt of an origin; None if it has not been fetched."""
        row = self.db.execute("SELECT fetched_at, rules, reason, detail FROM robots WHERE origin = ?", (origin,)).fetchone()
        return StoredRobots(row[0], row[1], None if row[2] is None else Failure(row[2], row[3])) if row else None

    def robots_spans(self, origin: str) -> Iterator[SpoolSpan]:
        """Where the records of an origin's robots.txt are, in order."""
        rows = self.db.execute("SELECT file, start, stop FROM robots_records WHERE origin = ? ORDER BY rowid", (origin,))
        return (SpoolSpan(*row) for row in rows.fetchall())
