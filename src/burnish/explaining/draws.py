"""What a run's search drew at random, and what came of it, as the run's database and document have it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.report.summary import Search
from burnish.train.configuration import Configuration
from burnish.tune import space
from burnish.tune.space import Space
from burnish.workflow import candidates, tuning

FOLD, SEED = 0, 0  # of every draw's first rung


@dataclass(frozen=True, slots=True)
class Draws:
    """Independent draws of the first round, each trained for the same share of its epochs."""

    space: Space  # whose scales they were drawn on; its centre is the network that the search began from
    configurations: tuple[Configuration, ...]
    costs: NDArray[
        np.float64
    ]  # lowest dev cost of each, nats or standardised units squared; infinite where it diverged
    share: float  # of its epochs that each was trained for
    seconds: float  # of one core, for a draw on average

    def tried(self) -> dict[str, int]:
        """How many values of each setting were tried, of the settings that were drawn at all."""
        counts = {name: len({space.get(c, name) for c in self.configurations}) for name in self.space.names}
        return {name: count for name, count in counts.items() if count > 1}


def recorded(searched: Search | None, trials: Sequence[Mapping[str, Any]], scales: Space) -> Draws | None:
    """The random draws of a run whose first rung is in its database; None where there are none.

    A later rung trains a part of them on: the rows of the first one are those that end earliest.

    Args:
        searched: What the run's document says of its search.
        trials: The database's table.
        scales: What was drawn from, most important settings first.
    """
    wanted = {candidates.trial(d.trial, SEED, FOLD) for d in searched.draws if d.random} if searched else set()
    first: dict[str, Mapping[str, Any]] = {}
    for row in trials:
        name = row["trial"]
        if name in wanted and (name not in first or row["until"] < first[name]["until"]):
            first[name] = row
    if not first:
        return None
    rows = [first[name] for name in sorted(first)]
    configurations = tuple(Configuration.from_json(json.loads(row["configuration"])) for row in rows)
    whole = all(row["until"] >= c.epochs for row, c in zip(rows, configurations, strict=True))
    return Draws(
        space=scales,
        configurations=configurations,
        costs=np.array([_cost(row) for row in rows]),
        share=1.0 if whole else tuning.FIRST_RUNG,
        seconds=float(np.mean([row["seconds"] for row in rows])),
    )


def _cost(row: Mapping[str, Any]) -> float:
    failed = row["ending"] in ("DIVERGED", "FAILED") or row["dev_loss"] is None
    return math.inf if failed else float(row["dev_loss"])
