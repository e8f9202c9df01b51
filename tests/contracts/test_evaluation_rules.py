"""EV1 to EV10 of the catalogue are about whoever evaluates, here burnish itself: which test holds it to each.

Those that are proven elsewhere are named, and have to be there; the others are below.
"""

from __future__ import annotations

import ast
from dataclasses import replace
from functools import partial
from pathlib import Path

import jax
import numpy as np
import pytest

from burnish.data import split
from burnish.data.table import Column, Physical, Table
from burnish.diagnosis import budget
from burnish.executors import fold_files, trainer, trials
from burnish.model import network
from burnish.predictor import weights
from burnish.train import hyperparameters, packing, slice
from burnish.train.work import Work
from reference import tiny

TESTS = Path(__file__).resolve().parents[1]
# By code: what can go wrong, and the tests that would say so.
HELD: dict[str, tuple[str, tuple[str, ...]]] = {
    "EV1": (
        "a metric is computed wrongly",
        (
            "workflow/test_workflow_scoring.py::test_measures_of_classes_are_those_of_scikit_learn",
            "workflow/test_workflow_scoring.py::test_measures_of_numbers_are_those_of_scikit_learn",
            "contracts/test_evaluation_rules.py::test_errors_know_neither_order_nor_batches",
        ),
    ),
    "EV2": (
        "the last partial mini-batch is dropped or weighs wrongly",
        (
            "train/test_train_slice.py::test_each_row_is_in_exactly_one_mini_batch",
            "train/test_train_slice.py::test_training_equals_the_numpy_twin",
            "executors/test_executors_inprocess.py::test_padded_rows_do_not_change_what_is_learned_by_a_full_batch",
        ),
    ),
    "EV3": (
        "a model is selected on the test rows",
        (
            "data/test_split.py::test_every_row_has_one_place_and_units_stay_whole",
            "contracts/test_evaluation_rules.py::test_no_test_row_trains_or_chooses",
        ),
    ),
    "EV4": (
        "the best of many looks better than it is",
        ("workflow/test_workflow_finishing.py::test_the_promise_holds_where_many_equal_candidates_compete",),
    ),
    "EV5": (
        "the training error is measured in training mode",
        ("contracts/test_evaluation_rules.py::test_the_training_error_is_measured_in_evaluation_mode",),
    ),
    "EV6": (
        "each step compiles anew",
        (
            "train/test_train_slice.py::test_new_hyperparameters_reuse_the_program",
            "executors/test_executors_trainer.py::test_new_hyperparameters_cost_no_compilation",
        ),
    ),
    "EV7": (
        "training waits for its rows",
        ("contracts/test_evaluation_rules.py::test_a_slice_never_leaves_the_device",),
    ),
    "EV8": (
        "each step waits for the host",
        ("contracts/test_evaluation_rules.py::test_a_slice_never_leaves_the_device",),
    ),
    "EV9": (
        "a checkpoint does not come back bit by bit",
        (
            "executors/test_executors_trainer.py::test_pausing_at_rungs_changes_nothing",
            "executors/test_executors_trainer.py::test_interruption_keeps_the_state_and_changes_nothing",
            "workflow/test_workflow_main_job.py::test_the_model_on_disk_predicts_the_same_bits",
        ),
    ),
    "EV10": (
        "dev looks better than train, and nobody says why",
        ("contracts/test_evaluation_rules.py::test_the_training_error_is_measured_in_evaluation_mode",),
    ),
}
# Of JAX's operations those that call back to the host.
CALLS_BACK = ("callback", "infeed", "outfeed", "debug_print")


@pytest.mark.parametrize("code", HELD)
def test_each_rule_is_held_by_tests_that_exist(code):
    for place in HELD[code][1]:
        path, name = place.split("::")
        functions = ast.walk(ast.parse((TESTS / path).read_text("utf-8")))

        assert name in {one.name for one in functions if isinstance(one, ast.FunctionDef)}, place


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_errors_know_neither_order_nor_batches(task):
    """EV1: each row has its own loss, whoever stands beside it."""
    rng = np.random.default_rng(0)
    said = rng.dirichlet(np.ones(3), 101) if task == "classification" else rng.normal(size=(101, 1))
    y = rng.integers(0, 3, 101) if task == "classification" else rng.normal(size=101)
    order, whole = rng.permutation(101), budget.measure(task, said, y)
    parts = [budget.measure(task, said[order[at : at + 16]], y[order[at : at + 16]]) for at in range(0, 101, 16)]

    np.testing.assert_array_equal(whole.error[order], np.concatenate([part.error for part in parts]))
    np.testing.assert_array_equal(whole.loss[order], np.concatenate([part.loss for part in parts]))


@pytest.mark.parametrize("rows", [60, 3000])
@pytest.mark.parametrize("group", [None, "who"])
def test_no_test_row_trains_or_chooses(rows, group):
    """EV3: in no rotation of train and dev."""
    rng = np.random.default_rng(rows)
    y = rng.normal(size=rows)
    who = Column("who", Physical.NUMBER, np.floor(rng.uniform(0, rows / 3, rows)))
    table = Table("made", (who, Column("y", Physical.NUMBER, y)), np.arange(rows))
    made = split.split(table, "y", split.Plan(group=group), origin=np.zeros(rows, int), classes=None)

    assert made.test is not None
    for fold in made.folds:
        assert not np.isin(made.test, np.concatenate([fold.train, fold.dev])).any()


@pytest.mark.slow
def test_the_training_error_is_measured_in_evaluation_mode(tmp_path):
    """EV5 and EV10: under half of the units dropped, the training rows' outputs are those of the whole network."""
    fold = tiny.fold()
    fold_files.write(tmp_path, 0, fold)
    configuration = replace(tiny.SMALL, dropout=0.5, input_noise=0.3, norm="batch", epochs=6)
    outcome = trainer.Trainer(tmp_path, tmp_path).run(Work("t", configuration, 0, 3, 6))
    shape = hyperparameters.architecture(configuration, fold.inputs, outputs=3, task="classification")
    params, statistics = weights.unflatten(shape, weights.load(Path(outcome.weights)))
    z = network.apply_evaluation(shape, params, statistics, fold.probe.x, fold.probe.codes)

    np.testing.assert_allclose(outcome.train, jax.nn.softmax(z), rtol=1e-4, atol=1e-6)


def test_a_slice_never_leaves_the_device():
    """EV7 and EV8: all rows are there before it starts, and no operation of the program asks the host for anything."""
    fold = tiny.fold()
    shape = hyperparameters.architecture(tiny.SMALL, fold.inputs, outputs=3, task="classification")
    data = packing.pack(fold)
    state = slice.start(shape, trials.start_parameters(tiny.SMALL, shape, 1), len(data.dev.y))
    traced = jax.make_jaxpr(partial(slice.train_slice, shape))(
        hyperparameters.hyperparameters(tiny.SMALL, 1), state, data, np.int32(10)
    )

    assert "while" in str(traced)  # the epochs are inside
    assert not [name for name in CALLS_BACK if name in str(traced)]
