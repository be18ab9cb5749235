"""Numbers -> inline SVG with the page's colours, the same to the byte every time.

Plots contain only digits; names from data are in the HTML around them, since the plot's font may lack their characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from io import StringIO
from typing import Final

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from markupsafe import Markup, escape
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from pipelines.dedup.minhash import detection_probability
from pipelines.report.formats import shortened
from pipelines.report.histograms import Histogram
from schemas.recipe import MinHash

INK: Final = "#010101"
MUTED: Final = "#020202"
LINE: Final = "#030303"
BLUE: Final = "#040404"
RED: Final = "#050505"
GREEN: Final = "#060606"
_VARIABLES: Final = {INK: "--ink", MUTED: "--muted", LINE: "--line", BLUE: "--blue", RED: "--red", GREEN: "--green"}
"""Colours that matplotlib draws with, and the page's colour that replaces each."""

Point = tuple[float, float] | tuple[float, float, float | None]
"""(step, loss), and bits per byte, if known"""


def histogram(data: Histogram, label: str, *, wide: bool = False) -> Markup:
    """Bars, those of kept documents in front of those of all documents, with a dashed line at each limit."""

    def draw(axes: Axes) -> None:
        edges = _scaled(data.edges, data.logarithmic)
        if data.kept is not None:
            axes.stairs(data.counts, edges, fill=True, color=MUTED, alpha=0.35, linewidth=0)
        axes.stairs(data.counts if data.kept is None else data.kept, edges, fill=True, color=BLUE, linewidth=0)
        for limit in _scaled(data.limits, data.logarithmic).tolist():
            axes.axvline(limit, color=RED, linewidth=1.4, linestyle=(0, (4, 2)))
        first, last = edges[0], edges[-1]
        margin = 0.02 * (last - first)
        axes.set_xlim(first - margin, last + margin)
        if data.logarithmic:
            axes.set_xticks(*_log_ticks(data.edges[0], data.edges[-1]))
        else:
            axes.xaxis.set_major_locator(MaxNLocator(4))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.4g}"))
        axes.yaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: shortened(value)))

    return _svg(draw, (5, 2.4) if wide else (3.3, 1.35), label)


def detection_curve(config: MinHash, label: str) -> Markup:
    """The chance that bands propose a pair, by its similarity; similarities that are merged are shaded."""

    def draw(axes: Axes) -> None:
        similarity = np.linspace(0, 1, 201)
        axes.axvspan(config.min_jaccard, 1, color=BLUE, alpha=0.12, linewidth=0)
        axes.plot(similarity, detection_probability(similarity, config.bands, config.rows), color=BLUE, linewidth=1.8)
        axes.axvline(config.min_jaccard, color=RED, linewidth=1.4, linestyle=(0, (4, 2)))
        axes.set_xlim(0, 1)
        axes.set_ylim(0, 1.02)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.0%}"))

    return _svg(draw, (5, 2.4), label)


def loss_curves(train: Sequence[Point], valid: Sequence[Point], baseline: float | None, label: str) -> Markup:
    """Training loss as a line, validation loss as a line with dots, and the loss of token frequencies alone as a dashed line."""

    def draw(axes: Axes) -> None:
        if train:
            axes.plot(*_columns(train), color=MUTED, linewidth=1)
        if valid:
            axes.plot(*_columns(valid), color=BLUE, linewidth=1.8, marker="o", markersize=4)
        if baseline is not None:
            axes.axhline(baseline, color=RED, linewidth=1.4, linestyle=(0, (4, 2)))
        axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        axes.set_xlim(left=0)

    return _svg(draw, (9, 3), label)


def _scaled(values: npt.ArrayLike, logarithmic: bool) -> npt.NDArray[np.float64]:
    """Positions of the values on the axis: log1p of them if it is logarithmic."""
    return np.log1p(values) if logarithmic else np.asarray(values)


def _columns(points: Sequence[Point]) -> tuple[list[float], list[float]]:
    return [point[0] for point in points], [point[1] for point in points]


def _log_ticks(low: float, high: float) -> tuple[list[float], list[str]]:
    """Powers of ten between the bounds and their positions on a log1p scale; the bounds themselves if there are less than two."""
    powers = [10.0**exponent for exponent in range(12) if low <= 10.0**exponent <= high]
    if low == 0:
        powers.insert(0, 0.0)
    if len(powers) < 2:
        powers = [low, high]
    return [float(np.log1p(power)) for power in powers], [shortened(round(power)) for power in powers]


def _svg(draw: Callable[[Axes], None], size_in: tuple[float, float], label: str) -> Markup:
    """The drawing as an <svg> element that screen readers announce as `label`."""
    # The salt makes the ids of clip paths differ between plots of one page and not between two writings of it.
    settings: dict[str, object] = {"svg.hashsalt": label, "svg.fonttype": "none", "path.simplify": False, "font.size": 10}
    with mpl.rc_context(settings):
        figure = Figure(figsize=size_in, layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        draw(axes)
        for side, spine in axes.spines.items():
            spine.set_visible(side == "bottom")
            spine.set_color(LINE)
        axes.tick_params(length=0, labelcolor=MUTED)
        axes.tick_params(axis="x", pad=7)  # below the lowest label of the y axis
        axes.grid(axis="y", color=LINE, linewidth=0.6)
        axes.set_axisbelow(True)
        written = StringIO()
        figure.savefig(written, format="svg", transparent=True, metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
    return _inline(written.getvalue(), label)


def _inline(svg: str, label: str) -> Markup:
    """The <svg> element without prolog, fixed size, fixed font and unused ids."""
    body = svg[svg.index("<svg") :]
    (view_box,) = re.findall(r'viewBox="([^"]+)"', body)
    body = re.sub(r"^<svg[^>]*>", "", body)
    body = re.sub(r"<metadata>.*?</metadata>|<style.*?</style>", "", body, flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"(/?)>', r"<g\1>", body).replace("<g/>", "")
    body = re.sub(r" ?font-family: [^;\"]*;", "", body)
    for colour, variable in _VARIABLES.items():
        body = body.replace(colour, f"var({variable})")
    return Markup(f'<svg role="img" aria-label="{escape(label)}" viewBox="{view_box}">') + Markup(re.sub(r"\n\s*", "\n", body))  # noqa: S704
