"""Numbers and sentences, the last lines of a run, and the model card."""

from __future__ import annotations

import doctest
from dataclasses import replace
from pathlib import Path

import pytest

from burnish.report import compared, model_card, predicted, summary, svg, terminal, wording
from burnish.stats.interval import Interval

HERE = Path(__file__).parent


@pytest.fixture(scope="module", params=["concrete", "vehicle"])
def full(request) -> summary.Summary:
    return summary.from_json((HERE / f"{request.param}.json").read_text())


@pytest.mark.parametrize("module", [wording, svg])
def test_docstring_examples_hold(module):
    result = doctest.testmod(module)

    assert result.attempted > 0
    assert result.failed == 0


@pytest.mark.parametrize(
    ("interval", "unit", "expected"),
    [
        (Interval(25123.4, 23900.0, 26400.0), "EUR", "25,100 EUR [23,900, 26,400]"),
        (Interval(0.0, 0.0, 0.0179), "%", "0.00 % [0.00, 1.79]"),
        (Interval(-0.0001, -0.51, 0.52), "", "0.00 [−0.51, 0.52]"),
        (Interval(3.0, 3.0, 3.0), "", "3.00 [3.00, 3.00]"),
        (Interval(1e-9, 0.9e-9, 1.1e-9), "m", "1e−09 m [9e−10, 1.1e−09]"),
        (Interval(7.951e10, 7.49e10, 8.48e10), "", "7.95e+10 [7.49e+10, 8.48e+10]"),
        (Interval(-4.0e8, -5.9e9, 1.2e9), "", "−400,000,000 [−5.9e+09, 1.2e+09]"),
        (Interval(2.0, float("-inf"), float("inf")), "s", "2.00 s (no interval)"),
        (Interval(float("nan"), float("nan"), float("nan")), "", "not finite (no interval)"),
    ],
)
def test_numbers_have_the_digits_that_their_interval_allows(interval, unit, expected):
    assert wording.span(interval, unit) == expected


def test_value_range_and_bare_are_parts_of_the_span():
    interval = Interval(0.0341, 0.0212, 0.0523)

    assert wording.value_of(interval, "%") == "3.4 %"
    assert wording.range_of(interval, "%") == "2.1 to 5.2"
    assert wording.bare(interval, "%") == "3.4"


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        (Interval(5.0, 4.5, 5.5), "inside the promised range"),
        (Interval(9.0, 8.5, 9.5), "trust the test figure"),
        (Interval(1.0, 0.5, 1.5), "better than the promised range"),
    ],
)
def test_the_promise_is_held_against_the_test_rows(full, test, expected):
    final = replace(full.final, dev=Interval(5.0, 4.0, 6.0), test=test)

    assert expected in wording.promise_kept(replace(full, final=final))


def told_of(full, errors):
    """A regression whose test rows have these errors."""
    rows = summary.Predictions("test", (0.0,) * len(errors), tuple((float(error),) for error in errors))
    return replace(full, task=replace(full.task, kind="regression", error="RMSE"), predictions=rows)


def test_a_promise_that_leans_on_a_few_rows_is_said_to_be_perhaps_too_narrow(full):
    said = wording.promise_kept(told_of(full, [1.0] * 396 + [40.0, -30.0, 20.0, 10.0]))

    assert said.endswith(
        "The 4 largest errors of 400 test rows make up 88 % of their sum of squares: an RMSE leans on so few rows "
        "here, and the promised range may be too narrow."
    )
    assert "One error of 80 test rows makes up" in wording.promise_kept(told_of(full, [1.0] * 79 + [20.0]))
    assert said in terminal.summary(told_of(full, [1.0] * 396 + [40.0, -30.0, 20.0, 10.0]))


@pytest.mark.parametrize("errors", [[0.0] * 80, [8.0] + [1.0] * 79, [9.0] + [0.0] * 30, [float("nan")] * 80])
def test_other_promises_are_not(full, errors):
    """Errors of one size, large ones that do not outweigh the others, too few rows, and none that are numbers."""
    assert "leans" not in wording.promise_kept(told_of(full, errors))


def test_a_test_set_opened_twice_is_not_called_fresh(full):
    text = wording.promise_kept(replace(full, final=replace(full.final, test_openings=2)))

    assert "2 times" in text
    assert "once" not in text


def test_models_are_called_different_only_where_intervals_part(full):
    def base(name, low, high):
        return summary.BaselineResult(name, Interval((low + high) / 2, low, high))

    final = replace(full.final, dev=Interval(5.0, 4.0, 6.0))
    baselines = (base("mean", 7.0, 9.0), base("linear", 5.5, 7.0), base("boosting", 2.0, 3.0))

    assert wording.verdict(replace(full, final=final, baselines=baselines)) == (
        "The final model is clearly better than mean, not clearly different from linear and clearly worse than "
        "boosting."
    )


