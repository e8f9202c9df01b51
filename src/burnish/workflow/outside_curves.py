"""What the curves of a training elsewhere tell: how it went, and the errors that only they have."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from burnish.diagnosis import training
from burnish.diagnosis.finding import Finding
from burnish.load import curve_file
from burnish.load.curve_file import CurveFile
from burnish.train.work import Curve, Ending
from burnish.workflow.outside_figures import Number


@dataclass(frozen=True, slots=True)
class Trained:
    """A training, as its curves show it."""

    file: CurveFile
    findings: tuple[Finding, ...]

    @property
    def best(self) -> int:
        """The evaluation with the least dev loss."""
        return int(np.argmin(self.file.columns["dev_loss"]))

    def completed(self, part: str, error: Number | None, rows: Number | None) -> tuple[Number | None, Number | None]:
        """The figures of a part; where its rows are known and its error is not, the error of the best epoch."""
        found = self._error(part)
        return (found, rows) if error is None and rows is not None and found is not None else (error, rows)

    def _error(self, part: str) -> float | None:
        found = float(self.file.column(f"{part}_error")[self.best])
        return found if np.isfinite(found) else None

    def remarks(self, parts: Collection[str]) -> tuple[str, ...]:
        """What was read, and what was made of it for these parts of the rows."""
        file = self.file
        read = ", ".join(name if name == ours else f"{name} as {ours}" for ours, name in file.taken.items())
        ignored = f"; not used: {', '.join(file.ignored)}" if file.ignored else ""
        said = [f"Read from {file.shown}: {read}{ignored}.", *file.remarks]
        if any(self._error(part) is not None for part in parts):
            said.append(
                f"Errors that were not given are those of epoch {file.columns['epoch'][self.best]:g}, which has the "
                "least dev loss; that choice makes the dev error a little too good."
            )
        return tuple(said)


def read(path: Path) -> Trained:
    """The curves in a file, and what they show.

    Raises:
        DataError: The file cannot be read as curves.
    """
    file = curve_file.read(path)
    names = ("epoch", "train_loss", "dev_loss", "gradient_norm", "learning_rate")
    curve = Curve(*(file.column(name) for name in names))
    diverged = not (np.isfinite(curve.train_loss[-1]) and np.isfinite(curve.dev_loss[-1]))
    ending = Ending.DIVERGED if diverged else Ending.COMPLETED
    return Trained(file, training.read(curve, ending, best_kept=False))
