"""JAX's rules as burnish is written for them, whatever the process around it, or its environment, has set."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import jax


def rows() -> AbstractContextManager[None]:
    """One value for each column goes with every row, also in a process that raises where ranks are promoted."""
    return jax.numpy_rank_promotion("allow")


@contextmanager
def own() -> Iterator[None]:
    """Numbers of 32 bits, and the usual promotion of ranks and types: as a context, or around a function.

    A notebook that has set `jax_enable_x64`, or that raises where ranks are promoted, gets the same network as any.
    """
    with jax.enable_x64(False), jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield
