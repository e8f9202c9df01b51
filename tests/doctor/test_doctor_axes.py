"""Axes that are taken for others: reshapes that mix places, sides for channels, and an order that nobody sees."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from burnish.doctor import anatomy, forms
from burnish.doctor.examination import Examination
from burnish.doctor.rules import sequences, structure
from burnish.doctor.subject import Rows
from doctor.subjects import HEALTHY, found, subject

SIZE, COLOURS = 8, 3


def convolution(x, kernel):
    """Of rows, sides and channels, in this order."""
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))


def bars(rows, seed=0):
    """A bar, lying or standing, in one of two colours: four classes. Channels come first."""
    rng = np.random.default_rng(seed)
    x, y = 0.3 * rng.normal(size=(rows, COLOURS, SIZE, SIZE)), rng.integers(0, 4, rows)
    for image, kind in zip(x, y, strict=True):
        at, begin = rng.integers(0, SIZE), rng.integers(0, SIZE - 4)
        where = (at, slice(begin, begin + 5)) if kind % 2 else (slice(begin, begin + 5), at)
        image[(kind // 2, *where)] += 1.5
    return Rows(x.astype(np.float32), y.astype(np.int32))


def pictures(given, channels=COLOURS, **changes):
    """A convolution of what is made of the pictures, the largest of each channel, and a layer."""

    def init(key):
        one, two = jax.random.split(key)
        kernel = jax.random.normal(one, (3, 3, channels, 16)) * np.sqrt(2 / (9 * channels))
        return {"kernel": kernel, "out": jax.random.normal(two, (16, 4)) / 4, "b": jnp.zeros(4)}

    def apply(params, x):
        return jax.nn.relu(convolution(given(x), params["kernel"])).max(axis=(1, 2)) @ params["out"] + params["b"]

    return replace(HEALTHY, init=init, apply=apply, train=bars(600), dev=bars(400, seed=1), **{"epochs": 8, **changes})


def reshaped(x):
    return x.reshape(-1, SIZE, SIZE, COLOURS)


def moved(x):
    return jnp.moveaxis(x, 1, 3)


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ((5, 12, 32), (5, 4, 12, 8)),  # heads of an attention
        ((5, 4, 12, 8), (5, 12, 32)),  # and back
        ((5, 3, 8, 8), (5, 8, 8, 3)),
        ((5, 4, 12, 8), (60, 4, 8)),
    ],
)
def test_an_axis_that_a_reshape_takes_apart_is_moved(given, made):
    x = np.arange(np.prod(given)).reshape(given)
    move = forms.moved(given, made)
    out = np.asarray(move.made(jnp.asarray(x), made))

    assert out.shape == made
    for place in range(given[move.of]):  # what stood at a place stands at that place
        before, after = np.take(x, place, axis=move.of), np.take(out, place, axis=move.to)
        assert before.ravel().tolist() == after.ravel().tolist()


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ((5, 8, 8), (5, 64)),
        ((5, 64), (5, 8, 8, 1)),
        ((60, 32), (5, 12, 32)),
        ((5, 8, 8), (5, 4, 2, 4, 2)),
        ((5,), (5, 1)),
    ],
)
def test_axes_that_are_split_or_joined_are_not(given, made):
    assert forms.moved(given, made) is None


def test_a_reshaped_image_is_called_for_and_its_cure_moves_the_channels():
    wrong, right = Examination(pictures(reshaped)), Examination(pictures(moved))
    trial = structure.NN20.trial(wrong)
    cured = structure.MOVED.program(wrong.subject)

    assert "(64, 3, 8, 8) to (64, 8, 8, 3)" in trial.why
    assert structure.NN20.trial(right) is None
    params, x = wrong.start.params, wrong.few.x
    np.testing.assert_allclose(cured.apply(params, x), right.subject.apply(params, x), rtol=1e-5, atol=1e-6)


def test_axes_are_moved_in_training_too():
    def dropped(params, x, key):
        return pictures(reshaped).apply(params, x) * jax.random.bernoulli(key, 0.9)

    cured = structure.MOVED.program(pictures(reshaped, apply_training=dropped))
    params, x, key = cured.init(jax.random.key(0)), cured.train.x[:4], jax.random.key(1)
    wanted = pictures(moved).apply(params, x)

    np.testing.assert_allclose(cured.apply_training(params, x, key), wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_a_reshape_for_a_transposition_is_named_by_what_it_costs():
    assert "NN20" in found(pictures(reshaped), "NN20")


def test_a_side_that_is_taken_for_the_channels_is_told():
    [told] = structure.NN21.look(Examination(pictures(lambda x: x, channels=SIZE)))

    assert "Images of shape (3, 8, 8) meet a convolution that takes axis 3" in told.finding.evidence
    assert "Axis 1, of 3" in told.finding.evidence


@pytest.mark.parametrize("shuffled", [False, True])
def test_channels_are_not_nor_entries_that_are_no_neighbours(shuffled):
    right = pictures(moved)
    if shuffled:
        order = np.random.default_rng(4).permutation(SIZE)
        x = np.random.default_rng(5).normal(size=right.train.x.shape).astype(np.float32)[..., order]
        right = replace(pictures(lambda x: x, channels=SIZE), train=Rows(x, right.train.y))

    assert list(structure.NN21.look(Examination(right))) == []


CODES, PLACES = 8, 6


def ordered(rows, seed=0, tells=True):
    """Codes 0 and 1 stand once each among others; which of them comes first is the class, or which other is there."""
    rng = np.random.default_rng(seed)
    x = rng.integers(2, CODES, (rows, PLACES))
    at = np.array([rng.permutation(PLACES)[:2] for _ in range(rows)])
    x[np.arange(rows), at[:, 0]], x[np.arange(rows), at[:, 1]] = 0, 1
    y = at[:, 0] < at[:, 1] if tells else (x == 2).any(axis=1)
    return Rows(x.astype(np.int32), y.astype(np.int32))


def bag(tells=True, place=0.0, **changes):
    """Embeddings through a layer, their mean, and another layer; with vectors of places, times so much."""

    def init(key):
        keys = jax.random.split(key, 4)
        return {
            "table": jax.random.normal(keys[0], (CODES, 16)),
            "places": jax.random.normal(keys[1], (PLACES, 16)),
            "hidden": jax.random.normal(keys[2], (16, 32)) / 3,
            "out": jax.random.normal(keys[3], (32, 2)) / 4,
        }

    def apply(params, x):
        seen = params["table"][x] + place * params["places"]
        return jax.nn.relu(seen @ params["hidden"]).mean(axis=1) @ params["out"]

    rows = {"train": ordered(900, tells=tells), "dev": ordered(500, seed=1, tells=tells)}
    return subject(init=init, apply=apply, **{**rows, "epochs": 8, **changes})


def test_a_network_that_sees_no_order_is_told_where_the_order_tells():
    [told] = sequences.NN22.look(Examination(bag()))

    assert "stay the same when places of a row are exchanged" in told.finding.evidence


@pytest.mark.parametrize("well", [bag(place=1.0), bag(tells=False), HEALTHY], ids=["places", "bag of words", "table"])
def test_one_that_does_or_whose_rows_have_none_is_not(well):
    assert list(sequences.NN22.look(Examination(well))) == []


def test_a_sequence_of_numbers_is_asked_too():
    def numbers(rows, seed):
        x = np.random.default_rng(seed).normal(size=(rows, 5, 2)).astype(np.float32)
        return Rows(x, (x[:, 0, 0] > x[:, 4, 0]).astype(np.int32))

    def apply(params, x):
        return jax.nn.relu(x @ params["hidden"]).mean(axis=1) @ params["out"]

    def init(key):
        one, two = jax.random.split(key)
        return {"hidden": jax.random.normal(one, (2, 32)), "out": jax.random.normal(two, (32, 2)) / 4}

    rows = {"train": numbers(900, 0), "dev": numbers(500, 1)}
    assert len(list(sequences.NN22.look(Examination(subject(init=init, apply=apply, epochs=5, **rows))))) == 1


def test_what_a_trace_sees_of_axes_is_of_the_data_alone():
    """A kernel may be kept flat, and reshaped."""

    def apply(params, x):
        return convolution(moved(x), params["kernel"].reshape(3, 3, COLOURS, 16)).max(axis=(1, 2))

    x = bars(2).x
    _, seen = anatomy.follow(apply, {"kernel": jnp.ones((3, COLOURS, 3, 16))}, x)

    assert (seen.reshaped, seen.convolved) == ([], [((2, SIZE, SIZE, COLOURS), 3)])
