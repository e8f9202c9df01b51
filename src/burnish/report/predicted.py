"""What the final model predicts against what is true, on rows that trained nothing."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from burnish.report import figures, svg, wording
from burnish.report.summary import Predictions, Summary
from burnish.stats import interval
from burnish.units import percent

POINTS_SHOWN = 700  # keeps the drawing under 60 kB
CLASSES_SHOWN = 20  # a larger confusion matrix is illegible on a phone
# Rows a bin of the reliability diagram holds at least: at 50, a share of one half is known to ± 14 points.
BIN_ROWS = 50
BINS = 10
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows of like confidence: what was said, and how often it came true."""

    said: float
    came: interval.Interval
    rows: int


def reliability_bins(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> tuple[Bin, ...]:
    """Bins of equal numbers of rows (both arguments (rows,)), each share with its exact interval.

    Equal numbers, as bins of equal width are almost empty where a good model is rarely unsure.
    """
    order = np.argsort(confidence, kind="stable")
    parts = np.array_split(order, max(1, min(BINS, len(order) // BIN_ROWS)))
    bins = []
    for part in parts:
        came = interval.proportion(int(right[part].sum()), len(part))
        bins.append(Bin(float(confidence[part].mean()), came, len(part)))
    return tuple(bins)


def trust(item: Predictions) -> str:
    """How far probabilities can be trusted, in words: on the whole, and where it is worst."""
    observed, predicted = np.asarray(item.observed, dtype=int), np.asarray(item.predicted, dtype=float)
    sure, right = predicted.max(axis=1), predicted.argmax(axis=1) == observed
    share = interval.proportion(int(right.sum()), len(right))
    off = interval.mean(sure - right)
    way = "as sure as it should be, as far as can be told"
    if off.low > 0 or off.high < 0:
        way = "too sure" if off.value > 0 else "not sure enough"
    whole = (
        f"On {len(right):,} {item.part} rows it was {100 * sure.mean():.1f} % sure of its class on average, and right "
        f"in {wording.span(share, '%')}: {way} ({wording.difference(off, '%')})."
    )
    bins = reliability_bins(sure, right)
    # Each of them is looked at, so that each has its share of the chance of a false alarm (Bonferroni).
    level = 1 - (1 - interval.LEVEL) / len(bins)
    exact = [interval.proportion(b.came.value * b.rows, b.rows, level=level) for b in bins]
    astray = [b for b, came in zip(bins, exact, strict=True) if not came.low <= b.said <= came.high]
    if not astray:
        return f"{whole} From its surest rows to its least sure ones, nowhere is it surely off."
    worst = max(astray, key=lambda b: abs(b.said - b.came.value))
    came = wording.span(worst.came, "%")
    return f"{whole} Farthest off: where it said {100 * worst.said:.1f} %, it was right in {came}."


def reliability(item: Predictions) -> str:
    """How often the predicted class is right, against how sure the model was."""
    observed, predicted = np.asarray(item.observed, dtype=int), np.asarray(item.predicted, dtype=float)
    bins = reliability_bins(predicted.max(axis=1), predicted.argmax(axis=1) == observed)
    axes = svg.drawing(300, left=46, right=14, top=24)
    axes.grid(axis="y", color=svg.LINE, linewidth=0.8)
    least = min(1 / predicted.shape[1], *(b.came.low for b in bins))
    axes.plot([least, 1], [least, 1], color=svg.MUTED, linewidth=1, linestyle=(0, (4, 3)))
    for b in bins:
        axes.plot([b.said, b.said], [b.came.low, b.came.high], color=svg.ACCENT, linewidth=2, solid_capstyle="butt")
        axes.plot([b.said], [b.came.value], "o", color=svg.ACCENT, ms=6)
    axes.set_xlim(least, 1.01)
    axes.set_ylim(least, 1.01)
    svg.ticks(axes, "x", shares=True, most=5)
    svg.ticks(axes, "y", shares=True, most=5)
    svg.y_title(axes, "how often it was right")
    svg.x_title(axes, "how sure the model was")
    said = "; ".join(f"said {percent(b.said)}, right {percent(b.came.value)} of {b.rows} rows" for b in bins)
    return svg.finish(axes, "reliability", f"Reliability diagram: {said}.")


def confusion_counts(item: Predictions, classes: int) -> NDArray[np.int64]:
    """Rows by (true class, predicted class); (classes, classes)."""
    counts = np.zeros((classes, classes), dtype=np.int64)
    predicted = np.asarray(item.predicted, dtype=float).argmax(axis=1)
    np.add.at(counts, (np.asarray(item.observed, dtype=int), predicted), 1)
    return counts


def confusion(summary: Summary, item: Predictions) -> str:
    """The confusion matrix, each row shaded by its shares. "" with more classes than are legible."""
    names = summary.task.classes
    size = len(names)
    if not 2 <= size <= CLASSES_SHOWN:
        return ""
    counts = confusion_counts(item, size)
    text = svg.TEXT if size <= 8 else 8.0
    margin = min(110.0, 14 + 0.6 * text * max(len(wording.shorten(name, 14)) for name in names))
    cell = (svg.WIDTH - margin - 6) / size
    height = min(cell, 44.0)
    axes = svg.drawing(height * size + 64, left=margin, right=6, top=22, bottom=42)
    axes.grid(visible=False)
    for row in range(size):
        for column in range(size):
            share = counts[row, column] / max(1, counts[row].sum())
            color = svg.COOL if row == column else svg.ACCENT
            axes.fill_between([column, column + 1], row, row + 1, color=color, alpha=round(0.6 * share, 3), linewidth=0)
            if counts[row, column]:
                svg.write(
                    axes, (column + 0.5, row + 0.5), f"{counts[row, column]}", align="center", size=text, va="center"
                )
        name = wording.shorten(wording.plain(names[row]), 14)
        svg.write(axes, (-0.08, row + 0.5), name, align="right", color=svg.MUTED, size=text, va="center")
        longest = max(2, int(cell / (0.6 * text)))
        svg.write(
            axes,
            (row + 0.5, size + 0.1),
            wording.shorten(name, longest),
            align="center",
            color=svg.MUTED,
            size=text,
            va="top",
        )
    axes.set_xlim(0, size)
    axes.set_ylim(size, 0)
    axes.set_xticks([])
    axes.set_yticks([])
    svg.y_title(axes, "true class ↓   predicted class →")
    right = int(np.trace(counts))
    return svg.finish(axes, "confusion", f"Confusion matrix of {size} classes: {right} of {counts.sum()} rows right.")


def class_errors(summary: Summary, item: Predictions) -> tuple[tuple[str, interval.Interval, int], ...]:
    """Name, share of its rows that were taken for another class, and number of rows, of each class that has some."""
    counts = confusion_counts(item, len(summary.task.classes))
    return tuple(
        (name, interval.proportion(int(row.sum() - row[index]), int(row.sum())), int(row.sum()))
        for index, (name, row) in enumerate(zip(summary.task.classes, counts, strict=True))
        if row.sum()
    )


def by_class(summary: Summary, item: Predictions) -> str:
    """How often each class is taken for another, the worst first. "" with fewer than three classes or too many."""
    if not 3 <= len(summary.task.classes) <= CLASSES_SHOWN:
        return ""  # of two, the confusion matrix says it all
    found = sorted(class_errors(summary, item), key=lambda one: -one[1].value)
    rows = [
        figures.Row(name, f"{wording.span(error, '%')} of {rows:,}", (figures.Mark(error, svg.ACCENT),))
        for name, error, rows in found
    ]
    axes = figures.rows_drawn(rows, start=0.0)
    svg.ticks(axes, "x", shares=True)
    svg.x_title(axes, "share of the class's rows taken for another")
    said = "; ".join(f"{name} {wording.span(error, '%')}" for name, error, _ in found)
    return svg.finish(axes, "classes", f"Error of each class, with its interval: {said}.")


def scatter(summary: Summary, item: Predictions) -> str:
    """Predicted against observed values, with the line on which they agree."""
    observed, predicted = _pairs(item)
    keep = np.unique(np.linspace(0, len(observed) - 1, min(POINTS_SHOWN, len(observed))).astype(int))
    axes = svg.drawing(320, left=46, right=10, top=24)
    axes.grid(axis="y", color=svg.LINE, linewidth=0.8)
    low, high = float(min(observed.min(), predicted.min())), float(max(observed.max(), predicted.max()))
    pad = 0.03 * (high - low) or 1.0
    axes.plot([low - pad, high + pad], [low - pad, high + pad], color=svg.MUTED, linewidth=1, linestyle=(0, (4, 3)))
    axes.plot(observed[keep], predicted[keep], "o", color=svg.ACCENT, ms=3.5, alpha=0.5, markeredgewidth=0)
    axes.set_xlim(low - pad, high + pad)
    axes.set_ylim(low - pad, high + pad)
    svg.ticks(axes, "x")
    svg.ticks(axes, "y")
    target = wording.shorten(wording.plain(summary.run.target), 24)
    unit = f" ({summary.task.unit})" if summary.task.unit else ""
    svg.y_title(axes, f"predicted {target}{unit}")
    svg.x_title(axes, f"observed {target}{unit}")
    return svg.finish(axes, "scatter", f"Predicted against observed {target} for {len(keep)} {item.part} rows.")


def residual_quantiles(item: Predictions) -> tuple[tuple[str, float], ...]:
    """Quantiles of predicted minus observed, in the target's unit."""
    observed, predicted = _pairs(item)
    values = np.quantile(predicted - observed, QUANTILES)
    return tuple((f"{percent(share)}", float(value)) for share, value in zip(QUANTILES, values, strict=True))


def _pairs(item: Predictions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    observed, predicted = np.asarray(item.observed, dtype=float), np.asarray(item.predicted, dtype=float)[:, 0]
    finite = np.isfinite(observed) & np.isfinite(predicted)
    return observed[finite], predicted[finite]


def usable(item: Predictions | None) -> bool:
    """Whether there is anything to draw."""
    return item is not None and len(item.observed) > 0 and all(math.isfinite(v) for row in item.predicted for v in row)
