"""A small writer of ONNX graphs: nodes are added one by one, and each gives the name of its output."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import ArrayLike
from onnx import TensorProto, helper, numpy_helper

# The newest that onnxruntime has read since 1.14 (2023), and that has all that is needed here.
OPSET, ML_OPSET = 18, 3
IR_VERSION = 8  # goes with that opset
ML = "ai.onnx.ml"
DOUBLE, FLOAT, INT64, STRING = TensorProto.DOUBLE, TensorProto.FLOAT, TensorProto.INT64, TensorProto.STRING
UINT8 = TensorProto.UINT8


@dataclass(slots=True)
class Graph:
    """What has been written so far."""

    nodes: list[onnx.NodeProto] = field(default_factory=list)
    constants: list[onnx.TensorProto] = field(default_factory=list)
    inputs: dict[str, onnx.ValueInfoProto] = field(default_factory=dict)

    def input(self, name: str, element: int, shape: Sequence[int] = (1,)) -> str:
        """An input of `rows` × shape; asked for twice, it is there once."""
        self.inputs.setdefault(name, helper.make_tensor_value_info(name, element, ["rows", *shape]))
        return name

    def constant(self, values: ArrayLike, dtype: Any) -> str:
        """An array in the file."""
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(np.asarray(values, dtype)), name))
        return name

    def add(self, operator: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """A node with one output; returns its name."""
        name = f"{operator.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [name], name, domain=domain, **attributes))
        return name

    def cast(self, value: str, element: int) -> str:
        """The values as another type."""
        return self.add("Cast", value, to=element)

    def finish(self, outputs: Sequence[tuple[str, str, int, Sequence[int]]], note: str) -> onnx.ModelProto:
        """The model, checked.

        Args:
            outputs: Public name, name in the graph, element type, and shape beside the rows, of each.
            note: What the file is, for who opens it.
        """
        for public, name, _, _ in outputs:
            self.nodes.append(helper.make_node("Identity", [name], [public], f"output_{public}"))
        given = [helper.make_tensor_value_info(public, kind, ["rows", *shape]) for public, _, kind, shape in outputs]
        graph = helper.make_graph(self.nodes, "burnish", list(self.inputs.values()), given, self.constants)
        versions = [helper.make_opsetid("", OPSET), helper.make_opsetid(ML, ML_OPSET)]
        model = helper.make_model(graph, opset_imports=versions, ir_version=IR_VERSION, producer_name="burnish")
        model.doc_string = note
        onnx.checker.check_model(model, full_check=True)
        return model
