"""What is decided first: from verdict, prices, test set and findings; nothing where they forbid it."""

import json
import re
from dataclasses import replace

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.conftest import simple_rows
from tests.fakes.lookup_learner import LookupLearner
from tests.fakes.records import (
    finished_trial,
    learner_forecast,
    metric_result,
    point,
    results_of,
    score,
    size_forecast,
)
from tunecurve.curve.answer import Decision as Money
from tunecurve.curve.answer import FirstStudy, Gain, MeasuredSize, NextRound, SettlingStep, SizeInterval, Stop, Target
from tunecurve.curve.decision import candidate_sizes
from tunecurve.curve.forecast import CurvePoints, Prices, forecast_curve
from tunecurve.curve.power import PairedNoise
from tunecurve.findings import Finding
from tunecurve.report.decision import decision_lines
from tunecurve.report.tables import advice_lines
from tunecurve.report.test_set import rows_lines
from tunecurve.results.decision import decide_study
from tunecurve.results.records.advice import Diagnosis, Disagreement, LearnerForecast
from tunecurve.results.records.decision import StudyDecision
from tunecurve.results.records.test_set import Basis, NextRows, TestSet
from tunecurve.results.stored import load
from tunecurve.results.test_set.entries import Questions, TestRows, difference_entry, leak_entry
from tunecurve.results.test_set.next_rows import RowsInHand, weigh_rows
from tunecurve.run import run_study
from tunecurve.spec.study import AdviceSpec
from tunecurve.storage.files import read_checked_json, write_checked_json


def gain_at(n, gain, low, high):
    spread = {"0.50": (gain, gain), "0.80": (low, high), "0.90": (low, high)}
    return replace(size_forecast(n, 80.0 + gain), gain=Gain(gain, spread, gain))


GAINS = [gain_at(1131.0, 1.1, 0.1, 2.1), gain_at(1600.0, 2.0, 0.5, 3.5), gain_at(3200.0, 3.0, 0.6, 6.0)]


def study(word="rising", *, n_pool=800, advice=None, forecast=None, **values):
    """Results of a learner measured up to 800 rows, whose verdict is this word."""
    own = forecast or learner_forecast(word, 2.0, forecasts=GAINS)
    points = [point("floor", 0, bleu=20.0), point(train_size=400, bleu=78.0), point(train_size=800, bleu=80.0)]
    usual = results_of()
    known = {"points": points, "forecast": {"m": own}, "data": replace(usual.data, n_pool=n_pool)} | values
    return results_of(**known, spec=dict(usual.spec) | {"advice": advice or {}})


def target(median, high=None, value=90.0):
    return Target(value, SizeInterval(median, 900.0, high, 0.8, 0.1), False, [])


def money(best):
    return Money(best, "By the prices.", [], [])


@pytest.mark.parametrize(
    ("n_pool", "said", "to_label"),
    [
        (800, "Label about 800 more rows (1,600 in all) and train on them.", 800),
        (1200, "Label about 400 more rows and train on all 1,600.", 400),
        (1600, "Train on about 1,600 rows, which are labelled already.", 0),
        (9000, "Train on about 1,600 rows, which are labelled already.", 0),
    ],
)
def test_a_rising_curve_asks_for_twice_the_rows_those_in_hand_first(n_pool, said, to_label):
    decision = decide_study(study(n_pool=n_pool))
    assert (decision.action, decision.sentence, decision.rows_to_label) == ("more rows", said, to_label)
    assert decision.more_rows == 800
    assert decision.expected is not None
    assert (decision.expected.n, decision.expected.gain, decision.expected.low, decision.expected.high) == (
        1600,
        2,
        0.5,
        3.5,
    )


