"""Curves of a training are read under the names that other programs write, and what was done is told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from burnish import errors
from burnish.load import curve_file


def read(folder: Path, text: str) -> curve_file.CurveFile:
    path = folder / "curves.csv"
    path.write_bytes(text.encode())
    return curve_file.read(path)


@pytest.mark.parametrize(
    ("header", "taken"),
    [
        ("epoch,train_loss,dev_loss", {}),
        ("Epoch;Train Loss;Val Loss", {"train_loss": "Train Loss", "dev_loss": "Val Loss"}),
        ("epoch\tloss\tval_loss", {"train_loss": "loss", "dev_loss": "val_loss"}),  # Keras
        ("epoch,train_loss,valid_loss", {"dev_loss": "valid_loss"}),  # fastai
        ("epoch,train/loss,eval/loss", {"train_loss": "train/loss", "dev_loss": "eval/loss"}),
        ("epoch,loss_train,loss_validation", {"train_loss": "loss_train", "dev_loss": "loss_validation"}),
    ],
)
def test_losses_are_known_by_many_names(header, taken, tmp_path):
    mark = next(mark for mark in ",;\t" if mark in header)
    rows = [mark.join(row) for row in (("1", "0.9", "1.0"), ("2", "0.5", "0.7"))]
    found = read(tmp_path, "\n".join((header, *rows)))

    np.testing.assert_array_equal(found.columns["train_loss"], [0.9, 0.5])
    np.testing.assert_array_equal(found.columns["dev_loss"], [1.0, 0.7])
    assert {**found.taken, **taken} == found.taken
    assert found.ignored == found.remarks == ()


def test_accuracies_become_errors_in_shares_or_per_cent(tmp_path):
    found = read(tmp_path, "epoch,loss,accuracy,val_loss,val_accuracy\n1,1,0.8,1,70\n2,1,0.9,1,80\n")

    np.testing.assert_allclose(found.columns["train_error"], [0.2, 0.1])
    np.testing.assert_allclose(found.columns["dev_error"], [0.3, 0.2])


def test_an_accuracy_that_does_not_say_of_which_rows_is_left_alone(tmp_path):
    found = read(tmp_path, "epoch,train_loss,valid_loss,accuracy\n1,1,1,0.8\n")

    assert "train_error" not in found.columns
    assert found.ignored == ("accuracy",)


def test_rates_and_norms_are_read_and_other_columns_named(tmp_path):
    found = read(tmp_path, "epoch,loss,val_loss,lr,grad_norm,time\n1,1,1,0.1,3,00:01\n")

    assert (found.column("learning_rate")[0], found.column("gradient_norm")[0]) == (0.1, 3)
    assert np.isnan(found.column("train_error")).all()
    assert found.ignored == ("time",)


def test_rows_of_single_steps_are_averaged_to_epochs(tmp_path):
    """Lightning writes train and dev losses into rows of their own."""
    text = "epoch,step,train_loss,val_loss\n0,1,1.0,\n0,2,0.8,\n0,2,,0.95\n1,3,0.6,\n1,4,,0.7\n"
    found = read(tmp_path, text)

    np.testing.assert_allclose(found.columns["train_loss"], [0.9, 0.6])
    np.testing.assert_allclose(found.columns["dev_loss"], [0.95, 0.7])
    assert "5 rows were averaged to 2 epochs." in found.remarks


def test_parts_of_epochs_belong_to_the_epoch_that_they_end_in(tmp_path):
    """The Hugging Face trainer logs the loss within epochs and evaluates at their ends."""
    found = read(tmp_path, "loss,epoch,eval_loss\n1.0,0.4,\n0.8,0.8,\n,1.0,0.95\n0.6,1.4,\n,2.0,0.7\n")

    np.testing.assert_allclose(found.columns["epoch"], [1, 2])
    np.testing.assert_allclose(found.columns["train_loss"], [0.9, 0.6])


def test_epochs_without_an_evaluation_are_left_out_and_counted(tmp_path):
    found = read(tmp_path, "epoch,loss,val_loss\n1,1,\n2,0.8,0.9\n3,0.7,\n4,0.6,0.8\n")

    np.testing.assert_array_equal(found.columns["epoch"], [2, 4])
    assert found.remarks == ("2 epochs without both losses were left out.",)


def test_rows_count_the_epochs_where_no_column_does(tmp_path):
    found = read(tmp_path, "loss,val_loss\n1,1\n0.5,0.6\n")

    np.testing.assert_array_equal(found.columns["epoch"], [1, 2])
    assert len(found.remarks) == 1


def test_not_a_number_is_no_missing_value(tmp_path):
    """A cell that says nan was a loss that stopped being finite; an empty one was not measured."""
    found = read(tmp_path, "epoch,loss,val_loss\n1,1,1\n2,nan,inf\n")

    assert np.isinf(found.columns["train_loss"][1])
    assert np.isinf(found.columns["dev_loss"][1])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("epoch,loss\n1,1\n", ("no column for the dev loss", "epoch, loss", "val_loss")),
        ("epoch,val_loss\n1,1\n", ("no column for the train loss", "Call it train_loss.")),
        ("epoch,loss,val_loss\n", ("no epochs",)),
        ("epoch,loss,val_loss\n1,low,1\n", ("row 1", "column loss", "'low'")),
        ("epoch,loss,val_loss\n1,1,\n2,,1\n", ("no epoch with both",)),
        ("", ("empty",)),
    ],
)
def test_what_is_no_curve_is_refused_in_three_lines(text, words, tmp_path):
    with pytest.raises(errors.DataError) as refused:
        read(tmp_path, text)

    assert len(str(refused.value).splitlines()) == 3
    for word in words:
        assert word in str(refused.value)


def test_a_file_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(errors.DataError, match="no file"):
        curve_file.read(tmp_path / "none.csv")
