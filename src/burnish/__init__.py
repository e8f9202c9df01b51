"""Finds what holds a neural network back, cures it by experiment, and shows the evidence.

Names are imported when they are first used: `import burnish` is quick, and starts neither JAX nor scikit-learn.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from burnish import techniques
    from burnish.api import ablate, diagnose_run, explain, improve, load_model, resume
    from burnish.diagnosis.gradient_check import check_gradients
    from burnish.diagnosis.gradient_record import GradientCheck
    from burnish.doctor.asking import diagnose
    from burnish.doctor.diagnosis import Diagnosis
    from burnish.doctor.monitor import Monitor
    from burnish.errors import BurnishError, ConfigError, DataError, ExtraMissing, StoreError, WorkerError
    from burnish.estimators import BurnishClassifier, BurnishRegressor, FewRowsWarning
    from burnish.explaining.explained import Explained
    from burnish.train.configuration import Configuration
    from burnish.workflow.ablate import Ablation
    from burnish.workflow.applying import Model
    from burnish.workflow.exporting import export_onnx
    from burnish.workflow.leaving import Result
    from burnish.workflow.outside import Verdict, verdict
    from burnish.workflow.rediagnosing import Rediagnosed
    from burnish.workflow.session import Interrupted

    __version__: str

_HOMES = {
    "Ablation": "burnish.workflow.ablate",
    "BurnishClassifier": "burnish.estimators",
    "BurnishError": "burnish.errors",
    "BurnishRegressor": "burnish.estimators",
    "ConfigError": "burnish.errors",
    "Configuration": "burnish.train.configuration",
    "DataError": "burnish.errors",
    "Explained": "burnish.explaining.explained",
    "Diagnosis": "burnish.doctor.diagnosis",
    "ExtraMissing": "burnish.errors",
    "FewRowsWarning": "burnish.estimators",
    "GradientCheck": "burnish.diagnosis.gradient_record",
    "Interrupted": "burnish.workflow.session",
    "Model": "burnish.workflow.applying",
    "Monitor": "burnish.doctor.monitor",
    "Rediagnosed": "burnish.workflow.rediagnosing",
    "Result": "burnish.workflow.leaving",
    "StoreError": "burnish.errors",
    "Verdict": "burnish.workflow.outside",
    "WorkerError": "burnish.errors",
    "ablate": "burnish.api",
    "check_gradients": "burnish.diagnosis.gradient_check",
    "diagnose": "burnish.doctor.asking",
    "diagnose_run": "burnish.api",
    "explain": "burnish.api",
    "export_onnx": "burnish.workflow.exporting",
    "improve": "burnish.api",
    "load_model": "burnish.api",
    "resume": "burnish.api",
    "verdict": "burnish.workflow.outside",
}

__all__ = [
    "Ablation",
    "BurnishClassifier",
    "BurnishError",
    "BurnishRegressor",
    "ConfigError",
    "Configuration",
    "DataError",
    "Diagnosis",
    "Explained",
    "ExtraMissing",
    "FewRowsWarning",
    "GradientCheck",
    "Interrupted",
    "Model",
    "Monitor",
    "Rediagnosed",
    "Result",
    "StoreError",
    "Verdict",
    "WorkerError",
    "__version__",
    "ablate",
    "check_gradients",
    "diagnose",
    "diagnose_run",
    "explain",
    "export_onnx",
    "improve",
    "load_model",
    "resume",
    "techniques",
    "verdict",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = importlib.import_module("importlib.metadata").version("burnish")
    elif name == "techniques":
        value = importlib.import_module("burnish.techniques")
    elif name in _HOMES:
        value = getattr(importlib.import_module(_HOMES[name]), name)
    else:
        raise AttributeError(f"module 'burnish' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
