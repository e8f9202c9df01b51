"""Columns that are not there, as errors name them: all at once, each with the names that it may have been given."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from difflib import get_close_matches

NAMED = 10  # absent columns that an error names; the rest are counted


def absent(names: Sequence[str], others: Collection[str]) -> str:
    """The absent names, each with those of the others that look most like it, whatever their case.

    Args:
        names: What was looked for.
        others: What is there and was not looked for.

    >>> absent(["height", "age"], ["Heights", "width"])
    "'height' (nearest: 'Heights'); 'age'"
    """
    more = len(names) - NAMED
    return "; ".join(_with_nearest(name, others) for name in names[:NAMED]) + (f"; and {more:,} more" * (more > 0))


def _with_nearest(name: str, others: Collection[str]) -> str:
    folded = {other.casefold(): other for other in others}
    near = [folded[other] for other in get_close_matches(name.casefold(), list(folded), n=2)]
    return repr(name) + (f" (nearest: {', '.join(map(repr, near))})" if near else "")
