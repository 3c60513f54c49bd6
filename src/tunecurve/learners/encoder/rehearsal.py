"""Made-up rows that a warm start reads again beside the rows of the study, so that few of these do not make it forget a label.

Tuned on a dozen rows none of which has a card number, a tagger that knew card numbers calls them what these rows have instead. So
labels of which its training rows say nothing are rehearsed, as far as names tell what they are. Showing a model its earlier rows beside
the new ones is called rehearsal (Robins 1995, "Catastrophic forgetting, rehearsal and pseudorehearsal").
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tunecurve.formats.placeholders import CLASSIC
from tunecurve.formats.spans import LabelledSpan, MaskFormat
from tunecurve.learners.encoder.head import Head
from tunecurve.learners.encoder.tags import OUTSIDE, tags_of
from tunecurve.learners.encoder.warm_labels import labels_that_map_alone
from tunecurve.learners.encoder.words import Words
from tunecurve.prompts import TuningExample

# Made-up rows that are looked through, and how many are read beside one pass over the study's rows; never more than rows of the study.
N_ROWS = 1600
ROWS_A_PASS = 16
WORDS_THAT_SAY = 1.0
# What `torch.nn.functional.cross_entropy` leaves out.
NOT_KNOWN = -100


def n_beside(n_rows: int, n_all: int) -> int:
    """Return how many made-up rows a step of `n_rows` rows of `n_all` reads beside them."""
    return min(n_rows, -(-ROWS_A_PASS * n_rows // n_all))


def labels_to_rehearse(
    warm: Head, study: Head, tags: Iterable[int], read: Sequence[float] | NDArray[np.float32]
) -> dict[str, str]:
    """Return the study's label by those of the made-up rows, for labels that the study's rows say nothing of.

    Parameters
    ----------
    warm, study : Head
    tags : iterable of int
        Those of the words of the study's rows. A label that they have is learnt from them.
    read : sequence of float
        As how many words of these rows the warm model reads each of its own tags. A label that it reads there is what the rows call it: the
        city in an address may be part of the address, though the study has a label for cities.
    """
    seen = {study.known_labels[(tag - 1) // 2] for tag in {*tags} - {OUTSIDE}}
    n_words = {name: read[1 + 2 * number] + read[2 + 2 * number] for number, name in enumerate(warm.known_labels)}
    by_name = labels_that_map_alone(study.known_labels, warm.known_labels)
    return {name: label for name, label in by_name.items() if label not in seen and n_words[name] < WORDS_THAT_SAY}


def rows_to_rehearse(
    examples: Sequence[TuningExample], labels: Collection[str]
) -> list[tuple[str, list[LabelledSpan]]]:
    """Return those of the first made-up rows that have one of the labels, with all their spans."""
    if not labels:
        return []
    pairs = [(example.prompt.source, example.answer) for example in examples[:N_ROWS]]
    rows = [(source, list(MaskFormat(CLASSIC).derive(source, target) or ())) for source, target in pairs]
    return [(source, spans) for source, spans in rows if any(span.label in labels for span in spans)]


def rehearsed_tags(
    source: str, words: Words, spans: Sequence[LabelledSpan], means: Mapping[str, str], numbers: dict[str, int]
) -> list[int]:
    """Return the study's tag of the words of a made-up row whose labels are rehearsed; `NOT_KNOWN` of all others.

    What else is masked the study's rows say. Whether neighbours of one label are one span they say too: nothing is said of the first word
    of the second.
    """
    known = [LabelledSpan(span.start, span.end, means[span.label]) for span in spans if span.label in means]
    tags = [tag if tag != OUTSIDE else NOT_KNOWN for tag in tags_of(words, known, numbers)]
    for first, second in itertools.pairwise(known):
        is_next = not any(sign.isalnum() for sign in source[first.end : second.start])
        if first.label == second.label and is_next:
            tags[next(number for number, end in enumerate(words.ends) if end > second.start)] = NOT_KNOWN
    return tags
