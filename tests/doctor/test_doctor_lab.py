"""Trainings of the lab, against a plain loop."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from burnish.doctor.counting import operations
from burnish.doctor.lab import STRETCH, Change, Lab
from burnish.doctor.subject import Rows
from burnish.errors import ConfigError
from doctor import subjects


def test_a_training_is_the_plain_loop_and_does_not_depend_on_where_it_is_cut():
    lab = Lab(subjects.subject((8, 6, 4), epochs=4))
    steps = STRETCH + 5
    whole, trace = lab.train(lab.start(), steps)
    cut, _ = lab.train(lab.train(lab.start(), 7)[0], steps - 7)

    params, _, subject = lab.start().params, None, lab.subject
    state = subject.optimizer.init(params)
    chosen, counted = lab.order(range(steps))
    losses = []

    @jax.jit
    def plain(params, state, x, y):
        loss, gradients = jax.value_and_grad(lambda p: subject.loss(subject.apply(p, x), y).mean())(params)
        updates, state = subject.optimizer.update(gradients, state, params)
        return optax.apply_updates(params, updates), state, loss

    for rows, count in zip(chosen, counted, strict=True):
        used = np.resize(rows[count > 0], len(rows))  # a smaller last mini-batch is filled up by its own rows
        params, state, loss = plain(params, state, subject.train.x[used], subject.train.y[used])
        losses.append(float(loss))

    np.testing.assert_allclose(trace.loss, losses, rtol=1e-4)
    for a, b, c in zip(*(jax.tree.leaves(p) for p in (whole.params, cut.params, params)), strict=True):
        np.testing.assert_array_equal(a, b)
        np.testing.assert_allclose(a, c, atol=2e-5)


def test_each_epoch_has_each_row_once_in_a_new_order():
    lab = Lab(subjects.subject(train=subjects.clusters(70)))
    chosen, counted = lab.order(range(2 * lab.subject.per_epoch))
    first, second = np.split(np.arange(len(chosen)), 2)

    epochs = [chosen[part][counted[part] > 0] for part in (first, second)]
    assert [sorted(epoch) for epoch in epochs] == [list(range(70))] * 2
    assert (epochs[0] != epochs[1]).any()
    kept = Lab(replace(lab.subject, shuffle=False)).order(range(3))
    np.testing.assert_array_equal(kept[0][kept[1] > 0], np.arange(70))


def test_the_rate_of_a_change_is_the_learning_rate_of_any_optimiser():
    subject = subjects.subject((8, 6, 4), optimizer=optax.adam(1e-2))
    tenth = Lab(replace(subject, optimizer=optax.adam(1e-3)))
    lab = Lab(subject)

    changed, _ = lab.train(lab.start(), 5, change=Change(rate=0.1))
    plain, _ = tenth.train(tenth.start(), 5)

    for a, b in zip(jax.tree.leaves(changed.params), jax.tree.leaves(plain.params), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_what_weights_lose_is_the_decay_of_adamw_and_spares_what_is_frozen():
    init, _ = subjects.perceptron((8, 6, 4))
    frozen = ["[0]"]
    masks = jax.tree_util.tree_map_with_path(
        lambda path, leaf: leaf.ndim > 1 and not jax.tree_util.keystr(path).startswith("[0]"), init(jax.random.key(0))
    )
    decayed = optax.adamw(1e-2, weight_decay=3.0, mask=masks)
    lab, plain = (
        Lab(subjects.subject((8, 6, 4), optimizer=one, frozen=tuple(frozen))) for one in (optax.adam(1e-2), decayed)
    )

    ends = (lab.train(lab.start(), 5, change=Change(shrink=3e-2))[0], plain.train(plain.start(), 5)[0])

    for a, b in zip(*(jax.tree.leaves(end.params) for end in ends), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-6)


def test_errors_are_in_the_targets_own_unit_whatever_the_change():
    y = np.linspace(0, 10, 20, dtype=np.float32)
    rows = Rows(np.ones((20, 1), np.float32), y)
    lab = Lab(
        subjects.subject(
            init=lambda key: jnp.zeros(1), apply=lambda p, x: x @ p, loss=lambda z, t: jnp.square(z - t),
            train=rows, dev=rows,
        )
    )  # fmt: skip

    plain = lab.errors(lab.start().params, rows)
    changed = lab.errors(lab.start().params, rows, Change(target_shift=5.0, target_scale=0.1))

    np.testing.assert_allclose(plain, np.square(y))
    np.testing.assert_allclose(changed, np.square(y - 5))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"train": Rows(np.zeros((3, 8), np.float32), np.zeros(2, np.int32))}, "3 training inputs and 2 targets"),
        ({"batch_size": 0}, "mini-batches of 0"),
        ({"apply": lambda p, x: x.sum()}, "gives () for 4 rows"),
        ({"apply": lambda p, x: x @ jnp.ones((7, 4))}, "apply(params, x) failed: TypeError"),
        ({"loss": lambda z, y: z}, "has the shape (4, 4)"),
        ({"init": lambda key: 1 / 0}, "init(key) failed: ZeroDivisionError"),
    ],
)
def test_what_cannot_be_trained_is_refused(changes, words):
    with pytest.raises(ConfigError) as refused:
        subjects.subject(**changes).check()

    assert words in str(refused.value)
    assert len(str(refused.value).splitlines()) == 3


def test_a_mini_batch_larger_than_the_rows_costs_what_the_rows_cost():
    small = subjects.subject(train=subjects.clusters(40))
    params = small.init(jax.random.key(0))

    assert operations(replace(small, batch_size=100_000), params) == operations(replace(small, batch_size=40), params)
