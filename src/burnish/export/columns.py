"""How each column is prepared, as ONNX nodes: the same arithmetic as `burnish.preprocess`, in float64 until the end."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from burnish.data.table import Physical
from burnish.errors import ConfigError
from burnish.export.graph import DOUBLE, FLOAT, INT64, ML, STRING, Graph
from burnish.preprocess import categories, dates, numbers
from burnish.preprocess.preparation import Plan, Preparation

# Beyond this a smooth clip has long reached its bend, and a square would overflow.
FARTHEST = 1e100
UNSEEN, MISSING = -1, -2  # places of levels that have none


@dataclass(slots=True)
class Prepared:
    """Names of the prepared columns in the graph: (rows, 1) float32 each, and (rows,) int64 of the codes."""

    numbers: list[str] = field(default_factory=list)
    flags: list[str] = field(default_factory=list)
    codes: list[str] = field(default_factory=list)


def prepared(graph: Graph, preparation: Preparation) -> Prepared:
    """Nodes that prepare every column of a table.

    Raises:
        ConfigError: A column is of a kind that a graph cannot take.
    """
    out = Prepared()
    for plan, physical in zip(preparation.plans, preparation.physical, strict=True):
        match plan:
            case numbers.NumberPlan():
                _number(graph, plan, out)
            case numbers.BooleanPlan():
                _boolean(graph, plan, out)
            case dates.DatePlan():
                _date(graph, plan, out)
            case categories.FlagsPlan():
                _flags(graph, plan, _places(graph, plan, physical, len(plan.levels) if plan.other else UNSEEN), out)
            case categories.CodesPlan():
                place = _places(graph, plan, physical, UNSEEN)
                coded = graph.add(
                    "Max", graph.add("Add", place, graph.constant(1, np.int64)), graph.constant(0, np.int64)
                )
                out.codes.append(graph.add("Squeeze", coded, graph.constant([1], np.int64)))
            case _:
                raise ConfigError(
                    f"Column {plan.name!r} cannot be written as ONNX yet.",
                    "Only numbers, booleans, dates and categories can.",
                    "Use `burnish predict`, or the model folder from Python.",
                )
    return out


def rows_of_zeros(graph: Graph, plan: Plan, physical: Physical) -> str:
    """A column of float32 zeros as long as the table."""
    name = _input(graph, plan.name, physical)
    shape = graph.add("Concat", graph.add("Shape", name, end=1), graph.constant([1], np.int64), axis=0)
    return graph.add("Expand", graph.constant([[0.0]], np.float32), shape)


def _input(graph: Graph, name: str, physical: Physical) -> str:
    return graph.input(name, STRING if physical is Physical.TEXT else DOUBLE)


def _scalar(graph: Graph, value: float) -> str:
    return graph.constant(value, np.float64)


def _missing(graph: Graph, value: str) -> str:
    return graph.add("IsNaN", value)


def _flag(graph: Graph, which: str) -> str:
    return graph.cast(which, FLOAT)


def _scaled(graph: Graph, scaling: numbers.Scaling, value: str) -> str:
    """`Scaling.apply`."""
    if scaling.rule == "none":
        held = graph.add("Clip", value, _scalar(graph, -numbers.LARGEST_RAW), _scalar(graph, numbers.LARGEST_RAW))
        return graph.cast(graph.add("Where", _missing(graph, value), _scalar(graph, scaling.center), held), FLOAT)
    held = graph.add("Clip", value, _scalar(graph, -numbers.LARGEST), _scalar(graph, numbers.LARGEST))
    z = graph.add("Div", graph.add("Sub", held, _scalar(graph, scaling.center)), _scalar(graph, scaling.scale))
    z = _tamed(graph, scaling.rule, z)
    z = graph.add("Div", graph.add("Sub", z, _scalar(graph, scaling.mean)), _scalar(graph, scaling.spread))
    z = graph.add("Clip", z, _scalar(graph, -numbers.HELD), _scalar(graph, numbers.HELD))
    return graph.cast(graph.add("Where", _missing(graph, value), _scalar(graph, 0.0), z), FLOAT)


def _tamed(graph: Graph, rule: numbers.Rule, z: str) -> str:
    if rule == "signed_log":
        grown = graph.add("Log", graph.add("Add", graph.add("Abs", z), _scalar(graph, 1.0)))
        return graph.add("Mul", graph.add("Sign", z), grown)
    if rule == "smooth_clip":
        near = graph.add("Clip", z, _scalar(graph, -FARTHEST), _scalar(graph, FARTHEST))
        bent = graph.add("Div", near, _scalar(graph, numbers.CLIP_BEND))
        square = graph.add("Add", graph.add("Mul", bent, bent), _scalar(graph, 1.0))
        return graph.add("Div", near, graph.add("Sqrt", square))
    return z


def _number(graph: Graph, plan: numbers.NumberPlan, out: Prepared) -> None:
    value = graph.input(plan.name, DOUBLE)
    if plan.scaling:
        out.numbers.append(_scaled(graph, plan.scaling, value))
    if plan.indicator:
        out.flags.append(_flag(graph, _missing(graph, value)))


def _boolean(graph: Graph, plan: numbers.BooleanPlan, out: Prepared) -> None:
    value = graph.input(plan.name, DOUBLE)
    missing = _missing(graph, value)
    said = _flag(graph, graph.add("Not", graph.add("Equal", value, _scalar(graph, 0.0))))
    out.flags.append(graph.add("Where", missing, graph.constant(plan.share, np.float32), said))
    if plan.indicator:
        out.flags.append(_flag(graph, missing))


def _places(graph: Graph, plan: categories.FlagsPlan | categories.CodesPlan, physical: Physical, unseen: int) -> str:
    """The place of each row's level, (rows, 1) int64; numbers are compared as numbers, text as text."""
    if physical is Physical.TEXT:
        keys = ["", *plan.levels]
        slots = [MISSING, *range(len(plan.levels))]
        text = graph.input(plan.name, STRING)
        return graph.add("LabelEncoder", text, domain=ML, keys_strings=keys, values_int64s=slots, default_int64=unseen)
    if physical is Physical.BOOLEAN:
        raise ConfigError(
            f"Column {plan.name!r} cannot be written as ONNX yet.",
            "It is read as yes or no and used as a category, whose words only a file has.",
            "Use `burnish predict`, or write the column as text and train again.",
        )
    value = graph.input(plan.name, DOUBLE)
    levels = graph.constant([[float(level) for level in plan.levels]], np.float64)
    hit = graph.cast(graph.add("Equal", value, levels), INT64)
    slot = graph.constant([list(range(1, len(plan.levels) + 1))], np.int64)
    found = graph.add("ReduceSum", graph.add("Mul", hit, slot), graph.constant([1], np.int64), keepdims=1)
    place = graph.add("Sub", found, graph.constant(1, np.int64))  # −1: none of them
    none = graph.add("Less", place, graph.constant(0, np.int64))
    place = graph.add("Where", none, graph.constant(unseen, np.int64), place)
    return graph.add("Where", _missing(graph, value), graph.constant(MISSING, np.int64), place)


