"""The checks of a study on its own rows, before anything is trained; what they find stands beside the rows' findings."""

from __future__ import annotations

from collections.abc import Mapping

from tunecurve.learners.answer_bounds import loss_at_the_cap
from tunecurve.learners.base import Learner, RoundTrip
from tunecurve.learners.distilled_names import models_within
from tunecurve.learners.registry import BY_LABEL_OR_SPAN
from tunecurve.metrics.catalogue import build_metrics
from tunecurve.prompts import TuningExample
from tunecurve.spec.study import StudySpec
from tunecurve.study.dataset import StudyData
from tunecurve.study.known_answers import check_known_answers

CHARACTERS_A_TOKEN = 4


def check_study(spec: StudySpec, data: StudyData, learners: Mapping[str, Learner]) -> None:
    """Score the two known answers, and add what they show to the findings and checks of the data.

    Raises
    ------
    UsageError
        When a learner must not be measured on these rows.
    """
    prompts, targets = data.prompts(), [row.target for row in data.test]
    examples = [data.renderer.tuning_example(row.source, row.target) for row in data.pool]
    rows = [*map(TuningExample, prompts, targets), *examples]
    for learner in learners.values():
        data.findings.extend(learner.row_findings(rows))
    trips = {
        name: learner.return_targets(prompts, targets, examples if learner.can_fine_tune else [])
        for name, learner in learners.items()
    }
    _add(spec, data, {name: trip for name, trip in trips.items() if trip is not None})


def check_without_models(spec: StudySpec, data: StudyData) -> None:
    """Do what of `check_study` needs no model: answer lengths are estimated, at four characters a token."""
    writes_freely = [name for name in models_within(spec.models) if name.partition(":")[0] not in BY_LABEL_OR_SPAN]
    trip = _estimated_trip(spec, data) if writes_freely else None
    _add(spec, data, {} if trip is None else dict.fromkeys(writes_freely, trip))


def _estimated_trip(spec: StudySpec, data: StudyData) -> RoundTrip | None:
    def tokens(text: str) -> int:
        return -(-len(text.encode("utf-8", "replace")) // CHARACTERS_A_TOKEN)

    answers, targets = spec.answers, [row.target for row in data.test]
    sources = [tokens(row.source) for row in data.test]
    ratio, extra = answers.max_tokens_per_input_token, answers.max_extra_tokens
    loss = loss_at_the_cap(sources, [tokens(text) for text in targets], ratio, extra, ", estimated")
    if loss is None:
        return None
    kept = list(targets)
    for row in loss.rows:
        cap = int(ratio * sources[row]) + extra
        kept[row] = targets[row][: cap * CHARACTERS_A_TOKEN]
    return RoundTrip(kept, (loss,))


def _add(spec: StudySpec, data: StudyData, trips: Mapping[str, RoundTrip]) -> None:
    metrics = build_metrics(spec.metric_names, data.metric_settings)
    known = check_known_answers(spec.kind, metrics, data.test, trips, data.metric_settings.labels)
    data.findings.extend(known.findings)
    data.checks.extend(known.checks)
