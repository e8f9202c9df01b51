"""How many cores there are to train on."""

import os

from burnish import cores


def test_a_bound_process_has_the_cores_that_it_is_bound_to():
    bound = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(bound)})
    try:
        assert cores.available() == 1
    finally:
        os.sched_setaffinity(0, bound)
    assert cores.available() == len(bound)


def test_a_system_that_does_not_tell_has_all_its_cores(monkeypatch):
    """As macOS."""
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 8)

    assert cores.available() == 8
