"""Runs peers on data sets side by side at equal wall-time budget; one line of JSON per (data set, split, peer, seed).

python run_bench.py --datasets dev --peers all --budget 60 --seed 0 --out results/dev60.jsonl
python run_bench.py --datasets vehicle,concrete --peers burnish,lgbm_default --splits 0,1,2 --budget 20 --out r.jsonl
`burnish` is run through its command line (--burnish says which). Another method outside peers.py is added by a command
line (repeatable); its name is then used like a peer's:
  --external 'mine=mine fit {train} --target {target} --task {task} --budget {budget} --predict {test} --out {out}'
  fields: {train} {test} (Parquet; {train_csv} {test_csv} for CSV)  {target} {task} {budget} {seed} {jobs} {workdir} {out}
  It writes {out} (predictions.csv, rows in the order of {test}): classification one column per class named as the
  class (or p_<class>) with its probability, or one column 'prediction' with the class; regression one column 'prediction'.

Every run is its own process tree in its own temporary folder, which holds only the training rows and the test rows
WITHOUT their targets; scoring is done here. Hard kill at budget x --grace. The budget counts from process start.
"""

import argparse
import json
import os
import shlex
import shutil
import sys
import tempfile
import time

import numpy as np
import pandas as pd

from measure import pick_cores, run
from peers import PEERS
from score import score

HERE = os.path.dirname(os.path.abspath(__file__))
SETS = ("dev", "extra")
BURNISH = "burnish"
BURNISH_SHARE = 0.93  # of the budget goes to `improve`: starting `predict` and reading the test rows count too


def find(data, names):
    """'dev', 'extra', 'set/name' or a bare name -> folders."""
    out = []
    for n in names.split(","):
        for s in SETS:
            m = os.path.join(data, s, "manifest.json")
            if n == s and os.path.exists(m):
                out += [(s, x) for x in json.load(open(m))["names"]]
            elif os.path.exists(os.path.join(data, s, n, "card.json")):
                out.append((s, n))
            elif n.startswith(s + "/") and os.path.exists(os.path.join(data, n, "card.json")):
                out.append((s, n.split("/", 1)[1]))
    return list(dict.fromkeys(out))


def prepare(data, s, name, split, workdir, budget, seed, jobs, want_csv):
    d = os.path.join(data, s, name)
    card = json.load(open(os.path.join(d, "card.json")))
    df = pd.read_parquet(os.path.join(d, "data.parquet"))
    z = np.load(os.path.join(d, f"split{split}.npz"))
    tr, te = df.iloc[z["train"]].reset_index(drop=True), df.iloc[z["test"]].reset_index(drop=True)
    tr = tr.sample(frac=1.0, random_state=1000 + split).reset_index(drop=True)
    cats = [c for c in df.columns[:-1] if isinstance(df[c].dtype, pd.CategoricalDtype)]
    for c in cats:
        tr[c], te[c] = (x[c].cat.remove_unused_categories() for x in (tr, te))
    y = te.pop("target").to_numpy()
    tr.to_parquet(os.path.join(workdir, "train.parquet"), index=False)
    te.to_parquet(os.path.join(workdir, "test.parquet"), index=False)
    if want_csv:
        tr.to_csv(os.path.join(workdir, "train.csv"), index=False)
        te.to_csv(os.path.join(workdir, "test.csv"), index=False)
    json.dump(
        dict(
            target="target",
            problem=card["problem"],
            task=card["task"],
            image_shape=card.get("image_shape"),
            categorical=cats,
            budget_s=budget,
            seed=seed,
            n_jobs=jobs,
        ),
        open(os.path.join(workdir, "task.json"), "w"),
    )
    return card, y, len(tr), len(te)


def burnish_command(program, card, budget, seed, workdir, out):
    """The two commands a person would type, one after the other."""
    train, test, folder = (os.path.join(workdir, f) for f in ("train.parquet", "test.parquet", "run"))
    shutil.rmtree(folder, ignore_errors=True)  # of an earlier attempt at the same run
    improve = [
        program,
        "improve",
        train,
        "--target",
        "target",
        "--no-test",
        "--time-limit",
        f"{BURNISH_SHARE * budget:g}s",
    ]
    improve += ["--seed", str(seed), "--out", folder]
    predict = [program, "predict", folder, test, "-o", out]
    if card["problem"] != "regression":
        predict.append("--proba")
    return ["sh", "-c", f"{shlex.join(improve)} && exec {shlex.join(predict)}"]


def external_command(template, card, budget, seed, jobs, workdir, out):
    files = {
        f: os.path.join(workdir, f"{f.removesuffix('_csv')}.{'csv' if f.endswith('_csv') else 'parquet'}")
        for f in ("train", "test", "train_csv", "test_csv")
    }
    fields = dict(
        files, target="target", task=card["problem"], budget=budget, seed=seed, jobs=jobs, workdir=workdir, out=out
    )
    return [x.format(**fields) for x in shlex.split(template)]


def read_predictions(workdir, out, card, rows):
    parquet = os.path.join(workdir, "pred.parquet")
    if os.path.exists(parquet):
        pred = pd.read_parquet(parquet)
    else:
        pred = pd.read_csv(out, dtype={"prediction": str} if card["problem"] != "regression" else None)
    if len(pred) != rows:
        raise ValueError(f"{len(pred)} predictions for {rows} rows")
    return pred


