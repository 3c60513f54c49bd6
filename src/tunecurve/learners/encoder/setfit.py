"""SetFit: the encoder learns which texts are of one class, then a logistic regression reads its vectors (Tunstall et al. 2022).

Few rows make many pairs. A step takes pairs of texts of one class; every text should be nearer to those of its class than to all others
of the step (supervised contrastive loss, Khosla et al. 2020). The model is stored and asked as a classifier's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from tunecurve.learners.development_settings import n_trained
from tunecurve.learners.encoder.classifier import ClassifierLearner
from tunecurve.learners.encoder.head import Head
from tunecurve.learners.encoder.model import SegmentClassifier, precision
from tunecurve.learners.encoder.recipe import EncoderRecipe, resolve_encoder_recipe
from tunecurve.learners.encoder.train import TrainingTask
from tunecurve.learners.encoder.whole_texts import text_vectors
from tunecurve.learners.encoder.words import split_words
from tunecurve.prompts import TuningExample

STEPS = 150
TEMPERATURE = 0.1
REGULARISATION = 1.0


class SetFitLearner(ClassifierLearner):
    """Answers with a class of the training targets; see `EncoderLearner` for parameters."""

    kind = "setfit"
    settings_read = ClassifierLearner.settings_read - {"encoder.epochs", "encoder.max_epochs"}

    def resolve_recipe(self, recipe: dict[str, object], n_examples: int) -> dict[str, object]:
        """Return the recipe: so many steps, each of `batch_size` pairs, whatever the number of rows."""
        settings = self.settings.model_dump()
        n_steps = settings["min_steps"] or STEPS
        resolved = resolve_encoder_recipe(settings, n_examples)
        n_rows = n_trained({"development_share": resolved.development_share}, n_examples)
        epochs = max(1, math.ceil(2 * n_steps * resolved.batch_size / n_rows))
        warmup = round(0.1 * n_steps)
        return replace(resolved, name="setfit", epochs=epochs, n_steps=n_steps, warmup_steps=warmup).to_dict()

    def training_recipe(self, recipe: dict[str, object]) -> EncoderRecipe:
        """Return the recipe of the loop, which passes once over the pairs."""
        return replace(super().training_recipe(recipe), epochs=1)

    def training_task(self, model: SegmentClassifier, examples: Sequence[TuningExample], head: Head) -> TrainingTask:
        """Return the contrastive loss over pairs of texts of one class, and the pairs' lengths."""
        return self._task_of_pairs(model, examples, head, self.n_pairs)

    def development_task(self, model: SegmentClassifier, examples: Sequence[TuningExample], head: Head) -> TrainingTask:
        """Return the same loss over a pair for every text: a training's many pairs would make a look as long as all its steps."""
        return self._task_of_pairs(model, examples, head, len(examples))

    def _task_of_pairs(
        self, model: SegmentClassifier, examples: Sequence[TuningExample], head: Head, n_pairs: int
    ) -> TrainingTask:
        numbers = {name: index for index, name in enumerate(head.classes)}
        gold = [numbers[example.answer.strip()] for example in examples]
        texts = split_words(self.tokenizer, [example.prompt.source for example in examples], by_character=False)
        pairs = pairs_of_one_class(gold, n_pairs)

        def loss_of(rows: Sequence[int]) -> torch.Tensor:
            members = [member for row in rows for member in pairs[row]]
            vectors = functional.normalize(self._vectors(model, [texts[member] for member in members]), dim=1)
            return contrastive_loss(vectors, torch.tensor([gold[member] for member in members], device=vectors.device))

        lengths = [sum(len(texts[member].piece_ids) + 2 for member in pair) for pair in pairs]
        return TrainingTask(loss_of, lengths, f"{len(numbers)} classes; {len(pairs):,} pairs", texts)

    @property
    def n_pairs(self) -> int:
        """How many pairs a training takes."""
        return (self.settings.min_steps or STEPS) * (self.settings.batch_size or 16)

    def complete(self, model: SegmentClassifier, examples: Sequence[TuningExample], head: Head) -> None:
        """Fit the logistic regression on the vectors of the training texts."""
        from sklearn.linear_model import LogisticRegression

        if len(head.classes) < 2:
            return
        sources = [example.prompt.source for example in examples]
        vectors = text_vectors(model, self.tokenizer, self.compute, sources).double().numpy()
        gold = [head.classes.index(example.answer.strip()) for example in examples]
        fitted = LogisticRegression(C=REGULARISATION, max_iter=1000).fit(vectors, gold)
        weights, bias = class_weights_of(fitted, len(head.classes))
        with torch.no_grad():
            model.head.weight.copy_(torch.tensor(weights))
            model.head.bias.copy_(torch.tensor(bias))

    def _vectors(self, model: SegmentClassifier, texts: Sequence[Any]) -> torch.Tensor:
        batch = self.segments_of(texts)
        if batch is None:
            return torch.zeros(len(texts), model.head.in_features, device=self.compute.device)
        with precision(self.compute):
            return model.means(batch).float()


def pairs_of_one_class(gold: Sequence[int], n_pairs: int) -> list[tuple[int, int]]:
    """Return pairs of texts of one class: every text is first in turn, its partner drawn; a class of one text has itself."""
    generator = np.random.default_rng(0)
    members: dict[int, list[int]] = {}
    for index, name in enumerate(gold):
        members.setdefault(name, []).append(index)
    pairs: list[tuple[int, int]] = []
    while gold and len(pairs) < n_pairs:
        for first in generator.permutation(len(gold)).tolist():
            others = [index for index in members[gold[first]] if index != first] or [first]
            pairs.append((first, others[generator.integers(len(others))]))
    return pairs[:n_pairs]


def contrastive_loss(vectors: torch.Tensor, gold: torch.Tensor) -> torch.Tensor:
    """Return the supervised contrastive loss of unit vectors, shape (texts, width): those of one class attract each other."""
    is_itself = torch.eye(len(vectors), dtype=torch.bool, device=vectors.device)
    nearness = (vectors @ vectors.T / TEMPERATURE).masked_fill(is_itself, float("-inf"))
    log_shares = nearness.log_softmax(dim=1).masked_fill(is_itself, 0.0)
    is_same = (gold[:, None] == gold[None, :]) & ~is_itself
    return -((log_shares * is_same).sum(dim=1) / is_same.sum(dim=1).clamp(min=1)).mean()


def class_weights_of(fitted: Any, n_classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Return weights and bias with a row a class; scikit-learn gives two classes one row, for the second of them."""
    weights, bias = fitted.coef_, fitted.intercept_
    if n_classes == 2:
        return np.vstack([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
    return weights, bias
