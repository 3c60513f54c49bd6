"""A metric of a user's own: a function of (prediction, reference, input), or a class with `statistics` and `score`.

A study file names it ``package.module:name``; in Python the object itself will do. Nothing that it returns is believed unseen:
what is no number of its declared range ends in one line that names the test row.
"""

from __future__ import annotations

import hashlib
import inspect
import math
import sys
from collections.abc import Sequence
from numbers import Real
from types import FunctionType
from typing import Any

import numpy as np

from tunecurve.errors import SpecError
from tunecurve.metrics.base import FloatArray, Metric
from tunecurve.own_code import load_object
from tunecurve.wording import cut

_EXPECTED = "a function (prediction, reference, input) -> number, or a class with statistics and score"
_used: dict[str, object] = {}


class OwnMetric(Metric):
    """A user's metric as studies use it.

    Parameters
    ----------
    own : function or object
        A function is averaged over the rows. An object of a class with ``statistics(prediction, reference, source)``, a
        sequence of numbers, and ``score(summed)``, a number from their sum over rows; a class stands for its object without
        parameters. Both declare ``direction`` ("max" or "min": whether more or less is better) and ``score_range``; ``title``
        is how people are told of it.
    reference : str
        ``package.module:name``: its name in studies.

    Raises
    ------
    SpecError
        For anything else; at work, for what is no number of the range.
    """

    def __init__(self, own: Any, reference: str) -> None:
        self.name, self._own = reference, _made(own, reference)
        self.direction = _declared(self._own, reference, "direction", '"max" or "min"', '"max"')
        self.score_range = _declared(self._own, reference, "score_range", "(lowest, highest), finite", "(0, 100)")
        name = reference.rpartition(":")[2]
        self.title = str(getattr(self._own, "title", "") or name.replace("_", " "))
        self._n_statistics: int | None = None

    @property
    def signature(self) -> str:
        """Return the name and the hash of the source: after a change the metric is another one."""
        return f"{self.name}|source:{source_hash(self._own)}"

    @property
    def _is_function(self) -> bool:
        return isinstance(self._own, FunctionType)

    def statistics(self, prediction: str, reference: str, source: str) -> FloatArray:
        """Return [value, 1] of a function, else what the class returns; see `statistics_matrix` for the row's number."""
        if self._is_function:
            value = self._number(self._call(self._own, prediction, reference, source))
            return np.array([value, 1.0])
        return self._vector(self._call(self._own.statistics, prediction, reference, source))

    def _vector(self, found: Any) -> FloatArray:
        values = [found] if isinstance(found, Real) else found
        if not isinstance(values, list | tuple | np.ndarray) or not len(values):
            raise SpecError(f"metric '{self.name}': statistics returned {_shown(found)}; expected a list of numbers")
        self._n_statistics = self._n_statistics or len(values)
        if len(values) != self._n_statistics:
            raise SpecError(
                f"metric '{self.name}': statistics returned {len(values)} numbers; expected {self._n_statistics}, as for the "
                "rows before"
            )
        return np.array([self._number(value, in_range=False) for value in values], dtype=np.float64)

    @property
    def knows_several_references(self) -> bool:
        """Whether the class scores rows with several right answers against all of them."""
        return isinstance(self._own, Metric) and self._own.knows_several_references

    def statistics_of_several(self, prediction: str, references: Sequence[str], source: str) -> FloatArray:
        """Return what a `Metric` that knows several references returns, else the statistics against the first one."""
        if not self.knows_several_references:
            return self.statistics(prediction, references[0], source)
        return self._vector(self._call(self._own.statistics_of_several, prediction, references, source))

    def row_weights(self, statistics: FloatArray) -> FloatArray:
        """Return what a `Metric` weighs its rows by, else 1."""
        return self._own.row_weights(statistics) if isinstance(self._own, Metric) else super().row_weights(statistics)

    def score(self, summed: FloatArray) -> FloatArray:
        """Return the mean of a function, else the class's score of each sum; NaN where it says so."""
        if self._is_function:
            with np.errstate(invalid="ignore", divide="ignore"):
                return np.asarray(summed[..., 0] / summed[..., 1])
        rows = np.asarray(summed, dtype=np.float64).reshape(-1, summed.shape[-1])
        scores = [self._number(self._call(self._own.score, row), may_be_nan=True) for row in rows]
        return np.array(scores).reshape(summed.shape[:-1])

    def _call(self, function: Any, *arguments: Any) -> Any:
        try:
            return function(*arguments)
        except Exception as error:  # what a user's code raises is anything
            said = " ".join(str(error).split())[:200]
            raise SpecError(f"metric '{self.name}' failed: {type(error).__name__}: {said}") from error

    def _number(self, value: Any, *, in_range: bool = True, may_be_nan: bool = False) -> float:
        value = value.item() if isinstance(value, np.ndarray) and value.ndim == 0 else value
        number = float(value) if isinstance(value, Real | np.bool_) else None
        if number is None or not (math.isfinite(number) or (may_be_nan and math.isnan(number))):
            raise SpecError(f"metric '{self.name}' returned {_shown(value)}; expected a finite number")
        low, high = self.score_range
        slack = 1e-9 * (high - low)
        if in_range and not (math.isnan(number) or low - slack <= number <= high + slack):
            raise SpecError(f"metric '{self.name}' returned {number:g}, outside its score_range ({low:g}, {high:g})")
        return number


