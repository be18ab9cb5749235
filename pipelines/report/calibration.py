"""What `calibrate` found, on the terminal: a line per limit with the distribution that it rests on."""

from __future__ import annotations

import math
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.table import Table

from pipelines.filters.calibrate import QUANTILES, Calibration

BARS: Final = " ▁▂▃▄▅▆▇█"
FEW: Final = 1000
SHOWN: Final = (0, len(QUANTILES) // 2, -1)
"""Of the quantiles, those that a terminal has room for."""


def calibration_table(found: Calibration) -> Table:
    """A line per limit, what it cuts now and would if renewed; "alone" are the documents that no other proposed limit removes."""
    table = Table(title=f"{found.lang}: {found.n_documents} documents", box=SIMPLE_HEAD, show_edge=False, padding=0)
    table.add_column("limit", overflow="fold")
    table.add_column("1 % to 99 %", no_wrap=True)
    for head in (*(f"{QUANTILES[at]:.0%}" for at in SHOWN), "now", "cuts", "new", "cuts", "alone"):
        table.add_column(head, justify="right", no_wrap=True)
    last = ""
    for one in found.proposals:
        if one.rule_set != last:
            last = one.rule_set
            table.add_section()
            table.add_row(f"[bold]{last}", *[""] * (len(SHOWN) + 4), f"{found.removed_by_set[last]:.1%}", "")
        table.add_row(
            f"  {one.name}",
            sparkline(one.histogram),
            *(number(one.quantiles[at]) for at in SHOWN),
            number(one.now),
            f"{one.removed_now:.1%}",
            number(one.proposed),
            f"{one.removed:.1%}",
            f"{one.removed_alone:.1%}",
        )
    return table


def says(found: Calibration) -> str:
    """What all limits do together, and a word of caution where the sample is small."""
    text = f"All proposed limits together remove {found.removed:.1%} of the documents; those of today remove {found.removed_now:.1%}."
    if found.n_documents < FEW:
        text += f" Outer percentiles of {found.n_documents} documents rest on few of them: give {FEW} or more if you can."
    return text


def sparkline(histogram: tuple[int, ...]) -> str:
    """One bar a bin; every bin that holds anything shows."""
    most = max(*histogram, 1)
    return "".join(BARS[math.ceil(n / most * (len(BARS) - 1))] for n in histogram)


def number(value: float) -> str:
    """Short, for a column."""
    if math.isinf(value):
        return "off"
    return "-" if math.isnan(value) else f"{value:.2g}" if abs(value) < 1000 else f"{value:.0f}"
