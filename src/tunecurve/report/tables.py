"""The numbers of a study as tables: for the terminal, for the report, for a spreadsheet. Computes nothing new."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from tunecurve.findings import Finding, blocked
from tunecurve.learners.hosted.prices import money
from tunecurve.results.points import percent

TIDY_COLUMNS = (
    "learner",
    "strategy",
    "shots",
    "train_size",
    "seed",
    "metric",
    "score",
    "steps",
    "epochs",
    "train_seconds",
)
# A cell that starts with one of these is a formula to a spreadsheet.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")


def with_interval(score: Mapping[str, Any] | None, digits: int = 1) -> str:
    """Return ``84.1 [81.0, 87.2]``, or a dash where the score is undefined."""
    if score is None or score["estimate"] is None or score["estimate"] != score["estimate"]:
        return "–"
    estimate = f"{score['estimate']:.{digits}f}"
    if score["low"] is None or score["low"] != score["low"]:
        return estimate
    return f"{estimate} [{score['low']:.{digits}f}, {score['high']:.{digits}f}]"


def metric_titles(results: Mapping[str, Any]) -> dict[str, str]:
    """Return the metrics' titles by name, with an arrow to the better side."""
    return {m["name"]: f"{m['title']} {'↑' if m['direction'] == 'max' else '↓'}" for m in results["metrics"]}


