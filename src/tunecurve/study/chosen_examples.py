"""The examples of a trial's rows: chosen once, kept in its folder, and the same ones whenever the trial goes on."""

from __future__ import annotations

from dataclasses import replace

from tunecurve.errors import DamagedFile
from tunecurve.learners.base import Learner
from tunecurve.prompts import held_to_shape
from tunecurve.study.dataset import StudyData
from tunecurve.study.plan import PlannedTrial, Trial, shape_in
from tunecurve.study.progress import Progress
from tunecurve.study.similar import ChosenExamples, LabelledRow, Retriever
from tunecurve.study.trial_prompts import AskedPrompts, fixed_prompts, shortened


def asked_in_trial(planned: PlannedTrial, data: StudyData, learner: Learner, progress: Progress) -> AskedPrompts:
    """Return the prompts of a trial on the test rows."""
    if planned.trial.chooses_examples:
        chosen = _chosen(planned, data, progress)
        examples = [chosen.retriever.examples(numbers) for numbers in chosen.chosen]
        asked = shortened(data.renderer, learner, [row.source for row in data.test], examples)
    else:
        asked = fixed_prompts(data, learner, planned.trial.shared_shots, planned.trial.seed)
    return replace(asked, prompts=held_to_shape(asked.prompts, shape_in(planned.config)))


def retriever_of(trial: Trial, data: StudyData) -> Retriever:
    """Return what chooses the examples of a trial, among the training rows of its size and seed."""
    assert data.similarity is not None, "the study file asks for similar examples"
    assert trial.strategy in ("similar", "similar-by-label")
    rows = [
        LabelledRow(row.row_id, row.source, row.target, tuple(data.task.labels_of(row.target, row.source)))
        for row in data.training_rows(trial.train_size, trial.seed)
    ]
    return Retriever(rows, data.similarity, trial.shots, trial.strategy)


def _chosen(planned: PlannedTrial, data: StudyData, progress: Progress) -> ChosenExamples:
    """Return the examples that an earlier start of the trial chose, else choose them."""
    folder, retriever = planned.folder, retriever_of(planned.trial, data)
    try:
        kept = folder.examples()
    except DamagedFile as damaged:
        moved = folder.quarantine(damaged.path)
        progress.message(
            f"{planned.name}: '{damaged.path}' is damaged ({damaged.reason}); moved to '{moved}'; the examples are chosen again"
        )
        kept = None
    if kept is not None:
        return ChosenExamples(retriever, kept["chosen"])
    chosen = ChosenExamples(retriever, retriever.choose([row.source for row in data.test]))
    folder.keep_examples(chosen.to_json())
    return chosen
