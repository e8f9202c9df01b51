"""Where a run trains: what `device` and the manner of a run choose, and the whole job with many trials at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from burnish import errors
from burnish.executors import accelerator, devices
from burnish.predictor import predictor
from burnish.train.configuration import Configuration
from burnish.workflow import applying, improve, reading, settings, tuning
from burnish.workflow.leaving import Result

CONCRETE = Path(__file__).resolve().parents[2] / "examples" / "concrete.csv"
SMALL = Configuration(widths=(16,), bins=4, norm="batch", batch_size=32, epochs=12, learning_rate=2e-2)
ONE = ("a device",)


@pytest.mark.parametrize(
    ("device", "in_process", "likely", "there", "expected"),
    [
        ("auto", False, True, ONE, ONE),
        ("auto", False, True, (), ()),  # a device file and a plugin that do not go together
        ("auto", False, False, ONE, ()),
        ("auto", True, True, ONE, ()),  # a job too small for workers is too small for a GPU
        ("cpu", False, True, ONE, ()),
        ("gpu", False, False, ONE, ONE),
        ("gpu", True, False, ONE, ONE),
    ],
)
def test_the_device_that_is_asked_for_is_used(device, in_process, likely, there, expected, monkeypatch):
    monkeypatch.setattr(devices, "gpu_is_likely", lambda: likely)
    monkeypatch.setattr(devices, "found", {"gpu": there}.__getitem__)

    assert improve.accelerators(settings.make(device=device), improve.Manner(in_process=in_process)) == expected


def test_a_gpu_that_is_not_there_is_refused():
    with pytest.raises(errors.ExtraMissing, match="--device cpu"):
        improve.accelerators(settings.make(device="gpu"), improve.Manner())


def test_a_run_on_processors_does_not_ask_jax(monkeypatch):
    """To ask is to start all of JAX's platforms, while the table could be read."""

    def asked(_: str) -> None:
        raise AssertionError

    monkeypatch.setattr(devices, "found", asked)
    for device in ("auto", "cpu"):
        assert improve.accelerators(settings.make(device=device), improve.Manner()) == ()


def run(out: Path, manner: improve.Manner, **asked) -> Result:
    asked = settings.make(target="compressive_strength", folds=2, start=SMALL, seed=3, jobs=1, **asked)
    return improve.run(improve.Request(reading.Sources(CONCRETE), asked, out=out, manner=manner))


@pytest.fixture
def sizes(monkeypatch) -> list[int]:
    """How many trials stood in each stack that an accelerator trained."""
    seen: list[int] = []
    train = accelerator.Accelerator._train

    def noted(self, taken, places, should_stop):
        seen.append(len(taken))
        return train(self, taken, places, should_stop)

    monkeypatch.setattr(accelerator.Accelerator, "_train", noted)
    return seen


@pytest.mark.slow
def test_the_first_network_errs_as_one_trained_by_workers_does(tmp_path, sizes):
    """To rounding; one stack holds both folds."""
    stacked = run(tmp_path / "stacked", improve.Manner(platform="cpu", yardstick=False, first_only=True)).summary
    workers = run(tmp_path / "workers", improve.Manner(yardstick=False, first_only=True)).summary

    assert sizes == [2]
    assert stacked.trials == workers.trials == 2
    assert stacked.first.dev.value == pytest.approx(workers.first.dev.value, rel=1e-3)
    assert stacked.final.test.value == pytest.approx(workers.final.test.value, rel=1e-3)


@pytest.mark.slow
def test_the_whole_job_runs_with_many_trials_at_once(tmp_path, monkeypatch, sizes):
    """Experiments, a search and an average, within the epochs."""
    monkeypatch.setattr(tuning, "MOST_PROGRAMS", 4)  # two network shapes: compiling takes longer than all training
    result = run(tmp_path / "run", improve.Manner(platform="cpu", yardstick=False), max_epochs=900)
    told = result.summary

    assert sum(sizes) >= told.trials
    assert max(sizes) > 4
    assert told.epochs <= 900
    assert told.experiments
    assert told.search is not None
    assert isinstance(result.predictor, predictor.Predictor)
    assert np.isfinite(result.predictor.predict(applying.rows_for(result.predictor, CONCRETE))).all()
