"""NN9, NN12, NN13, OP16: whether it can fit at all, whether it is the same in evaluation, and when it was done."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import NDArray

from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor import ignorance
from burnish.doctor.arms import Arm
from burnish.doctor.examination import PRACTICAL_SHARE, Examination
from burnish.doctor.lab import Change, Lab, quick
from burnish.doctor.rule import Found, Rule, Trial
from burnish.doctor.rules.steps import ADAM
from burnish.doctor.subject import Subject
from burnish.stats import paired
from burnish.units import percent

Floats = NDArray[np.float64]

# Rows and steps of the test, rates that are tried, and what is fitted: under 1 % of errors, or under 5 % of the loss of
# knowing nothing. (The catalogue's; the idea is Karpathy's recipe, 2019: overfit one batch.)
ROWS, STEPS, RATES, FITTED_ERROR, FITTED_LOSS = 32, 500, (1.0, 0.1, 10.0), 0.01, 0.05
# Share of knowing nothing that the loss on rows that were learned from has to exceed for the test to be worth its time.
POOR = 0.5
# Keys of the training mode that are averaged.
KEYS = 8
# Share of what the network knows, as a fall of the loss below that of knowing nothing, that a block may take in
# training: a choice. Of clusters, dropout of 0.5 takes two fifths, of 0.7 all.
TAKEN = 0.5
# What `Examination.once` knows of both modes.
OF_MODES = "steps, in both modes"
# Share of the steps after which nothing more is learned, and how near the lowest dev loss is as low.
EARLY, AS_LOW = 0.3, 0.02


def _cannot_fit(exam: Examination) -> Iterable[Found]:
    """A few rows, the network as in evaluation, no penalty, no augmentation: any network learns them by heart."""
    subject = exam.subject
    if not exam.followed.finite or not exam.followed.train_loss[-1] >= POOR * exam.uninformed:
        return
    few = exam.lab.gauge.take(slice(0, ROWS))
    rows = replace(subject, train=few, dev=few, batch_size=ROWS, epochs=STEPS, augment=None)
    alone = rows.rewritten(penalty=None)
    alone = alone if subject.state else replace(alone, apply_training=None)  # a state is of the training mode
    labs = [Lab(one, exam.lab.programs) for one in (alone, replace(alone, optimizer=ADAM, rate=1.0))]
    best, spread = np.inf, ignorance.spread(rows)
    for lab, rate in ((lab, rate) for lab in labs for rate in RATES):
        exam.refuse_late()
        params = lab.train(lab.start(), STEPS, change=Change(rate=rate))[0].params
        loss, error = float(lab.losses(params, few).mean()), float(lab.errors(params, few).mean())
        # A loss of numbers may be what it likes where they are learned, as the logarithm of a density is.
        if error < (FITTED_ERROR if subject.kind == "classification" else FITTED_LOSS * spread):
            return
        best = min(best, loss)
    if not best < FITTED_LOSS * exam.uninformed:
        yield NN9.found(
            f"In {STEPS} steps on {len(few)} rows alone, by Adam too, its loss falls to {best:.3g} at best, where "
            f"knowing nothing has {exam.uninformed:.3g}."
        )


def _modes(exam: Examination) -> tuple[Floats, Floats] | None:
    """Losses of rows that it learned from in training mode, a mean over keys, and in evaluation; None: one mode."""
    subject, rows = exam.subject, exam.lab.gauge
    if subject.apply_training is None or not exam.followed.finite:
        return None
    params, x, y = exam.followed.end.params, jnp.asarray(rows.x), jnp.asarray(rows.y)
    own = quick(lambda params, key: subject.row_losses(subject.outputs(params, x, key), y))
    found = np.mean([np.asarray(own(params, jax.random.key(key)), np.float64) for key in range(KEYS)], axis=0)
    return found, exam.lab.losses(params, rows)


def _harmful_in_training(exam: Examination) -> Iterable[Found]:
    """What training has and evaluation has not takes most of what the network knows, on rows that it learned from."""
    modes = exam.once(OF_MODES, lambda: _modes(exam))
    if modes is None or not np.isfinite(exam.uninformed):
        return
    trained, evaluated = modes
    known = max(exam.uninformed - float(evaluated.mean()), PRACTICAL_SHARE * exam.uninformed)
    if paired.gain(trained, evaluated, alpha=CHANCE).low > TAKEN * known:
        yield NN12.found(
            f"On rows that it learned from its loss is {trained.mean():.3g} in training and {evaluated.mean():.3g} in "
            f"evaluation; knowing nothing has {exam.uninformed:.3g}."
        )


def worse_in_evaluation(exam: Examination) -> str:
    """On rows that it learned from evaluation must not be worse than training, and dropout makes it better; "": it is
    not, or there is one mode.
    """
    modes = exam.once(OF_MODES, lambda: _modes(exam))
    if modes is None:
        return ""
    found, evaluated = modes
    gain = paired.gain(evaluated, found, alpha=CHANCE)
    if not (gain.low > 0 and gain.value > PRACTICAL_SHARE * found.mean()):
        return ""
    return (
        f"On rows that it learned from its loss is {evaluated.mean():.3g} in evaluation and {found.mean():.3g} in "
        "training."
    )


def _other_in_evaluation(exam: Examination) -> Iterable[Found]:
    if said := worse_in_evaluation(exam):
        yield NN13.found(said, severity=Severity.LIMIT)


def _one_mode(exam: Examination) -> Trial | None:
    """The modes made one: of a state by moments of the rows at hand, which tells that its own are wrong and cures
    nothing; else by training in that of evaluation.
    """
    if not (said := worse_in_evaluation(exam)):
        return None
    if not exam.subject.state:
        return Trial(said, (Arm("the network as in evaluation", subject=_as_in_evaluation),))
    return Trial(said, (Arm("evaluation as in training", subject=_as_in_training, telling=True),))


def _as_in_evaluation(subject: Subject) -> Subject:
    return subject.rewritten(apply_training=None)


def _as_in_training(subject: Subject) -> Subject:
    key = jax.random.key(subject.seed)
    return replace(subject, apply=lambda params, x: subject.outputs(params, x, key))


def _done_early(exam: Examination) -> Iterable[Found]:
    followed = exam.followed
    if not followed.finite or not np.isfinite(followed.dev_loss).all():
        return
    lowest = float(followed.dev_loss.min())
    low = followed.dev_loss <= lowest + AS_LOW * abs(lowest)
    if low[0]:
        return
    done = int(followed.steps[int(np.argmax(low))])
    if done < EARLY * exam.subject.steps:
        yield OP16.found(
            f"The dev loss is as low as it gets, within {percent(AS_LOW)}, after {done:,} of "
            f"{exam.subject.steps:,} steps."
        )


# One-sided chance of a false alarm: beside the shares of the other rules on rows, which leave so much.
CHANCE = 1e-4

NN9 = Rule(
    "NN9",
    "It cannot even learn a few rows by heart",
    Evidence.TEST,
    Severity.LIMIT,
    "32 rows, 500 steps, the optimiser and Adam at three learning rates each, no regularisation: errors and a loss "
    "remain.",
    "Look for a mistake in the network or the loss, before anything is called bias.",
    "The few rows are fitted.",
    "Karpathy, A recipe for training neural networks, 2019.",
    look=_cannot_fit,
    unless=("NU8", "NU3", "NN8", "NU4", "NN13"),
)
NN12 = Rule(
    "NN12",
    "A block of training alone does harm",
    Evidence.TEST,
    Severity.LIMIT,
    "On rows that it learned from, the training mode loses over half of what the evaluation mode knows.",
    "Dropout below a half and after batch norm, not before it; layer norm where mini-batches are small.",
    "Both losses are near each other, and the dev error is lower.",
    "Srivastava et al., 2014; Li et al., 2019 (disharmony of dropout and batch norm).",
    look=_harmful_in_training,
    unless=("OP11", "NU9"),
)
NN13 = Rule(
    "NN13",
    "In evaluation it is worse than in training",
    Evidence.PROBE,
    Severity.FAULT,
    "On rows that it learned from, the loss in evaluation mode is a tenth higher than in training mode, and with one "
    "mode for both the dev error is lower.",
    "Batch norm: hand its averages on from step to step and let them forget sooner, use larger batches, or layer norm. "
    "Otherwise look for what differs.",
    "Both losses are the same.",
    "Ioffe and Szegedy, 2015; Ioffe, 2017 (batch renormalisation).",
    look=_other_in_evaluation,
    trial=_one_mode,
)
OP16 = Rule(
    "OP16",
    "Most of the training gains nothing",
    Evidence.SIGNAL,
    Severity.NOTE,
    "The dev loss is within 2 % of its lowest before 30 % of the steps.",
    "Fewer epochs, or early stopping: the same error for less.",
    "The dev error of the shorter training is the same.",
    "Prechelt, 1998.",
    look=_done_early,
    unless=("NN9", "OP14"),
)
LIMITS = (NN9, NN12, NN13)
NOTES = (OP16,)
