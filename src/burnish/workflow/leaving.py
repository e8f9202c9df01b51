"""Stage 10: the run folder, and what the caller gets."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish import errors
from burnish.data import images
from burnish.diagnosis.finding import Finding
from burnish.load import own_models
from burnish.predictor import seen
from burnish.predictor.simple import AnyPredictor
from burnish.report import document, model_card, render, terminal
from burnish.report import summary as records
from burnish.store import atomic
from burnish.store.run_folder import RunFolder
from burnish.workflow import applying, telling
from burnish.workflow import settings as all_settings
from burnish.workflow.applying import Model
from burnish.workflow.events import Stage
from burnish.workflow.reading import Sources
from burnish.workflow.session import Session
from burnish.workflow.settings import Settings
from burnish.workflow.telling import Story

SUMMARY_FILE = "summary.json"  # what `report` renders anew
MOST_FINGERPRINTS = 1_000_000  # of rows in a model's folder: 8 MB, and two seconds to make


class DataGone(errors.ConfigError):
    """The data of a run came from memory."""


@dataclass(frozen=True, slots=True)
class Result:
    """What a run leaves in the caller's hands. Printed, it is what `burnish improve` says at the end."""

    path: Path
    # Not in what Python shows of it: all weights, and every record of the run.
    predictor: AnyPredictor = field(repr=False)
    summary: records.Summary = field(repr=False)
    settings: Settings = field(repr=False)

    @property
    def model(self) -> Model:
        """What predicts, on tables of any kind."""
        return Model(self.predictor)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """About the data and about the network."""
        return (*self.summary.audit, *self.summary.findings)

    @property
    def experiments(self) -> tuple[records.ExperimentResult, ...]:
        """Every remedy that was tried."""
        return self.summary.experiments

    @property
    def history(self) -> tuple[records.TrainingCurve, ...]:
        """Training curves of the delivered networks."""
        return self.summary.training

    @property
    def report(self) -> Path:
        """The page to open."""
        return self.path / self.summary.run.report

    def predict(self, data: Any) -> NDArray[Any]:
        """What the model says to each row: see `Model.predict`."""
        return self.model.predict(data)

    def document(self) -> dict[str, Any]:
        """The JSON document of `--json`."""
        return document.document(self.summary)

    def __str__(self) -> str:
        """The last lines that the command prints."""
        return "\n".join(terminal.summary(self.summary))

    def _repr_html_(self) -> str:
        return render.render(self.summary)


def leave(session: Session, command: str, story: Story, *, files: bool = True) -> Result:
    """Write the model, the report and everything that lets a person check it; without `files`, only give them back."""
    folder = session.folder
    run = records.Run(
        name=folder.path.name,
        path=str(folder.path),
        data=story.loaded.table.name,
        target=story.loaded.target,
        started=folder.started,
        elapsed_s=round(session.budget.elapsed, 2),
        limit_s=session.budget.limit,
        seed=session.settings.seed,
        command=command,
        versions=telling.versions(),
        model=str(folder.model),
        report=str(folder.report),
    )
    summary = telling.summarise(session, story, run=run)
    if files:
        _write(folder, story, summary)
        session.say(Stage.REPORT, f"Report: {folder.report}")
    return Result(folder.path, story.finished.predictor, summary, session.settings)


def _write(folder: RunFolder, story: Story, summary: records.Summary) -> None:
    folder.model.mkdir(exist_ok=True)
    story.finished.predictor.save(folder.model)
    ids, split = images.row_names(story.problem.table), story.problem.split
    parts = {"train": ids[split.primary.train], "dev": ids[split.primary.dev]}
    parts |= {} if split.test is None else {"test": ids[split.test]}
    parts |= {} if split.primary.train_dev is None else {"train_dev": ids[split.primary.train_dev]}
    seen.save(folder.model, _made_from(story))
    atomic.write_text(folder.splits, json.dumps({name: np.asarray(rows).tolist() for name, rows in parts.items()}))
    atomic.write_text(folder.card, model_card.render(summary))
    atomic.write_text(folder.path / SUMMARY_FILE, summary.to_json())
    atomic.write_text(folder.report, render.render(summary))


def _made_from(story: Story) -> NDArray[np.uint64]:
    """Fingerprints of the rows that trained or chose the model: all but the test rows; the first MOST_FINGERPRINTS."""
    problem = story.problem
    made = np.ones(problem.table.rows, bool)
    if problem.split.test is not None:
        made[problem.split.test] = False
    rows = np.flatnonzero(made)[:MOST_FINGERPRINTS]
    truth = problem.judge.truth[rows].astype(np.float64)
    return applying.fingerprints(story.finished.predictor, problem.table, rows, truth)


def read_summary(folder: RunFolder) -> records.Summary:
    """What the run found.

    Raises:
        StoreError: It has not finished, or what it left is damaged.
    """
    path = folder.path / SUMMARY_FILE
    try:
        return records.from_json(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise errors.StoreError(
            f"The run in {folder.path} has not finished.",
            "There is nothing to report yet.",
            f"Go on with it: `burnish resume {folder.path}`.",
        ) from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise errors.StoreError(
            f"The run in {folder.path} is damaged.", f"{path}: {error}", "Restore it from a copy, or start a new run."
        ) from error


def write_request(folder: RunFolder, sources: Sources, settings: Settings, command: str) -> None:
    """Keep what was asked for, so that the run can be resumed and repeated.

    Data from memory (a data frame, standard input) are not kept: such a run can be looked at, not resumed.
    """
    places = {
        name: str(Path(source).resolve()) if isinstance(source, str | Path) and str(source) != "-" else None
        for name, source in sources.given
    }
    kept = {"sources": places, "settings": settings.model_dump(mode="json"), "command": command}
    kept["given"] = [name for name, source in sources.given if source is not None]
    atomic.write_text(folder.config, json.dumps(kept, indent=1))


def read_request(folder: RunFolder, *, model: Any = None) -> tuple[Sources, Settings, str]:
    """What `write_request` kept.

    Args:
        folder: The run's.
        model: Its own model, where it trains one and the file is not there as it was.

    Raises:
        DataGone: The data came from memory.
        ConfigError: The run's own model did, or its file has changed.
        StoreError: The file is missing or damaged.
    """
    try:
        kept = json.loads(folder.config.read_text("utf-8"))
        places, given = kept["sources"], kept["given"]
    except (OSError, ValueError, KeyError) as error:
        raise errors.StoreError(
            f"The run in {folder.path} is damaged.", f"{folder.config}: {error}", "Start a new run."
        ) from error
    gone = [name for name in given if places[name] is None]
    if gone:
        raise DataGone(
            f"The run in {folder.path} cannot be resumed.",
            "Its data came from memory and are gone.",
            "Start a new run.",
        )
    own = own_models.restored(kept["settings"].pop("model", None), model)
    settings = all_settings.make(**kept["settings"], model=own)
    labels = places.get("labels")
    return Sources(places["main"], places["dev"], places["test"], labels=labels), settings, kept["command"]
