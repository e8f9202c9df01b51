"""Outcomes on disk, so that a stopped run can be replayed: work that was done is answered, not done again."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import numpy as np

from burnish.store import atomic
from burnish.train.configuration import Configuration
from burnish.train.work import Curve, Ending, Executor, Outcome, Work

NUMBERS = ("epochs", "best_epoch", "dev_loss", "seconds", "compile_seconds")


class Outcomes:
    """One file for each (trial, until)."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, outcome: Outcome) -> None:
        """Keep an outcome; whole or not at all."""
        work, curve = outcome.work, outcome.curve
        facts: dict[str, Any] = {name: repr(getattr(outcome, name)) for name in NUMBERS}
        facts |= {"ending": int(outcome.ending), "weights": outcome.weights}
        facts |= {"work": {**asdict(work), "configuration": work.configuration.to_json()}}
        arrays = {name.name: getattr(curve, name.name) for name in fields(Curve)}
        arrays |= {"dev": outcome.dev, "train": outcome.train}
        arrays |= {} if outcome.train_dev is None else {"train_dev": outcome.train_dev}
        buffer = io.BytesIO()
        np.savez(buffer, facts=np.frombuffer(json.dumps(facts).encode(), np.uint8), **arrays)
        atomic.write_bytes(self._file(work), buffer.getvalue())

    def load(self, work: Work) -> Outcome | None:
        """The outcome of exactly this work; None where there is none, or where the file's work was another one."""
        path = self._file(work)
        if not path.exists():
            return None
        with np.load(path, allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
        facts = json.loads(arrays.pop("facts").tobytes())
        kept = facts["work"]
        if Work(**{**kept, "configuration": Configuration.from_json(kept["configuration"])}) != work:
            return None
        return Outcome(
            work=work,
            ending=Ending(facts["ending"]),
            dev=arrays["dev"],
            train=arrays["train"],
            train_dev=arrays.get("train_dev"),
            curve=Curve(*(arrays[name.name] for name in fields(Curve))),
            weights=facts["weights"],
            **{name: float(facts[name]) for name in NUMBERS},
        )

    def _file(self, work: Work) -> Path:
        return self._folder / f"{work.trial}.{work.until}.npz"


def recall(kept: Outcomes, execute: Executor) -> Executor:
    """An executor that answers what is kept, and keeps what it has to execute."""

    def recalling(work: Iterable[Work], *, deadline: float | None = None) -> Iterator[Outcome]:
        fresh = []
        for item in work:
            known = kept.load(item)
            if known is None:
                fresh.append(item)
            else:
                yield known
        for outcome in execute(fresh, deadline=deadline):
            kept.save(outcome)
            yield outcome

    return recalling
