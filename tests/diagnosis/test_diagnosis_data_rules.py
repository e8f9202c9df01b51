"""Rules about data: each on rows with its fault and on rows without."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn import datasets

from burnish import errors
from burnish.diagnosis.data_rules import duplicates, register, rows
from burnish.diagnosis.finding import Severity
from burnish.stats import false_alarms
from diagnosis import data_cases as cases


def found(given, *codes):
    return list(register.look(given, codes=codes or None))


# Whose rules train forests: left to the full run.
DEAR = ("DA9", "DA17", "DA19", "DA20", "DA22", "DA26")
RULES = [
    pytest.param(rule, id=rule.code, marks=pytest.mark.slow if rule.code in DEAR else ()) for rule in register.RULES
]


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_names_its_fault(rule):
    codes = {one.code for one in found(cases.SICK[rule.code], rule.code)}

    assert codes == {rule.code}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_is_silent_on_rows_without_its_fault(rule):
    assert found(cases.WELL[rule.code], rule.code) == []


def test_the_shares_of_all_rules_sum_to_the_whole():
    """Every code is in one family, and what they may use together is 1 %."""
    codes = [code for _, members in false_alarms.FAMILIES.values() for code in members]

    assert len(codes) == len(set(codes))
    assert sum(false_alarms.share(code) for code in codes) <= false_alarms.TOTAL * (1 + 1e-9)


def test_a_rule_without_a_share_is_refused_with_those_that_have_one():
    with pytest.raises(errors.ConfigError, match="DA7"):
        false_alarms.share("DA14")


def test_each_part_standardised_by_itself_is_proven():
    [seen] = found(cases.dev_standardised_by_itself(cases.well()), "DA2")

    assert "standardised by its own numbers" in seen.evidence


@pytest.mark.slow
def test_a_constant_and_an_empty_column_break_no_rule():
    """Columns without two values, and columns with gaps, are looked at without a warning."""
    base = cases.well(400)
    x, x_dev = base.x_train.copy(), base.x_dev.copy()
    x[:, 0], x_dev[:, 0] = 1.0, 1.0
    x[:, 1], x_dev[:, 1] = np.nan, np.nan
    x[::3, 2], x_dev[::3, 2] = np.nan, np.nan

    assert {one.code for one in found(replace(base, x_train=x, x_dev=x_dev))} == {"DA14", "DA15"}


def test_a_column_in_another_unit_is_proven():
    """As are a constant and a repeated column."""
    base = cases.well(400)
    x = base.x_train.copy()
    x[:, 1] = 2 * x[:, 0] + 1

    [seen] = found(replace(base, x_train=x), "DA14")

    assert "input 1 = 2 × input 0 + 1, in every row" in seen.evidence


@pytest.mark.parametrize(("share", "severity"), [(0.25, Severity.FAULT), (0.05, Severity.LIMIT)])
def test_copies_with_a_little_noise_are_suspected_and_a_fault_where_they_are_many(share, severity):
    """A few may be there by nature: houses of one builder, in a real table."""
    [seen] = found(cases.copied_into_dev(cases.well(4000), share, jitter=0.005), "DA7")

    assert "(suspected)" in seen.title
    assert seen.severity is severity


def test_rows_of_yes_and_no_and_of_categories_as_columns_are_no_copies():
    """Ten such columns have a few hundred different rows: leaving one out hardly doubles those that are equal."""
    rng = np.random.default_rng(7)
    flags = rng.random((5000, 4)) < [0.2, 0.5, 0.3, 0.6]
    kinds = np.eye(3)[rng.integers(0, 3, 5000)], np.eye(3)[rng.choice(3, 5000, p=[0.5, 0.3, 0.2])]
    x = np.concatenate([flags, *kinds], axis=1).astype(float)
    y = (rng.random(5000) < 0.2 + 0.3 * flags[:, 1]).astype(int)

    assert found(rows.of(x[:3000], y[:3000], x[3000:], y[3000:]), "DA6", "DA7") == []


def test_classes_that_dev_has_far_more_of_do_not_go_by_other_names():
    """Where one row in twenty is of the rare class a model hardly says it; where most are, it is mostly wrong."""
    rng = np.random.default_rng(19)

    def part(count, rare):
        y = (rng.random(count) < rare).astype(int)
        return rng.normal(size=(count, 4)) + 1.2 * y[:, None] * np.array([1, 0.8, 0, 0]), y

    (x, y), (x_dev, y_dev) = part(1300, 0.05), part(700, 0.65)

    assert found(rows.of(x, y, x_dev, y_dev), "DA19") == []


def test_the_honest_error_is_that_of_dev_rows_without_a_copy():
    sick = cases.copied_into_dev(cases.well())
    wrong = np.arange(len(sick.y_dev)) % 2 == 0
    wrong[: len(wrong) // 4] = False
    [seen] = duplicates.across(sick, 0.001, wrong=wrong)

    assert "0 % on these and 50 %" in seen.evidence


def test_the_cure_of_other_targets_suits_numbers_and_classes_and_does_not_mix_what_time_orders():
    classes = cases.other_shares(cases.well(2000))
    later = cases.drifting()
    trend = later.y_train + np.linspace(0, 9, len(later.y_train))
    numbers = replace(later, x_train=later.x_train[:1400], y_train=trend[:1400], x_dev=later.x_train[1400:])
    cures = [one.remedy for item in (classes, replace(numbers, y_dev=trend[1400:])) for one in found(item, "DA4")]

    assert [("probabilities" in cure, "predict the change" in cure) for cure in cures] == [(True, False), (False, True)]
    assert all("only where no time orders them" in cure for cure in cures)


def test_large_targets_are_written_without_powers_of_ten():
    rng = np.random.default_rng(0)
    prices, later = 250_000 + 1_000 * rng.normal(size=400), 300_000 + 1_000 * rng.normal(size=400)
    x, x_dev = rng.normal(size=(2, 400, 3))
    [seen] = found(rows.of(x, prices, x_dev, later), "DA4")

    assert f"{prices.mean():,.0f} in training rows and {later.mean():,.0f} in dev" in seen.evidence


def test_columns_of_few_values_meet_without_being_copies():
    rng = np.random.default_rng(0)
    x, x_dev = rng.integers(0, 4, (1500, 4)), rng.integers(0, 4, (500, 4))
    y, y_dev = (
        np.where(rng.random(len(part)) < 0.8, part[:, 0] > 1, rng.random(len(part)) < 0.5) for part in (x, x_dev)
    )

    assert found(rows.of(x, y.astype(int), x_dev, y_dev.astype(int)), "DA6", "DA7") == []


@pytest.mark.slow
def test_targets_dealt_at_random_are_told_from_dev_rows_that_are_right():
    [seen] = found(cases.shuffled(cases.well()), "DA18", "DA26")

    assert seen.code == "DA18"
    assert "dev rows" in seen.evidence


@pytest.mark.slow
@pytest.mark.parametrize("others", [1, 20])
def test_a_target_that_hardly_varies_is_not_called_unlearnable(others):
    rng = np.random.default_rng(0)
    y = np.zeros(1_500)
    y[:others] = 1

    assert found(rows.of(rng.normal(size=(1_500, 5)), y, task="classification"), "DA26") == []


def test_what_few_different_inputs_leave_open_is_no_wrong_label():
    """27 different rows, in each of which 15 % are of the other class: as on a ship, of sex, class and age."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 3, (1200, 3)).astype(float)
    y = ((x[:, 0] + x[:, 1] >= 2) ^ (rng.random(1200) < 0.15)).astype(int)
    measured = np.concatenate([x, rng.normal(size=(1200, 1))], axis=1)

    assert found(rows.of(x, y, task="classification"), "DA17") == []
    assert found(rows.of(measured, y, task="classification"), "DA17") != []


