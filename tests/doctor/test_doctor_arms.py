"""What is tried as numbers, and what it is as a training of its own, are the same."""

from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from burnish.doctor import anatomy, networks, widths
from burnish.doctor import null as nulls
from burnish.doctor.arms import Arm, changed, for_rows_as_they_were, together
from burnish.doctor.examination import NOTHING_CHANGED, Examination, TimeUp
from burnish.doctor.gauges import Gauger
from burnish.doctor.lab import Change, Lab, _stepwise, _stretch
from burnish.doctor.rules.steps import ADAM
from burnish.doctor.subject import Rows
from doctor import subjects

SMALL = subjects.subject((8, 6, 4), train=subjects.clusters(70), dev=subjects.clusters(30, seed=2), epochs=3)
Y = np.sin(SMALL.train.x[:, 0]) * 30 + 100
NUMBERS = replace(
    SMALL,
    init=subjects.perceptron((8, 6, 1))[0],
    apply=lambda p, x: subjects.perceptron((8, 6, 1))[1](p, x)[:, 0],
    loss=lambda z, y: jnp.square(z - y),
    train=Rows(SMALL.train.x * 50 + 3, Y.astype(np.float32)),
    dev=Rows(SMALL.dev.x * 50 + 3, np.sin(SMALL.dev.x[:, 0]) * 30 + 100),
)


TANH = subjects.perceptron((8, 6, 4), jnp.tanh)[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("subject", "change"),
    [
        (SMALL, Change(rate=0.1)),
        (SMALL, Change(warm_up=0.3, decay=1.0)),
        (SMALL, Change(rate=2.0, shrink=0.05)),
        (replace(SMALL, penalty=lambda p: 0.1 * jnp.sum(jnp.square(p[0]["w"]))), Change(penalty=0.1)),
        (NUMBERS, nulls.standardising(NUMBERS.train, targets=True)),
    ],
)
def test_a_cure_for_good_is_what_was_tried(subject, change):
    """Whether rows are changed, or the network does it itself."""
    tried = Lab(subject)
    end, _ = tried.train(tried.start(), subject.steps, change=change)
    errors = tried.errors(end.params, subject.dev, change)

    arm = Arm("it", change)
    for_good = arm.cured(subject)
    for cured in (Lab(for_good), Lab(for_rows_as_they_were(subject, [arm], for_good))):
        again, _ = cured.train(cured.start(), subject.steps)
        np.testing.assert_allclose(cured.errors(again.params, cured.subject.dev), errors, rtol=2e-3, atol=1e-4)


SPOILT = Rows(SMALL.train.x * 50 + 3, SMALL.train.y)


@pytest.mark.slow
@pytest.mark.parametrize(
    "arms",
    [
        # The second sees inputs as the first has made them.
        (Arm("standardised", nulls.standardising(SPOILT)), Arm("clipped", inputs=lambda x: x.clip(-1, 1))),
        # The second puts another network, or optimiser, in the place of the one that the first changed.
        (Arm("standardised", nulls.standardising(SPOILT)), Arm("tanh", subject=lambda s: replace(s, apply=TANH))),
        (Arm("a tenth", Change(rate=0.1)), Arm("SGD", subject=lambda s: replace(s, optimizer=optax.sgd(0.5)))),
    ],
)
def test_what_is_handed_back_is_the_training_that_was_judged(arms):
    """On rows as they were it does what the cured training does on its own."""
    first = replace(SMALL, train=SPOILT, dev=Rows(SMALL.dev.x * 50 + 3, SMALL.dev.y))
    judged = together(arms, first)
    errors = []
    for subject in (judged, for_rows_as_they_were(first, arms, judged)):
        lab = Lab(subject)
        end, _ = lab.train(lab.start(), subject.steps)
        errors.append(lab.losses(end.params, subject.dev))

    np.testing.assert_array_equal(subject.dev.x, first.dev.x)
    assert subject.rate == 1.0
    np.testing.assert_allclose(errors[0], errors[1], rtol=2e-3, atol=1e-4)


