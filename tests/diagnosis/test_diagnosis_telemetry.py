"""What steps seen from inside say: silence where layers are healthy, and the layer's name where one is not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from burnish.diagnosis import telemetry
from burnish.diagnosis.finding import Severity
from burnish.train.work import Telemetry

STEPS, HIDDEN = 6, 3
LEAVES = ("hidden.0.b", "hidden.0.w", "hidden.1.b", "hidden.1.w", "hidden.2.b", "hidden.2.w", "output.b", "output.w")


def seen(**changed) -> Telemetry:
    """A healthy training of three hidden layers."""
    leaves, layers = (STEPS, len(LEAVES)), (STEPS, HIDDEN)
    healthy = Telemetry(
        leaves=LEAVES,
        layers=tuple(f"hidden layer {number}" for number in (1, 2, 3)),
        depth=(1, 3, 5, 7),
        step=2.0 ** np.arange(STEPS),
        loss=np.linspace(1, 0.1, STEPS),
        norm=np.ones(STEPS),
        clipped=np.zeros(STEPS),
        gradient=np.full(leaves, 0.3),
        weight=np.full(leaves, 8.0),
        update=np.full(leaves, 0.02),
        not_finite=np.zeros(leaves),
        rms=np.full(layers, 0.7),
        dead=np.full(layers, 0.1),
        saturated=np.full(layers, np.nan),
    )
    return replace(healthy, **changed)


def by_leaf(value: float, *columns: float) -> np.ndarray:
    """The same in every step: this for all leaves, and these for the weights, first layer first."""
    row = np.full(len(LEAVES), float(value))
    row[[1, 3, 5, 7]] = columns
    return np.tile(row, (STEPS, 1))


def test_a_healthy_training_has_no_finding():
    assert telemetry.read(seen()) == ()
    assert telemetry.read(None) == ()


def test_layers_that_stand_still_are_named():
    """The first two of four: relative updates a million and ten thousand times below the last layer's."""
    [found] = telemetry.read(
        seen(update=by_leaf(0.02, 2e-8, 2e-6, 2e-3, 0.02), gradient=by_leaf(1, 1e-6, 1e-4, 0.01, 1))
    )

    assert (found.code, found.severity, found.where) == ("NN3", Severity.LIMIT, "hidden layer 2")
    assert "0.01 times as large" in found.evidence
    assert "Up to hidden layer 2" in found.evidence


def test_small_gradients_that_adam_makes_good_are_no_finding():
    """What counts is whether the layer moves."""
    assert telemetry.read(seen(gradient=by_leaf(1, 1e-9, 1e-6, 1e-3, 1))) == ()


def test_steps_at_a_rate_of_0_say_nothing():
    """The end of a cosine moves no layer."""
    still = by_leaf(0.0, 0, 0, 0, 0)
    still[:3] = 0.02

    assert telemetry.read(seen(update=still)) == ()


def test_outputs_that_shrink_are_named():
    """By a hundred and by ten thousand: no need of the updates, as gradients shrink alike."""
    [found] = telemetry.read(seen(rms=np.tile([1.0, 0.01, 1e-6], (STEPS, 1))))

    assert (found.code, found.where) == ("NN3", "hidden layer 3")
    assert "falls to 1e-06" in found.evidence


@pytest.mark.parametrize("way", ["forward", "backward"])
def test_scales_that_explode_are_named(way):
    """Outputs that grow 100 times a layer, or gradients on their way back."""
    if way == "forward":
        changed = {"rms": np.tile([1.0, 100, 10_000], (STEPS, 1))}
    else:
        changed = {"gradient": by_leaf(1, 1e6, 1e4, 100, 1)}
    [found] = telemetry.read(seen(**changed))

    assert (found.code, found.where) == ("NN4", "hidden layer 2" if way == "forward" else "hidden layer 1")
    assert "1e+04 times" in found.evidence or "1e+06 times" in found.evidence


def test_dead_and_saturated_layers_are_notes_about_the_later_half():
    """Units that come to life later are no matter."""
    dead, saturated = np.full((STEPS, HIDDEN), 0.1), np.full((STEPS, HIDDEN), 0.0)
    dead[:, 1], dead[:3, 0], saturated[:, 2] = 0.8, 0.9, 0.6
    found = telemetry.read(seen(dead=dead, saturated=saturated))

    assert [(one.code, one.where, one.severity) for one in found] == [
        ("NN5", "hidden layer 2", Severity.NOTE),
        ("NN6", "hidden layer 3", Severity.NOTE),
    ]
    assert found[0].evidence.startswith("80 %")


def test_numbers_that_are_not_finite_are_a_fault_with_the_place():
    """The first step that has them, and in which arrays."""
    broken = np.zeros((STEPS, len(LEAVES)))
    broken[4:, :4] = 2
    [found] = telemetry.read(seen(not_finite=broken))

    assert (found.code, found.severity) == ("NU4", Severity.FAULT)
    assert found.evidence == "At step 16, 8 of its numbers, in hidden layer 1, hidden layer 2."


def test_too_few_steps_say_nothing_but_what_is_not_finite():
    short = seen()
    short = replace(short, **{n: getattr(short, n)[:3] for n in ("step", "update", "not_finite", "rms", "dead")})

    assert telemetry.read(replace(short, dead=np.ones((3, HIDDEN)))) == ()


def test_an_own_model_is_judged_by_what_is_known_of_it():
    """No layers, no depth: only what is not finite is said, by the array's own name."""
    own = seen(layers=(), depth=(), rms=np.zeros((STEPS, 0)), dead=np.zeros((STEPS, 0)), saturated=np.zeros((STEPS, 0)))
    broken = np.zeros((STEPS, len(LEAVES)))
    broken[0, 0] = 1
    named = replace(own, leaves=("block.scale", *LEAVES[1:]), not_finite=broken)

    assert telemetry.read(own) == ()
    assert telemetry.read(named)[0].where == "block.scale"
