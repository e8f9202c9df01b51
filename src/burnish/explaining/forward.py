"""What each hidden layer's activation reads."""

from __future__ import annotations

from typing import Any

from jaxtyping import Array, Float, Int32

from burnish.model import layers, network


def pre_activations(
    shape: Any,
    params: dict[str, Any],
    statistics: tuple[dict[str, Array], ...],
    x: Float[Array, "row d"],
    codes: Int32[Array, "row c"],
) -> list[Float[Array, "row unit"]]:
    """z of each hidden layer, after batch norm where there is one, in evaluation mode; each of shape (rows, units).

    z[l] is what a network would put out that ends with layer l, which is what is evaluated here.

    Args:
        shape: The multi-layer perceptron.
        params: Its parameters.
        statistics: Batch norm's averages, corrected; () without batch norm.
        x: Rows as the network reads them.
        codes: Their coded categories.
    """
    found = []
    for place, layer in enumerate(params["hidden"]):
        ends = {"w": layer["w"], "b": layer.get("b", 0.0)}
        cut = {**params, "hidden": params["hidden"][:place], "output": ends}
        z = network.apply_evaluation(shape, cut, statistics, x, codes)
        if shape.norm == "batch":
            seen = statistics[place]
            z = layers.batch_norm_evaluation(z, layer["gamma"], layer["beta"], seen["mean"], seen["variance"])
        found.append(z)
    return found
