"""Where addresses led when the run crawled: who asks for a page by an address that redirects means the page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

from fastwarc.warc import ArchiveIterator, WarcRecordType

from pipelines.text.urls import canonical_url

MAX_REDIRECTS: Final = 10


def led_to(archives: Iterable[Path], urls: Sequence[str]) -> list[str]:
    """The addresses to which redirects in these WARC files led from `urls`, all stations of the way."""
    redirects = {}
    for path in archives:
        with path.open("rb") as file:
            for record in ArchiveIterator(file, record_types=WarcRecordType.response):
                location = record.http_headers and record.http_headers.get("Location")
                if location and 300 <= (record.http_headers.status_code or 0) < 400:
                    url = record.headers.get("WARC-Target-URI") or ""
                    redirects[canonical_url(url)] = _joined(url, location)
    found = []
    for url in urls:
        at = url
        for _ in range(MAX_REDIRECTS):
            if (form := canonical_url(at)) not in redirects:
                break
            at = redirects[form]
            found.append(at)
    return found


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:  # no address
        return location
