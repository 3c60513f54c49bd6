"""What it brings a tagger of masked texts to read other values in its training rows: paired with the rows as they are.

    python benchmarks/curves/other_values.py --data FOLDER --out FOLDER --sets presidio_synthetic,builtin_pii_en --sizes 25,50,200

A known way to make more of few rows ("mention replacement", Dai and Adel 2020): every row stands in 24 versions, of which each
epoch reads the next. The first is the row; in the others half of the values are drawn from all values of the same label in the
training rows. Steps, test rows, training rows and first weights are the same. For short texts: each is one window, in every version.
"""

from __future__ import annotations

import random
import sys
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from unittest.mock import patch

import torch
from label_weights import measure_and_print
from recipes import options_of_a_table

from tunecurve.formats.spans import LabelledSpan
from tunecurve.learners.encoder.head import Head
from tunecurve.learners.encoder.learner import class_weights
from tunecurve.learners.encoder.model import SegmentClassifier, precision
from tunecurve.learners.encoder.tagger import CLASS_WEIGHT_POWER, TaggerLearner, loss_of_tags
from tunecurve.learners.encoder.tags import tags_of
from tunecurve.learners.encoder.train import TrainingTask
from tunecurve.learners.encoder.words import split_words, windows_over
from tunecurve.prompts import TuningExample

WAYS = ("1", "values")
N_VERSIONS = 24
SHARE = 0.5

SpannedText = tuple[str, Sequence[LabelledSpan]]


def with_other_values(text: SpannedText, values: Mapping[str, Sequence[str]], draws: random.Random) -> SpannedText:
    """Return a text in which half of the values are others of their label, and where the values stand in it."""
    source, spans = text
    parts: list[str] = []
    placed: list[LabelledSpan] = []
    end = length = 0
    for span in sorted(spans, key=lambda span: span.start):
        value = source[span.start : span.end]
        if draws.random() < SHARE:
            value = draws.choice(values[span.label])
        parts += [source[end : span.start], value]
        length += span.start - end
        placed.append(LabelledSpan(length, length + len(value), span.label))
        length += len(value)
        end = span.end
    return "".join([*parts, source[end:]]), placed


def versions_of(texts: Sequence[SpannedText]) -> list[list[SpannedText]]:
    """Return the texts as they are, and their versions with other values."""
    found: dict[str, set[str]] = {}
    for source, spans in texts:
        for span in spans:
            found.setdefault(span.label, set()).add(source[span.start : span.end])
    values = {label: sorted(of_label) for label, of_label in found.items()}
    draws = random.Random(0)
    others = [[with_other_values(text, values, draws) for text in texts] for _ in range(N_VERSIONS - 1)]
    return [list(texts), *others]


def training_task(
    self: TaggerLearner, model: SegmentClassifier, examples: Sequence[TuningExample], head: Head
) -> TrainingTask:
    """Return the tagger's own training task, but for the versions that its steps read."""
    form, device = head.span_format, self.compute.device
    numbers = {label: index for index, label in enumerate(head.known_labels)}
    derived = [(example.prompt.source, form.derive(example.prompt.source, example.answer)) for example in examples]
    usable = [(source, spans) for source, spans in derived if spans is not None]
    spanned = [text for version in versions_of(usable) for text in version]
    texts = split_words(self.tokenizer, [source for source, _ in spanned])
    tags = [tags_of(words, spans, numbers) for words, (_, spans) in zip(texts, spanned, strict=True)]
    windows = windows_over(texts, self.longest_window)
    if [window.text for window in windows] != list(range(len(texts))):
        raise SystemExit("other_values.py: expected texts that are one window each; take a set of short texts")
    counts = Counter(tag for row in tags[: len(usable)] for tag in row)
    own = class_weights([counts[tag] for tag in range(len(head.classes))], CLASS_WEIGHT_POWER)
    weights = torch.tensor(own).to(device)
    times_read: Counter[int] = Counter()

    def loss_of(rows: Sequence[int]) -> torch.Tensor:
        chosen = [windows[row + len(usable) * (times_read[row] % N_VERSIONS)] for row in rows]
        times_read.update(rows)
        batch, wanted = self._words_as_segments(texts, chosen)
        gold = torch.tensor([tags[text][word] for text, word in wanted], device=device)
        with precision(self.compute):
            logits = model(batch)
        return loss_of_tags(logits.float(), gold, weights)

    said = f"{len(usable)} of {len(examples)} targets are spans of their inputs"
    lengths = [window.last - window.first + 2 for window in windows[: len(usable)]]
    return TrainingTask(loss_of, lengths, said, texts)


@contextmanager
def values_called(way: str) -> Iterator[None]:
    """Let taggers be trained in a way inside this context; the trial's identity does not say so, its folder does."""
    if way == WAYS[0]:
        yield
        return
    with patch.object(TaggerLearner, "training_task", training_task):
        yield


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure what is missing, and print the table."""
    options = options_of_a_table(__doc__, sizes="25,50,200", seeds=1).parse_args(arguments)
    measure_and_print(options, WAYS, WAYS, values_called)
    return 0


if __name__ == "__main__":
    sys.exit(main())