def test_another_start_follows_the_key_of_the_training():
    arm = Arm("halves", begin=lambda params, key: jax.tree.map(lambda leaf: leaf + jax.random.normal(key), params))
    one, other = (jax.tree.leaves(arm.program(SMALL).init(jax.random.key(seed)))[0] for seed in (0, 1))

    assert (one != other).all()
    np.testing.assert_array_equal(one, jax.tree.leaves(arm.cured(SMALL).init(jax.random.key(0)))[0])


def test_programs_are_shared_where_rows_or_lengths_alone_differ():
    lab = Lab(SMALL)

    assert Lab(replace(SMALL, epochs=9, shuffle=False), lab.programs)._stretch is lab._stretch
    assert Lab(replace(SMALL, optimizer=optax.sgd(0.1)), lab.programs)._stretch is not lab._stretch


def test_numbers_that_change_are_no_further_program(compilations):
    """Neither while they are tried nor where they are applied for good."""
    lab = Lab(SMALL)
    lab.train(lab.start(), 3)
    before = compilations()
    for change in (Change(rate=0.1), Change(warm_up=0.3, decay=1.0), nulls.standardising(SMALL.train)):
        lab.train(lab.start(), 3, change=change)
    cured = Lab(changed(SMALL, Change(rate=0.1)), lab.programs)
    cured.train(cured.start(), 3)

    assert compilations() == before
    assert lab.programs.rows == 5 * 3 * 32


def test_a_cured_gradient_leaves_the_programs_of_the_network():
    """JAX's own derivatives in the place of somebody's gradient: loss and network are what they were."""
    sick = replace(SMALL, gradient=lambda params, x, y, key: params)
    found = networks.plain(sick)

    assert (found.apply, found.loss, found.gradient) == (SMALL.apply, SMALL.loss, None)


def test_no_training_is_begun_when_the_time_is_up():
    exam = Examination(SMALL)
    exam.until = 0.0

    with pytest.raises(TimeUp):
        exam.screen(Arm("a tenth", Change(rate=0.1)))


def test_trainings_at_once_are_each_alone():
    """In several threads, of a shared program and of one of its own: to the bit."""
    arms = (Arm("a tenth", Change(rate=0.1)), Arm("Adam", subject=lambda given: replace(given, optimizer=ADAM)))
    alone, together = (Examination(SMALL, threads=threads) for threads in (1, 3))
    together.train_ahead((NOTHING_CHANGED, *arms), range(2))

    assert len(together.trainings) == 6
    for arm in (NOTHING_CHANGED, *arms):
        for seed in range(2):
            np.testing.assert_array_equal(together.trained(arm, seed).losses, alone.trained(arm, seed).losses)
    assert together.lab.programs.rows == alone.lab.programs.rows


def test_trainings_at_once_begin_no_further_one_when_the_time_is_up():
    exam = Examination(SMALL, threads=2)
    exam.until = 0.0

    with pytest.raises(TimeUp):
        exam.train_ahead((NOTHING_CHANGED,), range(4))


def convolved(params, x):
    kept = {"window_strides": (1, 1), "padding": "SAME", "dimension_numbers": ("NHWC", "HWIO", "NHWC")}
    z = jax.lax.conv_general_dilated(x.reshape(-1, 2, 4, 1), params[0]["w"].reshape(1, 1, 1, -1), **kept)
    return jax.nn.relu(z).mean(axis=(1, 2)) @ params[1]["w"] + params[1]["b"]


def test_convolutions_train_step_by_step_to_the_same_end():
    """In a compiled loop they are 15 times slower on processors."""
    sizes = subjects.perceptron((1, 6, 4))[0]
    subject = replace(SMALL, init=sizes, apply=convolved)
    lab = Lab(subject)
    end, trace = lab.train(lab.start(), subject.steps)
    looped = Lab(subject)
    looped._stretch = jax.jit(partial(_stretch, subject))
    other, its_trace = looped.train(looped.start(), subject.steps)

    assert lab._stretch.func is _stepwise
    assert Lab(SMALL)._stretch is not lab._stretch
    np.testing.assert_allclose(trace.loss, its_trace.loss, rtol=1e-4)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-3, atol=1e-5), end.params, other.params)


