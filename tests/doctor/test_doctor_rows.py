"""What rows are asked: are they in order, are labels doubted, do dev rows lie elsewhere, is each code read."""

from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from burnish.diagnosis.finding import Severity
from burnish.doctor.course import Course
from burnish.doctor.examination import Examination
from burnish.doctor.lab import Lab
from burnish.doctor.rules import RULES, data, structure
from burnish.doctor.subject import Rows
from doctor import subjects

RULE = {rule.code: rule for rule in RULES}


def told(code, subject):
    return [(one.finding.code, one.finding.severity) for one in RULE[code].look(Examination(subject))]


def tokens(rows, seed):
    """Three codes a row; the class is what the first says."""
    x = np.random.default_rng(seed).integers(0, 6, (rows, 3)).astype(np.int32)
    return Rows(x, (x[:, 0] % 4).astype(np.int32))


def looked_up(made):
    """A table of vectors, one for each code, and what is made of those of a row."""
    return subjects.subject(
        init=lambda key: {"table": jax.random.normal(key, (6, 5)), "w": jax.random.normal(key, (5, 4))},
        apply=lambda params, x: made(params["table"][x]) @ params["w"],
        train=tokens(200, 0),
        dev=tokens(100, 1),
        epochs=2,
    )


@pytest.mark.parametrize(
    ("made", "code", "expected"),
    [
        (lambda vectors: vectors.sum(axis=1), "NU7", []),
        (lambda vectors: jax.nn.softmax(vectors, axis=0).sum(axis=1), "NU7", [("NU7", Severity.FAULT)]),
        (lambda vectors: vectors.sum(axis=1), "NU8", []),
        (lambda vectors: vectors[:, :2].sum(axis=1), "NU8", [("NU8", Severity.LIMIT)]),
        (lambda vectors: vectors[:, 2], "NU8", [("NU8", Severity.FAULT)]),
    ],
    ids=["rows apart", "over the rows", "all codes", "one code unread", "two codes unread"],
)
def test_networks_of_codes_are_asked_too(made, code, expected):
    assert told(code, looked_up(made)) == expected


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        (lambda table, x: table[x], True),
        (lambda table, x: jax.vmap(lambda row: table[row])(x), True),
        (lambda table, x: table.at[x].get(mode="clip"), False),
        (lambda table, x: table[jnp.minimum(x, 3)], False),
        (lambda table, x: jnp.take(table, x, axis=0, fill_value=0), False),
        (lambda table, x: jax.nn.one_hot(x, 4) @ table, False),
    ],
    ids=["by index", "row by row", "clipped by name", "clipped by hand", "filled", "as a product"],
)
def test_codes_beyond_their_table_are_named_unless_that_is_meant(read, expected):
    """Six codes, and a table of four."""
    subject = replace(
        looked_up(lambda vectors: vectors.sum(axis=1)),
        init=lambda key: {"table": jax.random.normal(key, (4, 5)), "w": jax.random.normal(key, (5, 4))},
        apply=lambda params, x: read(params["table"], x).sum(axis=1) @ params["w"],
    )
    found = list(structure.NN16.look(Examination(subject)))

    assert [one.finding.where for one in found] == (["['table']"] * 2 if expected else [])  # of train and of dev
    assert not expected or "it has 4, counted from 0, and the largest asked for is 5" in found[0].finding.evidence
    assert not list(structure.NN16.look(Examination(looked_up(lambda vectors: vectors.sum(axis=1)))))


def test_a_narrow_code_is_what_an_autoencoder_is_for():
    init, apply = subjects.perceptron((8, 2, 8))
    x = subjects.clusters(200).x
    same = Rows(x, x)

    def squared(z, y):
        return jnp.square(z - y).mean(axis=1)

    subject = subjects.subject(init=init, apply=apply, loss=squared, train=same, dev=same)

    assert RULE["NN10"].trial(Examination(subject)) is None
    assert RULE["NN10"].trial(Examination(replace(subject, train=Rows(x, x[::-1])))) is not None


def test_numbers_in_order_call_for_a_shuffle():
    x = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    mixed = Rows(x, x[:, :1])
    subject = replace(subjects.bounded(0.0, 1.0), train=Rows(x, np.sort(x[:, :1], axis=0)), dev=mixed, shuffle=False)

    assert RULE["DA13"].trial(Examination(subject)) is not None
    assert RULE["DA13"].trial(Examination(replace(subject, train=mixed))) is None


