"""Where panels train: the engine's own programs on one fold, in this process, as many at once as there are cores.

XLA lets go of Python's lock while it computes, so threads are enough. What was trained once is not trained again.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jaxtyping import Array, Int32
from numpy.typing import NDArray

from burnish.executors import trials
from burnish.model import layers, network, random_bits, rules
from burnish.model.architecture import Convolution
from burnish.preprocess import images
from burnish.train import batches, hyperparameters, packing, slice
from burnish.train.configuration import Configuration
from burnish.train.fold_data import FoldData
from burnish.workflow.budget import FLOPS, STEP_SECONDS

Floats = NDArray[np.float64]

# Training rows that panels use: enough to show every effect, and few enough for dozens of trainings in a minute.
MOST_ROWS = 4_096
# Core seconds that a training of a panel may take by the guess of its arithmetic. It is cut by epochs, and not by the
# clock, so that the same run gives the same curves.
TRAINING_SECONDS = 0.6
LEAST_EPOCHS = 8
OBSERVED = 256  # mini-batches that one call observes at most


class GivenUp(Exception):
    """Another training failed, or a signal came."""


@dataclass(frozen=True, slots=True)
class Trained:
    """One training. Costs are cross-entropies in nats, or squared errors in standardised units."""

    configuration: Configuration
    seed: int
    epoch: Floats  # shape (evaluations,), as the curves
    train: Floats  # mean over the epoch's mini-batches, in training mode
    dev: Floats
    params: Any  # at the end of the last epoch
    statistics: Any  # batch norm's averages then, corrected

    @property
    def best(self) -> int:
        """Place of the lowest dev cost."""
        return int(np.nanargmin(np.where(np.isfinite(self.dev), self.dev, np.inf)))

    @property
    def lowest(self) -> float:
        """The lowest dev cost; infinite where none is finite."""
        return float(np.where(np.isfinite(self.dev), self.dev, np.inf).min())


class Lab:
    """One fold, and the compiled programs that train on it.

    Args:
        fold: What is trained on; at most its first MOST_ROWS training rows, which are in random order.
        configuration: The network that panels start from.
        jobs: Trainings at once.
        most_rows: More of them, where a training is to be one of the run's own.
    """

    def __init__(
        self, fold: FoldData, configuration: Configuration, *, jobs: int = 1, most_rows: int = MOST_ROWS
    ) -> None:
        used = np.arange(min(most_rows, len(fold.train.y)))
        self.fold = replace(fold, train=fold.train.take(used))
        self.configuration = configuration
        self.jobs = jobs
        self._data = packing.pack(self.fold)
        self._programs: dict[Any, Any] = {}
        self._known: dict[tuple[Configuration, int, float], Trained] = {}
        self._given_up = threading.Event()

    @property
    def rows(self) -> int:
        """Training rows used."""
        return len(self.fold.train.y)

    def per_epoch(self, configuration: Configuration) -> int:
        """Mini-batches of an epoch."""
        return math.ceil(self.rows / configuration.batch_size)

    def shape(self, configuration: Configuration) -> Any:
        """The static half of a configuration, on this fold."""
        fold = self.fold
        return hyperparameters.architecture(configuration, fold.inputs, outputs=fold.outputs, task=fold.task)

    def shortened(self, configuration: Configuration, seconds: float = TRAINING_SECONDS) -> Configuration:
        """The same training with as many epochs as fit into so many core seconds, and no patience."""
        fit = self.fitting(configuration, seconds) // self.per_epoch(configuration)
        return replace(configuration, epochs=min(configuration.epochs, max(LEAST_EPOCHS, fit)), patience=0)

    def fitting(self, configuration: Configuration, seconds: float) -> int:
        """Mini-batches that fit into so many core seconds, by the guess of their arithmetic."""
        shape = self.shape(configuration)
        products = shape.multiplications if isinstance(shape, Convolution) else shape.parameters
        return int(seconds / (STEP_SECONDS + 6.0 * shape.batch_size * products / FLOPS))

    def start(self, configuration: Configuration, seed: int) -> slice.State:
        """The state before the first step."""
        shape, fold = self.shape(configuration), self.fold
        bins = None
        if configuration.bins and fold.inputs.numbers:
            bins = layers.quantile_bins(fold.train.inputs.x[:, : fold.inputs.numbers], configuration.bins)
        if fold.inputs.image is not None:
            bins = images.moments(fold.train.inputs.x)
        params = trials.start_parameters(configuration, shape, seed, bins)
        return slice.start(shape, params, len(self._data.dev.y))

    def train(self, runs: Sequence[tuple[Configuration, int]], *, share: float = 1.0) -> list[Trained]:
        """Each configuration with its seed, trained for this share of its epochs (rounded up); in their order."""
        asked = [(*run, share) for run in runs]
        fresh = [run for run in dict.fromkeys(asked) if run not in self._known]
        programs = {self.shape(configuration): configuration for configuration, *_ in fresh}
        self._each(self._trainer, list(programs.values()))
        for run, trained in zip(fresh, self._each(lambda run: self._trained(*run), fresh), strict=True):
            self._known[run] = trained
        return [self._known[run] for run in asked]

    def _each(self, work: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """The work on every item, in threads; if one fails or a signal comes, the others end with their slice."""
        with ThreadPoolExecutor(self.jobs) as pool:
            try:
                return list(pool.map(rules.own()(work), items))
            except BaseException:
                self._given_up.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _compiled(self, key: tuple[Any, ...], function: Callable[..., Any], *like: Any) -> Any:
        if key not in self._programs:
            self._programs[key] = jax.jit(function).lower(*like).compile()
        return self._programs[key]

    def _trainer(self, configuration: Configuration) -> Any:
        shape = self.shape(configuration)
        hp, state = hyperparameters.hyperparameters(configuration, 0), self.start(configuration, 0)
        like = (hp, state, self._data, np.int32(0), np.bool_(False))
        return self._compiled(("train", shape), partial(slice.train_slice, shape), *like)

    def _trained(self, configuration: Configuration, seed: int, share: float) -> Trained:
        program, hp = self._trainer(configuration), hyperparameters.hyperparameters(configuration, seed)
        epochs = max(1, math.ceil(share * configuration.epochs))
        state, until = self.start(configuration, seed), epochs * self.per_epoch(configuration)
        steps, lines = trials.FIRST_SLICE_STEPS, []
        while int(state.ending) == slice.RUNNING and int(state.step) < until:
            if self._given_up.is_set():
                raise GivenUp
            at, began = int(state.step), time.perf_counter()
            result = program(hp, state, self._data, np.int32(min(until, at + steps)), np.bool_(False))
            state = result.state
            lines.append(np.asarray(result.record.values)[: int(result.record.length)])
            steps = trials.next_steps(int(state.step) - at, time.perf_counter() - began)
        curve = np.concatenate(lines).astype(np.float64)
        host = jax.tree.map(np.asarray, state)
        return Trained(
            configuration=configuration,
            seed=seed,
            epoch=curve[:, 0],
            train=curve[:, 1],
            dev=curve[:, 2],
            params=host.params,
            statistics=self.statistics(configuration, host),
        )

    def timed(self, configuration: Configuration, seed: int, seconds: float) -> list[tuple[float, int, float]]:
        """One training alone, for so many seconds: after each epoch the seconds so far, the steps, and the dev cost.

        Its program is compiled, and run once, before the clock starts.
        """
        with rules.own():
            program, hp = self._trainer(configuration), hyperparameters.hyperparameters(configuration, seed)
            state, per_epoch = self.start(configuration, seed), self.per_epoch(configuration)
            jax.block_until_ready(program(hp, state, self._data, np.int32(1), np.bool_(False)))
            began = time.perf_counter()
            found: list[tuple[float, int, float]] = []
            while not found or (found[-1][0] < seconds and int(state.ending) == slice.RUNNING):
                until = np.int32(int(state.step) + per_epoch)
                result = program(hp, state, self._data, until, np.bool_(False))
                state = result.state
                dev = float(np.asarray(result.record.values)[0, 2])
                found.append((time.perf_counter() - began, int(state.step), dev))
        return found

    def statistics(self, configuration: Configuration, state: slice.State) -> Any:
        """Batch norm's averages of a state, corrected; () without batch norm."""
        per_epoch = self.per_epoch(configuration)
        epochs, index = divmod(int(state.step), per_epoch)
        seen = (epochs * self.rows + index * configuration.batch_size) / min(configuration.batch_size, self.rows)
        correction = 1.0 / (1.0 - hyperparameters.BATCH_NORM_AVERAGE_DECAY**seen) if seen else 1.0
        return jax.tree.map(lambda average: np.asarray(average) * np.float32(correction), state.statistics)

    def cost(self, configuration: Configuration, params: Any, statistics: Any, *, train: bool) -> float:
        """The cost of all training (or dev) rows in evaluation mode, weighted."""
        # Mini-batches do not matter here: all sizes share a program.
        shape, rows = self.shape(replace(configuration, batch_size=1)), self._data.train if train else self._data.dev
        with rules.own():
            program = self._compiled(("cost", shape, train), partial(_cost, shape), params, statistics, rows)
            return float(program(params, statistics, rows))

    def observe(
        self, configuration: Configuration, state: slice.State, steps: int, seed: int
    ) -> tuple[slice.State, NDArray[np.float32]]:
        """So many mini-batches further, and the cost of each before its update; nothing is evaluated or stopped."""
        shape, hp = self.shape(configuration), hyperparameters.hyperparameters(configuration, seed)
        found: list[NDArray[np.float32]] = []
        with rules.own():
            like = (hp, state, self._data, np.int32(0))
            program = self._compiled(("observe", shape), partial(_observed, shape), *like)
            until = int(state.step) + steps
            while int(state.step) < until:
                at = int(state.step)
                state, losses = program(hp, state, self._data, np.int32(min(until, at + OBSERVED)))
                found.append(np.asarray(losses)[: int(state.step) - at])
        return state, np.concatenate(found) if found else np.zeros(0, np.float32)


