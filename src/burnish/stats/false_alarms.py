"""How the chance of a false alarm is divided among all rules of a run, so that their sum is what was promised.

A run may raise any false alarm with a chance of 1 %. Rules that prove what they say (a column without two values, a
class that only dev has) need no part of it. The others have a fixed part each: first by family, then alike within the
family. Within its part a rule that looks at many columns, classes or slices at once corrects by Holm. Fixed parts ask
nothing of the rules' dependence, and a rule that did not run leaves its part unused.
"""

from __future__ import annotations

from burnish import errors

TOTAL = 0.01  # chance of one or more false alarms in a run

# Of the total, by family; more for families whose faults cost most when they are missed.
FAMILIES: dict[str, tuple[float, tuple[str, ...]]] = {
    "dev and train differ": (0.25, ("DA2", "DA3", "DA4", "DA19")),
    "copies": (0.10, ("DA6", "DA7")),
    "leaks": (0.20, ("DA9", "DA10", "DA12", "DA13")),
    "labels": (0.20, ("DA17", "DA18", "DA20", "DA26")),
    "inputs": (0.05, ("DA1", "DA15", "DA16", "DA22")),
    "predictions": (0.20, ("BV12", "BV13", "BV14", "BV15")),
}


def share(code: str, *, total: float = TOTAL) -> float:
    """Chance with which the rule of this code may raise a false alarm.

    Args:
        code: Of the catalogue, such as "DA7".
        total: Of all rules together.

    >>> round(share("DA7"), 6)
    0.0005
    """
    for part, codes in FAMILIES.values():
        if code in codes:
            return total * part / len(codes)
    raise errors.ConfigError(
        f"The rule {code} has no part of the chance of a false alarm.",
        f"Those that have are {', '.join(code for _, codes in FAMILIES.values() for code in codes)}.",
        "A proof needs none; name another rule, or give this one a part.",
    )
