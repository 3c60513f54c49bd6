"""Answers of hosted models: the real SDKs against a provider on this machine."""

from __future__ import annotations

import json
import time

import pytest

from tests.fakes.provider_server import GOOD_KEY
from tests.learners.hosted.conftest import GEMINI, LAB, VERTEX
from tunecurve.cancellation import Cancellation
from tunecurve.errors import ModelError, MoneyError
from tunecurve.learners.base import predict

ODD = {
    GEMINI: {
        "plain text": ("plain text", "end"),
        "a [[block:prompt]]": ("", "blocked"),
        "b [[block:candidate]]": ("", "blocked"),
        "c [[empty]]": ("", "end"),
        "d [[noparts]]": ("", "end"),
        "e [[maxtokens]]": ("", "length"),
    },
    LAB: {
        "plain text": ("plain text", "end"),
        "a [[block:prompt]]": ("", "blocked"),
        "b [[block:candidate]]": ("", "blocked"),
        "c [[empty]]": ("", "end"),
        "d [[refuse]]": ("", "refused"),
        "e [[maxtokens]] cut": ("e  cut", "length"),
    },
}


@pytest.mark.parametrize("name", [GEMINI, LAB])
def test_every_odd_answer_is_what_it_is(point_at, learner_of, prompts_of, name):
    point_at()
    answers = predict(learner_of(name), prompts_of(ODD[name]))
    assert [(answer.text, answer.stop_reason) for answer in answers] == list(ODD[name].values())
    blocked = [answer for answer in answers if answer.stop_reason in ("blocked", "refused")]
    assert all(answer.error for answer in blocked)
    assert answers[0].tokens_in > 0
    assert answers[0].model_version


@pytest.mark.parametrize("name", [GEMINI, VERTEX, LAB])
def test_recorded_answers_are_not_asked_for_again(point_at, learner_of, prompts_of, name):
    state = point_at()
    texts = [f"row {number}" for number in range(20)] + ["row 3"]
    first = predict(learner_of(name), prompts_of(texts))
    again = predict(learner_of(name), prompts_of(texts))
    assert [answer.text for answer in again] == texts
    assert first == again
    assert sum(state.attempts.values()) == 20  # rows with equal prompts share a call


@pytest.mark.parametrize("settings", [{"safety": "provider"}, {"thinking": "provider"}, {"seed": 1}, {"top_k": 3}])
def test_every_setting_that_is_sent_is_part_of_the_key(point_at, learner_of, prompts_of, settings):
    state = point_at()
    for given in ({}, settings, settings):
        predict(learner_of(GEMINI, **given), prompts_of(["a"]))
    assert sum(state.attempts.values()) == 2


def test_another_setting_is_another_call(point_at, learner_of, prompts_of):
    state = point_at()
    predict(learner_of(LAB), prompts_of(["a"]))
    predict(learner_of(LAB, temperature=0.5), prompts_of(["a"]))
    assert sum(state.attempts.values()) == 2
    assert state.requests[0].get("temperature") is None
    assert state.requests[1]["temperature"] == 0.5


def test_safety_off_and_thinking_minimal_for_gemini(point_at, learner_of, prompts_of, monkeypatch):
    state = point_at()
    from tests.fakes import provider_server

    bodies = []
    original = provider_server.gemini_response
    monkeypatch.setattr(
        provider_server, "gemini_response", lambda s, body, *rest: bodies.append(body) or original(s, body, *rest)
    )
    predict(learner_of(GEMINI), prompts_of(["a"]))
    predict(learner_of(GEMINI, safety={"harassment": "high"}), prompts_of(["a"]))
    assert {setting["threshold"] for setting in bodies[0]["safetySettings"]} == {"BLOCK_NONE"}
    assert "BLOCK_ONLY_HIGH" in {setting["threshold"] for setting in bodies[1]["safetySettings"]}
    predict(learner_of(GEMINI, safety="provider"), prompts_of(["a"]))
    assert not bodies[2].get("safetySettings")
    assert state.requests[0]["thinkingConfig"] == {"include_thoughts": False, "thinking_budget": 0}
    assert "temperature" not in state.requests[0]


@pytest.mark.parametrize("name", [GEMINI, LAB])
def test_waits_as_long_as_the_provider_asks(point_at, learner_of, prompts_of, name):
    state = point_at()
    started = time.monotonic()
    answers = predict(learner_of(name, max_attempts=3), prompts_of(["x [[429x1]]", "y [[503x1]]", "z"]))
    assert [answer.stop_reason for answer in answers] == ["end"] * 3
    assert time.monotonic() - started >= 0.3  # the Retry-After of the refusals
    assert sum(state.attempts.values()) == 5


@pytest.mark.parametrize("name", [GEMINI, LAB])
@pytest.mark.parametrize(
    ("mark", "timeout_seconds"), [("[[close]]", 30.0), ("[[badjson]]", 30.0), ("[[sleep:10]]", 3.0)]
)
def test_attempts_are_capped_and_the_row_stays(point_at, learner_of, prompts_of, name, mark, timeout_seconds):
    state = point_at()
    texts = [f"row {number}" for number in range(9)] + [f"bad {mark}"]
    learner = learner_of(name, max_attempts=2, failed_rows_allowed=0.1, timeout_seconds=timeout_seconds)
    answers = predict(learner, prompts_of(texts))
    assert [answer.stop_reason for answer in answers] == ["end"] * 9 + ["error"]
    assert "2 attempts" in answers[-1].error
    assert learner.account.spending().n_doubtful == 2
    assert sorted(state.attempts.values()) == [1] * 9 + [2]  # no SDK repeats anything by itself
    strict = learner_of(name, max_attempts=1, failed_rows_allowed=0.0, timeout_seconds=timeout_seconds)
    with pytest.raises(ModelError, match="the same command asks for the rest"):
        predict(strict, prompts_of(texts))


