"""The tagger: one tag a word, learnt from the spans that input and target show, written back as the target would be.

The rest of the text is the input itself, so nothing of it can be lost. It cannot answer without training.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from tunecurve.formats.spans import EntityFormat, LabelledSpan, MaskFormat
from tunecurve.learners.base import RoundTrip, TargetLoss
from tunecurve.learners.encoder.head import Calibrated, Head
from tunecurve.learners.encoder.learner import EncoderLearner, class_weights
from tunecurve.learners.encoder.lost_targets import lost_labels, lost_spans
from tunecurve.learners.encoder.masking_budget import within_budget
from tunecurve.learners.encoder.model import SegmentClassifier, batches_by_length, make_segments, precision
from tunecurve.learners.encoder.rehearsal import n_beside
from tunecurve.learners.encoder.tags import (
    OUTSIDE,
    filled_signs,
    joined_labels,
    likeliest_tags,
    runs_of_tags,
    tag_names,
    tags_of,
    under_known_labels,
    with_gaps_filled,
)
from tunecurve.learners.encoder.train import TrainingTask
from tunecurve.learners.encoder.words import Window, Words, distance_to_border, split_words, window_step, windows_over
from tunecurve.learners.unseen import ClassShares
from tunecurve.prompts import Prompt, TuningExample

TOKENS_A_BATCH = 4096
CALIBRATION_SHARE = 0.2
CLASS_WEIGHT_POWER = 0.25
# 2: the likeliest sequence of tags, not the likeliest tag of each word; gaps within a stretch without blanks are filled.
# 3: gaps of characters of scripts without blanks are not filled; a threshold is not rounded to single precision.
DECODING = 3
NO_SPANS = "target cannot be written as labelled words of its input"
NO_LABEL = "no training row has a label"


class TaggedTexts(NamedTuple):
    """Texts in words, with every word's tag."""

    texts: Sequence[Words]
    tags: Sequence[Sequence[int]]


