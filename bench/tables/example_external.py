"""The smallest method behind a command line (mean or class shares by nearest class means): a check of --external.
python run_bench.py --datasets vehicle --peers dummy --external "toy=python /path/to/example_external.py {train} {test} {target} {task} {out}" ..."""

import sys

import numpy as np
import pandas as pd

train, test, target, task, out = sys.argv[1:6]
a, b = pd.read_parquet(train), pd.read_parquet(test)
y = a.pop(target)
num = a.select_dtypes("number").columns
mu, sd = a[num].mean(), a[num].std().replace(0, 1)
A, B = ((d[num] - mu) / sd for d in (a, b))
A, B = A.fillna(0).to_numpy(), B.fillna(0).to_numpy()
if task == "regression":
    pd.DataFrame({"prediction": np.full(len(b), y.mean())}).to_csv(out, index=False)
else:
    cl = sorted(y.unique())
    d = np.column_stack([((B - A[(y == c).to_numpy()].mean(0)) ** 2).mean(1) for c in cl])
    p = np.exp(-4 * (d - d.min(1, keepdims=True)))
    pd.DataFrame(p / p.sum(1, keepdims=True), columns=cl).to_csv(out, index=False)
