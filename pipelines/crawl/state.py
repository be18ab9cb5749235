"""What a crawl knows, on disk: every URL that was found, what came of it, and where its records lie. It outlives the process.

SQLite, with a write-ahead log: what was committed is there after a kill, and memory does not grow with the number of URLs. A URL is
`waiting`, `begun` or `settled`; a visit is kept as soon as its records are in the spool, so that it is not made a second time.
"""

from __future__ import annotations

import dataclasses
import json
import sqlite3
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

from schemas.errors import OutputError

VERSION: Final = 1
FILE: Final = "state.sqlite"

_TABLES: Final = """
CREATE TABLE facts (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE urls (
    id INTEGER PRIMARY KEY,
    key BLOB NOT NULL UNIQUE,     -- of the canonical spelling
    url TEXT,                     -- null of one that is never visited
    site TEXT,
    depth INTEGER NOT NULL,       -- links from a seed
    turn INTEGER NOT NULL,        -- when it was found; what a page redirects to has the turn of that page
    hops INTEGER NOT NULL,        -- redirects in a row that led to it
    progress INTEGER NOT NULL,
    outcome TEXT                  -- null until it is settled
);
CREATE INDEX queue ON urls (site, depth, turn, hops) WHERE progress = 0;
CREATE TABLE visits (
    url INTEGER PRIMARY KEY,
    origin TEXT NOT NULL,
    found TEXT,                   -- the visit as JSON until it is settled,
    links BLOB,                   -- then the ids of what it links or redirects to, int64
    redirects INTEGER NOT NULL,
    file INTEGER, start INTEGER, stop INTEGER
);
CREATE TABLE robots (
    origin TEXT PRIMARY KEY,
    fetched_at REAL NOT NULL,     -- seconds since 1970
    rules BLOB NOT NULL,
    reason TEXT, detail TEXT      -- why nothing may be fetched there
);
CREATE TABLE robots_records (origin TEXT NOT NULL, file INTEGER NOT NULL, start INTEGER NOT NULL, stop INTEGER NOT NULL);
CREATE TABLE causes (url TEXT PRIMARY KEY, reason TEXT NOT NULL, detail TEXT NOT NULL);
"""


class Progress(IntEnum):
    """How far a URL is."""

    WAITING = 0
    BEGUN = 1
    SETTLED = 2


class Span(NamedTuple):
    """Where records lie: the number of a file of the spool, first byte, and the byte behind the last."""

    file: int
    start: int
    stop: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A URL to visit: how many links it is away from a seed, and how many redirects in a row led to it."""

    id: int
    url: str
    site: str
    depth: int
    turn: int
    hops: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What is known of a URL that was found before."""

    id: int
    depth: int
    hops: int
    outcome: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """What came of one target."""

    outcome: str
    origin: str
    detail: str = ""
    answered: bool = False
    """Whether the server did answer, and not to say that it is overloaded."""
    redirect: str | None = None
    links: Sequence[str] = ()


