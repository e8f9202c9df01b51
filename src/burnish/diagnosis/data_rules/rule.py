"""A rule about data: one code, what has to be seen, how sure it can be, and what cures it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from burnish.diagnosis.data_rules.rows import Rows
from burnish.diagnosis.described import Described
from burnish.diagnosis.finding import Finding


@dataclass(frozen=True, slots=True)
class DataRule(Described):
    """One problem that data can have, and what looks for it."""

    look: Callable[[Rows, float], Iterable[Finding]]  # rows, and the chance of a false alarm that it may use
    unless: tuple[str, ...] = ()  # codes that explain what it would see: where they were found, it does not look
