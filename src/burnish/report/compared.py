"""How the final model stands beside a simpler one, in words."""

from __future__ import annotations

import math

from burnish.report.summary import BaselineResult, Final
from burnish.stats.interval import Interval

# Best first. What is sure and too little to matter is a case of its own: the rows do tell the two apart.
BETTER = (
    "clearly better than {}",
    "better than {} (surely, but perhaps by less than matters)",
    "better than {} (surely, but by less than matters)",
)
ALIKE = "not clearly different from {}"
WORSE = tuple(words.replace("better", "worse") for words in reversed(BETTER))
BESIDE = (*BETTER, ALIKE, *WORSE)


def beside(final: Final, baseline: BaselineResult) -> str:
    """How they compare: one of `BESIDE`.

    Where both were compared row by row the interval of the difference decides, else whether theirs overlap.
    """
    apart = Interval(math.nan, final.dev.low - baseline.dev.high, final.dev.high - baseline.dev.low)
    excess = baseline.excess or apart
    if excess.high < 0:
        return BETTER[_doubt(-excess.high, -excess.low, final.practical)]
    return WORSE[-1 - _doubt(excess.low, excess.high, final.practical)] if excess.low > 0 else ALIKE


def _doubt(least: float, most: float, practical: float) -> int:
    """Of a sure difference: 0 where it surely matters, 1 where it may, 2 where it surely does not."""
    return 0 if least > practical else 1 if most > practical else 2
