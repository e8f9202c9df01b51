"""Dots with intervals: the answer, the error budget, the experiments, the importance of the hyperparameters."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.transforms import blended_transform_factory

from burnish.report import svg, wording
from burnish.report.summary import Budget, ExperimentResult, Gap, Importance, Summary
from burnish.stats.interval import Interval

ROW = 38.0  # units from one row to the next: a line of text, and the mark below it
TEXT_AT, MARK_AT = 13.0, 25.0  # within a row
LINE_OF_TEXT = 51  # characters of TEXT size that fit the width
# Units of a character of SMALL size, and between a mark and the text beside it.
CHARACTER, SPACE = 6.0, 8.0
# The error that the waterfall has reached after each gap.
REACHED = {"avoidable bias": "train", "variance": "dev", "mismatch": "dev", "dev overfitting": "test"}
OVERFLOW = (
    3.0  # a whisker longer than this times the greatest |value| is cut, with an arrow, so that the rest stays legible
)


@dataclass(frozen=True, slots=True)
class Mark:
    """One dot with its interval, and how it looks."""

    interval: Interval
    color: str
    filled: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """A line of text with marks below it."""

    label: str
    note: str
    marks: tuple[Mark, ...]
    strong: bool = False


def answer(summary: Summary) -> str:
    """Baselines, first network and final model on one scale. "" where there is nothing to compare."""
    task, unit = summary.task, wording.unit_of(summary.task)
    rows = [
        Row(b.name, wording.span(b.dev, unit), (Mark(b.dev, svg.MUTED), *_hollow(b.test, svg.MUTED)))
        for b in summary.baselines
    ]
    if summary.first is not None:
        name = wording.first_name(summary.first).capitalize()
        rows.append(Row(name, wording.span(summary.first.dev, unit), (Mark(summary.first.dev, svg.COOL),)))
    if summary.final is not None:
        final = summary.final
        marks = (Mark(final.dev, svg.ACCENT), *_hollow(final.test, svg.ACCENT))
        rows.append(Row("Final model", wording.span(final.dev, unit), marks, strong=True))
    if not rows:
        return ""
    axes = rows_drawn(rows, start=0.0)
    svg.ticks(axes, "x", shares=task.shares)
    svg.x_title(axes, axis_name(summary))
    said = "; ".join(f"{row.label} {row.note}" for row in rows)
    return svg.finish(axes, "answer", f"{task.error} of each model, smaller is better. {said}.")


def _hollow(interval: Interval | None, color: str) -> tuple[Mark, ...]:
    return () if interval is None else (Mark(interval, color, filled=False),)


def axis_name(summary: Summary) -> str:
    """The name of an axis of errors."""
    task = summary.task
    unit = f" in {task.unit}" if task.unit and not task.shares else ""
    return f"{task.error}{unit} (smaller is better)"


def budget(summary: Summary, item: Budget, name: str) -> str:
    """A waterfall from the floor to the last error: each gap starts where the one before ended, at a named error."""
    unit = wording.unit_of(summary.task)
    axes = _canvas(len(item.gaps) + 1)
    floor = item.floor
    known = floor.low == floor.high
    least = _level(floor.low, unit) if known else _range(floor, unit)
    _label(axes, 0, Row(f"Lowest possible error{'' if known else ' (range)'}", least, ()))
    _bar(axes, MARK_AT, (floor.low, floor.high), svg.SOFT, alpha=1.0)
    if known:
        axes.plot([floor.low, floor.low], [MARK_AT - 6, MARK_AT + 6], color=svg.MUTED, linewidth=2)
    level, ends = floor.value, [floor.high]
    names = {**REACHED, "variance": "held-out" if any(part.name == "mismatch" for part in item.gaps) else "dev"}
    reached: list[tuple[float, tuple[float, ...], str]] = []
    for index, part in enumerate(item.gaps, start=1):
        color = svg.ACCENT if part.found else svg.MUTED
        _label(axes, index, Row(_gap_name(part), wording.difference(part.gap, unit), ()))
        y, end = index * ROW + MARK_AT, level + part.gap.value
        if not math.isfinite(end):  # the text says so; the next bar starts where this one would have
            continue
        axes.plot([level, level], [y - ROW, y + 6], color=svg.MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
        _bar(axes, y, (level, end), color)
        _whisker(axes, y, Mark(Interval(end, level + part.gap.low, level + part.gap.high), color))
        taken = (level, end, level + part.gap.low, level + part.gap.high)
        reached.append((y, taken, f"{names.get(part.name, '')} {_level(end, unit)}"))
        ends += [level + part.gap.high, end]
        level = end
    axes.set_xlim(0, _furthest(ends))
    for y, drawn, text in reached:
        _beside(axes, y, drawn, text)
    svg.ticks(axes, "x", shares=summary.task.shares)
    svg.x_title(axes, f"{summary.task.error}, adding up")
    said = "; ".join(f"{part.name} {wording.difference(part.gap, unit)}" for part in item.gaps)
    return svg.finish(axes, name, f"Error budget of {item.of}: floor {least}; {said}.")


def _level(value: float, unit: str) -> str:
    """An error that the waterfall reaches."""
    return f"{wording.number(100 * value if unit == '%' else value)} {unit}".rstrip()


def _beside(axes: Axes, y: float, taken: Sequence[float], text: str) -> None:
    """Small text to the right of what is drawn on this line, or to its left; none where neither side has room."""
    edge = axes.get_xlim()[1]
    gap, width = edge * SPACE / svg.WIDTH, edge * len(text) * CHARACTER / svg.WIDTH
    drawn = [min(max(end, 0.0), edge) for end in taken if math.isfinite(end)]
    if max(drawn) + gap + width <= edge:
        svg.write(axes, (max(drawn) + gap, y), text, color=svg.MUTED, size=svg.SMALL, va="center")
    elif min(drawn) - gap - width >= 0:
        svg.write(axes, (min(drawn) - gap, y), text, color=svg.MUTED, align="right", size=svg.SMALL, va="center")


def _gap_name(part: Gap) -> str:
    """The gap's name, and for one that is no finding, why."""
    name = f"{part.name[:1].upper()}{part.name[1:]}"
    if part.found:
        return name
    name = name.replace("overfitting", "overfit")  # beside what follows there is no room
    if part.gap.low > 0:
        return f"{name}, small"
    return f"{name}, within noise" if part.gap.high >= 0 else f"{name}, none"


