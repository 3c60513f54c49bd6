"""Which models' trainings are computed as one, where the study leaves that open, and what trainings need: said before they begin."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from tunecurve.findings import Finding
from tunecurve.learners.base import Learner, TrainingJob
from tunecurve.learners.training import PlannedTraining
from tunecurve.spec.study import StudySpec
from tunecurve.study.dataset import StudyData

# Training rows that memory is planned by: the longest, and the first for what all have in common.
LONGEST, FIRST = 8, 2


def planned_trainings(
    spec: StudySpec, data: StudyData, learners: Mapping[str, Learner]
) -> dict[str, PlannedTraining | None]:
    """Return what the trainings of each model will need that can be computed as one; None where a model does not tell."""
    if not spec.train_sizes:
        return {}
    rows = data.training_rows(max(spec.train_sizes), 0)
    longest = sorted(rows, key=lambda row: -len(row.source) - len(row.target))[:LONGEST]
    examples = [data.renderer.tuning_example(row.source, row.target) for row in [*longest, *rows[:FIRST]]]
    return {
        name: learner.plan_trainings(
            [
                TrainingJob(examples, learner.resolve_recipe(spec.recipe.model_dump(), size), seed, Path())
                for size in spec.train_sizes
                for seed in range(spec.seeds)
            ]
        )
        for name, learner in learners.items()
        if learner.can_train_together
    }


def trained_together(
    spec: StudySpec, learner: Learner, planned: Mapping[str, PlannedTraining | None]
) -> bool | Literal["auto"]:
    """Return whether a learner's trainings are computed as one: because the study says so, or nothing speaks against it."""
    if not learner.can_train_together or spec.train_together is False:
        return False
    if spec.train_together is True:
        return True
    own = planned.get(learner.name)
    return "auto" if own is not None and not own.why_not_together else False


def memory_findings(spec: StudySpec, planned: Mapping[str, PlannedTraining | None]) -> list[Finding]:
    """Return which models' trainings need much memory, and, where that was left open, which are computed as one."""
    found = []
    for name, one in planned.items():
        if one is not None and (one.is_large or one.to_fit):
            to_fit = f": {one.to_fit}" if one.to_fit else ", the batch in parts where it does not fit"
            text = f"{name}: a training needs {one.memory}{to_fit}"
            found.append(Finding("training-memory", text, is_note=True, learner=name))
        if spec.train_together != "auto":
            continue
        why = "it does not tell what they need" if one is None else one.why_not_together
        how = f"one by one: {why}" if why else "together, as train_together is auto and their memory suffices"
        found.append(Finding("trainings-together", f"{name}: trainings are computed {how}", is_note=True, learner=name))
    return found
