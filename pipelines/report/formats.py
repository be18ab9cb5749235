"""Numbers as text, the same on the page, in the card and on the terminal."""

from __future__ import annotations

from typing import Final

UNKNOWN: Final = "–"
"""Shown for a number that is not known, such as those of a stage that has not run."""
NO_LANGUAGE: Final = "not identified"
"""Shown as the language of documents without one."""


def with_commas(value: float | None) -> str:
    """An exact count: 1,234,567."""
    return UNKNOWN if value is None else f"{value:,.0f}"


def number_of(value: int, noun: str) -> str:
    """A count with its noun: "1 record", "2 records"."""
    return f"{with_commas(value)} {noun}{'' if value == 1 else 's'}"


def passed_over(counts: dict[str, int]) -> str:
    """Files that a source names but the run does not read, by ending or reason: "12 .html, 3 .json (not JSON Lines)"."""
    return ", ".join(f"{with_commas(n)} {why}" for why, n in counts.items())


def share(value: float | None) -> str:
    """A ratio as a percentage. Only 0 is shown as 0 %, and only 1 as 100 %."""
    if value is None:
        return UNKNOWN
    percent = 100 * value
    if 0 < percent < 0.05:
        return "< 0.1 %"
    if 99.95 <= percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %"


def ratio(value: float | None) -> str:
    """Three decimals: bytes per token, bits per byte, losses."""
    return UNKNOWN if value is None else f"{value:.3f}"


def limit(value: float | str | None) -> str:
    """A limit as in the recipe: 0.65, 100,000, "en, zh"."""
    if value is None:
        return "off"
    return value if isinstance(value, str) else f"{value:,.6g}"


def size(value: float | None) -> str:
    """Bytes in decimal units: 82.3 kB."""
    if value is None:
        return UNKNOWN
    if value < 1000:
        return f"{value:.0f} B"
    for unit in ("kB", "MB", "GB"):
        value /= 1000
        if value < 999.95:
            return f"{value:.1f} {unit}"
    return f"{value / 1000:,.1f} TB"


def seconds(value: float | None) -> str:
    """A duration: 8.2 s, 3 min 12 s, 2 h 05 min."""
    if value is None:
        return UNKNOWN
    if value < 59.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest:02d} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02d} min"


def shortened(value: float | None) -> str:
    """A large count to three figures: 950, 12.4 k, 3.1 M, 2 G."""
    if value is None:
        return UNKNOWN
    for unit in ("", " k", " M", " G"):
        if abs(value) < 999.5:
            return f"{value:.3g}{unit}"
        value /= 1000
    return f"{value:,.3g} T"
