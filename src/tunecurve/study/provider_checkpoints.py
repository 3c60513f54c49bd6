"""Scoring the checkpoints that a provider keeps of a tuned model, one for every pass over the rows.

A score that still rises from pass to pass says that the model was trained too little; one that has settled says that it
lacks data. Checkpoints are there anyway, so this costs answers and no training.
"""

from __future__ import annotations

from tunecurve.study.answer_report import score_answers, summarise_answers
from tunecurve.study.chosen_examples import asked_in_trial
from tunecurve.study.progress import Progress
from tunecurve.study.trial import TrialContext, answer_all
from tunecurve.study.trial_folder import PROVIDER_CHECKPOINTS


def score_checkpoints(context: TrialContext, progress: Progress) -> None:
    """Score every checkpoint of every finished tuned trial whose provider keeps them; what is scored stays."""
    data, metrics = context.data, context.metrics
    for item in context.planned:
        learner = context.learner_of(item)
        is_tuned = item.trial.strategy == "fine-tune" and item.folder.is_finished
        if not is_tuned or item.folder.has(PROVIDER_CHECKPOINTS):
            continue
        scored, prompts = [], asked_in_trial(item, data, learner, progress).prompts
        for epoch, checkpoint in learner.checkpoints(item.folder.path):
            progress.message(f"{item.name}: scoring the checkpoint after pass {epoch}")
            answers = answer_all(item, prompts, checkpoint, f"checkpoint-{epoch}.partial.jsonl", progress)
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
