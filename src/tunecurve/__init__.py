"""tunecurve: how much data do I need to fine-tune this model, and is more labelling worth it?

The public names are imported when first used, so that ``import tunecurve`` costs next to nothing.
"""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunecurve.curve.forecast import CurvePoints as CurvePoints
    from tunecurve.curve.forecast import forecast_curve as forecast_curve
    from tunecurve.learners.base import Learner as Learner
    from tunecurve.metrics.base import Metric as Metric
    from tunecurve.predictor import load_predictor as load_predictor
    from tunecurve.report.learning_curve import html_table as html_table
    from tunecurve.report.learning_curve import plot as plot
    from tunecurve.report.learning_curve import table as table
    from tunecurve.results.model import Results as Results
    from tunecurve.results.stored import load as load
    from tunecurve.run import run as run
    from tunecurve.storage.versions import own_version
    from tunecurve.study.study import Study as Study

    __version__ = own_version()

_PUBLIC = {
    "CurvePoints": "tunecurve.curve.forecast",
    "Learner": "tunecurve.learners.base",
    "Metric": "tunecurve.metrics.base",
    "Results": "tunecurve.results.model",
    "Study": "tunecurve.study.study",
    "forecast_curve": "tunecurve.curve.forecast",
    "html_table": "tunecurve.report.learning_curve",
    "load": "tunecurve.results.stored",
    "load_predictor": "tunecurve.predictor",
    "plot": "tunecurve.report.learning_curve",
    "table": "tunecurve.report.learning_curve",
}
# Names of earlier versions, where they are, and what takes their place.
_OLD = {
    "LearningCurve": ("tunecurve.report.learning_curve", "Results"),
    "learning_curve": ("tunecurve.run", "run"),
    "load_study": ("tunecurve.report.learning_curve", "load"),
    "run_study": ("tunecurve.run", "run"),
}
__all__ = [
    "CurvePoints", "Learner", "Metric", "Results", "Study", "__version__", "forecast_curve", "load", "load_predictor", "plot", "run",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("tunecurve.storage.versions").own_version()
    if name == "run":  # the module of that name, which can be called
        return importlib.import_module("tunecurve.run")
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    if name in _OLD:
        module, new = _OLD[name]
        message = f"tunecurve.{name} is an old name and will go with the next version; use tunecurve.{new}"
        warnings.warn(message, DeprecationWarning, stacklevel=2)
        return getattr(importlib.import_module(module), name)
    raise AttributeError(f"module 'tunecurve' has no attribute '{name}'")
