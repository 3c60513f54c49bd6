"""From which size on tuning beats the best prompt: against which one, by how much, for how much money; and who may say so."""

import json
from dataclasses import replace
from types import SimpleNamespace

import jsonschema
import numpy as np
import pytest

import tunecurve
from tests.fakes.prompt_reader import PromptReader, TunedReader
from tests.fakes.records import finished_trial
from tests.support.class_rows import class_rows
from tunecurve.curve.intervals import jackknife
from tunecurve.errors import UsageError
from tunecurve.findings import Finding
from tunecurve.report.tables import prompt_lines
from tunecurve.results.choosing import choose_trial
from tunecurve.results.forecasts import Forecaster
from tunecurve.results.model import results_schema
from tunecurve.results.points import ScoredPoint
from tunecurve.results.prompting import PromptForecaster, PromptJudge, _not_above
from tunecurve.results.records.money import ModelPrices
from tunecurve.results.records.points import MetricResult
from tunecurve.results.stored import load
from tunecurve.run import run_study
from tunecurve.spec.study import AdviceSpec


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    folder = tmp_path_factory.mktemp("prompting")
    path = folder / "classes.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in class_rows(160)))
    study = {
        "name": "prompting",
        "task": "classification",
        "data": {"source": str(path), "input_column": "text", "target_column": "label"},
        "split": {"test_size": 40, "method": "random"},
        "models": ["reader", "other"],
        "shots": [0, 3, {"count": 2}, {"count": 4, "choose": "similar-by-label"}],
        "similar_by": "tfidf",
        "train_sizes": [6, 30, 100],
        "bootstrap": {"draws": 100},
    }
    learners = {"reader": TunedReader("reader"), "other": PromptReader("other")}
    return run_study(study, out=folder / "out", learners=learners).results


def test_what_is_compared_with_is_the_best_of_all_prompts(measured):
    jsonschema.validate(json.loads((measured.folder / "results.json").read_text()), results_schema())
    [found] = measured.best_prompts
    prompts = [p for p in measured.points if p.strategy in ("zero-shot", "few-shot", "similar", "similar-by-label")]
    assert found.n_prompts == len(prompts) == 2 * (1 + 1 + 3 + 3)
    assert found.score == max(point.scores["accuracy"].estimate for point in prompts)
    assert found.strategy.startswith("similar")
    assert found.label in found.sentence
    assert found.label == next(
        point.label for point in prompts if point.key == (found.prompted, found.strategy, found.shots, found.train_size)
    )


def test_the_forecast_compares_with_the_best_prompt_of_any_model(measured):
    [found] = measured.best_prompts
    crossover = measured.forecast["reader"].crossover
    assert crossover is not None
    assert crossover.rival == (found.label if found.prompted == "reader" else f"{found.label} of {found.prompted}")
    assert crossover.rival_score == pytest.approx(found.score)


def test_the_differences_are_those_of_the_points_on_the_same_rows(measured):
    [found] = measured.best_prompts
    tuned = {p.train_size: p.scores["accuracy"].estimate for p in measured.points if p.strategy == "fine-tune"}
    assert [size.train_size for size in found.sizes] == [6, 30, 100]
    for size in found.sizes:
        change = size.difference
        assert change.difference == pytest.approx(tuned[size.train_size] - found.score)
        assert change.low <= change.difference <= change.high
    shown = [size.train_size for size in found.sizes if size.difference.low > 0]
    assert (found.from_size is None) == (not shown or shown[-1] != 100)
    if found.from_size is not None:
        assert all(size.difference.low > 0 for size in found.sizes if size.train_size >= found.from_size)


def test_without_prices_the_tokens_of_a_request_are_told(measured):
    [found] = measured.best_prompts
    assert found.usd_per_1000 is None
    assert found.tokens_sent > max(size.tokens_sent for size in found.sizes)
    assert f"sends about {found.tokens_sent:,.0f} tokens" in found.sentence