@pytest.mark.slow
def test_wrong_training_labels_are_told_beside_right_dev_labels():
    """One class in three is called another: the training rows say so, the dev rows do not."""
    base = cases.well(2000, apart=4.0)
    y = base.y_train.copy()
    y[(y == 0) & (np.random.default_rng(1).random(len(y)) < 0.3)] = 1
    [seen] = found(replace(base, y_train=y), "DA17")

    assert "1" in seen.evidence


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.0, 0.1, 0.2, 0.4])
def test_a_class_that_is_often_called_another_is_told_from_classes_that_overlap(share):
    """Digits: some 5s are said to be 3s, in training and dev alike, so that dev shows nothing."""
    x, digit = datasets.load_digits(return_X_y=True)
    y = np.where((digit == 5) & (np.random.default_rng(5).random(len(digit)) < share), 3, digit)
    seen = found(rows.of(x[:1300], y[:1300], x[1300:], y[1300:]), "DA17")

    assert [one.where for one in seen] == ([] if share == 0 else ["3"])
    assert all("look like class '5'" in one.evidence for one in seen)


@pytest.mark.slow
@pytest.mark.parametrize("rare", [0.5, 0.2])
@pytest.mark.parametrize("apart", [1.0, 2.0, 3.0])
def test_classes_that_overlap_have_no_wrong_labels(apart, rare):
    rng = np.random.default_rng(int(10 * apart))
    y = (rng.random(2_000) < rare).astype(int)
    x = rng.normal(size=(len(y), 6)) + apart * y[:, None] * (np.arange(6) == 0)

    assert found(rows.of(x[:1500], y[:1500], x[1500:], y[1500:]), "DA17") == []


