"""The page of an ablation: one file of HTML that loads nothing, in the report's style."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from burnish.report import ablation_text, figures, svg, wording
from burnish.report.ablation import Document, TechniqueRecord
from burnish.report.render import environment
from burnish.stats.interval import Interval
from burnish.train.configuration import OF_THE_PERCEPTRON

# The scale reaches this many times as far as the median worth or end of an interval: one technique without which
# nothing trains must not press all others onto zero. What lies beyond is an arrow, with its number above.
REACH = 4.0
COLORS = {"helps": svg.ACCENT, "hurts": svg.COOL}


def render(item: Document, *, appendix: str = "explain.html") -> str:
    """The page as text; every name from the data is escaped, and the same document gives the same text.

    Args:
        item: The document.
        appendix: Where the page of its explanation lies, if it has one, as the page leads there.
    """
    with svg.look():
        drawn = Markup(figure(item) if item.judged else "")
    return (
        environment()
        .get_template("ablation.html.j2")
        .render(
            d=item,
            t=ablation_text,
            words=wording,
            figure=drawn,
            configuration=_settings(item),
            appendix=appendix,
        )
    )


def figure(item: Document) -> str:
    """A dot with its interval for each technique, the greatest worth first; right of zero it helps."""
    ranked = item.ranked()
    rows = [
        figures.Row(one.title, ablation_text.worth(one.worth, item.unit), (_mark(one),), strong=one.verdict in COLORS)
        for one in ranked
    ]
    axes = figures.rows_drawn(rows, reach=_reach(ranked))
    axes.axvline(0, color=svg.INK, linewidth=1)
    svg.ticks(axes, "x", shares=False)
    if item.unit == "%":
        axes.xaxis.set_major_formatter(lambda value, _: svg.tick(value * 100))
    unit = ablation_text.unit_name(item.unit)
    svg.x_title(axes, f"← hurts · fall of {item.chosen_by}{f' in {unit}' if unit else ''} · helps →")
    said = "; ".join(f"{one.title} {ablation_text.worth(one.worth, item.unit)}, {one.verdict}" for one in ranked)
    return svg.finish(axes, "worth", f"What having each technique is worth, with its interval: {said}.")


def _mark(one: TechniqueRecord) -> figures.Mark:
    assert one.worth is not None
    found = Interval(one.worth.value, one.worth.low, one.worth.high)
    return figures.Mark(found, COLORS.get(one.verdict, svg.MUTED), one.verdict in COLORS)


def _reach(ranked: Sequence[TechniqueRecord]) -> float:
    ends = [abs(v) for one in ranked if one.worth for v in (one.worth.value, one.worth.low, one.worth.high)]
    return REACH * float(np.median(ends)) or 1.0


def _settings(item: Document) -> list[tuple[str, str]]:
    """The network's settings, for reading: those that it has."""
    own = item.configuration.get("model", "")
    hidden = OF_THE_PERCEPTRON if own else ("model",)
    shown = {name: value for name, value in item.configuration.items() if name not in hidden}
    return [(name.replace("_", " "), _shown(value)) for name, value in shown.items()]


def _shown(value: object) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(_shown, value))
    return f"{value:.3g}" if isinstance(value, float) else str(value)
