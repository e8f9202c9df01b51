"""PyTorch with Optuna: two processes of one thread each, which share a study in a journal file.

A journal costs less per trial than SQLite. The first process works too, while the second one starts.
"""

from __future__ import annotations

import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import optuna
import task
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from torch import nn

PROCESSES = 2


def network(columns: int, dropout: float) -> nn.Module:
    """Dense, batch norm, ReLU, dropout, twice; then the logits. Under batch norm a hidden layer needs no bias."""
    layers: list[nn.Module] = []
    for width in task.WIDTHS:
        layers += [nn.Linear(columns, width, bias=False), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(dropout)]
        columns = width
    return nn.Sequential(*layers, nn.Linear(columns, task.CLASSES))


def train(config: dict[str, float], seed: int, epochs: int, data: tuple[torch.Tensor, ...]) -> tuple[float, int]:
    """Best dev accuracy over the epochs, and the number of steps."""
    torch.manual_seed(seed)
    x_train, y_train, x_dev, y_dev = data
    net = network(x_train.shape[1], config["dropout"])
    optimizer = torch.optim.AdamW(
        net.parameters(),
        lr=config["learning_rate"],
        betas=(config["beta1"], 0.999),
        weight_decay=config["weight_decay"],
    )
    cost = nn.CrossEntropyLoss()
    best, steps = 0.0, 0
    for _ in range(epochs):
        net.train()
        for rows in torch.randperm(len(x_train)).split(task.BATCH):
            optimizer.zero_grad(set_to_none=True)
            cost(net(x_train[rows]), y_train[rows]).backward()
            optimizer.step()
            steps += 1
        net.eval()
        with torch.no_grad():
            best = max(best, (net(x_dev).argmax(1) == y_dev).double().mean().item())
    return best, steps


def work(order: task.Order, journal: str, rank: int) -> int:
    """One process' share of the trials; returns how many steps it did."""
    torch.set_num_threads(1)
    raw = task.load(order.name)
    data = tuple(torch.from_numpy(a) for a in (raw.x_train, raw.y_train, raw.x_dev, raw.y_dev))
    total = 0

    def objective(trial: optuna.Trial) -> float:
        nonlocal total
        config = {name: trial.suggest_float(name, low, high, log=log) for name, (low, high, log) in task.SPACE.items()}
        best, steps = train(config, trial.number, order.epochs, data)
        total += steps
        return best

    study = open_study(journal, rank)
    study.optimize(objective, n_trials=len(range(rank, order.configurations, PROCESSES)))
    return total


def open_study(journal: str, seed: int) -> optuna.Study:
    """The study of the journal, made where there is none; each process draws with a seed of its own."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    return optuna.create_study(
        study_name="search",
        storage=JournalStorage(JournalFileBackend(journal)),
        sampler=optuna.samplers.RandomSampler(seed=seed),
        direction="maximize",
        load_if_exists=True,
    )


def main() -> None:
    order = task.read_order()
    with tempfile.TemporaryDirectory() as folder:
        journal = str(Path(folder) / "journal.log")
        study = open_study(journal, 0)
        with ProcessPoolExecutor(PROCESSES - 1, multiprocessing.get_context("spawn")) as pool:
            others = [pool.submit(work, order, journal, rank) for rank in range(1, PROCESSES)]
            steps = work(order, journal, 0) + sum(other.result() for other in others)
        task.report(study.best_value, steps)


if __name__ == "__main__":
    main()