class State:
    """The state of one crawl. Only one process can hold it."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.db = sqlite3.connect(path, timeout=1.0)
        try:
            self._open()
        except sqlite3.DatabaseError as error:
            self.db.close()
            if "locked" in str(error):
                raise OutputError(f"{path.parent.parent}: another process is crawling into this folder; wait for it, or end it") from error
            raise OutputError(
                f"{path}: the state of the crawl is damaged ({error}); give another folder, or delete {path.parent}"
            ) from error
        ((self.turn,),) = self.db.execute("SELECT coalesce(max(turn), 0) + 1 FROM urls")

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
                raise sqlite3.DatabaseError(f"it is of version {version}, not {VERSION}")
            self.db.execute("UPDATE urls SET progress = ? WHERE progress = ?", (Progress.WAITING, Progress.BEGUN))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.db.close()

    def commit(self) -> None:
        """Make what was noted since the last time outlive the process."""
        self.db.commit()

    # --- Facts about the crawl ---------------------------------------------------------------------------------------

    def fact(self, name: str) -> str | None:
        """What was noted under a name."""
        row = self.db.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return row[0] if row else None

    def note(self, name: str, value: str) -> None:
        """Note something under a name."""
        self.db.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def note_cause(self, url: str, reason: str, detail: str) -> None:
        """Note why a seed, or what it redirects to, was not fetched."""
        shown = detail.encode("utf-8", "replace").decode()
        self.db.execute("INSERT OR REPLACE INTO causes VALUES (?, ?, ?)", (url, reason, shown))

    def causes(self) -> list[tuple[str, str, str]]:
        """(url, reason, detail) of the seeds that were not fetched, in order."""
        return self.db.execute("SELECT url, reason, detail FROM causes ORDER BY rowid").fetchall()

    # --- URLs --------------------------------------------------------------------------------------------------------

    def known(self, key: bytes) -> Known | None:
        """The URL with this key, if it was found before."""
        row = self.db.execute("SELECT id, depth, hops, outcome FROM urls WHERE key = ?", (key,)).fetchone()
        return Known(id=row[0], depth=row[1], hops=row[2], outcome=row[3]) if row else None

    def add(self, key: bytes, url: str | None, site: str | None, *, depth: int, hops: int, turn: int | None, refusal: str | None) -> int:
        """A URL that was not known: to be visited, or with a refusal never; returns its id."""
        progress = Progress.WAITING if refusal is None else Progress.SETTLED
        if turn is None:
            turn, self.turn = self.turn, self.turn + 1
        row = (key, url, site, depth, turn, hops, progress, refusal)
        cursor = self.db.execute(
            "INSERT INTO urls (key, url, site, depth, turn, hops, progress, outcome) VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row
        )
        return int(cursor.lastrowid or 0)

    def come_nearer(self, known: Known, *, depth: int, hops: int, admit: bool) -> str | None:
        """A known URL was found on a shorter way; one that is admitted now is queued, and its site returned."""
        self.db.execute("UPDATE urls SET depth = ?, hops = ? WHERE id = ?", (depth, hops, known.id))
        if not admit:
            return None
        turn, self.turn = self.turn, self.turn + 1
        self.db.execute("UPDATE urls SET progress = ?, outcome = NULL, turn = ? WHERE id = ?", (Progress.WAITING, turn, known.id))
        ((site,),) = self.db.execute("SELECT site FROM urls WHERE id = ?", (known.id,))
        return str(site)

    def by_id(self, url: int) -> Known:
        """A URL that is known."""
        ((depth, hops, outcome),) = self.db.execute("SELECT depth, hops, outcome FROM urls WHERE id = ?", (url,))
        return Known(id=url, depth=depth, hops=hops, outcome=outcome)

    def take(self, site: str) -> Target | None:
        """The next URL of a site that nobody has begun; it counts as begun from now on."""
        row = self.db.execute(
            "SELECT id, url, depth, turn, hops FROM urls WHERE site = ? AND progress = 0 ORDER BY depth, turn, hops LIMIT 1", (site,)
        ).fetchone()
        return self._begin(row, site) if row else None

    def take_one(self, url: int) -> Target:
        """The URL with this id, which counts as begun from now on."""
        row = self.db.execute("SELECT id, url, depth, turn, hops, site FROM urls WHERE id = ?", (url,)).fetchone()
        return self._begin(row, row[5])

    def _begin(self, row: Any, site: str) -> Target:
        self.db.execute("UPDATE urls SET progress = ? WHERE id = ?", (Progress.BEGUN, row[0]))
        return Target(id=row[0], url=row[1], site=site, depth=row[2], turn=row[3], hops=row[4])

    def give_up(self, site: str, outcome: str) -> None:
        """Settle all waiting URLs of a site at once."""
        self.db.execute(
            "UPDATE urls SET progress = ?, outcome = ? WHERE site = ? AND progress = ?", (Progress.SETTLED, outcome, site, Progress.WAITING)
        )

    def sites(self, given_up: str) -> list[tuple[str, int, int, bool]]:
        """(site, URLs waiting, pages fetched, whether it was given up), in the order in which the sites were found."""
        rows = self.db.execute(
            "SELECT site, sum(progress = 0), sum(coalesce(outcome = 'fetched', 0)), max(coalesce(outcome = ?, 0)) FROM urls"
            " WHERE site IS NOT NULL GROUP BY site ORDER BY min(id)",
            (given_up,),
        )
        return [(site, n_waiting, n_fetched, bool(gone)) for site, n_waiting, n_fetched, gone in rows]

    def outcomes(self) -> Counter[str]:
        """Outcome -> settled URLs."""
        return Counter(dict(self.db.execute("SELECT outcome, count(*) FROM urls WHERE outcome IS NOT NULL GROUP BY outcome")))

    def n_waiting(self) -> int:
        """URLs that are neither begun nor settled."""
        ((n,),) = self.db.execute("SELECT count(*) FROM urls WHERE progress = 0")
        return int(n)

    # --- Visits ------------------------------------------------------------------------------------------------------

    def keep_visit(self, target: Target, visit: Visit, span: Span | None) -> None:
        """Keep a visit that is not settled yet."""
        row = (target.id, visit.origin, json.dumps(dataclasses.asdict(visit)), visit.redirect is not None, *(span or (None, None, None)))
        self.db.execute(
            "INSERT OR REPLACE INTO visits (url, origin, found, redirects, file, start, stop) VALUES (?, ?, ?, ?, ?, ?, ?)", row
        )

    def kept_visit(self, target: Target) -> Visit | None:
        """The visit of a target that was made, but not settled, before the crawl was stopped."""
        row = self.db.execute("SELECT found FROM visits WHERE url = ? AND found IS NOT NULL", (target.id,)).fetchone()
        return Visit(**json.loads(row[0])) if row else None

    def settle(self, target: Target, outcome: str, links: Iterable[int]) -> None:
        """Settle a target; `links` are the ids of what it links or redirects to."""
        self.db.execute("UPDATE urls SET progress = ?, outcome = ? WHERE id = ?", (Progress.SETTLED, outcome, target.id))
        self.db.execute("UPDATE visits SET found = NULL, links = ? WHERE url = ?", (array("q", links).tobytes(), target.id))

    def links(self, url: int) -> tuple[array[int], bool]:
        """(ids of what a settled URL links to, whether it redirects there)."""
        row = self.db.execute("SELECT links, redirects FROM visits WHERE url = ?", (url,)).fetchone()
        ids = array("q")
        if row and row[0]:
            ids.frombytes(row[0])
        return ids, bool(row and row[1])

    def n_visits(self) -> int:
        """Visits that are settled."""
        ((n,),) = self.db.execute("SELECT count(*) FROM visits WHERE found IS NULL")
        return int(n)

    def forget_visits_behind(self, ends: dict[int, int]) -> None:
        """Queue again what lies behind the last byte of each file of the spool (file -> bytes in it): its records were lost."""
        rows = self.db.execute("SELECT url, file, stop FROM visits WHERE file IS NOT NULL").fetchall()
        lost = [(url,) for url, file, stop in rows if stop > ends.get(file, 0)]
        self.db.executemany("DELETE FROM visits WHERE url = ?", lost)
        self.db.executemany("UPDATE urls SET progress = 0, outcome = NULL WHERE id = ?", lost)
        for origin, file, stop in self.db.execute("SELECT origin, file, stop FROM robots_records").fetchall():
            if stop > ends.get(file, 0):
                self.db.execute("DELETE FROM robots WHERE origin = ?", (origin,))
                self.db.execute("DELETE FROM robots_records WHERE origin = ?", (origin,))
        self.commit()

    def spool_ends(self) -> dict[int, int]:
        """File of the spool -> the byte behind its last record that is known."""
        rows = "SELECT file, stop FROM visits WHERE file IS NOT NULL UNION ALL SELECT file, stop FROM robots_records"
        return dict(self.db.execute(f"SELECT file, max(stop) FROM ({rows}) GROUP BY file"))  # noqa: S608 - nothing in it is a value

    # --- What the order is made from ---------------------------------------------------------------------------------

    def n_urls(self) -> int:
        """The highest id."""
        ((n,),) = self.db.execute("SELECT coalesce(max(id), 0) FROM urls")
        return int(n)

    def site_of(self, url: int) -> str:
        """The site of a URL."""
        ((site,),) = self.db.execute("SELECT site FROM urls WHERE id = ?", (url,))
        return str(site)

    def visited(self, url: int) -> tuple[str, Span | None] | None:
        """(origin, where the records lie) of a URL that was visited."""
        row = self.db.execute("SELECT origin, file, start, stop FROM visits WHERE url = ?", (url,)).fetchone()
        return (row[0], None if row[1] is None else Span(*row[1:])) if row else None

    # --- robots.txt --------------------------------------------------------------------------------------------------

    def keep_robots(self, origin: str, fetched_at: float, rules: bytes, refusal: tuple[str, str] | None, spans: Iterable[Span]) -> None:
        """Keep what an origin's robots.txt said, and where its records lie."""
        self.db.execute("INSERT OR REPLACE INTO robots VALUES (?, ?, ?, ?, ?)", (origin, fetched_at, rules, *(refusal or (None, None))))
        self.db.executemany("INSERT INTO robots_records VALUES (?, ?, ?, ?)", [(origin, *span) for span in spans])

    def robots(self, origin: str) -> tuple[float, bytes, tuple[str, str] | None] | None:
        """(when it was fetched, the rules, why nothing may be fetched) of an origin."""
        row = self.db.execute("SELECT fetched_at, rules, reason, detail FROM robots WHERE origin = ?", (origin,)).fetchone()
        return (row[0], row[1], None if row[2] is None else (row[2], row[3])) if row else None

    def robots_spans(self, origin: str) -> Iterator[Span]:
        """Where the records of an origin's robots.txt lie, in order."""
        rows = self.db.execute("SELECT file, start, stop FROM robots_records WHERE origin = ? ORDER BY rowid", (origin,))
        return (Span(*row) for row in rows.fetchall())
