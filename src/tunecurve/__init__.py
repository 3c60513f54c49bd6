"""tunecurve: how much data do I need to fine-tune this model, and is more labelling worth it?

The public functions are imported when first used, so that ``import tunecurve`` costs next to nothing.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tunecurve.predictor import load_predictor as load_predictor
    from tunecurve.report.learning_curve import LearningCurve as LearningCurve
    from tunecurve.report.learning_curve import html_table as html_table
    from tunecurve.report.learning_curve import load_study as load_study
    from tunecurve.report.learning_curve import plot as plot
    from tunecurve.run import learning_curve as learning_curve
    from tunecurve.run import run_study as run_study
    from tunecurve.storage.versions import own_version

    __version__ = own_version()

_PUBLIC = {
    "LearningCurve": "tunecurve.report.learning_curve",
    "html_table": "tunecurve.report.learning_curve",
    "learning_curve": "tunecurve.run",
    "load_predictor": "tunecurve.predictor",
    "load_study": "tunecurve.report.learning_curve",
    "plot": "tunecurve.report.learning_curve",
    "run_study": "tunecurve.run",
}
__all__ = ["LearningCurve", "__version__", "learning_curve", "load_predictor", "load_study", "plot", "run_study"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return importlib.import_module("tunecurve.storage.versions").own_version()
    if name in _PUBLIC:
        return getattr(importlib.import_module(_PUBLIC[name]), name)
    raise AttributeError(f"module 'tunecurve' has no attribute '{name}'")
