"""All rules, in the order in which they are looked at: see `examination`."""

from __future__ import annotations

from burnish.doctor.rule import Rule
from burnish.doctor.rules import generalisation, initialisation, inputs, numerics, scales, steps, structure

RULES: tuple[Rule, ...] = (
    *numerics.RULES,
    *structure.RULES,
    numerics.NU3,  # after the structure: of a constant output no parameter has a gradient
    *initialisation.RULES,
    *inputs.RULES,
    *steps.RULES,
    numerics.NU4,  # what made a training diverge has been looked for by now
    *scales.RULES,
    *generalisation.RULES,
)
