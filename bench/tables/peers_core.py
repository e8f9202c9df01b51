"""Peers of the environment `core`: scikit-learn, LightGBM, CatBoost, FLAML."""

import copy
import time

import numpy as np

from peer_data import cat_as_str, cat_cols, codes, dense, holdout, left, loss_of, peer


@peer("core", "scikit-learn")
def dummy(X_train, y_train, X_test, task, budget_s, seed, n_jobs):
    if task == "regression":
        return np.full(len(X_test), y_train.mean()), {}
    return np.tile(np.bincount(y_train, minlength=y_train.max() + 1) / len(y_train), (len(X_test), 1)), {}


@peer("core", "scikit-learn")
def linear(X_train, y_train, X_test, task, budget_s, seed, n_jobs):
    from sklearn.linear_model import LogisticRegression, Ridge

    a, b = dense(X_train, X_test)
    if task == "regression":
        return Ridge(1.0).fit(a, y_train).predict(b), {}
    big = a.size > 5e6
    m = LogisticRegression(C=1.0, max_iter=60 if big else 500, tol=1e-3 if big else 1e-4, random_state=seed).fit(
        a, y_train
    )
    return m.predict_proba(b), {}


@peer("core", "scikit-learn")
def hgb_default(X_train, y_train, X_test, task, budget_s, seed, n_jobs):
    from sklearn.ensemble import HistGradientBoostingClassifier as C
    from sklearn.ensemble import HistGradientBoostingRegressor as R

    X_train, X_test = X_train.copy(), X_test.copy()
    for c in cat_cols(X_train):
        if len(X_train[c].cat.categories) > 250:  # this method takes at most 255 levels
            X_train[[c]], X_test[[c]] = codes(X_train[[c]]), codes(X_test[[c]])
    make = lambda it: (R if task == "regression" else C)(
        max_iter=it, categorical_features="from_dtype", random_state=seed
    )
    K = 1 if task != "multiclass" else int(y_train.max() + 1)
    it, info = 100, {}
    if X_train.size * K > 2e7:  # cannot be stopped by the clock: see how long 3 rounds take
        t = time.time()
        make(3).fit(X_train, y_train)
        per = (time.time() - t) / 3
        it = int(min(100, max(3, 0.8 * left(budget_s) / per)))
        info = dict(max_iter=it, cut=it < 100)
    m = make(it).fit(X_train, y_train)
    return (m.predict(X_test) if task == "regression" else m.predict_proba(X_test)), info


def _lgb_stop(deadline):
    import lightgbm as lgb

    def cb(env):
        if time.time() > deadline:
            raise lgb.callback.EarlyStopException(
                env.iteration, env.evaluation_result_list or [("train", "x", 0.0, False)]
            )

    cb.order = 40
    return cb


@peer("core", "lightgbm")
def lgbm_default(X_train, y_train, X_test, task, budget_s, seed, n_jobs):
    import lightgbm as lgb

    M = lgb.LGBMRegressor if task == "regression" else lgb.LGBMClassifier
    m = M(n_jobs=n_jobs, random_state=seed, verbose=-1)
    m.fit(X_train, y_train, callbacks=[_lgb_stop(time.time() + 0.9 * left(budget_s))])
    return (m.predict(X_test) if task == "regression" else m.predict_proba(X_test)), dict(trees=int(m.n_iter_))


