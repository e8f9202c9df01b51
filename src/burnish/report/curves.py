"""Curves and clouds: the learning curve, the training of the final networks, the search's draws."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter, NullFormatter

from burnish.report import svg, wording
from burnish.report.summary import CurvePoint, Draw, LearningCurve, Search, Summary, TrainingCurve

HEIGHT = 250.0
CURVES_SHOWN = 12  # more lines than this cannot be told apart
POINTS_A_CURVE = 200  # a line of 380 units shows no more
DRAWS_SHOWN = 600
# Draws worse than this quantile are drawn on the upper edge: a few diverged networks would press all others flat.
WORST_SHOWN = 0.75
DECADES = 10.0  # a cost that spans more than this factor is drawn on a log scale


def _plain_axes(*, bottom: float = 34) -> Axes:
    axes = svg.drawing(HEIGHT, left=46, right=10, top=24, bottom=bottom)
    axes.grid(axis="y", color=svg.LINE, linewidth=0.8)
    return axes


def learning(summary: Summary, curve: LearningCurve) -> str:
    """Dev (and train) error against training rows, with the forecast as an open, dashed continuation."""
    points = [p for p in curve.points if math.isfinite(p.dev.value)]
    forecast = [p for p in curve.forecast if math.isfinite(p.dev.value)]
    if not points:
        return ""
    axes = _plain_axes()
    task = summary.task
    axes.set_xscale("log")
    _band(axes, points, svg.ACCENT)
    trained = [(p.rows, p.train.value) for p in points if p.train is not None]
    if trained:
        axes.plot(*zip(*trained, strict=True), color=svg.COOL, linewidth=1.6, marker="o", ms=4)
        _name(axes, trained[-1], "train", svg.COOL, below=trained[-1][1] > 0)
    if forecast:
        _band(axes, (points[-1], *forecast), svg.ACCENT, forecast=True)
        end = forecast[-1]
        _name(axes, (end.rows, end.dev.high), "forecast", svg.ACCENT)
    start = points[0]
    _name(axes, (start.rows, start.dev.value), "dev", svg.ACCENT, align="left")
    _rows_ticks(axes, [p.rows for p in (*points, *forecast)])
    tops = [p.dev.high for p in (*points, *forecast) if math.isfinite(p.dev.high)]
    axes.set_ylim(0, 1.12 * max(tops) if tops and max(tops) > 0 else None)
    svg.ticks(axes, "y", shares=task.shares)
    svg.y_title(axes, f"{task.error}{f' ({task.unit})' if task.unit and not task.shares else ''}")
    svg.x_title(axes, "training rows")
    said = "; ".join(f"{p.rows:,} rows {wording.span(p.dev, wording.unit_of(task))}" for p in points)
    return svg.finish(axes, "learning", f"Learning curve, dev error by training rows: {said}. {curve.sentence}")


def _name(
    axes: Axes,
    at: tuple[float, float],
    text: str,
    color: str,
    *,
    align: svg.Align = "right",
    below: bool = False,
) -> None:
    """A curve's name beside a point of it."""
    look = {"va": "top", "transform": svg.raised(axes, -7)} if below else {"transform": svg.raised(axes)}
    svg.write(axes, at, text, color=color, align=align, size=svg.SMALL, **look)


def _band(axes: Axes, points: Sequence[CurvePoint], color: str, *, forecast: bool = False) -> None:
    x = [p.rows for p in points]
    axes.fill_between(
        x, [p.dev.low for p in points], [p.dev.high for p in points], color=color, alpha=0.13, linewidth=0
    )
    style = {"linestyle": (0, (4, 3)), "markerfacecolor": svg.PANEL} if forecast else {}
    axes.plot(x, [p.dev.value for p in points], color=color, linewidth=1.8, marker="o", ms=5, **style)  # type: ignore[arg-type]


