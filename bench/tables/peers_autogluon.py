"""Peers of the environment `ag`: AutoGluon with several presets, and its own network alone."""

import os
import tempfile

from peer_data import left, peer, spread


def _autogluon(X_train, y_train, X_test, task, budget_s, seed, n_jobs, **fit):
    """Trial stacking (DyStack) is off: it spends a quarter of the time on a rehearsal and needs ray; with no stacking level
    the whole budget goes to bagged base models and their weighted ensemble, as AutoGluon's own v150 presets choose."""
    from autogluon.tabular import TabularPredictor

    a = X_train.copy()
    a["__y"] = y_train
    K = 0 if task == "regression" else int(y_train.max() + 1)
    with tempfile.TemporaryDirectory() as d:
        p = TabularPredictor(
            label="__y",
            problem_type=task,
            path=os.path.join(d, "m"),
            verbosity=0,
            eval_metric="root_mean_squared_error" if task == "regression" else "log_loss",
        )
        p.fit(a, time_limit=max(3, 0.9 * left(budget_s) - 1), num_cpus=n_jobs, num_gpus=0, **fit)
        lb = p.leaderboard(silent=True)
        info = dict(best=p.model_best, models=len(lb), val=float(lb.score_val.max()))
        if task == "regression":
            return p.predict(X_test).to_numpy("float64"), info
        q = p.predict_proba(X_test, as_multiclass=True)
        return spread(q.to_numpy("float64"), list(q.columns), K), info


@peer("ag", "autogluon.tabular")
def ag_medium(X_train, y_train, X_test, task, budget_s, seed, n_jobs):
    return _autogluon(X_train, y_train, X_test, task, budget_s, seed, n_jobs, presets="medium_quality")


@peer("ag", "autogluon.tabular")
def ag_good(X_train, y_train, X_test, task, budget_s, seed, n_jobs):
    return _autogluon(
        X_train,
        y_train,
        X_test,
        task,
        budget_s,
        seed,
        n_jobs,
        presets="good_quality",
        dynamic_stacking=False,
        num_stack_levels=0,
    )


@peer("ag", "autogluon.tabular")
def ag_best(X_train, y_train, X_test, task, budget_s, seed, n_jobs):
    return _autogluon(
        X_train,
        y_train,
        X_test,
        task,
        budget_s,
        seed,
        n_jobs,
        presets="best_quality",
        dynamic_stacking=False,
        num_stack_levels=0,
    )


@peer("ag", "autogluon.tabular")
def ag_best_v150(X_train, y_train, X_test, task, budget_s, seed, n_jobs):
    return _autogluon(
        X_train, y_train, X_test, task, budget_s, seed, n_jobs, presets="best_quality_v150", dynamic_stacking=False
    )


@peer("ag", "autogluon.tabular", "torch")
def ag_nn_torch(X_train, y_train, X_test, task, budget_s, seed, n_jobs):
    """Only AutoGluon's own PyTorch network: its default and then the settings of its zero-shot portfolio until the budget
    is used; weighted ensemble of them. Bagged over 8 folds up to 20,000 rows, one hold-out above."""
    from autogluon.tabular.configs.hyperparameter_configs import get_hyperparameter_config

    more = [
        dict(h, ag_args=dict(h.get("ag_args", {}), priority=-i - 1))
        for i, h in enumerate(get_hyperparameter_config("zeroshot").get("NN_TORCH", []))
    ]
    bag = dict(num_bag_folds=8, num_stack_levels=0, dynamic_stacking=False) if len(y_train) <= 20000 else {}
    return _autogluon(
        X_train,
        y_train,
        X_test,
        task,
        budget_s,
        seed,
        n_jobs,
        presets="medium_quality",
        hyperparameters={"NN_TORCH": [{}] + more},
        **bag,
    )