@pytest.mark.parametrize(
    ("advice", "cost", "unknown"),
    [
        ({}, None, ["labels", "training"]),
        ({"label_price": 0.5}, 400.0, ["training"]),
        ({"label_price": 0.5, "run_price": 7.0}, 407.0, []),
        ({"training_price": 0.25}, 400.0, ["labels"]),
        ({"label_price": 0.0, "run_price": 2.0}, 2.0, []),
    ],
)
def test_costs_are_those_of_labels_and_one_training_and_say_what_they_leave_out(advice, cost, unknown):
    decision = decide_study(study(advice=advice))
    assert decision.cost == cost
    assert decision.unknown_prices == unknown
    terms = dict(decision_lines(study(advice=advice)))
    assert ("cost" in terms) == (cost is not None)


def test_labels_in_hand_cost_nothing():
    assert decide_study(study(n_pool=1600, advice={"run_price": 7.0})).unknown_prices == []
    assert decide_study(study(n_pool=1200, advice={"label_price": 0.5})).cost == 200.0


@pytest.mark.parametrize(
    ("size", "action", "said"),
    [
        (target(700.0, 900.0), "stop", "the target is reached"),
        (target(1500.0, 4000.0), "more rows", "Label about 700 more rows (1,500 in all)"),
        (target(50_000.0), "more rows", "Label about 5,600 more rows (6,400 in all)"),
        (target(None), "change", "will probably not reach the target"),
    ],
)
def test_a_target_says_how_many_rows(size, action, said):
    own = learner_forecast("rising", 2.0, forecasts=GAINS, target=size)
    decision = decide_study(study(forecast=own))
    assert decision.action == action
    assert said in decision.sentence
    assert "target of 90" in decision.reason


def test_a_flat_curve_stops_unless_leaks_still_fall_or_the_target_is_far():
    assert decide_study(study("flat")).action == "stop"
    far = learner_forecast("flat", 0.1, forecasts=GAINS, target=target(None))
    assert decide_study(study(forecast=far)).action == "change"
    leaks = replace(metric_result("leak_documents", "leaks", "min"))
    values = {
        "metrics": [metric_result(), leaks],
        "second_metric": "leak_documents",
        "second_forecast": {"m": learner_forecast("rising", 4.0, forecasts=[gain_at(1600.0, 4.0, 1.0, 6.0)])},
        "disagreements": [Disagreement("m", "m: BLEU is flat, but leaks still fall")],
        "points": [point(train_size=800, bleu=80.0, leak_documents=score(6.0, bound=9.0))],
    }
    falling = decide_study(study("flat", **values))
    assert (falling.action, falling.expected and falling.expected.metric) == ("more rows", "leak_documents")
    assert "BLEU is flat" in falling.reason
    blind = Finding("leaks-blind", "the metric is blind", blocks=("leaks",))
    assert decide_study(study("flat", **values, findings=[blind])).action == "stop", "nothing rests on a blind metric"


def test_a_flat_curve_whose_lone_last_run_fell_asks_for_the_rerun_and_names_its_price():
    points = CurvePoints([100, 200, 400, 800, 1600], [80, 84, 86, 86.2, 83.9], n_test=20_000)
    answer = forecast_curve(points, (0, 100), prices=Prices(training_fixed=3.0))
    assert answer.verdict.word == "flat"
    own = replace(learner_forecast("flat", 0.1, forecasts=GAINS), verdict=answer.verdict)
    decision = decide_study(study(forecast=own))
    assert decision.action == "stop"
    assert "its largest size fell. Next: three more seeds at the largest size." in decision.sentence
    assert "n=1600 scored 2.3 worse than n=800" in decision.reason
    assert (decision.next_step.kind, decision.next_step.cost) == ("seeds", 9.0)


