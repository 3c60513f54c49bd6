"""Training what a study has to train as one piece of work, before its trials run: they find their models trained.

An interrupted piece continues where it was. A study that has grown since has another piece of work: what was finished
of the old one stays, the rest starts anew.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from tunecurve.errors import ModelError, OutOfMemory
from tunecurve.learners.base import Learner, TrainingProgress
from tunecurve.storage.files import make_folder
from tunecurve.study.dataset import StudyData
from tunecurve.study.plan import PlannedTrial, training_job, training_key
from tunecurve.study.progress import Progress
from tunecurve.study.trial import TrialContext


def train_together(context: TrialContext, progress: Progress, folder: Path) -> None:
    """Train all models of the plan that are not trained, those of one learner at once.

    Trials of learners that do not train together, and of those that nothing is trained for, are left alone; interrupted work is
    kept in the folder. Where it was not asked for in so many words and does not go, the trials are left to train by themselves.

    Raises
    ------
    Interrupted
        When a stop was asked for; what is done is kept.
    """
    planned = context.planned
    for name, learner in context.learners.items():
        own = [item for item in planned if item.trial.learner == name and item.config.get("trained_together")]
        if own:
            items = _to_train(own)
            # Another learner whose training is the same takes it over; see `run_trial`.
            keys = {training_key(item.config, learner) for item in planned if item.folder.is_trained}
            items = [item for item in items if training_key(item.config, learner) not in keys]
            if len(items) > 1:
                _train(items, context.data, learner, progress, make_folder(folder))
    shutil.rmtree(folder, ignore_errors=True)


def _to_train(items: Sequence[PlannedTrial]) -> list[PlannedTrial]:
    return [
        item
        for item in items
        if item.trial.strategy == "fine-tune" and not item.folder.is_finished and not item.folder.is_trained
    ]


def _train(items: Sequence[PlannedTrial], data: StudyData, learner: Learner, progress: Progress, folder: Path) -> None:
    progress.message(f"{learner.name}: training {len(items)} models together")
    progress.trial_started(items[0].trial)
    jobs = []
    for item in items:
        item.folder.begin(item.config)
        jobs.append(training_job(item, data))

    def on_step(number: int, step: TrainingProgress) -> None:
        progress.trained(items[number].trial, step)
        progress.cancellation.check("during training")

    try:
        records = learner.fine_tune_together(jobs, folder=folder, on_step=on_step)
    except (ModelError, OutOfMemory) as error:
        if items[0].config["trained_together"] != "auto":
            raise
        progress.message(f"{learner.name}: trained one by one: {error}")
        return
    for item, record in zip(items, records, strict=True):
        item.folder.keep_training(record)
