"""Which columns say how rows count: what belongs together, and what weighs more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Counting:
    """Columns that say how rows count where the model is judged; prediction does not need them."""

    group: str | None = None  # rows with one value here are one piece of evidence
    weight: str | None = None

    @classmethod
    def from_json(cls, model: dict[str, Any]) -> Counting:
        """What `save` wrote into a model's JSON; older files have none."""
        return cls(**model.get("counting", {}))


ALIKE = Counting()  # each row for itself, and all weigh the same