def _flags(graph: Graph, plan: categories.FlagsPlan, place: str, out: Prepared) -> None:
    places = len(plan.levels) + plan.other
    if places == 2:
        none = graph.add("Less", place, graph.constant(0, np.int64))
        share = graph.constant(plan.share, np.float32)
        out.flags.append(graph.add("Where", none, share, graph.cast(place, FLOAT)))
    else:
        out.flags += [_flag(graph, graph.add("Equal", place, graph.constant(k, np.int64))) for k in range(places)]
    if plan.indicator:
        out.flags.append(_flag(graph, graph.add("Equal", place, graph.constant(MISSING, np.int64))))


def _date(graph: Graph, plan: dates.DatePlan, out: Prepared) -> None:
    """`dates.parts_of`: the calendar is counted in whole days, exact in float64."""
    seconds = graph.input(plan.name, DOUBLE)
    missing = _missing(graph, seconds)
    held = graph.add("Clip", seconds, _scalar(graph, -dates.LAST_SECOND), _scalar(graph, dates.LAST_SECOND))
    held = graph.add("Where", missing, _scalar(graph, 0.0), held)
    day = graph.add("Floor", graph.add("Div", held, _scalar(graph, dates.DAY)))
    within = graph.add("Sub", held, graph.add("Mul", day, _scalar(graph, dates.DAY)))
    first, length = _year(graph, day)
    turns = {
        "time of day": graph.add("Div", within, _scalar(graph, dates.DAY)),
        "day of week": graph.add(
            "Div", _modulo(graph, day, dates.EPOCH_WEEKDAY, dates.WEEK), _scalar(graph, dates.WEEK)
        ),
        "day of year": graph.add("Div", graph.add("Sub", day, first), length),
    }
    for part, scaling in plan.parts:
        if part == "trend":
            value = seconds
        else:
            period, _, which = part.partition(", ")
            # The cosine is the sine a quarter turn ahead: not every runtime has a cosine of float64.
            ahead = 0.25 if which == "cosine" else 0.0
            turn = graph.add("Add", turns[period], _scalar(graph, ahead))
            wave = graph.add("Sin", graph.add("Mul", turn, _scalar(graph, 2 * math.pi)))
            value = graph.add("Where", missing, _scalar(graph, math.nan), wave)
        out.numbers.append(_scaled(graph, scaling, value))
    if plan.indicator:
        out.flags.append(_flag(graph, missing))


def _modulo(graph: Graph, value: str, shift: int, base: int) -> str:
    moved = graph.add("Add", value, _scalar(graph, shift))
    whole = graph.add("Floor", graph.add("Div", moved, _scalar(graph, base)))
    return graph.add("Sub", moved, graph.add("Mul", whole, _scalar(graph, base)))


def _year(graph: Graph, day: str) -> tuple[str, str]:
    """First day of the year that a day (since 1970) lies in, and the year's length in days."""
    guess = graph.add(
        "Add", graph.add("Floor", graph.add("Div", day, _scalar(graph, 365.2425))), _scalar(graph, 1970.0)
    )
    # The guess is off by one year at most, near the turn of a year.
    early = graph.cast(graph.add("Less", day, _new_year(graph, guess)), DOUBLE)
    after = graph.add("Add", guess, _scalar(graph, 1.0))
    late = graph.cast(graph.add("GreaterOrEqual", day, _new_year(graph, after)), DOUBLE)
    year = graph.add("Add", graph.add("Sub", guess, early), late)
    first = _new_year(graph, year)
    return first, graph.add("Sub", _new_year(graph, graph.add("Add", year, _scalar(graph, 1.0))), first)


def _new_year(graph: Graph, year: str) -> str:
    """Days from 1970-01-01 to the first of January of a year of the Gregorian calendar."""
    passed = graph.add("Sub", year, _scalar(graph, 1970.0))
    total = graph.add("Mul", passed, _scalar(graph, 365.0))
    for first, every, sign in ((1969.0, 4.0, "Add"), (1901.0, 100.0, "Sub"), (1601.0, 400.0, "Add")):
        leaps = graph.add(
            "Floor", graph.add("Div", graph.add("Sub", year, _scalar(graph, first)), _scalar(graph, every))
        )
        total = graph.add(sign, total, leaps)
    return total
