"""The page: complete, self-contained, escaped, accessible, and the same each time."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import pytest
from matplotlib import style

from burnish.diagnosis.finding import Finding, Severity
from burnish.report import model_card, render, summary, terminal, wording
from burnish.stats.interval import Interval

HERE = Path(__file__).parent
EVIL = '<script>alert("1")</script>&$x^2$\x1b[31m\u202e'
WORST = Interval(float("nan"), float("-inf"), float("inf"))
VOID = {"meta", "br", "use", "path", "rect", "link", "img", "hr"}


class Page(HTMLParser):
    """Collects what the tests ask about, and that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.links: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        values = dict(attrs)
        self.tags.append(tag)
        self.attributes.append((tag, values))
        self.ids += [values["id"]] if "id" in values else []
        self.links += [v for k, v in attrs if k in {"href", "src", "xlink:href"} and v]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.open.pop()

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag


@pytest.fixture(scope="module", params=["concrete", "vehicle"])
def full(request) -> summary.Summary:
    return summary.from_json((HERE / f"{request.param}.json").read_text())


@pytest.fixture(scope="module")
def concrete() -> summary.Summary:
    return summary.from_json((HERE / "concrete.json").read_text())


@pytest.fixture(scope="module")
def vehicle() -> summary.Summary:
    return summary.from_json((HERE / "vehicle.json").read_text())


@pytest.fixture(scope="module")
def page(full) -> str:
    return render.render(full)


def bare(kind: str = "regression") -> summary.Summary:
    """A run that ended as soon as the rows were divided."""
    return summary.Summary(
        run=summary.Run("r", "runs/r", "d.csv", "y", "2026-11-23", 1.0, 1.0, 0, "burnish improve d.csv"),
        task=summary.Task(kind, "RMSE" if kind == "regression" else "misclassification rate", "rmse"),
        rows=summary.Rows(10, 0, 6, 4),
    )


def test_the_page_is_well_formed_and_names_each_element_once(page):
    parsed = Page(page)

    assert parsed.open == []
    assert len(parsed.ids) == len(set(parsed.ids))


def test_the_page_loads_nothing_and_runs_nothing(page):
    parsed = Page(page)

    assert all(link.startswith("#") for link in parsed.links)
    assert not {"script", "link", "iframe", "object", "img"} & set(parsed.tags)
    assert not re.search(r"url\((?!#)|@import", page)
    assert "default-src 'none'" in page
    assert all(not name.startswith("on") for _, values in parsed.attributes for name in values)


def test_every_reference_inside_the_page_has_its_target(page):
    parsed = Page(page)
    targets = set(re.findall(r"url\(#([^)]+)\)", page)) | {link[1:] for link in parsed.links}

    assert targets - set(parsed.ids) == set()


def test_the_page_is_small(page):
    assert len(page.encode()) < 300_000


