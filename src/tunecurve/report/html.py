"""The report: one file, no network, every text escaped, a strict content security policy."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2

from tunecurve.findings import as_shown
from tunecurve.learners.hosted.prices import money
from tunecurve.report.answer_data import AnswerData
from tunecurve.report.chart_data import ChartData, chart_data
from tunecurve.report.decision import decision_lines
from tunecurve.report.glossary import with_terms
from tunecurve.report.history import history_lines, history_table
from tunecurve.report.loss_panel import loss_sentences
from tunecurve.report.tables import (
    advice_lines,
    answer_table,
    check_table,
    checkpoint_table,
    comparison_table,
    default_columns,
    diagnosis_table,
    forecast_table,
    label_advice_table,
    label_table,
    metric_titles,
    money_table,
    optimised_instructions,
    point_table,
    prompt_lines,
)
from tunecurve.report.teaching import teaching_lines, teaching_table
from tunecurve.report.test_set import rows_lines, rows_table
from tunecurve.results.diagnosis import last_diagnoses
from tunecurve.results.model import Results
from tunecurve.results.records.advice import LearnerForecast

STYLES = ("report.css",)
# In this order: each may use what stands before it.
SCRIPTS = ("dom.js", "chart.js", "curve.js", "questions.js", "panels.js", "answers.js", "start.js")
NO_ANSWER_RULE = (
    "An answer cut at its length cap is scored as it stands; one that was blocked by a provider's filter or refused by the "
    "model, a failed one and an empty one are scored as an empty text. "
    "None is left out of a mean."
)


@cache
def _environment() -> jinja2.Environment:
    # Autoescape on for everything: row texts, labels and model names are never markup.
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
        loader=jinja2.FunctionLoader(_resource),
    )
    environment.filters["terms"] = with_terms
    return environment


def _resource(name: str) -> str:
    return files("tunecurve.report").joinpath("page", name).read_text(encoding="utf-8")


def _script(names: Sequence[str]) -> str:
    """Return the page's parts as one script that leaves no names behind."""
    return '"use strict";\n{\n' + "".join(map(_resource, names)) + "}\n"


def _hash_source(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


def _refusal(forecast: LearnerForecast) -> str | None:
    """Return why there is no verdict, and what to measure; None where there is one."""
    said = [forecast.refusal, forecast.first_study.sentence if forecast.first_study else None]
    return " ".join(part for part in said if part) if forecast.refusal else None


def _policy(style: str, script: str) -> str:
    """Return the content security policy: our style and script by hash, pictures from the file itself, nothing else."""
    return (
        f"default-src 'none'; img-src data:; style-src {_hash_source(style)}; script-src {_hash_source(script)}; "
        "base-uri 'none'; form-action 'none'"
    )


def render_page(
    template: str, *, styles: Sequence[str] = STYLES, scripts: Sequence[str] = SCRIPTS, allowed: str = "", **values: Any
) -> str:
    """Return a page of the folder `page`, with its style, script and policy.

    Parameters
    ----------
    template : str
        Its file, like those of `styles` and `scripts`.
    styles, scripts : sequence of str
        What it is made with, in this order.
    allowed : str
        What the policy lets it do beyond that, such as asking the server that it came from.
    **values
        What the template names.
    """
    style, script = "".join(map(_resource, styles)), _script(scripts)
    page = _environment().get_template(template)
    return page.render(style=style, script=script, policy=_policy(style, script) + allowed, **values)


def render_report(
    results: Results,
    curve_svg: bytes,
    examples: Sequence[Mapping[str, Any]] = (),
    chart: ChartData | None = None,
    answers: AnswerData | None = None,
    *,
    shows_instructions: bool = False,
) -> str:
    """Return the report's HTML.

    Parameters
    ----------
    results : Results
        What the study found.
    curve_svg : bytes
        The picture; shown as an image, so that nothing in it can run.
    examples : sequence of mapping
        From `worst_examples`; empty to show no row texts.
    chart : ChartData, optional
        What is drawn; default: without confusion matrices.
    answers : AnswerData, optional
        The answers explorer; default: no row texts.
    shows_instructions : bool, default False
        Whether instructions that were found are shown, which may quote rows.
    """
    chart = chart or chart_data(results)
    columns = default_columns(results)
    others = [metric.name for metric in results.metrics if metric.name not in columns and not metric.is_by_label]
    return render_page(
        "report.html.jinja",
        results=results,
        decision=decision_lines(results),
        loss_sentences=loss_sentences(results),
        curve=base64.b64encode(curve_svg).decode(),
        main_table=point_table(results, columns),
        other_table=point_table(results, others),
        titles=metric_titles(results),
        comparison=comparison_table(results, results.primary_metric),
        second_comparison=comparison_table(results, results.second_metric),
        labels=label_table(results),
        label_advice=label_advice_table(results),
        teaching=teaching_table(results),
        teaching_lines=teaching_lines(results),
        test_set=rows_lines(results.about_test_set),
        test_set_table=rows_table(results.test_set),
        diagnosis=diagnosis_table(results),
        diagnoses=last_diagnoses(results.diagnosis),
        history=history_table(results),
        history_lines=history_lines(results),
        refusal=_refusal,
        forecast_table=forecast_table,
        advice_lines=advice_lines,
        prompt_lines=prompt_lines(results),
        instructions=optimised_instructions(results),
        shows_instructions=shows_instructions,
        examples=examples,
        chart=chart.to_json(),
        questions=chart.questions if any(curve.sizes for curve in chart.questions) else [],
        advice=results.advice,
        answers=answers and answers.to_json(),
        failed=[trial for trial in results.trials if trial.failure],
        no_answer_rule=NO_ANSWER_RULE,
        answer_kinds=answer_table(results),
        spent=money_table(results),
        money=money,
        checkpoints=checkpoint_table(results),
        checks=check_table(results),
        findings=as_shown(results.findings),
    )
