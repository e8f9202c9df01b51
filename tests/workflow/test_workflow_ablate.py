"""Taking the best network of a finished run apart: from its folder to a page and a document in it."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import workflow_fake as fake

from burnish import errors
from burnish.executors import pool
from burnish.report import ablation
from burnish.store import run_folder
from burnish.store.database import Database
from burnish.train.configuration import Configuration
from burnish.workflow import ablate, ablating, improve, reading, reopening, settings

CONCRETE = Path(__file__).resolve().parents[2] / "examples" / "concrete.csv"
SMALL = Configuration(
    widths=(16,), bins=4, norm="batch", batch_size=32, epochs=25, learning_rate=2e-2, activation="silu", dropout=0.05
)
IN_PROCESS = improve.Manner(in_process=True)


def finished(path: Path, *, lines: int = 260, **asked) -> Path:
    """A run on a part of concrete in which one network was trained and delivered; two folds."""
    part = CONCRETE.read_text("utf-8").splitlines()
    kept = [part[0], *np.random.default_rng(0).permutation(part[1:])[:lines]]
    (path / "part.csv").write_text("\n".join(kept) + "\n", "utf-8")
    asked = {"folds": 2, "start": SMALL, "seed": 3, "jobs": 1, **asked}
    manner = improve.Manner(in_process=True, yardstick=False, first_only=True)
    request = improve.Request(
        reading.Sources(path / "part.csv"), settings.make(target="compressive_strength", **asked), path / "run"
    )
    improve.run(replace(request, manner=manner))
    return path / "run"


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    """A finished run, not to be changed."""
    return finished(tmp_path_factory.mktemp("trained"))


@pytest.fixture
def run(trained, tmp_path) -> Path:
    """A copy of it; its data stay where they were."""
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run"


def refusal(kind: type[errors.BurnishError], path: Path, **asked) -> errors.BurnishError:
    """The error of an ablation that cannot be made; it says what, why and what to do, and leaves nothing behind."""
    before = sorted(p.name for p in path.iterdir()) if path.exists() else []
    with pytest.raises(kind) as caught:
        ablate.run(ablate.Asked(path, manner=IN_PROCESS, **asked))
    assert caught.value.what
    assert caught.value.why
    assert caught.value.remedy
    assert (sorted(p.name for p in path.iterdir()) if path.exists() else []) == before
    return caught.value


def test_no_such_run_is_refused(tmp_path):
    assert "There is no run" in refusal(errors.StoreError, tmp_path / "none").what


def test_a_run_that_has_not_finished_is_refused(run):
    (run / "report.html").unlink()

    assert "has not finished" in refusal(errors.ConfigError, run).what


def test_data_from_memory_or_standard_input_are_gone(run):
    config = json.loads((run / "config.json").read_text())
    config["sources"]["main"] = None
    (run / "config.json").write_text(json.dumps(config))

    assert refusal(errors.ConfigError, run).why == "Its data came from memory and are gone."


def move(run: Path, text: str | None) -> None:
    """Let the run's data lie in another file: one of this text, or one that is not there."""
    config = json.loads((run / "config.json").read_text())
    place = run.parent / "other.csv"
    config["sources"]["main"] = str(place)
    (run / "config.json").write_text(json.dumps(config))
    if text is not None:
        place.write_text(text, "utf-8")


def test_data_that_were_moved_are_asked_for(run):
    move(run, None)
    refused = refusal(errors.ConfigError, run)

    assert "have gone" in refused.what
    assert "other.csv" in refused.why


@pytest.mark.parametrize("change", ["a row less", "another target", "another value", "no table"])
def test_data_that_have_changed_are_noticed(change, trained, run):
    """By the split, by the targets, or by what the preparation learned of a column."""
    header, *rows = (trained.parent / "part.csv").read_text("utf-8").splitlines()
    if change == "a row less":
        rows = rows[:-1]
    elif change == "another target":
        rows = [row.rpartition(",")[0] + f",{2 * float(row.rpartition(',')[2])}" for row in rows]
    elif change == "another value":
        rows[5] = "9" + rows[5]
    move(run, "nothing" if change == "no table" else "\n".join([header, *rows]) + "\n")

    assert "have changed since" in refusal(errors.DataError, run).what


def test_the_same_data_elsewhere_are_the_same(trained, run):
    """They pass, and only the time is wanting."""
    move(run, (trained.parent / "part.csv").read_text("utf-8"))

    assert refusal(errors.ConfigError, run, time_limit=1e-3).remedy == "Raise --time-limit."


