"""The search for copies keeps to a share of the time, and a resumed run looks as far as the first did."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np

from burnish.data import image_pairs
from burnish.data.image_copies import ImageCopies
from burnish.workflow import image_reading
from reference import image_folders

BLOBS = image_folders.blobs(300, channels=3)
MADE: Any = SimpleNamespace(pixels=np.concatenate([BLOBS, np.clip(BLOBS[:20] + 3.0, 0, 255).astype(np.uint8)]))
DECISION = "images compared with all others"


def search(limit: float | None, log: dict[str, Any]) -> ImageCopies:
    """By a run with this time limit, whose decisions are in the log where it is a resumed one."""

    def decide(name: str, choose: Any) -> Any:
        log[name] = log[name] if name in log else choose()
        return log[name]

    budget: Any = SimpleNamespace(limit=limit, decide=decide)
    return image_reading.copies(MADE, budget, seed=0)


def test_with_time_all_images_are_compared():
    log: dict[str, Any] = {}

    assert search(None, {}).compared == search(60.0, log).compared == 320
    assert log == {DECISION: 320}


def test_a_resumed_run_compares_as_many(monkeypatch):
    monkeypatch.setattr(image_pairs, "ROWS", 30)
    found = search(60.0, {DECISION: 90})

    assert (found.compared, found.different) == (90, 320)
    assert 0 < found.repeats < 20


def test_a_search_that_has_no_time_compares_none(monkeypatch):
    monkeypatch.setattr(image_reading, "COPIES_TAKE", 0.0)
    log: dict[str, Any] = {}

    assert search(60.0, log).compared == 0
    assert log == {DECISION: 0}
