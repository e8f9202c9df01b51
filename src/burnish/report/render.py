"""The report: one page of HTML that loads nothing, from a summary."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from burnish.report import curves, figures, predicted, svg, times, wording
from burnish.report.summary import ExperimentResult, Shape, Summary

REJECTS_SHOWN = 50
CONTENTS = (
    ("answer", "Answer"),
    ("data", "Data"),
    ("start", "Where it started"),
    ("recipe", "Recipe"),
    ("search", "Search"),
    ("final", "Final model"),
    ("again", "Doing it again"),
)
_TICKED = re.compile("`([^`]+)`")
_OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*[a-z]")  # of the command, as in --time-limit
# Pages that may lie beside a report, and what they show.
BESIDE = {
    "ablation.html": "What each technique is worth: the network with each taken away or put in, one at a time",
    "explain.html": "Why it works, on your own data: the curves behind each technique, and what they show here",
}


def render(summary: Summary, *, beside: Sequence[str] = ()) -> str:
    """The page as text. Every name from the data is escaped; the same arguments give the same text.

    Args:
        summary: What the run found.
        beside: Files in the report's folder, of BESIDE, that the page leads to.
    """
    depths, shape_rows = _shapes(summary.search.shapes if summary.search else ())
    final = summary.final
    with svg.look():
        drawn = _figures(summary)
        budgets = [(b, Markup(figures.budget(summary, b, f"budget{i}"))) for i, b in enumerate(summary.budgets)]
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            s=summary,
            run=summary.run,
            task=summary.task,
            unit=wording.unit_of(summary.task),
            words=wording,
            contents=_contents(summary, beside),
            beside=[(name, BESIDE[name]) for name in beside],
            figures=drawn,
            budgets=budgets,
            helped=wording.helped(summary),
            next_steps=wording.next_steps(summary),
            has_test=any(b.test for b in summary.baselines) or (final is not None and final.test is not None),
            baselines_tested=any(b.test for b in summary.baselines),
            shown_rejects=summary.rejects[:REJECTS_SHOWN],
            of_images=any(column.kind == "image" for column in summary.columns),
            depths=depths,
            shape_rows=shape_rows,
            residuals=_residuals(summary),
            predicted_caption=_predicted_caption(summary),
        )
    )


@cache
def environment() -> Environment:
    """The templates, and how they write intervals and names."""
    environment = Environment(
        loader=PackageLoader("burnish.report"),
        autoescape=True,
        finalize=_tame,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        span=wording.span,
        value=wording.value_of,
        bare=wording.bare,
        range=wording.range_of,
        duration=times.duration,
        moment=times.moment,
        number=wording.number,
        share=wording.share,
        code=_code,
    )
    return environment


def _tame(value: Any) -> Any:
    """What is no markup of ours is one line without control characters; escaping comes after this."""
    return value if isinstance(value, Markup) else wording.plain(str(value))


def _code(text: str) -> Markup:
    """A sentence of ours in which what stands between backticks is set as code, and no option is broken into two lines;
    all else is escaped.
    """
    made = _TICKED.sub(r"<code>\1</code>", str(escape(wording.plain(text))))
    return Markup(_OPTION.sub(r'<span class="option">\g<0></span>', made))


def _contents(summary: Summary, beside: Sequence[str]) -> tuple[tuple[str, str], ...]:
    """The sections by id and title, those of images and of the appendix where there are some."""
    before, again = CONTENTS[:-1], CONTENTS[-1:]
    shown = (("pictures", "Pictures"),) if summary.pictures else ()
    return (*before, *shown, *again, *((("beside", "Appendix"),) if beside else ()))


def _figures(summary: Summary) -> dict[str, Any]:
    """Each drawing by its name; "" where there is nothing to draw. The SVGs have escaped their names themselves."""
    search, curve, rows = summary.search, summary.learning_curve, summary.predictions
    drawn = rows if predicted.usable(rows) else None
    by_class = summary.task.shares
    return {
        "answer": Markup(figures.answer(summary)),
        "experiments": [
            Markup(figures.experiments(items, f"experiments{i}"))
            for i, items in enumerate(_by_unit(summary.experiments))
        ],
        "learning": Markup(curves.learning(summary, curve) if curve and curve.points else ""),
        "draws": Markup(curves.draws(summary, search) if search else ""),
        "importance": Markup(figures.importance(search.importance) if search and search.importance else ""),
        "training": Markup(curves.training(summary.training)),
        "predictions": Markup(
            "" if drawn is None else predicted.reliability(drawn) if by_class else predicted.scatter(summary, drawn)
        ),
        "confusion": Markup("" if drawn is None or not by_class else predicted.confusion(summary, drawn)),
        "classes": Markup("" if drawn is None or not by_class else predicted.by_class(summary, drawn)),
    }


def _by_unit(items: Sequence[ExperimentResult]) -> list[list[ExperimentResult]]:
    """Gains in different units do not share an axis."""
    return [[item for item in items if item.unit == unit] for unit in dict.fromkeys(item.unit for item in items)]


def _shapes(shapes: Sequence[Shape]) -> tuple[list[int], list[tuple[int, list[Shape | None]]]]:
    """Depths across, widths down."""
    depths = sorted({shape.depth for shape in shapes})
    found = {(shape.width, shape.depth): shape for shape in shapes}
    return depths, [(width, [found.get((width, d)) for d in depths]) for width in sorted({s.width for s in shapes})]


def _residuals(summary: Summary) -> tuple[tuple[str, float], ...]:
    rows = summary.predictions
    if rows is None or summary.task.shares or not predicted.usable(rows):
        return ()
    return predicted.residual_quantiles(rows)


def _predicted_caption(summary: Summary) -> str:
    rows = summary.predictions
    if rows is None:
        return ""
    if summary.task.shares:
        line = "On the dashed line the model is as sure as it should be; below it, too sure."
        return f"{predicted.trust(rows)} {line}" if predicted.usable(rows) else line
    return f"Each dot is one of the {rows.part} rows; on the dashed line the prediction is exact."
