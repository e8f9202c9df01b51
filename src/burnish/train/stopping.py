"""When training stops early: a rule of the dev costs so far, the same inside a compiled program and outside of one."""

from __future__ import annotations

from jaxtyping import Array, Bool, Float, Int32


def improves(cost: Float[Array, "*n"], best: Float[Array, "*n"]) -> Bool[Array, "*n"]:
    """Whether this dev cost is the lowest so far; one that is not a number never is."""
    return cost < best


def waited(epoch: Int32[Array, ""], best_epoch: Int32[Array, ""], patience: Int32[Array, ""] | int) -> Bool[Array, ""]:
    """Whether `patience` epochs have gone by without a better dev cost; never with a patience of 0."""
    return (patience > 0) & (epoch - best_epoch >= patience)
