"""The classifier: one class a text, out of those that occur in the training targets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import torch

from tunecurve.learners.answer_bounds import among_classes
from tunecurve.learners.base import RoundTrip, TargetLoss
from tunecurve.learners.encoder.head import Head
from tunecurve.learners.encoder.learner import EncoderLearner, class_weights
from tunecurve.learners.encoder.model import SegmentClassifier, Segments, precision
from tunecurve.learners.encoder.train import TrainingTask
from tunecurve.learners.encoder.whole_texts import batches_of_texts, texts_as_segments
from tunecurve.learners.encoder.words import Words, split_words
from tunecurve.learners.unseen import class_losses
from tunecurve.prompts import Prompt, TuningExample

CLASS_WEIGHT_POWER = 0.25


class ClassifierLearner(EncoderLearner):
    """Answers with a class of the training targets; see `EncoderLearner` for parameters."""

    kind = "classifier"
    settings_read = EncoderLearner.settings_read - {"encoder.over_masking", "encoder.join_neighbours"}

    def prepare(self, examples: Sequence[TuningExample]) -> Head:
        """Return the classes."""
        return Head(sorted({example.answer.strip() for example in examples}))

    def return_targets(
        self, prompts: Sequence[Prompt], targets: Sequence[str], examples: Sequence[TuningExample]
    ) -> RoundTrip:
        """Return the right answers that are classes of the training rows; the others cannot be given."""
        return among_classes(targets, self.prepare(examples).classes)

    def training_task(self, model: SegmentClassifier, examples: Sequence[TuningExample], head: Head) -> TrainingTask:
        """Return the loss over texts and their lengths."""
        numbers = {name: index for index, name in enumerate(head.classes)}
        gold = [numbers[example.answer.strip()] for example in examples]
        texts = split_words(self.tokenizer, [example.prompt.source for example in examples], by_character=False)
        counts = Counter(gold)
        weights = torch.tensor(class_weights([counts[index] for index in range(len(numbers))], CLASS_WEIGHT_POWER))
        weights = weights.to(self.compute.device)

        def loss_of(rows: Sequence[int]) -> torch.Tensor:
            logits = self._logits(model, [texts[row] for row in rows])
            wanted = torch.tensor([gold[row] for row in rows], device=self.compute.device)
            return torch.nn.functional.cross_entropy(logits, wanted, weight=weights)

        return TrainingTask(loss_of, [len(words.piece_ids) + 2 for words in texts], f"{len(numbers)} classes", texts)

    def _logits(self, model: SegmentClassifier, texts: Sequence[Words]) -> torch.Tensor:
        """Return the logits of whole texts, those of long ones read in several windows."""
        batch = self.segments_of(texts)
        if batch is None:
            return model.head(torch.zeros(len(texts), model.head.in_features, device=self.compute.device))
        with precision(self.compute):
            return model(batch).float()

    def segments_of(self, texts: Sequence[Words]) -> Segments | None:
        """Return whole texts as segments, those of long ones in several windows; None: no text has a known sign."""
        return texts_as_segments(self.backbone, self.tokenizer, self.compute, texts)

    def answers(self, model: SegmentClassifier, head: Head, sources: Sequence[str]) -> list[str]:
        """Return the likeliest class of every input."""
        return [head.classes[index] for index in self.scores(model, sources).argmax(dim=-1).tolist()]

    def scores(self, model: SegmentClassifier, sources: Sequence[str]) -> torch.Tensor:
        """Return the logits of inputs in double precision on the processor, shape (inputs, classes)."""
        texts = split_words(self.tokenizer, sources, by_character=False)
        found = torch.zeros(len(texts), model.head.out_features, dtype=torch.float64)
        for rows in batches_of_texts(texts):
            found[rows] = self._logits(model, [texts[row] for row in rows]).double().cpu()
        return found

    def losses(
        self, model: SegmentClassifier, head: Head, prompts: Sequence[Prompt], targets: Sequence[str]
    ) -> list[TargetLoss]:
        """Return the loss of every input's class."""
        nats = -self.scores(model, [prompt.source for prompt in prompts]).log_softmax(dim=-1)
        return class_losses(nats.numpy(), head.classes, prompts, targets)
