"""The main job and delivered models, called from Python."""

from __future__ import annotations

import logging
import time
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from burnish import units
from burnish.workflow import ablate as ablation
from burnish.workflow import ablating, applying
from burnish.workflow import improve as main_job
from burnish.workflow import settings as all_settings
from burnish.workflow.ablate import Ablation
from burnish.workflow.applying import Model
from burnish.workflow.events import Emit, Line, Progress
from burnish.workflow.leaving import Result
from burnish.workflow.reading import Sources

if TYPE_CHECKING:
    from burnish.explaining.explained import Explained
    from burnish.workflow.rediagnosing import Rediagnosed

_LOGGER = logging.getLogger("burnish")
# Settings that name a column. A data frame's columns may be numbers: the table's are their texts.
NAMING = ("source", "group", "time", "weight")


def improve(
    data: Any,
    target: Any = None,
    *,
    dev: Any = None,
    test: Any = None,
    labels: str | PathLike[str] | None = None,
    out: str | PathLike[str] | None = None,
    model: Any = None,
    emit: Emit | None = None,
    **settings: Any,
) -> Result:
    """Hand over a table, get back the best network it allows, and what held it back.

    Args:
        data: A path (CSV, TSV, Parquet, JSON lines, NPZ), a data frame of pandas, polars or pyarrow, a dict of columns,
            or a numpy array, whose columns are called x0, x1, …. Or images: a folder with a folder for each class, a
            folder and `labels`, or NPZ.
        target: The column to predict, by its name. Images in folders have none.
        dev: Rows that choose, in any of these forms; None: some of `data`.
        test: Rows that are opened once; None: some of `data`; False: no test set.
        labels: The path of a table of labels, for a folder of images.
        out: A new folder for the run; None: `burnish-runs/<data>-<time>`.
        model: Your own JAX model in place of burnish's network: a pair of functions (init, apply), or "FILE.py:NAME"
            of such a pair. docs/own-models.md says what they get and give.
        emit: Called with each `Line` and `Progress`; None: lines go to the logger "burnish".
        settings: What `burnish improve --help` lists, with underscores: time_limit="2m", metric="accuracy", seed=1, ….

    Raises:
        DataError: The data cannot be used as they are; nothing is left behind.
        ConfigError: A setting is out of range or unknown.
        Interrupted: By Ctrl+C or SIGTERM; `resume(path)` goes on.
    """
    began = time.monotonic()
    if test is False:
        settings["test"], test = False, None
    settings |= {name: _text(settings[name]) for name in NAMING if name in settings}
    if isinstance(settings.get("drop"), list | tuple):
        settings["drop"] = tuple(map(_text, settings["drop"]))
    asked = all_settings.make(target=_text(target), model=model, **settings)
    sources = Sources(data, dev, test, labels=None if labels is None else str(labels))
    request = main_job.Request(sources, asked, None if out is None else Path(out))
    return main_job.run(request, emit=emit or _log, began=began)


def _text(name: Any) -> Any:
    return name if name is None else str(name)


def resume(run: str | PathLike[str], *, model: Any = None, emit: Emit | None = None) -> Result:
    """Go on with a run that was stopped.

    Args:
        run: Its folder.
        model: Its own model, (init, apply) or "FILE.py:NAME", where the file is not there as it was.
        emit: Called with each `Line` and `Progress`; None: lines go to the logger "burnish".

    Raises:
        ConfigError: It has finished, or its data came from memory and are gone.
        StoreError: There is no such run, or it is damaged.
        Interrupted: By Ctrl+C or SIGTERM, again.
    """
    return main_job.resume(Path(run), model=model, emit=emit or _log, began=time.monotonic())