@pytest.mark.slow
def test_what_a_cause_explains_is_not_named_beside_it():
    """Dev in other units makes its labels look better than those of the training rows, and is named alone."""
    assert {one.code for one in found(cases.dev_on_another_scale(cases.well()))} == {"DA2"}


def test_a_row_number_that_follows_the_target_is_a_fault_and_another_a_note():
    sick = cases.row_number(cases.well())
    shuffled = np.random.default_rng(0).permutation(sick.y_train)

    assert [one.severity for one in found(sick, "DA12")] == [Severity.FAULT]
    assert [one.severity for one in found(replace(sick, y_train=shuffled), "DA12")] == [Severity.NOTE]


@pytest.mark.parametrize(("copied", "expected"), [(0.02, Severity.NOTE), (0.4, Severity.FAULT)])
def test_copies_in_dev_are_a_fault_where_they_can_move_the_dev_error_by_what_matters(copied, expected):
    """Of as many dev rows, one in ten of which is wrong, and none that is a copy."""
    well = cases.well()
    dev, y = well.x_dev.copy(), well.y_dev.copy()
    copied = round(copied * len(dev))
    dev[:copied], y[:copied] = well.x_train[:copied], well.y_train[:copied]
    wrong = np.arange(len(dev)) % 10 == 9
    wrong[:copied] = False
    (seen,) = duplicates.across(replace(well, x_dev=dev, y_dev=y), 0.001, wrong=wrong)

    assert seen.severity is expected
    assert "which is the honest one" in seen.evidence


@pytest.mark.parametrize(("strength", "expected"), [(1.5, ["note"]), (0.0, [])])
def test_a_column_that_most_of_what_is_known_hangs_on_is_a_note(strength, expected):
    """Known afterwards, perhaps: it is no proof, as a column may be that important."""
    rng = np.random.default_rng(3)
    y = rng.integers(0, 2, 800)
    x = rng.normal(size=(800, 6)).astype(np.float64)
    x[:, 1:4] += 0.3 * y[:, None]
    x[:, 0] += strength * y
    x[:, 5] = 1.0

    assert [one.severity.value for one in found(rows.of(x, y), "DA10")] == expected


@pytest.mark.parametrize(
    ("column", "expected"),
    [
        (lambda rng, n: rng.permutation(8 * n)[:n], 1),  # numbers of rows of a larger table
        (lambda rng, n: rng.integers(0, 8 * n, n), 0),  # so many draws would repeat
        (lambda rng, n: rng.normal(size=n), 0),
        (lambda rng, n: rng.random(n).astype(np.float32), 0),
    ],
)
def test_numbers_given_out_each_once_name_the_rows_whatever_they_are_scaled_by(column, expected):
    """As float32, standardised, and in the order of a split."""
    well = cases.well()
    drawn = column(np.random.default_rng(5), len(well.x_train) + len(well.x_dev)).astype(np.float64)
    scaled = ((drawn - drawn.mean()) / drawn.std()).astype(np.float32).astype(np.float64)
    train, dev = well.x_train.copy(), well.x_dev.copy()
    train[:, 0], dev[:, 0] = scaled[: len(train)], scaled[len(train) :]

    assert len(found(replace(well, x_train=train, x_dev=dev), "DA12")) == expected


