"""Which rows a model was made from."""

from __future__ import annotations

import numpy as np
import pytest

from burnish.data.inputs import Prepared
from burnish.errors import StoreError
from burnish.predictor import seen


def made(rows: int = 200, columns: int = 3, seed: int = 0) -> tuple[Prepared, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, columns)).astype(np.float32)
    return Prepared(x, rng.integers(0, 4, (rows, 2)).astype(np.int32)), rng.normal(size=rows)


def test_rows_are_known_again_wherever_they_stand(tmp_path):
    prepared, truth = made()
    seen.save(tmp_path, seen.fingerprints(prepared, truth))
    order = np.random.default_rng(1).permutation(200)[:50]

    assert seen.among(tmp_path, seen.fingerprints(prepared.take(order), truth[order])).all()


@pytest.mark.parametrize("part", ["x", "codes", "truth"])
def test_a_row_that_differs_anywhere_is_new(part, tmp_path):
    prepared, truth = made()
    seen.save(tmp_path, seen.fingerprints(prepared, truth))
    other = {"x": prepared.x.copy(), "codes": prepared.codes.copy(), "truth": truth.copy()}
    other[part][..., -1:] += 1
    changed = slice(-1, None) if part == "truth" else slice(None)

    found = seen.among(tmp_path, seen.fingerprints(Prepared(other["x"], other["codes"]), other["truth"]))

    assert not found[changed].any()


def test_minus_zero_is_zero():
    prepared, truth = made(columns=1)
    zeros, minus = (Prepared(np.full_like(prepared.x, z), prepared.codes) for z in (0.0, -0.0))

    assert (seen.fingerprints(zeros, truth) == seen.fingerprints(minus, truth)).all()


@pytest.mark.parametrize("shape", [(5, 5, 1), (3, 4, 3), (1, 1, 1)])
def test_a_picture_that_differs_in_one_byte_is_new(shape):
    pictures = np.random.default_rng(0).integers(0, 255, (20, *shape), dtype=np.uint8)
    changed = pictures.copy()
    changed[:, -1, -1, -1] += 1
    none, truth = np.zeros((20, 0), np.int32), np.zeros(20)

    first, second = (seen.fingerprints(Prepared(p, none), truth) for p in (pictures, changed))

    assert (first != second).all()
    assert (first == seen.fingerprints(Prepared(pictures.copy(), none), truth)).all()


def test_a_hundred_thousand_different_rows_have_as_many_fingerprints():
    """The chance that two share one is 3e-10."""
    rows = 100_000
    prepared = Prepared(np.arange(rows, dtype=np.float32)[:, None], np.zeros((rows, 0), np.int32))

    assert len(np.unique(seen.fingerprints(prepared, np.zeros(rows)))) == rows


def test_a_folder_without_a_record_knows_no_row(tmp_path):
    assert not seen.among(tmp_path, seen.fingerprints(*made())).any()


def test_a_damaged_record_is_named(tmp_path):
    (tmp_path / seen.FILE).write_bytes(b"not a record")

    with pytest.raises(StoreError, match="cannot be read"):
        seen.among(tmp_path, seen.fingerprints(*made()))
