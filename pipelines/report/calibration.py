"""The proposals of `calibrate` for the terminal: one line per limit, with the distribution of its signal."""

from __future__ import annotations

import math
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table

from pipelines.filters.calibrate import QUANTILES, Calibration

BARS: Final = " ▁▂▃▄▅▆▇█"
FEW: Final = 1000
"""Outer percentiles of fewer documents are uncertain."""
SHOWN_QUANTILES: Final = (0, len(QUANTILES) // 2, -1)
"""Positions in QUANTILES that fit a terminal."""


def calibration_table(found: Calibration) -> Table:
    """A line per limit: documents removed now and by the proposal; "alone": removed by no other proposed limit."""
    table = Table(title=f"{found.lang}: {found.n_documents} documents", box=SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("limit", overflow="fold")
    table.add_column("1 % to 99 %", no_wrap=True)
    for head in (*(f"{QUANTILES[at]:.0%}" for at in SHOWN_QUANTILES), "now", "cuts", "new", "cuts", "alone"):
        table.add_column(head, justify="right", no_wrap=True)
    last = ""
    for one in found.proposals:
        if one.rule_set != last:
            last = one.rule_set
            table.add_section()
            table.add_row(f"[bold]{last}", *[""] * (len(SHOWN_QUANTILES) + 4), f"{found.removed_by_set[last]:.1%}", "")
        table.add_row(
            f"  {one.name}",
            sparkline(one.histogram),
            *(number(one.quantiles[at]) for at in SHOWN_QUANTILES),
            number(one.now),
            f"{one.removed_now:.1%}",
            number(one.proposed),
            f"{one.removed:.1%}",
            f"{one.removed_alone:.1%}",
        )
    return table


def says(found: Calibration) -> str:
    """The effect of all limits together, with a warning if the sample is small."""
    text = f"All proposed limits together remove {found.removed:.1%} of the documents; the current ones remove {found.removed_now:.1%}."
    if found.n_documents < FEW:
        text += f" Outer percentiles of {found.n_documents} documents are uncertain; pass at least {FEW} if you can."
    return text


def sparkline(histogram: tuple[int, ...]) -> str:
    """One bar per bin; only an empty bin is blank."""
    most = max(*histogram, 1)
    return "".join(BARS[math.ceil(n / most * (len(BARS) - 1))] for n in histogram)


def number(value: float) -> str:
    """A number in few characters."""
    if math.isinf(value):
        return "off"
    return "-" if math.isnan(value) else f"{value:.2g}" if abs(value) < 1000 else f"{value:.0f}"
