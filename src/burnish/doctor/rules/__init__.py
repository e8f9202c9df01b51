"""All rules, in the order in which they are looked at.

What is true of the program comes first, since nothing else can be believed where it fails: numerics, rows, structure,
gradients. Then what has to be tried: of two that gain alike the more special one is the cause, and the learning rate,
which does a little good to nearly everything, is one of the last. What is read off the training comes at the end.
"""

from __future__ import annotations

from burnish.doctor.rule import Rule
from burnish.doctor.rules import (
    amounts,
    blind,
    data,
    endings,
    fitting,
    generalisation,
    gradients,
    groups,
    initialisation,
    inputs,
    losses,
    numerics,
    outputs,
    predictions,
    randomness,
    regularisation,
    relations,
    scales,
    sequences,
    steps,
    structure,
)

PROOFS: tuple[Rule, ...] = (
    randomness.NU11,
    *numerics.PROOFS,
    *blind.PROOFS,
    randomness.NU9,
    numerics.NU10,
    *relations.PROOFS,  # columns in another order look like wrong targets
    *data.PROOFS,
    inputs.DA15,
    *outputs.PROOFS,
    *losses.PROOFS,
    *sequences.PROOFS,
    *structure.PROOFS,
    *gradients.PROOFS,
    gradients.NU3,  # after the structure: of a constant output no parameter has a gradient
)
TRIALS: tuple[Rule, ...] = (
    inputs.DA13,
    outputs.NN8,
    outputs.NN14,
    outputs.NN19,
    losses.NN18,
    structure.NN20,
    inputs.DA15,  # before the scale of inputs that it spoils
    inputs.DA16,
    inputs.NN15,
    inputs.DA1,
    fitting.NN13,
    scales.NN5,  # before the weights' scale, which leaves no unit dead
    scales.NN6,
    *initialisation.RULES,
    gradients.NU5,
    *regularisation.RULES,
    *steps.SPECIFIC,
    *amounts.BATCHES,
    *steps.RATES,
    structure.NN10,
    amounts.BV10,
    *steps.OTHERS,
    amounts.BV11,
    *regularisation.TOO_LITTLE,
)
READINGS: tuple[Rule, ...] = (
    *fitting.LIMITS,
    *endings.LIMITS,
    groups.DA8,
    *generalisation.LIMITS,
    *predictions.LIMITS,
    *scales.UNITS,
    *fitting.NOTES,
    *endings.NOTES,
)
# What a network and its loss are asked without a step of training, in watched loops too.
UNTRAINED = tuple(rule.untrained for rule in PROOFS if rule.untrained is not None)
RULES: tuple[Rule, ...] = tuple(dict.fromkeys((*PROOFS, *TRIALS, *READINGS)))