def _rows_ticks(axes: Axes, rows: Sequence[int]) -> None:
    """Tick labels at the measured numbers of rows, from the largest down, where there is room."""
    shown: list[int] = []
    span = math.log(max(rows) / min(rows)) or 1.0
    for value in sorted(set(rows), reverse=True):
        if not shown or math.log(shown[-1] / value) > 0.16 * span:  # a label is about a seventh of the width
            shown.append(value)
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _short_count(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.grid(visible=False, axis="x", which="minor")


def _short_count(value: float) -> str:
    for size, letter in ((1e6, "M"), (1e4, "k")):
        if value >= size:
            return f"{value / (1e3 if letter == 'k' else 1e6):.3g} {letter}"
    return f"{value:,.0f}"


def training(curves: Sequence[TrainingCurve]) -> str:
    """Train and dev cost by epoch of the delivered networks, thin, with each one's best epoch."""
    shown = [c for c in curves if c.epoch][:CURVES_SHOWN]
    if not shown:
        return ""
    axes = _plain_axes()
    alpha = 1.0 if len(shown) == 1 else 0.55
    for curve in shown:
        keep = _thin(len(curve.epoch))
        epoch, train, dev = (np.asarray(v, dtype=float)[keep] for v in (curve.epoch, curve.train, curve.dev))
        axes.plot(epoch, train, color=svg.COOL, linewidth=1.1, alpha=alpha)
        axes.plot(epoch, dev, color=svg.ACCENT, linewidth=1.1, alpha=alpha)
        best = int(np.argmin(np.abs(np.asarray(curve.epoch) - curve.best_epoch)))
        axes.plot([curve.epoch[best]], [curve.dev[best]], "o", color=svg.ACCENT, ms=5)
    costs = np.array([v for c in shown for v in (*c.train, *c.dev) if math.isfinite(v)])
    svg.ticks(axes, "y")
    svg.ticks(axes, "x")
    if costs.size and costs.min() > 0 and costs.max() / costs.min() > DECADES:
        axes.set_yscale("log")
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: svg.tick(value)))
        axes.yaxis.set_minor_formatter(NullFormatter())
    axes.set_xlim(left=0)
    svg.y_title(axes, "cost")
    svg.x_title(axes, "epoch")
    best_epochs = [c.best_epoch for c in shown]
    text = (
        f"Cost by epoch of {len(shown)} final networks; best epochs {min(best_epochs):.0f} to {max(best_epochs):.0f}."
    )
    return svg.finish(axes, "training", text)


def _thin(count: int) -> slice:
    return slice(None, None, max(1, math.ceil(count / POINTS_A_CURVE)))


def draws(summary: Summary, search: Search) -> str:
    """Each draw's learning rate against its dev error. "" where no draw has a positive learning rate."""
    items = [d for d in search.draws if d.learning_rate > 0][:DRAWS_SHOWN]
    finite = np.array([d.dev for d in items if math.isfinite(d.dev)])
    if not finite.size:
        return ""
    axes = _plain_axes()
    low, high = float(finite.min()), float(np.quantile(finite, WORST_SHOWN))
    room = (high - low) or abs(high) or 1.0
    top = min(float(finite.max()), high + 0.5 * room)
    axes.set_xscale("log")
    axes.set_ylim(low - 0.08 * room, top + 0.08 * room)
    for full, random in ((False, False), (False, True), (True, False), (True, True)):
        _cloud(axes, [d for d in items if (d.full, d.random) == (full, random)], top)
    svg.ticks(axes, "y", shares=summary.task.shares)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: svg.tick(value)))
    axes.xaxis.set_minor_formatter(NullFormatter())
    svg.y_title(axes, f"dev {summary.task.error}")
    svg.x_title(axes, "learning rate α")
    best = min((d for d in items if math.isfinite(d.dev)), key=lambda d: (d.dev, d.trial))
    text = f"{len(items)} draws of the learning rate against dev error; the best has α = {best.learning_rate:.2g}."
    return svg.finish(axes, "draws", text)


def _cloud(axes: Axes, items: Sequence[Draw], top: float) -> None:
    """Full random draws are filled, a model's proposals are rings, stopped ones are faint; beyond the edge: arrows."""
    if not items:
        return
    color = svg.ACCENT if items[0].full else svg.MUTED
    fill = color if items[0].random else "none"
    inside = [d for d in items if d.dev <= top]
    outside = [d for d in items if not d.dev <= top]  # NaN too
    look = {"color": color, "markerfacecolor": fill, "alpha": 0.8 if items[0].full else 0.5, "linestyle": "none"}
    axes.plot([d.learning_rate for d in inside], [d.dev for d in inside], marker="o", ms=5, **look)  # type: ignore[arg-type]
    axes.plot([d.learning_rate for d in outside], [top] * len(outside), marker="^", ms=5, **look)  # type: ignore[arg-type]
