"""The tagger with a warm start: `builtin:pii` first, then the rows of the study; `tagger:warm`.

Its new head starts from the old one: every tag of the study is the mixture of those tags of `builtin:pii` that the warm model gives
to its words in the training rows, and of those that are called alike. So it knows labels of the study's list that no training row
has, if their names say what they are; without any training row it answers with these alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np
import torch

from tunecurve.data.synthetic_pii.recognised import holds_made_up_row
from tunecurve.errors import UsageError
from tunecurve.findings import Finding
from tunecurve.formats.spans import MaskFormat
from tunecurve.learners.base import TrainingJob, TrainingProgress, Tuned, Workload
from tunecurve.learners.encoder.head import Head
from tunecurve.learners.encoder.learner import SETTINGS
from tunecurve.learners.encoder.model import SegmentClassifier, Segments
from tunecurve.learners.encoder.rehearsal import ROWS_A_PASS, labels_to_rehearse, rehearsed_tags, rows_to_rehearse
from tunecurve.learners.encoder.tagger import TaggedTexts, TaggerLearner
from tunecurve.learners.encoder.tags import OUTSIDE, tag_names
from tunecurve.learners.encoder.warm_labels import labels_that_map
from tunecurve.learners.encoder.warm_start import WarmStart
from tunecurve.learners.encoder.words import split_words
from tunecurve.prompts import Prompt, TuningExample
from tunecurve.wording import first_of

MOST_SHARE_SEEN = 0.01
WORDS_OF_A_NAME = 5
# So many made-up rows tell how long they are.
ROWS_OF_LENGTHS = 100


class WarmTaggerLearner(TaggerLearner):
    """A tagger that has been trained on made-up rows before; see `EncoderLearner` for parameters."""

    settings_read = SETTINGS
    _rehearsed: Sequence[str] = ()
    """Labels that the last training read made-up rows of beside those of the study."""

    @cached_property
    def warm(self) -> WarmStart:
        """What it starts from."""
        return WarmStart(self.files, self.compute, tuple(self.settings.warm_languages), self.settings.warm_rows)

    def identity(self) -> dict[str, object]:
        """Return what determines the answers, with the warm start."""
        return super().identity() | {"warm_start": self.warm.key, "rehearsal": 1}

    @property
    def answers_untrained(self) -> bool:
        """It does, with the labels that map."""
        return True

    def preparation_seconds(self) -> float:
        """Return about how long the warm start takes; 0 once it is in the cache."""
        return self.warm.estimate_seconds()

    def estimate_seconds(self, work: Workload) -> float:
        """Return about how long the work takes; every pass over the rows reads made-up ones beside them."""
        n_beside = work.epochs * min(ROWS_A_PASS, work.n_training_rows)
        beside = n_beside * self._tokens_of_a_made_up_row if n_beside else 0.0
        return super().estimate_seconds(replace(work, tokens_trained=work.tokens_trained + round(beside)))

    @cached_property
    def _tokens_of_a_made_up_row(self) -> float:
        sample = self.warm.examples[:ROWS_OF_LENGTHS]
        return sum(self.count_tokens(example.prompt.source) for example in sample) / len(sample)

    def make_ready(self, on_step: Callable[[TrainingProgress], None]) -> None:
        """Train the warm start, where it is not in the cache."""
        self.warm.prepare(on_step, self.checkpoint_every_seconds)

    def row_findings(self, examples: Sequence[TuningExample]) -> list[Finding]:
        """Return what the warm start was, and which labels it knows without a row of the study.

        Raises
        ------
        UsageError
            When rows of the study are those of `builtin:pii`.
        """
        _refuse_made_up_rows(self.name, examples)
        labels = examples[0].prompt.labels if examples else ()
        known = set(labels_that_map(labels, self.warm.labels).values())
        mapped = [label for label in labels if label in known]
        by_any = set(labels_that_map(labels).values())
        missed = [label for label in labels if label in by_any - known]
        again = ", and again beside these those with labels that a size's rows lack, where names tell" if mapped else ""
        text = f"{self.name}: warm: {self.warm.describe()} before the rows of the study{again}; n counts the study's rows alone"
        if not self.warm.is_ready:
            text += "; they are trained on once, before its first trial, and the result is kept in the cache"
        zero = (
            "no label of this study" if not mapped else f"{len(mapped)} of {len(labels)} labels ({', '.join(mapped)})"
        )
        # docs/recipes.md has the measurements.
        helps = (
            "where labels map it was better at 10 rows; from 25 on by 2.4 points of BLEU or less"
            if mapped
            else "where no label maps it was not shown to be better"
        )
        return [
            *super().row_findings(examples),
            Finding("warm-start", text, is_note=True, learner=self.name),
            Finding(
                "warm-start-labels",
                f"{self.name}: without rows it knows {zero} by name, the others from the rows that have them{_unseen(missed)}",
                f"measure tagger beside it: {helps}",
                is_note=True,
                learner=self.name,
            ),
        ]

    def fine_tune(self, job: TrainingJob, on_step: Callable[[TrainingProgress], None]) -> Tuned:
        """Fine-tune from the warm start, which is made first where it is not there."""
        self.make_ready(on_step)
        self._rehearsed = []
        tuned = super().fine_tune(job, on_step)
        beside = f", those with {first_of(self._rehearsed, 8)} beside, too" if self._rehearsed else ""
        tuned.record.path = f"warm: {self.warm.describe()} before{beside}; {tuned.record.path}"
        return tuned

    def initial_model(self, examples: Sequence[TuningExample], head: Head, seed: int) -> SegmentClassifier:
        """Return the warm model with a head for the study's tags."""
        warm, warm_head = self.warm.load()
        mixture = self._mixture(warm, warm_head, examples, head)
        model = SegmentClassifier(warm.backbone, len(head.classes), seed).to(self.compute.device)
        with torch.no_grad():
            model.head.weight.copy_(mixture @ warm.head.weight)
            model.head.bias.copy_(mixture @ warm.head.bias)
        return model

    def prepare(self, examples: Sequence[TuningExample]) -> Head:
        """Return labels, tags and how targets say spans; labels of the study that are known by name are among them."""
        found = super().prepare(examples)
        by_name = labels_that_map(examples[0].prompt.labels, self.warm.labels).values() if examples else ()
        labels = sorted({*found.known_labels, *by_name})
        joined = found.joined
        if joined is not None:  # labels without rows follow all others
            new = {*labels} - {*found.known_labels}
            joined = [*joined, *(sorted(new) if len(joined) * 2 > len(found.known_labels) else [])]
        return replace(found, classes=tag_names(labels), labels=labels, joined=joined)

    def beside(self, own: TaggedTexts, head: Head) -> TaggedTexts:
        """Return made-up rows with labels of the study of which its rows say nothing."""
        warm, warm_head = self.warm.load()
        with torch.inference_mode():
            shares = self.probabilities(warm, own.texts)
        read = np.concatenate([np.zeros((1, len(warm_head.classes)), dtype=np.float32), *shares]).sum(axis=0)
        means = labels_to_rehearse(warm_head, head, itertools.chain(*own.tags), read)
        rows = rows_to_rehearse(self.warm.examples, means)
        self._rehearsed = sorted({means[span.label] for _, spans in rows for span in spans if span.label in means})
        numbers = {label: index for index, label in enumerate(head.known_labels)}
        texts = split_words(self.tokenizer, [source for source, _ in rows]) if rows else []
        tags = [
            rehearsed_tags(source, words, spans, means, numbers)
            for words, (source, spans) in zip(texts, rows, strict=True)
        ]
        return TaggedTexts(texts, tags)

    def _mixture(
        self, warm: SegmentClassifier, warm_head: Head, examples: Sequence[TuningExample], head: Head
    ) -> torch.Tensor:
        """Return how much of each warm tag is in each of the study's tags, shape (tags, warm tags); rows add up to 1.

        What a label is called counts as much as `WORDS_OF_A_NAME` words of the training rows.
        """
        rows = self.tagged(examples, head)
        with torch.inference_mode():
            found = self.probabilities(warm, rows.texts)
        mixture = WORDS_OF_A_NAME * _tags_by_name(warm_head, head)
        for tags, shares in zip(rows.tags, found, strict=True):
            mixture.index_add_(0, torch.tensor(tags, dtype=torch.long), torch.tensor(shares))
        mixture[OUTSIDE] = torch.eye(warm.head.out_features)[OUTSIDE]
        return (mixture / mixture.sum(dim=1, keepdim=True).clamp(min=1e-6)).to(self.compute.device)

    def model_for(self, prompts: Sequence[Prompt]) -> tuple[SegmentClassifier, Head]:
        """Return the tuned model; without one, the warm model with the labels that map."""
        if self.tuned_folder is not None:
            return super().model_for(prompts)
        self.make_ready(lambda step: None)
        prompt = prompts[0]
        form = prompt.form
        if prompt.numbered:
            form = replace(form, numbering=replace(form.numbering, labels=prompt.labels))
        warm, head = self.warm.load()
        return _renamed(warm, head, labels_that_map(prompt.labels, head.known_labels), MaskFormat(form))


