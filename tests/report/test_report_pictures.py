"""Pictures on the page: mistakes, what training saw, near duplicates; and how often each class is missed."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from burnish.report import pictures, predicted, render, summary

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def vehicle() -> summary.Summary:
    return summary.from_json((HERE / "vehicle.json").read_text())


def opened(png: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(png))))


def grey(seed: int, side: int = 8) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (side, side, 1), dtype=np.uint8)


def shown() -> summary.Pictures:
    return summary.Pictures(
        "test",
        (
            summary.Mistake("bus/7.png", pictures.png(grey(0)), 0, 2, 0.991, pictures.png(grey(1))),
            summary.Mistake('<b>"x"</b>.png', pictures.png(grey(2)), 1, 0, 0.7),
        ),
        ((pictures.png(grey(3)), pictures.png(grey(4))),),
        "Shifted by up to 2 pixels.",
        (summary.Alike(("a.png", "b.png"), (pictures.png(grey(5)), pictures.png(grey(5)))),),
    )


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_small_picture_comes_back_pixel_by_pixel(channels):
    image = np.random.default_rng(0).integers(0, 256, (28, 20, channels), dtype=np.uint8)

    assert (opened(pictures.png(image)).reshape(image.shape) == image).all()


def test_a_large_picture_is_made_smaller_in_its_own_shape():
    found = opened(pictures.png(np.zeros((1000, 500, 3), np.uint8)))

    assert found.shape == (pictures.LONGEST, pictures.LONGEST // 2, 3)


def test_what_speaks_for_the_class_is_warm_and_what_speaks_against_it_cool():
    falls = np.zeros((8, 8))
    falls[0, 0], falls[7, 7] = 0.5, -0.5
    found = opened(pictures.carried(grey(0), falls)).astype(int)

    assert found[0, 0, 0] > found[0, 0, 2]  # more red than blue
    assert found[7, 7, 2] > found[7, 7, 0]
    assert len(set(found[3, 3])) == 1  # grey where nothing is carried


def test_nothing_is_carried_where_no_cover_changes_the_answer():
    assert np.isfinite(opened(pictures.carried(grey(0), np.zeros((8, 8))))).all()


def test_the_page_shows_mistakes_the_sheet_and_near_duplicates_and_loads_nothing(vehicle):
    page = render.render(replace(vehicle, pictures=shown()))

    assert page.count("data:image/png;base64,") == 7
    assert "taken for" in page
    assert "(99.1 %)" in page
    assert '<b>"x"</b>' not in page
    assert '<a href="#pictures">Pictures</a>' in page
    assert "img-src data:;" in page
    assert "http" not in page.split("</style>")[1].replace("http-equiv", "").replace("http://www.w3.org", "")


def test_a_run_on_a_table_has_no_section_of_pictures(vehicle):
    assert 'id="pictures"' not in render.render(vehicle)


def test_pictures_survive_the_summarys_file(vehicle):
    full = replace(vehicle, pictures=shown())

    assert summary.from_json(full.to_json()).pictures == full.pictures


def test_the_worst_class_comes_first_with_its_own_interval(vehicle):
    """Ten rows of each of three classes: none, two and five of them are missed."""
    observed = np.repeat([0, 1, 2], 10)
    said = observed.copy()
    said[10:12], said[20:25] = 0, 1
    task = replace(vehicle.task, classes=("bus", "saab", "van"))
    rows = summary.Predictions("test", tuple(observed.astype(float)), tuple(map(tuple, np.eye(3)[said])))
    item = replace(vehicle, task=task, predictions=rows)

    found = {name: (error.value, n) for name, error, n in predicted.class_errors(item, rows)}
    drawn = predicted.by_class(item, rows)

    assert found == {"bus": (0.0, 10), "saab": (0.2, 10), "van": (0.5, 10)}
    assert drawn.index("van") < drawn.index("saab") < drawn.index("bus")


def test_a_class_without_rows_is_left_out(vehicle):
    task = replace(vehicle.task, classes=("bus", "saab", "van"))
    rows = summary.Predictions("dev", (0.0, 1.0), ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0)))

    assert [name for name, _, _ in predicted.class_errors(replace(vehicle, task=task), rows)] == ["bus", "saab"]
