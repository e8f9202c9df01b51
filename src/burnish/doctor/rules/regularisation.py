"""OP9, OP11, DA22, BV7: what holds a training back on purpose, taken away."""

from __future__ import annotations

from dataclasses import replace

import jax

from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor import optimisers
from burnish.doctor.arms import Arm, together
from burnish.doctor.examination import Examination
from burnish.doctor.lab import Change
from burnish.doctor.rule import Rule, Trial
from burnish.doctor.rules import fitting
from burnish.doctor.subject import Subject
from burnish.stats import interval

# What of a penalty is tried: a tenth, and nothing.
PENALTIES = (0.1, 0.0)
# What a decay alone would make of weights over the whole training, as powers of e: a decay of 0.01 at a rate of 0.001,
# AdamW's usual one, has 0.1 in 10,000 steps. Choices: on mixtures, digits and tumours 0.1 gained next to nothing, and 5
# did harm.
SHRINKAGES = (0.3, 1.0, 3.0)


def _penalties(exam: Examination) -> tuple[Arm, ...]:
    arms: tuple[Arm, ...] = ()
    if exam.subject.penalty is not None and exam.subject.penalised > 0:
        own = None if exam.subject.gradient is None else _by_itself
        arms += tuple(Arm(f"{part:g} times the penalty", Change(penalty=part), subject=own) for part in PENALTIES)
    if exam.decays:
        optimizer = optimisers.without_decay(exam.subject.optimizer)
        arms += (Arm("no weight decay", subject=lambda subject: replace(subject, optimizer=optimizer)),)
    return arms


def _by_itself(subject: Subject) -> Subject:
    """The gradient as it follows from the cost: one of a person's own holds the penalty as it is."""
    return subject.rewritten()


def _dropout(exam: Examination) -> tuple[Arm, ...]:
    subject = exam.subject
    # A state is made in the training mode alone; and noise would make evaluation the better one.
    if subject.apply_training is None or subject.state or fitting.worse_in_evaluation(exam):
        return ()
    return (Arm("the network as in evaluation", subject=lambda subject: subject.rewritten(apply_training=None)),)


def _augmentation(exam: Examination) -> tuple[Arm, ...]:
    if exam.subject.augment is None:
        return ()
    return (Arm("inputs as they are", subject=lambda subject: replace(subject, augment=None)),)


def _penalised(exam: Examination) -> Trial | None:
    arms = _penalties(exam)
    return Trial(_what_it_does(exam), arms) if arms else None


def _what_it_does(exam: Examination) -> str:
    """That large parameters cost something, or are paid for: the penalty of those at the end, and of twice as large."""
    penalty = exam.subject.penalty
    if exam.decays < 0:
        return "Without a gradient the optimiser lets parameters grow: the sign of its decay is turned."
    if penalty is None or not exam.followed.finite:
        return "Large parameters cost something."
    params = exam.followed.end.params
    once, twice = float(penalty(params)), float(penalty(jax.tree.map(lambda leaf: 2 * leaf, params)))
    if not twice < once:
        return "Large parameters cost something."
    return f"Large parameters are paid for: the penalty is {once:.3g}, and {twice:.3g} if all are twice as large."


def _dropped(exam: Examination) -> Trial | None:
    arms = _dropout(exam)
    return Trial("In training the network is another than in evaluation.", arms) if arms else None


def _augmented(exam: Examination) -> Trial | None:
    arms = _augmentation(exam)
    return Trial("Inputs are changed in training.", arms) if arms else None


def _all(exam: Examination) -> Trial | None:
    """Each alone may be bearable."""
    parts = [arms[-1] for arms in (_penalties(exam), _dropout(exam), _augmentation(exam)) if arms]
    if len(parts) < 2:
        return None
    return Trial("", (Arm("no regularisation at all", subject=lambda subject: together(parts, subject)),))


def _decayed(exam: Examination) -> Trial | None:
    """Where dev rows are surely worse than those that were learned from: weights that lose a part of them each step."""
    if exam.measured is None:
        return None
    gap, steps = interval.difference(exam.measured.dev, exam.measured.train), exam.subject.steps
    if gap.low <= exam.practical:
        return None
    apart = f"{gap.value:.3g} above that of rows that were learned from ({gap.low:.3g} to {gap.high:.3g})"
    arms = (Arm(f"a weight decay of {size / steps:.2g} a step", Change(shrink=size / steps)) for size in SHRINKAGES)
    return Trial(f"The dev error lies {apart}.", tuple(arms), optimises=False)


BV2 = Rule(
    "BV2",
    "It has high variance, and a weight decay lowers it",
    Evidence.PROBE,
    Severity.LIMIT,
    "Dev rows are surely worse than those that were learned from, by a size that matters, and the dev error is lower "
    "where each step takes a small part of the weights away.",
    "Decoupled weight decay: AdamW's is that part over the learning rate.",
    "The dev error of the whole training is lower.",
    "Krogh and Hertz, 1991; Loshchilov and Hutter, 2019.",
    trial=_decayed,
    general=2,
    to_the_end=True,
)
OP9 = Rule(
    "OP9",
    "The penalty or weight decay is too strong",
    Evidence.PROBE,
    Severity.FAULT,
    "A tenth of it, or none, reaches a lower dev error, and a lower loss on the rows that were learned from.",
    "A weaker penalty or weight decay.",
    "The dev error of the whole training is lower.",
    "Krogh and Hertz, 1991; Loshchilov and Hutter, 2019.",
    trial=_penalised,
)
OP11 = Rule(
    "OP11",
    "Dropout or noise in the network is too strong",
    Evidence.PROBE,
    Severity.FAULT,
    "Training with the network as it is in evaluation reaches a lower dev error.",
    "Less dropout, or none.",
    "The dev error of the whole training is lower.",
    "Srivastava et al., 2014.",
    trial=_dropped,
)
DA22 = Rule(
    "DA22",
    "Augmentation spoils the inputs",
    Evidence.PROBE,
    Severity.FAULT,
    "Training on the inputs as they are reaches a lower dev error.",
    "Leave out what changes the answer (mirrored digits), and weaken noise.",
    "The dev error of the whole training is lower.",
    "Simard, Steinkraus and Platt, 2003 (transformations that keep the class).",
    trial=_augmented,
)
BV7 = Rule(
    "BV7",
    "Regularisation as a whole is too strong",
    Evidence.PROBE,
    Severity.FAULT,
    "Training without penalty, dropout and augmentation reaches a lower dev error.",
    "Less of each, beginning with the one that gains most.",
    "The dev error of the whole training is lower.",
    "Geman, Bienenstock and Doursat, 1992.",
    trial=_all,
)
RULES, TOO_LITTLE = (DA22, OP11, OP9, BV7), (BV2,)
