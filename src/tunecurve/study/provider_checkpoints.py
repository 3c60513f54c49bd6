"""Scoring the checkpoints that a provider keeps of a tuned model, one for every pass over the rows.

A score that still rises from pass to pass says that the model was trained too little; one that has settled says that it
lacks data. Checkpoints are there anyway, so this costs answers and no training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tunecurve.learners.base import Learner
from tunecurve.metrics.base import Metric
from tunecurve.study.answer_report import score_answers, summarise_answers
from tunecurve.study.dataset import StudyData
from tunecurve.study.plan import PlannedTrial
from tunecurve.study.progress import Progress
from tunecurve.study.trial import answer_all
from tunecurve.study.trial_folder import PROVIDER_CHECKPOINTS


def score_checkpoints(
    planned: Sequence[PlannedTrial],
    data: StudyData,
    learners: Mapping[str, Learner],
    metrics: Sequence[Metric],
    progress: Progress,
) -> None:
    """Score every checkpoint of every finished tuned trial whose provider keeps them; what is scored stays."""
    for item in planned:
        learner = learners[item.trial.learner]
        is_tuned = item.trial.strategy == "fine-tune" and item.folder.is_finished
        if not is_tuned or item.folder.has(PROVIDER_CHECKPOINTS):
            continue
        scored = []
        for epoch, checkpoint in learner.checkpoints(item.folder.path):
            progress.message(f"{item.trial.learner} {item.trial.label}: scoring the checkpoint after pass {epoch}")
            answers = answer_all(item, data, checkpoint, f"checkpoint-{epoch}.partial.jsonl", progress)
            scored.append(
                {
                    "epoch": epoch,
                    "scores": score_answers(data.test, answers, metrics),
                    "answers": summarise_answers(answers),
                }
            )
        if scored:
            item.folder.keep_provider_checkpoints(scored)
        item.folder.remove(*(path.name for path in item.folder.path.glob("checkpoint-*.partial.jsonl")))
