"""D2 and D3: exponentially weighted averages of the network's own mini-batch costs, with and without correction."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.explaining import words
from burnish.model import rules
from burnish.report.panel import Chart, Look, Panel, Series
from burnish.techniques import optimising

Floats = NDArray[np.float64]

ABOUT: dict[str, Any] = {
    "name": "averages",
    "techniques": ["D2", "D3"],
    "title": "Exponentially weighted averages of the cost",
}
BETAS = (0.5, 0.9, 0.98)  # about 2, 10 and 50 steps
LOOKS: dict[float, Look] = {0.5: "muted", 0.9: "accent", 0.98: "cool"}
MOST_STEPS, LEAST_STEPS = 300, 100
SECONDS = 3.0
AHEAD = 20  # mini-batches whose mean cost an average is asked to tell
NEAR = 0.05  # an uncorrected average this near to the corrected one has warmed up


@dataclass(frozen=True, slots=True)
class Trend:
    """One average of a series; all arrays have its shape."""

    plain: Floats
    corrected: Floats
    missed: float  # root mean square of (corrected − mean of the next AHEAD values)
    jitter: float  # root mean square of its steps, over that of the series
    warm: int  # steps until the plain one is within NEAR of the corrected one


def measure(losses: Floats) -> dict[float, Trend]:
    """The averages of a series of at least AHEAD + 2 costs."""
    windows = np.lib.stride_tricks.sliding_window_view(losses[1:], AHEAD).mean(1)  # what follows step t
    found = {}
    for beta in BETAS:
        with rules.own():
            plain, corrected = (
                np.asarray(
                    optimising.exponentially_weighted_average(losses, beta, bias_correction=corrects), np.float64
                )
                for corrects in (False, True)
            )
        off = np.abs(plain / corrected - 1.0) > NEAR
        found[beta] = Trend(
            plain=plain,
            corrected=corrected,
            missed=_size(corrected[: len(windows)] - windows),
            jitter=_size(np.diff(corrected)) / max(_size(np.diff(losses)), 1e-30),
            warm=int(np.flatnonzero(off)[-1]) + 2 if off.any() else 1,
        )
    return found


def _size(values: Floats) -> float:
    return float(np.sqrt(np.square(values).mean()))


def panel(losses: Floats, unit: str) -> Panel:
    """The panel of the costs of the first mini-batches."""
    usable = losses[np.isfinite(losses)]
    if len(usable) < 2 * AHEAD:
        return Panel(**ABOUT, finding="Training diverged before there was a trend to see.", made=False)
    found = measure(usable)
    steps = [float(step) for step in range(1, len(usable) + 1)]
    raw = Series(name="mini-batch", x=steps, y=words.finite(usable), look="muted", points=True, dashed=True)
    after = [Series(name=f"β = {b:g}", x=steps, y=words.finite(found[b].corrected), look=LOOKS[b]) for b in BETAS]
    first = steps[: max(40, found[BETAS[-1]].warm)]
    begins: list[Series] = []
    for beta in BETAS[1:]:
        for name, values, dashed in (
            (f"{beta:g}", found[beta].corrected, False),
            (f"{beta:g} plain", found[beta].plain, True),
        ):
            begins.append(
                Series(name=name, x=first, y=words.finite(values[: len(first)]), look=LOOKS[beta], dashed=dashed)
            )
    return Panel(
        **ABOUT,
        finding=finding(found),
        how=f"Costs of the first {len(usable)} mini-batches of the network, before each update; the recursion "
        "starts at 0, and correction divides by 1 − β^t.",
        numbers={
            f"{name}_{beta:g}": value
            for beta, trend in found.items()
            for name, value in (("missed", trend.missed), ("jitter", trend.jitter), ("warm_steps", trend.warm))
        },
        charts=[
            Chart(
                title="The trend in noisy costs, corrected",
                x_name="mini-batch",
                y_name=unit,
                log_y=True,
                series=[raw, *after],
            ),
            Chart(
                title="The first steps: with correction and plain",
                x_name="mini-batch",
                y_name=unit,
                log_y=True,
                series=begins,
            ),
        ],
    )


def finding(found: dict[float, Trend]) -> str:
    """Which average tells most, and what correction does."""
    best = min(found, key=lambda beta: found[beta].missed)
    longest = max(found)
    trend = found[longest]
    start = trend.plain[0] / trend.corrected[0]
    return (
        f"β = {best:g} came nearest to the mean cost of the next {AHEAD} mini-batches, with "
        f"{words.number(100 * found[best].jitter)} % of their jitter; without correction β = {longest:g} began at "
        f"{words.number(100 * start)} % of the cost and was more than {100 * NEAR:.0f} % too low until mini-batch "
        f"{trend.warm:,}."
    )