@pytest.mark.parametrize("name", [GEMINI, VERTEX, LAB])
def test_a_bad_key_stops_at_once_and_is_nowhere(point_at, learner_of, prompts_of, name, caplog, tmp_path):
    state = point_at(key="bad-canary-72c1")
    caplog.set_level(0)
    with pytest.raises(ModelError, match="refuses the key") as caught:
        predict(learner_of(name, concurrency=4), prompts_of([f"row {number}" for number in range(50)]))
    assert sum(state.attempts.values()) <= 4
    assert "bad-canary" not in str(caught.value) + caplog.text
    assert all(b"bad-canary" not in path.read_bytes() for path in tmp_path.glob("ledger*"))


@pytest.mark.parametrize("name", [GEMINI, LAB])
def test_an_error_that_echoes_the_request_shows_no_key(point_at, learner_of, prompts_of, name, caplog, tmp_path):
    import traceback

    point_at()
    caplog.set_level(0)
    learner = learner_of(name, max_attempts=1)
    with pytest.raises(ModelError) as caught:
        predict(learner, prompts_of(["a [[echo500]]"]))
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert "500" in shown
    assert GOOD_KEY not in shown
    assert all(GOOD_KEY.encode() not in path.read_bytes() for path in tmp_path.glob("ledger*"))


def test_unknown_model_and_missing_key_are_clear(point_at, learner_of, prompts_of, monkeypatch):
    from tunecurve.errors import EnvironmentProblem

    point_at()
    with pytest.raises(ModelError, match="knows no model"):
        predict(learner_of("google/vertex/projects/p/locations/us/endpoints/1"), prompts_of(["a"]))
    monkeypatch.delenv("LAB_API_KEY")
    with pytest.raises(EnvironmentProblem, match="set LAB_API_KEY"):
        predict(learner_of(LAB), prompts_of(["a"]))
    with pytest.raises(EnvironmentProblem, match="no batch mode"):
        predict(learner_of(VERTEX, batch=True), prompts_of(["a"]))


def test_the_cap_holds_at_high_concurrency(point_at, learner_of, prompts_of):
    state = point_at(delay=0.2)  # long enough for as many as may to be there at once, on a busy machine, too
    texts = [f"a text of some length, number {number}" for number in range(400)]
    learner = learner_of(LAB, concurrency=32, max_cost=0.009)
    with pytest.raises(MoneyError, match="--max-cost"):
        predict(learner, prompts_of(texts))
    spent = learner.account.spending()
    assert 0.005 < spent.total_usd <= 0.009
    assert spent.n_answers == sum(state.answers.values()) > 20
    assert state.most_in_flight > 8
    learner.account.close()
    answers = predict(learner_of(LAB, concurrency=32, max_cost=1.0), prompts_of(texts))
    assert [answer.text for answer in answers] == texts
    assert sum(state.answers.values()) == 400


def test_unknown_price_is_unknown_and_cannot_be_capped(point_at, learner_of, prompts_of):
    point_at()
    learner = learner_of(LAB, prices={})
    assert predict(learner, prompts_of(["a"]))[0].cost_usd is None
    assert learner.account.spending().n_unpriced == 1
    with pytest.raises(MoneyError, match="unknown"):
        predict(learner_of(LAB, ledger="other", prices={}, max_cost=1.0), prompts_of(["a"]))


def test_concurrency_falls_and_rises(point_at, learner_of, prompts_of):
    state = point_at()
    texts = [f"{number} [[429x1]]" for number in range(16)] + [f"fine {number}" for number in range(100)]
    answers = predict(learner_of(LAB, concurrency=16), prompts_of(texts))
    assert {answer.stop_reason for answer in answers} == {"end"}
    assert state.most_in_flight <= 16


def test_a_storm_ends_with_every_answer_at_its_row(point_at, learner_of, prompts_of):
    state = point_at(storm=7)
    texts = [f"storm row {number}" for number in range(150)]
    learner = learner_of(LAB, concurrency=32, max_attempts=25, timeout_seconds=1.0, max_cost=1.0)
    answers = predict(learner, prompts_of(texts))
    assert all(answer.text in (text, "") for answer, text in zip(answers, texts, strict=True))
    assert sum(answer.text == "" for answer in answers) == state.storms["empty"]
    assert max(state.attempts.values()) <= 25
    assert len(state.storms) >= 6
    assert learner.account.spending().total_usd <= 1.0


def test_a_stop_is_heard_while_nobody_answers(point_at, learner_of, prompts_of):
    from tunecurve.errors import Interrupted

    state = point_at()
    state.outage = True
    learner = learner_of(LAB, max_attempts=10**6)
    learner.account.cancellation = Cancellation(
        lambda: learner.account.ledger._read("SELECT SUM(attempts) FROM calls")[0][0] > 2
    )
    with pytest.raises(Interrupted):
        predict(learner, prompts_of(["a", "b"]))
    assert learner.account.spending().n_doubtful == 0


def test_what_is_kept_of_an_answer(point_at, learner_of, prompts_of):
    point_at()
    learner = learner_of(GEMINI)
    answer = predict(learner, prompts_of(["Ada lives here"]))[0]
    expected = (answer.tokens_in * 1.0 + answer.tokens_out * 2.0) / 1e6
    assert answer.cost_usd == pytest.approx(expected)
    rows = learner.account.ledger._read("SELECT answer, cost_usd, state FROM calls")
    assert json.loads(rows[0][0])["text"] == "Ada lives here"
    assert rows[0][1:] == (pytest.approx(expected), "answered")
