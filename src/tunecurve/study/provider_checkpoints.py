"""Scoring the checkpoints that a provider keeps of a tuned model, one for every pass over the rows.

A score that still rises from pass to pass says that the model was trained too little; one that has settled says that it
lacks data. Checkpoints are there anyway, so this costs answers and no training.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tunecurve.learners.base import Learner
from tunecurve.metrics.base import Metric
from tunecurve.storage.files import read_sealed_json, write_sealed_json
from tunecurve.study.answer_report import score_answers, summarise_answers
from tunecurve.study.dataset import StudyData
from tunecurve.study.plan import PlannedTrial
from tunecurve.study.progress import Progress
from tunecurve.study.trial import answer_all, is_finished

CHECKPOINTS = "checkpoints.json"


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
        is_tuned = item.trial.strategy == "fine-tune" and is_finished(item.folder)
        if not is_tuned or (item.folder / CHECKPOINTS).exists():
            continue
        scored = []
        for epoch, checkpoint in learner.checkpoints(item.folder):
            progress.message(f"{item.trial.learner} {item.trial.label}: scoring the checkpoint after pass {epoch}")
            kept_in = item.folder / f"checkpoint-{epoch}.partial.jsonl"
            answers = answer_all(item.trial, data, checkpoint, kept_in, progress)
            scored.append(
                {
                    "epoch": epoch,
                    "scores": score_answers(data.test, answers, metrics),
                    "answers": summarise_answers(answers),
                }
            )
        if scored:
            write_sealed_json(item.folder / CHECKPOINTS, {"scored": scored})
        for path in item.folder.glob("checkpoint-*.partial.jsonl"):
            path.unlink()


def scored_checkpoints(folder: Path) -> list[dict[str, Any]]:
    """Return what `score_checkpoints` has left in a trial's folder."""
    path = folder / CHECKPOINTS
    return read_sealed_json(path)["scored"] if path.exists() else []
