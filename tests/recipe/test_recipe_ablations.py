"""The table of techniques: what is taken away, what is put in, and what does not apply."""

from __future__ import annotations

from dataclasses import replace

import pytest

from burnish.recipe import ablations
from burnish.recipe.ablations import Network, Technique
from burnish.train import hyperparameters
from burnish.train.configuration import Configuration

PLAIN = Configuration(widths=(8, 8), batch_size=32)
FULL = replace(
    PLAIN, norm="batch", bins=8, dropout=0.1, l2=0.5, weight_decay=0.1, patience=20, input_noise=0.1, mixup=0.2
)


def of(c: Configuration, numbers: int = 3) -> dict[str, Technique]:
    return {one.name: one for one in ablations.techniques(Network(c, numbers))[0]}


def test_what_the_network_has_is_taken_away_and_what_it_has_not_is_put_in():
    """The same techniques, each on the other side."""
    settings = ("dropout", "batch-norm", "bins", "weight-decay", "l2", "early-stopping", "input-noise", "mixup")
    plain, full = of(PLAIN), of(FULL)

    assert plain.keys() == full.keys()
    assert [plain[name].present for name in settings] == [False] * 8
    assert [full[name].present for name in settings] == [True] * 8
    for name in settings:
        assert plain[name].arms[0].configuration != PLAIN
        assert full[name].arms[0].configuration != FULL


@pytest.mark.parametrize("c", [PLAIN, FULL, replace(PLAIN, optimizer="sgd"), replace(PLAIN, widths=())])
@pytest.mark.parametrize("numbers", [0, 3])
def test_every_arm_differs_from_the_network_and_can_be_trained(c, numbers):
    """In one technique only; all that is missing says why."""
    found, missing = ablations.techniques(Network(c, numbers))

    assert len(found) + len(missing) == len(ablations.MAKERS)
    assert len({one.name for one in found}) == len(found)
    assert all(why for _, why in missing)
    for one in found:
        for arm in one.arms:
            assert arm.raw or arm.configuration != c
            hyperparameters.hyperparameters(arm.configuration, seed=0)


@pytest.mark.parametrize(
    "c", [PLAIN, replace(PLAIN, shift=0.05, flip=0.5, brightness=0.1, residual=True), replace(PLAIN, norm="batch")]
)
def test_what_images_have_is_taken_away_or_put_in_and_what_is_of_columns_says_so(c):
    found, missing = ablations.techniques(Network(c, 0, images=True))
    known = {one.name: one for one in found}
    there = {"shift": c.shift, "flip": c.flip, "rotation": c.rotation, "crop": c.crop, "cutout": c.cutout}
    there |= {"light": c.brightness or c.contrast, "residual": c.residual, "batch-norm": c.norm == "batch"}

    assert {name: known[name].present for name in there} == {name: bool(used) for name, used in there.items()}
    for name in there:
        [arm] = known[name].arms
        assert arm.configuration != c
        hyperparameters.hyperparameters(arm.configuration, seed=0)
    assert known["light"].arms[0].configuration.brightness == (0.0 if c.brightness else 0.2)
    reasons = dict(missing)
    assert "standardises its pixels itself" in reasons["Input normalisation"]
    assert reasons["Binned inputs"] == reasons["Input noise"] == "rows are images, which have no columns"
    assert not {"shift", "residual"} & of(c).keys()


def test_adam_is_taken_apart_and_its_rivals_get_ladders():
    """Without correction, without each moment, without both; each with rates of its own."""
    found = of(PLAIN)
    rivals = {name: found[name].arms[0].configuration for name in ("second-moment", "first-moment", "moments")}

    assert {name: c.optimizer for name, c in rivals.items()} == {
        "second-moment": "momentum",
        "first-moment": "rmsprop",
        "moments": "sgd",
    }
    assert not found["bias-correction"].arms[0].configuration.bias_correction
    assert found["momentum"].arms[0].configuration.beta1 == 0
    assert all(found[name].ladder for name in (*rivals, "bias-correction", "momentum"))


def test_bias_correction_can_be_left_out_of_adam():
    """It is one coefficient of the compiled program."""
    with_it, without = (
        hyperparameters.hyperparameters(replace(PLAIN, bias_correction=on), seed=0) for on in (True, False)
    )

    assert (with_it.corrected, without.corrected) == (1, 0)
    assert replace(PLAIN, bias_correction=False).program == PLAIN.program


def test_a_network_without_adam_is_given_adam():
    """And its momentum is taken away or put in."""
    sgd, momentum = of(replace(PLAIN, optimizer="sgd")), of(replace(PLAIN, optimizer="momentum"))

    assert not sgd["adam"].present
    assert not sgd["momentum"].present
    assert momentum["momentum"].present
    assert "moments" not in sgd
