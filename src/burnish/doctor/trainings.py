"""All trainings of an examination: each arm from each start once, many at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from burnish.doctor.arms import Arm
from burnish.doctor.lab import Lab
from burnish.doctor.probes import Trained


class Trainings:
    """What arms led to.

    Args:
        lab: Of the subject as it is.
        pool: That trains at once.
        train: Trains one arm in its lab from one start.
    """

    def __init__(self, lab: Lab, pool: ThreadPoolExecutor, train: Callable[[Lab, Arm, int], Trained]) -> None:
        self._lab, self._pool, self._train = lab, pool, train
        self._labs: dict[str, Lab] = {}
        self._known: dict[tuple[str, int], Trained] = {}

    def __len__(self) -> int:
        return len(self._known)

    def lab(self, arm: Arm) -> Lab:
        """Of the subject that the arm's program makes."""
        if arm.subject is None and arm.begin is None and arm.inputs is None:
            return self._lab
        if arm.name not in self._labs:
            self._labs[arm.name] = Lab(arm.program(self._lab.subject), self._lab.programs)
        return self._labs[arm.name]

    def of(self, arm: Arm, seed: int) -> Trained:
        """What one start of an arm leads to."""
        if (arm.name, seed) not in self._known:
            self._known[arm.name, seed] = self._train(self.lab(arm), arm, seed)
        return self._known[arm.name, seed]

    def at_once(self, pairs: Sequence[tuple[Arm, int]]) -> None:
        """Train what is about to be asked for. A program that is still to be compiled trains in one thread."""
        compiled = {name for name, _ in self._known}
        tasks: dict[tuple[str, int | None], dict[tuple[str, int], Arm]] = {}
        for arm, seed in pairs:
            shared = self.lab(arm) is self._lab or arm.name in compiled  # asked here, as two threads might both make it
            if (arm.name, seed) not in self._known:
                tasks.setdefault((arm.name, seed if shared else None), {})[arm.name, seed] = arm
        if len(tasks) < 2:
            return

        def run(task: dict[tuple[str, int], Arm]) -> None:
            for (_, seed), arm in task.items():
                self.of(arm, seed)

        running = [self._pool.submit(run, task) for task in tasks.values()]
        try:
            for one in running:
                one.result()
        finally:
            for one in running:  # of an interrupted one nothing further is begun
                one.cancel()
