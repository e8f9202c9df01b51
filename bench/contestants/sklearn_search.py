"""scikit-learn: RandomizedSearchCV over MLPClassifier in two processes. No batch norm, no dropout: it does less."""

from __future__ import annotations

import numpy as np
import task
from scipy.stats import loguniform, uniform
from sklearn.model_selection import PredefinedSplit, RandomizedSearchCV
from sklearn.neural_network import MLPClassifier


def main() -> None:
    order = task.read_order()
    data = task.load(order.name)
    low_rate, high_rate, _ = task.SPACE["learning_rate"]
    low_decay, high_decay, _ = task.SPACE["weight_decay"]
    low_beta, high_beta, _ = task.SPACE["beta1"]
    network = MLPClassifier(
        task.WIDTHS,
        batch_size=task.BATCH,
        max_iter=order.epochs,
        tol=0.0,
        n_iter_no_change=order.epochs + 1,  # never stops early: everybody does the same number of steps
    )
    fold = np.r_[np.full(len(data.x_train), -1), np.zeros(len(data.x_dev), int)]
    search = RandomizedSearchCV(
        network,
        {
            "learning_rate_init": loguniform(low_rate, high_rate),
            "alpha": loguniform(low_decay, high_decay),
            "beta_1": uniform(low_beta, high_beta - low_beta),
        },
        n_iter=order.configurations,
        cv=PredefinedSplit(fold),
        n_jobs=2,
        refit=False,
        random_state=0,
        error_score="raise",
    )
    search.fit(np.r_[data.x_train, data.x_dev], np.r_[data.y_train, data.y_dev])
    task.report(float(search.cv_results_["mean_test_score"].max()), order.steps(len(data.x_train)))


if __name__ == "__main__":
    main()
