"""What measurements that nobody has taken yet would tell about a curve: which sizes and seeds are worth their time.

The question is the one of the verdict: by which share does the next doubling beyond the largest size lower the error? Before
anything is measured the forecaster answers it with a distribution, from what other curves did. A set of measurements is worth the
share of that distribution's variance which the best linear estimate from them explains, each with the noise of its runs: none
is worth 0, all knowledge 1. It is the expected gain in precision, whatever will be measured.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property

import numpy as np

from tunecurve.curve.borrowed import USUAL_ROWS, with_start
from tunecurve.curve.points import CurvePoints, Floats, prepare
from tunecurve.curve.predictive import predict


class UnmeasuredCurve:
    """A curve of which nothing is known yet.

    Parameters
    ----------
    sizes : sequence of int
        Training sizes that may be measured; the question is asked at the largest of them.
    kind : {"language-model", "classical", "tfidf"}, optional
        What is trained, as for `tunecurve.curve.forecast.forecast_curve`.
    """

    def __init__(self, sizes: Sequence[int], kind: str | None = None) -> None:
        self._sizes, self._kind = sorted(set(sizes)), kind

    @cached_property
    def _moments(self) -> tuple[Floats, Floats, Floats, float]:
        """Covariance of the log errors at all sizes, variance of a run there, covariance with what is asked, its variance."""
        started = with_start(prepare(CurvePoints([], []), (0.0, 100.0), "max"), None)
        assert started is not None  # bounded metrics have a usual start
        predictive = predict(started, self._kind)
        # Below the usual start of a curve nothing is known of its shape.
        sizes = np.maximum(np.array(self._sizes, float), USUAL_ROWS)
        latent = np.stack([predictive.latent_log_error(size) for size in sizes], axis=1)
        falls = predictive.latent_log_error(sizes[-1]) - predictive.latent_log_error(2.0 * sizes[-1])
        latent, falls = latent - latent.mean(axis=0), falls - falls.mean()
        covariance = latent.T @ latent / len(falls)
        return covariance, predictive.run_variance(sizes), latent.T @ falls / len(falls), float(falls.var())

    def share_told(self, runs: Mapping[int, int]) -> float:
        """Return which share of the open question so many runs of each size would answer, 0 to 1."""
        measured = [number for number, size in enumerate(self._sizes) if runs.get(size)]
        if not measured:
            return 0.0
        covariance, run_variance, with_asked, asked = self._moments
        of_runs = np.array([run_variance[number] / runs[self._sizes[number]] for number in measured])
        told = covariance[np.ix_(measured, measured)] + np.diag(of_runs)
        share = with_asked[measured] @ np.linalg.solve(told, with_asked[measured]) / asked
        return round(float(share), 12)  # plans that tell the same tie, whatever the last bits
