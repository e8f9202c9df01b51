"""From the folder of a finished run to panels, their page, their document, and links to it."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from burnish import errors
from burnish.executors import pool
from burnish.explaining import draws, explained, panels, search
from burnish.explaining.explained import Asked
from burnish.explaining.lab import Lab
from burnish.report.panel import Explanation
from burnish.train.configuration import Configuration
from burnish.workflow import appendix, improve, reading, reopening, settings
from burnish.workflow.events import Stage

CONCRETE = Path(__file__).resolve().parents[2] / "examples" / "concrete.csv"
SMALL = Configuration(
    widths=(16,), bins=4, norm="batch", batch_size=32, epochs=6, learning_rate=2e-2, activation="silu"
)
QUICK = ("conditioning", "scales", "averages")


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A finished run on a part of concrete, in which one network was trained and delivered; not to be changed."""
    path = tmp_path_factory.mktemp("explained")
    part = CONCRETE.read_text("utf-8").splitlines()
    kept = [part[0], *np.random.default_rng(0).permutation(part[1:])[:200]]
    (path / "part.csv").write_text("\n".join(kept) + "\n", "utf-8")
    asked = settings.make(target="compressive_strength", folds=2, start=SMALL, seed=3, jobs=1)
    manner = improve.Manner(in_process=True, yardstick=False, first_only=True)
    improve.run(improve.Request(reading.Sources(path / "part.csv"), asked, path / "run", manner=manner))
    return path / "run"


@pytest.fixture
def run(trained, tmp_path) -> Path:
    """A copy of it."""
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run"


@pytest.fixture
def quick(monkeypatch) -> None:
    """Panels that train little."""
    monkeypatch.setattr(panels, "PANELS", tuple(item for item in panels.PANELS if item[0]["name"] in QUICK))


@pytest.mark.usefixtures("quick")
def test_a_run_is_explained_beside_its_report(run):
    """The page and the document are there, the report leads to the page, and the run is otherwise as it was."""
    before = {p.name: p.read_bytes() for p in (run / "model").iterdir()}
    told = []
    found = explained.run(Asked(run, jobs=1), emit=told.append)
    kept = Explanation.model_validate_json((run / appendix.DOCUMENT_FILE).read_text("utf-8"))

    assert [panel.name for panel in found.panels] == list(QUICK)
    assert all(panel.made and panel.finding and panel.charts for panel in found.panels)
    assert kept.model_dump(mode="json") == found.document()
    assert (run / "explain.html").read_text("utf-8").startswith("<!doctype html>")
    assert 'href="explain.html"' in (run / "report.html").read_text("utf-8")
    assert {p.name: p.read_bytes() for p in (run / "model").iterdir()} == before
    assert not (run / "scratch").exists()
    assert {event.stage for event in told} == {Stage.EXPLAIN}
    assert kept.rows == kept.rows_of_fold == 80
    assert json.loads((run / appendix.DOCUMENT_FILE).read_text())["cost"].startswith("RMSE")
    by_name = {panel.name: panel for panel in found.panels}
    assert by_name["conditioning"].numbers["condition_after"] < by_name["conditioning"].numbers["condition_before"]


@pytest.mark.usefixtures("quick")
def test_what_the_time_was_not_enough_for_is_said(run):
    found = explained.run(Asked(run, time_limit=1e-6))

    assert {panel.finding for panel in found.panels} == {"The time was not enough for it."}
    assert not any(panel.made for panel in found.panels)


@pytest.mark.parametrize("asked", [{"time_limit": 0.0}, {"jobs": 0}])
def test_what_cannot_be_asked_for_is_refused(run, asked):
    with pytest.raises(errors.ConfigError, match=r"above 0|is 0"):
        explained.run(Asked(run, **asked))


def test_a_run_of_an_own_model_is_refused(run, monkeypatch):
    """Panels take burnish's own network apart."""
    own = reopening.Best("first-s0", Configuration(model="net.py:mine"), delivered=True)
    monkeypatch.setattr(reopening, "best_network", lambda *_: own)

    with pytest.raises(errors.ConfigError, match="cannot be explained"):
        explained.run(Asked(run))


def test_a_run_that_has_not_finished_is_refused(run):
    (run / "report.html").unlink()

    with pytest.raises(errors.ConfigError, match="has not finished"):
        explained.run(Asked(run))


def test_stopped_by_a_signal_nothing_is_left_behind(run, monkeypatch):
    def stopped(*_, **__):
        raise pool.Stopped(2)

    monkeypatch.setattr(panels, "make", stopped)
    before = sorted(p.name for p in run.iterdir())
    with pytest.raises(improve.Interrupted):
        explained.run(Asked(run))

    assert sorted(p.name for p in run.iterdir()) == before


@pytest.mark.slow
def test_every_panel_is_made_of_a_small_run(run):
    """But for two: two batch sizes need 128 rows, and this run has 80; and it did not search."""
    found = explained.run(Asked(run, time_limit=None, jobs=2))
    missing = {panel.name: panel.finding for panel in found.panels if not panel.made}

    assert len(found.panels) == len(panels.PANELS)
    assert missing.keys() == {"noise", "search"}
    assert missing["noise"] == "80 training rows are too few for batches of two sizes."
    assert "too few random draws" in missing["search"]
    assert all(chart.series for panel in found.panels for chart in panel.charts)


@pytest.mark.slow
def test_a_search_is_explained_by_its_own_draws(tmp_path, monkeypatch):
    """Trained once more, a recorded draw gives the cost that the run recorded: so the grid is trained alike."""
    part = CONCRETE.read_text("utf-8").splitlines()
    (tmp_path / "part.csv").write_text("\n".join([part[0], *part[1:301]]) + "\n", "utf-8")
    asked = settings.make(target="compressive_strength", folds=2, start=SMALL, seed=3, jobs=2, max_epochs=1_200)
    manner = improve.Manner(in_process=True, yardstick=False)
    improve.run(improve.Request(reading.Sources(tmp_path / "part.csv"), asked, tmp_path / "run", manner=manner))
    kept: list[tuple[panels.Material, Lab]] = []

    def measured(lab, found, unit):
        kept.append((found, lab))
        return measure(lab, found, unit)

    measure = search.measure
    monkeypatch.setattr(search, "measure", measured)
    monkeypatch.setattr(panels, "PANELS", tuple(item for item in panels.PANELS if item[0]["name"] == "search"))
    [panel] = explained.run(Asked(tmp_path / "run", time_limit=None, jobs=2)).panels
    [(found, lab)] = kept
    some = [(configuration, draws.SEED) for configuration in found.configurations[:3]]

    assert panel.made
    assert panel.numbers["draws"] == len(found.costs) >= search.FEWEST
    assert found.space.centre.epochs == SMALL.epochs
    again = [one.lowest for one in lab.train(some, share=found.share)]
    np.testing.assert_allclose(again, found.costs[:3], rtol=1e-4)
