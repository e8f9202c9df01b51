"""All peers, and the worker that runs one of them on one prepared folder.

Run by run_bench.py as:  python peers.py --peer NAME --dir WORKDIR
"""

import argparse
import json
import os
import sys
import time
import warnings
from importlib.metadata import PackageNotFoundError, version

import numpy as np
import pandas as pd

import peers_autogluon  # noqa: F401  (each of the four fills the registry)
import peers_core  # noqa: F401
import peers_keras  # noqa: F401
import peers_torch  # noqa: F401
from peer_data import PEERS, T0


def load(workdir):
    meta = json.load(open(os.path.join(workdir, "task.json")))
    tr, te = (pd.read_parquet(os.path.join(workdir, f)) for f in ("train.parquet", "test.parquet"))
    y = tr.pop(meta["target"])
    te = te[tr.columns].copy()
    for c in tr.columns:  # categories as the training rows have them; others become missing
        if c in meta["categorical"]:
            tr[c] = tr[c].astype("category")
            te[c] = pd.Categorical(te[c].astype(object), categories=tr[c].cat.categories)
    if meta["problem"] == "regression":
        y, classes = y.to_numpy("float64"), None
    else:
        classes = sorted(y.astype(str).unique())
        y = y.astype(str).map({c: i for i, c in enumerate(classes)}).to_numpy("int64")
    if meta.get("image_shape"):
        tr.attrs["image_shape"] = te.attrs["image_shape"] = meta["image_shape"]
    return meta, tr, y, te, classes


def versions(names):
    out = {}
    for n in names:
        try:
            out[n] = version(n)
        except PackageNotFoundError:
            pass
    return out


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--peer", required=True)
    ap.add_argument("--dir", required=True)
    a = ap.parse_args()
    f, _, pk = PEERS[a.peer]
    meta, X, y, Xt, classes = load(a.dir)
    p, info = f(X, y, Xt, meta["problem"], meta["budget_s"], meta["seed"], meta["n_jobs"])
    p = np.asarray(p, dtype="float64")
    if classes is None:
        out = pd.DataFrame({"prediction": p.reshape(-1)})
    else:
        out = pd.DataFrame(p, columns=classes)
    if len(out) != len(Xt) or not np.isfinite(out.to_numpy()).all():
        raise ValueError("wrong number of predictions, or not finite")
    out.to_parquet(os.path.join(a.dir, "pred.parquet"), index=False)
    json.dump(
        dict(info, versions=versions(pk), inner_s=round(time.time() - T0, 3)),
        open(os.path.join(a.dir, "info.json"), "w"),
        default=str,
    )


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    main()
    sys.stdout.flush()
    os._exit(0)  # do not wait for background threads of a peer's library
