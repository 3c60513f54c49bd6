"""Which of a run's trials answers new texts, and what the study says against it."""

from __future__ import annotations

from tunecurve.errors import StudyStateError, UsageError, did_you_mean
from tunecurve.findings import Finding
from tunecurve.results.gates import NOT_ABOVE_FLOOR
from tunecurve.results.model import Results
from tunecurve.results.records.points import best_of
from tunecurve.results.records.trials import FinishedTrial
from tunecurve.results.stored import left_out
from tunecurve.study.plan import SIMILAR, Strategy
from tunecurve.study.study_file import continue_command

# Strategies without any training whose prompt answers new texts.
PROMPTED: tuple[Strategy, ...] = (*SIMILAR, "optimized")


def choose_trial(results: Results, label: str | None, *, tuned_only: bool = False) -> FinishedTrial:
    """Return the trial with this label that is fine-tuned, or has similar examples or an instruction that was looked for; by default
    the best fine-tuned one.

    With several models a label alone may be ambiguous; ``learner/label`` is not. Without any fine-tuned trial the default is the best
    one of the others, unless `tuned_only`.

    Raises
    ------
    UsageError
        For an unknown or unfinished trial.
    StudyStateError
        When no fine-tuned trial is finished.
    """
    tuned = [trial for trial in results.finished if trial.strategy == "fine-tune"]
    prompted = [] if tuned_only else [trial for trial in results.finished if trial.strategy in PROMPTED]
    if not tuned and not prompted:
        if len(left_out(results)):
            raise StudyStateError(f"no fine-tuned trial is in the results of this run yet; {_how_to_tune(results)}")
        raise StudyStateError(f"no fine-tuned trial is finished in this run; {_how_to_tune(results)}")
    if label is None:
        score = results.primary_metric
        best = best_of(tuned or prompted, lambda trial: trial.scores[score], results.metric())
        return best or (tuned or prompted)[0]
    found = [trial for trial in [*tuned, *prompted] if label in (trial.label, trial.name)]
    if len(found) != 1:
        names = [trial.name for trial in [*tuned, *prompted]]
        what = "several trials are" if found else "no finished trial is"
        raise UsageError(f"{what} called '{label}'; there are: {', '.join(names)}.{did_you_mean(label, names)}")
    return found[0]


def _how_to_tune(results: Results) -> str:
    """Return the next step of a run that has no tuned model yet."""
    command = continue_command(results.folder, results.study) if results.folder else ""
    if not command:
        return "continue it with the command that began it"
    if any(trial.strategy == "fine-tune" for trial in results.trials):
        return f"continue it with: {command}"
    return f"it plans none; give it sizes to train on, and a model that can be tuned: {command} --train-sizes 50,200"


def cautions(results: Results, trial: FinishedTrial) -> list[Finding]:
    """Return what speaks against a trial's model: that tuning has taught it nothing, first, and what blocks a claim about its learner."""
    about = [finding for finding in results.findings if finding.learner in (None, trial.learner)]
    untaught = [finding for finding in about if finding.code == NOT_ABOVE_FLOOR and trial.strategy == "fine-tune"]
    return [*untaught, *(finding for finding in about if finding.blocks and finding.code != NOT_ABOVE_FLOOR)]
