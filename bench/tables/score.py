"""Scores of predictions: log-loss or RMSE as the primary one, others beside it."""

import numpy as np
from sklearn.metrics import roc_auc_score

EPS = 1e-6  # probabilities are clipped to [EPS, 1] and rescaled before log-loss, for every method alike


def score(card, y, pred):
    if card["problem"] == "regression":
        p = pred.to_numpy("float64").reshape(-1)
        r = float(np.sqrt(np.mean((y - p) ** 2)))
        return dict(
            rmse=r,
            mae=float(np.mean(np.abs(y - p))),
            r2=float(1 - np.sum((y - p) ** 2) / np.sum((y - y.mean()) ** 2)),
            primary=r,
        )
    classes = card["classes"]
    k = np.array([{c: i for i, c in enumerate(classes)}[v] for v in y])
    P = np.zeros((len(y), len(classes)))
    for i, c in enumerate(classes):
        for name in (c, f"p_{c}", f"proba_{c}"):
            if name in pred.columns:
                P[:, i] = pred[name].to_numpy("float64")
                break
    if list(pred.columns) == ["prediction"]:
        P = (pred["prediction"].astype(str).to_numpy()[:, None] == np.array(classes)[None]).astype(float)
    acc = float(np.mean(P.argmax(1) == k))
    Q = np.clip(P, EPS, 1)
    Q = Q / Q.sum(1, keepdims=True)
    ll = float(-np.mean(np.log(Q[np.arange(len(k)), k])))
    conf, hit = Q.max(1), (Q.argmax(1) == k)
    b = np.minimum((conf * 15).astype(int), 14)
    ece = float(sum(abs(conf[b == j].sum() - hit[b == j].sum()) for j in range(15)) / len(k))
    out = dict(logloss=ll, accuracy=acc, ece=ece, primary=ll)
    try:
        if len(classes) == 2:
            out["auc"] = float(roc_auc_score(k, Q[:, 1]))
        else:
            out["auc"] = float(
                np.mean([roc_auc_score(k == j, Q[:, j]) for j in range(len(classes)) if 0 < (k == j).sum() < len(k)])
            )
    except ValueError:
        pass
    return out
