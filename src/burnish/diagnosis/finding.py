"""A finding: what is wrong, the evidence, and what to do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    FAULT = "fault"  # something is wrong; false for a healthy run
    LIMIT = "limit"  # bias, variance, mismatch, too little data
    NOTE = "note"  # worth knowing, nothing to cure


class Evidence(StrEnum):
    """The ladder: a proof or a probe confirms, a signal or a test alone makes suspicious."""

    PROOF = "proof"  # cannot be otherwise: a value that is not finite, two equal units, a gradient off its differences
    SIGNAL = "signal"  # something read off in passing
    TEST = "test"  # a hypothesis rejected, with the size of the effect
    PROBE = "probe"  # one thing changed, all else equal, and the losses compared


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing found. Texts are plain sentences that a non-specialist can read; numbers in them carry units."""

    code: str  # the catalogue's code, such as "BV1" or "DA10"
    title: str  # "The network has high variance"
    severity: Severity
    evidence: str  # what was measured, with its interval
    remedy: str  # what to do about it, and whether burnish did it
    where: str = ""  # column, layer or file by name
