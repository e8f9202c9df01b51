"""A person's own model: from a pair of functions or FILE.py:NAME to the record of it, and to another process."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import inspect
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cloudpickle

from burnish import errors
from burnish.load import code
from burnish.model.own_model import OwnModel

WANTED = code.Wanted("model", "to train", "own_model.py:model", "Name the pair: model = (init, apply).")
GIVE = "Give it with --model FILE.py:NAME, or in Python with model=(init, apply)."


def of(given: Any) -> OwnModel:
    """The model that was handed over: FILE.py:NAME, a pair of functions, or the record of one.

    Raises:
        ConfigError: It is none of these, or the file cannot be used.
    """
    if isinstance(given, OwnModel):
        return given
    if isinstance(given, str | Path):
        return from_file(str(given))
    if is_pair(given):
        return _from_memory(*given)
    raise errors.ConfigError(
        f"The model is {given if isinstance(given, dict | int | float) else type(given).__name__!r}.",
        "A model of your own is a pair of functions: init(key, inputs, outputs) and apply(params, x).",
        'Give model=(init, apply), or model="FILE.py:NAME".',
    )


def is_pair(given: Any) -> bool:
    """Whether it is a pair of functions."""
    return isinstance(given, tuple | list) and len(given) == 2 and all(map(callable, given))


def from_file(where: str) -> OwnModel:
    """The pair that a file holds under a name; what the file prints goes to stderr.

    Raises:
        ConfigError: There is no such file, it cannot be imported, or holds no pair of that name.
    """
    path, name = code.parts(where, WANTED)
    with contextlib.redirect_stdout(sys.stderr):
        module = code.imported(path, "own")
    init, apply = code.named(module, path, name, fits=is_pair, wanted=WANTED)
    return OwnModel(init, apply, f"{path.name}:{name}", f"{path.resolve()}:{name}", digest_of(path))


def again(kept: dict[str, str]) -> OwnModel:
    """The model that a run or a model folder names, if its file is there as it was.

    Args:
        kept: What `OwnModel.to_json` gave.

    Raises:
        ConfigError: The functions came from memory, or the file is gone or has changed.
    """
    what = f"The model {kept['name']} has to be given again."
    if not kept["file"]:
        raise errors.ConfigError(what, "Its functions came from memory, and no code is kept.", GIVE)
    path = Path(kept["file"].rpartition(":")[0])
    if not path.is_file():
        raise errors.ConfigError(what, f"There is no file {path} any more.", f"Bring it back. {GIVE}")
    if digest_of(path) != kept["digest"]:
        raise errors.ConfigError(what, f"{path} has changed since.", f"Bring it back as it was. {GIVE}")
    return from_file(kept["file"])


def restored(kept: dict[str, str] | None, given: Any) -> OwnModel | None:
    """The own model of a run that goes on, if it trains one.

    Args:
        kept: What the run has of it.
        given: What the person gives now: see `of`; None: the file that the run names, if it is there as it was.

    Raises:
        ConfigError: It is gone or another one, or the run trains burnish's own network.
    """
    if kept is None:
        if given is None:
            return None
        raise errors.ConfigError(
            "The run has no model of its own.", "It trains burnish's own network.", "Leave --model out."
        )
    if given is None:
        return again(kept)
    model = of(given)
    if kept["digest"] and model.digest and model.digest != kept["digest"]:
        raise errors.ConfigError(
            f"The model {model.name} is not the one of the run.",
            f"The file of {kept['name']} has changed since, and two models cannot share a run.",
            "Bring the file back as it was, or start a new run.",
        )
    return replace(model, name=kept["name"])


def packed(model: OwnModel) -> bytes:
    """What a worker process makes the model from: the name of its file, or the functions themselves.

    Raises:
        ConfigError: The functions hold something that cannot be handed to another process.
    """
    if model.file:
        return cloudpickle.dumps(functools.partial(from_file, model.file))
    try:
        return cloudpickle.dumps(functools.partial(OwnModel, model.init, model.apply, model.name, "", model.digest))
    except Exception as error:
        raise errors.ConfigError(
            f"The model {model.name} cannot be handed to worker processes.",
            code.said(error),
            'Write its functions into a file and give model="FILE.py:NAME".',
        ) from error


def digest_of(path: Path) -> str:
    """SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _from_memory(init: Callable[..., Any], apply: Callable[..., Any]) -> OwnModel:
    source = _source(apply)
    place = getattr(apply, "__module__", None) or type(apply).__module__
    called = getattr(apply, "__qualname__", type(apply).__name__)
    name = f"{source.name if source else place}:{called}"
    return OwnModel(init, apply, name, "", digest_of(source) if source else "")


def _source(function: Callable[..., Any]) -> Path | None:
    """The file that a function stands in; None where it was typed in."""
    try:
        path = Path(inspect.getsourcefile(inspect.unwrap(function)) or "")
    except TypeError:
        return None
    return path if path.is_file() else None
