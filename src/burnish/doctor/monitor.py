"""Watches a training loop that somebody wrote by hand: what its traces prove, and what they give reason to suspect.

Nothing of the loop is changed and nothing is trained again. Each step costs one pass over the gradients, whose result
is fetched later; parameters and updates are looked at when 1, 2, 4, 8, … steps have been recorded; the network's layers
only when a diagnosis is asked for.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, PyTree

from burnish import errors
from burnish.doctor import trace_rules, traces, watched
from burnish.doctor.diagnosis import Background, Diagnosis
from burnish.doctor.lab import GAUGE_ROWS
from burnish.doctor.subject import Task, beginnings
from burnish.doctor.traces import Line, Reading, Traces
from burnish.doctor.watched import Watched

# Most that is kept of the batches for reading layers later, in bytes.
KEPT_BYTES = 2**26


class Monitor:
    """Watches a training loop of your own: three lines in it, and findings after it.

    Args:
        apply: `apply(params, x) -> outputs` in evaluation mode; None: layers are not looked at.
        loss: `loss(outputs, y)`, one number for each row or their mean; None: likewise.
        params: The initial parameters. None: those of the first call of `record`, a step later.
        frozen: Beginnings of names of parameters that are meant to stay as they are, such as "['encoder']".
        task: None: told by the targets and the loss, as `burnish.diagnose` does. Where neither tells, what rests on the
            cost of knowing nothing is not looked for.

    >>> import jax, jax.numpy as jnp
    >>> def cost(w, x):
    ...     return jnp.mean((x @ w - 1.0) ** 2)
    >>> x, w, monitor = jnp.ones((8, 3)), jnp.zeros(3), Monitor()
    >>> for step in range(60):
    ...     value, gradient = jax.value_and_grad(cost)(w, x)
    ...     w = w - 2.0 * gradient  # far too much
    ...     monitor.record(step, params=w, grads=gradient, loss=value, batch=x)
    >>> [finding.code for finding in monitor.diagnosis().findings]
    ['NU4']
    """

    def __init__(
        self,
        apply: Callable[[PyTree, Array], Array] | None = None,
        loss: Callable[[Array, Array], Array] | None = None,
        *,
        params: PyTree = None,
        frozen: str | Sequence[str] = (),
        task: Task | None = None,
    ) -> None:
        self._began = time.monotonic()
        self._apply, self._loss, self._frozen, self._task = apply, loss, beginnings(frozen), task
        self._traces = Traces()
        self._held: list[tuple[int, Line]] = []
        self._count = self._looks = self._kept = self._rows = 0
        self._places: tuple[int, ...] = ()  # of the trainable leaves
        self._leaves = 0  # with those that are not
        self._shapes: tuple[tuple[int, ...], ...] = ()  # of the trainable ones
        self._step = -1
        self._batches: list[tuple[np.ndarray, np.ndarray]] = []
        self._start: PyTree = None if params is None else jax.tree.map(_copy, params)
        self._last: PyTree = None

    def watch(
        self,
        apply: Callable[[PyTree, Array], Array],
        loss: Callable[[Array, Array], Array],
        *,
        params: PyTree = None,
        frozen: str | Sequence[str] = (),
    ) -> None:
        """Say what the network is, as `Monitor` itself takes it, to a monitor that was made elsewhere."""
        self._apply, self._loss, self._frozen = apply, loss, beginnings(frozen)
        self._start = None if params is None else jax.tree.map(_copy, params)

    def record(
        self,
        step: int,
        *,
        params: PyTree,
        grads: PyTree = None,
        loss: Any = None,
        updates: PyTree = None,
        batch: Any = None,
    ) -> None:
        """One step of the loop: call it outside `jit`, with what the step was given or gave.

        Args:
            step: Its number, rising.
            params: Any tree of arrays: those that the step led to, before the next one is given them.
            grads: A tree like params.
            loss: Of the mini-batch; of several numbers their mean counts.
            updates: What was added to the parameters, a tree like them.
            batch: `(x, y)`, or x alone. Layers are read on x and y that are single arrays.

        Raises:
            ConfigError: It was called while `jit` traces the loop, or the trees of two calls are not alike.
        """
        self._refuse(step, loss, params)
        if not self._count:
            self._begin(params)
        gradients = None if grads is None else self._trainable("grads", grads)
        x, y = batch if isinstance(batch, tuple | list) and len(batch) == 2 else (batch, None)
        peaks = None if gradients is None else traces.peaks(gradients)
        self._held.append((step, Line(loss, traces.peak(x), traces.peak(y), peaks)))
        self._count, self._last, self._step = self._count + 1, params, step
        if self._count & (self._count - 1) == 0:
            self._read(step, params, gradients, updates)
        if self._rows < GAUGE_ROWS and x is not None and y is not None:
            self._keep(x, y, params)
        if len(self._held) > traces.HELD:
            self._fetch(leave=1)

    def dev(self, step: int, loss: Any) -> None:
        """The loss of rows that are not trained on, in the unit of the recorded one, wherever it is measured."""
        self._traces.dev.append((step, float(loss)))

    @property
    def recorded(self) -> int:
        """Steps recorded so far."""
        return self._count

    def diagnosis(self, *, stopped_early: bool = False) -> Diagnosis:
        """What is wrong with the loop so far; may be asked for again later.

        Of the 1 % chance of a false alarm that all tests have together, each further call has half of what the one
        before had.

        Args:
            stopped_early: Whether the loop ended because the dev loss, handed over by `dev`, no longer fell.
        """
        self._fetch(leave=0)
        self._looks += 1
        if self._count and not self._donated:
            self._traces.end(self._step, np.asarray(traces.peaks(self._trainable("params", self._last))))
        seen = self._watched()
        found = list(trace_rules.look(self._traces, seen, frozen=self._frozen, looks=self._looks,
                                      stopped_early=stopped_early))  # fmt: skip
        layers = () if seen is None else tuple(layer.name for layer in seen.layers)
        return Diagnosis(
            tuple(finding for finding, _ in found),
            layers,
            self._count,
            math.nan,
            time.monotonic() - self._began,
            tuple(Background(by) for _, by in found),
            left_out=tuple(trace_rules.left_out(self._traces, seen, network=None not in (self._apply, self._loss))),
            looked="Nothing found in the traces of the loop. Whether another way of training would be better, only "
            "`burnish.diagnose` with the parts of the training can try.",
        )

    def _refuse(self, step: int, loss: Any, params: PyTree) -> None:
        first = loss if loss is not None else next(iter(jax.tree.leaves(params)), None)
        if isinstance(first, jax.core.Tracer):
            raise errors.ConfigError(
                "Monitor.record was called inside a function that JAX traces.",
                "It has to see numbers, and a traced function has none.",
                "Return grads, updates and loss from the step, and record them in the loop around it.",
            )
        if step < self._step:
            raise errors.ConfigError(
                f"Step {step} was recorded after step {self._step}.",
                "Steps rise through the training.",
                "Count them over all epochs, or make another Monitor for another training.",
            )

    def _begin(self, params: PyTree) -> None:
        self._places, self._leaves = traces.trainable(params), len(jax.tree.leaves(params))
        if not self._places:
            raise errors.ConfigError(
                "There are no parameters to watch.",
                "params holds no array of floating point.",
                "Hand over the tree that the step returned.",
            )
        self._traces.names = traces.names(params)
        self._shapes = tuple(np.shape(leaf) for leaf in self._trainable("params", params))
        self._start = jax.tree.map(_copy, params) if self._start is None else self._start

    def _trainable(self, name: str, tree: PyTree) -> list[Array]:
        """The trainable leaves of a tree like the parameters, or of one that has no others, as filtered gradients."""
        leaves = jax.tree.leaves(tree)
        if len(leaves) not in (self._leaves, len(self._places)):
            raise errors.ConfigError(
                f"{name} has {len(leaves)} arrays, and the parameters of the first step had {self._leaves}.",
                "Gradients and updates are trees like the parameters, the same at every step.",
                "Hand over whole trees; of a module that has other arrays, the part that is trained as params, such as "
                "nnx.state(model, nnx.Param).",
            )
        found = [leaves[place] for place in self._places] if len(leaves) == self._leaves else leaves
        for leaf, shape, of in zip(found, self._shapes, self._traces.names, strict=False):  # none before the first step
            if np.shape(leaf) != shape:
                raise errors.ConfigError(
                    f"{name} has an array of shape {np.shape(leaf)} where the parameter {of or 'itself'} has {shape}.",
                    "Gradients and updates are trees like the parameters, the same at every step.",
                    "Hand over the trees of these very parameters.",
                )
        return found

    def _read(self, step: int, params: PyTree, gradients: Sequence[Array] | None, updates: PyTree) -> None:
        leaves = self._trainable("params", params)
        cosine = math.nan
        if gradients is not None and updates is not None:
            cosine = float(traces.cosine(gradients, self._trainable("updates", updates), leaves))
        self._traces.readings.append(Reading(step, self._count, np.asarray(traces.prints(leaves)), cosine))

    def _keep(self, x: Any, y: Any, params: PyTree) -> None:
        """Rows of the first batches, for reading layers: enough of them, and no more memory than `KEPT_BYTES`."""
        if not (hasattr(x, "nbytes") and hasattr(y, "nbytes")) or len(x) != len(y):
            return  # inputs in several arrays, say: their layers are not looked at
        size = x.nbytes + y.nbytes
        if self._kept + size > KEPT_BYTES:
            return
        self._batches.append((np.array(x), np.array(y)))
        self._kept, self._rows = self._kept + size, self._rows + len(x)
        if len(self._batches) == 1 and self._apply is not None and self._loss is not None:
            # Now rather than after hours: the network and its loss have to fit together.
            watched.of(self._apply, self._loss, self._batches, (params, None), task=self._task)

    def _fetch(self, *, leave: int) -> None:
        """Bring steps to the host; the latest may still be at work, and is left."""
        ready = len(self._held) - leave
        for step, line in self._held[:ready]:
            self._traces.take(step, line)
        self._held = self._held[ready:]

    @property
    def _donated(self) -> bool:
        """Whether a step has taken the latest parameters away."""
        return any(getattr(leaf, "is_deleted", bool)() for leaf in jax.tree.leaves(self._last))

    def _watched(self) -> Watched | None:
        """The network and rows to read its layers on, where all that takes was handed over."""
        if self._apply is None or self._loss is None or not self._batches:
            return None
        end = None if self._donated else self._last
        return watched.of(self._apply, self._loss, self._batches, (self._start, end), task=self._task)


def _copy(leaf: Any) -> Any:
    return jnp.array(leaf, copy=True) if hasattr(leaf, "dtype") else leaf
