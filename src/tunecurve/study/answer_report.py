"""What a trial's answers were: scores, how they ended, what was around them; and the same in words, for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from tunecurve.data.rows import Row
from tunecurve.errors import ModelError
from tunecurve.formats.wrappers import WRAPPERS, unwrap
from tunecurve.learners.base import Completion, Decoder
from tunecurve.learners.cleaning import Cleaning
from tunecurve.metrics.base import FloatArray, Metric, corpus_score, statistics_matrix
from tunecurve.storage.records import LEFT_OUT_IF_NONE, Record

# The share of answers with a wrapper from which the scores without it are told, too.
TELLING_SHARE = 0.05
_KIND_IN_WORDS = {
    "end": "empty", "length": "nothing written before the answer cap", "blocked": "blocked by a filter",
    "refused": "refused", "error": "no answer",
}  # fmt: skip
_WRAPPER_IN_WORDS = {
    "fence": "a code fence", "prefix": "an announcement before the text", "json": "JSON around the text", "quotes": "quotes",
}  # fmt: skip


@dataclass(frozen=True)
class ExamplesCut(Record):
    """Examples that were left out of prompts, because the model's context does not hold them."""

    n_prompts: int
    """Prompts that lost examples."""
    n_examples: int
    """Examples that were left out."""
    of_examples: int
    """Of so many in all prompts."""


@dataclass(frozen=True)
class AnswerSummary(Record):
    """What answers were: how they ended, what was around them, what they took."""

    n: int
    stop_reasons: dict[str, int]
    n_empty: int
    unanswered: dict[str, int]
    """Rows without a text, by how they ended; where an empty answer is an answer, those are not among them."""
    n_thoughts_removed: int
    n_thoughts_cut: int
    errors: list[str]
    model_versions: list[str]
    """As the provider tells them."""
    tokens_in: int
    tokens_out: int
    cleaning: Cleaning | None = field(default=None, metadata=LEFT_OUT_IF_NONE)
    """What was taken off every answer before it was scored."""
    constraint_seconds: float | None = field(default=None, metadata=LEFT_OUT_IF_NONE)
    """What of their time went into choosing tokens that a constraint allows; None without one."""
    n_closed: int | None = field(default=None, metadata=LEFT_OUT_IF_NONE)
    """Answers that a constraint closed just before the answer cap; None without any."""
    decoder: Decoder | None = field(default=None, metadata=LEFT_OUT_IF_NONE)
    """Which implementation wrote them, where there are several."""
    wrappers_removed: dict[str, int] | None = field(default=None, metadata=LEFT_OUT_IF_NONE)
    scores_as_given: Mapping[str, float | None] | None = field(default=None, metadata=LEFT_OUT_IF_NONE)
    """With what was taken off."""
    wrappers_left: dict[str, int] | None = field(default=None, metadata=LEFT_OUT_IF_NONE)
    scores_unwrapped: Mapping[str, float | None] | None = field(default=None, metadata=LEFT_OUT_IF_NONE)
    """Without what was left."""
    examples_cut: ExamplesCut | None = field(default=None, metadata=LEFT_OUT_IF_NONE)
    """What the context did not hold; None where it held all examples."""

    def remarks(self, metric: str, title: str) -> list[str]:
        """Return what a reader of the score must know, in words; nothing where all answers are whole."""
        n, told = self.n, []
        if self.unanswered:
            told.append(f"{sum(self.unanswered.values())} of {n} rows have no answer: {_counted(self.unanswered)}")
        n_cut = self.stop_reasons.get("length", 0) - self.unanswered.get("length", 0)
        if n_cut:
            told.append(f"{n_cut} of {n} answers are cut at the answer cap")
        if self.n_closed:
            told.append(f"{self.n_closed} of {n} answers are closed by the constraint at the answer cap")
        for kinds, scores, verb, otherwise in (
            (self.wrappers_removed, self.scores_as_given, "stood in {}, which was taken off", "as given"),
            (self.wrappers_left, self.scores_unwrapped, "stand in {}", "without"),
        ):
            if kinds:
                names = " and ".join(_WRAPPER_IN_WORDS[kind] for kind in kinds)
                score = (scores or {}).get(metric)
                then = f"; {otherwise} {title} is {score:.1f}" if score is not None else ""
                told.append(f"{max(kinds.values())} of {n} answers {verb.format(names)}{then}")
        if self.examples_cut is not None:
            cut = self.examples_cut
            told.append(
                f"{cut.n_prompts} of {n} prompts lost {cut.n_examples:,} of {cut.of_examples:,} examples, which the model's context "
                "does not hold"
            )
        if len(self.model_versions) > 1:
            told.append(f"answered by several versions of the model: {', '.join(self.model_versions)}")
        return told


def _of_rows(rows: Sequence[Row]) -> Iterable[tuple[Any, ...]]:
    """Return right answers, inputs and places of rows, as metrics take them."""
    return zip(*((row.references, row.source, row.place) for row in rows), strict=True)


def row_statistics(rows: Sequence[Row], texts: Sequence[str], metrics: Sequence[Metric]) -> dict[str, FloatArray]:
    """Return every metric's statistics of texts as answers to rows, shape (rows, d), by the metric's name."""
    return {metric.name: statistics_matrix(metric, texts, *_of_rows(rows)) for metric in metrics}


