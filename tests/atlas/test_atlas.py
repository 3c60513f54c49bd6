"""The atlas: every number has a source, answers equal those counted by hand, and a borrowed gain is marked as borrowed."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from tests.fakes.lookup_learner import LookupLearner
from tunecurve.atlas.answers import Gain, borrowed_advice, borrowed_gains, need_of, what_was_needed
from tunecurve.atlas.load import FAMILY_COLUMNS, POINT_COLUMNS, load_atlas, parse_atlas
from tunecurve.atlas.starts import share_of_the_floor
from tunecurve.cli.atlas import atlas
from tunecurve.errors import DataError, SpecError, UsageError
from tunecurve.run import run_study
from tunecurve.spec.reading import parse_spec
from tunecurve.tasks.lookup import task_of

FAMILIES = [
    "alpha,ner,Alpha,en,4,someone,2020,https://example.org/a,CC0,short",
    "beta,ner,Beta,de,,someone else,2021,make beta,CC0,",
    "gamma,masking,Gamma,en,9,a third,2022,make gamma,CC0,",
]
POINTS = [
    # alpha falls back under 80 after reaching it; two runs at 100 rows, whose mean counts
    "alpha,crf,entity_f1,max,fine-tune,100,70,500,0,2",
    "alpha,crf,entity_f1,max,fine-tune,100,74,500,1,2",
    "alpha,crf,entity_f1,max,fine-tune,400,81,500,,1",
    "alpha,crf,entity_f1,max,fine-tune,1600,79,500,,1",
    "alpha,crf,entity_f1,max,few-shot,3,85,500,,1",
    "alpha,bert,entity_f1,max,fine-tune,100,88,500,,1",
    "alpha,bert,entity_f1,max,fine-tune,400,90,500,,1",
    "beta,crf,entity_f1,max,fine-tune,50,30,,,",
    "beta,crf,entity_f1,max,fine-tune,800,60,,,",
    "gamma,llm,leak_documents,min,floor,0,100,,,",
    "gamma,llm,leak_documents,min,fine-tune,50,40,,,",
    "gamma,llm,leak_documents,min,fine-tune,200,12,,,",
    "gamma,llm,leak_documents,min,fine-tune,800,4,,,",
]


def small_atlas(families: list[str] = FAMILIES, points: list[str] = POINTS) -> Any:
    return parse_atlas("\n".join([",".join(FAMILY_COLUMNS), *families]), "\n".join([",".join(POINT_COLUMNS), *points]))


def run(*arguments: str) -> Result:
    return CliRunner().invoke(atlas, list(arguments))


def test_every_curve_of_the_package_can_be_traced() -> None:
    found = load_atlas()
    assert len(found.curves) >= 10
    assert {curve.family.name for curve in found.curves} == set(found.families), "no family without points"
    for family in found.families.values():
        assert family.locator.startswith(("https://", "tunecurve ", "python ")), family.name
        assert family.licence, family.name
    for curve in found.curves:
        sizes, scores = curve.points()
        assert len(sizes) >= 2, f"{curve.family.name} {curve.learner}: one point is no curve"
        assert np.isfinite(scores).all()


def test_the_articles_curve_is_the_published_one() -> None:
    (curve,) = load_atlas().select("masking", "bleu", "gemini-1.5-flash")
    assert curve.runs == {50: [86.38], 200: [90.97], 800: [94.30], 6400: [97.52]}
    assert curve.without_tuning == {"zero-shot": 83.85, "3-shot": 87.59}


def test_the_curve_of_extraction_is_the_table_of_its_page() -> None:
    page = (Path(__file__).parents[2] / "docs" / "tasks.md").read_text()
    metrics = {"field F1": "field_f1", "exact objects": "exact_object", "valid JSON": "valid_json"}
    lines = page[page.index("| | rows | field F1 |") :].split("\n\n")[0].splitlines()
    head, _, *rows = ([cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines)
    written = {
        ("constrained" in row[0], row[1], metrics[title]): float(cell.split(" [")[0])
        for row in rows
        for title, cell in zip(head, row, strict=True)
        if title in metrics and row[1] not in ("", "0")
    }
    of_atlas = {
        (curve.learner.startswith("constrained:"), str(size), curve.metric): runs
        for curve in load_atlas().select("extraction")
        if curve.family.name == "extraction-snips"
        for size, runs in curve.runs.items()
    }
    assert of_atlas == {key: [score] for key, score in written.items()}
    assert len(of_atlas) == 12


def test_every_task_is_one_of_this_package_and_has_curves_of_its_headline_metric() -> None:
    for task in {family.task for family in load_atlas().families.values()}:
        assert load_atlas().select(task, task_of(task).metrics[0])


def test_the_need_is_a_range_over_curves_and_counts_those_that_never_reach() -> None:
    answer = what_was_needed(small_atlas(), 80.0, "ner", "entity_f1", None)
    assert (answer.n_curves, answer.n_data_sets, answer.n_reached, answer.n_never) == (3, 2, 2, 1)
    assert (answer.smallest, answer.median, answer.largest) == (100, 250.0, 400)
    assert answer.n_at_smallest_size == 1, "bert has it at its smallest size: fewer rows may do"
    first, second, third = answer.needs
    assert (first.reached_at, first.missed_at, first.fell_back) == (400, 100, True)
    assert first.without_tuning == ["3-shot"]
    assert (second.reached_at, second.missed_at, second.fell_back) == (100, None, False)
    assert (third.reached_at, third.missed_at, third.largest_size) == (None, 800, 800)
    assert "4-fold" in answer.caution
    assert "3 curves of 2 data sets" in answer.caution


def test_less_is_better_for_leaks() -> None:
    answer = what_was_needed(small_atlas(), 12.0, "masking", "leak_documents", None)
    assert (answer.smallest, answer.largest, answer.n_at_smallest_size) == (200, 200, 0)
    assert what_was_needed(small_atlas(), 3.0, "masking", "leak_documents", None).n_never == 1


@pytest.mark.parametrize("target", [20.0, 55.0, 71.9, 72.0, 72.1, 80.0, 89.0, 99.0])
def test_the_need_equals_a_plain_search(target: float) -> None:
    for curve in small_atlas().select("ner"):
        good = [n for n in sorted(curve.runs) if sum(curve.runs[n]) / len(curve.runs[n]) >= target]
        need = need_of(curve, target)
        assert need.reached_at == (good[0] if good else None)


def test_borrowed_gains_are_read_between_measured_sizes_only() -> None:
    curves = [curve for curve in small_atlas().curves if curve.family.name == "alpha"]
    found = borrowed_gains(curves, "entity_f1", 200.0)
    # crf: 72 at 100, 81 at 400, 79 at 1600; bert ends at 400
    half = math.log(2) / math.log(4)
    crf_at = {200: 72 + half * 9, 400: 81.0, 800: 81 - half * 2, 1600: 79.0}
    assert [gain.n for gain in found] == [400, 800, 1600]
    assert [gain.n_curves for gain in found] == [2, 1, 1]
    assert found[0].low == pytest.approx(90 - 89)
    assert found[0].high == pytest.approx(crf_at[400] - crf_at[200])
    assert found[1].low == pytest.approx(crf_at[800] - crf_at[200])
    assert found[2].low == found[2].high == pytest.approx(crf_at[1600] - crf_at[200])


def test_an_improvement_is_positive_where_less_is_better() -> None:
    curves = [curve for curve in small_atlas().curves if curve.family.name == "gamma"]
    assert borrowed_gains(curves, "leak_documents", 50.0)[1] == Gain(n=200.0, low=28.0, high=28.0, n_curves=1)


def test_nothing_is_borrowed_from_another_metric_or_beyond_a_curves_end() -> None:
    wrong_metric = borrowed_advice(small_atlas(), "gamma", "bleu", 50.0)
    assert wrong_metric.gains == []
    assert "only in leak_documents" in wrong_metric.sentence
    too_far = borrowed_advice(small_atlas(), "gamma", "leak_documents", 500.0)
    assert too_far.gains == []
    assert "no curve" in too_far.sentence
    assert borrowed_advice(small_atlas(), "gamma", "leak_documents", 10.0).gains == [], "nor before its start"


@pytest.mark.parametrize(
    ("families", "points", "complaint"),
    [
        ([FAMILIES[0], FAMILIES[0]], [], "families.csv line 3: family 'alpha' stands there twice"),
        (["a,ner,A,en,,,2020,u,l,"], [], "families.csv line 2: no source"),
        (["a,ner,A,en,,s,2020,,l,"], [], "families.csv line 2: no locator"),
        (["a,ner,A,en,four,s,2020,u,l,"], [], "labels 'four'"),
        (
            FAMILIES,
            ["delta,crf,entity_f1,max,fine-tune,100,70,,,"],
            "points.csv line 2: family 'delta' is not in families",
        ),
        (FAMILIES, ["alpha,crf,entity_f1,max,tuned,100,70,,,"], "kind 'tuned'"),
        (FAMILIES, ["alpha,crf,entity_f1,max,fine-tune,0,70,,,"], "n=0 in a fine-tune row"),
        (FAMILIES, ["alpha,crf,entity_f1,max,fine-tune,100,nan,,,"], "score 'nan'"),
        (FAMILIES, ["alpha,crf,entity_f1,max,fine-tune,100,170,,,"], "score '170'"),
        (FAMILIES, ["alpha,crf,entity_f1,max,fine-tune,100"], "6 cells; expected 10"),
        (FAMILIES, [POINTS[0], "alpha,crf,entity_f1,min,fine-tune,200,70,,,"], "direction 'min'; expected 'max'"),
    ],
)
def test_a_row_that_cannot_be_right_names_file_line_and_value(
    families: list[str], points: list[str], complaint: str
) -> None:
    with pytest.raises(DataError) as caught:
        small_atlas(families, points)
    assert complaint in str(caught.value)


def test_a_wrong_header_is_a_clear_error() -> None:
    with pytest.raises(DataError, match=r"families\.csv line 1"):
        parse_atlas("name,task", ",".join(POINT_COLUMNS))


def test_the_command_lists_curves_with_their_sources() -> None:
    result = run()
    assert result.exit_code == 0, result.output
    for name, family in load_atlas().families.items():
        assert name in result.output
        assert family.locator in result.output
    assert "50: 86.38  200: 90.97  800: 94.3  6,400: 97.52" in result.output


def test_the_command_answers_with_a_range_and_how_little_it_proves() -> None:
    result = run("--task", "classification", "--target", "70")
    assert result.exit_code == 0, result.output
    answer = json.loads(run("--task", "classification", "--target", "70", "--json").output)
    first, *curves, last = result.output.strip().splitlines()
    assert f"{answer['n_never']} of {answer['n_curves']} curves never reached it" in first
    assert len(curves) == answer["n_curves"] == len(answer["needs"])
    assert last == answer["caution"]


def test_filters_of_the_command() -> None:
    listing = json.loads(run("--task", "ner", "--learner", "SPACY", "--json").output)
    assert {curve["learner"] for curve in listing["curves"]} == {
        curve.learner for curve in load_atlas().select("ner") if "spacy" in curve.learner
    }
    assert {family["task"] for family in listing["families"]} == {"ner"}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--task", "clasification"], "Did you mean 'classification'?"),
        (["--task", "ner", "--metric", "bleu"], "There are: entity_f1"),
        (["--learner", "gemini-1.5-flsh"], "Did you mean 'gemini-1.5-flash'?"),
        (["--target", "85"], "--task ner --target 85"),
        (["--task", "ner", "--target", "850"], "from 0 to 100"),
        (["--task", "ner", "--target", "nan"], "from 0 to 100"),
    ],
)
def test_a_wrong_option_is_one_line_with_the_next_step(arguments: list[str], complaint: str) -> None:
    problem = run(*arguments).exception
    assert isinstance(problem, UsageError)
    assert complaint in str(problem)


def test_an_unknown_prior_is_a_clear_error_of_the_study_file() -> None:
    with pytest.raises(SpecError, match="Did you mean 'ner-conll2003'"):
        parse_spec({"advice": {"prior": "ner-conll203"}})
    assert parse_spec({"advice": {"prior": "ner-conll2003"}}).advice.prior == "ner-conll2003"


def study(rows_file: Path, out: Path, sizes: list[int], prior: str | None) -> dict[str, Any]:
    run_study(
        {"name": "p", "data": {"source": str(rows_file)}, "split": {"method": "random", "test_size": 20}, "shots": [],
         "train_sizes": sizes, "models": ["lookup"], "advice": {"prior": prior}},
        out=out, learners={"lookup": LookupLearner("lookup")},
    )  # fmt: skip
    return json.loads((out / "results.json").read_text())


@pytest.mark.slow
def test_a_prior_is_shown_only_where_there_is_no_forecast_and_is_marked(rows_file: Path, tmp_path: Path) -> None:
    few = study(rows_file, tmp_path / "few", [25, 50], "masking-ai4privacy")["forecast"]["lookup"]
    assert few["refusal"]
    gains = few["borrowed"]["gains"]
    assert [gain["n"] for gain in gains] == [100, 200, 400, 800]
    assert gains[1]["low"] == pytest.approx(90.97 - 86.38)
    page = (tmp_path / "few" / "report.html").read_text()
    assert "Borrowed from the atlas, not measured here (masking-ai4privacy)" in page
    enough = study(rows_file, tmp_path / "enough", [10, 25, 50], "masking-ai4privacy")["forecast"]["lookup"]
    assert (enough["refusal"], enough["borrowed"]) == (None, None)
    assert "Borrowed" not in (tmp_path / "enough" / "report.html").read_text()
    assert study(rows_file, tmp_path / "none", [25, 50], None)["forecast"]["lookup"]["borrowed"] is None


STARTS = [
    "alpha,crf,entity_f1,max,floor,0,0,500,,1",
    "alpha,crf,entity_f1,max,fine-tune,50,49.5,500,0,2",
    "alpha,crf,entity_f1,max,fine-tune,100,60,500,0,2",
    "beta,crf,entity_f1,max,floor,0,0,500,,1",
    "beta,crf,entity_f1,max,fine-tune,25,24.25,500,0,2",
    "gamma,tagger,leak_documents,min,floor,0,100,300,,1",
    "gamma,tagger,leak_documents,min,fine-tune,50,24.25,300,,1",
    "gamma,tagger,bleu,max,floor,0,50,300,,1",
    "gamma,tagger,bleu,max,fine-tune,800,90,300,,1",
]


def test_a_metrics_curves_start_at_a_share_of_the_floors_error_counted_by_hand() -> None:
    known = parse_atlas("\n".join([",".join(FAMILY_COLUMNS), *FAMILIES]), "\n".join([",".join(POINT_COLUMNS), *STARTS]))
    assert share_of_the_floor(known, "entity_f1", 0.8) == pytest.approx(
        (0.5 * 0.75 * 0.8 * 102 / 101) ** (1 / 3), rel=0.01
    )
    assert share_of_the_floor(known, "leak_documents", 0.8) == pytest.approx((0.25 * 0.8) ** 0.5, rel=0.01)
    without_beta = share_of_the_floor(known, "entity_f1", 0.8, lambda curve: curve.family.name != "beta")
    assert without_beta == pytest.approx((0.5 * 0.8) ** 0.5, rel=0.01)


@pytest.mark.parametrize(("metric", "said"), [("bleu", "expected one of entity_f1"), ("entity_f2", "Did you mean")])
def test_a_metric_without_a_start_is_refused_in_one_line(metric: str, said: str) -> None:
    known = parse_atlas("\n".join([",".join(FAMILY_COLUMNS), *FAMILIES]), "\n".join([",".join(POINT_COLUMNS), *STARTS]))
    with pytest.raises(UsageError, match=said):
        share_of_the_floor(known, metric, 0.8)
