"""The numbers of a study as tables: for the terminal, for the report, for a spreadsheet. Computes nothing new."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from tunecurve.curve.answer import Crossover, Plateau, SizeForecast, SizeInterval
from tunecurve.learners.hosted.prices import money
from tunecurve.report.training_words import training_in_words
from tunecurve.results.best_so_far import percent
from tunecurve.results.model import Results
from tunecurve.results.records.advice import LearnerForecast
from tunecurve.results.records.points import Point, Score
from tunecurve.study.answer_report import AnswerSummary
from tunecurve.study.found_instruction import Optimisation
from tunecurve.wording import SMALLEST_CHANCE, chance_in_words, first_of

TIDY_COLUMNS = (
    "learner", "strategy", "shots", "train_size", "seed", "metric", "score", "steps", "epochs", "train_seconds",
)  # fmt: skip
# Header and rows.
Table = tuple[list[str], list[list[str]]]


def with_interval(score: Score) -> str:
    """Return ``84.1 [81.0, 87.2]``, or a dash where the score is undefined."""
    if score.estimate is None:
        return "–"
    interval = "" if score.low is None or score.high is None else f" [{score.low:.1f}, {score.high:.1f}]"
    return f"{score.estimate:.1f}{interval}"


def number(value: float | None, form: str = ".1f") -> str:
    """Return a number in a cell; a dash where it is undefined."""
    return "–" if value is None else format(value, form)


def metric_titles(results: Results) -> dict[str, str]:
    """Return the metrics' titles by name, with an arrow to the better side."""
    return {metric.name: f"{metric.title} {metric.arrow}" for metric in results.metrics}


def point_table(results: Results, metric_names: Sequence[str]) -> Table:
    """Return header and rows: one row a point, the metrics with their intervals, and how the point was trained."""
    titles = metric_titles(results)
    header = ["learner", "strategy", *(titles[name] for name in metric_names), "gain over floor ↑", "steps × epochs"]
    rows = [
        [
            point.learner,
            point.label + (f" ({point.n_seeds} seeds)" if point.n_seeds > 1 else ""),
            *(
                with_interval(point.scores[name]) if results.may_say(name, point.learner) else "cannot be said"
                for name in metric_names
            ),
            percent(point.scores[results.primary_metric].above_floor),
            _training_of(results, point),
        ]
        for point in results.points
    ]
    return header, rows


def _training_of(results: Results, point: Point) -> str:
    own = (trial for trial in results.finished if trial.key == point.key and trial.training)
    training = next((trial.training for trial in own), None)
    if training is None:
        return "–"
    return training_in_words(training)


def check_table(results: Results) -> Table:
    """Return header and rows: the known answers, what they went through, and what they scored."""
    titles = metric_titles(results)
    names = list(dict.fromkeys((results.primary_metric, results.second_metric)))
    words = {"targets": "the right answers", "input": "the inputs, copied"}
    rows = [
        [
            words[check.answer],
            check.learner or "the metrics alone",
            *(number(check.scores[name]) for name in names),
            str(check.n_lost),
        ]
        for check in results.checks
    ]
    return ["scored as answers", "through", *(titles[name] for name in names), "not as they should be"], rows


def ceilings(results: Results, metric_name: str) -> dict[str, float]:
    """Return by learner what a perfect model would score, where that is less than the best."""
    best = results.metric(metric_name).best
    scores = {
        check.learner or "any model": check.scores.get(metric_name)
        for check in results.checks
        if check.answer == "targets"
    }
    return {
        learner: score
        for learner, score in scores.items()
        if score is not None and best is not None and abs(score - best) >= 0.05
    }


ANSWER_KINDS = ("end", "length", "blocked", "refused", "error")


def answer_table(results: Results) -> Table:
    """Return header and rows: how the answers of each trial ended, trials with anything but whole answers only."""
    header = ["learner", "trial", "whole", "cut at the cap", "blocked", "refused", "no answer", "empty", "why"]
    rows = []
    for trial in results.finished:
        answers = trial.answers
        around = _thoughts_of(answers) + _wrappers_of(answers, results.primary_metric)
        if set(answers.stop_reasons) <= {"end"} and not answers.n_empty and not around:
            continue
        counts = [str(answers.stop_reasons.get(kind, 0)) for kind in ANSWER_KINDS]
        why = first_of([*around, *answers.errors], len(around) + 3, "; ")
        rows.append([trial.learner, trial.label, *counts, str(answers.n_empty), why or "–"])
    return header, rows


def _thoughts_of(answers: AnswerSummary) -> list[str]:
    """Return in how many answers thoughts were found, and what became of them, and how many were closed at the cap."""
    told = [f"thoughts removed from {answers.n_thoughts_removed}"] if answers.n_thoughts_removed else []
    told += [f"closed at the cap by the constraint: {answers.n_closed}"] if answers.n_closed else []
    return told + ([f"{answers.n_thoughts_cut} with nothing but a cut thought"] if answers.n_thoughts_cut else [])


