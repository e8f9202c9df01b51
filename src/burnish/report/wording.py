"""Numbers and sentences that the page, the model card and the last lines share."""

from __future__ import annotations

import math
from collections.abc import Sequence

from burnish.data.harmless import plain as plain
from burnish.diagnosis.finding import Finding, Severity
from burnish.report import compared, tails
from burnish.report.summary import (
    ColumnNote,
    ExperimentResult,
    FirstNetwork,
    Gap,
    Metric,
    Summary,
    Task,
)
from burnish.stats.interval import Interval

# Significant digits of an interval's half width that are printed. JCGM 100:2008 (the "GUM"), 7.2.6: at most two digits
# of an uncertainty, and the value to the same decimal.
UNCERTAIN_DIGITS = 2
PLAIN_DIGITS = 3  # significant digits of a number that has no interval
# Beyond so many decimals, and from this size on, a number is written in powers of ten: longer ones do not fit a phone.
MOST_DECIMALS, LARGE = 6, 1e9
YARDSTICK = "boosting"  # the baseline that is never delivered
ADVICE_SHOWN = 3  # next steps: more than a person takes at once is noise
COLUMNS_SHOWN = 300  # of the table that tells how each was understood: nobody reads on, and browsers take seconds


def shorten(text: str, longest: int) -> str:
    """At most `longest` characters, with an ellipsis for the rest."""
    return text if len(text) <= longest else text[: max(longest - 1, 0)].rstrip() + "…"


def number(value: float, decimals: int | None = None) -> str:
    """A number for reading: grouped thousands, a real minus sign; `decimals` may be negative (-2: to hundreds).

    >>> number(-12345.678, 1), number(0.00012345), number(25123.0, -2), number(79512345678.0, -8)
    ('−12,345.7', '0.000123', '25,100', '7.95e+10')
    """
    if not math.isfinite(value):
        return "not finite"
    if decimals is None:
        decimals = _decimals(abs(value), PLAIN_DIGITS)
    if abs(value) >= LARGE:
        text = f"{value:.{max(math.floor(math.log10(abs(value))) + decimals, 0)}e}"
    elif decimals > MOST_DECIMALS:
        text = f"{value:.{PLAIN_DIGITS}g}"
    else:
        rounded = round(value, decimals)
        text = f"{rounded + 0.0:,.{max(decimals, 0)}f}"  # + 0.0 turns −0.0 into 0.0
    return text.replace("-", "−")


def share(value: float) -> str:
    """A probability for reading; 1 is said of nothing that is only nearly sure.

    >>> share(0.8264), share(0.99999), share(1e-5)
    ('82.6 %', 'over 99.9 %', 'under 0.1 %')
    """
    if 0.999 < value < 1:
        return "over 99.9 %"
    return "under 0.1 %" if 0 < value < 0.001 else f"{100 * value:.1f} %"


def _decimals(size: float, digits: int) -> int:
    """Decimals that show `size` with so many significant digits."""
    return digits - 1 - math.floor(math.log10(size)) if size > 0 else 0


def _places(interval: Interval) -> int | None:
    half = (interval.high - interval.low) / 2
    return _decimals(half, UNCERTAIN_DIGITS) if math.isfinite(half) and half > 0 else None


def span(interval: Interval, unit: str = "", *, sign: bool = False) -> str:
    """A value with its interval and unit; the unit "%" takes shares of 1 and shows them in per cent.

    >>> span(Interval(4.4312, 4.021, 4.893), "MPa"), span(Interval(0.0341, 0.0212, 0.0523), "%")
    ('4.43 MPa [4.02, 4.89]', '3.4 % [2.1, 5.2]')
    """
    value, low, high = _written(interval, unit)
    plus = "+" if sign and interval.value > 0 else ""
    return f"{plus}{value} {unit}".rstrip() + (f" [{low}, {high}]" if low else " (no interval)")


def value_of(interval: Interval, unit: str = "") -> str:
    """The value alone, to the digits that its interval allows: "4.43 MPa"."""
    return f"{bare(interval, unit)} {unit}".rstrip()