def _unseen(labels: Sequence[str]) -> str:
    """Return what is said of labels that `builtin:pii` has, and the made-up rows that were trained on have not."""
    return f"; none of its made-up rows has {', '.join(labels)}: raise encoder.warm_rows" if labels else ""


def _tags_by_name(warm: Head, head: Head) -> torch.Tensor:
    """Return for each of the study's tags the warm tags whose labels are called alike, evenly; rows add up to 1 or to 0."""
    found = torch.zeros(len(head.classes), len(warm.classes))
    for name, label in labels_that_map(head.known_labels, warm.known_labels).items():
        for position in "BI":
            found[head.classes.index(f"{position}-{label}"), warm.classes.index(f"{position}-{name}")] = 1.0
    return found / found.sum(dim=1, keepdim=True).clamp(min=1.0)


class RenamedTags(torch.nn.Module):
    """A model whose tags are those of another label set: probabilities of tags with one name add up.

    Parameters
    ----------
    model : SegmentClassifier
        The model.
    names : list of int
        For each of its tags, the number of the new one.
    n_tags : int
        New tags.
    """

    def __init__(self, model: SegmentClassifier, names: Sequence[int], n_tags: int) -> None:
        super().__init__()
        self.model, self.names = model, torch.tensor(names)
        self.head = torch.nn.Linear(1, n_tags)  # says how many tags there are

    def forward(self, batch: Segments) -> torch.Tensor:
        """Return the logarithms of the new tags' probabilities, shape (segments, tags)."""
        shares = self.model(batch).float().softmax(dim=-1)
        summed = shares.new_zeros(len(shares), self.head.out_features)
        return summed.index_add_(1, self.names.to(shares.device), shares).clamp(min=1e-12).log()


