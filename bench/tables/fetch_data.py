"""Reads every data set out of installed packages (README.md names them) and writes, under --out:
  <set>/<name>/data.parquet   all rows, the target in the last column 'target'
  <set>/<name>/card.json      name, task, target, rows, cols, n_categorical, n_missing, source, licence, sha256, ...
  <set>/<name>/split<k>.npz   arrays 'train' and 'test': fixed, seeded, stratified row numbers
  <set>/manifest.json         names, split count, seed
where <set> is dev or extra. Installs and downloads nothing.
Usage: python fetch_data.py [--out data] [--sets dev,extra] [--only name,name]
"""

import argparse
import hashlib
import json
import os

import numpy as np
import pandas as pd
from sklearn.model_selection import train_test_split

import catalogue

SEED, N_SPLITS = 20261123, 5


def tidy(df, task):
    """Strings, booleans and categories -> 'category'; numbers stay numbers; classification targets -> str."""
    df = df.reset_index(drop=True)
    df.columns = [str(c).strip().replace(" ", "_") for c in df.columns]
    df = df[df["target"].notna()].reset_index(drop=True)
    if task == "regression":
        df["target"] = df["target"].astype(float)
    else:
        df["target"] = df["target"].astype(str)
    for c in df.columns[:-1]:
        s = df[c]
        if (
            isinstance(s.dtype, pd.CategoricalDtype)
            or s.dtype == object
            or pd.api.types.is_string_dtype(s)
            or pd.api.types.is_bool_dtype(s)
        ):
            s = s.astype(object)
            s = s.where(s.isna(), s.astype(str))
            df[c] = pd.Series(pd.Categorical(s, categories=sorted(set(s.dropna()))), index=df.index)
        elif pd.api.types.is_integer_dtype(s) and s.dtype != np.uint8:
            df[c] = s.astype("int64")
        elif pd.api.types.is_float_dtype(s):
            df[c] = s.astype("float64")
    if task != "image":
        df = df.drop(columns=[c for c in df.columns[:-1] if df[c].nunique(dropna=False) <= 1])
    return df


def make_splits(df, name, task):
    """5 splits. Test share: 25%, above 20,000 rows 20%. Classification: by class; regression: by decile of the target.
    Rows with the same features always fall on the same side, so that no test row can be looked up in the training rows"""
    n = len(df)
    frac = 0.25 if n <= 20000 else 0.2
    x = df.drop(columns="target")
    h = pd.util.hash_pandas_object(
        x.astype({c: str for c in x.columns if isinstance(x[c].dtype, pd.CategoricalDtype)}), index=False
    )
    group, _ = pd.factorize(h)  # numbered in order of first appearance
    first = np.unique(group, return_index=True)[1]
    y = df["target"].iloc[first].reset_index(drop=True)
    if task == "regression":
        strat = pd.qcut(y.rank(method="first"), min(10, max(2, len(y) // 30)), labels=False)
    else:
        vc = y.value_counts()
        strat = y.where(y.map(vc) >= 2, vc.index[0])
    out = []
    for k in range(N_SPLITS):
        _, te = train_test_split(np.arange(len(first)), test_size=frac, random_state=SEED + k, stratify=strat)
        is_test = np.isin(group, te)
        tr, te = np.flatnonzero(~is_test), np.flatnonzero(is_test)
        out.append((tr.astype("int32"), te.astype("int32")))
    return out


def build(name, loader, card, folder):
    task = card["task"]
    df = tidy(loader(), task)
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "data.parquet")
    df.to_parquet(path, index=False)
    x = df.drop(columns="target")
    cat = [c for c in x.columns if isinstance(x[c].dtype, pd.CategoricalDtype)]
    full = dict(
        name=name,
        task=task,
        problem="multiclass" if task == "image" else task,
        target="target",
        rows=len(df),
        cols=x.shape[1],
        n_categorical=len(cat),
        n_missing=int(x.isna().sum().sum()),
        max_cardinality=int(max([x[c].nunique() for c in cat], default=0)),
    )
    if task == "regression":
        full.update(target_mean=float(df.target.mean()), target_std=float(df.target.std()))
    else:
        vc = df.target.value_counts()
        full.update(
            n_classes=int(len(vc)),
            classes=sorted(vc.index.tolist()),
            minority_share=round(float(vc.min() / len(df)), 5),
        )
    full.update({k: v for k, v in card.items() if k != "task"})
    h = hashlib.sha256(pd.util.hash_pandas_object(df.astype({c: str for c in cat}), index=False).values.tobytes())
    for k, (tr, te) in enumerate(make_splits(df, name, task)):
        np.savez_compressed(os.path.join(folder, f"split{k}.npz"), train=tr, test=te)
        h.update(tr.tobytes())
        h.update(te.tobytes())
    full["sha256"] = h.hexdigest()
    json.dump(full, open(os.path.join(folder, "card.json"), "w"), indent=1)
    return full


def main():
    ap = argparse.ArgumentParser()
    ap.add_argument("--out", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "data"))
    ap.add_argument("--sets", default="dev,extra")
    ap.add_argument("--only", default="")
    a = ap.parse_args()
    sets = dict(dev=catalogue.DEV, extra=catalogue.EXTRA)
    bad = 0
    for s in [s for s in a.sets.split(",") if s in sets]:
        names = []
        for name, (loader, card) in sets[s].items():
            if a.only and name not in a.only.split(","):
                continue
            try:
                c = build(name, loader, card, os.path.join(a.out, s, name))
                names.append(name)
                print(
                    f"{s:8} {name:14} {c['task']:10} rows {c['rows']:7} cols {c['cols']:4} cat {c['n_categorical']:3} "
                    f"missing {c['n_missing']:7} classes {c.get('n_classes', '-')} minority {c.get('minority_share', '-')}",
                    flush=True,
                )
            except Exception as e:
                bad += 1
                print(f"{s:8} {name:14} FAILED {type(e).__name__}: {e}", flush=True)
        if not a.only:
            json.dump(
                dict(set=s, seed=SEED, n_splits=N_SPLITS, names=names),
                open(os.path.join(a.out, s, "manifest.json"), "w"),
                indent=1,
            )
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