def bare(interval: Interval, unit: str = "") -> str:
    """The value to the digits that its interval allows, without the unit, for tables that name it once: "4.43"."""
    return _written(interval, unit)[0]


def range_of(interval: Interval, unit: str = "") -> str:
    """The interval alone: "4.02 to 4.89"."""
    _, low, high = _written(interval, unit)
    return f"{low} to {high}" if low else "no interval"


def _written(interval: Interval, unit: str) -> tuple[str, str, str]:
    """Value, low and high as text; the ends are "" where they are not finite."""
    scale = 100.0 if unit == "%" else 1.0
    scaled = Interval(interval.value * scale, interval.low * scale, interval.high * scale)
    places = _places(scaled)
    if not (math.isfinite(scaled.low) and math.isfinite(scaled.high)):
        return number(scaled.value, places), "", ""
    return number(scaled.value, places), number(scaled.low, places), number(scaled.high, places)


def unit_of(task: Task) -> str:
    """The unit errors are printed in."""
    return "%" if task.shares else task.unit


def gain_unit(unit: str) -> str:
    """How a gain's unit reads: a difference of two percentages is in points."""
    return "points" if unit == "%" else unit


def gain(item: ExperimentResult) -> str:
    """An experiment's gain with its interval: "+0.62 MPa [0.31, 0.93]"."""
    return difference(Interval(item.gain, item.low, item.high), item.unit)


def difference(interval: Interval, unit: str) -> str:
    """A difference of two errors with its sign; shares of 1 are printed in points."""
    text = span(interval, unit, sign=True)
    return text.replace(" %", " points", 1) if unit == "%" else text


def listing(items: Sequence[str]) -> str:
    """ "a", "a and b", "a, b and c"."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def seen_rows(seen: int, rows: int) -> str:
    """That a model is judged on rows that it was made from."""
    what = "The row is one" if rows == 1 else f"{'All' if seen == rows else f'{seen:,}'} of the {rows:,} rows are ones"
    return f"{what} that the model was made from, inputs and target alike: their errors say nothing of new rows."


def headline(summary: Summary) -> str:
    """The answer in one sentence: the promise."""
    final, task = summary.final, summary.task
    if final is None:
        return "The run ended before there was a model to promise anything for."
    return f"Expect {_article(task.error)} {task.error} of {span(final.dev, unit_of(task))} on new rows like these."


def _article(noun: str) -> str:
    spelled = noun[:1] in "AEFHILMNORSX" if noun[:2].isupper() else noun[:1].lower() in "aeio"
    return "an" if spelled else "a"


def promise_kept(summary: Summary) -> str:
    """Whether the test rows kept the promise, and whether it leans on a few rows."""
    return " ".join(filter(None, (_kept(summary), tails.leaning(summary))))


def _kept(summary: Summary) -> str:
    final = summary.final
    if final is None:
        return ""
    if final.test is None:
        return "No test set was kept, so the promise has not been checked on rows that no choice has seen."
    if final.test.value > final.dev.high:
        verdict = "worse than the promised range: trust the test figure"
    elif final.test.value < final.dev.low:
        verdict = "better than the promised range, as chance or easier rows can do"
    else:
        verdict = "inside the promised range"
    once = final.test_openings == 1
    opened = "once, at the end" if once else f"{final.test_openings} times, so it is no longer fresh"
    return f"The error on the {summary.rows.test or 0:,} test rows is {verdict}. The test set was opened {opened}."


def verdict(summary: Summary) -> str:
    """The final model beside the simple ones: different only where an interval says so."""
    if summary.final is None:
        return headline(summary)
    if not summary.baselines:
        return "There is no simpler model to compare the final one with."
    what = None if summary.delivered is None else summary.delivered.what
    itself = [f"the {baseline.name} baseline" for baseline in summary.baselines if baseline.name == what]
    beside = [(compared.beside(summary.final, one), one.name) for one in summary.baselines if one.name != what]
    named = [(how, [name for found, name in beside if found == how]) for how in compared.BESIDE]
    parts = [how.format(listing(names)) for how, names in named if names]
    return f"The final model is {', '.join([*itself, *([listing(parts)] if parts else [])])}."


def yardstick(summary: Summary) -> str:
    """That boosting did better, where it surely did, and why it is not what is delivered. "" where it did not."""
    by = next((b.excess for b in summary.baselines if b.name == YARDSTICK and b.excess is not None), None)
    if by is None or summary.final is None or by.low <= summary.final.practical:
        return ""
    size = difference(by, unit_of(summary.task)).removeprefix("+")
    return (
        f"Boosting's error is lower by {size} on the same dev rows. It is a yardstick, which burnish shows and never "
        "hands back: where the error is all that counts, train boosted trees with a tool of their own."
    )


_MEANINGS = {
    "avoidable bias": "the training error of {of} lay {gap} above the lowest error thought possible",
    "variance": "the error of {of} on new rows lay {gap} above its training error",
    "mismatch": "the error of {of} on dev rows lay {gap} above that on held-out rows like the training rows",
    "dev overfitting": "the error of {of} on test rows lay {gap} above that on dev rows",
}


def dev_errors(summary: Summary) -> tuple[tuple[str, str, Interval], ...]:
    """The final model's two dev errors: what each is called, what it is, and its value."""
    final, model = summary.final, summary.delivered
    if final is None:
        return ()
    on = f"on {final.dev_rows or summary.rows.dev:,} rows"
    if model is None or model.what == "network":
        chosen = (
            f"{on}; too good as the best of many; too bad where rotations of train and dev are averaged, one of which "
            "judges each row"
        )
        return (
            ("Dev, as it was chosen by", chosen, final.dev_raw),
            ("Dev, corrected", "for both: the promise, for a fresh test set", final.dev),
        )
    averaged = model.members > 1
    return (
        ("Dev, as measured", f"{on}{', each by the fit that had not seen it' if averaged else ''}", final.dev_raw),
        ("Promised", f"{'for the average of the fits, ' if averaged else ''}on a fresh test set", final.dev),
    )