def _wrappers_of(answers: AnswerSummary, metric: str) -> list[str]:
    """Return what stood around answers, taken off or left, with the score of the headline metric the other way."""
    told = []
    for kinds, scores, words in (
        (answers.wrappers_removed, answers.scores_as_given, "taken off"),
        (answers.wrappers_left, answers.scores_unwrapped, "left"),
    ):
        score = (scores or {}).get(metric)
        otherwise = f" (the other way: {score:.1f})" if score is not None else ""
        told += [f"{kind} {words}: {n}{otherwise}" for kind, n in (kinds or {}).items()]
    return told


def money_table(results: Results) -> Table:
    """Return header and rows: what each trial of a paid model sent, trained on and cost."""
    header = ["learner", "trial", "answers", "tokens sent", "tokens answered", "tokens trained", "cost", "answered by"]
    rows = []
    for trial in results.finished:
        if trial.is_hosted:
            counts = [f"{count:,}" for count in (trial.answers.n, trial.answers.tokens_in, trial.answers.tokens_out)]
            trained = f"{trial.training.tokens_trained:,}" if trial.training else "–"
            versions = ", ".join(trial.answers.model_versions) or "–"
            rows.append([trial.learner, trial.label, *counts, trained, money(trial.cost_usd), versions])
    return header, rows


def checkpoint_table(results: Results) -> Table:
    """Return header and rows: the score of the headline metric after every pass, trials with scored checkpoints only."""
    trials = [trial for trial in results.finished if trial.checkpoints]
    most = max((point.epoch for trial in trials for point in trial.checkpoints), default=0)
    rows = []
    for trial in trials:
        scores = {point.epoch: point.scores[results.primary_metric] for point in trial.checkpoints}
        rows.append([trial.learner, trial.label, *(number(scores.get(epoch)) for epoch in range(1, most + 1))])
    return ["learner", "trial", *(f"after pass {epoch}" for epoch in range(1, most + 1))], rows


def default_columns(results: Results) -> list[str]:
    """Return the metrics a short table shows: the headline metric, the second one, and two more."""
    names = [metric.name for metric in results.metrics]
    wanted = [results.primary_metric, results.second_metric, "label_accuracy", "exact_match"]
    return [name for name in dict.fromkeys(wanted) if name in names]


def text_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in plain text, columns aligned."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    aligned = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    ]
    return "\n".join([aligned[0], "  ".join("-" * width for width in widths), *aligned[1:]])


def text_columns(lines: Iterable[tuple[str, str]]) -> str:
    """Return terms and texts, one line each, the texts below each other."""
    known = list(lines)
    width = max((len(term) for term, _ in known), default=0)
    return "\n".join(f"{term.ljust(width)}  {text}" for term, text in known)


def comparison_table(results: Results, metric_name: str) -> Table:
    """Return header and rows of the paired differences in one metric."""
    rows = []
    for item in results.comparisons:
        change = item.differences[metric_name]
        if None not in (change.difference, change.low, change.high, change.p_better):
            difference = f"{change.difference:+.1f} [{change.low:+.1f}, {change.high:+.1f}]"
            is_other = item.other_learner not in (item.learner, "floor")
            first = f"{item.other_learner}, {item.from_}" if is_other else item.from_
            rows.append([item.learner, first, item.to, difference, f"{100 * (change.p_better or 0.0):.1f} %"])
    return ["learner", "from", "to", "difference", "P(better)"], rows


def label_table(results: Results) -> Table:
    """Return header and rows of the recall by label, most frequent label first; one column a point that masks."""
    points = [point for point in results.points if point.strategy != "floor"]
    several = len({point.learner for point in points}) > 1
    header = ["label", "in test", *(point.name if several else point.label for point in points)]
    labels = sorted(results.labels.items(), key=lambda item: (-item[1].n_gold, item[0]))
    rows = [
        [label, str(row.n_gold), *(number(row.recall.get(point.name), ".0f") for point in points)]
        for label, row in labels
    ]
    return header, rows


def diagnosis_table(results: Results) -> Table:
    """Return header and rows: the score of the headline metric on rows that were trained on beside that on the test set."""
    title = metric_titles(results)[results.primary_metric]
    header = ["learner", "tuned on", f"{title} on its own rows", f"{title} on the test set", "reads as"]
    rows = []
    for item in results.diagnosis:
        scores = [f"{item.training_score:.1f} ({item.n_rows} rows)", f"{item.test_score:.1f}"]
        rows.append([item.learner, f"{item.train_size:,}", *scores, item.word])
    return header, rows


def label_advice_table(results: Results) -> Table:
    """Return header and rows: every label's own curve, the one to label next first."""
    several = len(results.label_advice) > 1
    header = [
        *(["learner"] if several else []),
        "label",
        "in test",
        "recall",
        "verdict",
        "twice the rows would bring on average",
    ]
    rows = []
    for learner, labels in results.label_advice.items():
        for item in labels:
            flat_from = f" since about {item.flat_from:,.0f}" if item.flat_from is not None else ""
            cells = [item.label, str(item.n_gold), f"{item.recall:.0f} %", item.word + flat_from]
            rows.append([*([learner] if several else []), *cells, f"{item.expected_gain:+.1f}"])
    return header, rows