def _bar(axes: Axes, y: float, ends: tuple[float, float], color: str, *, alpha: float = 0.45) -> None:
    """A bar from one end to the other; nothing where an end could not be computed."""
    if all(math.isfinite(end) for end in ends):
        axes.barh(y, ends[1] - ends[0], left=ends[0], height=11, color=color, alpha=alpha)


def _furthest(ends: Sequence[float]) -> float:
    """Where a scale from 0 ends."""
    return 1.04 * max((end for end in ends if math.isfinite(end)), default=0.0) or 1.0


def _range(floor: Interval, unit: str) -> str:
    scale = 100.0 if unit == "%" else 1.0
    return f"{wording.number(floor.low * scale)} to {wording.number(floor.high * scale)} {unit}".rstrip()


def experiments(items: Sequence[ExperimentResult], name: str) -> str:
    """A forest plot of gains in one unit; right of zero is better, kept ones stand out."""
    rows = [
        Row(
            f"{'✓ ' if item.kept else ''}{item.title}",
            wording.gain(item),
            (Mark(Interval(item.gain, item.low, item.high), svg.ACCENT if item.kept else svg.MUTED, item.kept),),
            strong=item.kept,
        )
        for item in items
    ]
    axes = rows_drawn(rows)
    axes.axvline(0, color=svg.INK, linewidth=1)
    unit = wording.gain_unit(items[0].unit)
    svg.ticks(axes, "x", shares=False)
    if items[0].unit == "%":
        axes.xaxis.set_major_formatter(lambda value, _: svg.tick(value * 100))
    svg.x_title(axes, f"← worse   gain{f' in {unit}' if unit else ''}   better →")
    said = "; ".join(f"{item.title} {wording.gain(item)}{', kept' if item.kept else ''}" for item in items)
    return svg.finish(axes, name, f"Gain of each remedy, with its interval: {said}.")


