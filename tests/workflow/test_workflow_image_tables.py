"""The main job on a table of paths of images, and what its model makes of another such table."""

from __future__ import annotations

import csv
import io
import json

import numpy as np
import pytest

from burnish import errors
from burnish.workflow import applying, improve, reading, settings
from reference import image_folders

ROWS, PATIENTS = 60, 12


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run on dark and bright images of some patients, by their paths; too few epochs for a network."""
    path = tmp_path_factory.mktemp("paths")
    rng = np.random.default_rng(0)
    lines = ["photo,shade,patient,age"]
    for k, image in enumerate(image_folders.blobs(ROWS, side=8)):
        image_folders.save((image // 2 + 127 * (k % 2)).astype(np.uint8), path / "photos" / f"{k}.png")
        lines.append(f"photos/{k}.png,{('dark', 'bright')[k % 2]},p{k % PATIENTS},{rng.integers(90)}")
    lines.append("photos/gone.png,dark,p1,5")
    (path / "table.csv").write_text("\n".join(lines))
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("XDG_CACHE_HOME", str(path / "cache"))
        asked = settings.make(target="shade", group="patient", max_epochs=1, folds=2, jobs=1)
        manner = improve.Manner(in_process=True, yardstick=False)
        request = improve.Request(reading.Sources(path / "table.csv"), asked, path / "run", manner=manner)
        yield path, improve.run(request)


def test_each_row_is_an_image_and_groups_stay_together(made):
    path, result = made
    parts = json.loads((path / "run" / "splits.json").read_text())
    patients = {part: {int(name.split("/")[1][:-4]) % PATIENTS for name in parts[part]} for part in ("train", "test")}

    assert result.summary.rows.rejected == 1
    assert [(reject.line, reject.text) for reject in result.summary.rejects] == [(ROWS + 2, "photos/gone.png")]
    assert patients["train"].isdisjoint(patients["test"])


def test_predictions_have_the_lines_of_the_table(made):
    """A row whose image is not there has its name and an empty cell; Python, which gives an array, refuses."""
    path, _ = made
    (path / "new.csv").write_text("photo\nphotos/7.png\nnowhere.png\nphotos/2.png\n")
    model = applying.model_in(path / "run")
    rows = applying.rows_for(model, path / "new.csv")
    lines = list(csv.reader(io.StringIO(applying.predictions_csv(model, rows, probabilities=False))))
    shares = list(csv.reader(io.StringIO(applying.predictions_csv(model, rows, probabilities=True))))

    assert lines == [["file", "prediction"], ["photos/7.png", "bright"], ["nowhere.png", ""], ["photos/2.png", "dark"]]
    assert shares[2] == ["nowhere.png", "", ""]
    with pytest.raises(errors.DataError, match=r"Line 3 of new has no image"):
        applying.Model(model).predict(path / "new.csv")


def test_a_broken_record_is_refused_before_anything_is_predicted(made):
    path, _ = made
    (path / "ragged.csv").write_text("photo,x\nphotos/7.png,1\nphotos/3.png,1,2\nphotos/5.png,2\n")

    with pytest.raises(errors.DataError, match="Line 3 of ragged is no row"):
        applying.rows_for(applying.model_in(path / "run"), path / "ragged.csv")


def test_a_table_without_images_is_refused_by_a_model_of_images(made):
    path, _ = made
    (path / "numbers.csv").write_text("a,shade\n1,dark\n2,bright\n")

    for use in (applying.rows_for, lambda model, source: applying.evaluate(path / "run", source)):
        with pytest.raises(errors.DataError, match="holds no images, and the model reads nothing else"):
            use(applying.model_in(path / "run"), path / "numbers.csv")


def test_errors_are_measured_and_rows_of_a_patient_counted_as_in_the_run(made):
    path, _ = made
    judged = applying.evaluate(path / "run", path / "table.csv")

    assert judged.rows == ROWS
    assert judged.metrics[0].value.value < 0.2
    assert judged.seen > 0
    assert judged.remarks[0].startswith(f"1 row has no image that can be used (line {ROWS + 2}: photos/gone.png)")
    assert not any("patient" in remark for remark in judged.remarks)


def test_parts_of_their_own_are_read_from_tables_too(made, tmp_path):
    """The test table's paths start from the folder that it lies in; a folder is no table of paths with the target."""
    path, _ = made
    (path / "own-test.csv").write_text("photo,shade\nphotos/1.png,bright\nphotos/2.png,dark\n")
    asked = settings.make(target="shade", max_epochs=1, folds=2, jobs=1)
    sources = reading.Sources(path / "table.csv", test=path / "own-test.csv")
    manner = improve.Manner(in_process=True, yardstick=False)
    improve.run(improve.Request(sources, asked, tmp_path / "run", manner=manner))
    parts = json.loads((tmp_path / "run" / "splits.json").read_text())

    assert parts["test"] == ["own-test/photos/1.png", "own-test/photos/2.png"]


def test_a_table_of_labels_beside_a_table_of_paths_is_refused(made, tmp_path):
    path, _ = made
    asked = settings.make(target="shade")
    sources = reading.Sources(path / "table.csv", labels=str(path / "table.csv"))

    with pytest.raises(errors.ConfigError, match="a table of labels was given too"):
        improve.run(improve.Request(sources, asked, tmp_path / "run"))


def test_leaving_the_paths_out_learns_from_the_other_columns(made, tmp_path):
    path, _ = made
    asked = settings.make(target="shade", drop=("photo",), max_epochs=1, folds=2, jobs=1)
    manner = improve.Manner(in_process=True, yardstick=False)
    done = improve.run(improve.Request(reading.Sources(path / "table.csv"), asked, tmp_path / "run", manner=manner))

    assert {column.name for column in done.summary.columns} >= {"age", "patient"}
