"""The classifier of sets: every label is there or not by itself, above a threshold from rows that were not trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from tunecurve.formats.label_sets import parse_labels
from tunecurve.learners.base import TargetLoss
from tunecurve.learners.encoder.classifier import ClassifierLearner
from tunecurve.learners.encoder.head import Calibrated, Head
from tunecurve.learners.encoder.model import SegmentClassifier
from tunecurve.learners.encoder.train import TrainingTask
from tunecurve.learners.encoder.words import split_words
from tunecurve.learners.label_thresholds import (
    MIDDLE,
    LabelSetLearner,
    choose_thresholds,
    indicators,
    losses_of_sets,
    n_held_out,
    sets_above,
    shares_of,
)
from tunecurve.prompts import Prompt, TuningExample


class LabelSetClassifier(LabelSetLearner, ClassifierLearner):
    """Answers with all labels of the training targets that are likely enough; see `EncoderLearner` for parameters."""

    def prepare(self, examples: Sequence[TuningExample]) -> Head:
        """Return the labels."""
        classes = sorted({label for example in examples for label in parse_labels(example.answer)})
        return Head(classes, thresholds=[MIDDLE] * len(classes))

    def training_task(self, model: SegmentClassifier, examples: Sequence[TuningExample], head: Head) -> TrainingTask:
        """Return the loss over texts, every label by itself, and their lengths."""
        gold = torch.tensor(indicators([example.answer for example in examples], head.classes), dtype=torch.float32)
        texts = split_words(self.tokenizer, [example.prompt.source for example in examples], by_character=False)

        def loss_of(rows: Sequence[int]) -> torch.Tensor:
            logits = self._logits(model, [texts[row] for row in rows])
            wanted = gold[list(rows)].to(self.compute.device)
            # Summed over labels: a mean would shrink the gradient of many labels, of which nearly all are not there.
            losses = torch.nn.functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
            return losses.sum(dim=1).mean()

        lengths = [len(words.piece_ids) + 2 for words in texts] if head.classes else []
        return TrainingTask(loss_of, lengths, f"{len(head.classes)} labels", texts)

    def n_held_out(self, n_examples: int) -> int:
        """Return a fifth of the examples, to choose thresholds on."""
        return n_held_out(n_examples)

    def calibrate(self, model: SegmentClassifier, examples: Sequence[TuningExample], head: Head) -> Calibrated:
        """Return the head with its thresholds."""
        if not examples:
            return Calibrated(head)
        with torch.inference_mode():
            scores = self._log_odds(model, [example.prompt.source for example in examples])
        gold = indicators([example.answer for example in examples], head.classes)
        return Calibrated(replace(head, thresholds=choose_thresholds(shares_of(scores), gold)))

    def answers(self, model: SegmentClassifier, head: Head, sources: Sequence[str]) -> list[str]:
        """Return the likely labels of every input."""
        return sets_above(shares_of(self._log_odds(model, sources)), head.thresholds or [], head.classes)

    def losses(
        self, model: SegmentClassifier, head: Head, prompts: Sequence[Prompt], targets: Sequence[str]
    ) -> list[TargetLoss]:
        """Return the loss of every input's set."""
        return losses_of_sets(self._log_odds(model, [prompt.source for prompt in prompts]), targets, head.classes)

    def _log_odds(self, model: SegmentClassifier, sources: Sequence[str]) -> NDArray[np.float64]:
        found: NDArray[np.float64] = self.scores(model, sources).numpy()
        return found