def run_cell(a, s, name, split, peer, external, workdir):
    """One run of one method, with repeats while others use the cores; returns its record."""
    template = external.get(peer, "")
    card, y, n_train, n_test = prepare(a.data, s, name, split, workdir, a.budget, a.seed, a.n_jobs, "_csv}" in template)
    out = os.path.join(workdir, "predictions.csv")
    rec = dict(
        dataset=name,
        set=s,
        task=card["task"],
        problem=card["problem"],
        split=split,
        peer=peer,
        seed=a.seed,
        budget_s=a.budget,
        n_jobs=a.n_jobs,
        n_train=n_train,
        n_test=n_test,
        data_sha=card["sha256"][:12],
        load_before=round(os.getloadavg()[0], 2),
        when=time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
    )
    for _ in range(a.retry + 1):
        rec["cores"], rec["waited_s"] = pick_cores(a.n_jobs, a.wait_idle)
        for f in ("pred.parquet", "info.json", "predictions.csv"):
            if os.path.exists(os.path.join(workdir, f)):
                os.remove(os.path.join(workdir, f))
        if peer in external:
            cmd = external_command(template, card, a.budget, a.seed, a.n_jobs, workdir, out)
        elif peer == BURNISH:
            cmd = burnish_command(a.burnish, card, a.budget, a.seed, workdir, out)
        else:
            cmd = [interpreter(a, peer), os.path.join(HERE, "peers.py"), "--peer", peer, "--dir", workdir]
        status, m = run(cmd, workdir, a.budget, a.grace, a.n_jobs, rec["cores"])
        if m["other_cores"] <= a.max_other:
            break
    rec.update(status=status, contended=m["other_cores"] > a.max_other, **m)
    if status != "ok":
        return dict(rec, error=open(os.path.join(workdir, "log.txt"), errors="replace").read()[-600:])
    try:
        rec.update(score(card, y, read_predictions(workdir, out, card, n_test)))
    except (OSError, ValueError, KeyError) as e:  # a method that writes nonsense is a failed run, not the end of all
        rec.update(status="error", error=f"{type(e).__name__}: {e}")
    info = os.path.join(workdir, "info.json")
    if os.path.exists(info):
        rec["info"] = json.load(open(info))
    return rec


def interpreter(a, peer):
    return os.path.join(a.venvs, PEERS[peer][1], "bin", "python")


def ready(a, peer, external):
    if peer in external:
        return True
    if peer == BURNISH:
        return shutil.which(a.burnish) is not None
    return peer in PEERS and os.path.exists(interpreter(a, peer))


def show(rec):
    figures = {k: round(rec[k], 4) for k in ("logloss", "accuracy", "auc", "rmse", "r2") if k in rec}
    tail = "" if rec["status"] == "ok" else rec.get("error", "")[-160:].replace("\n", " | ")
    print(
        f"{rec['dataset']:14} s{rec['split']} {rec['peer']:18} {rec['status']:8} wall {rec['wall_s']:6.1f} cpu {rec['cpu_s']:6.1f} "
        f"rss {rec['peak_rss_mb']:6.0f} other {rec['other_cores']:4.2f} {figures} {tail}",
        flush=True,
    )


def arguments():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--data", default=os.path.join(HERE, "..", "data"))
    ap.add_argument("--venvs", default=os.environ.get("BENCH_VENVS", os.path.join(HERE, "..", "venvs")))
    ap.add_argument("--datasets", default="dev")
    ap.add_argument("--peers", default="all")
    ap.add_argument(
        "--burnish", default=os.path.join(os.path.dirname(sys.executable), "burnish"), help="the burnish program"
    )
    ap.add_argument("--external", action="append", default=[])
    ap.add_argument("--budget", type=float, default=60)
    ap.add_argument("--grace", type=float, default=1.5)
    ap.add_argument("--seed", type=int, default=0)
    ap.add_argument("--splits", default="0")
    ap.add_argument("--n-jobs", type=int, default=2)
    ap.add_argument("--out")
    ap.add_argument("--stop-after", type=float, default=1e9, help="start no new run after this many seconds")
    ap.add_argument(
        "--wait-idle", type=float, default=0, help="before each run wait up to so many seconds until its cores are idle"
    )
    ap.add_argument(
        "--max-other",
        type=float,
        default=0.3,
        help="a run during which others used more cores than this is marked contended",
    )
    ap.add_argument("--retry", type=int, default=0, help="repeat a contended run up to so many times")
    ap.add_argument("--redo", action="store_true", help="run again what --out already holds")
    ap.add_argument("--list", action="store_true", help="print the methods and whether they can run here, and stop")
    a = ap.parse_args()
    if not a.list and not a.out:
        ap.error("--out is required")
    return a


def main():
    a = arguments()
    external = dict(e.split("=", 1) for e in a.external)
    known = [BURNISH, *PEERS, *external]
    if a.list:
        for n in known:
            print(n, "ready" if ready(a, n, external) else "not installed")
        return
    names = known if a.peers == "all" else list(dict.fromkeys([*a.peers.split(","), *external]))
    sets = find(a.data, a.datasets)
    if not sets:
        sys.exit("no such data set; run fetch_data.py first")
    os.makedirs(os.path.dirname(os.path.abspath(a.out)), exist_ok=True)
    done = set()
    if os.path.exists(a.out) and not a.redo:
        records = [json.loads(line) for line in open(a.out)]
        done = {(r["dataset"], r["split"], r["peer"], r["seed"], r["budget_s"]) for r in records}
    begin = time.time()
    for peer in [n for n in names if not ready(a, n, external)]:
        print(f"{peer}: left out (unknown, or not installed)", flush=True)
        names.remove(peer)
    for s, name in sets:
        for split in map(int, a.splits.split(",")):
            for peer in names:
                if (name, split, peer, a.seed, a.budget) in done:
                    continue
                if time.time() - begin > a.stop_after:
                    print("stopped: --stop-after")
                    return
                with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as workdir:
                    rec = run_cell(a, s, name, split, peer, external, workdir)
                with open(a.out, "a") as f:
                    f.write(json.dumps(rec) + "\n")
                show(rec)


if __name__ == "__main__":
    main()
