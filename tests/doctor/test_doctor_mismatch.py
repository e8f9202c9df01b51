"""Dev rows that follow another rule than training rows (BV4), beside networks that only learn theirs by heart (BV2)."""

from dataclasses import replace

import numpy as np
import pytest

from burnish.doctor import arms
from burnish.doctor.examination import Examination
from burnish.doctor.rules import generalisation
from burnish.doctor.subject import Rows
from doctor import subjects

HEALTHY = subjects.subject()


def read(subject):
    return {one.finding.code: one.finding for one in generalisation.BV.look(Examination(subject))}


def other_dev(change):
    return replace(HEALTHY, dev=change(HEALTHY.dev))


def columns_moved(rows):
    return Rows(np.roll(rows.x, 1, axis=1), rows.y)


def classes_exchanged(rows):
    return Rows(rows.x, np.array([1, 0, 2, 3], rows.y.dtype)[rows.y])


@pytest.mark.parametrize("change", [columns_moved, classes_exchanged])
def test_dev_rows_of_another_rule_are_told_from_variance(change):
    found = read(other_dev(change))

    assert "BV4" in found
    assert "higher on dev rows than on held-out training-like rows" in found["BV4"].evidence
    assert "BV2" not in found, "rows that were held out of training are predicted as well as the others"


def test_a_network_that_learns_few_rows_by_heart_has_variance_alone():
    found = read(replace(subjects.subject((8, 128, 4)), train=subjects.clusters(120), epochs=80))

    assert "BV2" in found
    assert "BV4" not in found


def test_numbers_are_asked_too():
    found = read(replace(subjects.regression(), dev=columns_moved(subjects.regression().dev)))

    assert "BV4" in found


def test_no_training_is_begun_for_it_once_the_time_is_up():
    exam = Examination(other_dev(columns_moved))
    assert exam.practical > 0
    exam.until = 0.0

    assert [one.finding.code for one in generalisation.BV.look(exam)] == ["BV2"]


def test_of_a_part_of_the_rows_there_are_as_many_as_before():
    rows = Rows(np.arange(10), np.arange(10))
    drawn = np.array([7, 1, 4])
    part = arms.of_part(rows, drawn, "some").subject(replace(HEALTHY, train=rows)).train

    assert part.x.tolist() == [1, 1, 1, 1, 4, 4, 4, 7, 7, 7]


def test_whole_groups_are_held_out_where_they_are_known():
    rng = np.random.default_rng(0)
    who = np.repeat(np.arange(60), 8)
    place = rng.normal(size=(60, 8)) * 2
    x, y = (place[who] + rng.normal(size=(480, 8)) * 0.3).astype(np.float32), rng.integers(0, 4, 60)[who]
    rows = Rows(x, y.astype(np.int32), who)
    train, dev = rows.take(np.flatnonzero(who < 40)), rows.take(np.flatnonzero(who >= 40))
    grouped = replace(subjects.subject((8, 32, 4)), train=train, dev=dev, epochs=20)
    unknown = replace(grouped, train=replace(train, groups=None))

    assert "BV4" in read(unknown), "rows of one person answer for one another"
    assert "BV4" not in read(grouped)
    assert "BV2" in read(grouped)