def point_table(results: Mapping[str, Any], metric_names: Sequence[str]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: one row a point, the metrics with their intervals, and how the point was trained."""
    titles = metric_titles(results)
    header = ["learner", "strategy", *(titles[name] for name in metric_names), "of the way ↑", "steps × passes"]
    rows = []
    for point in results["points"]:
        share = point["scores"][results["primary_metric"]]["above_floor"]
        rows.append(
            [
                point["learner"],
                point["label"] + (f" ({point['n_seeds']} seeds)" if point["n_seeds"] > 1 else ""),
                *(_cell(results, point, name) for name in metric_names),
                "–" if share is None or share != share else percent(share + 0.0),
                _training_of(results, point),
            ]
        )
    return header, rows


def may_be_said(results: Mapping[str, Any], metric_name: str, learner: str) -> bool:
    """Return whether a metric may be shown for a learner: a leak metric that is blind would show a false 0."""
    findings = map(Finding.from_json, results["findings"])
    return not metric_name.startswith("leak_") or not blocked(findings, "leaks", learner)


def _cell(results: Mapping[str, Any], point: Mapping[str, Any], name: str) -> str:
    said = may_be_said(results, name, point["learner"])
    return with_interval(point["scores"][name]) if said else "cannot be said"


def check_table(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: the known answers, what they went through, and what they scored."""
    titles = metric_titles(results)
    names = list(dict.fromkeys((results["primary_metric"], results["second_metric"])))
    rows = []
    for check in results["checks"]:
        answer = {"targets": "the right answers", "input": "the inputs, copied"}[check["answer"]]
        scores = [check["scores"][name] for name in names]
        cells = ["–" if score is None else f"{score:.1f}" for score in scores]
        rows.append([answer, check["learner"] or "the metrics alone", *cells, str(check["n_lost"])])
    return ["scored as answers", "through", *(titles[name] for name in names), "not as they should be"], rows


def ceilings(results: Mapping[str, Any], metric_name: str) -> dict[str, float]:
    """Return by learner what a perfect model would score, where that is less than the best."""
    metric = next(item for item in results["metrics"] if item["name"] == metric_name)
    best = metric["range"][1] if metric["direction"] == "max" else metric["range"][0]
    return {
        check["learner"] or "any model": check["scores"][metric_name]
        for check in results["checks"]
        if check["answer"] == "targets"
        and check["scores"].get(metric_name) is not None
        and abs(check["scores"][metric_name] - best) >= 0.05
    }


def _training_of(results: Mapping[str, Any], point: Mapping[str, Any]) -> str:
    keys = ("learner", "strategy", "shots", "train_size")
    for trial in results["trials"]:
        if all(trial[key] == point[key] for key in keys) and trial.get("training"):
            return (
                f"{trial['training']['steps'] or '–'} × {trial['training']['epochs']}"  # not every provider tells steps
            )
    return "–"


ANSWER_KINDS = ("end", "length", "blocked", "refused", "error")


def answer_table(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: how the answers of each trial ended, trials with anything but whole answers only."""
    header = ["learner", "trial", "whole", "cut at the cap", "blocked", "refused", "no answer", "empty", "why"]
    rows = []
    for trial in results["trials"]:
        answers = trial.get("answers")
        wrapped = _wrappers_of(answers, results.get("primary_metric")) if answers else []
        if not answers or (
            set(answers["stop_reasons"]) <= {"end"} and not answers["n_empty"] and not _thoughts_of(answers) + wrapped
        ):
            continue
        counts = [str(answers["stop_reasons"].get(kind, 0)) for kind in ANSWER_KINDS]
        told = [*_thoughts_of(answers), *wrapped, *answers["errors"][:3]]
        why = "; ".join(told) + ("; ..." if len(answers["errors"]) > 3 else "")
        rows.append([trial["learner"], trial["label"], *counts, str(answers["n_empty"]), why or "–"])
    return header, rows


def _thoughts_of(answers: Mapping[str, Any]) -> list[str]:
    """Return in how many answers thoughts were found, and what became of them."""
    removed, cut = answers.get("n_thoughts_removed", 0), answers.get("n_thoughts_cut", 0)
    told = [f"thoughts removed from {removed}"] if removed else []
    return told + ([f"{cut} with nothing but a cut thought"] if cut else [])


def _wrappers_of(answers: Mapping[str, Any], metric: str | None) -> list[str]:
    """Return what stood around answers, taken off or left, with the headline score the other way."""
    told = []
    for key, other, words in (
        ("wrappers_removed", "scores_as_given", "taken off"),
        ("wrappers_left", "scores_unwrapped", "left"),
    ):
        kinds, score = answers.get(key) or {}, (answers.get(other) or {}).get(metric)
        otherwise = f" (the other way: {score:.1f})" if score is not None else ""
        told += [f"{kind} {words}: {n}{otherwise}" for kind, n in kinds.items()]
    return told


def money_table(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: what each trial of a paid model sent, trained on and cost."""
    header = ["learner", "trial", "answers", "tokens sent", "tokens answered", "tokens trained", "cost", "answered by"]
    rows = []
    for trial in results["trials"]:
        if trial["config"]["learner"].get("kind") != "hosted" or not trial.get("answers"):
            continue
        answers, training = trial["answers"], trial["training"] or {}
        counts = [f"{answers[key]:,}" for key in ("n", "tokens_in", "tokens_out")]
        trained = f"{training['tokens_trained']:,}" if training else "–"
        versions = ", ".join(answers.get("model_versions", [])) or "–"
        rows.append([trial["learner"], trial["label"], *counts, trained, money(trial["cost_usd"]), versions])
    return header, rows


def checkpoint_table(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: the headline score after every pass, trials with scored checkpoints only."""
    trials = [trial for trial in results["trials"] if trial.get("checkpoints")]
    most = max([point["epoch"] for trial in trials for point in trial["checkpoints"]], default=0)
    rows = []
    for trial in trials:
        scores = {point["epoch"]: point["scores"][results["primary_metric"]] for point in trial["checkpoints"]}
        cells = [f"{scores[epoch]:.1f}" if epoch in scores else "–" for epoch in range(1, most + 1)]
        rows.append([trial["learner"], trial["label"], *cells])
    return ["learner", "trial", *(f"after pass {epoch}" for epoch in range(1, most + 1))], rows


def default_columns(results: Mapping[str, Any]) -> list[str]:
    """Return the metrics a short table shows: headline, second, and two more."""
    names = [metric["name"] for metric in results["metrics"]]
    wanted = [results["primary_metric"], results["second_metric"], "label_accuracy", "exact_match"]
    return [name for name in dict.fromkeys(wanted) if name in names]


def text_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in plain text, columns aligned."""
    lines = [list(header), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(header))]
    aligned = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines
    ]
    return "\n".join([aligned[0], "  ".join("-" * width for width in widths), *aligned[1:]])


def comparison_table(results: Mapping[str, Any], metric_name: str) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the paired differences in one metric."""
    header = ["learner", "from", "to", "difference", "P(better)"]
    rows = []
    for item in results["comparisons"]:
        change = item["differences"][metric_name]
        if change["difference"] is None or change["low"] is None or change["low"] != change["low"]:
            continue
        difference = f"{change['difference']:+.1f} [{change['low']:+.1f}, {change['high']:+.1f}]"
        rows.append([item["learner"], item["from"], item["to"], difference, f"{100 * change['p_better']:.1f} %"])
    return header, rows


def label_table(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of the recall by label, most frequent label first; one column a point that masks."""
    points = [f"{p['learner']}: {p['label']}" for p in results["points"] if p["strategy"] != "floor"]
    several = len({point["learner"] for point in results["points"] if point["strategy"] != "floor"}) > 1
    header = ["label", "in test", *(name if several else name.partition(": ")[2] for name in points)]
    labels = sorted(results["labels"].items(), key=lambda item: (-item[1]["n_gold"], item[0]))
    rows = [
        [
            label,
            str(row["n_gold"]),
            *(f"{row['recall'][name]:.0f}" if name in row["recall"] else "–" for name in points),
        ]
        for label, row in labels
    ]
    return header, rows


def diagnosis_table(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: the headline score on rows that were trained on beside that on the test set."""
    title = metric_titles(results)[results["primary_metric"]]
    header = ["learner", "tuned on", f"{title} on its own rows", f"{title} on the test set", "reads as"]
    return header, [
        [
            item["learner"],
            f"{item['train_size']:,}",
            f"{item['training_score']:.1f} ({item['n_rows']} rows)",
            f"{item['test_score']:.1f}",
            item["word"],
        ]
        for item in results["diagnosis"]
    ]


def last_diagnoses(results: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (learner, sentence) of what training and test score say together at each learner's largest size."""
    largest = {item["learner"]: item for item in sorted(results["diagnosis"], key=lambda item: item["train_size"])}
    return [(learner, item["sentence"]) for learner, item in largest.items()]


def label_advice_table(results: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows: every label's own curve, the one to label next first."""
    several = len(results["label_advice"]) > 1
    header = [*(["learner"] if several else []), "label", "in test", "recall", "verdict", "twice the rows would bring"]
    rows = []
    for learner, labels in results["label_advice"].items():
        for item in labels:
            flat_from = f" from about {item['flat_from']:,.0f}" if item["flat_from"] is not None else ""
            cells = [item["label"], str(item["n_gold"]), f"{item['recall']:.0f} %", item["word"] + flat_from]
            rows.append([*([learner] if several else []), *cells, f"{item['expected_gain']:+.1f}"])
    return header, rows


def doublings(forecast: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return a forecast's entries at whole doublings of the largest measured size that are not speculative."""
    if not forecast.get("forecasts") or not forecast["points"]:
        return []
    last = forecast["points"][-1]["n"]
    return [
        entry
        for entry in forecast["forecasts"]
        if entry["n"] > 1.9 * last and not entry["speculative"] and _is_whole(math.log2(entry["n"] / last))
    ]


def _is_whole(value: float) -> bool:
    return abs(value - round(value)) < 1e-6


def forecast_table(forecast: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    """Return header and rows of a learner's forecast: what one run at a larger size would measure."""
    header = ["training rows", "expected score", "80 % interval", "90 % interval"]
    rows = []
    for entry in doublings(forecast):
        bounds = [entry["intervals"][level] for level in ("0.80", "0.90")]
        mark = " (borrowed)" if entry["borrowed"] else " (speculative)" if entry["speculative"] else ""
        size = f"{entry['n']:,.0f}{mark}"
        rows.append([size, f"{entry['median']:.1f}", *(f"{low:.1f} to {high:.1f}" for low, high in bounds)])
    return header, rows


def advice_lines(forecast: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return (term, text) for plateau, back-test, target, rivals and money, as far as they are known."""
    lines = []
    plateau, check = forecast["plateau"], forecast["backtest"]
    if plateau is not None:
        lines.append(("plateau", _plateau_text(plateau)))
    if check is not None:
        low, high = check["interval_80"]
        lines.append(
            (
                "back-test",
                f"without the largest size, the forecast for {check['n']:,.0f} rows was {check['median']:.1f} "
                f"(80 % interval {low:.1f} to {high:.1f}); measured: {check['actual']:.1f}",
            )
        )
    if forecast["target"] is not None:
        lines.append(("target", _target_text(forecast["target"])))
    if forecast["crossover"] is not None:
        lines.append(("against prompting", _crossover_text(forecast["crossover"])))
    if forecast["decision"] is not None:
        lines.append(("money", forecast["decision"]["sentence"]))
    return lines


def _size_text(size: Mapping[str, Any]) -> str:
    """Return a required size in words: median, interval, and how likely it is never reached."""

    def rows(number: float | None) -> str:
        return "never" if number is None else f"{number:,.0f}"

    never = f"; never: probability {size['never_probability']:.2f}" if size["never_probability"] >= 0.005 else ""
    median = "more likely never than ever" if size["median"] is None else f"at about {size['median']:,.0f} rows"
    return f"{median} ({100 * size['level']:.0f} % interval {rows(size['low'])} to {rows(size['high'])}{never})"


def _target_text(target: Mapping[str, Any]) -> str:
    text = f"{target['target']:g} is reached {_size_text(target['required_size'])}"
    return text + (" – speculative, far beyond what was measured" if target["speculative"] else "")


def _crossover_text(found: Mapping[str, Any]) -> str:
    return (
        f"fine-tuning overtakes {found['rival']} ({found['rival_score']:.1f}) {_size_text(found['size'])}; "
        f"ahead at the largest size measured with probability {found['probability_ahead_at_largest_size']:.2f}"
    )


def _plateau_text(plateau: Mapping[str, Any]) -> str:
    """Return whether the plateau has begun and from where on a doubling gains less than what matters."""
    begun = f"begun with probability {plateau['probability']:.2f}"
    state = begun if plateau["observed"] else f"not yet observed ({begun})"
    low, high = ("never" if plateau[side] is None else f"{plateau[side]:,.0f}" for side in ("low", "high"))
    where = "no size in sight from which" if plateau["size"] is None else f"from about {plateau['size']:,.0f} rows on"
    return f"{state}; {where} a doubling gains less than {plateau['delta']:.2g} (80 % interval {low} to {high})"


def tidy_rows(results: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return one row for every finished trial and metric: the long form that data frames like."""
    rows = []
    for trial in results["trials"]:
        training = trial.get("training") or {}
        for metric, score in [*(trial.get("scores") or {}).items(), *_losses_of(trial)]:
            rows.append(
                {key: trial[key] for key in ("learner", "strategy", "shots", "train_size", "seed")}
                | {"metric": metric, "score": score}
                | {key: training.get(key) for key in ("steps", "epochs", "train_seconds")}
            )
    return rows


def _losses_of(trial: Mapping[str, Any]) -> list[tuple[str, float | None]]:
    """Return a trial's losses as if they were metrics, those that it has."""
    loss = trial.get("loss") or {}
    return [(f"target_loss_{side}", loss[side]["mean"]) for side in ("test", "train") if loss.get(side)]


def to_csv(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> str:
    """Return CSV in which no cell is live: a text that a spreadsheet would run as a formula gets a leading quote."""
    buffer = io.StringIO()
    # With this line end (RFC 4180) cells that hold either half of it are quoted: a bare \r would begin a row of its own.
    writer = csv.writer(buffer, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([formula_safe(row.get(column)) for column in columns] for row in rows)
    return buffer.getvalue()


def formula_safe(value: Any) -> Any:
    """Return the cell; a text that starts like a formula, also behind blanks, gets a leading apostrophe."""
    if isinstance(value, str) and value.lstrip(" \u00a0\ufeff").startswith(_FORMULA_STARTS):
        return "'" + value
    return value
