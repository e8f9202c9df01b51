"""A limit of memory decides how many workers train on images, and is never silently too small."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from burnish import units
from burnish.data.images import Shape
from burnish.workflow import memory, settings

COLOUR = Shape(64, 64, 3)


def kept(limit: str | None, *, jobs: int = 2, shape: Shape = COLOUR) -> SimpleNamespace:
    """What workers, the budget and the person are told."""
    told = SimpleNamespace(narrowed=None, lines=[])
    session = SimpleNamespace(
        settings=settings.make(memory_limit=limit, jobs=jobs),
        budget=SimpleNamespace(jobs=jobs),
        say=lambda stage, text, warning=False: told.lines.append((warning, text)),
    )
    workers = SimpleNamespace(narrow=lambda count, memory_limit: setattr(told, "narrowed", (count, memory_limit)))
    memory.keep(session, shape, workers)
    told.jobs = session.budget.jobs
    return told


def test_without_a_limit_nothing_changes():
    assert (kept(None).narrowed, kept(None).jobs) == (None, 2)


@pytest.mark.parametrize(("limit", "jobs"), [("1G", 1), ("1500M", 2), ("8G", 2)])
def test_workers_are_as_many_as_there_is_room_for(limit, jobs):
    """Beside the process that reads; what is left is what they may have together."""
    told = kept(limit)

    assert told.jobs == told.narrowed[0] == jobs
    assert told.narrowed[1] == units.parse_size(limit) - memory.DRIVER
    assert [warning for warning, _ in told.lines] == [False] * (jobs < 2)


def test_a_limit_that_is_too_small_for_one_is_said_to_be():
    [(warning, text)] = kept("500M").lines

    assert warning
    assert "leaves 150 MiB to networks" in text


def test_larger_images_take_more():
    assert memory.needed(1, Shape(256, 256, 3), 32) > 3 * memory.needed(1, COLOUR, 32)
    assert kept("2G", shape=Shape(128, 128, 3)).jobs == 2
    assert kept("2G", shape=Shape(256, 256, 3)).jobs == 1
