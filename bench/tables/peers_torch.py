"""Peers of the environment `torch`: RealMLP and TabM by pytabkit, and a plain PyTorch network searched by Optuna."""

import logging
import time

import numpy as np

from peer_data import cat_as_str, cat_cols, dense, holdout, left, peer, spread


def _tabkit_prepare(X_train, X_test):
    """pytabkit's networks want no missing numbers: training median + a flag; categories as text."""
    a, b = cat_as_str(X_train), cat_as_str(X_test)
    cats = cat_cols(X_train)
    for c in [c for c in a.columns if c not in cats]:
        a[c], b[c] = a[c].astype("float32"), b[c].astype("float32")
        if a[c].isna().any() or b[c].isna().any():
            med = float(a[c].median()) if a[c].notna().any() else 0.0
            if a[c].isna().any():
                a[c + "__na"], b[c + "__na"] = a[c].isna().astype("float32"), b[c].isna().astype("float32")
            a[c], b[c] = a[c].fillna(med), b[c].fillna(med)
    return a, b, cats


def _tabkit(kind, X_train, y_train, X_test, task, budget_s, seed, n_jobs, ensemble=False):
    import torch

    torch.set_num_threads(n_jobs)
    for n in ("lightning", "pytorch_lightning", "lightning.pytorch"):
        logging.getLogger(n).setLevel(logging.ERROR)
    from pytabkit.models.sklearn import sklearn_interfaces as si

    a, b, cats = _tabkit_prepare(X_train, X_test)
    cls = getattr(si, f"{kind}_{'Regressor' if task == 'regression' else 'Classifier'}")
    K = 0 if task == "regression" else int(y_train.max() + 1)
    kw = dict(device="cpu", n_threads=n_jobs, verbosity=0)
    if task != "regression":
        kw["val_metric_name"] = "cross_entropy"  # what its documentation recommends when log-loss matters
        if kind == "RealMLP_TD":
            kw["use_ls"] = False

    def run(epochs, rs, rows=None):
        t = time.time()
        m = cls(random_state=rs, **kw, **({} if epochs is None else dict(n_epochs=epochs)))
        A, Y = (a, y_train) if rows is None else (a.iloc[rows].reset_index(drop=True), y_train[rows])
        m.fit(
            A,
            Y,
            cat_col_names=cats,
            **(dict(time_to_fit_in_seconds=max(1, int(0.9 * left(budget_s)))) if kind == "RealMLP_TD" else {}),
        )
        return m, time.time() - t

    def predict(m, b=b):
        if task == "regression":
            return np.concatenate(
                [
                    np.asarray(m.predict(b.iloc[i : i + 20000]), dtype="float64").reshape(-1)
                    for i in range(0, len(b), 20000)
                ]
            )
        return np.concatenate(
            [
                spread(np.asarray(m.predict_proba(b.iloc[i : i + 20000]), dtype="float64"), m.classes_, K)
                for i in range(0, len(b), 20000)
            ]
        )

    def predict_cost(m, k=1024):
        t = time.time()
        predict(m, b.iloc[:k])
        return (time.time() - t) * len(b) / min(k, len(b))

    cap = 256 if kind == "RealMLP_TD" else 100000
    rows, info, n = None, {}, len(y_train)
    if n > 5000:  # would one epoch fit at all? if not, train on as many rows as do (stratified), and say so
        from sklearn.model_selection import train_test_split

        pick = lambda k: np.sort(
            train_test_split(
                np.arange(n),
                train_size=k,
                random_state=seed,
                stratify=None if task == "regression" or np.bincount(y_train).min() < 2 else y_train,
            )[0]
        )
        _, t1 = run(1, seed, pick(1000))
        m, t2 = run(1, seed, pick(3000))
        est = max(t2 - t1, 0.02 * t2) / 2000 * n
        room = 0.6 * left(budget_s) - 1.2 * predict_cost(m)
        if est > room:
            rows = pick(max(1000, int(n * room / est)))
            info["rows_used"] = len(rows)
    # neither network rescales its schedule to a time limit: time 1 (and 3) epochs, then ask for as many as fit
    m, t1 = run(1, seed, rows)
    tp = predict_cost(m)
    per, over = t1, 0.0
    if t1 < 0.12 * left(budget_s):
        _, t3 = run(3, seed, rows)
        per = max((t3 - t1) / 2, t3 / 50)
        over = max(0.0, t1 - per)
    room = 0.85 * left(budget_s) - 1.2 * tp - over
    epochs = int(min(cap, room / per))
    info.update(epochs=max(1, epochs), cut=epochs < cap, s_per_epoch=round(per, 3))
    members = 1
    if epochs > 1:
        m, t_fit = run(epochs, seed, rows)
    p = predict(m)
    if epochs > 1:
        while ensemble and left(budget_s) > 1.15 * (t_fit + tp) + 0.5:
            m, t2 = run(epochs, seed + members, rows)
            t_fit = max(t_fit, t2)
            p, members = p + predict(m), members + 1
    return p / members, dict(info, members=members)