def test_prices_decide_where_the_verdict_is_clear_and_only_there():
    best = NextRound(1131.0, 331.0, 33.0, 81.0, 1.1, 5.0, None, 0.9)
    for word in ("rising", "flat"):
        own = learner_forecast(word, 2.0, forecasts=GAINS, decision=money(best))
        decision = decide_study(study(forecast=own, advice={"label_price": 0.1}))
        assert (decision.action, decision.more_rows) == ("more rows", 331)
        assert decision.expected
        assert decision.expected.n == 1131.0
        stop = learner_forecast(word, 2.0, forecasts=GAINS, decision=money(Stop(800.0)))
        assert decide_study(study(forecast=stop)).action == "stop"
    step = SettlingStep("seeds", "three more seeds at the largest size", 800.0, 0.4, 0.0, 3, 12.0)
    own = learner_forecast("cannot tell", 2.0, forecasts=GAINS, decision=money(best))
    own = replace(own, verdict=replace(own.verdict, answer=step, reason="noise"))
    decision = decide_study(study(forecast=own))
    assert decision.action == "cannot tell"
    assert "three more seeds" in decision.sentence
    assert "By the prices." not in decision.reason, "where the verdict cannot tell, prices order nothing either"
    assert "money" not in dict(advice_lines(own))
    assert "money" in dict(advice_lines(learner_forecast("rising", 2.0, forecasts=GAINS, decision=money(best))))
    assert dict(decision_lines(study(forecast=own)))["cost"] == "12 for that step"


@pytest.mark.parametrize("labelled", [0, 400, 500, 800, 5000])
@pytest.mark.parametrize("value", [0.2, 2.0, 50.0])
def test_one_step_has_one_cost_and_labels_in_hand_are_not_in_it(labelled, value):
    sizes, scores = [50, 100, 200, 400], [60.0, 70.0, 76.0, 80.0]
    prices = Prices(label=0.05, value_per_point=value, training_fixed=1.0, labelled=labelled)
    found = forecast_curve(CurvePoints(sizes, scores, n_test=4000), (0, 100), at=[566, 800, 1600], prices=prices)
    for option in found.decision.options:
        assert option.more_labels == max(0, option.n - max(400, labelled))
        assert option.cost == pytest.approx(0.05 * option.more_labels + 1.0)
        assert option.net_gain == pytest.approx(value * option.expected_gain - option.cost)
    own = LearnerForecast(**{name: one for name, one in vars(found).items() if name != "predictive"})
    advice = {"label_price": 0.05, "value_per_point": value, "run_price": 1.0}
    decision = decide_study(study(forecast=own, n_pool=max(labelled, 400), advice=advice))
    if decision.action == "more rows":
        assert decision.cost == found.decision.best.cost
        assert f"less cost {decision.cost:.4g}" in decision.reason
        assert decision.rows_to_label == found.decision.best.more_labels


@pytest.mark.parametrize("direction", ["max", "min"])
@given(gain=st.floats(-20, 40), level=st.floats(0, 100))
@example(gain=-0.01, level=100.0)
@example(gain=0.04, level=0.0)
@settings(max_examples=40, deadline=None)
def test_what_is_expected_adds_up_as_it_is_shown(direction, gain, level):
    sign = 1 if direction == "max" else -1
    spread = {"0.50": (gain, gain), "0.80": (gain, gain), "0.90": (gain, gain)}
    entry = replace(size_forecast(1600.0, level), gain=Gain(gain, spread, gain))
    results = study(forecast=learner_forecast("rising", gain, forecasts=[entry]))
    results = replace(results, metrics=[metric_result(results.primary_metric, "BLEU", direction)])
    expected = decide_study(results).expected
    assert expected.start + sign * expected.gain == pytest.approx(expected.score)
    shown = dict(decision_lines(results))["expected"]
    told, to, start = re.search(
        r"rows ([+-][\d.]+) .* to about (-?[\d.]+), from the fitted curve's (-?[\d.]+)", shown
    ).groups()
    assert float(start) + sign * float(told) == pytest.approx(float(to), abs=1e-6)
    assert "-0.0" not in {told, to, start}, "nothing has no minus before it"


def test_a_training_that_has_not_settled_asks_for_another_recipe_first():
    own = learner_forecast("cannot tell", 2.0, forecasts=GAINS)
    own = replace(own, verdict=replace(own.verdict, reason="training not settled"))
    seen = Diagnosis("m", 800, 60.0, 58.0, 64, "undertrained", "It does no better on its own rows.")
    decision = decide_study(study(forecast=own, diagnosis=[seen]))
    assert decision.action == "change"
    assert "train longer" in decision.sentence
    assert decision.reason == "It does no better on its own rows."


