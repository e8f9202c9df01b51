"""The estimators on a person's own model."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from sklearn.base import clone

from burnish import BurnishRegressor


def init(key, inputs, outputs):
    one, other = jax.random.split(key)
    return {"in": jax.random.normal(one, (inputs, 8)), "out": jax.random.normal(other, (8, outputs)) / 3}


def apply(params, x):
    return jnp.square(jnp.tanh(x @ params["in"])) @ params["out"]


def test_estimator_trains_an_own_model():
    """`model` is a parameter like any other: cloned, kept, and what is fitted."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 2))
    y = X[:, 0] ** 2
    start = {"batch_size": 32, "epochs": 40, "learning_rate": 0.03}
    estimator = clone(BurnishRegressor(model=(init, apply), start=start, folds=2, random_state=0)).fit(X, y)

    assert estimator.get_params()["model"] == (init, apply)
    assert estimator.model_.parameters == 2 * (2 * 8 + 8)
    assert estimator.score(X, y) > 0.5