def text_scores(rows: Sequence[Row], texts: Sequence[str], metrics: Sequence[Metric]) -> dict[str, float]:
    """Return every metric's score of texts as answers to rows."""
    return {metric.name: corpus_score(metric, texts, *_of_rows(rows)) for metric in metrics}


def score_answers(rows: Sequence[Row], answers: Sequence[Completion], metrics: Sequence[Metric]) -> dict[str, float]:
    """Return every metric's score of the answers to rows."""
    return text_scores(rows, [answer.text for answer in answers], metrics)


def summarise_answers(answers: Sequence[Completion], *, empty_is_an_answer: bool = False) -> AnswerSummary:
    """Return counts by stop reason, empty answers, failures and tokens; nothing is dropped silently."""
    reasons = Counter(answer.stop_reason for answer in answers)
    constraint_seconds = sum(answer.constraint_seconds for answer in answers)
    return AnswerSummary(
        n=len(answers),
        stop_reasons={reason: reasons[reason] for reason in sorted(reasons)},
        n_empty=sum(not answer.text.strip() for answer in answers),
        unanswered=dict(_unanswered(answers, empty_is_an_answer=empty_is_an_answer)),
        n_thoughts_removed=sum(answer.thought == "removed" for answer in answers),
        n_thoughts_cut=sum(answer.thought == "cut" for answer in answers),
        errors=sorted({answer.error for answer in answers if answer.error}),
        model_versions=sorted({answer.model_version for answer in answers if answer.model_version}),
        tokens_in=sum(answer.tokens_in for answer in answers),
        tokens_out=sum(answer.tokens_out for answer in answers),
        constraint_seconds=round(constraint_seconds, 3) if constraint_seconds else None,
        n_closed=sum(answer.is_closed for answer in answers) or None,
    )


def can_be_empty(rows: Sequence[Row]) -> bool:
    """Return whether an empty answer is an answer: targets are empty themselves, as where nothing is to be found."""
    return any(not row.target.strip() for row in rows)


def refuse_to_score_nothing(answers: Sequence[Completion], *, empty_is_an_answer: bool) -> None:
    """Raise ModelError where a provider answered no row at all: a score of nothing is no score.

    That a local model writes nothing is what it does, and is told beside its score.
    """
    unanswered = _unanswered(answers, empty_is_an_answer=empty_is_an_answer)
    if answers and sum(unanswered.values()) == len(answers):
        why = next((answer.error for answer in answers if answer.error), None)
        raise ModelError(
            f"none of the {len(answers)} rows has an answer ({_counted(unanswered)}{f'; {why}' if why else ''}), so there is "
            f"nothing to score; {_way_on(unanswered)}"
        )


def _way_on(unanswered: Mapping[str, int]) -> str:
    match max(unanswered, key=lambda kind: unanswered[kind]):
        case "length":
            return "raise hosted.max_extra_tokens, or have the model think less"
        case "blocked" | "refused":
            return "change the instruction, the provider's filter settings, or the model"
        case "error":
            return "the same command asks again"
        case _:
            return "look at the prompt (tunecurve validate shows one) or choose another model"


def _unanswered(answers: Sequence[Completion], *, empty_is_an_answer: bool = False) -> Counter[str]:
    """Return how many rows have no text, by how they ended."""
    kinds = Counter(answer.stop_reason for answer in answers if not answer.text.strip())
    if empty_is_an_answer:
        kinds.pop("end", None)
    return Counter({str(kind): n for kind, n in kinds.items()})


def _counted(kinds: Mapping[str, int]) -> str:
    return ", ".join(f"{n} {_KIND_IN_WORDS[kind]}" for kind, n in sorted(kinds.items(), key=lambda item: -item[1]))


def with_wrappers(
    summary: AnswerSummary, rows: Sequence[Row], answers: Sequence[Completion], metrics: Sequence[Metric]
) -> AnswerSummary:
    """Return the summary with how many answers had which wrappers, taken off or left, and what the scores are the other way."""
    taken_off = Counter(kind for answer in answers for kind in answer.unwrapped.split("+") if kind)
    left = Counter(kind for answer in answers for kind in answer.wrapped.split("+") if kind)
    least = max(1, TELLING_SHARE * len(answers))
    if taken_off:
        summary = replace(summary, wrappers_removed=dict(taken_off))
        if sum(bool(answer.unwrapped) for answer in answers) >= least:
            given = [
                replace(answer, text=answer.text if answer.as_given is None else answer.as_given) for answer in answers
            ]
            summary = replace(summary, scores_as_given=score_answers(rows, given, metrics))
    if left:
        summary = replace(summary, wrappers_left=dict(left))
        if sum(bool(answer.wrapped) for answer in answers) >= least:
            bare = [
                replace(answer, text=unwrap(answer.text, row.source, WRAPPERS)[0]) if answer.wrapped else answer
                for row, answer in zip(rows, answers, strict=True)
            ]
            summary = replace(summary, scores_unwrapped=score_answers(rows, bare, metrics))
    return summary
