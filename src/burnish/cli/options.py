"""From options to settings, with all that can be refused before data are read and the rest of burnish is imported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from burnish import errors
from burnish.workflow import settings as all_settings
from burnish.workflow.settings import Settings

# Options whose names differ from the settings they set.
RENAMED = {"time_column": "time"}
# Settings that exclude one another: an option wins over the one that the file gives in its stead.
EITHER = (("time_limit", "max_epochs"), ("time", "group"))


def settings_from(
    options: dict[str, Any], config: Path | None = None, *, sources: tuple[str | None, ...] = (None,) * 3
) -> Settings:
    """Settings from the options given; what they leave open comes from the file, then from the defaults.

    Args:
        options: By the name of the parameter.
        config: A file of settings.
        sources: Where the main, dev and test rows are.

    Raises:
        ConfigError: An option is out of range, or two do not go together, or an option and a source.
    """
    values = {} if config is None else _from_file(config)
    given = {RENAMED.get(k, k): v for k, v in options.items() if _given(v)}
    if given.pop("no_test", False):
        given["test"] = False
    if "start" in given:
        given["start"] = _configuration(Path(given["start"]))
    for one, other in (*EITHER, *(pair[::-1] for pair in EITHER)):
        if one in given and other not in given:
            values.pop(other, None)
    made = all_settings.make(**{**values, **given})
    all_settings.sources_agree(made, *sources)
    return made


def _from_file(config: Path) -> dict[str, Any]:
    """The file's settings; a configuration to start from may stand in it, or in a file of its own beside it."""
    values = all_settings.from_file(config)
    if isinstance(values.get("start"), str):
        values["start"] = _configuration(config.parent / values["start"])
    return values


def _given(value: Any) -> bool:
    """Whether the option was used: 0 is a value like any other."""
    return value is not None and value is not False and value != ()


def _configuration(path: Path) -> dict[str, Any]:
    if path.suffix == ".toml":
        return all_settings.from_file(path)
    try:
        values = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise errors.ConfigError(
            f"The file {path} cannot be read.", f"The system says: {error.strerror}.", "Check the path."
        ) from error
    except ValueError as error:
        raise errors.ConfigError(
            f"The starting configuration {path} is not JSON.", f"{error}.", "Give a JSON or TOML file."
        ) from error
    if not isinstance(values, dict):
        raise errors.ConfigError(
            f"{path} holds no configuration.",
            "It must be one JSON object of settings and values.",
            'Write it like {"widths": [64, 64], "learning_rate": 0.001}.',
        )
    return values


def names_code(where: str) -> bool:
    """Whether it is FILE.py:FUNCTION, and not the folder of a run."""
    return ":" in where or where.endswith(".py")


def refuse_of_runs(where: str, **only: object) -> None:
    """What is of a run alone is not asked of a function."""
    asked = [name for name, value in only.items() if value is not None]
    if asked and names_code(where):
        raise errors.ConfigError(
            f"--{asked[0].replace('_', '-')} has no meaning here.",
            f"It is of a run, and {where} names a function.",
            "Leave it out, or name the folder of a run.",
        )


def refuse_output(output: str | None, data: str) -> None:
    """The file to write can be one, and is not the one that is read."""
    if output is None or not Path(output).exists():
        return
    if Path(output).is_dir():
        raise errors.ConfigError(
            f"{output} is a folder.", "Predictions are written into a file.", "Name a file in it, such as out.csv."
        )
    if Path(data).is_file() and Path(output).samefile(data):
        raise errors.ConfigError(
            f"-o {output} is the file with the rows to predict.",
            "The predictions would take its place.",
            "Name another file.",
        )
