"""OP1 to OP4, OP8, OP10, OP13, OP15, OP17: the learning rate and the optimiser, by whole trainings with others."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import jax
import numpy as np
import optax

from burnish.data.observation import listed
from burnish.diagnosis.finding import Evidence, Severity
from burnish.doctor import optimisers
from burnish.doctor.arms import Arm
from burnish.doctor.examination import PRACTICAL_SHARE, Examination
from burnish.doctor.lab import Change, quick
from burnish.doctor.rule import Rule, Trial
from burnish.doctor.rules.gradients import left_alone
from burnish.doctor.subject import Subject
from burnish.units import percent

# Learning rates that a ladder tries, relative to the present one, and how much finer its second rungs are.
LOWER, HIGHER, FINER = (0.3, 0.1, 0.01), (3.0, 10.0, 100.0), 3.0
# Share of the steps after which a training that is right does no worse than a constant answer by a size that matters:
# one that still does comes close to ruin, and another start may not get over it. A choice; it decides what is tried.
SETTLED = 0.1
# Steps of a training below which more of them, not larger ones, are what it wants. A choice.
FEW_STEPS = 100
# How much smaller steps of the second half are than those of the first tenth where a decay comes too soon: half of a
# cosine, which is usual, leaves 0.15 of them, and gradients that vanish as the rows are learned some more.
SHRUNK = 0.01
# Quantile of the first tenth's steps that stands for them: a decay may end within them, and one step may be an odd one.
LARGE_STEP = 0.9
# Share of the training over which steps grow; a usual one.
WARM_UP = 0.1
# Share of the steps that have to be clipped for it to be worth a probe (Godbole et al., Tuning Playbook, 2023).
CLIPPED = 0.5
# Part of the clipping norm that the largest gradient seen is scaled to, so that none is clipped.
SAFELY_BELOW = 0.01
# Part of the largest step that a leaf takes, for gradients of one size, below which it is tried whether it is too
# small: rates a tenth as large for layers that are trained already are usual. A choice.
SLOWER = 1 / 30
# Share of the steps in which nothing moves that is worth a word.
IDLE = 0.5
# A memory of thirty steps and more; 0.9, of ten, is usual, 0.99 at times.
LONG_MEMORY, USUAL_MEMORY = 0.97, 0.9
# Steps to turn round, after a hundred of one gradient, above which the same is said of what is not linear: Adam takes
# seven, with a memory of 0.99 fifty, as Lion does, with one of 0.999 ninety.
LONG_TURN = 60
# Share of the training, at its end, over which parameters are averaged (Izmailov et al. 2018).
AVERAGED = 0.25
# Adam at the rate of its paper (Kingma and Ba 2015), and the rates tried, times that.
ADAM, ADAM_RATES = optax.adam(1e-3), (0.3, 1.0, 3.0, 10.0)


def _rate(factor: float) -> Arm:
    return Arm(f"{factor:.3g} times the learning rate", Change(rate=factor))


def _too_high(exam: Examination) -> Trial:
    return Trial("", tuple(_rate(factor) for factor in LOWER), lucky=_was_lost(exam))


def _was_lost(exam: Examination) -> bool:
    """Whether mini-batches late in the training cost much more than the best constant answer does."""
    loss = exam.followed.trace.loss
    late = loss[int(SETTLED * len(loss)) :]
    return bool(late.size and late.max() > (1 + PRACTICAL_SHARE) * exam.uninformed)


def _too_low(exam: Examination) -> Trial | None:
    """A higher rate is quicker in short probes even where the training is right: only whole trainings count.

    And of a training of a few steps it is their number that is too low.
    """
    if exam.subject.steps < FEW_STEPS:
        return None
    rates, why = tuple(_rate(factor) for factor in HIGHER), _shrunk(exam)
    # A schedule that has ended is not undone by a higher rate: it would have to be as much higher as the steps are few.
    return Trial(why, (*rates, *_adams("constant ")) if why and _is_adam(exam) else rates)


def _shrunk(exam: Examination) -> str:
    """That the steps have become much smaller half way already, where they have."""
    ratio = exam.followed.trace.update_ratio
    if len(ratio) < FEW_STEPS:  # it diverged
        return ""
    first, half = float(np.quantile(ratio[: len(ratio) // 10], LARGE_STEP)), float(np.median(ratio[len(ratio) // 2 :]))
    if not half < SHRUNK * first:
        return ""
    return (
        f"In the second half of the training a step is {half / first:.1g} times one of the first tenth."
        if half > 0
        else "In the second half of the training most steps are 0."
    )


def _finer(best: Arm) -> tuple[Arm, ...]:
    """Rungs on both sides, and beyond the ladder's end."""
    if best.subject is not None:  # another optimiser, and not on the ladder
        return ()
    return _rate(best.change.rate / FINER), _rate(best.change.rate * FINER)


def _no_warm_up(exam: Examination) -> Trial:
    del exam
    warm = Arm("steps that grow over the first tenth", Change(warm_up=WARM_UP))
    return Trial("", (warm,))


