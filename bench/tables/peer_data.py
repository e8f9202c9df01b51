"""What every peer shares: the registry, the clock and the preparation of the rows (fitted on training rows only).

A peer has the signature

    peer(X_train, y_train, X_test, task, budget_s, seed, n_jobs) -> (prediction, info)

X_*: pandas frames (category columns are categorical, everything else numeric, NaN = missing; for pictures the frame's
attrs['image_shape'] is set). y_train: ints 0..K-1, or floats for regression. task: 'binary' | 'multiclass' | 'regression'.
prediction: (n, K) probabilities, or (n,) for regression. A peer never gets the test targets. The budget is wall time from
the start of the process (imports included); left() says what remains of it. Classification peers that can be told what to
optimise are told log-loss, regression peers RMSE.

Each peer imports its library in its own body: every family lives in a virtual environment of its own, and the harness
reads the registry from an environment that has none of them.
"""

import os
import time

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

T0 = float(os.environ.get("BENCH_T0", time.time()))

PEERS = {}  # name -> (function, virtual environment, packages whose versions are recorded)


def peer(venv, *packages):
    def register(function):
        PEERS[function.__name__] = (function, venv, packages)
        return function

    return register


def left(budget_s):
    return budget_s - (time.time() - T0)


def cat_cols(X):
    return [c for c in X.columns if isinstance(X[c].dtype, pd.CategoricalDtype)]


def codes(X):
    """Categories as codes (float, NaN = missing)."""
    X = X.copy()
    for c in cat_cols(X):
        k = X[c].cat.codes.astype("float64")
        X[c] = k.where(k >= 0)
    return X


def cat_as_str(X):
    X = X.copy()
    for c in cat_cols(X):
        X[c] = X[c].astype(object).where(X[c].notna(), "__na__").astype(str)
    return X


def dense(X_train, X_test, max_onehot=100):
    """Median imputation + missing flags, standardised; categories one-hot (the commonest `max_onehot` levels + other)."""
    cats = cat_cols(X_train)
    a, b = [], []
    nums = [c for c in X_train.columns if c not in cats]
    if nums:
        tr, te = X_train[nums].to_numpy("float64"), X_test[nums].to_numpy("float64")
        med = np.nanmedian(np.where(np.isinf(tr), np.nan, tr), axis=0)
        med = np.where(np.isnan(med), 0.0, med)
        miss = np.isnan(tr).any(axis=0)
        flags = np.isnan(tr)[:, miss].astype("float32"), np.isnan(te)[:, miss].astype("float32")
        tr, te = np.where(np.isnan(tr), med, tr), np.where(np.isnan(te), med, te)
        mu, sd = tr.mean(0), tr.std(0)
        sd[sd < 1e-12] = 1.0
        f = lambda v: np.clip((v - mu) / sd, -10, 10).astype("float32")
        a += [f(tr), flags[0]]
        b += [f(te), flags[1]]
    for c in cats:
        tr, te = X_train[c].astype(object).fillna("__na__"), X_test[c].astype(object).fillna("__na__")
        top = tr.value_counts().index[:max_onehot]
        f = lambda s: np.column_stack([(s == t).to_numpy() for t in top] + [(~s.isin(top)).to_numpy()]).astype(
            "float32"
        )
        a.append(f(tr))
        b.append(f(te))
    return np.concatenate(a, 1), np.concatenate(b, 1)


def holdout(y, task, seed, frac=0.2):
    idx = np.arange(len(y))
    strat = None
    if task != "regression":
        n = np.bincount(y)
        if n[n > 0].min() >= 2 and len(y) * frac >= len(n):
            strat = y
    return train_test_split(idx, test_size=frac, random_state=seed, stratify=strat)


def loss_of(y, p, task):
    if task == "regression":
        return float(np.sqrt(np.mean((y - p) ** 2)))
    p = np.clip(p, 1e-6, 1)
    p = p / p.sum(1, keepdims=True)
    return float(-np.mean(np.log(p[np.arange(len(y)), y])))


def spread(p, classes, K):
    """Probabilities for the classes a model has seen -> all K columns."""
    if p.shape[1] == K and list(classes) == list(range(K)):
        return p
    out = np.zeros((len(p), K))
    out[:, np.asarray(classes, int)] = p
    return out