def test_the_curves_of_similar_examples_have_forecasts_of_their_own(measured):
    curves = {(one.learner, one.strategy, one.shots): one for one in measured.prompt_forecasts}
    assert set(curves) == {
        (name, *curve) for name in ("reader", "other") for curve in (("similar", 2), ("similar-by-label", 4))
    }
    one = curves["other", "similar", 2]
    assert [point.n for point in one.forecast.points] == [6, 30, 100]
    assert one.forecast.said
    assert "other" not in measured.forecast, "what is not tuned has no forecast of tuning"
    assert any(one.forecast.said in text for _, text in prompt_lines(measured))


def test_the_report_and_the_pictures_show_them(measured):
    page = (measured.folder / "report.html").read_text()
    assert "Tuning against prompting" in page
    assert "4 similar by label" in page
    axes = measured.plot()
    drawn = [line.get_label() for line in axes.get_lines()]
    assert "reader, 2 similar examples, not tuned" in drawn
    assert "reader, fine-tuned" in drawn
    [line] = [line for line in axes.get_lines() if line.get_label() == "reader, 2 similar examples, not tuned"]
    assert list(line.get_xdata()) == [6, 30, 100]


def test_results_that_are_read_again_are_the_same(measured):
    again = load(measured.folder)
    assert again.best_prompts == measured.best_prompts
    assert again.prompt_forecasts == measured.prompt_forecasts
    assert tunecurve.table(again)


def test_a_trial_with_similar_examples_can_be_named_and_is_never_taken_for_a_tuned_one(measured):
    assert choose_trial(measured, None).strategy == "fine-tune"
    assert choose_trial(measured, "reader/similar-k2-n30-seed0").train_size == 30
    with pytest.raises(UsageError):
        choose_trial(measured, "reader/similar-k2-n30-seed0", tuned_only=True)


# Made-up points: of 100 rows so many are right, the first ones

METRIC = MetricResult("score", "Score", "max", (0.0, 100.0), "made up")


def point(strategy, n_right, *, learner="m", shots=0, size=0):
    right = np.array([[row < n_right, 1.0] for row in range(100)], dtype=float)
    kept = jackknife(right, lambda sums: 100 * sums[..., 0] / sums[..., 1], right[:, 1])
    return ScoredPoint(learner, strategy, shots, size, {"score": [float(n_right)]}, {}, {"score": kept})


def judged(*points, metric=METRIC, findings=(), prices=None, trials=()):
    return PromptJudge(points, trials, prices or {}, findings, 0.95).judge(metric)


@pytest.mark.parametrize(
    ("tuned", "from_size"),
    [
        ({50: 30, 200: 90, 800: 95}, 200),
        ({50: 90, 200: 90, 800: 95}, 50),
        ({50: 90, 200: 30, 800: 95}, 800),
        ({50: 90, 200: 90, 800: 71}, None),
        ({50: 30}, None),
        ({50: 99}, 50),
    ],
)
def test_tuning_beats_from_the_size_on_from_which_all_are_shown_to_be_better(tuned, from_size):
    prompts = [point("zero-shot", 20), point("similar", 70, shots=8, size=800), point("few-shot", 40, shots=3)]
    [found] = judged(*prompts, *(point("fine-tune", n_right, size=size) for size, n_right in tuned.items()))
    assert found.from_size == from_size
    assert (found.strategy, found.shots, found.train_size, found.n_prompts) == ("similar", 8, 800, 3)
    assert "8 similar of 800" in found.sentence
    if from_size is not None:
        assert "beats" in found.sentence
        assert f"from {from_size} rows on" in found.sentence
    else:
        how = "is worse than" if tuned[max(tuned)] == 30 else "is not shown to beat"
        assert how in found.sentence
        assert f"at {max(tuned)} rows" in found.sentence


