"""Panels of a network of images: what its trainings show is shown, and what is of columns says so."""

from __future__ import annotations

import numpy as np
import pytest

from burnish.explaining import panels, words
from burnish.explaining.lab import Lab
from burnish.explaining.panels import Material
from burnish.model import convolution, convolution_lax
from burnish.preprocess import images
from reference import tiny_images


@pytest.fixture
def material(monkeypatch) -> Material:
    monkeypatch.setattr(convolution, "form", lambda: convolution_lax)  # the form that compiles quickly
    fold = tiny_images.fold()
    lab = Lab(fold, tiny_images.SMALL)
    return Material(lab, np.zeros((lab.rows, 0), np.float32), words.Unit("log-loss", "nats", None), fold)


def test_a_training_begins_with_the_moments_of_its_pixels(material):
    start = material.lab.start(tiny_images.SMALL, 0).params["pixels"]

    np.testing.assert_array_equal(start["mean"], images.moments(material.fold.train.inputs.x)["mean"])
    assert material.lab.fitting(tiny_images.SMALL, 1.0) > 0


@pytest.mark.slow
def test_what_is_of_columns_says_so_and_the_rest_is_made(material):
    found = {panel.title: panel for panel in panels.make(material, tell=lambda _: None)}
    titles = {panel: about["title"] for about, panel in panels.PANELS}

    for panel, why in panels.NOT_OF_IMAGES.items():
        assert not found[titles[panel]].made
        assert found[titles[panel]].finding == why
    made = {title for title, panel in found.items() if panel.made}
    assert made >= {titles[panel] for panel in (panels._trends, panels._decay, panels._stopping)}
