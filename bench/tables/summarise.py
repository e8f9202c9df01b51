"""Table of mean rank, wins and normalised score with bootstrap intervals, from run_bench.py's results.

python summarise.py results/dev60.jsonl [more.jsonl] [--metric primary|accuracy|auc] [--set dev] [--budget 60] [--vs burnish]
                    [--by-dataset] [--drop dummy,linear] [--markdown]
A cell is one (data set, split, seed, budget). Ranks are within a cell (ties share; a run that failed or was killed ranks last).
Normalised score: 0 = predicting the class shares / the mean, 1 = the best method of the cell, clipped below at -1; failed = 0.
Cells of one data set are averaged first; intervals: 95% percentile bootstrap over data sets (5,000 draws, fixed seed).
"""

import argparse
import json
import warnings

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore", "Mean of empty slice")
warnings.filterwarnings("ignore", "All-NaN")


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("files", nargs="+")
    ap.add_argument(
        "--metric",
        default="primary",
        help="primary = log-loss / RMSE; accuracy or auc = that for classification, R2 for regression",
    )
    ap.add_argument("--set", default="")
    ap.add_argument("--budget", type=float)
    ap.add_argument("--drop", default="")
    ap.add_argument("--peers", default="")
    ap.add_argument("--vs", default="")
    ap.add_argument("--by-dataset", action="store_true")
    ap.add_argument("--markdown", action="store_true")
    ap.add_argument(
        "--clean", action="store_true", help="leave out runs marked contended (somebody else used the cores)"
    )
    ap.add_argument("--boot", type=int, default=5000)
    a = ap.parse_args()
    R = pd.DataFrame([json.loads(l) for f in a.files for l in open(f) if l.strip()])
    if a.set:
        R = R[R["set"].isin(a.set.split(","))]
    if a.budget:
        R = R[R.budget_s == a.budget]
    con = R.get("contended", pd.Series(False, index=R.index)).fillna(False).astype(bool)
    if a.clean:
        R = R[~con]
    elif con.any():
        print(f"note: {int(con.sum())} of {len(R)} runs were contended (see --clean)")
    R = R.copy()
    key = ["dataset", "split", "seed", "budget_s"]
    R = R.drop_duplicates(key + ["peer"], keep="last")
    if a.metric == "primary":
        R["m"] = R["primary"]
    else:
        other = R["r2"] if "r2" in R else np.nan
        R["m"] = -np.where(R.problem == "regression", other, R[a.metric])
    R.loc[R.status != "ok", "m"] = np.nan
    T = R.pivot_table(index=key, columns="peer", values="m", dropna=False, observed=True)
    T = T.loc[T.notna().any(axis=1)]
    ran = R.assign(x=1).pivot_table(index=key, columns="peer", values="x").reindex(T.index).reindex(columns=T.columns)
    base = T["dummy"] if "dummy" in T else T.max(axis=1)
    keep = [
        c for c in T.columns if c != "dummy" and c not in a.drop.split(",") and (not a.peers or c in a.peers.split(","))
    ]
    part = [c for c in keep if ran[c].notna().sum() < len(T)]
    T, ran = T[keep], ran[keep]
    fill = T.fillna(np.inf).where(ran.notna())
    rank = fill.rank(axis=1, method="average", na_option="keep")
    win = (T.eq(T.min(axis=1), axis=0)).where(ran.notna())
    best = T.min(axis=1)
    norm = ((base.to_numpy()[:, None] - T) / (base - best).to_numpy()[:, None]).clip(lower=-1)
    norm = norm.where(T.notna(), 0.0).where(ran.notna())
    per = lambda D: D.astype(float).groupby(level=0).mean()
    rank, win, norm = per(rank), per(win), per(norm)
    rng = np.random.default_rng(0)
    draws = rng.integers(0, len(rank), (a.boot, len(rank)))

    def ci(D):
        x = D.to_numpy()
        b = np.nanmean(x[draws], axis=1)
        return np.nanmean(x, 0), np.nanpercentile(b, 2.5, axis=0), np.nanpercentile(b, 97.5, axis=0)

    rm, rl, rh = ci(rank)
    nm, nl, nh = ci(norm)
    g = R.groupby("peer")
    tab = pd.DataFrame(
        {
            "mean rank": rm,
            "rank 95%": [f"{l:.1f}-{h:.1f}" for l, h in zip(rl, rh)],
            "wins": np.nansum(win.to_numpy(), 0).round(1),
            "norm": nm.round(3),
            "norm 95%": [f"{l:.3f}-{h:.3f}" for l, h in zip(nl, nh)],
            "ok": [f"{int(T[c].notna().sum())}/{int(ran[c].notna().sum())}" for c in T],
            "wall s": g.wall_s.median().reindex(T.columns).round(1),
            "max wall": g.wall_s.max().reindex(T.columns).round(1),
            "cpu s": g.cpu_s.median().reindex(T.columns).round(1),
            "rss MB": g.peak_rss_mb.median().reindex(T.columns).round(0),
        },
        index=T.columns,
    )
    tab = tab.sort_values("mean rank")
    tab["mean rank"] = tab["mean rank"].round(2)
    show = (lambda d: d.to_markdown()) if a.markdown else (lambda d: d.to_string())
    print(
        f"{len(rank)} data sets, {len(T)} cells, {len(T.columns)} methods; metric: {a.metric}; budget(s): {sorted(float(b) for b in R.budget_s.unique())}"
    )
    if part:
        print("not run in every cell (their means are over the cells they ran in):", ", ".join(part))
    print(show(tab))
    if a.by_dataset:
        P = (T if a.metric == "primary" else -T).groupby(level=0).mean()
        print(show(P[tab.index].T.round(4)))
    if a.vs:
        print(f"\n{a.vs} against each method (per data set; difference of normalised scores, positive = {a.vs} better)")
        for c in tab.index.drop(a.vs):
            d = (norm[a.vs] - norm[c]).dropna().to_numpy()
            r = (rank[c] - rank[a.vs]).dropna().to_numpy()
            b = d[rng.integers(0, len(d), (a.boot, len(d)))].mean(1)
            print(
                f"  {c:18} better on {int((r > 0).sum())}, worse on {int((r < 0).sum())}, equal on {int((r == 0).sum())}; "
                f"mean difference {d.mean():+.3f} ({np.percentile(b, 2.5):+.3f} to {np.percentile(b, 97.5):+.3f})"
            )


if __name__ == "__main__":
    main()