def test_less_is_better_where_it_is():
    leaks = MetricResult("score", "Leaks", "min", (0.0, 100.0), "made up")
    points = [point("similar", 40, shots=8, size=200), point("zero-shot", 70), point("fine-tune", 5, size=200)]
    [found] = judged(*points, metric=leaks)
    assert (found.strategy, found.from_size) == ("similar", 200)
    [worse] = judged(*points[:2], point("fine-tune", 90, size=200), metric=leaks)
    assert worse.from_size is None
    assert "is worse than the best prompt" in worse.sentence
    assert all("(less is better)" in one.sentence for one in (found, worse))


def test_the_best_prompt_may_be_another_models_and_is_named_with_it():
    tuned = [point("fine-tune", 80, learner="tagger", size=100), point("fine-tune", 60, learner="m", size=100)]
    found = judged(point("zero-shot", 50), point("similar", 65, learner="big", shots=8, size=100), *tuned)
    assert [(one.learner, one.prompted) for one in found] == [("tagger", "big"), ("m", "big")]
    assert all("8 similar of 100 of big" in one.sentence for one in found)


def test_nothing_is_said_where_nothing_can_be_compared_or_every_verdict_is_forbidden():
    assert judged(point("fine-tune", 80, size=100)) == []
    assert judged(point("zero-shot", 80)) == []
    blind = Finding("blind-metric", "Score is blind here", blocks=("verdict",))
    assert judged(point("zero-shot", 50), point("fine-tune", 80, size=100), findings=[blind]) == []


@pytest.mark.parametrize("code", ["constant-answers", "answers-not-whole"])
def test_a_learner_that_must_not_be_compared_is_named_with_the_reason(code):
    forbidden = Finding(code, "m: one answer", blocks=("verdict",), learner="m")
    points = [point("zero-shot", 50), point("fine-tune", 80, size=100), point("fine-tune", 80, learner="o", size=100)]
    mine, other = judged(*points, findings=[forbidden])
    assert (mine.learner, mine.sizes, mine.from_size) == ("m", [], None)
    assert mine.sentence.startswith("Tuning m is not compared with the best prompt, zero-shot")
    assert mine.sentence.endswith(": one answer.")
    assert (other.learner, other.from_size) == ("o", 100)


def test_a_tuned_curve_on_the_floor_is_compared_all_the_same():
    on_floor = Finding("not-above-floor", "m: no size is above the floor", blocks=("verdict",), learner="m")
    [found] = judged(point("similar", 65, shots=4, size=40), point("fine-tune", 12, size=40), findings=[on_floor])
    assert [size.difference.difference for size in found.sizes] == [pytest.approx(-53)]
    assert "Tuning m is worse than the best prompt, 4 similar of 40" in found.sentence


@pytest.mark.parametrize(
    ("code", "learner", "is_refused"),
    [
        ("not-above-floor", "other", False),
        ("answers-not-whole", "other", False),
        ("constant-answers", "other", False),
        ("answer-cap", "other", True),
        ("blind-metric", None, True),
    ],
)
def test_what_is_found_of_tuned_models_says_nothing_of_the_prompts_of_the_same_model(code, learner, is_refused):
    found = Finding(code, "other: what is wrong", blocks=("verdict",), learner=learner)
    points = [
        point("floor", 20, learner="floor"),
        *(point("similar", 65, learner="other", shots=2, size=size) for size in (6, 30, 100)),
    ]
    points = [replace(one, draws={"score": np.full(5, one.scores["score"][0])}) for one in points]
    forecaster = Forecaster([], points, 100, {}, ())
    [forecast] = PromptForecaster().forecast(forecaster, METRIC, AdviceSpec(), [found])
    assert ("what is wrong" in forecast.forecast.said) == is_refused
    assert "above the floor" not in forecast.forecast.said