@peer("core", "lightgbm", "optuna")
def lgbm_optuna(X_train, y_train, X_test, task, budget_s, seed, n_jobs):
    """TPE over 8 LightGBM settings with early stopping; 3-fold below 3,000 rows, else one 20% hold-out; then a refit on
    all training rows with the best settings and number of rounds."""
    import lightgbm as lgb
    import optuna
    from sklearn.model_selection import KFold, StratifiedKFold

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    n, K = len(y_train), (0 if task == "regression" else int(y_train.max() + 1))
    if n < 3000:
        s = (
            KFold(3, shuffle=True, random_state=seed)
            if task == "regression"
            else StratifiedKFold(3, shuffle=True, random_state=seed)
        )
        folds = list(s.split(X_train, y_train))
    else:
        folds = [holdout(y_train, task, seed)]
    base = dict(
        objective={"regression": "l2", "binary": "binary", "multiclass": "multiclass"}[task],
        verbosity=-1,
        num_threads=n_jobs,
        seed=seed,
        feature_pre_filter=False,
    )
    if task == "multiclass":
        base["num_class"] = K
    dss = [
        (lgb.Dataset(X_train.iloc[a], y_train[a], free_raw_data=False), X_train.iloc[b], y_train[b]) for a, b in folds
    ]
    best = dict(loss=np.inf)
    slowest = [0.0]

    def prob(m, X):
        p = m.predict(X, num_iteration=m.best_iteration or None)
        return np.column_stack([1 - p, p]) if task == "binary" else p

    def objective(t):
        p = dict(
            base,
            learning_rate=t.suggest_float("learning_rate", 0.01, 0.3, log=True),
            num_leaves=t.suggest_int("num_leaves", 4, 256, log=True),
            min_data_in_leaf=t.suggest_int("min_data_in_leaf", 2, 100, log=True),
            feature_fraction=t.suggest_float("feature_fraction", 0.3, 1.0),
            bagging_fraction=t.suggest_float("bagging_fraction", 0.4, 1.0),
            bagging_freq=1,
            lambda_l1=t.suggest_float("lambda_l1", 1e-8, 10, log=True),
            lambda_l2=t.suggest_float("lambda_l2", 1e-8, 10, log=True),
            min_gain_to_split=t.suggest_float("min_gain_to_split", 1e-8, 1, log=True),
        )
        t0, losses, its, models = time.time(), [], [], []
        for ds, Xv, yv in dss:
            ds.params = None  # a Dataset remembers the settings of its first use
            dl = time.time() + max(0.5, (left(budget_s) * 0.8) / len(dss))
            ds2 = lgb.Dataset(ds.data, ds.label, free_raw_data=False)
            m = lgb.train(
                p,
                ds2,
                2000,
                valid_sets=[lgb.Dataset(Xv, yv, reference=ds2)],
                callbacks=[lgb.early_stopping(50, verbose=False), _lgb_stop(dl)],
            )
            losses.append(loss_of(yv, prob(m, Xv), task))
            its.append(m.best_iteration or m.current_iteration())
            models.append(m)
            if left(budget_s) < 1 and best["loss"] < np.inf:
                break
        L = float(np.mean(losses))
        slowest[0] = max(slowest[0], time.time() - t0)
        if L < best["loss"] and len(losses) == len(dss):
            best.update(loss=L, params=p, rounds=int(np.mean(its)), models=models, cost=(time.time() - t0) / len(dss))
        return L

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed, n_startup_trials=10))
    trials = 0
    while trials == 0 or left(budget_s) > 0.08 * budget_s + 1.3 * best.get("cost", 0) / 0.8 + min(
        slowest[0], 0.25 * budget_s
    ):
        study.optimize(objective, n_trials=1)
        trials += 1
    if left(budget_s) > 1.3 * best["cost"]:
        m = lgb.train(
            best["params"],
            lgb.Dataset(X_train, y_train),
            max(1, int(best["rounds"] * 1.1)),
            callbacks=[_lgb_stop(time.time() + 0.9 * left(budget_s))],
        )
        return prob(m, X_test), dict(trials=trials, val=best["loss"], rounds=best["rounds"], refit=True)
    return np.mean([prob(m, X_test) for m in best["models"]], axis=0), dict(
        trials=trials, val=best["loss"], refit=False
    )


@peer("core", "catboost")
def catboost_default(X_train, y_train, X_test, task, budget_s, seed, n_jobs):
    """Default settings; training is stopped by the clock if 1,000 rounds do not fit."""
    import catboost as cb

    cats = cat_cols(X_train)
    a, b = cat_as_str(X_train), cat_as_str(X_test)
    deadline = time.time() + 0.85 * left(budget_s)

    class Stop:
        def after_iteration(self, info):
            return time.time() < deadline

    M = cb.CatBoostRegressor if task == "regression" else cb.CatBoostClassifier
    m = M(thread_count=n_jobs, random_seed=seed, verbose=0, allow_writing_files=False)
    m.fit(cb.Pool(a, y_train, cat_features=cats), callbacks=[Stop()])
    return (m.predict(b) if task == "regression" else m.predict_proba(b)), dict(trees=int(m.tree_count_))