@pytest.mark.slow
def test_a_part_of_evenly_spread_rows_is_no_other_unit():
    """In their quantiles the two are the same; on the training rows' scale such rows are predicted worse."""
    x = np.random.default_rng(0).uniform(-1.7, 1.7, (3000, 8)).astype(np.float32)
    y = 2 * x[:, 0] + x[:, 1]
    far = x[:, 0] > 0.3
    init, apply = subjects.perceptron((8, 16, 1))
    subject = subjects.subject(
        init=init,
        apply=lambda params, x: apply(params, x)[:, 0],
        loss=lambda z, y: jnp.square(z - y),
        train=Rows(x[:600], y[:600]),
        dev=Rows(x[600:], y[600:]).take(np.flatnonzero(far[600:])[:400]),
    )
    found = [cause.finding.code for cause in Course(Examination(subject)).run().causes]

    assert "DA3" in found
    assert "DA2" not in found


def mislabelled(rows, share, seed):
    rng = np.random.default_rng(seed)
    wrong = (rows.y + rng.integers(1, 4, len(rows))) % 4
    return Rows(rows.x, np.where(rng.random(len(rows)) < share, wrong, rows.y).astype(np.int32))


@pytest.mark.slow
def test_rows_of_wrong_labels_are_left_out_where_that_helps_for_sure():
    right = subjects.clusters(400, seed=5)
    noisy = subjects.subject(
        (8, 64, 64, 4),
        train=mislabelled(subjects.clusters(600), 0.25, 1),
        dev=mislabelled(subjects.clusters(600, seed=2), 0.25, 2),
        epochs=30,
    )
    course = Course(Examination(noisy)).run()

    assert "DA17" in [cause.finding.code for cause in course.causes if cause.confirmed]
    assert len(course.repaired.train) < 0.9 * len(noisy.train)
    errors = [
        lab.errors(lab.train(lab.start(), lab.subject.steps)[0].params, right).mean()
        for lab in (Lab(noisy), Lab(course.repaired))
    ]
    assert errors[1] < errors[0]


@pytest.mark.parametrize(("shift", "alike"), [(1.5, True), (np.linspace(-1, 1, 8), False)], ids=["all", "each"])
def test_one_unit_serves_all_inputs_where_it_explains_them(shift, alike):
    """Then dev inputs are what they were, up to the two numbers of it; and what is constant is that of training."""
    given, sized = subjects.clusters(600), subjects.clusters(400, seed=2)
    train, own = (np.concatenate([rows.x, np.zeros((len(rows), 1), np.float32)], axis=1) for rows in (given, sized))
    moved = own.copy()
    moved[:, :8] = 2 * own[:, :8] + shift
    back = data._dev_as_train(
        subjects.subject((9, 4), train=Rows(train, given.y), dev=Rows(moved, sized.y)),
    ).dev.x
    slopes = [np.polyfit(own[:, place], back[:, place], 1) for place in range(8)]

    assert (np.ptp(slopes, axis=0) < 1e-5).all() == alike
    np.testing.assert_allclose(slopes, np.tile([1.0, 0.0], (8, 1)), atol=0.15)
    assert not back[:, 8].any()


@pytest.mark.slow
def test_dev_rows_that_are_moved_are_moved_back():
    moved = subjects.clusters(400, seed=2)
    moved = Rows((moved.x + np.linspace(-1, 1, 8)).astype(np.float32), moved.y)
    course = Course(Examination(subjects.subject(dev=moved))).run()

    assert [cause.finding.code for cause in course.causes if cause.confirmed][:1] in (["DA2"], ["DA3"])
    assert course.repairs[0] == "dev inputs on the training rows' scale"


def test_codes_for_missing_values_in_many_inputs_are_one_finding():
    x = np.random.default_rng(0).normal(size=(600, 8)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int32)
    x[::10, 4:] = -999
    subject = subjects.subject((8, 16, 2), train=Rows(x[:400], y[:400]), dev=Rows(x[400:], y[400:]))
    [found] = RULE["DA15"].look(Examination(subject))
    assert found.finding.where == "input 4, input 5, input 6, input 7"
    assert "So it is, by itself or with another number, in input 5, input 6, input 7." in found.finding.evidence