class TaggerLearner(EncoderLearner):
    """Masks or lists the spans it finds; see `EncoderLearner` for parameters."""

    kind = "tagger"
    reads_words = True
    task = "masking"
    loss_unit = "word"

    def identity(self) -> dict[str, object]:
        """Return what determines the answers: how it is trained, and how tags become spans."""
        return self.identity_of_weights() | {"decoding": DECODING}

    def identity_of_weights(self) -> dict[str, object]:
        """Return what determines the weights; since version 2 its steps are planned by windows, of which long texts have several."""
        apart = {"words": "signs set apart"} if self.signs_set_apart else {}
        return super().identity() | {"version": 3} | apart

    def own_settings(self) -> dict[str, object]:
        """Return the budget of over-masking and the task, and whether neighbours are joined."""
        own: dict[str, object] = {"over_masking": self.settings.over_masking, "task": self.task}
        return own | ({"join_neighbours": True} if self.joins_neighbours else {})

    @property
    def joins_neighbours(self) -> bool:
        """Whether neighbouring spans of one label become one where the training rows show it so."""
        return self.settings.join_neighbours is not False

    def n_held_out(self, n_examples: int) -> int:
        """Return a fifth of the examples where a threshold is to be calibrated."""
        return 0 if self.settings.over_masking is None else max(1, round(CALIBRATION_SHARE * n_examples))

    def n_windows(self, n_tokens: int) -> int:
        """Return over how many windows an input is read: about those of `windows_over`."""
        return 1 + max(0, math.ceil((n_tokens - self.longest_window) / window_step(self.longest_window)))

    def prepare(self, examples: Sequence[TuningExample]) -> Head:
        """Return labels, tags and how targets say spans."""
        pairs = [(example.prompt.source, example.answer) for example in examples]
        written = self.mask_format(examples)
        spans_of = EntityFormat() if written is None else written
        labels = sorted({span.label for pair in pairs for span in spans_of.derive(*pair) or []})
        if written is None or not self.joins_neighbours:
            return Head(tag_names(labels), labels, format=written)
        rows = [(source, spans_of.derive(source, target) or []) for source, target in pairs]
        texts = split_words(self.tokenizer, [source for source, _ in rows]) if rows else []
        filled = filled_signs([(source, words, spans) for (source, spans), words in zip(rows, texts, strict=True)])
        return Head(tag_names(labels), labels, joined=joined_labels(rows, labels), filled=filled, format=written)

    def mask_format(self, examples: Sequence[TuningExample]) -> MaskFormat | None:
        """Return how the targets write placeholders; None where they list their spans."""
        pairs = [(example.prompt.source, example.answer) for example in examples]
        return MaskFormat.of_targets(pairs, examples[0].prompt.form if examples else None)

    def training_task(self, model: SegmentClassifier, examples: Sequence[TuningExample], head: Head) -> TrainingTask:
        """Return the loss over words, windows' lengths, and how many rows could be aligned."""
        own = self.tagged(examples, head)
        beside = self.beside(own, head)
        texts, tags = [*own.texts, *beside.texts], [*own.tags, *beside.tags]
        windows = windows_over(texts, self.longest_window)
        n_own = sum(window.text < len(own.texts) for window in windows)
        weights = torch.tensor(tag_weights(own.tags, beside.tags, len(head.classes))).to(self.compute.device)

        def loss_of(rows: Sequence[int]) -> torch.Tensor:
            n_drawn = n_beside(len(rows), n_own) if len(windows) > n_own and torch.is_grad_enabled() else 0
            drawn = torch.randint(n_own, len(windows), (n_drawn,)).tolist() if n_drawn else []
            batch, wanted = self._words_as_segments(texts, [windows[row] for row in [*rows, *drawn]])
            gold = torch.tensor([tags[text][word] for text, word in wanted], device=self.compute.device)
            with precision(self.compute):
                logits = model(batch)
            return loss_of_tags(logits.float(), gold, weights)

        said = f"{len(own.texts)} of {len(examples)} targets are spans of their inputs"
        return TrainingTask(loss_of, [window.last - window.first + 2 for window in windows[:n_own]], said, texts)

    def tagged(self, examples: Sequence[TuningExample], head: Head) -> TaggedTexts:
        """Return those inputs whose targets are spans of them, in words, with every word's tag."""
        form, numbers = head.span_format, {label: index for index, label in enumerate(head.known_labels)}
        derived = [(example.prompt.source, form.derive(example.prompt.source, example.answer)) for example in examples]
        usable = [(source, spans) for source, spans in derived if spans is not None]
        texts = split_words(self.tokenizer, [source for source, _ in usable]) if usable else []
        return TaggedTexts(
            texts, [tags_of(words, spans, numbers) for words, (_, spans) in zip(texts, usable, strict=True)]
        )

    def beside(self, own: TaggedTexts, head: Head) -> TaggedTexts:
        """Return texts of which steps read some beside their rows; none."""
        return TaggedTexts([], [])

    def _words_as_segments(self, texts: Sequence[Words], windows: Sequence[Window]) -> Any:
        """Return the batch and, for every segment, its (text, word)."""
        wanted: list[tuple[int, int]] = []
        segment_of = []
        for window in windows:
            words = texts[window.text].piece_words[window.first : window.last]
            first = words[0]
            base = len(wanted)
            wanted += [(window.text, word) for word in range(first, words[-1] + 1)]
            segment_of.append([base + word - first for word in words])
        batch = make_segments(texts, windows, segment_of, self.tokenizer, self.compute.device, len(wanted))
        return batch, wanted

    def probabilities(self, model: SegmentClassifier, texts: Sequence[Words]) -> list[NDArray[np.float32]]:
        """Return every text's tag probabilities, shape (words, tags)."""
        return self._by_word(model, texts, torch.softmax)

    def _by_word(
        self, model: SegmentClassifier, texts: Sequence[Words], normalise: Callable[..., torch.Tensor]
    ) -> list[NDArray[np.float32]]:
        """Return what is made of every word's logits; a word's come from the window it is deepest in."""
        windows = windows_over(texts, self.longest_window)
        n_tags = model.head.out_features
        found = [np.zeros((len(words), n_tags), dtype=np.float32) for words in texts]
        depth = [np.full(len(words), -1) for words in texts]
        for numbers in batches_by_length([window.last - window.first + 2 for window in windows], TOKENS_A_BATCH):
            chosen = [windows[number] for number in numbers]
            batch, wanted = self._words_as_segments(texts, chosen)
            with precision(self.compute):
                logits = model(batch)
            shares = normalise(logits.float(), dim=-1).cpu().numpy()
            depths = _depths(texts, chosen)
            for row, ((text, word), deep) in enumerate(zip(wanted, depths, strict=True)):
                if deep > depth[text][word]:
                    depth[text][word], found[text][word] = deep, shares[row]
        return found

    def answers(self, model: SegmentClassifier, head: Head, sources: Sequence[str]) -> list[str]:
        """Return the inputs with the found spans replaced, or listed."""
        form = head.span_format
        texts = split_words(self.tokenizer, sources)
        found = self.probabilities(model, texts)
        return [
            form.render(source, found_spans(source, words, shares, head))
            for source, words, shares in zip(sources, texts, found, strict=True)
        ]

    def losses(
        self, model: SegmentClassifier, head: Head, prompts: Sequence[Prompt], targets: Sequence[str]
    ) -> list[TargetLoss]:
        """Return the loss of the tags that every target stands for, summed over the words of its input."""
        if not head.known_labels:
            return [TargetLoss(left_out=NO_LABEL)] * len(targets)
        form, sources = head.span_format, [prompt.source for prompt in prompts]
        gold = [form.derive(source, target) for source, target in zip(sources, targets, strict=True)]
        named = {span.label for spans in gold for span in spans or []}
        shares = ClassShares(head.known_labels, named | {label for prompt in prompts for label in prompt.labels})
        everywhere = {
            label: index for index, label in enumerate([*head.known_labels, *sorted(named - {*head.known_labels})])
        }
        texts = split_words(self.tokenizer, sources)
        found = self._by_word(model, texts, torch.log_softmax)
        return [
            TargetLoss(left_out=NO_SPANS)
            if spans is None
            else TargetLoss(_nats_of_tags(log_shares, tags_of(words, spans, everywhere), shares), len(words))
            for words, spans, log_shares in zip(texts, gold, found, strict=True)
        ]

    def return_targets(
        self, prompts: Sequence[Prompt], targets: Sequence[str], examples: Sequence[TuningExample]
    ) -> RoundTrip:
        """Send the right answers through spans, one tag a word, and rendering; labels that no example has are written as others."""
        head = self.prepare(examples)
        form, numbers = head.span_format, {label: index for index, label in enumerate(head.known_labels)}
        sources = [prompt.source for prompt in prompts]
        kept: list[str] = []
        lost: list[int] = []
        unseen: dict[int, set[str]] = {}
        for row, (source, target, words) in enumerate(
            zip(sources, targets, split_words(self.tokenizer, sources), strict=True)
        ):
            spans = form.nearest(source, target) if (whole := form.derive(source, target)) is None else whole
            new_labels = {span.label for span in spans} - {*head.known_labels}
            tags = tags_of(
                words, spans if head.format is None else under_known_labels(spans, head.known_labels), numbers
            )
            certain = np.eye(len(head.classes), dtype=np.float32)[tags]
            kept.append(form.render(source, found_spans(source, words, certain, head)))
            if whole is not None and new_labels:
                unseen[row] = new_labels
            elif kept[-1] != target:
                lost.append(row)
        return RoundTrip(kept, (*lost_labels(unseen), *lost_spans(lost)))

    def calibrate(self, model: SegmentClassifier, examples: Sequence[TuningExample], head: Head) -> Calibrated:
        """Return the head with the lowest threshold that keeps over-masking within the budget, on held-out examples."""
        if self.settings.over_masking is None:
            return Calibrated(head)
        form = head.span_format
        pairs = [(e.prompt.source, form.derive(e.prompt.source, e.answer)) for e in examples]
        usable = [(source, spans) for source, spans in pairs if spans is not None]
        texts = split_words(self.tokenizer, [source for source, _ in usable])
        with torch.inference_mode():
            shares = self.probabilities(model, texts)
        threshold, budget = within_budget(texts, [spans for _, spans in usable], shares, self.settings.over_masking)
        return Calibrated(replace(head, threshold=threshold), budget)