def _no_decay(exam: Examination) -> Trial:
    del exam
    decayed = Arm("steps that shrink to 0 along a cosine", Change(decay=1.0))
    return Trial("", (decayed,))


def _no_average(exam: Examination) -> Trial:
    del exam
    averaged = Arm("the mean of the parameters over the last quarter", average=AVERAGED)
    return Trial("", (averaged,), optimises=False)


def _weak(exam: Examination) -> Trial | None:
    """Where it is Adam already, other rates are tried by the rules of the learning rate alone; and where an optimiser
    leaves parameters alone, another one would move them, which is another cause.
    """
    if _is_adam(exam) or left_alone(exam):
        return None
    still = float(np.mean(exam.followed.trace.update_ratio == 0))
    why = f"In {percent(still)} of the steps nothing moves: gradients are gathered, or dropped." if still > IDLE else ""
    return Trial(why, _adams(), general=2)


def _adams(how: str = "") -> tuple[Arm, ...]:
    return tuple(
        Arm(f"Adam at a {how}rate of {1e-3 * factor:g}", Change(rate=factor), subject=_with_adam)
        for factor in ADAM_RATES
    )


def _is_adam(exam: Examination) -> bool:
    ask = exam.lab.programs.of(("update", ADAM), lambda: quick(partial(optimisers.update, ADAM)))
    begin = exam.lab.programs.of(("state", ADAM), lambda: quick(ADAM.init))
    params = exam.start.params
    return optimisers.alike(exam.answers, optimisers.Answers(ask, begin(params), params), exam.gradient)


def _with_adam(subject: Subject) -> Subject:
    return replace(subject, optimizer=ADAM, rate=1.0)


def _clipped(exam: Examination) -> Trial | None:
    """Undone by giving the optimiser a small part of each gradient, and enlarging its updates by as much."""
    norms = exam.followed.trace.gradient_norm
    if exam.decays or not np.isfinite(norms).all():
        return None
    if (pinned := optimisers.pinned(exam.answers)) is not None:
        return Trial(
            f"All updates have a norm of {pinned:.2g}, whatever the gradient and the learning rate: they are clipped, "
            "or made so long, behind the optimiser.",
            tuple(_rate(factor) for factor in HIGHER),
        )
    norm = optimisers.clipping(exam.answers, exam.gradient)
    if norm is None or (share := float(np.mean(norms > norm))) < CLIPPED:
        return None
    optimizer = optimisers.unclipped(exam.subject.optimizer, SAFELY_BELOW * norm / float(norms.max()))
    free = Arm("unclipped gradients", subject=lambda given: replace(given, optimizer=optimizer))
    return Trial(f"In {percent(share)} of the steps the gradient is clipped, to a norm of {norm:.2g}.", (free,))


def _momentum(exam: Examination) -> Trial | None:
    """A usual memory, with the same first answer to a gradient, or the same sum of all."""
    found = optimisers.momentum(exam.answers, exam.gradient)
    if found is None:
        return _long_memory(exam)
    if 0 <= found[1] < LONG_MEMORY:
        return None
    rate, memory = found[0] * exam.subject.rate, found[1]
    same_sum = rate * (1 - USUAL_MEMORY) / max(1 - memory, 1e-6)
    arms = tuple(
        Arm(f"a momentum of {USUAL_MEMORY} and a rate of {one:.2g}", subject=_with_momentum(one))
        for one in (rate, same_sum)
    )
    if memory < 0:
        return Trial(f"The momentum is {memory:.3g}: each step takes back a part of the one before.", arms)
    remembered = 1 / max(1 - memory, 1e-6)
    long = f"for {remembered:.0f} steps" if remembered < exam.subject.steps else "to the end of the training"
    return Trial(f"The momentum is {memory:.3g}: a gradient is remembered {long}.", arms)


def _uneven(exam: Examination) -> Trial | None:
    """Leaves that the optimiser moves by far less than others for the same gradient, and does move."""
    subject = exam.subject
    sizes, meant = optimisers.sizes(exam.answers), subject.frozen + subject.state
    paths, tree = jax.tree_util.tree_flatten_with_path(exam.start.params)
    names = [jax.tree_util.keystr(path) for path, _ in paths]
    slow = [
        (0 < size < SLOWER * sizes.max()) and not name.startswith(meant)
        for name, size in zip(names, sizes, strict=True)
    ]
    if not any(slow) or not np.isfinite(sizes).all():
        return None
    factors = [float(sizes.max() / size) if one else 1.0 for one, size in zip(slow, sizes, strict=True)]
    optimizer = optimisers.evened(subject.optimizer, jax.tree.unflatten(tree, factors))
    even = Arm("steps of one size for all parameters", subject=lambda given: replace(given, optimizer=optimizer))
    told = [name for name, one in zip(names, slow, strict=True) if one]
    return Trial(
        f"For gradients of one size the optimiser moves {listed(told)} by {1 / max(factors):.1g} times as much as "
        "others.",
        (even,),
        where=told[0],
    )


