"""The document of an ablation, its schema in the docs, its page and its lines."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from burnish.report import ablation, ablation_page, ablation_text
from burnish.report.ablation import Document, LeftOutRecord, RateRecord, TechniqueRecord, WorthRecord
from burnish.report.panel import Chart, Explanation, Panel, Series
from burnish.train.configuration import Configuration

jsonschema = pytest.importorskip("jsonschema", reason="the schema is checked by an independent validator")

DOCS = Path(__file__).resolve().parents[2] / "docs"


def technique(name: str, value: float | None, half: float, *, present: bool = True, **more) -> TechniqueRecord:
    worth = None
    verdict = "not judged"
    if value is not None:
        worth = WorthRecord(value=value, low=value - half, high=value + half, p_value=0.5, smallest_seen=1.2 * half)
        verdict = "helps" if worth.low > 0 else "hurts" if worth.high < 0 else "no difference seen"
    values = {
        "with_it": f"{name} on",
        "without_it": f"{name} off",
        "with_cost": None if value is None else 4.0,
        "without_cost": None if value is None else 4.0 + value,
        "seeds": 6,
        "rate": None,
        "rates": [],
        "diverged": 0,
        "note": "",
    }
    return TechniqueRecord(
        name=name, title=name.title(), present=present, worth=worth, worth_error=worth, verdict=verdict, **values | more
    )


def made(**more) -> Document:
    rates = [RateRecord(rate=0.01, cost=5.0), RateRecord(rate=0.1, cost=4.5), RateRecord(rate=0.3, cost=None)]
    techniques = [
        technique("normalisation", 0.4, 0.2),
        technique("weights", 12.0, 1.0, diverged=2),
        technique("momentum", 0.1, 0.3, rate=0.1, rates=rates),
        technique("noise", -0.5, 0.2, present=False),
        technique("average", None, 0.0, present=False),
    ]
    values = {
        "schema_version": ablation.SCHEMA_VERSION,
        "run": "burnish-runs/one",
        "data": "houses",
        "target": "price",
        "task": "regression",
        "made": "2026-11-26T09:00:00+00:00",
        "network": "draw001-s0",
        "delivered": True,
        "configuration": Configuration().to_json(),
        "chosen_by": "RMSE",
        "unit": "",
        "error": "RMSE",
        "error_unit": "",
        "level": 0.95,
        "seeds": 6,
        "seeds_asked": 6,
        "folds": 1,
        "folds_of_run": 5,
        "dev_rows": 165,
        "training_rows": 600,
        "training_rows_of_run": 600,
        "techniques": techniques,
        "left_out": [LeftOutRecord(title="L2", why="the time was not enough")],
        "trainings": 30,
        "elapsed_s": 65.0,
        "limit_s": 120.0,
        "page": "burnish-runs/one/ablation.html",
    }
    return Document(**values | more)


def test_the_schema_in_the_docs_is_the_one_of_the_code():
    """Write it anew with `python -m burnish.report.ablation > docs/ablation.schema.json`."""
    assert json.loads((DOCS / "ablation.schema.json").read_text()) == ablation.schema()


def test_a_document_keeps_to_the_schema_and_a_wrong_one_does_not():
    schema = json.loads((DOCS / "ablation.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    document = json.loads(made().model_dump_json())

    validator.validate(document)
    assert not validator.is_valid({**document, "seeds": None})
    assert not validator.is_valid({**document, "unknown": 1})


def test_the_page_is_one_file_that_loads_nothing_and_escapes_names():
    page = ablation_page.render(made(data="<script>alert(1)</script>", target='"><img src=x>'))

    assert "<script" not in page
    assert "<img" not in page
    assert re.findall(r'(?:src|href)="(?!#)', page) == []
    assert "default-src 'none'" in page
    assert page == ablation_page.render(made(data="<script>alert(1)</script>", target='"><img src=x>'))


def test_the_page_shows_every_technique_with_its_worth():
    page = ablation_page.render(made())

    for one in made().techniques:
        assert one.title in page
        assert one.verdict in page
    assert page.count("+0.40 [0.20, 0.60]") >= 2  # in the figure and in the table
    assert "0.01: 5.00; 0.1: 4.50 (chosen); 0.3: –" in page


def test_one_technique_without_which_nothing_trains_does_not_press_the_others_onto_zero():
    """The scale reaches a few times as far as usual worths do; what lies beyond is an arrow."""
    ranked = made().ranked()

    assert ablation_page._reach(ranked) < 3.0
    assert "+12.0 [11.0, 13.0]" in ablation_page.figure(made())


def test_lines_say_what_helps_what_hurts_and_what_weakens_it():
    lines = ablation_text.lines(made(seeds=3))
    text = "\n".join(lines)

    assert "Helps here: Weights (+12.0 [11.0, 13.0]) and Normalisation (+0.40 [0.20, 0.60])." in lines
    assert "Hurts here: Noise (−0.50 [−0.70, −0.30])." in lines
    assert "Of 1 technique no difference was seen" in text
    assert "momentum off at 0.1" in text
    assert "3 seeds instead of 6" in text
    assert "Weights: 2 trainings of weights off diverged" in text
    assert "L2 (the time was not enough)" in text
    assert lines[-1] == "Page: burnish-runs/one/ablation.html"


def test_a_classifier_has_its_worth_in_both_units():
    """Nats choose, and points of the error rate are what a person understands."""
    text = "\n".join(
        ablation_text.lines(made(task="classification", chosen_by="log-loss", unit="nats", error_unit="%"))
    )

    assert "+0.40 nats [0.20, 0.60]" in text
    assert "+40 points [20, 60]" in text


def test_names_from_the_data_cannot_drive_a_terminal():
    assert "\x1b" not in "\n".join(ablation_text.lines(made(network="a\x1b[2J")))


def explained() -> Document:
    chart = Chart(x_name="step", y_name="cost", series=[Series(name="momentum", x=[1.0, 2.0], y=[2.0, None])])
    panels = [
        Panel(name="paths", techniques=["D4"], title="Paths", finding="Momentum <did> not help.", charts=[chart]),
        Panel(name="noise", techniques=["E5"], title="Noise", finding="Too few rows.", made=False),
    ]
    found = Explanation(
        run="run",
        data="houses",
        target="price",
        made="2026",
        network="n",
        fold=0,
        rows=9,
        rows_of_fold=9,
        dev_rows=3,
        cost="RMSE",
        panels=panels,
        elapsed_s=1.0,
        page="explain.html",
    )
    return made(explain=found)


def test_a_document_with_its_explanation_keeps_to_the_schema():
    schema = json.loads((DOCS / "ablation.schema.json").read_text())
    document = json.loads(explained().model_dump_json())

    jsonschema.Draft202012Validator(schema).validate(document)
    document["explain"]["panels"][0]["finding"] = None
    assert not jsonschema.Draft202012Validator(schema).is_valid(document)


def test_the_page_says_why_where_that_was_asked_for():
    """What was found, with a link to its curves; not what could not be made."""
    page = ablation_page.render(explained(), appendix="elsewhere/explain.html")

    assert '<a href="elsewhere/explain.html#paths">Paths</a>: Momentum &lt;did&gt; not help.' in page
    assert "Too few rows." not in page
    assert "explain.html" not in ablation_page.render(made())


def test_a_reason_is_said_once_for_all_that_it_holds_for():
    """Many techniques may be left out for one reason: terminal and page name them together."""
    why = "it is a matter of the model"
    records = [LeftOutRecord(title=title, why=why) for title in ("Dropout", "Bins")]
    records.insert(1, LeftOutRecord(title="L2", why="the time was not enough"))
    item = made(left_out=records)

    assert ablation_text.left_out(item) == (("Dropout, Bins", why), ("L2", "the time was not enough"))
    assert f"Not tried: Dropout, Bins ({why}); L2 (the time was not enough)." in "\n".join(ablation_text.lines(item))
    assert ablation_page.render(item).count(why) == 1
