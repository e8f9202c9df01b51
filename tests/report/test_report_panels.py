"""The page of an explanation, its charts and its lines."""

from __future__ import annotations

import re

import pytest

from burnish.report import explain_page, panel_figures, render, summary, svg
from burnish.report.panel import Chart, Explanation, Panel, Series


def chart(**more) -> Chart:
    series = [
        Series(name="with", x=[1, 10, 100], y=[1.0, 0.1, 0.01], low=[0.9, 0.05, None], high=[1.1, 0.2, None]),
        Series(name="without", x=[1, 10, 100], y=[1.0, None, 0.012], look="muted", dashed=True),
        Series(name="draws", x=[1, 100], y=[0.5, 0.7], look="cool", points=True),
    ]
    return Chart(**{"x_name": "step", "y_name": "cost", "series": series, **more})


def made(**more) -> Explanation:
    panels = [
        Panel(name="one", techniques=["D4"], title="Momentum", finding="Momentum <did> not help.", charts=[chart()]),
        Panel(name="two", techniques=["D1"], title="Batch sizes", finding="There are 3 rows.", made=False),
    ]
    values = {
        "run": "runs/one",
        "data": "houses",
        "target": "price",
        "made": "2026-11-26T09:00:00+00:00",
        "network": "draw001-s0",
        "fold": 0,
        "rows": 600,
        "rows_of_fold": 700,
        "dev_rows": 165,
        "cost": "RMSE",
        "panels": panels,
        "elapsed_s": 45.0,
        "page": "runs/one/explain.html",
    }
    return Explanation(**values | more)


def test_the_page_is_one_file_that_loads_nothing_and_escapes_names():
    page = explain_page.render(made(data="<script>alert(1)</script>", target='"><img src=x>'))

    assert "<script" not in page
    assert "<img" not in page
    assert "Momentum &lt;did&gt; not help." in page
    assert re.findall(r'(?:src|href)="(?!#)', page) == []
    assert "default-src 'none'" in page
    assert page == explain_page.render(made(data="<script>alert(1)</script>", target='"><img src=x>'))


def test_what_cannot_be_seen_is_listed_with_its_reason():
    page = explain_page.render(made())
    lines = explain_page.lines(made())

    assert "Batch sizes: There are 3 rows." in page
    assert "  Momentum: Momentum <did> not help." in lines
    assert "  Batch sizes: There are 3 rows." in lines
    assert lines[-1] == "Page: runs/one/explain.html"


@pytest.mark.parametrize("log_x", [False, True])
@pytest.mark.parametrize("log_y", [False, True])
def test_a_chart_names_its_curves_and_says_their_ends(log_x, log_y):
    with svg.look():
        drawn = panel_figures.draw(chart(log_x=log_x, log_y=log_y, at=10.0, at_name="stop"), "one")

    for text in ("with", "without", "draws", "stop", "step", "cost"):
        assert re.search(rf">\s*{text}\s*</text>", drawn), text
    assert "without: from 1 at 1 to 0.012 at 100" in drawn
    assert "var(--accent)" in drawn


def test_values_that_cannot_stand_on_a_log_scale_are_left_out():
    """Zeros, for one; a curve of nothing else is not named."""
    series = [Series(name="zeros", x=[1, 2], y=[0.0, 0.0]), Series(name="ones", x=[0, 2], y=[1.0, 2.0])]
    with svg.look():
        drawn = panel_figures.draw(Chart(x_name="x", y_name="y", log_x=True, log_y=True, series=series), "one")

    assert not re.search(r">\s*zeros\s*</text>", drawn)
    assert "ones: from 2 at 2" in drawn


def test_places_have_names():
    with svg.look():
        drawn = panel_figures.draw(
            Chart(x_name="", y_name="y", places=["low", "high"], series=[Series(name="a", x=[0, 1], y=[1.0, 2.0])]),
            "one",
        )

    assert re.search(r">\s*low\s*</text>", drawn)


def test_a_report_leads_to_what_lies_beside_it():
    """And to nothing else."""
    page = render.render(_summary(), beside=("explain.html",))

    assert 'href="explain.html"' in page
    assert 'href="ablation.html"' not in page
    assert "explain.html" not in render.render(_summary())


def _summary() -> summary.Summary:
    from pathlib import Path

    return summary.from_json((Path(__file__).parent / "vehicle.json").read_text("utf-8"))
