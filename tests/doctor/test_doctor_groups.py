"""Rows of one group in training and in dev (DA8), and intervals of rows that belong together."""

from dataclasses import replace

import jax.numpy as jnp
import numpy as np
import pytest

from burnish import diagnose
from burnish.diagnosis.data_rules import register
from burnish.diagnosis.data_rules import rows as data_rows
from burnish.diagnosis.finding import Severity
from burnish.doctor import following
from burnish.doctor.examination import Examination
from burnish.doctor.rules import groups
from burnish.doctor.subject import Rows
from burnish.errors import ConfigError
from doctor import subjects

PEOPLE, OF_EACH = 60, 12


def people(known, seed=0):
    """Rows of people, each somewhere in eight inputs; a class of each person's own where it is known by them alone."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(PEOPLE), OF_EACH)
    place = rng.normal(size=(PEOPLE, 8)) * 2
    x = (place[who] + rng.normal(size=(len(who), 8)) * 0.3).astype(np.float32)
    y = rng.integers(0, 4, PEOPLE)[who] if known else np.argmax(x[:, :4] + rng.normal(size=(len(x), 4)), axis=1)
    return Rows(x, y.astype(np.int32), who)


def parted(rows, *, by_person):
    """Two thirds to learn from: of the people, or of each one's rows."""
    rng = np.random.default_rng(1)
    chosen = rng.random(PEOPLE)[rows.groups] < 2 / 3 if by_person else rng.random(len(rows)) < 2 / 3
    train, dev = rows.take(np.flatnonzero(chosen)), rows.take(np.flatnonzero(~chosen))
    return subjects.subject((8, 32, 4), train=train, dev=dev, epochs=20)


def told(subject):
    return [one.finding for one in groups.DA8.look(Examination(subject))]


def test_what_is_known_of_people_by_their_other_rows_is_a_fault():
    (found,) = told(parted(people(known=True), by_person=False))

    assert found.severity is Severity.FAULT
    assert "groups that training rows are of, too" in found.evidence
    assert "knows that much less" in found.evidence


def test_groups_that_have_nothing_in_common_are_a_note():
    rows = people(known=False)
    dealt = replace(rows, groups=np.random.default_rng(2).permutation(rows.groups))
    (found,) = told(parted(dealt, by_person=False))

    assert found.severity is Severity.NOTE
    assert "no difference for sure" in found.evidence


def test_nothing_is_said_where_no_group_is_in_both_or_groups_are_not_known():
    subject = parted(people(known=True), by_person=False)
    unknown = replace(subject, train=replace(subject.train, groups=None), dev=replace(subject.dev, groups=None))

    assert told(parted(people(known=True), by_person=True)) == []
    assert told(unknown) == []


def test_few_groups_are_told_and_not_tried():
    subject = parted(people(known=True), by_person=False)
    few = [replace(rows, groups=rows.groups % 3) for rows in (subject.train, subject.dev)]
    (found,) = told(replace(subject, train=few[0], dev=few[1]))

    assert found.severity is Severity.NOTE
    assert "was not tried" in found.evidence


def test_as_many_rows_are_learned_from_with_and_without_the_groups():
    subject = parted(people(known=True), by_person=False)
    halves = list(groups._parted(Examination(subject), subject.train.groups, subject.dev.groups))

    assert sum(half.judged.sum() for half in halves) == len(subject.dev), "each dev row is judged once"
    for half in halves:
        apart, alike = (arm.subject(subject).train for arm in (half.apart, half.alike))
        left_out = set(subject.dev.groups[half.judged])
        assert not left_out & set(apart.groups)
        assert left_out <= set(alike.groups)
        assert len(np.unique(apart.x, axis=0)) == len(np.unique(alike.x, axis=0)) >= 0.4 * len(subject.train)


def test_numbers_are_compared_by_their_rmse():
    rows = people(known=True)
    heights = np.random.default_rng(3).normal(size=PEOPLE)[rows.groups].astype(np.float32)
    subject = parted(rows, by_person=False)
    init, apply = subjects.perceptron((8, 32, 1))
    numbers = replace(
        parted(replace(rows, y=heights[:, None]), by_person=False),
        init=init, apply=apply, loss=lambda z, y: jnp.square(z - y)[:, 0], optimizer=subject.optimizer, epochs=60,
    )  # fmt: skip
    (found,) = told(numbers)

    assert found.severity is Severity.FAULT
    assert "%" not in found.evidence


def test_intervals_of_dev_rows_that_belong_together_are_wider():
    subject = parted(people(known=True), by_person=True)
    alone = replace(subject, dev=replace(subject.dev, groups=None))
    together, apart = (
        following.errors(exam.lab, exam.start.params).dev for exam in (Examination(subject), Examination(alone))
    )

    assert together.value == pytest.approx(apart.value)
    assert together.high - together.low > 1.5 * (apart.high - apart.low)


def test_a_cure_of_rows_keeps_what_they_belong_to():
    subject = parted(people(known=True), by_person=False)
    half = (
        next(groups._parted(Examination(subject), subject.train.groups, subject.dev.groups)).apart.cured(subject).train
    )

    assert half.groups.shape == half.y.shape


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (([1, 2], [1, 2]), "shapes"),
        (5, "pair"),
        ((np.full(600, np.nan), np.zeros(400)), "missing"),
        (([None] * 600, ["a"] * 400), "missing"),
    ],
)
def test_groups_that_do_not_fit_are_refused(given, said):
    healthy = subjects.HEALTHY
    with pytest.raises(ConfigError, match=said):
        diagnose(
            healthy.init, healthy.apply, healthy.loss, healthy.optimizer,
            (healthy.train.x, healthy.train.y), (healthy.dev.x, healthy.dev.y), groups=given,
        )  # fmt: skip


@pytest.mark.slow
def test_groups_by_name_are_handed_over():
    subject = parted(people(known=True), by_person=False)
    names = [[f"person {one}" for one in rows.groups] for rows in (subject.train, subject.dev)]
    found = diagnose(
        subject.init, subject.apply, subject.loss, subject.optimizer,
        (subject.train.x, subject.train.y), (subject.dev.x, subject.dev.y),
        groups=tuple(names), epochs=subject.epochs,
    )  # fmt: skip

    assert [one.code for one in found.findings if one.severity is Severity.FAULT] == ["DA8"]


def test_people_who_are_others_in_dev_are_no_other_place():
    """Trees know people by heart, and classes are those of few: by one row of each there is nothing."""
    rng = np.random.default_rng(5)
    who = np.repeat(np.arange(240), 10)
    x = rng.normal(size=(240, 6))[who] + rng.normal(size=(2400, 6)) * 0.05
    y = rng.integers(0, 2, 240)[who]
    learned = np.flatnonzero(who < 120)
    train, dev = x[learned], x[len(learned) :]

    def found(groups):
        given = data_rows.of(train, y[learned], dev, y[len(learned) :], groups=groups)
        return {one.code for one in register.look(given, codes=("DA3", "DA4"))}

    assert found(None) == {"DA3", "DA4"}
    assert found((who[learned], who[len(learned) :])) == set()


def test_one_row_of_each_group_is_drawn():
    rows = people(known=True)

    assert sorted(rows.apart.groups) == list(range(PEOPLE))
    assert (rows.apart.x[:, None] == rows.x).all(axis=2).any(axis=1).all()
    assert replace(rows, groups=None).apart.groups is None