def test_a_step_that_is_none_against_the_reason_says_why():
    own = learner_forecast("cannot tell", 2.0, forecasts=GAINS)
    another = SettlingStep("size", "one more size: 1600 examples", 1600.0, 0.5, 0.0, 1, None)
    own = replace(own, verdict=replace(own.verdict, reason="noise", answer=another))
    said = decide_study(study(forecast=own)).sentence
    assert said.startswith("Cannot tell yet. Next: one more size: 1600 examples")
    assert said.endswith(", as more seeds would hardly settle it.")
    seeds = SettlingStep("seeds", "three more seeds at the largest size", 800.0, 0.5, 0.0, 3, None)
    own = replace(own, verdict=replace(own.verdict, answer=seeds))
    assert decide_study(study(forecast=own)).sentence == "Cannot tell yet. Next: three more seeds at the largest size."


def test_labelling_stops_where_no_test_row_is_missed():
    own = learner_forecast("no gain that this test set can show", 0.0, forecasts=GAINS)
    said = "At the best score: nothing above it can be shown."
    own = replace(own, verdict=replace(own.verdict, reason="best score", sentence=said))
    decision = decide_study(study(forecast=own))
    assert decision.action == "stop"
    assert decision.sentence == "Stop labelling more rows of this kind: no test row is missed."
    assert decision.reason.startswith(said)


@pytest.mark.parametrize(
    ("better", "rows", "said"),
    [
        ("test rows", {"more_test_rows": 490}, "label about 490 more test rows"),
        ("training rows", {"more_training_rows": 1500}, "train on about 2,300 rows"),
        ("training run", {"more_training_rows": None}, "train on 1,600 rows"),
        ("neither", {"seeds": 5}, "run 5 seeds a size"),
        ("neither", {}, "train on 1,600 rows (800 to label)"),
    ],
)
def test_where_the_test_set_is_too_small_the_rows_that_are_cheaper_come_next(better, rows, said):
    known = {"more_test_rows": None, "more_training_rows": None} | rows
    item = NextRows("m", 2.0, 2.0, 5.5, **known, cost_of_test_rows=None, cost_of_training_rows=None, better=better)
    test_set = TestSet(200, 50, 0.95, [], None, [item])
    decision = decide_study(study("no gain that this test set can show", test_set=test_set))
    assert decision.action == "cannot tell"
    assert said in decision.sentence
    assert decision.risk
    assert decision.risk.kind == "test rows"
    other = replace(item, learner="another")
    assert (
        "label more test rows"
        in decide_study(
            study("no gain that this test set can show", test_set=replace(test_set, next_rows=[other]))
        ).sentence
    )


@pytest.mark.parametrize("learner", [None, "m"])
def test_what_forbids_the_verdict_forbids_the_decision(learner):
    finding = Finding("constant", "m: one answer to every row", "train longer", blocks=("verdict",), learner=learner)
    refused = LearnerForecast("No verdict: one answer to every row.", learner_forecast().points)
    decision = decide_study(study(forecast=refused, findings=[finding]))
    assert decision.action == "cannot tell"
    assert "one answer" in decision.reason
    assert "train longer" in decision.sentence
    assert decision.expected is None
    assert decision.more_rows is None


def test_the_finding_of_another_learner_forbids_nothing():
    finding = Finding("constant", "other: one answer", blocks=("verdict",), learner="other")
    assert decide_study(study(findings=[finding])).action == "more rows"


def test_nothing_tuned_is_nothing_decided():
    decision = decide_study(study(points=[point("floor", 0, bleu=20.0)], forecast=learner_forecast()))
    assert (decision.action, decision.learner, decision.more_rows) == ("cannot tell", None, None)
    blind = Finding("floor-at-top", "the floor scores best", "other targets", blocks=("verdict",))
    blocked = decide_study(study(points=[point("floor", 0, bleu=100.0)], findings=[blind]))
    assert "the floor scores best" in blocked.sentence


