"""Which model answered: said aloud where it is not the one that was asked, or not the same one all the time."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tunecurve.findings import Finding
from tunecurve.results.records.trials import FinishedTrial

# What may follow a model's name and still be that model: a date, a number of a version, a stage.
_VERSION = re.compile(r"([-@:](v?\d[\w.-]*|latest|default|stable|preview[\w.-]*|exp[\w.-]*|free|beta[\w.-]*))?")


def is_a_version_of(told: str, asked: str) -> bool:
    """Return whether the name that a provider tells can be that of the model that was asked for.

    Parameters
    ----------
    told : str
        As in the answer, e.g. ``"gpt-4.1-mini-2025-04-14"``.
    asked : str
        As called, e.g. ``"gpt-4.1-mini"``; one that ends in ``latest`` can be any.
    """
    told, asked = (name.rsplit("/", 1)[-1].lower() for name in (told, asked))
    if re.search(r"latest$", asked):
        return True
    longer, shorter = (told, asked) if len(told) >= len(asked) else (asked, told)
    return longer.startswith(shorter) and _VERSION.fullmatch(longer[len(shorter) :]) is not None


def version_findings(trials: Sequence[FinishedTrial]) -> list[Finding]:
    """Return the learners whose answers came from another model than asked for, or from several.

    Tuned models have names of their own, so that only what answered without tuning is compared between trials.
    """
    found = []
    hosted = [trial for trial in trials if trial.is_hosted]
    for learner in dict.fromkeys(trial.learner for trial in hosted):
        own = [trial for trial in hosted if trial.learner == learner]
        found += [*_others(learner, own), *_changes(learner, own)]
    return found


def _others(learner: str, trials: Sequence[FinishedTrial]) -> list[Finding]:
    """Return that something else answered than what was called; a tuned model's base is something else."""
    strange: dict[str, list[str]] = {}
    for trial in trials:
        for told in trial.answers.model_versions:
            if not _may_be(told, trial):
                strange.setdefault(told, []).append(trial.label)
    return [
        Finding(
            "answered-by-another",
            f"{learner}: the provider says that '{told}' answered, which is not the model that was asked for",
            "check the model's name with the provider: the scores are those of what answered",
            tuple(labels),
        )
        for told, labels in strange.items()
    ]


def _may_be(told: str, trial: FinishedTrial) -> bool:
    called, tuned = trial.identity, trial.job
    base = str(called.get("deployment") or called["model"])
    if not tuned.get("tuned_model"):
        # A deployment's name is its user's; the model behind it is told.
        return "deployment" in called or is_a_version_of(told, base)
    names = [tuned["tuned_model"], *(model for _, model in tuned.get("checkpoints") or [])]
    if any(is_a_version_of(told, str(name)) for name in names):
        return True
    # Vertex AI may tell a tuned endpoint's base model; where names are OpenAI's, the base stands for itself.
    return (called.get("service") == "vertex") == is_a_version_of(told, base)


def _changes(learner: str, trials: Sequence[FinishedTrial]) -> list[Finding]:
    within = [trial for trial in trials if len(trial.answers.model_versions) > 1]
    remedy = "run the study again in a new folder, with a name that holds one version, if it matters"
    if within:
        versions = sorted({version for trial in within for version in trial.answers.model_versions})
        text = (
            f"{learner}: several versions answered within one trial ({', '.join(versions)}): its score is of a mixture"
        )
        return [Finding("version-changed", text, remedy, tuple(trial.label for trial in within))]
    told = {
        trial.label: trial.answers.model_versions[0]
        for trial in trials
        if trial.strategy != "fine-tune" and trial.answers.model_versions
    }
    if len(set(told.values())) < 2:
        return []
    text = f"{learner}: different versions answered in different trials, so that their scores differ by more than the prompt"
    return [Finding("version-changed", text, remedy, tuple(f"{label}: {told[label]}" for label in told))]