def doublings(forecast: LearnerForecast | None) -> list[SizeForecast]:
    """Return a forecast's entries at whole doublings of the largest measured size that are not speculative."""
    if forecast is None or not forecast.points:
        return []
    last = forecast.points[-1].n
    return [entry for entry in forecast.trusted if entry.n > 1.9 * last and _is_whole(math.log2(entry.n / last))]


def _is_whole(value: float) -> bool:
    return abs(value - round(value)) < 1e-6


def forecast_table(forecast: LearnerForecast) -> Table:
    """Return header and rows of a learner's forecast: what one run at a larger size would measure."""
    rows = []
    for entry in doublings(forecast):
        bounds = [f"{low:.1f} to {high:.1f}" for low, high in (entry.intervals["0.80"], entry.intervals["0.90"])]
        mark = f" ({entry.mark})" if entry.mark else ""
        rows.append([f"{entry.n:,.0f}{mark}", f"{entry.median:.1f}", *bounds])
    return ["training rows", "expected score", "80 % interval", "90 % interval"], rows


def advice_lines(forecast: LearnerForecast) -> list[tuple[str, str]]:
    """Return (term, text) for plateau, back-test, target, rivals and money, as far as they are known."""
    lines = []
    if forecast.plateau is not None:
        lines.append(("plateau", _plateau_text(forecast.plateau, forecast.points[-1].n)))
    if forecast.backtest is not None:
        check = forecast.backtest
        low, high = check.interval_80
        said = (
            f"without the largest size, the forecast for {check.n:,.0f} rows was {check.median:.1f} "
            f"(80 % interval {low:.1f} to {high:.1f}); measured: {check.actual:.1f}"
        )
        lines.append(("back-test", said))
    if forecast.target is not None:
        far = " – speculative, far beyond what was measured" if forecast.target.speculative else ""
        reached = _size_text(forecast.target.required_size)
        lines.append(("target", f"{forecast.target.target:g} is reached {reached}{far}"))
    if forecast.crossover is not None:
        lines.append(("against prompting", _crossover_text(forecast.crossover)))
    if forecast.decision is not None and forecast.word in ("rising", "flat"):  # else prices decide nothing
        lines.append(("money", forecast.decision.sentence))
    return lines


def prompt_lines(results: Results) -> list[tuple[str, str]]:
    """Return (term, text): from which size on tuning beats the best prompt, and what more rows to choose examples from bring."""
    lines = [("best prompt", found.sentence) for found in results.best_prompts or []]
    several = len({found.learner for found in results.prompt_forecasts or []}) > 1
    for found in results.prompt_forecasts or []:
        name = f"{found.label} of {found.learner}" if several else found.label
        lines.append((name, f"{found.forecast.said} (over the labelled rows that examples are chosen from)"))
    return [*lines, *((name, found.sentence) for name, found in optimised_instructions(results))]


def optimised_instructions(results: Results) -> list[tuple[str, Optimisation]]:
    """Return the instructions that were looked for, with the names of their trials."""
    return [(trial.name, trial.optimisation) for trial in results.finished if trial.optimisation is not None]


def _rows(size: float | None) -> str:
    return "never" if size is None else f"{size:,.0f}"


def _size_text(size: SizeInterval) -> str:
    """Return a required size in words: median, interval, and how likely it is never reached."""
    never = (
        f"; never: probability {chance_in_words(size.never_probability)}"
        if size.never_probability >= SMALLEST_CHANCE
        else ""
    )
    median = "more likely never than ever" if size.median is None else f"at about {size.median:,.0f} rows"
    return f"{median} ({100 * size.level:.0f} % interval {_rows(size.low)} to {_rows(size.high)}{never})"


def _crossover_text(found: Crossover) -> str:
    return (
        f"fine-tuning overtakes {found.rival} ({found.rival_score:.1f}) {_size_text(found.size)}; "
        f"ahead at the largest size measured with probability {chance_in_words(found.probability_ahead_at_largest_size)}"
    )


def _plateau_text(plateau: Plateau, last: float) -> str:
    """Return whether the plateau has begun and from where on a doubling gains less than what matters."""
    begun = f"begun with probability {chance_in_words(plateau.probability)}"
    state = begun if plateau.observed else f"not yet observed ({begun})"
    where = "no size in sight from which" if plateau.size is None else f"from about {plateau.size:,.0f} rows on"
    if plateau.size is not None and plateau.size <= last:
        where = f"best estimate: since about {plateau.size:,.0f} of the {last:,.0f} rows measured"
    interval = f"80 % interval {_rows(plateau.low)} to {_rows(plateau.high)}"
    return f"{state}; {where} a doubling gains less than {plateau.delta:.2g} ({interval})"