def test_the_risk_is_the_first_that_holds():
    assert decide_study(study()).risk is None
    rival = point("zero-shot", 0, bleu=88.0)
    better = decide_study(study(points=[rival, point(train_size=800, bleu=80.0)]))
    assert better.risk
    assert better.risk.kind == "better untuned"
    leaking = [rival, point(train_size=800, bleu=80.0, leak_documents=score(6.0, bound=9.0))]
    leaks = decide_study(study(points=leaking))
    assert leaks.risk
    assert leaks.risk.kind == "leaks"
    assert "6.0 %" in leaks.risk.text
    failed = decide_study(study(trials=[finished_trial(), finished_trial(failure="out of memory")]))
    assert failed.risk
    assert "1 of 2 trials failed: out of memory" in failed.risk.text
    assert failed.is_provisional
    odd = decide_study(study(findings=[Finding("twins", "12 rows have twins", "drop them")]))
    assert odd.risk
    assert odd.risk.text.startswith("12 rows have twins")
    note = Finding("understood", "placeholders are in brackets", is_note=True)
    assert decide_study(study(findings=[note])).risk is None


@given(
    word=st.sampled_from(["rising", "flat", "cannot tell", "no gain that this test set can show", None]),
    is_blocked=st.booleans(),
    n_pool=st.integers(1, 10_000),
    wanted=st.none() | st.builds(target, st.none() | st.floats(1, 1e6)),
    best=st.none() | st.sampled_from([Stop(800.0), NextRound(1131.0, 331.0, 33.0, 81.0, 1.1, 5.0, None, 0.9)]),
    price=st.none() | st.floats(0, 1e6),
    reason=st.sampled_from([None, "test set", "noise", "training not settled", "collapse"]),
)
@settings(max_examples=150, deadline=None)
def test_whatever_is_known_one_thing_is_said_and_nothing_rests_on_what_is_forbidden(
    word, is_blocked, n_pool, wanted, best, price, reason
):
    own = learner_forecast(word, 2.0, forecasts=GAINS, target=wanted, decision=money(best) if best else None)
    if own.verdict and reason and word == "cannot tell":
        own = replace(own, verdict=replace(own.verdict, reason=reason))
    findings = []
    if is_blocked:
        own, findings = (
            LearnerForecast("No verdict: blind.", own.points),
            [Finding("blind", "blind", blocks=("verdict",))],
        )
    decision = decide_study(study(forecast=own, n_pool=n_pool, findings=findings, advice={"label_price": price}))
    assert StudyDecision.from_json(decision.to_json()) == decision
    assert decision.sentence.endswith(".")
    assert decision.reason
    assert (decision.more_rows is not None) == (decision.action == "more rows") == (decision.rows_to_label is not None)
    if is_blocked or word is None:
        assert (decision.action, decision.cost) == ("cannot tell", None)
        assert decision.expected is None or word is None
    if decision.action in ("cannot tell", "change"):
        assert decision.next_step, "what is open names the next step"
    if decision.action == "more rows":
        assert 0 <= decision.rows_to_label <= decision.more_rows <= 7 * 800
        assert decision.rows_to_label == max(0, 800 + decision.more_rows - max(800, n_pool))


