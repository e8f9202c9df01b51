"""Outcomes on disk, so that a stopped run can be replayed: work that was done is answered, not done again."""

from __future__ import annotations

import io
import json
import os
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np

from burnish.store import atomic
from burnish.train.configuration import Configuration
from burnish.train.work import Curve, Ending, Executor, Outcome, Telemetry, Work

NUMBERS = ("epochs", "best_epoch", "dev_loss", "seconds", "compile_seconds", "trace_seconds")


# Of telemetry: what names its arrays, and these.
NAMES = ("leaves", "layers", "depth")
SEEN = tuple(field.name for field in fields(Telemetry) if field.name not in NAMES)


class Outcomes:
    """One file for each (trial, until), and for each time that it was interrupted. No pickle: arrays and JSON.

    Files are whole or not there after a kill. They do not wait for the disk (that would hold a worker up for 10 ms a
    trial), so a power cut may leave unreadable ones: these count as not there, and their work, done again, gives the
    same.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, outcome: Outcome, attempt: int = 0) -> None:
        """Keep an outcome.

        Raises:
            StoreError: It cannot be written.
        """
        work, curve = outcome.work, outcome.curve
        facts: dict[str, Any] = {name: float(getattr(outcome, name)) for name in NUMBERS}
        facts |= {"ending": int(outcome.ending), "weights": self._portable(outcome.weights)}
        facts |= {"work": {**asdict(work), "configuration": work.configuration.to_json()}}
        arrays = {name.name: getattr(curve, name.name) for name in fields(Curve)}
        arrays |= {"dev": outcome.dev, "train": outcome.train}
        arrays |= {} if outcome.train_dev is None else {"train_dev": outcome.train_dev}
        if outcome.telemetry is not None:
            facts |= {name: list(getattr(outcome.telemetry, name)) for name in NAMES}
            arrays |= {f"seen_{name}": getattr(outcome.telemetry, name) for name in SEEN}
        buffer = io.BytesIO()
        np.savez(buffer, facts=np.frombuffer(json.dumps(facts).encode(), np.uint8), **arrays)
        atomic.write_bytes(self._file(work, attempt), buffer.getvalue(), durable=False)

    def load(self, work: Work, attempt: int = 0) -> Outcome | None:
        """The outcome of exactly this work.

        None where there is none, where the file is unreadable or its work was another one, or where its weights are
        gone.
        """
        try:
            content = io.BytesIO(self._file(work, attempt).read_bytes())
            with np.load(content, allow_pickle=False) as stored:
                arrays = {name: stored[name] for name in stored.files}
            facts = json.loads(arrays.pop("facts").tobytes())
            kept = facts["work"]
            same = Work(**{**kept, "configuration": Configuration.from_json(kept["configuration"])}) == work
            weights = str(self._folder / facts["weights"]) if facts["weights"] else ""
            outcome = Outcome(
                work=work,
                ending=Ending(facts["ending"]),
                dev=arrays["dev"],
                train=arrays["train"],
                train_dev=arrays.get("train_dev"),
                curve=Curve(*(arrays[name.name] for name in fields(Curve))),
                weights=os.path.normpath(weights) if weights else "",
                telemetry=_telemetry(facts, arrays),
                **{name: float(facts[name]) for name in NUMBERS},
            )
        except (FileNotFoundError, zipfile.BadZipFile, EOFError, ValueError, KeyError, TypeError):
            return None
        return outcome if same and (not weights or Path(weights).exists()) else None

    def _portable(self, weights: str) -> str:
        """The weights' file as seen from here where it lies in the same run, so that the run's folder can be moved."""
        if not weights or not Path(weights).is_relative_to(self._folder.parent):
            return weights
        return os.path.relpath(weights, self._folder)

    def _file(self, work: Work, attempt: int) -> Path:
        return self._folder / f"{quote(work.trial, safe='')}.{work.until}.{attempt}.npz"


def _telemetry(facts: dict[str, Any], arrays: dict[str, Any]) -> Telemetry | None:
    """What was kept of it, if there was any."""
    if "leaves" not in facts:
        return None
    kept: dict[str, Any] = {name: tuple(facts[name]) for name in NAMES}
    return Telemetry(**kept, **{name: arrays[f"seen_{name}"] for name in SEEN})


def recall(kept: Outcomes, execute: Executor) -> Executor:
    """An executor that answers what is kept, and keeps what it has to execute.

    Work that a deadline interrupted is an answer like any other: what followed was decided on it, so a replay must
    meet it again. Asked for once more, the same work goes on from its state; the second time in a replay, too.
    """
    interrupted: Counter[tuple[str, int]] = Counter()

    def noted(outcome: Outcome) -> Outcome:
        if outcome.ending is Ending.INTERRUPTED:
            interrupted[outcome.work.trial, outcome.work.until] += 1
        return outcome

    def recalling(work: Iterable[Work], *, deadline: float | None = None) -> Iterator[Outcome]:
        fresh = []
        for item in work:
            known = kept.load(item, interrupted[item.trial, item.until])
            if known is None:
                fresh.append(item)
            else:
                yield noted(known)
        for outcome in execute(fresh, deadline=deadline):
            kept.save(outcome, interrupted[outcome.work.trial, outcome.work.until])
            yield noted(outcome)

    return recalling