@pytest.mark.parametrize(("asked", "limit"), [({"max_epochs": 3}, "--max-epochs"), ({}, "--time-limit")])
def test_a_run_without_a_network_is_told_which_limit_to_raise(asked, limit, run):
    """That which the run was given."""
    past = replace(reopening.past(run_folder.open(run)), settings=settings.make(target="y", **asked))
    with pytest.raises(errors.ConfigError, match="trained no network to its end") as refused:
        reopening.best_network(past, [])

    assert refused.value.remedy == f"Start a new run with a larger {limit}."


def test_where_a_simple_model_is_delivered_the_best_network_is_offered(run):
    summary = json.loads((run / "summary.json").read_text())
    summary["summary"]["delivered"] |= {"what": "linear", "reason": "No network beat it."}
    (run / "summary.json").write_text(json.dumps(summary))
    refused = refusal(errors.ConfigError, run)

    assert refused.why == "No network beat it."
    assert "--best-network" in refused.remedy


def test_one_seed_is_too_few(run):
    assert "1 seeds are too few" in refusal(errors.ConfigError, run, seeds=1).what


def test_a_time_that_is_enough_for_nothing_is_refused(run):
    assert "Raise --time-limit." in refusal(errors.ConfigError, run, time_limit=1e-3).remedy


def test_the_best_network_is_the_one_with_the_lowest_cost_on_the_most_folds(run):
    """Those of a part of the rows, of fewer folds or cut short do not count."""
    past = reopening.past(run_folder.open(run))
    with Database(run / "run.sqlite") as database:
        [first, second] = database.trials()

    def trial(name: str, fold: int, loss: float | None, **more) -> dict:
        return {**first, "trial": f"{name}-s0-f{fold}", "fold": fold, "dev_loss": loss, **more}

    others = [
        *(trial("better", fold, first["dev_loss"] / 2) for fold in (0, 1)),
        trial("one-fold", 0, 1e-6),
        *(trial("part", fold, 1e-6, rows=50) for fold in (0, 1)),
        *(trial("short", fold, 1e-6, until=3) for fold in (0, 1)),
        *(trial("stopped", fold, 1e-6, ending="INTERRUPTED") for fold in (0, 1)),
    ]
    assert reopening.best_network(past, [first, second]).name == "first-s0"
    assert reopening.best_network(past, [first, *others, second]).name == "better-s0"


def test_what_trainings_took_in_the_run_is_known_before_the_first_one(run, tmp_path):
    """Seconds a step, by program."""
    session = fake.session(tmp_path / "other", lambda *_, **__: iter(()))
    with session.database, Database(run / "run.sqlite") as database:
        trials = database.trials()
        problem = fake.question(rows=200, folds=2)
        reopening.recall_prices(session, problem, trials)

    steps = trials[-1]["epochs"] * (-(-100 // 32) + 100 / 3 / 32)  # of training and of evaluating
    np.testing.assert_allclose(session.costs.per_step[SMALL.program], trials[-1]["seconds"] / steps)


@pytest.mark.slow
def test_a_real_ablation_finds_what_is_known_of_concrete_and_leaves_a_page_and_a_document(run):
    """Weights that are all zero do not train; the delivered model is untouched; two workers and one give the same."""
    before = {p.name: p.read_bytes() for p in (run / "model").iterdir()}
    told: list[str] = []
    one = ablate.run(ablate.Asked(run, None, seeds=3, jobs=1), emit=lambda event: told.append(str(event)))
    page = (run / "ablation.html").read_text("utf-8")
    two = ablate.run(ablate.Asked(run, None, seeds=3, jobs=2), emit=lambda event: told.append(str(event)))
    kept = ablation.Document.model_validate_json((run / "ablation.json").read_text("utf-8"))
    verdicts = {found.name: found.verdict for found in two.techniques}

    assert one.techniques == two.techniques
    assert kept.model_dump(mode="json") == two.document()
    assert verdicts["init-zeros"] == "helps"
    assert verdicts["ensemble"] != "not judged"
    assert {p.name: p.read_bytes() for p in (run / "model").iterdir()} == before
    assert not (run / "scratch").exists()
    assert page.startswith("<!doctype html>")
    assert sum("was there and is replaced" in line for line in told) == 1


def test_stopped_by_a_signal_nothing_is_left_behind(run, monkeypatch):
    """Not even by one that comes while the page is written: then both files are there."""

    def stopped(*_, **__):
        raise pool.Stopped(2)

    monkeypatch.setattr(ablating, "ablate", stopped)
    before = sorted(p.name for p in run.iterdir())
    with pytest.raises(improve.Interrupted) as caught:
        ablate.run(ablate.Asked(run, manner=IN_PROCESS))

    assert caught.value.signal_number == 2
    assert sorted(p.name for p in run.iterdir()) == before