def further(summary: Summary) -> tuple[Metric, ...]:
    """Measures on the test rows beside the error, which has a row of its own."""
    final = summary.final
    return () if final is None else tuple(item for item in final.test_metrics if item.name != summary.task.error)


def without_network(trials: int) -> str:
    """Why there is no network to speak of, without a full stop; `trials`: the trainings that began."""
    if not trials:
        return "No network was trained"
    began = "1 training began, but" if trials == 1 else f"{trials:,} trainings began, but"
    return f"{began} did not come far enough for a network to be judged"


def trained(summary: Summary) -> str:
    """How many networks were trained, for the head of the page."""
    if not summary.trials:
        return "no network trained"
    what, done = ("training", "begun") if summary.first is None else ("network", "trained")
    return f"{summary.trials:,} {what}{'' if summary.trials == 1 else 's'} {done}"


def held_back(summary: Summary) -> str:
    """What held the first network back, the greatest part first.

    Where the first network was a short training on a part of the rows, what is left in the delivered model is what
    counts.
    """
    if not summary.budgets:
        return "The run ended before the first network could be judged."
    short = summary.first is not None and summary.first.rows is not None
    budget = summary.budgets[-1 if short else 0]
    found = sorted((part for part in budget.gaps if part.found), key=lambda part: -part.gap.value)
    if not found:
        return f"Nothing that stands out from the noise.{_smallest(budget.gaps, summary.task)}"
    return " ".join(_meaning(part, budget.of, unit_of(summary.task)) for part in found)


def first_name(first: FirstNetwork) -> str:
    """What the first network is called beside others."""
    return "first network" if first.rows is None else "first network, a part"


def first_training(summary: Summary) -> str:
    """How the first network was trained, where it was not on all training rows. "" where it was."""
    first = summary.first
    if first is None or first.rows is None:
        return ""
    epochs = first.configuration.epochs
    return (
        f"It trained for {epochs} epoch{'' if epochs == 1 else 's'} of {first.rows:,} training rows, as did the "
        "experiments: an epoch of all was dear in the time given. The networks that are delivered learned from all, or "
        "from as many as there was time for."
    )


