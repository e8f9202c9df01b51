"""A case: one planted fault, two at once, or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from jobs import JOBS

from recipe import Recipe

Plant = Callable[[Recipe], Recipe]

# Findings that are true of a run whatever they cost it: they are read off the program, not off its results.
PROOFS = frozenset({"NU1", "NU2", "NU3", "NU4", "NU6", "NU7", "NU8", "NU9", "NU10", "NU11", "NN1", "NN7", "NN8"})


@dataclass(frozen=True, slots=True)
class Case:
    """What is planted into a job, and which codes name it.

    Args:
        name: Its own, over faults and controls.
        job: Key of `JOBS`.
        plant: Puts it into the job's recipe.
        causes: Codes that are right, one tuple a planted cause: the cause itself first, then what counts as right too.
            (): a healthy control.
        number: Of the published list; None: not on it.
        sweep: Family of cases that differ in one size alone, and that size.
        admitted: Whether harm over seeds decides that it is a fault. False: healthy by construction, with a task of
            its own to which no harm can be measured.
    """

    name: str
    job: str
    plant: Plant
    causes: tuple[tuple[str, ...], ...] = ()
    number: int | None = None
    sweep: tuple[str, float] | None = None
    admitted: bool = True

    @property
    def right(self) -> frozenset[str]:
        """All codes that count as right."""
        return frozenset(code for cause in self.causes for code in cause)

    def recipe(self, seed: int) -> Recipe:
        """The job of this seed with the fault in it."""
        return self.plant(JOBS[self.job](seed))
