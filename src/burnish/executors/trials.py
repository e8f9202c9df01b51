"""What every way of training shares: how a piece of work begins, and what is made of where it ended."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from numpy.typing import NDArray

from burnish.executors import fold_files
from burnish.model import initialise, kinds, layers
from burnish.model.architecture import Architecture, Convolution, Perceptron
from burnish.model.own_model import OwnModel
from burnish.predictor import outputs, weights
from burnish.preprocess import images
from burnish.train import hyperparameters, packing, slice, telemetry
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData
from burnish.train.work import Curve, Ending, Outcome, Work

# A compiled call cannot be interrupted: this long a slice, in seconds, is the delay that a Ctrl+C may meet.
SLICE_SECONDS = 0.4
# Each call gets the memory of its steps anew, page by page: 120 MB and 60 ms for images of 28 × 28, where a step takes
# 90 ms. So their slices are longer.
IMAGE_SLICE_SECONDS = 1.0
FIRST_SLICE_STEPS = 32  # before the speed of a step is known; at 50 ms a step still under two seconds

SEEN = telemetry.Sight._fields


@dataclass(slots=True)
class Trial:
    """A piece of work on its way: what shapes its program, what flows through it, and how far it has come."""

    work: Work
    fold: FoldData
    shape: Architecture
    hp: hyperparameters.Hyperparameters
    data: slice.Data
    per_epoch: int  # mini-batches
    until: int  # step
    state: slice.State
    curve: list[NDArray[np.float32]]  # lines of the record, one array for each slice
    sights: list[telemetry.Sight]  # steps seen from inside, where the work asks for it

    @property
    def total(self) -> int:
        """The last step of the schedule."""
        return self.work.configuration.epochs * self.per_epoch

    @property
    def slice_seconds(self) -> float:
        """How long a call should take."""
        return IMAGE_SLICE_SECONDS if isinstance(self.shape, Convolution) else SLICE_SECONDS

    @property
    def goes_on(self) -> bool:
        """Whether there is more to train."""
        return int(self.state.ending) == slice.RUNNING and int(self.state.step) < self.until


class Took(NamedTuple):
    """Seconds that a piece of work took, as an outcome says them."""

    training: float
    compiling: float  # getting the program, tracing included
    tracing: float


class Trials:
    """Begins and finishes trials: holds the folds' data, and the states of paused trials on disk.

    Args:
        data_folder: Where the folds lie.
        state_folder: Where weights and the states of paused trials go.
        capacity: The padded number of rows of each part.
        place: Puts an array of a fold where it is trained on.
        own: The person's own model, where one is trained.
        handed: Inputs that lie on disk are handed to each slice, and not read as a whole.
    """

    def __init__(
        self,
        data_folder: Path,
        state_folder: Path,
        *,
        capacity: Callable[[int], int] = packing.capacity,
        place: Callable[[Any], Any] = jax.device_put,
        own: OwnModel | None = None,
        handed: bool = False,
    ) -> None:
        self._own, self._handed = own, handed
        self._data_folder, self._state_folder = data_folder, state_folder
        self._capacity, self._place = capacity, place
        self._folds: dict[int, tuple[FoldData, slice.Data]] = {}
        self._kept: dict[tuple[int, int | None, int], initialise.Params] = {}

    def shapes(self, work: Work) -> tuple[Architecture, slice.Data]:
        """What shapes the program of a piece of work: its network, and the arrays of its fold."""
        fold, data = self._fold(work.fold)
        shape = hyperparameters.architecture(
            work.configuration, fold.inputs, outputs=fold.outputs, task=fold.task, own=self._own
        )
        return shape, data

    def begin(self, work: Work) -> Trial:
        """The trial, going on from its saved state where there is one.

        That is taken up if it is of this very work and not beyond what is asked for; else the trial stands before step
        1. So a replay of an earlier rung gives that rung's answer, and a name used twice does not mix two trials.
        """
        fold = self._fold(work.fold)[0]
        shape, data = self.shapes(work)
        rows = len(fold.train.y) if work.rows is None else work.rows
        if not 1 <= rows <= len(fold.train.y):
            raise ValueError(f"{work.trial} asks for {rows} rows of {len(fold.train.y)}")
        used: Any = np.int32(rows)
        hp = hyperparameters.hyperparameters(work.configuration, work.seed)
        per_epoch = -(-rows // shape.batch_size)
        until = min(work.until, work.configuration.epochs) * per_epoch
        params = start_parameters(work.configuration, shape, work.seed, self._fitted(work, shape))
        state, curve, sights = self._saved(work, slice.start(shape, params, len(data.dev.y)), until)
        return Trial(work, fold, shape, hp, data._replace(rows=used), per_epoch, until, state, curve, sights)

    def finish(self, trial: Trial, probe: NDArray, took: Took, *, stopped: bool) -> Outcome:
        """The outcome, after the weights and, where the trial can go on, its state were written.

        Args:
            trial: Where it ended.
            probe: What its best weights make of the fold's probe rows, padding included.
            took: Seconds.
            stopped: It was told to stop, should it not have ended by itself.
        """
        work, fold, state = trial.work, trial.fold, trial.state
        curve = np.concatenate(trial.curve)
        running = int(state.ending) == slice.RUNNING
        ending = (Ending.INTERRUPTED if stopped else Ending.PAUSED) if running else Ending(int(state.ending))
        weights_file = self._state_folder / f"{work.trial}.safetensors"
        host = jax.tree.map(np.asarray, state)
        weights.save(weights_file, weights.flatten(host.best_params, host.best_statistics))
        if running:
            self._save(work, host, curve, trial.sights)
        else:
            self._state_file(work).unlink(missing_ok=True)
        rows, held = len(fold.dev.y), len(fold.probe.x)
        shown = outputs.predictions(probe[:held], fold.task, fold.target)
        return Outcome(
            work=work,
            ending=ending,
            epochs=int(host.step) / trial.per_epoch,
            best_epoch=float(host.best_epoch),
            dev_loss=float(host.best_loss),
            dev=outputs.predictions(host.dev_output[:rows], fold.task, fold.target),
            train=shown[: fold.probe_train],
            train_dev=shown[fold.probe_train :] if held > fold.probe_train else None,
            curve=Curve(*(curve[:, i].astype(np.float64) for i in range(5))),
            weights=str(weights_file),
            seconds=took.training,
            compile_seconds=took.compiling,
            trace_seconds=took.tracing,
            telemetry=telemetry.joined(host.params, trial.sights),
        )

    def _fold(self, number: int) -> tuple[FoldData, slice.Data]:
        if number not in self._folds:
            fold = fold_files.read(self._data_folder, number)
            data = packing.pack(fold, self._capacity, handed=self._handed and packing.is_handed(fold))
            self._folds[number] = fold, jax.tree.map(self._place, data)
        return self._folds[number]

    def _fitted(self, work: Work, shape: Architecture) -> initialise.Params | None:
        """What a network keeps of the training rows, bins or moments of pixels: found once, as it may take a second of
        sorting, which would come with each trial."""
        bins = shape.bins if isinstance(shape, Perceptron) else 0
        if not bins and not isinstance(shape, Convolution):
            return None
        key = work.fold, work.rows, bins
        if key not in self._kept:
            inputs = self._fold(work.fold)[0].train.inputs
            x = inputs.x if work.rows is None else inputs.first(work.rows).x
            self._kept[key] = layers.quantile_bins(x[:, : shape.inputs.numbers], bins) if bins else images.moments(x)
        return self._kept[key]

    def _saved(
        self, work: Work, first: slice.State, until: int
    ) -> tuple[slice.State, list[NDArray[np.float32]], list[telemetry.Sight]]:
        """The saved state, its curve and the steps seen, or the first state."""
        nothing: list[telemetry.Sight] = []
        afresh = first, [np.zeros((0, 5), np.float32)], nothing
        saved = self._state_file(work)
        if not saved.exists():
            return afresh
        with np.load(saved, allow_pickle=False) as arrays:
            if str(arrays["identity"]) != _identity(work):
                return afresh
            leaves = [arrays[f"leaf{i}"] for i in range(len(jax.tree.leaves(first)))]
            found = jax.tree.unflatten(jax.tree.structure(first), leaves)
            if int(found.step) > until:
                return afresh
            columns = [arrays[f"seen_{name}"] for name in SEEN if f"seen_{name}" in arrays]
            return found, [arrays["curve"]], [telemetry.Sight(*row) for row in zip(*columns, strict=True)]

    def _state_file(self, work: Work) -> Path:
        return self._state_folder / f"{work.trial}.state.npz"

    def _save(self, work: Work, state: slice.State, curve: NDArray, sights: list[telemetry.Sight]) -> None:
        path = self._state_file(work)
        temporary = path.with_suffix(".writing")
        with temporary.open("wb") as file:
            leaves = {f"leaf{i}": leaf for i, leaf in enumerate(jax.tree.leaves(state))}
            seen: dict[str, Any] = {
                f"seen_{name}": np.stack([getattr(one, name) for one in sights]) for name in SEEN if sights
            }
            np.savez(file, curve=curve, identity=np.array(_identity(work)), **leaves, **seen)
        os.replace(temporary, path)


def next_steps(done: int, seconds: float, within: float = SLICE_SECONDS) -> int:
    """Steps of the next slice, where `done` steps took so many seconds."""
    return max(1, round(done * within / max(seconds, 1e-4)))


def start_parameters(
    configuration: Configuration, shape: Architecture, seed: int, bins: initialise.Params | None = None
) -> initialise.Params:
    """Starting weights of a trial; `bins`, or moments of pixels, are those of its training rows, where it has any."""
    return kinds.of(shape).parameters(
        shape,
        seed,
        initializer=configuration.initializer,
        scale=configuration.init_scale,
        frequency_scale=configuration.frequency_scale,
        bins=bins,
    )


def _identity(work: Work) -> str:
    """All that the results of a piece of work depend on, but for how far it goes."""
    return json.dumps([work.configuration.to_json(), work.fold, work.seed, work.rows])