def _meaning(part: Gap, of: str, unit: str) -> str:
    size = difference(part.gap, unit).removeprefix("+")
    meaning = _MEANINGS.get(part.name, "{gap}").format(of=of, gap=size)
    return f"{part.name[:1].upper()}{part.name[1:]}: {meaning}."


def _smallest(gaps: Sequence[Gap], task: Task) -> str:
    sizes = [part.smallest for part in gaps if part.smallest is not None]
    if not sizes:
        return ""
    scale, unit = (100.0, " points") if task.shares else (1.0, f" {task.unit}".rstrip())
    return f" A gap below {number(max(sizes) * scale, None)}{unit} could have stayed unseen."


def kept(summary: Summary) -> tuple[ExperimentResult, ...]:
    """The remedies that helped, the greatest gain first."""
    return tuple(sorted((e for e in summary.experiments if e.kept), key=lambda e: (-e.gain, e.remedy)))


def helped(summary: Summary) -> tuple[str, ...]:
    """What helped and by how much, one line each."""
    return tuple(f"{item.title}: better by {gain(item).removeprefix('+')}" for item in kept(summary))


def helped_without(summary: Summary) -> str:
    """The sentence for the case where no remedy was kept."""
    tried = len(summary.experiments)
    none = f"None of the {tried} remedies tried beat the noise, so none was kept." if tried else "No remedy was tried."
    return " ".join(filter(None, (none, _beside_remedies(summary))))


def _beside_remedies(summary: Summary) -> str:
    """What the search and averaging made of the first network, where networks are delivered that promise less error. ""
    elsewhere.
    """
    first, final, model = summary.first, summary.final, summary.delivered
    if first is None or final is None or model is None or model.what != "network":
        return ""
    if final.dev.value >= first.dev.value:
        return ""
    searched = ["the search"] if summary.search is not None and summary.search.draws else []
    by = [*searched, *([f"the average of {model.members} networks"] if model.members > 1 else [])]
    unit = unit_of(summary.task)
    then = f"With {' and '.join(by)} {value_of(final.dev, unit)} is promised" if by else ""
    return f"{then}, where the first network has {value_of(first.dev, unit)}." if then else ""


def next_steps(summary: Summary) -> tuple[str, ...]:
    """What to do next. Not the remedies of what was found: the run has tried most of them."""
    return summary.advice[:ADVICE_SHOWN]


def model_sentence(summary: Summary) -> str:
    """What is delivered."""
    model = summary.delivered
    if model is None:
        return "Nothing."
    if model.what != "network":
        names = {"linear": "A linear model", "majority": "The majority class", "mean": "The mean of the target"}
        return f"{names[model.what]}{_of_fits(model.members)}. {model.reason}".rstrip()
    own = "" if summary.first is None else summary.first.configuration.model
    if model.members == 1:
        what = f"Your own model {own}" if own else "One network"
    else:
        what = f"An ensemble of {model.members} networks" + (f" of your own model {own}" if own else "")
    return (
        f"{what} with {model.parameters:,} parameters{' in all' if model.members > 1 else ''}. {model.reason}".rstrip()
    )


def _of_fits(count: int) -> str:
    """What the two numbers of a delivered simple model are: its dev error, and what it promises."""
    if count == 1:
        return ""
    return (
        f", averaged over {count} fits, one a fold: the promise is for their average, the dev error for one at a time"
    )


def columns_hidden(columns: Sequence[ColumnNote]) -> str:
    """How many columns the table of the first `COLUMNS_SHOWN` leaves away, as a sentence; "": none."""
    hidden = len(columns) - COLUMNS_SHOWN
    return f"And {hidden:,} more: `summary.json` in the run's folder has them all." if hidden > 0 else ""


def by_severity(findings: Sequence[Finding]) -> tuple[Finding, ...]:
    """Faults first, then limits, then notes; otherwise in their order."""
    order = (Severity.FAULT, Severity.LIMIT, Severity.NOTE)
    return tuple(sorted(findings, key=lambda item: order.index(item.severity)))