def _long_memory(exam: Examination) -> Trial | None:
    """Of an optimiser that is not linear in the gradient, such as Adam with its two memories swapped."""
    steps = optimisers.turning(exam.answers, exam.gradient)
    if steps <= LONG_TURN:
        return None
    return Trial(
        f"Once the gradient has turned round, updates follow after {steps} steps of the other way; with a usual memory "
        "after seven.",
        _adams(),
    )


def _with_momentum(rate: float) -> Callable[[Subject], Subject]:
    optimizer = optax.sgd(rate, momentum=USUAL_MEMORY)
    return lambda subject: replace(subject, optimizer=optimizer, rate=1.0)


OP1 = Rule(
    "OP1",
    "The learning rate is too high",
    Evidence.PROBE,
    Severity.FAULT,
    "A third, a tenth or a hundredth of it reaches a lower dev error in as many steps, and a lower loss on the rows "
    "that were learned from.",
    "A lower learning rate, or warm-up and decay.",
    "The dev error of the whole training is lower.",
    "Smith, 2017 (range test), with common random numbers.",
    trial=_too_high,
    finer=_finer,
    general=1,
)
OP2 = Rule(
    "OP2",
    "The learning rate is too low",
    Evidence.PROBE,
    Severity.FAULT,
    "The training has 100 steps and more, and three, ten or a hundred times the rate reaches a lower dev error by its "
    "end; or Adam's steps have become a hundredth of what they were half way, and Adam at a rate that stays does.",
    "A higher learning rate, or more epochs; a decay that takes the whole training.",
    "The dev error of the whole training is lower.",
    "Smith, 2017 (range test), with common random numbers.",
    trial=_too_low,
    finer=_finer,
    general=1,
    to_the_end=True,
)
OP3 = Rule(
    "OP3",
    "The learning rate does not decay",
    Evidence.PROBE,
    Severity.LIMIT,
    "Steps that shrink to nothing by the end reach a lower dev error.",
    "Cosine or step decay.",
    "The dev error of the whole training is lower.",
    "Robbins and Monro, 1951; Loshchilov and Hutter, 2017.",
    trial=_no_decay,
    general=2,
    to_the_end=True,
)
OP4 = Rule(
    "OP4",
    "The first steps are too large",
    Evidence.PROBE,
    Severity.FAULT,
    "Steps that grow over the first tenth of the training reach a lower dev error.",
    "Warm-up.",
    "The dev error of the whole training is lower.",
    "Goyal et al., 2017.",
    trial=_no_warm_up,
    general=1,
    to_the_end=True,
)
OP8 = Rule(
    "OP8",
    "The optimiser is weak",
    Evidence.PROBE,
    Severity.FAULT,
    "It is not Adam, and Adam, at the best of four rates, reaches a lower dev error.",
    "Adam, or SGD with momentum, and its learning rate tuned.",
    "The dev error of the whole training is lower.",
    "Kingma and Ba, 2015; Choi et al., 2019 (each at its own best rate).",
    trial=_weak,
    general=2,
    to_the_end=True,
)
OP10 = Rule(
    "OP10",
    "Gradients are clipped too tightly",
    Evidence.PROBE,
    Severity.FAULT,
    "More than half of the steps are clipped, and unclipped ones reach a lower dev error; or all updates have one "
    "norm, and longer ones do.",
    "Clip gradients, before the optimiser, at the 90th percentile of their norm, or not at all.",
    "The dev error of the whole training is lower.",
    "Pascanu, Mikolov and Bengio, 2013; Godbole et al., Deep Learning Tuning Playbook, 2023.",
    trial=_clipped,
)
OP13 = Rule(
    "OP13",
    "The momentum is too long, or below 0",
    Evidence.PROBE,
    Severity.FAULT,
    "A gradient is remembered for thirty steps and more, or with its sign turned, and a momentum of 0.9, or Adam, "
    "reaches a lower dev error.",
    "A momentum of 0.9.",
    "The dev error of the whole training is lower.",
    "Sutskever, Martens, Dahl and Hinton, 2013.",
    trial=_momentum,
    to_the_end=True,
)
OP17 = Rule(
    "OP17",
    "Some parameters take far smaller steps",
    Evidence.PROBE,
    Severity.FAULT,
    "For gradients of one size the optimiser moves some leaves by less than a thirtieth of what it moves others by, "
    "and steps of one size for all reach a lower dev error.",
    "One learning rate for all of them; look at what the optimiser is made of for each group of parameters.",
    "The dev error of the whole training is lower.",
    "Rates by layer: Howard and Ruder, 2018 (where they are meant).",
    trial=_uneven,
    to_the_end=True,
)
OP15 = Rule(
    "OP15",
    "The parameters still jump about at the end",
    Evidence.PROBE,
    Severity.LIMIT,
    "The mean of the parameters over the last quarter of the training has a lower dev error than the last ones.",
    "An average of the parameters (SWA or EMA), or decay of the learning rate.",
    "The dev error of the averaged parameters is lower.",
    "Polyak and Juditsky, 1992; Izmailov et al., 2018.",
    trial=_no_average,
    general=2,
    to_the_end=True,
)
SPECIFIC = (OP17, OP10, OP13)
RATES = (OP1, OP4, OP2)
OTHERS = (OP8, OP3, OP15)
