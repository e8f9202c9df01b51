"""What a gradient check found, as a record that prints itself. Needs no JAX."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from burnish.diagnosis.gradient_reading import WRONG, Slope, Verdict

# Version of `document`; see docs/gradients.md.
SCHEMA_VERSION = 1
# Rows of the printed table: the leaves that are worst, and all that are wrong up to as many again.
SHOWN = 20
# Relative noise above which a cost is coarse whatever its dtype: float64's unit roundoff is 1e-16, and sums over many
# terms lose two or three digits more.
COARSE_NOISE = 1e-11
NAME_WIDTH = 44  # of a leaf in the printed table; the end is what tells leaves apart
NAMED = 4  # leaves that one sentence names

_ORDER = (Verdict.WRONG, Verdict.UNDECIDED, Verdict.CLOSER, Verdict.KINK, Verdict.RIGHT, Verdict.ZERO)


@dataclass(frozen=True, slots=True)
class LeafCheck:
    """One leaf of the parameters. Derivatives are in units of the cost per unit of the parameter."""

    name: str  # as jax.tree_util.keystr writes it
    shape: tuple[int, ...]
    distance: float  # ‖numeric − analytic‖ / (‖numeric‖ + ‖analytic‖) over the directions; 0 for a zero gradient
    resolution: float  # a distance below this would not have been seen: rounding, truncation and kinks
    verdict: Verdict
    slope: Slope
    step: float  # ε of the differences that the distance was taken from
    index: tuple[int, ...] | None = None  # the worst component that was walked
    analytic: float = math.nan  # its derivative
    numeric: float = math.nan
    walked: int = 0  # components of which each was checked by itself
    beside: bool = False  # the distance is that at the second point, and the component too where the leaf is wrong
    hint: str = ""  # what a wrong gradient looks like

    @property
    def level(self) -> str:
        """The common course's reading of the distance, each level reaching halfway (in powers of ten) to the next."""
        if not math.isfinite(self.distance) or self.distance > WRONG:
            return "wrong (about 1e-3 or more)"
        return "great (about 1e-7 or less)" if self.distance <= 1e-6 else "look closer (about 1e-5)"

    def document(self) -> dict[str, Any]:
        """JSON values; a number that is not finite is null."""
        return {
            "name": self.name,
            "shape": list(self.shape),
            "distance": _finite(self.distance),
            "resolution": _finite(self.resolution),
            "level": self.level.split(" (")[0],
            "verdict": self.verdict.value,
            "slope": self.slope.value,
            "step": _finite(self.step),
            "worst": None
            if self.index is None
            else {
                "index": list(self.index),
                "analytic": _finite(self.analytic),
                "numeric": _finite(self.numeric),
            },
            "walked": self.walked,
            "beside": self.beside,
            "hint": self.hint,
        }


