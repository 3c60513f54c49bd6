"""What a trial's answers were: scores, how they ended, what was around them; and the same in words, for the terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tunecurve.data.rows import Row
from tunecurve.errors import ModelError
from tunecurve.formats.wrappers import WRAPPERS, unwrap
from tunecurve.learners.base import Completion
from tunecurve.metrics.base import Metric, corpus_score

# The share of answers with a wrapper from which the scores without it are told, too.
TELLING_SHARE = 0.05
_KIND_IN_WORDS = {
    "end": "empty", "length": "nothing written before the answer cap", "blocked": "blocked by a filter",
    "refused": "refused", "error": "no answer",
}  # fmt: skip
_WRAPPER_IN_WORDS = {
    "fence": "a code fence", "prefix": "an announcement before the text", "json": "JSON around the text", "quotes": "quotes",
}  # fmt: skip


def score_answers(rows: Sequence[Row], answers: Sequence[Completion], metrics: Sequence[Metric]) -> dict[str, float]:
    """Return every metric's score of the answers to rows."""
    predictions = [answer.text for answer in answers]
    references, sources = [row.references for row in rows], [row.source for row in rows]
    return {metric.name: corpus_score(metric, predictions, references, sources) for metric in metrics}


def summarise_answers(answers: Sequence[Completion], *, empty_is_an_answer: bool = False) -> dict[str, Any]:
    """Return counts by stop reason, empty answers, failures and tokens; nothing is dropped silently."""
    reasons = Counter(answer.stop_reason for answer in answers)
    return {
        "n": len(answers),
        "stop_reasons": {reason: reasons[reason] for reason in sorted(reasons)},
        "n_empty": sum(not answer.text.strip() for answer in answers),
        "unanswered": dict(_unanswered(answers, empty_is_an_answer=empty_is_an_answer)),
        "n_thoughts_removed": sum(answer.thought == "removed" for answer in answers),
        "n_thoughts_cut": sum(answer.thought == "cut" for answer in answers),
        "errors": sorted({answer.error for answer in answers if answer.error}),
        "model_versions": sorted({answer.model_version for answer in answers if answer.model_version}),
        "tokens_in": sum(answer.tokens_in for answer in answers),
        "tokens_out": sum(answer.tokens_out for answer in answers),
    }


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


def describe_wrappers(rows: Sequence[Row], answers: Sequence[Completion], metrics: Sequence[Metric]) -> dict[str, Any]:
    """Return how many answers had which wrappers, taken off or left, and what the scores are the other way."""
    described: dict[str, Any] = {}
    taken_off = Counter(kind for answer in answers for kind in answer.unwrapped.split("+") if kind)
    left = Counter(kind for answer in answers for kind in answer.wrapped.split("+") if kind)
    least = max(1, TELLING_SHARE * len(answers))
    if taken_off:
        described["wrappers_removed"] = dict(taken_off)
        if sum(bool(answer.unwrapped) for answer in answers) >= least:
            given = [
                replace(answer, text=answer.text if answer.as_given is None else answer.as_given) for answer in answers
            ]
            described["scores_as_given"] = score_answers(rows, given, metrics)
    if left:
        described["wrappers_left"] = dict(left)
        if sum(bool(answer.wrapped) for answer in answers) >= least:
            bare = [
                replace(answer, text=unwrap(answer.text, row.source, WRAPPERS)[0]) if answer.wrapped else answer
                for row, answer in zip(rows, answers, strict=True)
            ]
            described["scores_unwrapped"] = score_answers(rows, bare, metrics)
    return described


def remarks_on_answers(answers: Mapping[str, Any], metric: str, title: str) -> list[str]:
    """Return what of a trial's answers a reader of its score must know, in words; nothing where all are whole.

    Parameters
    ----------
    answers : mapping
        From `summarise_answers` and `describe_wrappers`.
    metric, title : str
        The headline metric.
    """
    n, told = answers["n"], []
    unanswered = answers.get("unanswered") or {}
    if unanswered:
        told.append(f"{sum(unanswered.values())} of {n} rows have no answer: {_counted(unanswered)}")
    n_cut = answers["stop_reasons"].get("length", 0) - unanswered.get("length", 0)
    if n_cut:
        told.append(f"{n_cut} of {n} answers are cut at the answer cap")
    for key, other, then in (
        ("wrappers_removed", "scores_as_given", "as given"),
        ("wrappers_left", "scores_unwrapped", "without"),
    ):
        kinds = answers.get(key) or {}
        if kinds:
            names = " and ".join(_WRAPPER_IN_WORDS[kind] for kind in kinds)
            verb = (
                f"{max(kinds.values())} of {n} answers {'stood' if key == 'wrappers_removed' else 'stand'} in {names}"
            )
            verb += ", which was taken off" if key == "wrappers_removed" else ""
            score = (answers.get(other) or {}).get(metric)
            told.append(verb + (f"; {then} {title} is {score:.1f}" if score is not None else ""))
    if len(answers.get("model_versions") or []) > 1:
        told.append(f"answered by several versions of the model: {', '.join(answers['model_versions'])}")
    return told