@given(
    word=st.sampled_from(["rising", "cannot tell", "no gain that this test set can show"]),
    gain=st.floats(0.1, 12),
    sizes=st.lists(st.floats(0.1, 20), min_size=2, max_size=2).map(sorted),
    deviation=st.floats(5, 90),
    seed_variance=st.sampled_from([0.0, 1.0, 9.0]),
    n_pool=st.integers(800, 4000),
    price=st.none() | st.floats(0.01, 5),
)
@settings(max_examples=60, deadline=None)
def test_the_decision_alone_says_what_comes_next(word, gain, sizes, deviation, seed_variance, n_pool, price):
    forecasts = [gain_at(n, one, one, one) for n, one in zip((1600.0, 3200.0), sizes, strict=True)]
    own = learner_forecast(word, gain, forecasts=forecasts)
    if word == "cannot tell":
        own = replace(own, verdict=replace(own.verdict, reason="test set"))
    noise = PairedNoise(200, 200.0, 200.0, deviation**2 / 200, 100.0, 100.0, 100.0, seed_variance, 2)
    basis = Basis("answers", "bleu", "m", [400, 800], "", "BLEU")
    entry = difference_entry([noise], TestRows(200, 200), Questions(), basis)
    advice = {"label_price": price}
    item = weigh_rows(own, entry, 1.0, RowsInHand(200, n_pool), AdviceSpec(**advice), Questions())
    test_set = TestSet(200, 200, 0.95, [entry], None, [] if item is None else [item])
    decision = decide_study(study(forecast=own, n_pool=n_pool, advice=advice, test_set=test_set))
    others = [
        decision.reason,
        *(one.sentence for one in test_set.next_rows),
        *(one.sentence for one in test_set.differences),
    ]
    for said in others:
        assert not re.search(r"next\b|label test|label training|\brun more|[Cc]heapest|Most likely", said), said
    if word == "rising":
        assert decision.action == "more rows"
        return
    assert decision.action == "cannot tell"
    if item is not None:
        kinds = {
            "test rows": "test set",
            "training rows": "size",
            "training run": "size",
            "neither": "seeds" if item.seeds else "size",
        }
        assert decision.next_step.kind == kinds[item.better]
        assert re.search(r"\d", decision.next_step.what), "a step has its number"
        unused = n_pool - 800
        assert decision.next_step.more_labels is not None
        if item.better == "test rows":
            assert decision.next_step.more_labels == max(0, item.more_test_rows - unused)


@pytest.mark.parametrize("seed_variance", [0.0, 9.0])
@pytest.mark.parametrize("reason", ["test set", "noise"])
def test_risk_and_step_name_seeds_where_no_number_of_test_rows_tells_the_gain(seed_variance, reason):
    own = learner_forecast("cannot tell", 0.6, forecasts=GAINS)
    own = replace(own, verdict=replace(own.verdict, reason=reason))
    noise = PairedNoise(200, 200.0, 200.0, 4.0, 100.0, 100.0, 100.0, seed_variance, 3)
    basis = Basis("answers", "bleu", "m", [400, 800], "", "BLEU")
    entry = difference_entry([noise], TestRows(200, 200), Questions(), basis)
    item = weigh_rows(own, entry, 1.0, RowsInHand(200, 800), AdviceSpec(), Questions())
    decision = decide_study(study(forecast=own, test_set=TestSet(200, 200, 0.95, [entry], None, [item])))
    assert ("no number of test rows tells 1 point" in entry.sentence) == (seed_variance > 0)
    assert decision.risk.kind == ("seeds" if seed_variance else "test rows")
    assert decision.risk.text.startswith("Too few seeds" if seed_variance else "Too few test rows")
    if seed_variance:
        assert "no number of test rows tells a gain of 1" in decision.risk.text
        assert decision.next_step.kind != "test set"


def test_what_may_leak_if_none_does_is_said_only_where_none_does():
    leaks = leak_entry(43, 21, 20.0, TestRows(50, 21), Questions())
    test_set = TestSet(50, 21, 0.95, [], leaks, [])
    metrics = [metric_result(), metric_result("leak_documents", "leaks", "min")]
    for share, is_said in ((0.0, True), (2.3, False), (12.0, False), (None, True)):
        known = {"leak_documents": score(share, bound=25.0)} if share is not None else {}
        points = [point(train_size=800, bleu=80.0, **known)]
        lines = rows_lines(study(points=points, metrics=metrics, test_set=test_set).about_test_set)
        assert any(line.startswith("If none") for line in lines) == is_said, share


