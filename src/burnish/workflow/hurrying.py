"""How many records of a large table are read, where the time limit leaves no time for all of them."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import Any

from burnish import errors
from burnish.load.drawing import Draw
from burnish.workflow.budget import Budget, allowed
from burnish.workflow.settings import Settings

# Bytes of a table a second that are read, audited, prepared and judged by simple models, and that are only looked
# through to find its records: 193 MB of 500,000 rows x 50 columns take 7.8 s and 0.9 s on two cores.
LEARNED, LOOKED_THROUGH = 25e6, 200e6
# Part of the time that is left when reading begins which all this may take. The rest is for networks: half the rows
# and a network tell more than all of them and none.
SHARE = 0.5
# Bytes that are learned from in any case: six hundredths of a second.
LEAST = 1_500_000
# Seconds that a run takes beside, starting and leaving, and those for which no run is refused.
BESIDE, SOON = 3.5, 0.25


def draw(budget: Budget, settings: Settings, sources: tuple[Any, ...]) -> Draw | None:
    """Which records of the sources are read; None: all, as no time is counted.

    The clock decides how many, and the run's record keeps it, so that a resumed run reads the same.

    Args:
        budget: Of the run.
        settings: Of the run.
        sources: All of them; None where there is none.

    Raises:
        ConfigError: It takes longer than the time limit to look through them.
    """
    if budget.limit is None:
        return None
    files = sum(os.path.getsize(one) for one in sources if isinstance(one, str | Path) and os.path.isfile(one))
    _refuse_longer(budget.limit, files)
    folders = sum(1 for one in sources if one is not None and not (isinstance(one, str | Path) and os.path.isfile(one)))
    left = SHARE * (budget.limit - budget.elapsed) / max(1, folders)  # how large those are is seen when they are read

    def share(size: int, records: int) -> float:
        def chosen() -> float:
            everything = max(size, files, 1)
            learned = max(0.0, left - everything / LOOKED_THROUGH) * LEARNED
            return min(1.0, max(learned, LEAST) / everything)

        return float(budget.decide("share of the records that is read", chosen))

    return Draw(share, settings.seed)


def told(rows: int, passed: int, budget: Budget, *, of: str = "records") -> str:
    """That records were passed by, as a sentence."""
    return (
        f"Of {rows + passed:,} {of} {rows:,} are read, drawn at random: the time limit of {budget.limit:g} s leaves "
        "no time for more. Raise --time-limit to learn from all."
    )


def _refuse_longer(limit: float, size: int) -> None:
    looking = size / LOOKED_THROUGH
    if looking > max(SOON, limit + allowed(limit) - BESIDE):
        seconds = BESIDE + looking
        raise errors.ConfigError(
            f"The time limit of {limit:g} s is shorter than it takes to look through the data.",
            f"They are {size / 1e6:,.0f} MB, for which some {seconds:.0f} s are needed, and more to learn from them.",
            f"Give a larger --time-limit, such as {math.ceil(2 * seconds)}s.",
        )