def test_models_that_were_compared_row_by_row_differ_where_that_interval_says_so(full):
    """Intervals of their own overlap, and say less; what is delivered is not compared with itself."""
    wide = Interval(5.0, 1.0, 9.0)
    excess = {"mean": Interval(-2.0, -3.0, -1.0), "linear": None, "boosting": Interval(0.4, 0.1, 0.7)}
    baselines = tuple(summary.BaselineResult(name, wide, excess=found) for name, found in excess.items())
    simple = summary.Delivered("linear", 5, 0, "No network was trained.")
    told = replace(full, final=replace(full.final, dev=wide), baselines=baselines, delivered=simple)

    assert wording.verdict(told) == (
        "The final model is the linear baseline, clearly better than mean and clearly worse than boosting."
    )
    assert wording.yardstick(told).startswith("Boosting's error is lower by ")
    assert wording.yardstick(told) in terminal.summary(told)
    assert "It is a yardstick, which burnish shows and never hands back" in model_card.render(told)
    assert wording.yardstick(replace(told, baselines=baselines[:2])) == ""


def test_the_error_on_test_rows_is_no_further_measure(full):
    """It has a row of its own."""
    own, other = summary.Metric(full.task.error, full.final.test), summary.Metric("other", Interval(2.0, 1.0, 3.0))
    told = replace(full, final=replace(full.final, test_metrics=(own, other)))

    assert wording.further(told) == (other,)


def test_what_is_sure_and_too_little_to_matter_is_a_case_of_its_own(full):
    """As little as noise may be, when both are right and wrong on nearly the same rows: these do tell them apart."""
    wide = Interval(5.0, 1.0, 9.0)
    excess = {
        "mean": Interval(-0.1, -0.11, -0.09),
        "majority": Interval(-0.3, -0.4, -0.2),
        "linear": Interval(0.0, -0.1, 0.1),
        "boosting": Interval(0.3, 0.2, 0.4),
    }
    baselines = tuple(summary.BaselineResult(name, wide, excess=found) for name, found in excess.items())
    told = replace(full, final=replace(full.final, dev=wide, practical=0.25), baselines=baselines)

    assert wording.verdict(told) == (
        "The final model is better than majority (surely, but perhaps by less than matters), better than mean (surely, "
        "but by less than matters), not clearly different from linear and worse than boosting (surely, but perhaps by "
        "less than matters)."
    )
    assert wording.yardstick(told) == ""


@pytest.mark.parametrize(
    ("excess", "words"),
    [
        (Interval(-1.0, -1.5, -0.26), "clearly better than {}"),
        (Interval(-0.1, -0.25, -0.01), "better than {} (surely, but by less than matters)"),
        (Interval(0.0, 0.0, 0.0), "not clearly different from {}"),
        (Interval(0.1, float("nan"), float("nan")), "not clearly different from {}"),
        (Interval(0.1, 0.01, 0.25), "worse than {} (surely, but by less than matters)"),
        (Interval(1.0, 0.26, 1.5), "clearly worse than {}"),
    ],
)
def test_a_model_stands_beside_another_as_the_interval_of_their_difference_lies(full, excess, words):
    baseline = summary.BaselineResult("mean", Interval(5.0, 1.0, 9.0), excess=excess)

    assert compared.beside(replace(full.final, practical=0.25), baseline) == words


def test_the_two_numbers_of_a_delivered_simple_model_are_told_apart(full):
    """Its dev error is that of one fit at a time, the promise that of their average."""
    simple = replace(full, delivered=summary.Delivered("linear", 5, 0, "No network was trained."))

    assert "the promise is for their average" in wording.model_sentence(simple)
    assert [title for title, _, _ in wording.dev_errors(simple)] == ["Dev, as measured", "Promised"]
    assert "the best of many" not in str(wording.dev_errors(simple))
    assert "average" not in wording.model_sentence(replace(simple, delivered=replace(simple.delivered, members=1)))


def test_nothing_found_states_what_could_have_been_missed(full):
    gap = summary.Gap("variance", Interval(0.001, -0.01, 0.012), False, smallest=0.021)
    budget = replace(full.budgets[0], gaps=(gap,))
    text = wording.held_back(replace(full, budgets=(budget,)))

    assert text.startswith("Nothing that stands out from the noise. A gap below ")
    assert ("2.10 points" if full.task.shares else "0.0210 MPa") in text