@pytest.mark.parametrize(
    ("floor", "scores", "said"),
    [
        (60, (50, 55, 58), "No verdict: no size is above the floor (copying the input, {:.1f})."),
        (60, (60, 60, 60), "No verdict: no size is above the floor (copying the input, {:.1f})."),
        (60, (61, 61, 62), "No verdict: no size is above the floor (copying the input, {:.1f}) by more than noise."),
        (60, (61, 61, 90), ""),
        (20, (65, 65, 65), ""),
    ],
)
@pytest.mark.parametrize("direction", ["max", "min"])
def test_prompts_that_are_not_certain_to_beat_the_floor_have_no_verdict(floor, scores, said, direction):
    metric = MetricResult("score", "Score", direction, (0.0, 100.0), "made up")
    turned = (lambda score: score) if direction == "max" else (lambda score: 100 - score)
    nothing = point("floor", turned(floor), learner="floor")
    own = [point("similar", turned(score), shots=2, size=n) for score, n in zip(scores, (10, 40, 160), strict=True)]
    assert _not_above(nothing, own, metric, 0.95) == said.format(turned(floor))


def test_money_per_thousand_requests_counts_the_tokens_of_longer_prompts(measured):
    prices = {"reader": ModelPrices(2.0, 10.0, 4.0, 20.0, None, "made up")}
    mine = [one for one in measured.finished if one.learner == "reader"]
    similar = [one.answers for one in mine if (one.strategy, one.shots, one.train_size) == ("similar", 2, 100)]
    points = [
        point("similar", 50, learner="reader", shots=2, size=100),
        point("fine-tune", 90, learner="reader", size=100),
    ]
    [found] = judged(*points, prices=prices, trials=mine)
    n = sum(one.n for one in similar)
    tokens, written = sum(one.tokens_in for one in similar) / n, sum(one.tokens_out for one in similar) / n
    assert found.usd_per_1000 == pytest.approx(1000 * (2.0 * tokens + 10.0 * written) / 1e6)
    [tuned] = found.sizes
    assert tuned.usd_per_1000 == pytest.approx(1000 * (4.0 * tuned.tokens_sent + 20.0) / 1e6)
    assert "1,000 requests cost about $" in found.sentence
    [unpriced] = judged(*points, prices={"reader": ModelPrices(2.0, 10.0, None, None, None, "made up")}, trials=mine)
    assert unpriced.sizes[0].usd_per_1000 is None
    assert "1,000 requests cost about $" in unpriced.sentence
    assert unpriced.sentence.endswith(" with that prompt, calls alone; no price of the tuned model is known.")


@pytest.mark.parametrize(
    ("learner", "usd"),
    [("paid", 5.0), ("paid+2x:big", 5.0), ("paid+16x:paid", 5.0), ("here+2x:paid", None), ("other", None)],
)
def test_requests_to_a_student_of_a_teacher_cost_what_the_students_do(learner, usd):
    """Of each request 1,000 tokens in at $4 a million, and 50 out at $20."""
    tuned = point("fine-tune", 90, learner=learner, size=100)
    answers = SimpleNamespace(n=10, tokens_in=10_000, tokens_out=500)
    prices = {"paid": ModelPrices(2.0, 10.0, 4.0, 20.0, None, "made up")}
    trials = [SimpleNamespace(key=tuned.key, answers=answers, answers_by_label_names=False)]
    [found] = judged(point("zero-shot", 50), tuned, prices=prices, trials=trials)
    assert found.sizes[0].tokens_sent == 1000
    assert found.sizes[0].usd_per_1000 == (None if usd is None else pytest.approx(usd))


def test_what_a_tagger_knows_by_names_of_labels_is_no_prompt():
    points = point("zero-shot", 40, learner="warm"), point("zero-shot", 20), point("fine-tune", 30, size=50)
    config = {"learner": {}, "labels": ["NAME"]}
    trials = [finished_trial(learner="warm", strategy="zero-shot", shots=0, train_size=0, config=config)]
    [found] = judged(*points, trials=trials)
    assert (found.prompted, found.score, found.n_prompts, found.from_size) == ("m", 20.0, 1, 50)
    assert judged(points[0], points[2], trials=trials) == []