class EntityTagger(TaggerLearner):
    """The tagger for targets that list entities."""

    task = "ner"
    settings_read = TaggerLearner.settings_read - {"encoder.join_neighbours"}

    def mask_format(self, examples: Sequence[TuningExample]) -> MaskFormat | None:
        """Return None: spans are listed."""
        return None


def loss_of_tags(logits: torch.Tensor, gold: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return the mean loss of words, each weighing what its tag does."""
    return torch.nn.functional.cross_entropy(logits, gold, weight=weights)


def tag_weights(own: Sequence[Sequence[int]], beside: Sequence[Sequence[int]], n_tags: int) -> list[float]:
    """Return the loss weight of every tag; words of texts beside the rows count as much as those of the rows in all."""
    counts = Counter(tag for row in own for tag in row)
    others = Counter(tag for row in beside for tag in row if tag >= 0)
    share = counts.total() / max(1, others.total())
    return class_weights([counts[tag] + share * others[tag] for tag in range(n_tags)], CLASS_WEIGHT_POWER)


def _nats_of_tags(log_shares: NDArray[np.float32], tags: Sequence[int], shares: ClassShares) -> float:
    """Return minus the logarithm of the probability of a text's tags; labels that are not known share what O leaves over."""
    if not tags:
        return 0.0
    exact = log_shares.astype(np.float64)
    inside = np.logaddexp.reduce(exact[:, 1:], axis=1)
    nats = 0.0
    for number, tag in enumerate(tags):
        if tag == OUTSIDE:
            nats -= exact[number, OUTSIDE]
        elif tag < exact.shape[1]:
            nats -= exact[number, tag] - shares.nats_known
        else:  # B and I of a label alike
            nats -= inside[number] - shares.nats_unknown - math.log(2)
    return float(nats)


def found_spans(source: str, words: Words, shares: NDArray[np.float32], head: Head) -> list[LabelledSpan]:
    """Return the spans that tag probabilities stand for.

    Words are in a span where the likeliest tag says so, or above the threshold; where spans begin and what they are called says the
    likeliest sequence of tags. So what leaks and what is masked too much is what the words alone say, but for gaps that are filled.
    Spans that touch are one: in targets nothing but a joint label stands for touching labels (entities of scripts without
    blanks may follow one another). A span of several words gets the label that is likeliest over all of them. Neighbours of a
    label that the head joins are one across blanks.
    """
    if not len(words) or shares.shape[1] == 1:
        return []
    is_inside = shares[:, 1:].max(axis=1) > shares[:, OUTSIDE]
    if head.threshold is not None:  # in double precision, as it was chosen: rounded, it lets in one word too many
        is_inside = 1.0 - shares[:, OUTSIDE].astype(np.float64) >= head.threshold
    tags = with_gaps_filled(source, words, likeliest_tags(shares, is_inside), head.filled or ())
    by_label = shares[:, 1::2] + shares[:, 2::2]
    spans: list[LabelledSpan] = []
    for first, last in runs_of_tags(words, tags, may_touch=head.format is None):
        label = head.known_labels[int(by_label[first:last].sum(axis=0).argmax())]
        is_next = bool(spans) and first > 0 and spans[-1].end == words.ends[first - 1]
        if is_next and spans[-1].label == label and label in (head.joined or ()):
            spans[-1] = replace(spans[-1], end=words.ends[last - 1])
        else:
            spans.append(LabelledSpan(words.starts[first], words.ends[last - 1], label))
    return spans


def _depths(texts: Sequence[Words], windows: Sequence[Window]) -> list[int]:
    """Return, segment by segment as `_words_as_segments` numbers them, how deep each word stands in its window."""
    depths: list[int] = []
    for window in windows:
        words = texts[window.text]
        by_word: dict[int, int] = {}
        for piece in range(window.first, window.last):
            deep = distance_to_border(piece, window, len(words.piece_ids))
            word = words.piece_words[piece]
            by_word[word] = min(by_word.get(word, deep), deep)
        depths += by_word.values()
    return depths