def test_a_first_network_on_a_part_of_the_rows_is_told_as_such(full):
    """It is a short training: what held the delivered model back is what counts."""
    gaps = [(summary.Gap("variance", Interval(size, 0.9 * size, 1.1 * size), True),) for size in (0.5, 0.02)]
    budgets = tuple(replace(b, gaps=g) for b, g in zip((full.budgets[0], full.budgets[-1]), gaps, strict=True))
    part = replace(full, budgets=budgets, first=replace(full.first, rows=10_000))

    assert wording.held_back(part).startswith(f"Variance: the error of {full.budgets[-1].of} ")
    assert "10,000 training rows" in wording.first_training(part)
    assert any(line.strip().startswith("first network, a part ") for line in terminal.summary(part))
    assert wording.first_training(full) == ""


def test_the_last_lines_fit_a_screen_and_hold_the_answer(full):
    lines = terminal.summary(full)

    assert len(lines) <= terminal.MOST_LINES
    assert lines[0] == wording.headline(full)
    assert any("boosting" in line for line in lines)
    assert f"Report: {full.run.report}" in lines


def test_the_last_lines_of_a_crowded_or_a_broken_run_still_name_the_report(full):
    many = replace(full, baselines=full.baselines * 9, audit=full.audit * 30, warnings=("w",) * 40)
    early = replace(full, first=None, final=None, delivered=None, baselines=(), budgets=(), experiments=(), advice=())

    for item in (many, early):
        lines = terminal.summary(item)
        assert len(lines) <= terminal.MOST_LINES
        assert f"Report: {full.run.report}" in lines


def test_names_cannot_drive_the_terminal(full):
    evil = replace(full, run=replace(full.run, report="r\x1b]0;owned\x07\n\u202ex"), advice=("a\x1b[2Jb",))

    text = "".join(terminal.summary(evil))
    assert not set(text) & {"\x1b", "\x07", "\n", "\u202e"}


def test_the_model_card_escapes_what_markdown_would_act_on(full):
    column = summary.ColumnNote("<script>|*x*[a](http://e)", "number", "", 0, "`x`")
    text = model_card.render(replace(full, columns=(column,)))

    assert "<script>" not in text
    assert "\\<script\\>\\|\\*x\\*\\[a\\](http://e)" in text
    assert wording.headline(full).split(" [")[0] in text


def test_the_model_card_of_a_run_that_ended_early_says_so(full):
    text = model_card.render(replace(full, final=None, delivered=None, columns=(), baselines=()))

    assert "The run ended before there was a model" in text


def test_the_model_card_says_that_rows_take_turns_in_folds(full):
    rows = replace(full.rows, read=1030, train=658, dev=823, test=207, folds=5)
    one, folds = (model_card.render(replace(full, rows=replace(rows, folds=count))) for count in (1, 5))

    assert "658 train, 823 choose, 207 test." in one
    assert "658 train, 823 choose (in 5 folds: rows that choose in one train in the others, 658 at a time)" in folds


def test_reliability_bins_hold_equal_numbers_and_the_truth():
    rng_free = [i / 1000 for i in range(1000)]
    right = [(i * 7919) % 1000 < 1000 * c for i, c in enumerate(rng_free)]
    item = summary.Predictions("test", tuple(0 if r else 1 for r in right), tuple((c, -1.0) for c in rng_free))
    observed = predicted.confusion_counts(item, 2)

    assert observed.sum() == 1000
    assert observed[0, 0] == sum(right)


def test_residual_quantiles_are_of_predicted_minus_observed():
    item = summary.Predictions("test", (0.0,) * 101, tuple((float(i),) for i in range(101)))

    assert predicted.residual_quantiles(item) == (
        ("5 %", 5.0),
        ("25 %", 25.0),
        ("50 %", 50.0),
        ("75 %", 75.0),
        ("95 %", 95.0),
    )


def test_the_terminal_says_in_one_line_where_the_last_error_comes_from(full):
    unit = wording.unit_of(full.task)
    [line] = [line for line in terminal.summary(full) if line.startswith("Error of the final model: ")]

    assert all(f"{part.name} {wording.difference(part.gap, unit)}" in line for part in full.budgets[-1].gaps)


def test_without_a_remedy_that_helped_the_search_and_averaging_are_told(full):
    first = replace(full.first, dev=replace(full.final.dev, value=full.final.dev.value + 1.0))
    better = replace(
        full,
        experiments=(),
        first=first,
        delivered=replace(full.delivered, what="network", members=4),
        search=full.search,
    )
    said = wording.helped_without(better)
    assert said.startswith("No remedy was tried. With ")
    assert "the average of 4 networks" in said
    assert wording.helped_without(replace(better, first=replace(first, dev=full.final.dev))) == "No remedy was tried."
    linear = replace(better, delivered=replace(full.delivered, what="linear"))
    assert wording.helped_without(linear) == "No remedy was tried."