@peer("core", "scikit-learn")
def mlp_random_search(X_train, y_train, X_test, task, budget_s, seed, n_jobs):
    """sklearn MLP on standardised one-hot data; settings drawn by ParameterSampler (what RandomizedSearchCV uses) until the
    budget is nearly used, 20% hold-out, early stopping by epoch, then a refit on all rows for the best number of epochs."""
    from scipy.stats import loguniform
    from sklearn.model_selection import ParameterSampler
    from sklearn.neural_network import MLPClassifier, MLPRegressor

    a, b = dense(X_train, X_test)
    y, mu, sd = y_train, 0.0, 1.0
    if task == "regression":
        mu, sd = y_train.mean(), y_train.std() or 1.0
        y = (y_train - mu) / sd
    tr, va = holdout(y_train, task, seed)
    space = dict(
        hidden_layer_sizes=[(64,), (128,), (256,), (64, 64), (128, 128), (256, 256), (128, 128, 128)],
        alpha=loguniform(1e-6, 1e-1),
        learning_rate_init=loguniform(2e-4, 2e-2),
        batch_size=[32, 64, 128, 256],
        activation=["relu", "tanh"],
    )
    M = MLPRegressor if task == "regression" else MLPClassifier
    K = 0 if task == "regression" else int(y_train.max() + 1)
    out = lambda m, X: m.predict(X) * sd + mu if task == "regression" else m.predict_proba(X)
    best, n = dict(loss=np.inf), 0

    def fit(params, rows, epochs, val, deadline):
        m = M(random_state=seed, **dict(params, batch_size=min(params["batch_size"], max(8, len(rows) // 4))))
        bl, be, bm, bad = np.inf, 0, None, 0
        for e in range(1, epochs + 1):
            m.partial_fit(a[rows], y[rows], **({} if task == "regression" else dict(classes=np.arange(K))))
            if val is not None:
                L = loss_of(y_train[val], out(m, a[val]), task)
                if L < bl - 1e-5:
                    bl, be, bm, bad = L, e, copy.deepcopy(m), 0
                else:
                    bad += 1
                if bad >= 10:
                    break
            if time.time() > deadline:
                break
        return (m, e, None) if val is None else (bm if bm is not None else m, be or e, bl)

    for params in ParameterSampler(space, 100000, random_state=seed):
        t = time.time()
        m, e, L = fit(params, tr, 200, va, time.time() + 0.85 * left(budget_s))
        n += 1
        if L is not None and L < best["loss"]:
            best = dict(loss=L, params=params, epochs=e, model=m, cost=time.time() - t)
        if left(budget_s) < 0.08 * budget_s + 1.6 * best["cost"]:
            break
    info = dict(trials=n, val=best["loss"], epochs=best["epochs"], params=str(best["params"]))
    if left(budget_s) > 1.4 * best["cost"]:
        m, _, _ = fit(best["params"], np.arange(len(y)), best["epochs"], None, time.time() + 0.9 * left(budget_s))
        return out(m, b), dict(info, refit=True)
    return out(best["model"], b), dict(info, refit=False)


@peer("core", "flaml", "lightgbm", "xgboost")
def flaml_automl(X_train, y_train, X_test, task, budget_s, seed, n_jobs):
    from flaml import AutoML

    a, b = X_train.copy(), X_test.copy()
    m = AutoML()
    m.fit(
        a,
        y_train,
        task="regression" if task == "regression" else "classification",
        seed=seed,
        n_jobs=n_jobs,
        verbose=0,
        metric="rmse" if task == "regression" else "log_loss",
        time_budget=max(1, 0.92 * left(budget_s) - 1),
        retrain_full="budget",
    )
    p = m.predict(b) if task == "regression" else m.predict_proba(b)
    return np.asarray(p), dict(best=m.best_estimator, val=m.best_loss, trials=len(m.config_history))