def ablate(
    run: str | PathLike[str],
    *,
    time_limit: float | str | None = "2m",
    seeds: int = ablating.SEEDS,
    jobs: int | None = None,
    best_network: bool = False,
    output: str | PathLike[str] | None = None,
    model: Any = None,
    emit: Emit | None = None,
) -> Ablation:
    """What each technique is worth on a run's data: its best network, with each taken away or put in, one at a time.

    Args:
        run: The folder of a finished run; the page and the document are written there.
        time_limit: Wall time such as "2m", or seconds; None: as long as it takes.
        seeds: That both sides are trained on, if the time is enough.
        jobs: Worker processes; None: one for each core.
        best_network: Take the best network apart although a simple model is delivered.
        output: Another place for the page.
        model: The run's own model, (init, apply) or "FILE.py:NAME", where the file is not there as it was.
        emit: Called with each `Line` and `Progress`; None: lines go to the logger "burnish".

    Raises:
        ConfigError: The run has not finished or delivers no network, its data are gone, or the time was not enough.
        DataError: Its data have changed.
        StoreError: There is no such run, or it is damaged.
        Interrupted: By Ctrl+C or SIGTERM; the run is as it was.
    """
    began = time.monotonic()
    place = None if output is None else Path(output)
    asked = ablation.Asked(Path(run), units.seconds(time_limit), seeds, jobs, place, best_network, model)
    return ablation.run(asked, emit=emit or _log, began=began)


def explain(
    run: str | PathLike[str],
    *,
    time_limit: float | str | None = "2m",
    jobs: int | None = None,
    emit: Emit | None = None,
) -> Explained:
    """Why techniques work, on a run's own rows and from its best network: a finding, numbers and curves for each.

    Args:
        run: The folder of a finished run; the page and the document are written there.
        time_limit: Wall time such as "2m", or seconds, after which no further panel is begun; None: as long as it
            takes.
        jobs: Trainings at once; None: one for each core.
        emit: Called with each `Line`; None: lines go to the logger "burnish".

    Raises:
        ConfigError: The run has not finished or trained no network, or its data are gone.
        DataError: Its data have changed.
        StoreError: There is no such run, or it is damaged.
        Interrupted: By Ctrl+C or SIGTERM; the run is as it was.
    """
    from burnish.explaining import explained  # imports JAX, which nothing else here needs in this process

    return explained.run(explained.Asked(Path(run), units.seconds(time_limit), jobs), emit=emit or _log)


def diagnose_run(
    run: str | PathLike[str],
    *,
    time_limit: float | str | None = "2m",
    baseline_error: float | None = None,
    model: Any = None,
) -> Rediagnosed:
    """What held a run's networks back, and whether anything is wrong with the training of what it delivers.

    The second is examined as `burnish.diagnose` would, on the run's own rows. Nothing in the folder is changed.

    Args:
        run: The folder of a finished run.
        time_limit: Wall time such as "2m", or seconds, after which nothing further is tried; None: as long as it takes.
        baseline_error: What is achievable, as an error in the target's unit; None: not known.
        model: Your own model, where its file is not there as it was.

    Raises:
        ConfigError: The run has not finished, or its data are gone.
        DataError: Its data have changed.
        StoreError: There is no such run, or it is damaged.
    """
    from burnish.workflow import rediagnosing  # imports JAX, which nothing else here needs in this process

    asked = rediagnosing.Asked(Path(run), units.seconds(time_limit), baseline_error, model)
    return rediagnosing.run(asked, tell=_LOGGER.info)


def load_model(path: str | PathLike[str], *, model: Any = None) -> Model:
    """The model of a run folder, or of the model folder in it.

    Args:
        path: The folder.
        model: Your own model, (init, apply) or "FILE.py:NAME", if the run trained one: its code is not in the folder.
            None: from the file that the run was given, if it is there as it was.

    Raises:
        StoreError: There is none, or it cannot be read.
        ConfigError: It is of an own model, and that is missing or another one.
    """
    return Model(applying.model_in(Path(path), model=model))


def _log(event: Line | Progress) -> None:
    """Sentences go to the logger, so that a program shows them as it shows its others."""
    if isinstance(event, Line):
        _LOGGER.log(logging.WARNING if event.warning else logging.INFO, "%s: %s", event.stage.value, event.text)
