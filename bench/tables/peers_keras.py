"""Peer of the environment `keras`: KerasTuner on Keras 3 with JAX."""

import os
import tempfile
import time

import numpy as np

from peer_data import T0, dense, holdout, peer


@peer("keras", "keras", "jax", "keras-tuner")
def keras_tuner_rs(X_train, y_train, X_test, task, budget_s, seed, n_jobs):
    """KerasTuner RandomSearch (Keras 3 on JAX): an MLP, or for pictures a small convolution net; 20% hold-out."""
    os.environ["KERAS_BACKEND"] = "jax"
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import keras
    import keras_tuner as kt

    keras.utils.set_random_seed(seed)
    shape = X_train.attrs.get("image_shape")
    if shape:
        a, b = (
            X.to_numpy("float32").reshape(-1, *shape) / max(1.0, float(X_train.to_numpy().max()))
            for X in (X_train, X_test)
        )
    else:
        a, b = dense(X_train, X_test)
    K = 1 if task == "regression" else int(y_train.max() + 1)
    mu, sd = (y_train.mean(), y_train.std() or 1.0) if task == "regression" else (0.0, 1.0)
    y = ((y_train - mu) / sd).astype("float32") if task == "regression" else y_train.astype("int32")
    tr, va = holdout(y_train, task, seed)
    deadline = T0 + 0.88 * budget_s - 0.5
    L = keras.layers

    def build(hp):
        m = keras.Sequential([L.Input(a.shape[1:])])
        if shape:
            for i in range(hp.Int("conv", 1, 2)):
                m.add(L.Conv2D(hp.Choice(f"f{i}", [16, 32, 64]), 3, padding="same", activation="relu"))
                m.add(L.MaxPooling2D())
            m.add(L.Flatten())
        for i in range(hp.Int("layers", 1, 3)):
            m.add(L.Dense(hp.Choice(f"units{i}", [32, 64, 128, 256]), activation=hp.Choice("act", ["relu", "gelu"])))
            if hp.Boolean("bn"):
                m.add(L.BatchNormalization())
            m.add(L.Dropout(hp.Float("drop", 0, 0.5)))
        m.add(L.Dense(K, activation=None if task == "regression" else "softmax"))
        m.compile(
            keras.optimizers.AdamW(
                hp.Float("lr", 1e-4, 1e-2, sampling="log"), weight_decay=hp.Float("wd", 1e-6, 1e-2, sampling="log")
            ),
            loss="mse" if task == "regression" else "sparse_categorical_crossentropy",
        )
        return m

    class Clock(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if time.time() > deadline:
                self.model.stop_training = True

    class Tuner(kt.RandomSearch):
        def on_trial_end(self, trial):
            super().on_trial_end(trial)
            if time.time() > deadline - 0.02 * budget_s:
                self.oracle.max_trials = len(self.oracle.trials)

    with tempfile.TemporaryDirectory() as d:
        t = Tuner(
            build, objective="val_loss", max_trials=100000, seed=seed, directory=d, project_name="t", overwrite=True
        )
        t.search(
            a[tr],
            y[tr],
            validation_data=(a[va], y[va]),
            epochs=100,
            batch_size=int(min(128, max(16, len(tr) // 20))),
            verbose=0,
            callbacks=[keras.callbacks.EarlyStopping("val_loss", patience=8), Clock()],
        )
        n = len(t.oracle.trials)
        best = t.oracle.get_best_trials(1)[0]
        m = t.get_best_models(1)[0]
    p = np.asarray(m.predict(b, batch_size=1024, verbose=0), dtype="float64")
    return (p[:, 0] * sd + mu if task == "regression" else p), dict(trials=n, val=best.score)
