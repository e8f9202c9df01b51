"""Verdicts on networks from elsewhere: the classic cases, what more figures tell, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import burnish
from burnish import errors, techniques
from burnish.workflow import outside

ROWS = {"train_rows": 5_000, "dev_rows": 1_000}


def codes(found: outside.Verdict) -> list[str]:
    return [finding.code for finding in found.findings]


@pytest.mark.parametrize(
    ("train", "dev", "label"),
    [
        (0.01, 0.11, "high variance"),
        (0.15, 0.16, "high bias"),
        (0.15, 0.30, "high bias and high variance"),
        (0.005, 0.01, "neither"),
    ],
)
def test_the_four_classic_cases_get_their_labels(train, dev, label):
    found = outside.verdict(train_error=train, dev_error=dev, baseline_error=0, **ROWS)

    assert found.label == label


def test_a_high_baseline_error_leaves_nothing_to_cure():
    found = outside.verdict(train_error=0.15, train_rows=50_000, dev_error=0.155, dev_rows=20_000, baseline_error=0.155)

    assert (found.label, codes(found), found.remedies) == ("neither", ["BV8"], ())
    assert found.lines()[0].startswith("Nothing to cure")


def test_it_is_the_verdict_of_the_technique_and_so_of_the_main_job():
    found = outside.verdict(train_error=0.01, dev_error=0.11, baseline_error=(0.0, 0.02), **ROWS)
    same = techniques.bias_variance((0.01, 5_000), (0.11, 1_000), baseline=(0.0, 0.02))

    assert found.budget == same.budget
    assert found.findings == same.findings


def test_three_tenths_of_a_point_on_200_rows_are_no_gap_and_the_smallest_one_is_said():
    found = outside.verdict(train_error=0.05, train_rows=2_000, dev_error=0.053, dev_rows=200, baseline_error=0.05)
    [bias, variance] = found.document()["budget"]["gaps"]

    assert found.label == "neither"
    assert not variance["found"]
    assert 0.03 < variance["smallest_found"] < 0.08
    assert 0.005 < bias["smallest_found"] < variance["smallest_found"]
    assert "80 % power" in str(found)


def test_without_a_baseline_error_no_bias_is_claimed_and_that_is_said():
    found = outside.verdict(train_error=0.15, dev_error=0.16, **ROWS)

    assert found.label == "neither"
    assert found.document()["budget"]["gaps"][0]["smallest_found"] is None
    assert "no bias can be shown" in " ".join(found.remarks)


def test_held_out_rows_of_the_training_kind_turn_variance_into_mismatch():
    found = outside.verdict(
        train_error=0.01, dev_error=0.11, train_dev_error=0.015, train_dev_rows=1_000, baseline_error=0, **ROWS
    )

    assert found.label == "neither"
    assert "BV4" in codes(found)
    assert "come from elsewhere" in found.lines()[0]


def test_easier_dev_rows_make_no_bias():
    """What is possible on dev rows from elsewhere says nothing of the training rows: those held out of them do."""
    found = outside.verdict(train_error=0.20, dev_error=0.05, train_dev_error=0.21, train_dev_rows=1_000, **ROWS)

    assert found.budget is not None
    assert found.budget.floor.high > 0.21
    assert not {"BV1", "BV3"} & set(codes(found))


def test_a_test_error_surely_above_the_dev_error_is_overfitting_to_dev():
    found = outside.verdict(
        train_error=0.01, dev_error=0.05, test_error=0.12, test_rows=2_000, baseline_error=0, **ROWS
    )
    gaps = {gap["name"]: gap for gap in found.document()["budget"]["gaps"]}

    assert "BV5" in codes(found)
    assert gaps["dev overfitting"]["found"]
    assert gaps["dev overfitting"]["largest"] > 0.9
    assert sum(gap["largest"] for gap in gaps.values()) == pytest.approx(1)


def test_remedies_follow_the_recipe_bias_before_variance():
    found = outside.verdict(train_error=0.15, dev_error=0.30, baseline_error=0, **ROWS)
    causes = [remedy.cause for remedy in found.remedies]

    assert causes.index("variance") > max(i for i, cause in enumerate(causes) if cause != "variance")
    assert codes(found)[0] == "BV3"


def test_optimisation_comes_first():
    found = outside.verdict(train_error=0.15, dev_error=0.16, baseline_error=0, curves=None, **ROWS)

    assert codes(found) == ["BV1", "BV6"]


def test_per_cent_signs_grouped_rows_and_ranges_are_read():
    found = outside.verdict(
        train_error="1%", train_rows="5,000", dev_error=" 11 % ", dev_rows="1 000", baseline_error="0..2%"
    )

    assert found.budget == outside.verdict(train_error=0.01, dev_error=0.11, baseline_error=(0.0, 0.02), **ROWS).budget


def test_regression_is_judged_in_the_targets_unit():
    found = outside.verdict(
        train_error=2.0, dev_error=4.0, baseline_error=1.9, task="regression", target_sd=16.0, **ROWS
    )

    assert found.label == "high variance"
    assert found.document()["budget"]["practical_size"] == pytest.approx(0.4)
    assert "normal" in " ".join(found.remarks)


def test_without_the_targets_deviation_a_tenth_of_the_dev_error_matters():
    found = outside.verdict(train_error=0.0005, dev_error=0.001, task="regression", **ROWS)

    assert found.document()["budget"]["practical_size"] == pytest.approx(0.0001)
    assert "--target-sd" in " ".join(found.remarks)


def test_accuracies_in_place_of_errors_are_suspected():
    found = outside.verdict(train_error=0.99, dev_error=0.89, **ROWS)

    assert "accuracies" in " ".join(found.remarks)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train_error": 11}, ("train error 11", "0.11 or 11%", "--task regression")),
        ({"train_error": "110%"}, ("'110%'", "error rate")),
        ({"train_error": -0.1}, ("-0.1", "not below 0")),
        ({"train_error": float("nan")}, ("nan", "finite")),
        ({"dev_error": "eleven"}, ("dev error 'eleven'", "no number")),
        ({"dev_error": "0,11"}, ("'0,11'", "Write 0.11.")),
        ({"dev_error": "11%", "task": "regression"}, ("per cent", "target's unit")),
        ({"train_rows": None}, ("train error came without the train rows", "--train-rows")),
        ({"dev_error": None}, ("dev rows came without the dev error", "--dev-error")),
        ({"dev_error": None, "dev_rows": None}, ("needs the dev error", "--dev-rows")),
        ({"train_rows": 0}, ("0 cannot be the number of train rows", "at least 1")),
        ({"train_rows": "many"}, ("'many'", "whole number")),
        ({"train_rows": 10.5}, ("10.5", "whole number")),
        ({"test_error": 0.1}, ("test error came without", "--test-rows")),
        ({"baseline_error": 2}, ("baseline error 2", "from 0 to 1")),
        ({"baseline_error": "3%..1%"}, ("begins at 0.03", "Write 0.01..0.03.")),
        ({"baseline_error": (0.1,)}, ("no range", "(low, high)")),
        ({"target_sd": 3}, ("classification", "--task regression")),
        ({"target_sd": 0, "task": "regression"}, ("deviation is 0",)),
        ({"task": "ranking"}, ("'ranking'", "regression")),
    ],
)
def test_figures_that_cannot_be_are_refused_in_three_lines(changes, words):
    figures = {"train_error": 0.01, "dev_error": 0.11, **ROWS, **changes}
    with pytest.raises(errors.ConfigError) as refused:
        outside.verdict(**figures)

    assert len(str(refused.value).splitlines()) == 3
    for word in words:
        assert word in str(refused.value)


def test_nothing_at_all_is_refused():
    with pytest.raises(errors.ConfigError, match="needs the train error"):
        outside.verdict()


def curves(path: Path, *, epochs: int = 40, pace: float = 6.0, rising: float = 0.0, **columns) -> Path:
    epoch = np.arange(1, epochs + 1)
    train = np.exp(-epoch / pace)
    dev = 0.3 + train + rising * np.maximum(epoch - 15, 0)
    table = {"epoch": epoch, "loss": train, "val_loss": dev, **columns}
    lines = [",".join(table), *(",".join(f"{v:g}" for v in row) for row in zip(*table.values(), strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path


def test_curves_alone_tell_of_the_training(tmp_path):
    slow = outside.verdict(curves=curves(tmp_path / "slow.csv", pace=40.0))
    overfitted = outside.verdict(curves=curves(tmp_path / "rising.csv", rising=0.05))
    healthy = outside.verdict(curves=curves(tmp_path / "healthy.csv"))

    assert (slow.label, slow.budget, codes(slow)[0]) == (None, None, "BV10")
    assert codes(overfitted) == ["BV11"]
    assert "last weights are not the best" in overfitted.findings[0].evidence  # nobody knows that they were kept
    assert codes(healthy) == []
    assert {remedy.name for remedy in slow.remedies} >= {"longer", "faster"}
    assert "loss as train_loss" in healthy.remarks[0]


def test_a_loss_that_stops_being_a_number_is_a_diverged_training(tmp_path):
    path = tmp_path / "broken.csv"
    path.write_text("epoch,loss,val_loss\n1,1.0,1.1\n2,80,90\n3,nan,nan\n")
    found = outside.verdict(curves=path, train_error=0.5, dev_error=0.5, baseline_error=0, **ROWS)

    assert codes(found)[0] == "NU4"
    assert found.remedies[0].cause == "optimisation"


def test_errors_that_only_the_curves_have_are_those_of_the_epoch_with_the_least_dev_loss(tmp_path):
    accuracy = np.linspace(0.5, 0.99, 40)
    path = curves(tmp_path / "c.csv", rising=0.05, accuracy=accuracy, val_accuracy=accuracy - 0.1)
    found = outside.verdict(curves=path, baseline_error=0, **ROWS)
    best = int(np.argmin(0.3 + np.exp(-np.arange(1, 41) / 6) + 0.05 * np.maximum(np.arange(1, 41) - 15, 0)))

    assert found.budget is not None
    assert found.budget.errors.dev.value == pytest.approx(1.1 - accuracy[best], abs=1e-5)
    assert f"epoch {best + 1}," in " ".join(found.remarks)


def test_it_is_a_name_of_the_package():
    assert (burnish.verdict, burnish.Verdict) == (outside.verdict, outside.Verdict)


def test_a_notebook_shows_the_lines():
    found = outside.verdict(train_error=0.01, dev_error=0.11, baseline_error=0, **ROWS)

    assert found._repr_html_() == f"<pre>{found}</pre>"
