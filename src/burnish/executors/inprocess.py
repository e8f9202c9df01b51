"""Training in this process, one piece of work after another: for jobs too small to be worth starting workers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from burnish.executors import trainer
from burnish.executors.pool import Stopped
from burnish.model.own_model import OwnModel
from burnish.train.work import Outcome, Work

# Programs that this process keeps, at some megabytes each; when there are more, the oldest go.
MOST_PROGRAMS = 64

# Tables are padded to at least this many rows and then to powers of two, so that most fits of a process share their
# programs: a fit of a cross-validation has a row more or less than the one before, and compiling takes longer than
# training.
LEAST_CAPACITY = 128

_PROGRAMS: trainer.Programs = {}  # compiled ones outlive a fit: they depend on shapes, not on data


def capacity(rows: int) -> int:
    """The padded number of rows: a power of two.

    >>> [capacity(rows) for rows in (10, 128, 129, 1000)]
    [128, 128, 256, 1024]
    """
    return max(LEAST_CAPACITY, 1 << max(0, rows - 1).bit_length())


class InProcess:
    """An executor that trains in this process.

    The same work gives the same outcome here, every time. A worker's differs from it as another seed's would, since the
    order of rows in an epoch depends on the padding.

    Args:
        data_folder: Where `fold_files.write` puts the folds; they may be written later.
        state_folder: Where weights and the states of paused trials go.
        interrupted: Signals that the process received; once it is not empty, the running trial's state is kept.
        own: The person's own model, where one is trained.
    """

    def __init__(
        self, data_folder: Path, state_folder: Path, *, interrupted: Sequence[int] = (), own: OwnModel | None = None
    ) -> None:
        for oldest in list(_PROGRAMS)[:-MOST_PROGRAMS]:
            _PROGRAMS.pop(oldest, None)  # another thread's fit may have been quicker
        self._trainer = trainer.Trainer(data_folder, state_folder, programs=_PROGRAMS, capacity=capacity, own=own)
        self._interrupted = interrupted

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held that would have to be given back."""

    def __call__(self, work: Iterable[Work], *, deadline: float | None = None) -> Iterator[Outcome]:
        """Outcomes in the order of the work.

        At `deadline` (of `time.monotonic`) the running trial is interrupted and yielded; waiting ones are left out.

        Raises:
            Stopped: A signal came; the running trial's state is kept.
        """

        def out_of_time() -> bool:
            return deadline is not None and time.monotonic() >= deadline

        for item in work:
            if out_of_time():
                return
            outcome = self._trainer.run(item, lambda: bool(self._interrupted) or out_of_time())
            if self._interrupted:
                raise Stopped(self._interrupted[0])
            yield outcome
