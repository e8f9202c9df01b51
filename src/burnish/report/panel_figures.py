"""The charts of a panel: curves with their names at their right ends, ranges over seeds as bands."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, NullFormatter
from matplotlib.transforms import Affine2D, blended_transform_factory

from burnish.report import svg
from burnish.report.panel import Chart, Look, Panel, Series

HEIGHT = 212.0
LEFT, TOP, BOTTOM = 46.0, 24.0, 36.0
LETTER = 6.6  # units of an average letter of SMALL size
LINE = 13.0  # units from one name to the next
GAP = 4.0  # units between a mark and its name
MOST_NAMED = 104.0  # units that names may take on the right
COLORS: dict[Look, str] = {"accent": svg.ACCENT, "cool": svg.COOL, "muted": svg.MUTED, "ink": svg.INK}
DASHES = (0, (4, 3))
POINTS_A_CURVE = 240  # the width shows no more


def charts(panel: Panel) -> list[tuple[str, str]]:
    """Title and drawing of each chart. Draw inside `svg.look()`."""
    return [(chart.title, draw(chart, f"{panel.name}{place}")) for place, chart in enumerate(panel.charts)]


def draw(chart: Chart, name: str) -> str:
    """One chart; `name` is unique on the page."""
    shown = [one for one in chart.series if _finite(one, chart)[0].size]
    right = 16 + min(MOST_NAMED, LETTER * max((len(one.name) for one in shown), default=0))
    axes = svg.drawing(HEIGHT, left=LEFT, right=right, top=TOP, bottom=BOTTOM)
    axes.grid(axis="y", color=svg.LINE, linewidth=0.8)
    if chart.log_x:
        axes.set_xscale("log")
    if chart.log_y:
        axes.set_yscale("log")
    for one in shown:
        _curve(axes, one, chart)
    _ticks(axes, chart)
    if chart.at is not None:
        _mark(axes, chart.at, chart.at_name)
    axes.set_xlim(axes.get_xlim())  # names are placed by the final scales
    axes.set_ylim(axes.get_ylim())
    _names(axes, shown, chart)
    svg.y_title(axes, chart.y_name)
    svg.x_title(axes, chart.x_name)
    said = "; ".join(_said(one, chart) for one in shown)
    return svg.finish(axes, name, f"{chart.y_name} by {chart.x_name}. {said}.")


def _finite(one: Series, chart: Chart) -> tuple[np.ndarray, np.ndarray]:
    """The points that can be drawn on these axes."""
    x = np.array(one.x, float)
    y = np.array([math.nan if value is None else value for value in one.y], float)
    keep = np.isfinite(x) & np.isfinite(y)
    keep &= ~(chart.log_x & (x <= 0)) & ~(chart.log_y & (y <= 0))
    return x[keep], y[keep]


def _curve(axes: Axes, one: Series, chart: Chart) -> None:
    color = COLORS[one.look]
    x, y = _finite(one, chart)
    if one.low and not one.points:
        low, high = (np.array([np.nan if v is None else v for v in ends], float) for ends in (one.low, one.high))
        if chart.log_y:
            low = np.where(low > 0, low, np.nan)
        axes.fill_between(one.x, low, high, color=color, alpha=0.14, linewidth=0)
    if one.points:
        fill = svg.PANEL if one.dashed else color
        axes.plot(x, y, "o", color=color, markerfacecolor=fill, ms=5, alpha=0.85)
        return
    few = len(x) <= 12
    step = max(1, math.ceil(len(x) / POINTS_A_CURVE))
    x, y = (np.append(v[:-1:step], v[-1:]) for v in (x, y))
    axes.plot(
        x, y, color=color, linewidth=1.7, linestyle=DASHES if one.dashed else "-", marker="o" if few else None, ms=4
    )


def _ticks(axes: Axes, chart: Chart) -> None:
    if chart.log_y:
        _log_ticks(axes, "y")
    else:
        svg.ticks(axes, "y", most=5)
    if chart.places:
        axes.xaxis.set_major_locator(FixedLocator(range(len(chart.places))))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _place(chart.places, value)))
    elif chart.log_x:
        _log_ticks(axes, "x")
    else:
        svg.ticks(axes, "x", most=5)


def _place(places: Sequence[str], value: float) -> str:
    at = round(value)
    return places[at] if 0 <= at < len(places) else ""


def _log_ticks(axes: Axes, axis: str) -> None:
    """Powers of ten, few enough to be told apart; where less than a decade is seen, 1, 2 and 5 too."""
    one = axes.yaxis if axis == "y" else axes.xaxis
    low, high = axes.get_ylim() if axis == "y" else axes.get_xlim()
    narrow = math.log10(high / low) < 1.5
    one.set_major_locator(LogLocator(base=10, subs=(1.0, 2.0, 5.0) if narrow else (1.0,), numticks=6))
    one.set_major_formatter(FuncFormatter(lambda value, _: _power(value)))
    one.set_minor_formatter(NullFormatter())


def _power(value: float) -> str:
    """0.01, 1, 100, and beyond these 10⁻⁵."""
    exponent = round(math.log10(value))
    if -3 <= exponent <= 4 or not math.isclose(value, 10.0**exponent, rel_tol=1e-6):
        return svg.tick(value)
    return "10" + str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def _mark(axes: Axes, at: float, name: str) -> None:
    axes.axvline(at, color=svg.INK, linewidth=1, linestyle=(0, (2, 2)))
    where = blended_transform_factory(axes.transData, axes.transAxes)
    low, high = axes.get_xlim()
    left: svg.Align = "right" if (at - low) / (high - low) > 0.5 else "left"
    beside = where + Affine2D().translate(-GAP if left == "right" else GAP, 0)
    svg.write(axes, (at, 0.93), name, color=svg.INK, size=svg.SMALL, align=left, transform=beside)


def _names(axes: Axes, shown: Sequence[Series], chart: Chart) -> None:
    """Each curve's name on the right at the height of its end, or in a plane beside its end, which is then a dot.

    Names that would lie on one another are moved apart.
    """
    box = axes.bbox
    ends = sorted(((_end(axes, one, chart), place) for place, one in enumerate(shown)), key=lambda end: end[0][1])
    heights = _apart([min(max(y, 0.0), box.height) for (_, y), _ in ends], box.height)
    for height, ((across, y), place) in zip(heights, ends, strict=True):
        color = COLORS[shown[place].look]
        if chart.plane:
            axes.plot([across / box.width], [y / box.height], "o", color=color, ms=5, transform=axes.transAxes)
        at = (across / box.width if chart.plane else 1.0, height / box.height)
        beside = axes.transAxes + Affine2D().translate(2 * GAP if chart.plane else GAP, 0)
        svg.write(axes, at, shown[place].name, color=color, size=svg.SMALL, va="center", transform=beside)


def _end(axes: Axes, one: Series, chart: Chart) -> tuple[float, float]:
    """Where a curve ends, in drawing units from the lower left corner of the axes."""
    x, y = _finite(one, chart)
    across, up = axes.transData.transform((x[-1], y[-1]))
    return float(across - axes.bbox.x0), float(up - axes.bbox.y0)


def _apart(wanted: Sequence[float], height: float) -> list[float]:
    """Heights in rising order, at least LINE from one another, as near to the wanted ones as one pass each way gives.

    >>> _apart([10.0, 11.0, 80.0], 100.0)
    [10.0, 23.0, 80.0]
    >>> _apart([95.0, 96.0], 100.0)
    [87.0, 100.0]
    """
    found: list[float] = []
    for at in wanted:
        found.append(at if not found else max(at, found[-1] + LINE))
    top = height
    for place in reversed(range(len(found))):
        found[place] = min(found[place], top)
        top = found[place] - LINE
    return found


def _said(one: Series, chart: Chart) -> str:
    """The ends of a curve, for who does not see it."""
    x, y = _finite(one, chart)
    return f"{one.name or 'values'}: from {y[0]:.3g} at {x[0]:.3g} to {y[-1]:.3g} at {x[-1]:.3g}"
