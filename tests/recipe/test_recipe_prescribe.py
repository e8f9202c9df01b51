"""The table of remedies keeps its promises, and the prescription follows the basic recipe."""

from dataclasses import replace

import pytest

from burnish.diagnosis.finding import Finding, Severity
from burnish.recipe import remedies
from burnish.recipe.prescribe import prescribe
from burnish.recipe.remedies import REMEDIES
from burnish.train.configuration import Configuration

START = Configuration()
# For each remedy, a configuration to which it applies, where the default is not one.
SICK = {
    "unregularised": replace(START, dropout=0.3),
    "adam": replace(START, optimizer="sgd", learning_rate=0.1),
    "residual": replace(START, widths=(64, 64, 64)),
}
WELL = replace(
    START,
    widths=(16,) * 6,
    frequencies=16,
    norm="batch",
    residual=True,
    beta2=0.95,
    warmup=0.05,
    clip_norm=1.0,
    weight_decay=1.0,
    l2=1.0,
    dropout=0.3,
    label_smoothing=0.1,
    input_noise=0.1,
    mixup=0.2,
    flip=0.5,
    shift=0.1,
    rotation=10.0,
    crop=0.2,
    brightness=0.2,
    contrast=0.2,
    cutout=0.3,
    patience=10,
    epochs=19,
)
# Remedies that always have something to change, and those that WELL happens to leave room for.
ALWAYS = {"faster", "slower", "smaller-batch", "larger-batch", "gelu", "silu", "other-decay", "unregularised", "wider"}
ALWAYS |= {"longer", "shallower"}


def finding(code):
    return Finding(code, "A title", Severity.LIMIT, "Evidence.", "Remedy.")


def names(prescribed):
    return [remedy.name for remedy in prescribed]


def test_names_are_unique_and_found():
    assert len({remedy.name for remedy in REMEDIES}) == len(REMEDIES)
    assert all(remedies.named(remedy.name) is remedy for remedy in REMEDIES)


@pytest.mark.parametrize("remedy", REMEDIES, ids=lambda r: r.name)
def test_each_remedy_says_what_it_is_in_plain_words(remedy):
    assert remedy.title[0].isupper()
    assert remedy.note.endswith(".")
    assert remedy.answers
    assert remedy.cost > 0
    assert 0 < remedy.promise < 1


def test_a_title_keeps_its_names_within_a_sentence():
    """GELU, SiLU, L2 and Adam are written so everywhere; ordinary words begin small."""
    phrases = {remedy.name: remedy.phrase for remedy in REMEDIES}

    assert [phrases[name] for name in ("gelu", "silu", "adam")] == ["GELU activation", "SiLU activation", "Adam"]
    assert phrases["l2"].startswith("L2 ")
    assert phrases["wider"] == "twice as wide"


@pytest.mark.parametrize("remedy", [r for r in REMEDIES if r.trains], ids=lambda r: r.name)
def test_each_remedy_changes_a_configuration_that_needs_it(remedy):
    before = SICK.get(remedy.name, START)
    after = remedy.change(before)

    assert after is not None
    assert after != before


@pytest.mark.parametrize("remedy", [r for r in REMEDIES if r.name not in ALWAYS], ids=lambda r: r.name)
def test_each_remedy_stays_away_where_it_is_already_so(remedy):
    assert remedy.change(WELL) is None


@pytest.mark.parametrize("remedy", [r for r in REMEDIES if r.trains], ids=lambda r: r.name)
@pytest.mark.parametrize("start", [START, WELL, replace(START, widths=()), replace(START, dropout=(0.1, 0.2))])
def test_repeating_a_remedy_comes_to_an_end_within_the_limits(remedy, start):
    configuration = start
    for _ in range(30):
        changed = remedy.change(configuration)
        if changed is None or remedy.name == "other-decay":
            break
        configuration = changed
    else:
        pytest.fail("it always finds more to change")

    assert all(width <= remedies.MAX_WIDTH for width in configuration.widths)
    assert len(configuration.widths) <= remedies.MAX_DEPTH
    assert not isinstance(configuration.dropout, tuple) or len(configuration.dropout) == len(configuration.widths)


def test_high_bias_is_answered_by_bias_remedies_first():
    found = prescribe([finding("BV1")], START, (), limit=6, task="regression")

    assert all("BV1" in remedy.answers for remedy in found)
    assert len(found) == 6


def test_high_variance_is_answered_by_variance_remedies_first():
    found = prescribe([finding("BV2")], START, (), limit=6, task="regression")

    assert {remedy.cause for remedy in found} == {"variance"}


def test_with_both_the_bias_comes_first_and_the_variance_when_that_is_tried():
    first = prescribe([finding("BV3")], START, (), limit=4, task="regression")
    tried = {remedy.name for remedy in REMEDIES if remedy.cause != "variance"}
    then = prescribe([finding("BV3")], START, tried, limit=4, task="regression")

    assert all(remedy.cause in ("bias", "optimisation") for remedy in first)
    assert {remedy.cause for remedy in then} == {"variance"}


def test_tables_and_images_have_remedies_of_their_own():
    """None that would change nothing: images have no columns, and tables cannot be mirrored."""
    tables, images = (
        names(prescribe([finding("BV3")], START, (), limit=99, task="classification", of=of))
        for of in ("tables", "images")
    )

    assert {"periodic", "input-noise"} <= set(tables) - set(images)
    assert {"flip", "shift", "cutout", "residual-blocks"} <= set(images) - set(tables)
    assert {"wider", "dropout", "mixup"} <= set(tables) & set(images)


def test_divergence_is_cured_before_anything_else():
    found = prescribe([finding("NU4"), finding("BV1")], START, (), limit=3, task="regression")

    assert set(names(found)) == {"slower", "warm-up", "clip"}


def test_near_the_floor_nothing_is_prescribed_unless_dev_is_too_small_to_know():
    assert prescribe([finding("BV8")], START, (), limit=5, task="regression") == ()
    assert len(prescribe([finding("BV8"), finding("BV6")], START, (), limit=5, task="regression")) == 5


def test_without_a_finding_the_most_promising_for_their_cost_are_tried():
    found = prescribe([], START, (), limit=8, task="regression")
    worth = [remedy.promise / remedy.cost for remedy in found]

    assert len(found) == 8
    assert worth == sorted(worth, reverse=True)


def test_what_was_tried_and_what_does_not_apply_is_left_out():
    found = names(prescribe([], START, {"faster", "dropout"}, limit=99, task="regression"))

    assert not {"faster", "dropout", "label-smoothing", "adam", "residual", "ensemble"} & set(found)


def test_label_smoothing_is_for_classes_only():
    assert "label-smoothing" in names(prescribe([], START, (), limit=99, task="classification"))