@dataclass(frozen=True, slots=True)
class GradientCheck:
    """What `check_gradients` found. `ok` is False for a wrong gradient; printing it shows a table."""

    leaves: tuple[LeafCheck, ...]  # in the tree's order
    parameters: int  # numbers in the leaves that were checked
    directions: int  # random directions of each leaf at the parameters given
    noise: float  # rounding noise of the cost, as a share of it
    precision: str  # dtype of the coarsest numbers inside the cost: "float64" unless the function casts or insists
    double: bool  # the function was evaluated in float64; False: it fails there
    moved: float | None  # the second point: every parameter moved by up to this share; None: no finite cost there
    evaluations: int  # of the cost
    skipped: tuple[str, ...] = ()  # names of leaves that were left alone

    @property
    def ok(self) -> bool:
        """Whether no leaf has a gradient that is proven wrong."""
        return all(leaf.verdict is not Verdict.WRONG for leaf in self.leaves)

    @property
    def verdict(self) -> Verdict:
        """That of the worst leaf."""
        return self.worst.verdict

    @property
    def worst(self) -> LeafCheck:
        """The leaf with the gravest verdict, and among those with the largest distance."""
        return self._sorted()[0]

    def document(self) -> dict[str, Any]:
        """What `burnish check --json` prints; docs/gradients.md describes it."""
        return {
            "schema_version": SCHEMA_VERSION,
            "ok": self.ok,
            "verdict": self.verdict.value,
            "parameters": self.parameters,
            "directions": self.directions,
            "precision": self.precision,
            "noise": _finite(self.noise),
            "moved": self.moved,
            "evaluations": self.evaluations,
            "skipped": list(self.skipped),
            "leaves": [leaf.document() for leaf in self.leaves],
        }

    def headline(self) -> str:
        """The answer in one sentence."""
        count = {v: [leaf.name for leaf in self._sorted() if leaf.verdict is v] for v in Verdict}
        total = "the only leaf" if len(self.leaves) == 1 else f"{len(self.leaves)} leaves"
        if wrong := count[Verdict.WRONG]:
            of = f"{len(wrong)} of " if len(self.leaves) > 1 else ""
            return f"The gradient is wrong in {of}{total}: {_few(wrong)}."
        right = f"The gradient is right in {total}"
        if unknown := count[Verdict.UNDECIDED]:
            right = f"Nothing is proven wrong in {total}, but {_few(unknown)} could not be decided"
        closer = [f"{_few(found)} {_verb(found, 'want')} a closer look"] if (found := count[Verdict.CLOSER]) else []
        zero = [f"that of {_few(found)} is zero"] if (found := count[Verdict.ZERO]) else []
        return "; ".join([right, *closer, *zero]) + "."

    def lines(self) -> tuple[str, ...]:
        """Plain text, the worst leaves first."""
        shown = self._shown()
        names = [leaf.name if len(leaf.name) <= NAME_WIDTH else f"…{leaf.name[1 - NAME_WIDTH :]}" for leaf in shown]
        cells = [_HEADS, *(_cells(leaf, name) for leaf, name in zip(shown, names, strict=True))]
        widths = [max(len(row[i]) for row in cells) for i in range(len(_HEADS))]
        table = [
            "  ".join(
                cell.rjust(width) if i in _NUMBERS else cell.ljust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            ).rstrip()
            for row in cells
        ]
        rest = len(self.leaves) - len(shown)
        more = [f"… and {rest} more, no worse than the last"] if rest else []
        return (self.headline(), "", *table, *more, "", *self._remarks())

    def __str__(self) -> str:
        return "\n".join(self.lines())

    def _repr_html_(self) -> str:
        """A table for notebooks."""
        shown = self._shown()
        head = "".join(f"<th>{html.escape(name)}</th>" for name in _HEADS)
        rows = "".join(
            "<tr>" + "".join(f"<td>{html.escape(cell)}</td>" for cell in _cells(leaf, leaf.name)) + "</tr>"
            for leaf in shown
        )
        rest = len(self.leaves) - len(shown)
        remarks = [*([f"… and {rest} more, no worse than the last"] if rest else []), *self._remarks()]
        below = "".join(f"<p>{html.escape(line)}</p>" for line in remarks)
        return f"<p><b>{html.escape(self.headline())}</b></p><table><tr>{head}</tr>{rows}</table>{below}"

    def _sorted(self) -> list[LeafCheck]:
        def grave(leaf: LeafCheck) -> tuple[int, float]:
            return _ORDER.index(leaf.verdict), -(leaf.distance if math.isfinite(leaf.distance) else math.inf)

        return sorted(self.leaves, key=grave)

    def _shown(self) -> list[LeafCheck]:
        wrong = sum(leaf.verdict is Verdict.WRONG for leaf in self.leaves)
        return self._sorted()[: max(SHOWN, min(wrong, 2 * SHOWN))]

    def _remarks(self) -> list[str]:
        leaves: dict[str, list[str]] = {}
        for leaf in self._sorted():
            if leaf.hint:
                leaves.setdefault(leaf.hint, []).append(leaf.name)
        hints = [f"{_few(names)}: {hint}" for hint, names in leaves.items()]
        lines = [*hints, *([""] if hints else [])]
        lines.append("Distance: about 1e-7 is great, 1e-5 wants a closer look, 1e-3 is wrong.")
        beside = "alone, since beside them the cost is not finite"
        if self.moved is not None:
            beside = f"and at parameters moved by up to {100 * self.moved:g} %"
        lines.append(
            f"{self.parameters:,} parameters; each leaf along {self.directions} random directions that move all of it, "
            f"at the parameters given {beside}; {self.evaluations:,} evaluations."
        )
        if self.precision != "float64" or self.noise > COARSE_NOISE:
            digits = max(0, math.floor(-math.log10(self.noise))) if self.noise > 0 else 0
            how = (
                f"partly in {self.precision}" if self.double else f"in {self.precision} (in float64 the function fails)"
            )
            lines.append(
                f"The cost is computed {how if self.precision != 'float64' else 'with much cancellation'}, to about "
                f"{digits} digits. The check is only as good as that: nothing below 'to within' would have been found."
            )
        if self.skipped:
            lines.append(f"Left alone: {_few(self.skipped)}.")
        return lines


_HEADS = ("leaf", "shape", "distance", "to within", "verdict", "difference", "worst at", "analytic", "numeric")
_NUMBERS = {2, 3, 7, 8}


def _cells(leaf: LeafCheck, name: str) -> tuple[str, ...]:
    return (
        name,
        "×".join(map(str, leaf.shape)) or "scalar",
        _power(leaf.distance),
        _power(leaf.resolution),
        leaf.verdict.value,
        leaf.slope.value,
        index_text(leaf.index),
        _signed(leaf.analytic, leaf.index),
        _signed(leaf.numeric, leaf.index),
    )


def index_text(index: Sequence[int] | None) -> str:
    """ "[3, 17]" as one writes it behind the leaf's name; "" for a scalar or where none was walked."""
    return f"[{', '.join(map(str, index))}]" if index else ""


def _few(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")


def _verb(subjects: Sequence[str], verb: str) -> str:
    return f"{verb}s" if len(subjects) == 1 else verb


def _power(value: float) -> str:
    return "0" if value == 0 else f"{value:.0e}" if math.isfinite(value) else "not finite"


def _signed(value: float, index: tuple[int, ...] | None) -> str:
    return "" if index is None else f"{value:.6g}"


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
