"""`tunecurve forecast`: forecast learning curves measured by anything, from a CSV file or from points typed in.

Reads, calls `forecast_curve` once a curve, prints. It needs no model and no key. Files are read as a stream, so a file
of any length gets a forecast or a clear line; numbers are never guessed from text.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from tunecurve.cli.forecast_question import Question
    from tunecurve.curve.answer import Crossover, Plateau, SizeInterval, Target, Verdict
    from tunecurve.curve.curve_table import CurveTable
    from tunecurve.curve.forecast import Forecast


@click.command()
@click.argument("curves", nargs=-1, type=click.Path(), metavar="[CURVES]")
@click.option("--points", help="Points typed in: n:score,n:score,... instead of a file.")
@click.option("--at", multiple=True, type=float, metavar="N", help="Training size to forecast; repeat for more.")
@click.option("--target", type=float, help="Score to reach: gives the required size and P(reached at n).")
@click.option(
    "--direction",
    type=click.Choice(["max", "min"]),
    help="Whether larger or smaller scores are better; without it as the file or --metric says, else max.",
)
@click.option("--range", "score_range", metavar="LO,HI", help="Range of the metric, 0,100 by default; 0, for a loss.")
@click.option("--test-rows", type=click.IntRange(min=1), help="Test rows behind each score (the file's n_test).")
@click.option(
    "--learner",
    type=click.Choice(["language-model", "classical", "tfidf"]),
    help="What was trained: a language model or an encoder, a classical learner of tables, TF-IDF on texts; without it, a mixture of "
    "the first two.",
)
@click.option(
    "--metric",
    metavar="NAME",
    help="Name of the metric, e.g. bleu: the atlas says whether less of it is better, and, before any size is measured, where its "
    "curves start.",
)
@click.option("--delta", type=float, help="Gain per doubling that matters, in the metric's units.")
@click.option("--label-price", type=float, help="Price of one more labelled example.")
@click.option("--value-per-point", type=float, help="Worth of one unit of the metric.")
@click.option("--training-price", type=float, help="Price of training on one example, all epochs together.")
@click.option("--run-price", type=float, help="Price of one training run, whatever its size.")
@click.option("--serving-price", type=float, help="Serving the tuned model instead of today's choice, in all.")
@click.option("--miss-penalty", type=float, help="Price of not reaching --target.")
@click.option(
    "--chances",
    is_flag=True,
    help="Weigh the steps that may settle a 'cannot tell' by judging their expected outcomes (slower), and say how often they do.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object a curve, one a line.")
@click.option(
    "--history",
    is_flag=True,
    help="Arguments are run folders: how often did the forecasts that these studies showed hold?",
)
@click.option("--plot", type=click.Path(), metavar="PNG", help="Draw the first curve that is forecast, with its band.")
def forecast(curves: tuple[str, ...], as_json: bool, history: bool, plot: str | None, **options: Any) -> None:
    """Forecast learning curves: intervals at sizes not paid for, plateau, verdict, required size, money.

    CURVES is a CSV file with columns n and score, and optionally curve_id, replicate (m10 marks a mean of 10 runs), n_test,
    kind (zeroshot, fewshot, floor, finetune), direction, and target_n (a size asked for by that curve alone). A curve that cannot be
    used is named with its line, the others are forecast (exit code 6). Without a file, give --points:

    \b
    tunecurve forecast --points 50:86.38,200:90.97,800:94.30 --at 6400
    tunecurve forecast --history runs/*
    """
    from tunecurve.cli.each_curve import ask_each
    from tunecurve.cli.forecast_curves import refuse_what_does_not_fit
    from tunecurve.curve.table import parse_points, read_curves

    if history:
        _show_history(curves, as_json=as_json)
        return
    points = options.pop("points")
    path = _one_file(curves, points)
    tables = read_curves(path) if path is not None else parse_points(points or "")
    question = _question(options)
    question.floor_share  # noqa: B018  (an unknown metric is complained about first)
    refuse_what_does_not_fit(tables, question, path)
    for table, answer in ask_each(tables, question.ask, verb="forecast"):
        if answer is None:
            _say_refused(table, as_json=as_json)
            continue
        name = table.curve_id if path is not None else None
        click.echo(_json_line(table.curve_id, answer) if as_json else _text(name, answer, chances=question.chances))
        if plot:
            from tunecurve.curve.plot import plot_forecast

            plot_forecast(answer, plot)
            plot = None  # of the first one alone


def _question(options: dict[str, Any]) -> Question:
    """Return what is asked of every curve."""
    from tunecurve.cli.forecast_question import PRICES, Question
    from tunecurve.curve.decision import MOST_PRICE
    from tunecurve.curve.forecast import Prices
    from tunecurve.curve.table import parse_range
    from tunecurve.errors import UsageError

    given = {name: options.pop(name) for name in PRICES}
    for name, price in given.items():
        if price is not None and not (abs(price) <= MOST_PRICE and (price >= 0 or name == "serving_price")):
            most = f", {MOST_PRICE:g} at most" if abs(price) > MOST_PRICE else ""
            raise UsageError(f"--{name.replace('_', '-')} {price:g}: expected a price of 0 or more{most}.")
    for name, number in [("at", size) for size in options["at"]] + [("delta", options["delta"])]:
        if number is not None and not (math.isfinite(number) and number > 0):
            raise UsageError(f"--{name} {number:g}: expected a positive number.")
    if options["target"] is not None and not math.isfinite(options["target"]):
        raise UsageError(f"--target {options['target']}: expected a finite score.")
    prices = Prices(**{PRICES[name]: price for name, price in given.items()})
    if prices.miss_penalty is not None and options["target"] is None:
        raise UsageError(
            f"--miss-penalty {prices.miss_penalty:g} needs the score that would be missed: give --target too."
        )
    return Question(prices=prices, ends=parse_range(options.pop("score_range")), **options)


def _one_file(curves: tuple[str, ...], points: str | None) -> str | None:
    """Return the curves file; None where the points are typed in."""
    from tunecurve.errors import UsageError

    if len(curves) > 1:
        raise UsageError(f"{len(curves)} curves files given; expected one (run folders go with --history).")
    if bool(curves) == (points is not None):
        raise UsageError("give either a curves file or --points, for example --points 50:86.4,200:91.0,800:94.3.")
    return curves[0] if curves else None


def _show_history(folders: tuple[str, ...], *, as_json: bool) -> None:
    """Print what became of the forecasts of run folders; nothing is forecast, so no other option has a meaning here."""
    from tunecurve.cli.forecast_history import show_history
    from tunecurve.errors import UsageError

    context = click.get_current_context()
    others = [name for name in context.params if name not in ("curves", "history", "as_json")]
    given = [name for name in others if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]
    if given:
        option = "range" if given[0] == "score_range" else given[0].replace("_", "-")
        raise UsageError(
            f"--history only reads what studies have kept, and --{option} asks for a forecast; leave one out."
        )
    if not folders:
        raise UsageError("--history needs run folders, for example: tunecurve forecast --history runs/pii-quick")
    show_history(folders, as_json=as_json)


def _say_refused(table: CurveTable, *, as_json: bool) -> None:
    """Name a curve that cannot be used: by an object of its own, which holds `error`, else by a line on standard error."""
    from tunecurve.cli.as_json import json_line
    from tunecurve.cli.each_curve import problem_line
    from tunecurve.cli.main import complain
    from tunecurve.curve.answer import CurveAnswer

    said = problem_line(table)
    if as_json:
        empty = CurveAnswer(refusal=said, points=[]).to_json()
        click.echo(json_line({"curve_id": table.curve_id, "error": said, **empty}))
    else:
        complain(said)


def _json_line(curve_id: str, answer: Forecast) -> str:
    from tunecurve.cli.as_json import json_line

    return json_line({"curve_id": curve_id, **answer.to_dict()})


def _text(name: str | None, answer: Forecast, *, chances: bool) -> str:
    """Return what a person reads: one short paragraph a curve."""
    from tunecurve.curve.ranges import DOUBTFUL

    lines = [name] if name is not None else []
    lines += [f"  {note}" for note in answer.notes if note.startswith(DOUBTFUL)]  # before what it makes doubtful
    if answer.refusal:
        lines.append(f"  {answer.refusal}")
    for entry in answer.forecasts:
        low, high = entry.interval_80
        mark = f"  ({entry.mark})" if entry.mark else ""
        lines.append(f"  n={entry.n:g}: {entry.median:.4g}, 80 % interval {low:.4g} to {high:.4g}{mark}")
    if answer.verdict:
        lines.append(f"  {answer.verdict.sentence}")
        lines += _settling_lines(answer.verdict, chances=chances)
    lines += _plateau_lines(answer.plateau) + _target_lines(answer.target) + _rival_lines(answer.crossover)
    if answer.backtest:
        test = answer.backtest
        low, high = test.interval_80
        lines.append(
            f"  Back-test: without n={test.n:g} the forecast was {test.median:.4g} ({low:.4g} to {high:.4g}), "
            f"measured {test.actual:.4g}."
        )
    lines += [f"  {part.sentence}" for part in (answer.decision, answer.first_study) if part]
    lines += [f"  Note: {note}" for note in answer.notes if not note.startswith(DOUBTFUL)]
    return "\n".join(lines)


def _settling_lines(verdict: Verdict, *, chances: bool) -> list[str]:
    """Return the step against the reason of a `cannot tell`, or why it is another one, and, where prices are known, its cost.

    How often it settles the word is said only where it was judged: counted roughly, real verdicts came up to 93 points apart.
    """
    from tunecurve.curve.imagined import COUNTED
    from tunecurve.curve.plateau import why_another_step
    from tunecurve.wording import of_hundred

    step = verdict.answer
    if step is None:
        return []
    cost = "" if step.cost is None else f", costs {step.cost:.4g}"
    how_often = f" (a plain word after {of_hundred(step.chance, COUNTED)} expected outcomes)" if chances else ""
    return [f"    Next: {step.what}{why_another_step(verdict)}{cost}{how_often}"]


def _plateau_lines(plateau: Plateau | None) -> list[str]:
    from tunecurve.wording import chance_in_words

    if plateau is None:
        return []
    what = f"  Plateau (doublings gain less than {plateau.delta:.3g})"
    interval = f"80 % interval {_size_word(plateau.low)} to {_size_word(plateau.high)}"
    if plateau.observed:
        begun = f"it has begun with probability {chance_in_words(plateau.probability)}"
        return [f"{what}: from n {_size_word(plateau.size)}, {interval}; {begun}."]
    begun = f"not yet observed (begun with probability {chance_in_words(plateau.probability)})"
    if plateau.low is None:
        return [f"{what}: {begun}; none expected up to 8 times the data."]
    if plateau.size is None:
        return [f"{what}: {begun}; most likely none up to 8 times the data, {interval}."]
    return [f"{what}: {begun}; best estimate n {_size_word(plateau.size)}, {interval}."]


def _target_lines(target: Target | None) -> list[str]:
    from tunecurve.wording import chance_in_words

    if target is None:
        return []
    size = target.required_size
    return [
        f"  Target {target.target:g}: required n {_size_words(size)}; never: {chance_in_words(size.never_probability)}."
    ]


def _rival_lines(crossover: Crossover | None) -> list[str]:
    if crossover is None:
        return []
    rival = f"{crossover.rival} ({crossover.rival_score:.4g})"
    return [f"  Fine-tuning passes {rival} at n {_size_words(crossover.size)}."]


def _size_words(size: SizeInterval) -> str:
    return f"{_size_word(size.median)}, 80 % interval {_size_word(size.low)} to {_size_word(size.high)}"


def _size_word(size: float | None) -> str:
    return "never" if size is None else f"{size:.0f}" if 10 <= size < 1e6 else f"{size:.4g}"
