"""What an examination found, as a record that prints itself; and the one call that makes it."""

from __future__ import annotations

import difflib
import math
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np

from burnish import errors, units
from burnish.diagnosis.finding import Evidence, Finding, Severity
from burnish.doctor import modules
from burnish.doctor.course import Cause, Course, Tell, silent
from burnish.doctor.examination import FALSE_ALARMS, Examination, TimeUp
from burnish.doctor.rules import RULES
from burnish.doctor.subject import Rows, Subject, beginnings
from burnish.units import percent

T = TypeVar("T")
SCHEMA_VERSION = 2
# Options that are whole numbers, and numbers of a subject that cures alone set.
WHOLE, OF_CURES = ("batch_size", "epochs", "seed"), ("rate", "penalised")
LOOKED = (
    f"Nothing found by {len(RULES)} rules, whose probes and tests of rows are held to "
    f"{percent(FALSE_ALARMS)} false alarms in all."
)


@dataclass(frozen=True, slots=True)
class Background:
    """What is known of a finding beside it."""

    by: Evidence  # the rung of the ladder that it stands on
    repair: str = ""  # what was done about it, as in "with …"; "": nothing could be from here
    gain: tuple[float, float, float] | None = None  # of the dev error on fresh starts, with its 95 % interval
    confirmed: bool = False  # whether that gain is sure
    quarantined: bool = False  # whether the repair took away what told too much, so that the error had to rise
    explains: tuple[str, ...] = ()  # what was found too, and is gone with it


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with a training, first things first. `ok` is False where a fault was found."""

    findings: tuple[Finding, ...]
    layers: tuple[str, ...]  # the weights of each layer that was found, by name; (): none could be
    steps: int  # of the training
    dev_error: float  # a mean over starts: misclassification rate, or RMSE; nan where nobody measured it, as where
    # something was cured before a dear training had ended
    seconds: float
    background: tuple[Background, ...] = ()  # one for each finding; (): nobody kept it
    repaired: Subject | None = None  # the training with all repairs in it; None: there was nothing to repair from here
    repairs: tuple[str, ...] = ()  # that are in it, in their order, as in "with …"
    repaired_error: float | None = None  # its dev error, as `dev_error`
    looked: str = LOOKED  # what is said where nothing was found
    left_out: tuple[str, ...] = ()  # what was not looked for, and what was missing for it

    @property
    def ok(self) -> bool:
        """Whether no fault was found; limits, such as bias and variance, are none."""
        return all(one.severity is not Severity.FAULT for one in self.findings)

    def document(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "schema_version": SCHEMA_VERSION,
            "ok": self.ok,
            "findings": [_document(one, background) for one, background in self._told],
            "layers": list(self.layers),
            "steps": self.steps,
            "dev_error": self.dev_error if np.isfinite(self.dev_error) else None,
            "repairs": list(self.repairs),
            "repaired_error": self.repaired_error,
            "seconds": round(self.seconds, 1),
            "left_out": list(self.left_out),
        }

    @property
    def _told(self) -> list[tuple[Finding, Background | None]]:
        return list(zip(self.findings, self.background or [None] * len(self.findings), strict=True))

    def __str__(self) -> str:
        seen = f"{len(self.layers)} layers seen" if self.layers else "no layers could be seen in its trace"
        error = f", dev error {self.dev_error:.4g}" if np.isfinite(self.dev_error) else ""
        lines = [f"{self.steps:,} steps, {seen}{error}; {self.seconds:.0f} s"]
        if not self.findings:
            lines.append(self.looked)
        for one, background in self._told:
            by = f", by {background.by.value}" if background else ""
            lines += [f"{one.code} {one.title} ({one.severity.value}{by})", f"    {one.evidence}"]
            lines.append(f"    Do: {one.remedy}")
            lines += _beside(background) if background else []
        if self.repaired_error is not None:
            made = f"`repaired` is this training with {', '.join(self.repairs)}"
            lines.append(f"{made}: its dev error is {self.repaired_error:.4g}.")
        if self.left_out:
            lines += ["Not looked at:", *(f"    {one}" for one in self.left_out)]
        return "\n".join(lines)


def _document(finding: Finding, background: Background | None) -> dict[str, Any]:
    told = asdict(finding) | {"severity": finding.severity.value}
    if background is None:
        return told
    gain = background.gain
    return told | {
        "by": background.by.value,
        "repair": background.repair or None,
        "gain": None if gain is None else dict(zip(("value", "low", "high"), gain, strict=True)),
        "confirmed": background.confirmed,
        "explains": list(background.explains),
    }


def _beside(background: Background) -> list[str]:
    lines = []
    if background.by is not Evidence.PROBE and background.gain is not None:
        value, low, high = background.gain
        verdict = "" if background.confirmed else ": not confirmed"
        if background.quarantined:
            verdict = ", and is honest then"
        elif high < 0:
            verdict = ", and so it was left as it is"
        moves = f"falls by {value:.4g} ({low:.4g} to {high:.4g})"
        if value < 0:
            moves = f"rises by {-value:.4g} ({-high:.4g} to {-low:.4g})"
        lines.append(f"    Tried: {background.repair}; the dev error {moves}{verdict}.")
    if background.explains:
        lines.append(f"    Gone with it: {'; '.join(background.explains)}.")
    return lines


def diagnose(
    init: Any,
    apply: Any,
    loss: Any,
    optimizer: Any,
    train: tuple[Any, Any],
    dev: tuple[Any, Any],
    *,
    groups: tuple[Any, Any] | None = None,
    baseline_error: float | None = None,
    time_limit: float | str | None = None,
    tell: Tell = silent,
    **options: Any,
) -> Diagnosis:
    """Examine a training of your own: what is wrong, by which evidence, and what to do.

    It is trained once from start to end, and again in short probes that each change one thing, from the same starts and
    on the same mini-batches.

    Args:
        init: `init(key) -> params`, any tree of arrays, or a module of Equinox or Flax NNX.
        apply: `apply(params, x) -> outputs` in evaluation mode, one output row for each row of x.
        loss: `loss(outputs, y)`: one number for each row, or their mean.
        optimizer: An optax transformation, learning rate and all.
        train: Inputs and targets that it learns from; the first axis is the row.
        dev: The same that it does not learn from.
        groups: What each training row and each dev row belongs to, such as a patient or a machine: two arrays of names
            or numbers, shape (rows,). Rows of one group are one piece of evidence. None: each row is by itself.
        baseline_error: What is achievable, as an error; None: not known.
        time_limit: Seconds, or words such as "30s", after which no further training is begun; None: all rules are
            tried, which takes as long as some dozens of trainings. What there was no time to confirm is suspected, and
            what was not tried is named.
        tell: Told what is suspected, proved and confirmed as soon as it is, in sentences; `print` shows them.
        options: `batch_size`, `epochs`, `shuffle`, `apply_training`, `augment`, `penalty`, `gradient`, `task`,
            `frozen`, `state`, `seed`: see `Subject`.

    Raises:
        ConfigError: It cannot be trained at all; the message says which function or array is why.
    """
    began = time.monotonic()
    _check(optimizer, options)
    limit = units.seconds(time_limit)
    options |= {name: beginnings(options.get(name, ())) for name in ("frozen", "state")}
    learned, held_out = _grouped(_rows("train", train), _rows("dev", dev), groups)
    subject = modules.parted(Subject(init, apply, loss, optimizer, learned, held_out, **options))
    exam = Examination(subject, baseline_error=baseline_error)
    exam.until = math.inf if limit is None else began + limit
    return examine(exam, began, tell)


def _check(optimizer: Any, options: dict[str, Any]) -> None:
    if not (callable(getattr(optimizer, "init", None)) and callable(getattr(optimizer, "update", None))):
        raise errors.ConfigError(
            f"The optimizer is {optimizer!r}.",
            "It is an optax transformation, learning rate and all.",
            "Give optax.adam(1e-3), say, or what your own loop uses.",
        )
    known = [one.name for one in fields(Subject) if one.default is not MISSING and one.name not in OF_CURES]
    for name, value in options.items():
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            raise errors.ConfigError(
                f"There is no option {name!r}.",
                f"Options are {', '.join(known)}.",
                f"Perhaps {near[0]!r} is meant." if near else "Leave it out.",
            )
        if name in WHOLE and not isinstance(value, (int, np.integer)):
            raise errors.ConfigError(
                f"{name} is {value!r}.", "It is a whole number.", "Give the number that your own loop uses."
            )


def _rows(name: str, part: Any) -> Rows:
    try:
        x, y = part
    except (TypeError, ValueError) as error:
        found = f"{len(part)} things" if hasattr(part, "__len__") else repr(part)
        raise errors.ConfigError(
            f"{name} holds {found}.",
            "It is a pair: inputs, and the target of each row.",
            f"Give {name}=(x, y).",
        ) from error
    return Rows(np.asarray(x), np.asarray(y))


def _grouped(train: Rows, dev: Rows, groups: Any) -> tuple[Rows, Rows]:
    """The rows, and which of them belong together."""
    if groups is None:
        return train, dev
    try:
        parts = [np.asarray(one) for one in groups]
    except (TypeError, ValueError):
        parts = []
    if [one.shape for one in parts] != [(len(train),), (len(dev),)]:
        found = f"the shapes {', '.join(str(one.shape) for one in parts)}" if parts else repr(groups)
        raise errors.ConfigError(
            f"groups has {found}, for {len(train)} training rows and {len(dev)} dev rows.",
            "It is a pair: what each training row belongs to, and what each dev row does.",
            "Give groups=(of_train, of_dev), two arrays of names or numbers.",
        )
    for name, one in zip(("training", "dev"), parts, strict=True):
        missing = np.flatnonzero([value is None or value != value for value in one.tolist()])  # nan is not itself
        if len(missing):
            raise errors.ConfigError(
                f"The group of {len(missing)} {name} rows is missing, of row {missing[0]} first.",
                "Nobody knows what these belong to.",
                "Leave them out, or give each a group of its own.",
            )
    parts = [one.astype(str) if one.dtype == object else one for one in parts]
    numbers = np.unique(np.concatenate(parts), return_inverse=True)[1].astype(np.int64)
    return replace(train, groups=numbers[: len(train)]), replace(dev, groups=numbers[len(train) :])


def examine(exam: Examination, began: float, tell: Tell = silent) -> Diagnosis:
    """The record of an examination that began at this time of `time.monotonic`; `tell` is told of it as it goes on."""
    course = Course(exam, tell).run()
    told = [(cause.finding, _background(cause)) for cause in course.causes]
    told += [(found.finding, Background(found.by)) for found in course.readings]
    rank = {Severity.FAULT: 0, Severity.LIMIT: 1, Severity.NOTE: 2}
    told.sort(key=lambda one: rank[one[0].severity])
    late = tuple(dict.fromkeys(course.late))
    dear = tuple(rule.code for rule in RULES if not rule.asked(exam))
    return Diagnosis(
        tuple(finding for finding, _ in told),
        tuple(layer.name for layer in exam.gauger.layers),
        exam.subject.steps,
        _in_time(lambda: course.error, math.nan),
        time.monotonic() - began,
        tuple(background for _, background in told),
        course.repaired,
        course.repairs,
        _in_time(lambda: course.repaired_error, None),
        looked=_looked({*late, *dear, *course.exam.unable}),
        left_out=(
            *([f"{', '.join(late)}: the time was up"] if late else []),
            *([f"{', '.join(dear)}: a training is too dear to be tried to its end, some dozen times"] if dear else []),
            *_by_reason(course.exam.unable),
        ),
    )


def _looked(unasked: Collection[str]) -> str:
    """What is said where nothing was found, and rules of these codes could not be asked."""
    return f"Nothing found by the {len(RULES) - len(unasked)} rules that could be asked." if unasked else LOOKED


def _by_reason(unable: Mapping[str, str]) -> list[str]:
    """One line for all codes of one reason."""
    reasons = dict.fromkeys(unable.values())
    return [f"{', '.join(code for code, why in unable.items() if why == one)}: {one}" for one in reasons]


def _in_time(known: Callable[[], T], otherwise: T) -> T:
    """A number that may take trainings, if they were made."""
    try:
        return known()
    except TimeUp:
        return otherwise


def _background(cause: Cause) -> Background:
    cured = cause.cured
    if cured is None:
        return Background(cause.by, explains=tuple(cause.explains))
    gain = (cured.told.value, cured.told.low, cured.told.high)
    return Background(cause.by, cured.arm.name, gain, cause.confirmed, cured.arm.quarantines, tuple(cause.explains))
