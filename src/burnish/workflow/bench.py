"""Where experiments are run: any number of arms on the same seeds and dev rows, in one batch."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from burnish.train.configuration import Configuration
from burnish.train.work import Ending
from burnish.workflow import candidates, start
from burnish.workflow.candidates import Candidate
from burnish.workflow.events import Stage
from burnish.workflow.problem import Problem
from burnish.workflow.session import Session

# Training rows that an experiment may be cut down to, by halves. The fewer they are, the better looks what cures
# variance and the worse what cures bias; a table of this size fills a network of two layers of 128 many times over.
LEAST_PART = 20_000


@dataclass(frozen=True, slots=True)
class Bench:
    """Where experiments are run: on which folds, on how many training rows of each, and until when."""

    session: Session
    problem: Problem
    folds: tuple[int, ...]
    until_share: float
    rows: int | None = None  # fewer than the problem's own; None: as many
    stage: Stage = Stage.RECIPE

    @property
    def whole(self) -> bool:
        """Whether what is trained here can be delivered: on every screening fold, with all rows."""
        return self.rows is None and self.problem.part is None and self.folds == tuple(self.problem.screening)

    @property
    def part(self) -> int | None:
        """Training rows of each training; None: all."""
        return self.problem.part if self.rows is None else self.rows

    def train(
        self,
        arms: Mapping[str, Configuration],
        seeds: Iterable[int],
        *,
        places: Mapping[str, tuple[int, ...]] | None = None,
    ) -> dict[str, dict[int, Candidate]]:
        """Every arm on these seeds, all at once; what was trained before is not trained again.

        Args:
            arms: By name.
            seeds: In the order in which they are trained.
            places: Variants of the bench's folds, with the same rows in the same order, that an arm is trained on in
                their stead.

        Returns:
            By arm and seed, without those that came to nothing.
        """
        seeds, places = tuple(seeds), places or {}
        work = [
            item
            for seed in seeds  # seed by seed, so that what the clock cuts off is whole seeds
            for name, configuration in arms.items()
            for item in candidates.plan(
                self._label(name),
                self.cut(configuration),
                seeds=(seed,),
                folds=places.get(name, self.folds),
                rows=self.part,
            )
        ]
        outcomes = self.session.train(self.problem, work, self.stage, until_share=self.until_share)
        # Cut short by the clock, a training is worse than it would have become: a pair with it would compare clocks.
        outcomes = {trial: o for trial, o in outcomes.items() if o.ending is not Ending.INTERRUPTED}
        made: dict[str, dict[int, Candidate]] = {}
        for name, configuration in arms.items():
            label, folds = self._label(name), places.get(name, self.folds)
            gathered = (
                candidates.gather(self.problem, label, configuration, seed=s, outcomes=outcomes, folds=folds)
                for s in seeds
            )
            made[name] = {candidate.seed: candidate for candidate in gathered if candidate is not None}
        return made

    def cut(self, configuration: Configuration) -> Configuration:
        """The configuration as it is trained here."""
        return configuration if self.rows is None else on_part(configuration, self.rows, self.problem)

    def _label(self, name: str) -> str:
        return name if self.rows is None else f"{name}-of{self.rows}"


def on_part(configuration: Configuration, rows: int, problem: Problem) -> Configuration:
    """The same training on so many of the rows: as much longer as a first network on them would train, λ/m held."""
    full, batch = problem.training_rows, configuration.batch_size
    longer = start.epochs(problem.task, rows, batch) / start.epochs(problem.task, full, batch)
    return replace(
        configuration, epochs=max(1, round(longer * configuration.epochs)), l2=configuration.l2 * rows / full
    )


def shapes(problem: Problem) -> list[tuple[int, int | None]]:
    """How experiments may be made cheaper, the dearest first: on so many folds, with so many training rows (None: all).

    Fewer folds judge; where there is one dev part alone, training rows are halved, if they are not a part already.
    """
    folds = problem.split.screen
    found: list[tuple[int, int | None]] = [
        (count, None) for count in sorted({folds, min(folds, 3), min(folds, 2), 1}, reverse=True)
    ]
    if folds == 1 and problem.part is None:
        halves = (problem.training_rows >> halved for halved in range(1, problem.training_rows.bit_length()))
        found += [(1, rows) for rows in halves if rows >= LEAST_PART]
    return found
