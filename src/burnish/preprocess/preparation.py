"""What turns a table into a network's input: fitted on training rows only, and the same object at prediction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import astuple, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish.data import naming
from burnish.data.inputs import InputSpec, Prepared
from burnish.data.kinds import Profile
from burnish.data.table import Column, Kind, Physical, Table
from burnish.errors import DataError
from burnish.preprocess import categories, dates, images, numbers

Plan = (
    numbers.NumberPlan
    | numbers.BooleanPlan
    | categories.FlagsPlan
    | categories.CodesPlan
    | dates.DatePlan
    | images.ImagePlan
)

FORMAT = 1  # of `to_json`; another number is another layout
PLANS: dict[str, Any] = {
    "number": numbers.NumberPlan,
    "boolean": numbers.BooleanPlan,
    "flags": categories.FlagsPlan,
    "codes": categories.CodesPlan,
    "date": dates.DatePlan,
    "image": images.ImagePlan,
}
PLAN_NAMES = {kind: name for name, kind in PLANS.items()}


@dataclass(frozen=True, slots=True)
class Preparation:
    """A plan for each column that is used; `transform` carries them out.

    The prepared matrix holds first all continuous columns, then all flags, each in the table's column order.
    """

    plans: tuple[Plan, ...]
    physical: tuple[Physical, ...]  # of each plan's column, as it was written in training
    left_out: tuple[tuple[str, str], ...]  # column and reason, for those not used
    rows: int  # training rows that it was fitted on
    inputs: InputSpec = field(init=False, repr=False, compare=False)  # the shape of what `transform` gives
    together: numbers.Together = field(init=False, repr=False, compare=False)  # the plans of numbers

    def __post_init__(self) -> None:
        inputs = InputSpec(
            numbers=sum(len(plan.numbers) for plan in self.plans),
            flags=sum(len(plan.flags) for plan in self.plans),
            vocabularies=tuple(p.vocabulary for p in self.plans if isinstance(p, categories.CodesPlan)),
            image=None if self.image is None else astuple(self.image.shape),
        )
        object.__setattr__(self, "inputs", inputs)
        placed = [numbers.Placed(p, *to) for p, *to in self._places() if isinstance(p, numbers.NumberPlan)]
        object.__setattr__(self, "together", numbers.together(placed))

    @property
    def image(self) -> images.ImagePlan | None:
        """The plan of the images, where rows are images: then it is the only one."""
        return next((plan for plan in self.plans if isinstance(plan, images.ImagePlan)), None)

    @property
    def schema(self) -> dict[str, Physical]:
        """How a reader must give each column at prediction; other columns are not read."""
        return {plan.name: physical for plan, physical in zip(self.plans, self.physical, strict=True)}

    @property
    def warnings(self) -> tuple[str, ...]:
        """One sentence for each column that is left out."""
        return tuple(f"Column {name!r} is left out: {reason}." for name, reason in self.left_out)

    def transform(self, table: Table) -> Prepared:
        """The rows of a table as a network reads them, each on its own: no row changes another.

        Raises:
            DataError: a column is absent, or holds what it did not hold in training.
        """
        refuse_absent([plan.name for plan in self.plans], table)
        if self.image is not None:
            pixels = self.image.pixels(table[self.image.name])
            return Prepared(pixels, np.zeros((table.rows, 0), np.int32))
        x = np.zeros((table.rows, self.inputs.width), dtype=np.float32)
        codes = np.zeros((table.rows, len(self.inputs.vocabularies)), dtype=np.int32)
        code, columns = 0, []
        for plan, number, flag in self._places():
            column = table[plan.name]
            if isinstance(plan, numbers.NumberPlan):
                columns.append(column)
            elif isinstance(plan, categories.CodesPlan):
                codes[:, code] = plan.codes(column)
                code += 1
            else:
                plan.fill(column, x[:, number : number + len(plan.numbers)], x[:, flag : flag + len(plan.flags)])
        self.together.fill(columns, x)
        return Prepared(x, codes)

    def _places(self) -> Iterator[tuple[Plan, int, int]]:
        """Each plan, with the first of its continuous inputs and of its flags, whether it has any or not."""
        number, flag = 0, self.inputs.numbers
        for plan in self.plans:
            yield plan, number, flag
            number, flag = number + len(plan.numbers), flag + len(plan.flags)

    def unscaled(self) -> Preparation:
        """The same columns with their continuous values as they stand in the table, still imputed and encoded."""
        plans: list[Plan] = []
        for plan in self.plans:
            if isinstance(plan, numbers.NumberPlan) and plan.scaling is not None:
                plans.append(replace(plan, scaling=numbers.unscaled(plan.scaling)))
            elif isinstance(plan, dates.DatePlan):
                plans.append(replace(plan, parts=tuple((part, numbers.unscaled(s)) for part, s in plan.parts)))
            else:
                plans.append(plan)
        return replace(self, plans=tuple(plans))

    def describe(self) -> list[dict[str, Any]]:
        """For the report, one entry a column: what is done, why, and the names of the features that come of it."""
        used = [
            {"column": plan.name, "treatment": treatment, "reason": reason, "features": [*plan.numbers, *plan.flags]}
            for plan in self.plans
            for treatment, reason in [plan.describe()]
        ]
        left = [{"column": c, "treatment": "left out", "reason": why, "features": []} for c, why in self.left_out]
        return used + left

    def to_json(self) -> dict[str, Any]:
        """A dictionary of JSON values; `from_json` reads it back to an equal object."""
        plans = [{"plan": PLAN_NAMES[type(plan)], **_plain(plan)} for plan in self.plans]
        return {
            "format": FORMAT,
            "plans": plans,
            "physical": [str(physical) for physical in self.physical],
            "left_out": [list(pair) for pair in self.left_out],
            "rows": self.rows,
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Preparation:
        """Raises DataError for a layout that this version does not know."""
        if values.get("format") != FORMAT:
            raise DataError(
                "The preparation of this model cannot be read.",
                f"Its format is {values.get('format')!r}; this version of burnish reads {FORMAT}.",
                "Use the version of burnish that wrote the model, or train it again.",
            )
        plans = []
        for entry in values["plans"]:
            fields = {name: value for name, value in entry.items() if name != "plan"}
            plans.append(PLANS[entry["plan"]].from_json(fields))
        return cls(
            plans=tuple(plans),
            physical=tuple(Physical(physical) for physical in values["physical"]),
            left_out=tuple((name, reason) for name, reason in values["left_out"]),
            rows=values["rows"],
        )


def _plain(value: Any) -> Any:
    """`dataclasses.asdict` without its copies of every number, which take seconds of 20,000 columns."""
    known = getattr(value, "__dataclass_fields__", None)
    if known is not None:
        return {name: one if type(one := getattr(value, name)) in _LEAVES else _plain(one) for name in known}
    return tuple(map(_plain, value)) if isinstance(value, tuple) else value


_LEAVES = (float, str, bool, int)


def refuse_absent(names: Collection[str], table: Table) -> None:
    """Every column that is needed is there.

    Raises:
        DataError: Some are not; it names them all, and what they may be called in this table.
    """
    there = set(table.names)
    missing = [name for name in names if name not in there]
    if missing:
        columns = "a column" if len(missing) == 1 else f"{len(missing):,} columns"
        raise DataError(
            f"{table.name} lacks {columns} that the model was trained with.",
            f"Missing: {naming.absent(missing, there.difference(names))}.",
            "Add what is missing (its cells may be empty), or rename the columns that are meant.",
        )


def fit(
    table: Table,
    rows: NDArray[np.integer],
    profiles: Iterable[Profile],
    *,
    target: str,
    exclude: Collection[str] = (),
) -> Preparation:
    """Learns from the training rows alone how to prepare each column.

    Args:
        table: The whole table; only `rows` of it are looked at.
        rows: Positions of the training rows.
        profiles: The kind of each column. Columns of text, identifiers and constants are left out.
        target: This column is never an input.
        exclude: Neither are these (weights, groups, dropped columns).

    Raises:
        DataError: no column is left, or one holds infinities.
    """
    kinds = {profile.name: profile.kind for profile in profiles}
    asked = [column for column in table.columns if column.name != target and column.name not in exclude]
    together = [column for column in asked if _is_number(column, kinds[column.name])]
    fitted = dict(zip((column.name for column in together), numbers.fit_numbers(together, rows), strict=True))
    plans: list[Plan] = []
    physical: list[Physical] = []
    left_out: list[tuple[str, str]] = []
    for column in asked:
        plan = fitted.get(column.name) or _plan(column, rows, kinds[column.name])
        if isinstance(plan, str):
            left_out.append((column.name, plan))
        else:
            plans.append(plan)
            physical.append(column.physical)
    if not plans:
        raise _nothing_left(left_out)
    return Preparation(tuple(plans), tuple(physical), tuple(left_out), len(rows))


def _plan(column: Column, rows: NDArray[np.integer], kind: Kind) -> Plan | str:
    """The plan for one column, or the reason why there is none."""
    if kind is Kind.TEXT:
        return "it holds text that burnish does not read"
    if kind is Kind.IDENTIFIER:
        return "it names the rows, so it cannot carry over to new ones"
    if kind is Kind.IMAGE:
        return images.fit_images(column)
    training = column.take(rows)
    plan = None if _is_number(column, kind) else _fit_column(training, kind)
    if plan is not None:
        return plan
    if bool(training.missing.all()):
        return "it has no value in the training rows"
    if kind is Kind.CATEGORY and len(np.unique(training.values)) > 1:
        return f"no level of it has {categories.RARE_ROWS} training rows"
    return "it has the same value in all training rows"


def _is_number(column: Column, kind: Kind) -> bool:
    """Whether a column is scaled as a number, as most are: together, not by `_fit_column`."""
    return column.physical is Physical.NUMBER and kind not in (Kind.TEXT, Kind.IDENTIFIER, Kind.CATEGORY, Kind.BOOLEAN)


def _fit_column(training: Column, kind: Kind) -> Plan | None:
    """How a column is written decides where its kind leaves a choice: booleans written as words are categories."""
    if training.physical is Physical.TEXT or kind is Kind.CATEGORY:
        return categories.fit_category(training)
    values = numbers.values_of(training)
    if training.physical is Physical.BOOLEAN:
        return numbers.fit_boolean(training.name, values)
    if training.physical is Physical.DATE:
        return dates.fit_date(training.name, values)
    zero_or_one = bool(np.all(np.isnan(values) | (values == 0) | (values == 1)))
    return numbers.fit_boolean(training.name, values) if zero_or_one else categories.fit_category(training)


def _nothing_left(left_out: Sequence[tuple[str, str]]) -> DataError:
    shown = "; ".join(f"{name!r}: {reason}" for name, reason in left_out[:3])
    more = f"; and {len(left_out) - 3} more" if len(left_out) > 3 else ""
    return DataError(
        "No column is left to learn from.",
        f"All are left out ({shown}{more})."
        if left_out
        else "The table has no column beside the target and those excluded.",
        "Bring columns that vary from row to row and mean the same for new rows.",
    )