def _cost(shape: Any, params: Any, statistics: Any, rows: slice.Rows) -> Array:
    z = network.apply_evaluation(shape, params, statistics, rows.x, rows.codes)
    return (slice.row_losses(shape, z, rows.y) * rows.weight * rows.counted).sum() / rows.counted.sum()


def _observed(
    shape: Any,
    hp: hyperparameters.Hyperparameters,
    state: slice.State,
    data: slice.Data,
    until: Int32[Array, ""],
) -> tuple[slice.State, Array]:
    """Steps of training with the mean cost of each one's rows; at most OBSERVED of them."""
    capacity, first = data.train.y.shape[0], state.step
    per_epoch = batches.steps_per_epoch(shape.batch_size, data.rows)

    def part_of_epoch(carry: tuple[slice.State, Array]) -> tuple[slice.State, Array]:
        epoch = lax.div(carry[0].step, per_epoch)
        stream = random_bits.stream(hp.seed, slice.ORDER_STREAM, epoch)
        by_sort = random_bits.use_sort(capacity)
        order = random_bits.sorted_order(stream, data.rows, capacity) if by_sort else None

        def step(_: Array, carry: tuple[slice.State, Array]) -> tuple[slice.State, Array]:
            state, losses = carry
            counted = batches.positions(shape.batch_size, lax.rem(state.step, per_epoch), data.rows)[1].sum()
            done = slice.train_step(shape, hp, state._replace(epoch_loss=jnp.float32(0)), data, order)
            return done, losses.at[state.step - first].set(done.epoch_loss / counted)

        return lax.fori_loop(carry[0].step, jnp.minimum((epoch + 1) * per_epoch, until), step, carry)

    return lax.while_loop(lambda carry: carry[0].step < until, part_of_epoch, (state, jnp.zeros(OBSERVED, jnp.float32)))