def test_what_would_show_the_gain_names_the_learner_where_there_are_several():
    def next_of(learner, sentence):
        return NextRows(learner, 2.0, 2.0, 3.0, 230, None, None, None, "test rows", sentence=sentence)

    def lines(*items):
        return rows_lines(study(test_set=TestSet(50, 21, 0.95, [], None, list(items))).about_test_set)

    two = lines(next_of("tagger", "What would show 8.5."), next_of("tfidf", "What would show 11."))
    assert two[-2:] == ["tagger: What would show 8.5.", "tfidf: What would show 11."]
    alike = lines(next_of("tagger", "What would show 11."), next_of("tfidf", "What would show 11."))
    assert alike[-2:] == ["tagger: What would show 11.", "tfidf: What would show 11."]
    assert lines(next_of("tagger", "What would show 8.5."))[-1] == "What would show 8.5."
    assert lines(next_of("", "What would show 8.5."))[-1] == "What would show 8.5."


def test_a_study_that_goes_on_says_so_far():
    lines = dict(decision_lines(study(complete=False, trials=[finished_trial()])))
    assert lines["what to do"].startswith("So far (1 of 1 trials are done): Label about 800 more rows")
    later = dict(decision_lines(study(complete=False, trials=[finished_trial()]), (2, 4)))
    assert later["what to do"].startswith("So far (2 of 4 trials are done): Label about 800 more rows")
    assert "+2.0 BLEU (80 % interval +0.5 to +3.5)" in lines["expected"]


def test_results_open_with_the_decision_and_those_of_earlier_versions_get_one(tmp_path):
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in simple_rows(120)))
    values = {
        "name": "tiny", "data": {"source": str(tmp_path / "rows.jsonl")}, "split": {"test_size": 30, "method": "random"},
        "models": ["lookup"], "shots": [0], "train_sizes": [5, 20, 60], "bootstrap": {"draws": 200},
    }  # fmt: skip
    done = run_study(values, out=tmp_path / "out", learners={"lookup": LookupLearner()}).results
    kept = read_checked_json(tmp_path / "out" / "results.json")
    assert next(key for key in kept if key != "seal") == "decision"
    assert load(tmp_path / "out").decision == done.decision == decide_study(done)
    page = (tmp_path / "out" / "report.html").read_text()
    assert page.index("What to do") < page.index("<h2>The curve")
    del kept["decision"]
    for forecast in [*kept["forecast"].values(), *kept["second_forecast"].values()]:
        for entry in forecast["forecasts"]:
            del entry["gain"]
        if forecast["verdict"]:
            del forecast["verdict"]["answer"]
    write_checked_json(tmp_path / "out" / "results.json", kept)
    old = load(tmp_path / "out").decision
    assert old is not None
    assert (old.action, old.expected) == (done.decision and done.decision.action, None)


@pytest.mark.parametrize(
    ("sizes", "n_pool", "said", "labels"),
    [
        ([10, 20], 40, "train on 40 rows, which are labelled already", 0),
        ([10, 20], 30, "train on 30 rows, which are labelled already", 0),
        ([10, 20], 20, "train on 5 rows, which are labelled already", 0),
        ([10, 20], 24, "train on 5 rows, which are labelled already", 0),
        ([10], 40, "train on 20 and 40 rows, which are labelled already", 0),
        ([10], 20, "train on 5 and 20 rows, which are labelled already", 0),
        ([10], 10, "train on 80 rows (70 to label)", 70),
        ([4, 5], 5, "train on 40 rows (35 to label)", 35),
        ([10, 20], 160, "train on 160 rows, which are labelled already", 0),
        ([10, 20], 4000, "train on 160 rows, which are labelled already", 0),
    ],
)
def test_a_size_that_is_missing_is_taken_from_the_labelled_rows_before_more_are_asked_for(sizes, n_pool, said, labels):
    wanted = 8.0 * sizes[-1]
    first = FirstStudy(wanted, 3, 4 * wanted, 20.0, 10.0, [], "To find out.")
    measured = [MeasuredSize(float(n), 60.0 + n, 1) for n in sizes]
    own = LearnerForecast("No verdict from few sizes.", measured, first_study=first)
    decision = decide_study(study(forecast=own, n_pool=n_pool))
    assert decision.sentence == f"Cannot tell yet. Next: {said}."
    assert decision.next_step.more_labels == labels


