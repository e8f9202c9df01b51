"""What an examination found, as a record that prints itself; and the one call that makes it."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from burnish.diagnosis.finding import Finding, Severity
from burnish.doctor.examination import FALSE_ALARMS, Examination
from burnish.doctor.rules import RULES, look
from burnish.doctor.subject import Rows, Subject

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong with a training, first things first. `ok` is False where a fault was found."""

    findings: tuple[Finding, ...]
    layers: tuple[str, ...]  # the weights of each layer that was found, by name; (): none could be
    steps: int  # of the training
    dev_error: float  # of its best weights: misclassification rate, or RMSE
    seconds: float

    @property
    def ok(self) -> bool:
        """Whether no fault was found; limits, such as bias and variance, are none."""
        return all(one.severity is not Severity.FAULT for one in self.findings)

    def document(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "schema_version": SCHEMA_VERSION,
            "ok": self.ok,
            "findings": [asdict(one) | {"severity": one.severity.value} for one in self.findings],
            "layers": list(self.layers),
            "steps": self.steps,
            "dev_error": self.dev_error if np.isfinite(self.dev_error) else None,
            "seconds": round(self.seconds, 1),
        }

    def __str__(self) -> str:
        seen = f"{len(self.layers)} layers seen" if self.layers else "no layers could be seen in its trace"
        lines = [f"{self.steps:,} steps, {seen}, dev error {self.dev_error:.4g}; {self.seconds:.0f} s"]
        if not self.findings:
            lines.append(
                f"Nothing found by {len(RULES)} rules, whose probes are held to {FALSE_ALARMS:.0%} false alarms in all."
            )
        for one in self.findings:
            lines += [f"{one.code} {one.title} ({one.severity.value})", f"    {one.evidence}", f"    Do: {one.remedy}"]
        return "\n".join(lines)


def diagnose(
    init: Any,
    apply: Any,
    loss: Any,
    optimizer: Any,
    train: tuple[Any, Any],
    dev: tuple[Any, Any],
    *,
    baseline_error: float | None = None,
    **options: Any,
) -> Diagnosis:
    """Examine a training of your own: what is wrong, by which evidence, and what to do.

    It is trained once from start to end, and again in short probes that each change one thing, from the same starts and
    on the same mini-batches.

    Args:
        init: `init(key) -> params`, any tree of arrays.
        apply: `apply(params, x) -> outputs` in evaluation mode, one output row for each row of x.
        loss: `loss(outputs, y)`: one number for each row, or their mean.
        optimizer: An optax transformation, learning rate and all.
        train: Inputs and targets that it learns from; the first axis is the row.
        dev: The same that it does not learn from.
        baseline_error: What is achievable, as an error; None: not known.
        options: `batch_size`, `epochs`, `shuffle`, `apply_training`, `augment`, `penalty`, `gradient`, `task`, `seed`:
            see `Subject`.

    Raises:
        ConfigError: It cannot be trained at all; the message says which function or array is why.
    """
    began = time.monotonic()
    learned, held_out = (Rows(np.asarray(x), np.asarray(y)) for x, y in (train, dev))
    subject = Subject(init, apply, loss, optimizer, learned, held_out, **options)
    return examine(Examination(subject, baseline_error=baseline_error), began)


def examine(exam: Examination, began: float) -> Diagnosis:
    """The record of an examination that began at this time of `time.monotonic`."""
    findings = tuple(look(exam))
    errors = exam.lab.errors(exam.followed.best.params, exam.subject.dev)
    error = float(errors.mean()) if exam.subject.kind == "classification" else float(np.sqrt(errors.mean()))
    layers = tuple(layer.name for layer in exam.gauger.layers)
    return Diagnosis(findings, layers, exam.subject.steps, error, time.monotonic() - began)