def test_starts_that_do_not_follow_their_key_are_not_compiled_into_one():
    """A compiled function would draw from a generator of its own once, and give all starts the same."""
    rng = np.random.default_rng(0)
    init = lambda key: [{"w": jnp.asarray(rng.normal(size=(8, 4)), jnp.float32), "b": jnp.zeros(4)}]  # noqa: E731
    lab = Lab(replace(SMALL, init=init))

    assert (lab.start(0).params[0]["w"] != lab.start(0).params[0]["w"]).any()


@jax.custom_vjp
def doubled(x):
    return x


doubled.defvjp(lambda x: (x, None), lambda _, g: (2 * g,))


def test_plain_derivatives_are_jaxs_own():
    subject = replace(SMALL, apply=lambda p, x: doubled(SMALL.apply(p, x)))
    params, rows, key = SMALL.init(jax.random.key(0)), SMALL.train, jax.random.key(1)
    true, wrong, plain = (
        jax.grad(lambda p, s=s: s.objective(p, rows.x, rows.y, key))(params)
        for s in (SMALL, subject, networks.plain(subject))
    )

    np.testing.assert_allclose(wrong[0]["w"], 2 * true[0]["w"], rtol=1e-5)
    np.testing.assert_allclose(plain[0]["w"], true[0]["w"], rtol=1e-5)


def test_bare_outputs_are_those_before_the_last_activation():
    subject = replace(SMALL, apply=lambda p, x: jax.nn.softmax(SMALL.apply(p, x)))
    params = SMALL.init(jax.random.key(0))

    np.testing.assert_allclose(
        networks.bare(subject).apply(params, SMALL.dev.x), SMALL.apply(params, SMALL.dev.x), rtol=1e-5
    )


def test_layers_with_nothing_between_them_get_an_activation():
    linear = replace(SMALL, apply=subjects.perceptron((8, 6, 4), lambda z: z)[1])
    params = SMALL.init(jax.random.key(0))

    np.testing.assert_allclose(
        networks.edited(linear, anatomy.Edit(activate=True)).apply(params, SMALL.dev.x),
        SMALL.apply(params, SMALL.dev.x),
        rtol=1e-5,
    )


def test_half_precision_is_taken_out_of_parameters_and_products():
    def apply(params, x):
        return SMALL.apply(params, x.astype(jnp.float16)).astype(jnp.float32)

    def init(key):
        return jax.tree.map(lambda leaf: leaf.astype(jnp.float16), SMALL.init(key))

    single = networks.in_single(replace(SMALL, init=init, apply=apply))
    params = single.init(jax.random.key(0))

    assert {leaf.dtype for leaf in jax.tree.leaves(params)} == {jnp.dtype("float32")}
    np.testing.assert_allclose(single.apply(params, SMALL.dev.x), SMALL.apply(params, SMALL.dev.x), rtol=1e-6)


def test_a_plain_chain_can_be_widened_and_code_with_sizes_in_it_cannot():
    layers, params = Gauger(Lab(SMALL)).layers, SMALL.init(jax.random.key(0))
    wide = widths.resized(SMALL, layers, params, 4, 32)
    fixed = replace(SMALL, apply=lambda p, x: SMALL.apply(p, x) + p[0]["b"].reshape(6).sum())

    assert wide is not None
    assert [leaf.shape for leaf in jax.tree.leaves(wide.init(jax.random.key(0)))] == [(32,), (8, 32), (4,), (32, 4)]
    assert wide.apply(wide.init(jax.random.key(0)), SMALL.dev.x).shape == (30, 4)
    assert widths.resized(fixed, layers, params, 4, 32) is None
