"""The page of an explanation, one file of HTML that loads nothing, and its lines on the terminal."""

from __future__ import annotations

from markupsafe import Markup

from burnish.data.harmless import harmless
from burnish.report import panel_figures, svg
from burnish.report.panel import Explanation
from burnish.report.render import environment


def render(item: Explanation) -> str:
    """The page as text; every name from the data is escaped, and the same record gives the same text."""
    with svg.look():
        drawn = {
            panel.name: [(title, Markup(figure)) for title, figure in panel_figures.charts(panel)]
            for panel in item.seen
        }
    missing = [panel for panel in item.panels if not panel.made]
    return environment().get_template("explain.html.j2").render(d=item, drawn=drawn, missing=missing)


def lines(item: Explanation) -> tuple[str, ...]:
    """What was found, as plain lines that are not wrapped."""
    said = ["Why it works, on these data:", *(f"  {panel.title}: {panel.finding}" for panel in item.seen)]
    missing = [panel for panel in item.panels if not panel.made]
    said += ["Not to be seen here:", *(f"  {panel.title}: {panel.finding}" for panel in missing)] if missing else []
    return tuple(harmless(line) for line in (*said, "", f"Page: {item.page}"))
