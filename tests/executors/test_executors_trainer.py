"""One piece of work in this process: rungs, interruptions and repeats give one answer; outcomes hold what they say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

from burnish.executors import fold_files, trainer, trials
from burnish.model import layers, losses, network
from burnish.predictor import weights
from burnish.train import hyperparameters
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData, TargetScale
from burnish.train.work import Ending, Outcome, Work
from reference import tiny

LOUD = replace(tiny.SMALL, dropout=0.2, input_noise=0.1, norm="batch", epochs=6)
BILLION = TargetScale(mean=1e9, deviation=1e8, low=7e8, high=1.3e9)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("folds")
    rng = np.random.default_rng(0)
    fold = tiny.fold()
    coded = tiny.fold(rows=60)
    codes = rng.integers(0, 7, (100, 1)).astype(np.int32)
    only_codes = replace(
        coded,
        inputs=replace(coded.inputs, numbers=0, vocabularies=(7,)),
        train=tiny.part(np.zeros((60, 0)), coded.train.y, None, codes[:60]),
        dev=tiny.part(np.zeros((40, 0)), coded.dev.y, None, codes[60:]),
        probe=tiny.part(np.zeros((30, 0)), coded.train.y[:30], None, codes[:30]).inputs,
    )
    for number, data in enumerate(
        (fold, replace(tiny.fold("regression"), target=BILLION), replace(fold, probe_train=20), only_codes)
    ):
        fold_files.write(path, number, data)
    return path


@pytest.fixture(scope="module")
def run(folder, tmp_path_factory) -> Callable[..., Outcome]:
    """Runs work in one trainer that all tests share, for its programs."""
    shared = trainer.Trainer(folder, tmp_path_factory.mktemp("states"))

    def call(trial: str, configuration: Configuration = LOUD, *, until: int = 6, stop=trainer.never, **more) -> Outcome:
        return shared.run(Work(trial, configuration, **{"fold": 0, "seed": 3, "until": until, **more}), stop)

    return call


def answers(outcome: Outcome) -> dict[str, np.ndarray | float]:
    """All that an outcome says about the trial and not about the clock or its name."""
    curve = {f"curve.{name}": getattr(outcome.curve, name) for name in outcome.curve.__slots__}
    numbers = {name: getattr(outcome, name) for name in ("epochs", "best_epoch", "dev_loss", "dev", "train")}
    return {**numbers, **curve, **weights.load(Path(outcome.weights))}


def assert_same(one: Outcome, other: Outcome) -> None:
    """Equal to the bit."""
    jax.tree.map(np.testing.assert_array_equal, answers(one), answers(other))


def after(calls: int) -> Callable[[], bool]:
    """Says stop at the call of this number."""
    left = iter([False] * (calls - 1))
    return lambda: next(left, True)


def test_pausing_at_rungs_changes_nothing(run):
    """Epochs 1, 3, 4 and 6 in four pieces of work end where one piece ends."""
    straight = run("straight")
    endings = []
    for until in (1, 3, 4, 6):
        last = run("rungs", until=until)
        endings.append(last.ending)

    assert endings == [Ending.PAUSED] * 3 + [Ending.COMPLETED]
    assert_same(last, straight)


def test_interruption_keeps_the_state_and_changes_nothing(run, monkeypatch):
    """Stopped after each slice of five steps, in the middle of epochs, and taken up again until the end."""
    straight = run("uninterrupted")
    monkeypatch.setattr(trials, "FIRST_SLICE_STEPS", 5)
    times = 0
    while (last := run("stop and go", stop=after(1))).ending == Ending.INTERRUPTED:
        times += 1

    assert times == 7
    assert_same(last, straight)


def test_an_interruption_before_the_first_evaluation_is_an_honest_outcome(run, monkeypatch):
    """Nothing is known yet: an infinite dev loss, even probabilities, an empty curve, and the starting weights."""
    monkeypatch.setattr(trials, "FIRST_SLICE_STEPS", 2)
    outcome = run("early", stop=after(1))

    assert outcome.ending == Ending.INTERRUPTED
    assert outcome.dev_loss == np.inf
    assert len(outcome.curve.epoch) == 0
    assert outcome.epochs == pytest.approx(2 / 6)
    np.testing.assert_allclose(outcome.dev, 1 / 3)


def test_work_that_is_run_again_from_its_beginning_gives_the_same_answer(run):
    """A replay asks for rung 2 again after rung 4 was reached: the answer is that of rung 2, and so is what follows."""
    first = run("replayed", until=2)
    fourth = run("replayed", until=4)

    assert_same(run("replayed", until=2), first)
    assert_same(run("replayed", until=4), fourth)


@pytest.mark.parametrize(
    "other",
    [{"seed": 9}, {"rows": 50}, {"configuration": replace(LOUD, learning_rate=0.03)}],
    ids=["seed", "rows", "configuration"],
)
def test_a_saved_state_of_other_work_is_not_taken_up(run, other):
    """Results depend on configuration, fold, seed and rows alone: a state left under the same name changes nothing."""
    run("name taken", until=2)
    again = run("name taken", until=4, **other)

    assert_same(again, run(f"fresh {sorted(other)}", until=4, **other))


def test_trial_names_do_not_matter(run):
    """Two names, one answer."""
    assert_same(run("one name", until=3), run("another name", until=3))


def test_new_hyperparameters_cost_no_compilation(run, compilations):
    """Learning rate, dropout, seed, rows and epochs of a known architecture run at once."""
    run("first")
    before = compilations()
    outcome = run("second", replace(LOUD, learning_rate=0.5, dropout=0.0, epochs=4), seed=8, rows=70)

    assert outcome.compile_seconds == 0
    assert compilations() == before


def test_outcomes_hold_what_they_say(run):
    """Shapes, probabilities, epochs and the curve; the weights in the file give the best dev loss."""
    outcome = run("whole")
    fold = tiny.fold()
    best = int(outcome.best_epoch) - 1

    assert outcome.ending == Ending.COMPLETED
    assert outcome.epochs == 6
    assert outcome.dev.shape == (40, 3)
    assert outcome.train.shape == (30, 3)
    assert outcome.train_dev is None
    np.testing.assert_allclose(outcome.dev.sum(1), 1, rtol=1e-6)
    np.testing.assert_array_equal(outcome.curve.epoch, np.arange(1, 7))
    assert outcome.dev_loss == outcome.curve.dev_loss.min() == outcome.curve.dev_loss[best]
    shape = hyperparameters.architecture(LOUD, fold.inputs, outputs=3, task="classification")
    params, statistics = weights.unflatten(shape, weights.load(Path(outcome.weights)))
    z = network.apply_evaluation(shape, params, statistics, fold.dev.inputs.x, fold.dev.inputs.codes)
    assert losses.cross_entropy(z, fold.dev.y).mean() == pytest.approx(outcome.dev_loss, rel=1e-5)
    # Rows that trained are predicted better than chance, so the probe has used trained weights.
    assert -np.log(outcome.train[np.arange(30), fold.train.y[:30]]).mean() < np.log(3)


def test_train_dev_rows_follow_the_training_rows_of_the_probe(run):
    """The same thirty probe rows, told apart at row 20."""
    whole, cut = run("probe whole"), run("probe cut", fold=2)

    np.testing.assert_array_equal(np.concatenate([cut.train, cut.train_dev]), whole.train)
    assert cut.train.shape == (20, 3)


def test_regression_answers_in_the_units_and_the_range_of_the_target(run):
    """A target in billions: standardised inside, and never beyond the training range outside."""
    outcome = run("billions", replace(LOUD, learning_rate=0.05), fold=1)

    assert outcome.dev.shape == (40, 1)
    assert outcome.dev.min() >= BILLION.low
    assert outcome.dev.max() <= np.float32(BILLION.high)
    assert outcome.dev.std() > 1e6


def test_bins_come_from_the_training_rows_that_are_used_and_are_found_once(run, monkeypatch):
    """Two trials on the first 50 rows share one search for quantiles, which has seen no other row."""
    seen: list[np.ndarray] = []
    quantiles = layers.quantile_bins
    monkeypatch.setattr(layers, "quantile_bins", lambda x, count: (seen.append(np.array(x)), quantiles(x, count))[1])
    outcomes = [run(f"bins {seed}", replace(LOUD, bins=4, epochs=2), seed=seed, rows=50) for seed in (1, 2)]

    [x] = seen
    np.testing.assert_array_equal(x, tiny.fold().train.inputs.x[:50])
    for outcome in outcomes:
        np.testing.assert_array_equal(weights.load(Path(outcome.weights))["bins.low"], quantiles(x, 4)["low"])


def test_a_fold_of_categories_only_trains(run):
    """No numbers and no flags: embeddings are all there is."""
    outcome = run("codes only", fold=3)

    assert outcome.ending == Ending.COMPLETED
    assert np.isfinite(outcome.dev).all()


def test_a_diverged_trial_gives_finite_predictions_and_leaves_no_state(run, tmp_path):
    """The ending says it; the predictions are of the last weights that were worth something."""
    outcome = run("diverged", replace(LOUD, optimizer="sgd", learning_rate=1e30))

    assert outcome.ending == Ending.DIVERGED
    assert np.isfinite(outcome.dev).all()
    assert np.isfinite(outcome.train).all()
    assert not (Path(outcome.weights).parent / "diverged.state.npz").exists()


@pytest.mark.parametrize("rows", [0, 84])
def test_more_or_fewer_rows_than_there_are_are_refused(run, rows):
    """Padding is never trained on, and no rows are no work."""
    with pytest.raises(ValueError, match=f"{rows} rows of 83"):
        run("rows", rows=rows)


def test_folds_come_back_from_disk_as_they_were(folder):
    """Every array, type and fact."""
    written, found = tiny.fold(), fold_files.read(folder, 0)

    assert isinstance(found, FoldData)
    assert (found.inputs, found.task, found.outputs, found.target, found.probe_train) == (
        written.inputs,
        written.task,
        written.outputs,
        written.target,
        written.probe_train,
    )
    for one, other in zip(fold_files._arrays(written).values(), fold_files._arrays(found).values(), strict=True):
        np.testing.assert_array_equal(one, other, strict=True)