def importance(items: Sequence[Importance]) -> str:
    """How much of the dev error's variation each hyperparameter explains, the greatest first."""
    tiers = {1: "tune 1st", 2: "tune 2nd", 3: "tune 3rd"}
    order = sorted(items, key=lambda item: (-item.share.value, item.name))
    axes = _canvas(len(order))
    for index, item in enumerate(order):
        tier = tiers.get(item.course_order or 0, "")
        label = f"{item.name}{f'  ({tier})' if tier else ''}"
        _label(axes, index, Row(label, wording.span(item.share, "%"), ()))
        y = index * ROW + MARK_AT
        _bar(axes, y, (0.0, item.share.value), svg.COOL)
        _whisker(axes, y, Mark(item.share, svg.COOL))
    axes.set_xlim(0, _furthest([0.01, *(v for item in order for v in (item.share.value, item.share.high))]))
    svg.ticks(axes, "x", shares=True)
    svg.x_title(axes, "share of the dev error's variation")
    said = "; ".join(f"{item.name} {wording.span(item.share, '%')}" for item in order)
    return svg.finish(axes, "importance", f"Importance of each hyperparameter: {said}.")


def rows_drawn(rows: Sequence[Row], *, start: float | None = None, reach: float | None = None) -> Axes:
    """Draws the rows, and fits the scale to their marks.

    Args:
        rows: From top to bottom.
        start: Where the scale starts; None: at the marks' own end.
        reach: How far from zero the scale goes at most; a value beyond is an arrow at its end. None: to every value.
    """
    axes = _canvas(len(rows))
    marks = [mark for row in rows for mark in row.marks if math.isfinite(mark.interval.value)]
    values = [mark.interval.value for mark in marks]
    cut = (OVERFLOW * max(map(abs, values), default=1.0) or 1.0) if reach is None else reach
    ends = [v for mark in marks for v in (mark.interval.low, mark.interval.high) if math.isfinite(v)]
    ends = [0.0, *(max(-cut, min(cut, v)) for v in (*ends, *values))]
    low, high = (min(ends) if start is None else start), max(ends)
    pad = 0.04 * (high - low) or 1.0
    axes.set_xlim(low - (pad if start is None else 0.0), high + pad)
    for index, row in enumerate(rows):
        _label(axes, index, row)
        for place, mark in enumerate(row.marks):
            _whisker(axes, index * ROW + MARK_AT + 5 * place - (1 if len(row.marks) > 1 else 0), mark)
    return axes


def _canvas(rows: int) -> Axes:
    axes = svg.drawing(rows * ROW + 40, left=12, right=12)
    axes.set_ylim(rows * ROW, 0)
    axes.set_yticks([])
    return axes


def _label(axes: Axes, index: int, row: Row) -> None:
    """Name on the left, numbers on the right, in a line of their own above the marks: it fits a phone."""
    weight = "bold" if row.strong else "normal"
    at, where = index * ROW + TEXT_AT, blended_transform_factory(axes.figure.transFigure, axes.transData)
    label = wording.shorten(wording.plain(row.label), LINE_OF_TEXT - len(row.note))
    svg.write(axes, (0, at), label, fontweight=weight, transform=where)
    svg.write(axes, (1, at), row.note, color=svg.INK if row.strong else svg.MUTED, align="right", transform=where)


def _whisker(axes: Axes, y: float, mark: Mark) -> None:
    """The interval as a line, cut with an arrow where it leaves the scale, and the value as a dot.

    A value that could not be computed is left to the text above; an end that could not, stays at the value.
    """
    if not math.isfinite(mark.interval.value):
        return
    left, right = axes.get_xlim() if axes.get_autoscalex_on() is False else (-math.inf, math.inf)
    low, high = (v if math.isfinite(v) else mark.interval.value for v in (mark.interval.low, mark.interval.high))
    axes.plot([max(low, left), min(high, right)], [y, y], color=mark.color, linewidth=2, solid_capstyle="butt")
    for end, edge, arrow in ((low, left, "<"), (-high, -right, ">")):
        if end < edge:
            axes.plot([edge if arrow == "<" else -edge], [y], arrow, color=mark.color, markersize=5, clip_on=False)
    if not left <= mark.interval.value <= right:
        return  # the arrow says where it lies
    fill = mark.color if mark.filled else svg.PANEL
    axes.plot(
        [mark.interval.value], [y], "o", color=mark.color, markerfacecolor=fill, markersize=7, markeredgewidth=1.6
    )