@peer("torch", "pytabkit", "torch")
def realmlp_td(X_train, y_train, X_test, task, budget_s, seed, n_jobs):
    return _tabkit("RealMLP_TD", X_train, y_train, X_test, task, budget_s, seed, n_jobs)


@peer("torch", "pytabkit", "torch")
def realmlp_td_ens(X_train, y_train, X_test, task, budget_s, seed, n_jobs):
    """RealMLP_TD again and again with new seeds and validation parts until the budget is used; probabilities averaged."""
    return _tabkit("RealMLP_TD", X_train, y_train, X_test, task, budget_s, seed, n_jobs, ensemble=True)


@peer("torch", "pytabkit", "torch")
def tabm_d(X_train, y_train, X_test, task, budget_s, seed, n_jobs):
    return _tabkit("TabM_D", X_train, y_train, X_test, task, budget_s, seed, n_jobs)


@peer("torch", "torch", "optuna")
def torch_mlp_optuna(X_train, y_train, X_test, task, budget_s, seed, n_jobs):
    """A plain PyTorch MLP, Optuna random search until the budget is used, 20% hold-out, early stopping, best epoch kept."""
    import optuna
    import torch
    import torch.nn as nn

    torch.set_num_threads(n_jobs)
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    a, b = dense(X_train, X_test)
    K = 1 if task == "regression" else int(y_train.max() + 1)
    mu, sd = (y_train.mean(), y_train.std() or 1.0) if task == "regression" else (0.0, 1.0)
    A, B = torch.from_numpy(a), torch.from_numpy(b)
    Y = (
        torch.from_numpy((y_train - mu) / sd).float()[:, None]
        if task == "regression"
        else torch.from_numpy(y_train).long()
    )
    tr, va = (torch.from_numpy(i) for i in holdout(y_train, task, seed))
    lossf = nn.MSELoss() if task == "regression" else nn.CrossEntropyLoss()
    best, spent = dict(loss=np.inf), [0.0]

    @torch.no_grad()
    def out(net, X):
        net.eval()
        o = torch.cat([net(x) for x in X.split(8192)])
        return o

    def objective(t):
        torch.manual_seed(seed + t.number)
        t0, L = time.time(), []
        width, depth, drop = (
            t.suggest_int("width", 32, 512, log=True),
            t.suggest_int("depth", 1, 4),
            t.suggest_float("dropout", 0, 0.5),
        )
        lr, wd = t.suggest_float("lr", 1e-4, 1e-2, log=True), t.suggest_float("wd", 1e-6, 1e-1, log=True)
        bs = min(t.suggest_categorical("batch", [32, 64, 128, 256, 512]), max(8, len(tr) // 4))
        d = A.shape[1]
        for _ in range(depth):
            L += [nn.Linear(d, width), nn.ReLU(), nn.Dropout(drop)]
            d = width
        net = nn.Sequential(*L, nn.Linear(d, K))
        opt = torch.optim.AdamW(net.parameters(), lr=lr, weight_decay=wd)
        deadline = time.time() + 0.9 * left(budget_s) - 0.5
        bl, bs_state, bad = np.inf, None, 0
        for e in range(200):
            net.train()
            for i in tr[torch.randperm(len(tr))].split(bs):
                if len(i) < 2:
                    continue
                opt.zero_grad()
                lossf(net(A[i]), Y[i]).backward()
                opt.step()
                if time.time() > deadline:
                    break
            v = float(lossf(out(net, A[va]), Y[va]))
            if v < bl - 1e-6:
                bl, bad, bs_state = v, 0, {k: x.clone() for k, x in net.state_dict().items()}
            else:
                bad += 1
            if bad >= 16 or time.time() > deadline:
                break
        if bl < best["loss"]:
            net.load_state_dict(bs_state)
            best.update(loss=bl, net=net, epochs=e)
        spent[0] = time.time() - t0
        return bl

    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=seed))
    n = 0
    while n == 0 or left(budget_s) > 0.06 * budget_s + 0.5:
        study.optimize(objective, n_trials=1)
        n += 1
    o = out(best["net"], B)
    info = dict(trials=n, val=best["loss"])
    return (
        (o[:, 0].double().numpy() * sd + mu, info)
        if task == "regression"
        else (torch.softmax(o.double(), 1).numpy(), info)
    )
