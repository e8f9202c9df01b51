"""The small models that rules about rows ask."""

import numpy as np

from burnish.diagnosis.data_rules import models


def test_principal_axes_are_the_same_by_rows_and_by_columns():
    """Up to their signs; with fewer rows than columns the smaller matrix is taken apart."""
    rng = np.random.default_rng(0)
    wide = rng.normal(size=(60, 130)) @ np.diag(np.linspace(1, 5, 130))
    axes = models._principal_axes(wide)
    values, vectors = np.linalg.eigh(wide.T @ wide)
    expected = vectors[:, np.argsort(-values)[: models.COMPONENTS]]

    np.testing.assert_allclose(np.abs(np.sum(axes * expected, axis=0)), 1, atol=1e-6)
    np.testing.assert_allclose(axes.T @ axes, np.eye(models.COMPONENTS), atol=1e-6)


def test_rows_that_repeat_each_other_have_no_more_axes_than_directions():
    wide = np.repeat(np.random.default_rng(0).normal(size=(5, 130)), 4, axis=0)

    assert models._principal_axes(wide).shape == (130, 5)
