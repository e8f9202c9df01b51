"""The commands and their options. What they do is elsewhere: this file translates words into settings."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from burnish.cli import process

# When this process began, on the clock of `time.monotonic`: what --time-limit counts from. The interpreter has done
# nothing but start until here, so its CPU time tells how long that took. The system's own record of a process goes back
# to the shell that became it by `exec`, which may have lived for hours.
BEGAN = time.monotonic() - time.process_time()


LABELS = "Table of labels of a folder of images: a column of files and one of labels (--target, if there are more)."
IMAGE_SIZE = "What images are brought to, height x width (the median side, at most 64)."
OWN_MODEL = "The run's own model, where its file is not there as it was."


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="burnish")
def burnish() -> None:
    """Finds what holds a neural network back, cures it by experiment, and shows the evidence."""


@burnish.command()
@click.argument("data")
@click.option("--target", metavar="COL", help="Column to predict.")
@click.option("--labels", metavar="FILE", help=LABELS)
@click.option("--image-size", metavar="32 or 32x48", help=IMAGE_SIZE)
@click.option("--task", type=click.Choice(["auto", "classification", "regression"]), help="Kind of question (auto).")
@click.option(
    "--metric",
    metavar="NAME",
    help="What choices are made by: log_loss, accuracy, balanced_accuracy, auc (log-loss chooses in its stead); "
    "rmse, mae, r2 (RMSE chooses, which is the same).",
)
@click.option("--dev", metavar="FILE", help="Rows that choose, if you have your own.")
@click.option("--test", "test_file", metavar="FILE", help="Rows that are opened once, if you have your own.")
@click.option("--no-test", is_flag=True, help="Keep no test set; the promise comes from dev alone.")
@click.option("--source", metavar="COL", help="Column that says where a row comes from.")
@click.option(
    "--group",
    metavar="COL",
    help="Rows with one value here stay on one side of every split, and are one piece of evidence.",
)
@click.option("--time", "time_column", metavar="COL", help="Train on the past, choose and test on what comes after.")
@click.option("--drop", metavar="COL", multiple=True, help="Column to leave out; may be repeated.")
@click.option("--weight", metavar="COL", help="Weight of each row in costs and errors.")
@click.option(
    "--positive",
    metavar="LABEL",
    help="The class that precision, recall, F1 and average precision speak of (the one that means yes, or the rarer).",
)
@click.option("--folds", type=int, metavar="K", help="Folds of cross-validation, instead of what the rows call for.")
@click.option("--start", metavar="FILE", help="Begin from your own configuration (JSON or TOML).")
@click.option(
    "--model",
    metavar="FILE.py:NAME",
    help="Train your own JAX model, a pair (init, apply), in place of burnish's network (docs/own-models.md).",
)
@click.option("--require", metavar="'error<=0.05'", help="Exit 4 unless the upper end of the test interval passes.")
@click.option("--jobs", type=int, metavar="N", help="Worker processes (one per core).")
@click.option(
    "--device", type=click.Choice(["auto", "cpu", "gpu"]), help="Where to train (auto: on GPUs where JAX has any)."
)
@click.option("--memory-limit", metavar="4G", help="Memory of all workers together; on images, of all processes.")
@click.option("--baseline-error", type=float, metavar="X", help="Error of people, or the best possible, if known.")
@click.option("--time-limit", metavar="2m", help="Wall time, all included (2m; quick 30s, thorough 20m).")
@click.option(
    "--max-epochs",
    type=int,
    metavar="N",
    help="At most so many epochs over all trials, instead of time: the answer ignores the clock.",
)
@click.option("--preset", type=click.Choice(["quick", "default", "thorough"]), help="How much to spend (default).")
@click.option("--seed", type=int, help="Another seed, another answer (0).")
@click.option(
    "--out", metavar="DIR", type=click.Path(path_type=Path), help="Run folder (./burnish-runs/<data>-<time>)."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option(
    "--config", metavar="FILE", type=click.Path(path_type=Path), help="Settings from a burnish.toml; options win."
)
@click.option("-q", "--quiet", is_flag=True, help="Warnings only.")
@click.option("-v", "--verbose", is_flag=True, help="Also show what every stage decided by the clock.")
def improve(
    data: str,
    dev: str | None,
    test_file: str | None,
    labels: str | None,
    out: Path | None,
    as_json: bool,
    config: Path | None,
    quiet: bool,
    verbose: bool,
    **options: Any,
) -> None:
    """Hand over a table, get back the best network it allows, and what held it back.

    DATA is CSV or TSV (any common dialect), Parquet, JSON lines or NPZ; - reads standard input. Or it is images: a
    folder with a folder for each class, a folder and --labels, or NPZ (docs/images.md).
    """
    with process.for_good():
        from burnish.cli import options as given
    values = given.settings_from(options, config, sources=(data, dev, test_file))
    with process.for_good():
        from burnish.cli import running
    running.improve(
        running.Ask(data, dev, test_file, out, values, command=_command_line(), labels=labels),
        began=BEGAN,
        as_json=as_json,
        quiet=quiet,
        verbose=verbose,
    )


@burnish.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--model", metavar="FILE.py:NAME", help=OWN_MODEL)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Warnings only.")
def resume(run: Path, model: str | None, as_json: bool, quiet: bool) -> None:
    """Go on with a run that was stopped."""
    with process.for_good():
        from burnish.cli import running
    running.resume(run, own=model, began=BEGAN, as_json=as_json, quiet=quiet)


@burnish.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data")
@click.option("-o", "--output", metavar="FILE", help="Where to (standard output).")
@click.option("--proba", is_flag=True, help="A probability for each class instead of the class.")
@click.option("--model", "own", metavar="FILE.py:NAME", help=OWN_MODEL)
def predict(model: Path, data: str, output: str | None, proba: bool, own: str | None) -> None:
    """Predict: one row out for each row in, in order. MODEL is a run folder or its model folder."""
    from burnish.cli import options

    options.refuse_output(output, data)
    from burnish.cli import using

    using.predict(model, data, output, proba=proba, own=own)


@burnish.command()
@click.argument("model", type=click.Path(path_type=Path))
@click.argument("data")
@click.option("--group", metavar="COL", help="Rows with one value here are one piece of evidence (as in the run).")
@click.option("--weight", metavar="COL", help="Weight of each row (as in the run).")
@click.option("--labels", metavar="FILE", help="Table of labels, for a folder of images.")
@click.option("--model", "own", metavar="FILE.py:NAME", help=OWN_MODEL)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def evaluate(model: Path, data: str, as_json: bool, **how: Any) -> None:
    """Judge a model on rows with known targets, with intervals."""
    from burnish.cli import options

    options.settings_from({name: how[name] for name in ("group", "weight")})
    from burnish.cli import using

    using.evaluate(model, data, as_json=as_json, **how)


@burnish.command()
@click.argument("data")
@click.option("--target", metavar="COL", help="Column to predict.")
@click.option("--labels", metavar="FILE", help=LABELS)
@click.option("--image-size", metavar="32 or 32x48", help=IMAGE_SIZE)
@click.option("--dev", metavar="FOLDER", help="Images that choose, if you have your own.")
@click.option("--test", metavar="FOLDER", help="Images that are opened once, if you have your own.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def audit(data: str, image_size: str | None, as_json: bool, **asked: Any) -> None:
    """Look for what is wrong with the data, without training anything.

    DATA is a table, or images: a folder with a folder for each class, a folder and --labels, a table with a column of
    paths, or NPZ (docs/images.md).
    """
    from burnish.cli import options

    size = options.settings_from({"image_size": image_size}).image_size
    from burnish.cli import using

    using.audit(data, image_size=size, as_json=as_json, **asked)


@burnish.command()
@click.argument("where", metavar="FILE.py:FUNCTION")
@click.option("--gradient", metavar="FUNCTION", help="Your own gradient, another function of the file (jax.grad).")
@click.option("--skip", metavar="LEAF", multiple=True, help="Leave leaves alone whose names begin so; may be repeated.")
@click.option("--directions", type=int, default=5, metavar="N", help="Random directions of each leaf (5).")
@click.option("--seed", type=click.IntRange(min=0), default=0, help="Another seed, other directions (0).")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def check(where: str, as_json: bool, **asked: Any) -> int:
    """Check the gradient of your own cost against its differences. Exit code 1: it is wrong.

    FUNCTION(params, *args) returns the whole cost, and the file's function example() returns (params, *args).
    Of your own model, a pair (init, apply), it is the squared error on made-up rows.
    """
    from burnish.cli import checking

    return checking.check(checking.Asked(where, **asked), as_json=as_json)


@burnish.command()
@click.argument("where", metavar="FILE.py:FUNCTION|RUN")
@click.option("--baseline-error", type=float, metavar="X", help="What is achievable, as an error.")
@click.option("--time-limit", metavar="TIME", help="Wall time after which no further rule is tried (a run: 2m).")
@click.option("--model", metavar="FILE.py:NAME", help=OWN_MODEL)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def diagnose(where: str, time_limit: str | None, model: str | None, as_json: bool, **asked: Any) -> int:
    """What is wrong with a training, and what to do. Exit code 1: a fault was found.

    FUNCTION() returns the arguments of `burnish.diagnose` as a dictionary: init, apply, loss, optimizer, train, dev,
    and what else there is of batch_size, epochs, shuffle, penalty and others. FUNCTION(monitor) trains by itself and
    hands each step to a `burnish.Monitor`.

    RUN is the folder of a finished run: what held its network back and what was gained, and whether anything is wrong
    with the training of what it delivers.
    """
    from burnish import units
    from burnish.cli import options

    options.refuse_of_runs(where, model=model)
    limit = units.seconds(time_limit)
    from burnish.cli import diagnosing

    return diagnosing.diagnose(where, time_limit=limit, model=model, as_json=as_json, **asked)


@burnish.command()
@click.argument("code", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def rules(code: str | None, as_json: bool) -> None:
    """Every rule, of trainings, data and runs: when it speaks, by which evidence, what cures it, which command asks.

    CODE is that of one rule, such as NN3.
    """
    from burnish.cli import ruling

    ruling.show(code, as_json=as_json)


@burnish.command()
@click.argument("run", type=click.Path(path_type=Path))
@click.option("--time-limit", metavar="2m", default="2m", help="Wall time, all included but for --explain (2m).")
@click.option("--seeds", type=click.IntRange(2), metavar="N", help="Seeds of each side, if the time is enough (6).")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Worker processes (one per core).")
@click.option("--model", metavar="FILE.py:NAME", help=OWN_MODEL)
@click.option("--best-network", is_flag=True, help="Also where a simple model is delivered: the run's best network.")
@click.option(
    "-o",
    "--output",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Another place for the page, beside RUN/ablation.html.",
)
@click.option(
    "--explain",
    is_flag=True,
    help="Then also show why, as curves and sentences: RUN/explain.html, about a minute beyond the time limit.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
@click.option("-q", "--quiet", is_flag=True, help="Warnings only.")
def ablate(run: Path, time_limit: str, as_json: bool, quiet: bool, **asked: Any) -> None:
    """What each technique is worth on your data: RUN's best network, with each taken away or put in.

    Input normalisation, initialisation, dropout, L2, weight decay, batch norm, momentum, Adam's parts, learning-rate
    decay, early stopping, input noise, binned inputs and ensembling, one at a time and on the same seeds.

    With --explain also why: conditioning, signals through the layers, the paths of optimisers, averages, batch sizes,
    decay, L2, batch norm, early stopping, and grid against random search, each on your own rows with its finding.
    """
    from burnish import units

    limit = units.seconds(time_limit)
    with process.for_good():
        from burnish.cli import ablating
    ablating.ablate(run, began=BEGAN, time_limit=limit, as_json=as_json, quiet=quiet, **asked)


@burnish.command()
@click.argument("run", type=click.Path(path_type=Path))
def report(run: Path) -> None:
    """Write a run's report anew and print where it is."""
    from burnish.cli import using

    using.report(run)


@burnish.command()
@click.argument("folder", type=click.Path(path_type=Path), default=Path("burnish-runs"))
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def runs(folder: Path, as_json: bool) -> None:
    """List the runs in a folder."""
    from burnish.cli import listing

    listing.runs(folder, as_json=as_json)


@burnish.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def doctor(as_json: bool) -> None:
    """What this machine has, and whether burnish works on it."""
    from burnish.cli import examining

    found = examining.examine()
    click.echo(json.dumps(found, indent=1) if as_json else examining.shown(found))


@burnish.command()
@click.argument("id", required=False)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document on stdout.")
def techniques(id: str | None, as_json: bool) -> None:
    """Every technique: its names in Python, the tests that prove it, where it acts.

    ID is that of one technique, from A1 to E8.
    """
    from burnish.cli import techniques as listed

    listed.show(id, as_json=as_json)


def _command_line() -> str:
    import shlex

    return shlex.join(["burnish", *sys.argv[1:]])