def test_figures_and_tables_say_what_they_show(page):
    parsed = Page(page)
    drawings = [values for tag, values in parsed.attributes if tag == "svg"]

    assert len(drawings) >= 7
    assert all(values["role"] == "img" and len(values["aria-label"]) > 20 for values in drawings)
    assert parsed.tags.count("table") == parsed.tags.count("caption")
    assert parsed.tags.count("h1") == 1
    levels = [int(tag[1]) for tag in parsed.tags if re.fullmatch("h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_the_smallest_network_within_noise_is_marked_once(page):
    assert page.count('class="number best"') == 1


def test_figures_take_their_colours_from_the_page(page):
    drawings = "".join(re.findall(r"<svg.*?</svg>", page, flags=re.S))

    assert "var(--accent)" in drawings
    assert not re.search(r"#[0-9a-fA-F]{6}\b", drawings)
    assert "§" not in drawings


def test_the_same_summary_gives_the_same_page_under_any_style(full, page):
    with style.context("dark_background"):
        again = render.render(full)

    assert again == page


def _replace_texts(value, text):
    """The same record with every free text replaced."""
    if isinstance(value, tuple):
        return tuple(_replace_texts(item, text) for item in value)
    if isinstance(value, str) and not isinstance(value, Severity):
        return text
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, Interval):
        kept = {"kind", "what", "norm", "activation", "optimizer"}
        changed = {f.name: _replace_texts(getattr(value, f.name), text) for f in fields(value) if f.name not in kept}
        return replace(value, **changed)
    return value


def test_hostile_names_stay_text(full):
    text = render.render(_replace_texts(full, EVIL))
    parsed = Page(text)

    assert "script" not in parsed.tags
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert parsed.open == []


def test_names_in_any_script_are_drawn_without_a_warning(concrete):
    text = render.render(replace(concrete, run=replace(concrete.run, target="強度 💪 مقاومة $\\frac{1}{0}$")))

    assert "強度 💪 مقاومة $\\frac{1}{0}$" in text


@pytest.mark.parametrize("kind", ["regression", "classification"])
def test_a_run_that_ended_early_still_has_a_page(kind):
    text = render.render(bare(kind))

    assert Page(text).open == []
    assert "No network was trained." in text
    assert "<svg" not in text
    assert "None" not in re.sub(r"<style>.*?</style>", "", text, flags=re.S)


def test_what_a_finding_advises_is_said_once():
    """Where it is among the next steps the finding leads there, and the last lines name the fault alone."""
    fault = Finding("DA10", "A column gives it away", Severity.FAULT, "It does.", "Leave it out.")
    told = replace(bare(), audit=(fault,), advice=("Collect more.", "Leave it out."))
    elsewhere = replace(told, advice=())

    assert render.render(told).count("Leave it out.") == render.render(elsewhere).count("Leave it out.") == 1
    assert '<a href="#next">step 2 of what to do next</a>' in render.render(told)
    assert "Fault: A column gives it away" in terminal.summary(told)
    assert "Fault: A column gives it away. Leave it out." in terminal.summary(elsewhere)


@pytest.mark.parametrize(
    ("trials", "judged", "head", "said"),
    [
        (0, False, "no network trained", "No network was trained."),
        (1, False, "1 training begun", "1 training began, but did not come far enough for a network to be judged."),
        (3, False, "3 trainings begun", "3 trainings began, but did not come far enough for a network to be judged."),
        (3, True, "3 networks trained", None),
    ],
)
def test_the_head_and_the_body_agree_on_whether_networks_were_trained(trials, judged, head, said, concrete):
    page = render.render(replace(bare(), trials=trials, first=concrete.first if judged else None))

    assert f" · {head} · " in page
    assert ("No network was trained." in page) == (trials == 0)
    assert said is None or f"<p>{said}</p>" in page


def test_folds_that_came_to_no_network_are_told(concrete):
    """The rows that judge are those of the folds that did."""
    rows = replace(bare().rows, dev=64, folds=2, planned=5)
    page = render.render(replace(bare(), rows=rows, baselines=concrete.baselines))

    assert "64 rows, choose; of 2 of the 5 folds, as the others came to no network" in page
    assert "Simple models, on 64 dev rows" in page
    assert "takes its turn" not in page


@pytest.mark.parametrize(("folds", "said"), [(1, False), (5, True)])
def test_draws_that_were_judged_by_one_fold_are_told_as_such(folds, said, concrete):
    search = replace(concrete.search, shapes=(), importance=())
    page = render.render(replace(bare(), rows=replace(bare().rows, folds=folds), search=search))

    assert ("each trained on the first of the 5 folds and the best of them on all" in page) == said


def test_warnings_stand_in_the_answer():
    """Commands in them are set as code; names from the data stay text."""
    page = render.render(replace(bare(), warnings=("Boosting was left out.", "Class '<b>': `burnish audit` asks.")))

    assert "<li>Boosting was left out.</li>" in page
    assert "<li>Class &#39;&lt;b&gt;&#39;: <code>burnish audit</code> asks.</li>" in page


def test_no_option_is_broken_into_two_lines():
    """Wherever the page says what to do; a name from the data with hyphens in it is none."""
    said = "Leave 'a--b' out with --drop 'a--b', or raise --time-limit."
    page = render.render(replace(bare(), warnings=(said,)))

    assert '<span class="option">--drop</span> ' in page
    assert '<span class="option">--time-limit</span>.' in page
    assert "&#39;a--b&#39; out" in page


# Plain lists of text and counts are covered by the bare run.
SIMPLE = {"run", "task", "rows", "trials", "epochs", "reproduce", "warnings", "clock_decisions", "advice", "rejects"}
OPTIONAL = [f.name for f in fields(summary.Summary) if f.name not in SIMPLE]


@pytest.mark.parametrize("name", OPTIONAL)
def test_each_part_may_be_missing(concrete, name):
    empty = getattr(bare(), name)

    assert Page(render.render(replace(concrete, **{name: empty}))).open == []


@pytest.mark.parametrize("name", OPTIONAL)
def test_each_part_may_be_alone(vehicle, name):
    alone = replace(bare("classification"), task=vehicle.task, **{name: getattr(vehicle, name)})

    assert Page(render.render(alone)).open == []


def test_intervals_without_ends_and_diverged_networks_are_drawn(concrete):
    search = replace(
        concrete.search, draws=(*concrete.search.draws, summary.Draw("bad", 1.0, float("nan"), True, True))
    )
    first = replace(concrete.first, dev=Interval(concrete.first.dev.value, float("-inf"), float("inf")))
    text = render.render(replace(concrete, search=search, first=first))

    assert "no interval" in text
    assert "nan" not in "".join(re.findall(r' d="([^"]*)"', text))


def _spoil(value):
    """The same record with every interval, gain and cost not finite."""
    if isinstance(value, Interval):
        return WORST
    if isinstance(value, tuple):
        return tuple(_spoil(item) for item in value)
    if hasattr(value, "__dataclass_fields__") and not isinstance(value, summary.Predictions | Finding):
        numbers = {"gain", "low", "high", "dev", "train"}
        changed = {
            f.name: float("nan")
            if f.name in numbers and isinstance(getattr(value, f.name), float)
            else _spoil(getattr(value, f.name))
            for f in fields(value)
            if f.name != "configuration"
        }
        return replace(value, **changed)
    return value


def test_errors_that_could_not_be_computed_are_said_not_drawn(full):
    text = render.render(_spoil(full))

    assert "not finite" in text
    assert Page(text).open == []
    assert "nan" not in "".join(re.findall(r' (?:d|x|y)="([^"]*)"', text))


def test_faults_come_before_notes():
    findings = tuple(Finding("X", f"title {s.value}", s, "e", "r") for s in reversed(Severity))
    text = render.render(replace(bare(), audit=findings))

    assert text.index("title fault") < text.index("title limit") < text.index("title note")


def _luminance(color: str) -> float:
    """Relative luminance (WCAG 2.2, section 1.4.3)."""
    parts = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_text_has_enough_contrast_in_light_dark_and_print():
    css = (Path(render.__file__).parent / "templates" / "report.css").read_text()
    schemes = [
        dict(re.findall(r"(--\w+): (#[0-9a-f]{6});", block)) for block in re.findall(r":root \{(.*?)\}", css, re.S)
    ]

    assert len(schemes) == 3
    for colors in schemes:
        for text in ("--ink", "--muted", "--accent", "--cool", "--fault"):
            for ground in ("--page", "--panel", "--tint"):
                one, other = sorted((_luminance(colors[text]), _luminance(colors[ground])))
                assert (other + 0.05) / (one + 0.05) >= 4.5, (text, ground)


def test_the_error_budget_names_the_errors_that_it_reaches(vehicle):
    """From the lowest possible error over those on train and dev rows to that on test rows, which may be lower."""
    steps = {"avoidable bias": 0.06, "variance": 0.09, "dev overfitting": -0.01}
    gaps = tuple(
        summary.Gap(name, Interval(size, size - 0.02, size + 0.02), size > 0.02) for name, size in steps.items()
    )
    told = summary.Budget("the delivered model", Interval(0.05, 0.05, 0.05), "Given", gaps, "High variance.")
    page = render.render(replace(vehicle, budgets=(told,)))

    assert [error in page for error in ("train 11.0 %", "dev 20.0 %", "test 19.0 %")] == [True] * 3
    assert "floor 5.00 %;" in page


def test_a_run_on_images_speaks_of_files_and_convolutions():
    """No lines and columns of a table, and no hidden layers."""
    told = replace(
        summary.from_json((HERE / "vehicle.json").read_text()),
        columns=(summary.ColumnNote("image", "image", "grey images of 8 x 8 pixels", 0, "pixels, standardised"),),
        rejects=(summary.RejectNote(0, None, "it is empty", "cat/x.png"),),
    )
    page = render.render(told)

    assert "images were read" in page
    assert '<code>cat/x.png</code></th><td data-label="Reason">it is empty' in page
    assert "channels, 3 × 3 convolutions" in page
    assert "hidden layers of" not in page


def test_what_changes_training_rows_is_named(vehicle):
    """Noise on inputs and mixup, with their strengths; nothing of them where they are not."""
    assert vehicle.first is not None
    noisy = replace(vehicle.first.configuration, input_noise=0.05, mixup=0.2)
    page = render.render(replace(vehicle, first=replace(vehicle.first, configuration=noisy)))

    assert ", input noise 0.05, mixup α 0.2." in page
    assert "mixup" not in render.render(vehicle)


def test_of_many_columns_the_first_are_shown_and_the_others_counted(concrete, monkeypatch):
    monkeypatch.setattr(wording, "COLUMNS_SHOWN", 12)
    note = concrete.columns[0]
    wide = replace(concrete, columns=tuple(replace(note, name=f"gene {number}") for number in range(1_000)))
    for text in (render.render(wide), model_card.render(wide)):
        assert "gene 11" in text
        assert "gene 12" not in text
        assert "And 988 more" in text
    assert "more: `summary.json`" not in render.render(concrete)
