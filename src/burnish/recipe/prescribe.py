"""Which remedies to try next, in which order: optimisation faults, then bias, then variance."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from burnish.diagnosis.finding import Finding
from burnish.recipe.remedies import REMEDIES, Cause, Of, Remedy, Task
from burnish.train.configuration import Configuration

# A verdict that there is nothing to cure: no remedy is tried against it, unless the same verdict names a limit too.
NEAR_FLOOR = "BV8"
UNKNOWING = "BV6"  # the dev rows are too few for that verdict to be certain
# Groups in the order of the basic recipe. A network that does not train has no bias or variance worth the name, and one
# with high bias learns nothing from regularisation.
RECIPE: tuple[tuple[str, ...], ...] = (
    ("NU4", "NN4", "OP1", "OP2", "OP4", "OP14"),
    ("BV1", "BV3", "BV7", "BV10", "NN3", "NN5", "NN6"),
    ("BV2", "BV3", "BV11"),
)
# A remedy of a cost between these, relative to none, leaves the price of a training as it is; what a remedy's table has
# is a rough figure, and these are the ones that change neither shape nor length.
CHEAPER, DEARER = 0.9, 1.1
CAUSES: tuple[tuple[Cause, ...], ...] = (("optimisation",), ("bias", "optimisation"), ("variance",))


def prescribe(
    findings: Iterable[Finding],
    configuration: Configuration,
    tried: Collection[str],
    *,
    limit: int,
    task: Task,
    of: Of = "tables",
    as_dear: bool = False,
) -> tuple[Remedy, ...]:
    """The next remedies to try, best first.

    Remedies that answer a finding come first, in the order of the recipe; the rest follows, since a finding can be
    missed for lack of rows. Within a group the order is by promise per cost. Where the floor is reached there is
    nothing to try.

    Args:
        findings: About the network trained with `configuration`.
        configuration: The best so far.
        tried: Names of remedies not to try: tried against this configuration before, or known not to apply to these
            data.
        limit: At most so many. Each costs power of the others, since the round's error probability is divided by
            their number.
        task: Some remedies exist for one task only.
        of: What rows are: some remedies exist for tables, others for images.
        as_dear: Only remedies that leave the price of a training about as it is: what is kept is trained in a time that
            is given, and a dearer network would see fewer epochs there than it had when it was tried.
    """
    codes = {finding.code for finding in findings}
    if NEAR_FLOOR in codes and UNKNOWING not in codes:
        return ()
    able = [
        remedy
        for remedy in REMEDIES
        if remedy.trains
        and remedy.name not in tried
        and remedy.task in (None, task)
        and remedy.of in (None, of)
        and (not as_dear or CHEAPER <= remedy.cost <= DEARER)
        and remedy.change(configuration) is not None
    ]
    return tuple(sorted(able, key=lambda remedy: (_group(remedy, codes), -remedy.promise / remedy.cost))[:limit])


def _group(remedy: Remedy, codes: Collection[str]) -> int:
    """The first step of the recipe that calls for the remedy; after all steps if none does."""
    for step, (asked, causes) in enumerate(zip(RECIPE, CAUSES, strict=True)):
        active = set(asked) & set(codes)
        if active & set(remedy.answers) and remedy.cause in causes:
            return step
    return len(RECIPE) if not set(remedy.answers) & set(codes) else len(RECIPE) - 1