@pytest.mark.parametrize(("share", "is_told"), [(2.5, True), (0.0, False)])
def test_the_main_risk_of_no_leak_names_parts_that_stay(share, is_told):
    own = point(
        train_size=800,
        bleu=80.0,
        leak_documents=score(0.0, bound=7.2),
        leak_parts_documents=score(share),
        unanswered=0.0,
    )
    test_set = replace(results_of().test_set, leaks=leak_entry(40, 40, 40.0, TestRows(40, 40), Questions()))
    results = study(points=[point("floor", 0, bleu=20.0), own], test_set=test_set)
    risk = decide_study(results).risk
    assert risk.text.startswith("No leak was found in the 40 documents")
    assert risk.text.endswith(", but parts of values stay in 1 of them (2.5 %).") == is_told
    assert dict(decision_lines(results))["main risk"] == risk.text


@pytest.mark.parametrize("n_sizes", [0, 1, 2])
def test_what_a_first_study_trains_on_says_nothing_of_labels(n_sizes):
    """The engine knows measured points only: which rows are labelled, the decision says."""
    answer = forecast_curve(CurvePoints([3.0, 6.0][:n_sizes], [50.0, 60.0][:n_sizes]))
    assert "label" not in answer.first_study.sentence
    assert f" {answer.first_study.rows:,g} rows (" in answer.first_study.sentence
    assert f"Measure {3 - n_sizes} more, so that each size is 2 to 4 times the next smaller one." in answer.refusal


@pytest.mark.parametrize(
    ("mean", "wanted", "has_room"), [(100.0, 1.0, False), (99.5, 1.0, False), (98.0, 1.0, True), (80.0, 30.0, False)]
)
def test_no_gain_is_looked_for_where_the_score_leaves_no_room_for_it(mean, wanted, has_room):
    item = NextRows(
        "m", 0.0, wanted, 5.5, more_test_rows=None, more_training_rows=None, cost_of_test_rows=None,
        cost_of_training_rows=None, better="neither",
    )  # fmt: skip
    word = "no gain that this test set can show"
    own = learner_forecast(word, 0.0, sizes=((400.0, 78.0), (800.0, mean)))
    decision = decide_study(study(forecast=own, test_set=TestSet(200, 50, 0.95, [], None, [item])))
    room = f"label harder test rows: a score of {mean:g} leaves no room for a gain of {wanted:g}"
    assert (room in decision.sentence) != has_room
    assert ("train on" in decision.sentence) == has_room
    assert decision.next_step.kind == ("size" if has_room else "test set")


@pytest.mark.parametrize(
    ("last", "sizes"),
    [(1, [2, 3, 4, 6, 8]), (2, [3, 4, 6, 8, 11, 16]), (400, [566, 800, 1131, 1600, 2263, 3200]), (0.25, None)],
)
def test_sizes_that_are_proposed_are_whole_rows_beyond_the_last_one(last, sizes):
    found = candidate_sizes(last).tolist()
    if sizes is None:  # shares of the data, not rows
        assert found == pytest.approx([0.25 * 2 ** (step / 2) for step in range(1, 7)])
    else:
        assert found == sizes


def test_prices_decide_by_the_gain_that_the_forecast_says_of_the_same_rows():
    points = CurvePoints([50, 100, 200, 400], [60.0, 70.0, 76.0, 80.0], n_test=4000)
    prices = Prices(label=0.05, value_per_point=20.0)
    found = forecast_curve(points, (0, 100), at=candidate_sizes(400, 6), prices=prices)
    gains = {entry.n: entry.gain.mean for entry in found.forecasts}
    assert [option.n for option in found.decision.options] == list(gains)[:6]
    for option in found.decision.options:
        assert option.expected_gain == pytest.approx(gains[option.n], abs=1e-9)