def own_metric(reference: str) -> OwnMetric:
    """Return the metric that ``package.module:name`` stands for: an object given to this process, else loaded code."""
    return OwnMetric(_used[reference] if reference in _used else load_object(reference, "metric"), reference)


def use_metric(own: Any) -> str:
    """Let studies of this process use a metric object; return the name under which they know it, as in a study file."""
    kind = own if isinstance(own, FunctionType | type) else type(own)
    module = sys.modules.get(kind.__module__)
    name = (
        next((name for name, value in vars(module).items() if value is own), kind.__name__) if module else kind.__name__
    )
    reference = f"{kind.__module__}:{name}"
    if not name.isidentifier():
        raise SpecError(f"metric {_shown(own)} has no name by which results could tell it; write it with def")
    OwnMetric(own, reference)
    _used[reference] = own
    return reference


def source_hash(own: Any) -> str:
    """Return a hash of a function's or class's source and of its object's values, 12 hexadecimal digits."""
    kind = own if isinstance(own, FunctionType) else type(own)
    try:
        text = inspect.getsource(kind)
    except (OSError, TypeError):  # typed at a prompt
        codes = [value.__code__ for value in (kind, *vars(kind).values()) if isinstance(value, FunctionType)]
        text = repr(
            [
                (code.co_code, code.co_names, [part for part in code.co_consts if not hasattr(part, "co_code")])
                for code in codes
            ]
        )
    set_on_it = {} if kind is own else vars(own)
    values = {name: value for name, value in sorted(set_on_it.items()) if isinstance(value, str | Real)}
    return hashlib.sha256(f"{text}{values}".encode()).hexdigest()[:12]


def _made(own: Any, reference: str) -> Any:
    if isinstance(own, type) and hasattr(own, "statistics"):
        try:
            own = own()
        except Exception as error:
            raise SpecError(
                f"metric '{reference}': its class cannot be made without parameters ({type(error).__name__}: {error}); name an object"
            ) from error
    is_class = callable(getattr(own, "statistics", None)) and callable(getattr(own, "score", None))
    if not is_class and not isinstance(own, FunctionType):
        raise SpecError(f"metric '{reference}' is {_shown(own)}; expected {_EXPECTED}")
    return own


def _declared(own: Any, reference: str, attribute: str, expected: str, example: str) -> Any:
    is_said = isinstance(own, FunctionType) or any(
        attribute in vars(part) for part in (own, *type(own).__mro__) if part is not Metric
    )
    value = getattr(own, attribute, None) if is_said else None
    name = reference.rpartition(":")[2]
    if attribute == "direction" and value in ("max", "min"):
        return value
    if attribute == "score_range" and isinstance(value, Sequence) and len(value) == 2:
        low, high = value
        if all(isinstance(end, Real) and math.isfinite(end) for end in value) and low < high:
            return float(low), float(high)
    given = f"no {attribute}" if value is None else f"{attribute} {_shown(value)}"
    raise SpecError(f"metric '{reference}' declares {given}; expected {expected}, e.g. {name}.{attribute} = {example}")


def _shown(value: Any) -> str:
    return f"{cut(' '.join(repr(value).split()), 60)} ({type(value).__name__})"
