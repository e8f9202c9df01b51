"""Faults that hide one another: neither cure helps alone, and both do together.

Inputs a hundred times too large and a penalty of 1 each stop a training by themselves. So the cures that something
calls for are tried at once; where that helps, each is taken out again, and what is missed was a cause.
"""

from __future__ import annotations

from collections.abc import Sequence

from burnish.doctor.arms import Arm, combined
from burnish.doctor.examination import NOTHING_CHANGED, Examination
from burnish.doctor.probes import Probed
from burnish.doctor.rule import Rule, Trial
from burnish.stats import paired

# Share of what all gain together that none of them gains alone, and that is lost without one that hides another: most
# of it. Choices.
HIDDEN, LOST = 0.5, 0.5

Called = tuple[Rule, Trial]


def together(exam: Examination, trials: Sequence[Called]) -> tuple[tuple[Called, ...], Probed] | None:
    """Rules whose cures help together and hardly without one another, and what they gain; None: there are none.

    Args:
        exam: Whose training.
        trials: Of all rules that want something tried. Those that something calls for are tried together, each by the
            last of its arms, which is the most thorough; of rules with the same arm the first.
    """
    arms: dict[str, tuple[Called, Arm]] = {}
    for rule, trial in trials:
        if trial.why and not rule.generality(trial):
            arms.setdefault(trial.arms[-1].name, ((rule, trial), trial.arms[-1]))
    if len(arms) < 2:
        return None
    every = combined([arm for _, arm in arms.values()])
    probed = exam.screen(every)
    alone = [exam.screen(arm).told.value for _, arm in arms.values()]
    # One that gains most of it alone hides behind nothing; what is left is seen once it is cured.
    if not exam.promising(probed) or max(alone) > HIDDEN * probed.told.value:
        return None
    needed = {
        name: called
        for name, called in arms.items()
        if _missed(exam, every, probed, [arm for other, (_, arm) in arms.items() if other != name])
    }
    if len(needed) < 2:
        return None
    probed = exam.screen(combined([arm for _, arm in needed.values()]))
    return (tuple(called for called, _ in needed.values()), probed) if exam.promising(probed) else None


def _missed(exam: Examination, every: Arm, probed: Probed, others: Sequence[Arm]) -> bool:
    """Whether most of what all gain is lost with the others alone."""
    without = combined(others) if len(others) > 1 else others[0]
    exam.train_ahead((NOTHING_CHANGED, without), exam.glance)
    lost = exam.probe(every, exam.glance, paired.ALPHA, control=without)
    return exam.promising(lost) and lost.told.value > LOST * probed.told.value
