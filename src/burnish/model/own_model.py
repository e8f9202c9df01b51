"""A person's own model as it is handed over: a pair of functions, and where they come from. Needs no JAX."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

KEY = "key"


@dataclass(frozen=True, slots=True)
class OwnModel:
    """`init(key, inputs, outputs) -> params` and `apply(params, x) -> outputs`, or `apply(params, x, *, key)`.

    Two are the same where their functions are: what was compiled of one is never taken for another. As text it is its
    name and digest, which are the same in every process.
    """

    init: Callable[..., Any] = field(repr=False)
    apply: Callable[..., Any] = field(repr=False)
    name: str = ""  # FILE.py:NAME, or what the functions are called
    file: str = ""  # FILE.py:NAME with the file's whole path; "": the functions came from memory
    digest: str = ""  # SHA-256 of the file that the functions stand in; "": they stand in none

    @property
    def takes_key(self) -> bool:
        """Whether `apply` wants a random key in training."""
        try:
            parameters = inspect.signature(self.apply).parameters.values()
        except (TypeError, ValueError):  # a callable of compiled code does not say
            return False
        return any(p.name == KEY or p.kind is p.VAR_KEYWORD for p in parameters)

    def to_json(self) -> dict[str, str]:
        """Where the functions come from; code itself is never kept."""
        return {"name": self.name, "file": self.file, "digest": self.digest}