def _renamed(model: SegmentClassifier, head: Head, names: dict[str, str], written: MaskFormat) -> tuple[Any, Head]:
    """Return the model and head under other labels.

    Labels that share a name have no beginnings: first and last name, one after the other, are one person.
    """
    labels = list(dict.fromkeys(names.values()))
    numbers = [OUTSIDE]
    for label in head.known_labels:
        if label not in names:
            numbers += [OUTSIDE, OUTSIDE]
            continue
        inside = 2 + 2 * labels.index(names[label])
        is_shared = list(names.values()).count(names[label]) > 1
        numbers += [inside if is_shared else inside - 1, inside]
    renamed = RenamedTags(model, numbers, 1 + 2 * len(labels))
    return renamed, Head(tag_names(labels), labels, format=written)


def _refuse_made_up_rows(name: str, examples: Sequence[TuningExample]) -> None:
    """Raise UsageError when rows come from templates of `builtin:pii`: the warm start has seen every one of them."""
    n_seen = sum(holds_made_up_row(e.answer, e.prompt.form) for e in examples)
    if n_seen > max(1.0, MOST_SHARE_SEEN * len(examples)):
        raise UsageError(
            f"'{name}' cannot be measured on these rows: {n_seen:,} of {len(examples):,} hold a template of builtin:pii, "
            "which its warm start has seen; use 'tagger', or data that were not made by builtin:pii"
        )
