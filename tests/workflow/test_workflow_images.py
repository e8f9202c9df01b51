"""The main job on images, from files to a model that predicts files."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from burnish import errors
from burnish.load import image_pack, images
from burnish.model import convolution, convolution_lax
from burnish.workflow import applying, improve, preparing, reading, settings
from burnish.workflow.leaving import Result
from reference import image_folders

DIGITS = 300
# Little to compile and to train.
START = {
    "widths": [8, 16],
    "norm": "batch",
    "batch_size": 32,
    "epochs": 12,
    "learning_rate": 0.01,
    "weight_decay": 0.05,
}


@pytest.fixture(scope="module", autouse=True)
def quickly_compiled():
    """The form of convolutions that compiles in a moment; the other one is compared with it elsewhere."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(convolution, "form", lambda: convolution_lax)
        yield


def run(folder, out, **asked: object) -> Result:
    labels = asked.pop("labels", None)
    made = settings.make(**{"max_epochs": 80, "folds": 2, "jobs": 1, "seed": 1, "start": START, **asked})
    manner = improve.Manner(in_process=True, yardstick=False)
    request = improve.Request(reading.Sources(folder, labels=labels), made, out, manner=manner)
    return improve.run(request)


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """A run on the first digits as PNG files, one of them broken and one of them twice."""
    path = tmp_path_factory.mktemp("digits")
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(path / "cache"))
        root = image_folders.digits(path / "digits", DIGITS)
        (root / "1" / "broken.png").write_text("no image")
        (root / "0" / "again.png").write_bytes((root / "0" / "0000.png").read_bytes())
        yield path, run(root, path / "run")


@pytest.mark.slow
def test_a_folder_of_images_gives_a_model_and_a_report(digits):
    """Rejects, copies and parts are in what it leaves; the split names files, and keeps copies together."""
    path, result = digits
    parts = json.loads((path / "run" / "splits.json").read_text())
    inside = [name for part in ("train", "dev", "test") for name in parts[part]]

    assert result.report.exists()
    assert result.summary.rows.rejected == 1
    assert [reject.text for reject in result.summary.rejects] == ["1/broken.png"]
    assert {"DA6", "DA29"} <= {finding.code for finding in result.findings}
    assert sorted(inside) == sorted(set(inside))
    assert len(inside) == DIGITS + 1
    assert len({part for part in parts if {"0/0000.png", "0/again.png"} & set(parts[part])}) == 1


@pytest.mark.slow
def test_the_delivered_model_reads_files_and_names_them(digits):
    """Much better than chance; a loose folder without classes, and a broken file that has no line."""
    path, _ = digits
    loose = path / "loose"
    for name in ("0/0000.png", "1/0001.png", "2/0002.png"):
        image_folders.copy(path / "digits" / name, loose / name.replace("/", "-"))
    (loose / "x.png").write_text("no image")
    model = applying.model_in(path / "run")
    rows = applying.rows_for(model, loose)
    lines = list(csv.DictReader(io.StringIO(applying.predictions_csv(model, rows, probabilities=False))))

    assert [line["file"] for line in lines] == ["0-0000.png", "1-0001.png", "2-0002.png"]
    assert {line["prediction"] for line in lines} <= set("0123456789")
    assert [reject.text for reject in rows.rejects] == ["x.png"]
    judged = applying.evaluate(path / "run", path / "digits")
    assert judged.metrics[0].value.value < 0.3
    assert judged.rows == DIGITS + 1


@pytest.mark.slow
def test_images_that_stay_on_disk_give_the_same_run(digits, tmp_path, monkeypatch):
    """With no memory for pixels every training reads its rows from the pack, and all that comes of it is the same."""
    path, result = digits
    monkeypatch.setenv("XDG_CACHE_HOME", str(path / "cache"))
    monkeypatch.setattr(preparing, "PIXELS_IN_MEMORY", 0)
    monkeypatch.setattr(image_pack, "JOINED_IN_MEMORY", 0)
    lines = []
    made = settings.make(max_epochs=80, folds=2, jobs=1, seed=1, start=START)
    manner = improve.Manner(in_process=True, yardstick=False)
    request = improve.Request(reading.Sources(path / "digits"), made, tmp_path / "run", manner=manner)
    again = improve.run(request, emit=lambda event: lines.append(getattr(event, "text", "")))
    table = images.read(path / "digits")[0].table

    assert any("stay on disk" in line for line in lines)
    np.testing.assert_array_equal(again.predictor.predict(table), result.predictor.predict(table))
    assert [f.code for f in again.findings] == [f.code for f in result.findings]


@pytest.mark.slow
def test_images_of_another_size_are_brought_to_the_models(digits):
    path, _ = digits
    large = np.kron(np.asarray(images.read(path / "digits")[0].pixels[0, ..., 0]), np.ones((5, 5), np.uint8))
    image_folders.save(large, path / "large" / "x.png")
    model = applying.model_in(path / "run")

    assert model.predict(applying.rows_for(model, path / "large")).shape == (1, 10)


def test_none_of_these_is_a_class_like_any_other(tmp_path, monkeypatch):
    """It is split, learned, predicted and judged; in one epoch, by the linear model."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    shades = {"bright": (200, 256), "dark": (0, 60), "none of these": (90, 150)}
    made = {name: rng.integers(*ends, (40, 8, 8)).astype(np.uint8) for name, ends in shades.items()}
    root = image_folders.folder(tmp_path / "photos", made)
    result = run(root, tmp_path / "run", max_epochs=1)
    model = applying.Model(applying.model_in(tmp_path / "run"))

    assert model.classes == tuple(shades)
    assert set(model.predict(root / "none of these")) == {"none of these"}
    assert result.summary.task.classes == model.classes
    assert {row.name for row in applying.evaluate(tmp_path / "run", root).metrics} >= {"log-loss"}


@pytest.mark.parametrize("name", ["group", "weight", "time"])
def test_options_of_columns_are_refused(tmp_path, name):
    image_folders.two_classes(tmp_path / "photos")

    with pytest.raises(errors.ConfigError, match=f"--{name} names a column"):
        run(tmp_path / "photos", tmp_path / "run", **{name: "x"})
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_amounts_beside_images_are_a_regression(tmp_path, monkeypatch):
    """The brightness of each image, from a table."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    pixels = image_folders.blobs(300)
    lines = ["file,brightness"]
    for k, image in enumerate(pixels):
        image_folders.save(image, tmp_path / "photos" / f"{k}.png")
        lines.append(f"{k}.png,{image.mean():.3f}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    result = run(tmp_path / "photos", tmp_path / "run", labels=str(tmp_path / "labels.csv"))
    judged = applying.evaluate(tmp_path / "run", tmp_path / "photos", labels=str(tmp_path / "labels.csv"))

    assert result.summary.task.kind == "regression"
    assert judged.metrics[0].value.value < 0.5 * pixels.mean((1, 2)).std()
