"""What a study tells while it runs; who listens decides what to show. Also carries the wish to stop."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from tunecurve.cancellation import Cancellation
from tunecurve.learners.base import TrainingProgress
from tunecurve.study.plan import Trial

if TYPE_CHECKING:
    from tunecurve.metrics.base import Metric


class Progress:
    """Listener that says nothing; the command line and notebooks have louder ones.

    Attributes
    ----------
    stop_requested : bool
        Set or computed by a listener of your own that wants the work to end.
    """

    stop_requested = False

    @cached_property
    def cancellation(self) -> Cancellation:
        """What all work looks at: an interrupt, and `stop_requested`."""
        return Cancellation(lambda: self.stop_requested)

    def message(self, line: str) -> None:
        """Hear of something that is not a trial's."""

    def study_started(self, n_trials: int, estimated_seconds: dict[Trial, float]) -> None:
        """Hear how many trials there are, and about how long each takes that is not finished."""

    def scored_by(self, metric: Metric) -> None:
        """Hear under which metric, the headline metric, `scored` tells scores."""

    def scored(self, trial: Trial, score: float) -> None:
        """Hear the score of a trial that has ended now, or was found finished; undefined ones are not told."""

    def paid(self, spent_usd: float, at_most_usd: float | None) -> None:
        """Hear what the study has paid so far, and its cap; told only where something costs money."""

    def trial_started(self, trial: Trial) -> None:
        """Hear that a trial starts."""

    def trial_waits(self, trial: Trial, reason: str) -> None:
        """Hear that a trial waits for work done elsewhere; others run meanwhile."""

    def trained(self, trial: Trial, progress: TrainingProgress) -> None:
        """Hear that an optimizer step is done."""

    def answered(self, trial: Trial, n_done: int, n_all: int, tokens_per_second: float) -> None:
        """Hear how many rows have answers: test rows, and those that the model was tuned on, where it is scored on them."""

    def trial_finished(self, trial: Trial, score_line: str, seconds: float) -> None:
        """Hear that a trial is done, with its score in words."""

    def trial_failed(self, trial: Trial, reason: str) -> None:
        """Hear that a trial failed; the study goes on."""

    def trials_added(self, seconds: dict[Trial, float]) -> None:
        """Hear that trials are planned in addition, and about how long each takes."""

    def trials_dropped(self, trials: Sequence[Trial]) -> None:
        """Hear that trials are no longer planned."""
