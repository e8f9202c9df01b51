"""What the summary of a run says beside its figures."""

from __future__ import annotations

import importlib.metadata

import pytest

from burnish.workflow import telling


def test_a_package_that_runs_from_its_source_tree_costs_no_run(monkeypatch: pytest.MonkeyPatch):
    """An hour's training must not end in "no package metadata" because nobody had installed burnish."""
    real = importlib.metadata.version

    def version(name: str) -> str:
        if name == "burnish":
            raise importlib.metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(importlib.metadata, "version", version)

    found = dict(telling.versions())

    assert found["burnish"] == "not installed"
    assert found["numpy"][0].isdigit()


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (True, "yes"),
        (False, "no"),
        (None, "none"),
        (3, "3"),
        ([5, 0, None], "5, 0, all"),
        ([], ""),
        ("linear", "linear"),
    ],
)
def test_what_the_clock_decided_is_said_in_words(value, words):
    assert telling._decided(value) == words