def test_the_only_column_names_no_rows():
    """A curve that was measured at evenly spaced points."""
    x = np.linspace(0, 1, 300)[:, None]

    assert found(rows.of(x, np.sin(9 * x[:, 0])), "DA12") == []


def test_rows_that_do_not_go_together_are_refused():
    with pytest.raises(errors.DataError, match="go together"):
        rows.of(np.zeros((3, 2)), [0, 1])


def test_pictures_and_one_hot_targets_are_laid_out():
    made = rows.of(np.zeros((4, 3, 3)), np.eye(4))

    assert (made.x_train.shape, made.task) == ((4, 9), "classification")
    np.testing.assert_array_equal(made.y_train, np.arange(4))


@pytest.mark.parametrize("numbers", [False, True])
def test_columns_that_are_mostly_nothing_make_no_copies(numbers):
    """One row in six has 0 in every column, by chance."""
    rng = np.random.default_rng(0)
    x = np.where(rng.random((2000, 8)) < 0.2, np.exp(rng.normal(size=(2000, 8)) + 3), 0.0)
    y = np.log1p(x[:, 0]) + rng.normal(size=2000)
    y = y if numbers else (y > 1).astype(int)

    assert found(rows.of(x[:1200], y[:1200], x[1200:], y[1200:]), "DA6", "DA7") == []
    copied = x.copy()
    copied[1200:1400] = x[:200]
    assert [one.code for one in found(rows.of(copied[:1200], y[:1200], copied[1200:], y[1200:]), "DA7")] == ["DA7"]


def test_rows_with_the_same_gaps_filled_alike_are_no_near_copies():
    rng = np.random.default_rng(0)
    x = np.where(rng.random((2000, 10)) < 0.15, -3.0, rng.uniform(size=(2000, 10)))
    y = x @ rng.normal(size=10)

    assert found(rows.of(x[:1200], y[:1200], x[1200:], y[1200:]), "DA6", "DA7") == []
    near = x.copy()
    near[1200:1400] = x[:200] + np.where(x[:200] > 0, 1e-3 * rng.normal(size=(200, 10)), 0.0)
    assert [one.code for one in found(rows.of(near[:1200], y[:1200], near[1200:], y[1200:]), "DA7")] == ["DA7"]


@pytest.mark.parametrize(
    "spoilt",
    [
        lambda y, rng: np.where(np.arange(len(y)) < len(y) // 3, np.roll(y, 7), y),  # of the rows before
        lambda y, rng: np.where(rng.random(len(y)) < 0.2, 7.0 * y + 5.0, y),  # in another unit
        lambda y, rng: y + 3.0 * rng.normal(size=len(y)),
    ],
    ids=["misaligned", "unit", "noise"],
)
def test_numbers_that_are_wrong_in_part_are_seen_beside_dev(spoilt):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(3000, 6))
    told = 2 * x[:, 0] + x[:, 1] + 0.3 * rng.normal(size=3000)
    base = rows.of(x[:2000], told[:2000], x[2000:], told[2000:])
    y = spoilt(base.y_train, rng)

    [seen] = found(replace(base, y_train=y), "DA17")
    assert seen.title.startswith("Targets are wrong in part")
    assert found(base, "DA17") == []
    assert found(replace(base, y_dev=base.y_dev[:50], x_dev=base.x_dev[:50], y_train=y), "DA17") == []


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (np.log1p, "once 1 is added"),
        (np.log10, "to base 10"),
        (lambda y: y.astype(int).astype(float), "whole numbers"),
        (lambda y: np.minimum(y, np.median(y)), "cut off"),
        (lambda y: 0.7 * y, ""),
        (lambda y: y + 2.0, ""),
    ],
)
def test_targets_of_one_part_that_were_made_otherwise_are_a_fault_and_others_a_limit(made, said):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2000, 4))
    y = np.exp(0.7 * x[:, 0] + 0.3 * rng.normal(size=2000)) * 3
    [seen] = found(rows.of(x[:1200], made(y[:1200]), x[1200:], y[1200:], task="regression"), "DA4")

    assert seen.severity is (Severity.FAULT if said else Severity.LIMIT)
    assert said in seen.evidence
