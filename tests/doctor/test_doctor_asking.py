"""`burnish.diagnose` of a function that trains by itself, and what counts as one."""

from __future__ import annotations

import jax.numpy as jnp
import pytest

import burnish
from burnish import errors
from burnish.diagnosis.finding import Evidence
from burnish.doctor import asking


def diverging(monitor, steps=40):
    for step in range(steps):
        monitor.record(step, params=jnp.ones(3), grads=jnp.full(3, jnp.nan if step > 20 else 1.0), loss=1.0)


def test_a_function_that_trains_by_itself_is_watched():
    found = burnish.diagnose(diverging)

    assert [one.code for one in found.findings] == ["NU4"]
    assert found.background[0].by is Evidence.PROOF
    assert "At step 21 the gradient" in found.findings[0].evidence
    assert "(fault, by proof)" in str(found)


def test_a_function_that_records_nothing_is_told_what_to_call():
    with pytest.raises(errors.ConfigError, match="recorded nothing"):
        burnish.diagnose(lambda monitor: None)


def test_parts_come_together_or_not_at_all():
    with pytest.raises(errors.ConfigError, match="optimizer, dev is missing"):
        burnish.diagnose(len, len, len, train=([1], [1]))


@pytest.mark.parametrize(
    ("function", "trains"),
    [
        (lambda monitor: None, True),
        (lambda monitor, epochs=3: None, True),
        (lambda: None, False),
        (lambda epochs=3: None, False),
        (lambda *, monitor: None, False),
        (lambda x, y: None, False),
        (dict, False),
    ],
)
def test_what_takes_a_monitor_trains_by_itself(function, trains):
    assert asking.trains(function) is trains
