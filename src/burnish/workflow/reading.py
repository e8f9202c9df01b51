"""Stages 1 to 3: read the table, understand its columns, audit it, divide it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from burnish import errors, load
from burnish.data import audit as audits
from burnish.data import image_audit, images, kinds
from burnish.data import split as splits
from burnish.data.fold import Split
from burnish.data.images import ImageDataset
from burnish.data.table import Kind, Physical, Table
from burnish.diagnosis.finding import Finding, Severity
from burnish.load import image_tables
from burnish.load import images as image_files
from burnish.load.image_tables import Paths
from burnish.preprocess import target as targets
from burnish.report import wording
from burnish.workflow import arriving, checking, data_rules, hurrying, image_reading, remarks
from burnish.workflow.checking import DEV, MAIN, TEST
from burnish.workflow.events import Stage
from burnish.workflow.image_reading import ImageSources
from burnish.workflow.session import Session
from burnish.workflow.settings import METRICS, STAND_INS, Settings, sources_agree

# Seconds between two lines on how far the packing of images is.
PACKING_PULSE = 10.0
# Settings that name columns of a table.
OF_TABLES = ("source", "group", "time", "drop", "weight")

# The rule about rare classes, whose part that trains models is left out where the time is short.
RARE = "DA20"

# Kinds of columns that no network reads.
LEFT_OUT = (Kind.TEXT, Kind.IDENTIFIER, Kind.CONSTANT)

# Rows below which a person is warned: an error rate of 10 % is then known to ± 11 points at best, all rows judging it.
FEW_ROWS = 30


@dataclass(frozen=True, slots=True)
class Sources:
    """What a person handed over: paths, '-' or data frames."""

    main: Any
    dev: Any = None
    test: Any = None
    name: str | None = None
    labels: str | None = None  # a table of the labels of images

    @property
    def given(self) -> tuple[tuple[str, Any], ...]:
        """Each source by its name, None where it was not given."""
        return (("main", self.main), ("dev", self.dev), ("test", self.test), ("labels", self.labels))


@dataclass(frozen=True, slots=True)
class Loaded:
    """All rows with a target, of all sources together."""

    table: Table
    target: str
    origin: NDArray[np.int8]  # MAIN, DEV or TEST of each row
    profiles: tuple[kinds.Profile, ...]
    task: targets.Task
    metric: str
    without_target: int  # rows left out because the target is missing
    records: int  # rows and rejected records together
    images: ImageDataset | None = None  # where rows are images: their table, and what is known of the files


def name_of(sources: Sources) -> str:
    """What to call the data, before they are read."""
    if sources.name is not None:
        return sources.name
    if isinstance(sources.main, str | Path):
        return "stdin" if str(sources.main) == "-" else Path(sources.main).name.split(".")[0]
    return "data"


def read(session: Session, sources: Sources) -> Loaded:
    """Stage 1: every record is a row or a reject; every column has a kind and a reason for it."""
    settings = session.settings
    sources_agree(settings, sources.main, sources.dev, sources.test)
    if image_files.are_images(sources.main):
        return _read_images(session, sources)
    draw = hurrying.draw(session.budget, settings, (sources.main, sources.dev, sources.test))
    found = load.read(sources.main, name=sources.name, draw=draw)
    main = image_tables.opened(found, sources.main, but=(settings.target, *settings.drop))
    if isinstance(main, Paths):
        return _read_images(session, replace(sources, main=main))
    image_reading.refuse_for_tables(sources.labels, settings.image_size, str(sources.main))
    target = checking.column(main, settings.target, "target")
    checking.columns_there(settings, main)
    parts, origins = [main], [np.full(main.rows, MAIN, np.int8)]
    for given, place in ((sources.dev, DEV), (sources.test, TEST)):
        if given is not None:
            types = {column.name: column.physical for column in main.columns}
            other = load.align(main, load.read(given, types=types, draw=draw))
            parts.append(other)
            origins.append(np.full(other.rows, place, np.int8))
    table = load.concatenate(parts) if len(parts) > 1 else main
    origin = np.concatenate(origins)
    records = table.rows + sum(1 for reject in table.rejects if not reject.row_kept)
    known = targets.usable(table[target])
    without = int((~known).sum())
    checking.targets_there(known, origin, table.name, target)
    if without:
        kept = np.flatnonzero(known)
        table, origin = table.take(kept), origin[kept]
    table = table.drop(*settings.drop)
    profiles = kinds.profile(table, target=target)
    inputs = {one.name: table[one.name].physical for one in profiles if one.kind not in LEFT_OUT and one.name != target}
    for part in parts[1:]:
        arriving.refuse_unreadable(part, inputs)
    task, reason = _task(settings, table, profiles, target)
    _tell(session, table, origin, profiles, task=(task, reason), without=without)
    checking.target_suits(settings, table[target], task)
    metric = metric_for(settings, task)
    if metric in STAND_INS:
        session.say(Stage.READ, STAND_INS[metric])
    return Loaded(table, target, origin, profiles, task, metric, without, records)


def _read_images(session: Session, sources: Sources) -> Loaded:
    """Stage 1 for images: every file is a row or a reject."""
    settings = session.settings
    asked = {name: getattr(settings, name) for name in OF_TABLES if getattr(settings, name)}
    if isinstance(sources.main, Paths):
        checking.column(sources.main.table, settings.target, "target")
        checking.columns_there(settings, sources.main.table)
        image_reading.refuse_labels(sources.labels, sources.main)
    elif asked:
        raise errors.ConfigError(
            f"--{next(iter(asked))} names a column, and images have none.",
            f"{sources.main} holds images.",
            "Leave it out.",
        )
    where = ImageSources(
        *(sources.main, sources.dev, sources.test, sources.labels, settings.target, settings.image_size),
        columns=tuple(asked[name] for name in asked if name != "drop"),
    )
    draw = hurrying.draw(session.budget, settings, (sources.main, sources.dev, sources.test))
    dataset, origin = image_reading.read(where, report=_Packing(session), draw=draw)
    table, target = dataset.table, dataset.target
    assert target is not None
    records = table.rows + len(table.rejects)
    profiles = tuple(
        p if p.name in (images.IMAGE, target) else replace(p, kind=Kind.IDENTIFIER, reason="it is about the image")
        for p in kinds.profile(table, target=target)
    )
    task, reason = _task(settings, table, profiles, target)
    session.say(Stage.READ, f"{table.name}: {table.rows:,} images of {dataset.shape}.")
    _tell_passed(session, table, of="images")
    for remark in remarks.of(replace(table, notes=())):
        session.say(Stage.READ, remark, warning=True)
    for note in table.notes:
        session.say(Stage.READ, note)
    session.say(Stage.READ, f"A {task}: {reason}.")
    checking.target_suits(settings, table[target], task, of_folders=target == images.LABEL)
    return Loaded(table, target, origin, profiles, task, metric_for(settings, task), 0, records, dataset)


@dataclass(slots=True)
class _Packing:
    """Tells how many images are packed, now and then."""

    session: Session
    told: float = field(default_factory=time.monotonic)

    def __call__(self, done: int, of: int) -> None:
        if time.monotonic() - self.told >= PACKING_PULSE:
            self.told = time.monotonic()
            self.session.say(Stage.READ, f"{done:,} of {of:,} images are packed.")


def _task(settings: Settings, table: Table, profiles: Sequence[kinds.Profile], target: str) -> tuple[targets.Task, str]:
    profile = next(p for p in profiles if p.name == target)
    if settings.task == "classification":
        return "classification", "asked for"
    if settings.task == "regression":
        if table[target].physical is Physical.TEXT:
            raise errors.ConfigError(
                f"The target {target!r} holds text, so it cannot be a regression.",
                f"One of its values is {table[target].levels[0]!r}.",
                "Leave out --task, or name a column of numbers.",
            )
        return "regression", "asked for"
    return targets.infer_task(table[target], profile)


def metric_for(settings: Settings, task: targets.Task) -> str:
    """What choices are made by: what was asked for, or log-loss for classes and RMSE for numbers."""
    allowed = METRICS[task]
    metric = settings.metric or allowed[0]
    if metric not in allowed:
        raise errors.ConfigError(
            f"The metric {metric!r} does not fit a {task}.",
            f"It can be {', '.join(allowed)}.",
            "Change --metric or --task.",
        )
    return metric


def _tell(
    session: Session,
    table: Table,
    origin: NDArray[np.integer],
    profiles: Sequence[kinds.Profile],
    *,
    task: tuple[str, str],
    without: int,
) -> None:
    counts = {kind: sum(1 for p in profiles if p.kind is kind) for kind in Kind}
    shown = ", ".join(f"{count} {kind.value}" for kind, count in counts.items() if count)
    session.say(Stage.READ, f"{table.name}: {_rows_of(origin)}, {len(profiles)} columns ({shown}).")
    for remark in (*remarks.of(table), *remarks.without_target(without)):
        session.say(Stage.READ, remark, warning=True)
    _tell_passed(session, table)
    if table.rows < FEW_ROWS:
        said = f"Only {table.rows} rows: whatever is found here is uncertain."
        session.say(Stage.READ, said, warning=True, lasting=True)
    session.say(Stage.READ, f"A {task[0]}: {task[1]}.")


def _tell_passed(session: Session, table: Table, *, of: str = "records") -> None:
    """That there was no time to read all, where that is so."""
    if table.passed:
        said = hurrying.told(table.rows, table.passed, session.budget, of=of)
        session.say(Stage.READ, said, warning=True, lasting=True)


def _rows_of(origin: NDArray[np.integer]) -> str:
    """How many rows each file gave: "600 rows and 300 of the dev file"."""
    counts = [int((origin == place).sum()) for place in (MAIN, DEV, TEST)]
    given = [f"{count:,} of the {what} file" for count, what in zip(counts[1:], ("dev", "test"), strict=True) if count]
    return wording.listing([f"{counts[0]:,} rows", *given])


def plan_of(settings: Settings, origin: NDArray[np.integer]) -> splits.Plan:
    """How the person wants the table divided."""
    return splits.Plan(
        test=settings.test,
        folds=settings.folds,
        group=settings.group,
        time=settings.time,
        source=settings.source,
        seed=settings.seed,
        given_dev=bool((origin == DEV).any()),
        given_test=bool((origin == TEST).any()),
    )


def classes_of(table: Table, target: str, task: targets.Task) -> NDArray[np.integer] | None:
    """Class code of each row; None for a regression."""
    if task == "regression":
        return None
    return targets.fit(table[target], np.arange(table.rows), task).encode(table[target]).astype(np.int64)


def audit(session: Session, loaded: Loaded) -> tuple[audits.Audit, tuple[Finding, ...]]:
    """Stage 2: what is wrong with the data, whatever the network."""
    if loaded.images is not None:
        return _audit_images(session, loaded, loaded.images)
    settings, table, target = session.settings, loaded.table, loaded.target
    classes, plan = classes_of(table, target, loaded.task), plan_of(settings, loaded.origin)
    found = audits.audit(table, target, loaded.profiles, origin=loaded.origin, classes=classes, plan=plan)
    in_time = session.budget.decide("rules about data", lambda: session.budget.left(1.0) > 0)
    more: tuple[Finding, ...] = ()
    if in_time:
        more = data_rules.alone(
            table,
            target,
            loaded.profiles,
            origin=loaded.origin,
            classes=classes,
            plan=plan,
            copied=found.keep_together is not None,
            settings=settings,
        )
    findings = data_rules.with_more(tuple(map(as_finding, found.observations)), more)
    report(session, Stage.AUDIT, findings)
    if said := data_rules.left_out(settings, table) if in_time else data_rules.TIME_IS_UP:
        session.say(Stage.AUDIT, said, lasting=True)
    if not in_time or RARE in data_rules.too_dear(settings, table):
        _tell_rare(session, findings)
    return found, findings


def _tell_rare(session: Session, findings: Sequence[Finding]) -> None:
    """Rare classes, counted, where nobody looks whether they are recognised: an error rate alone does not show it."""
    for finding in findings:
        if finding.code == RARE:
            session.say(Stage.AUDIT, f"{finding.code} {finding.title} [{finding.where}]: {finding.evidence}")


def _audit_images(session: Session, loaded: Loaded, dataset: ImageDataset) -> tuple[audits.Audit, tuple[Finding, ...]]:
    classes = classes_of(loaded.table, loaded.target, loaded.task)
    plan = plan_of(session.settings, loaded.origin)
    copies = image_reading.copies(dataset, session.budget, seed=session.settings.seed)
    found = image_audit.audit(dataset, copies, origin=loaded.origin, classes=classes, plan=plan)
    findings = tuple(map(as_finding, found.observations))
    report(session, Stage.AUDIT, findings)
    return found, findings


def as_finding(observation: audits.Observation) -> Finding:
    """An observation about data, as the report and the JSON show it."""
    o = observation
    return Finding(o.code, o.title, Severity(o.severity), o.evidence, o.remedy, o.where)


def report(session: Session, stage: Stage, findings: Sequence[Finding]) -> None:
    """Show findings and keep them; notes stay in the report."""
    for finding in findings:
        session.database.record_finding(finding, stage.value)
        if finding.severity is not Severity.NOTE:
            where = f" [{finding.where}]" if finding.where else ""
            session.say(stage, f"{finding.code} {finding.title}{where}: {finding.evidence}", warning=True)


def divide(session: Session, loaded: Loaded, audited: audits.Audit) -> tuple[Split, tuple[Finding, ...]]:
    """Stage 3: train, dev and test, and what straddles them."""
    settings, table, target = session.settings, loaded.table, loaded.target
    split = splits.split(
        table,
        target,
        plan_of(settings, loaded.origin),
        origin=loaded.origin,
        classes=classes_of(table, target, loaded.task),
        keep_together=audited.keep_together,
    )
    session.say(Stage.SPLIT, split.reason)
    if loaded.task == "classification":
        _tell_unjudged(session, loaded, split)
    if loaded.images is not None:
        seen = tuple(map(as_finding, image_audit.across(loaded.images, split, audited)))
        report(session, Stage.SPLIT, seen)
        return split, seen
    later = data_rules.over_time(
        table,
        target,
        loaded.profiles,
        split,
        origin=loaded.origin,
        classes=classes_of(table, target, loaded.task),
        plan=plan_of(settings, loaded.origin),
    )
    findings = (*map(as_finding, audits.across(split, audited)), *later)
    report(session, Stage.SPLIT, findings)
    return split, findings


def _tell_unjudged(session: Session, loaded: Loaded, split: Split) -> None:
    """Classes with too few rows for every part only train: nothing can tell how well they are recognised."""
    column = loaded.table[loaded.target]
    coding = targets.fit(column, np.arange(loaded.table.rows), loaded.task)
    codes = coding.encode(column)
    judging = np.concatenate([*(fold.dev for fold in split.folds), *([] if split.test is None else [split.test])])
    alone = [coding.classes[code] for code in np.setdiff1d(codes, codes[judging])]
    if alone:
        classes = f"Class {alone[0]!r} has" if len(alone) == 1 else f"{len(alone)} classes, such as {alone[0]!r}, have"
        session.say(
            Stage.SPLIT,
            f"{classes} too few rows to be judged on: nothing will tell how well they are recognised.",
            warning=True,
            lasting=True,
        )
