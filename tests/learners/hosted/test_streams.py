"""The other ways in which servers of OpenAI's format speak: streams and the responses API, whole, odd and broken."""

from __future__ import annotations

import pytest

from tests.fakes.faulty_server import USAGES
from tests.fakes.speaking_server import start
from tests.learners.hosted.conftest import LAB
from tests.learners.hosted.test_faults import ROWS, ask, check_books
from tunecurve.learners.hosted.transport import sender as sending

CHAT, RESPONSES = {"stream": True}, {"api": "responses"}
BOTH_AT_ONCE = {"api": "responses", "stream": True}


@pytest.fixture
def speak(monkeypatch, only_loopback, started):
    """Return a function that starts a server that speaks all ways."""

    def begin(fault="", times=10**9, **manners):
        server = started(start(fault, times, **manners))
        monkeypatch.setenv("LAB_API_KEY", "canary-lab-key")
        monkeypatch.setenv("LAB_BASE_URL", server.url + "/v1")
        return server

    monkeypatch.setattr(sending, "FIRST_WAIT_SECONDS", 0.01)
    monkeypatch.setattr(sending, "LONGEST_WAIT_SECONDS", 0.02)
    return begin


WHOLE = [
    *((CHAT, fault) for fault in ("", "no-done", "no-finish", "content-parts", "pings", "crlf", "one-part", "split-bytes",
                                  "usage-everywhere", "usage-with-end", "thinking", "odd end", "no-usage", *sorted(USAGES))),
    *((RESPONSES, fault) for fault in ("", "thinking", "content-string", "content-plain", "bare", "usage-bare", "no-usage",
                                       *sorted(USAGES))),
    *((BOTH_AT_ONCE, fault) for fault in ("", "thinking", "pings", "crlf", "split-bytes", "no-usage", "usage-null")),
]  # fmt: skip


@pytest.mark.parametrize(("manner", "fault"), WHOLE)
def test_a_whole_answer_is_kept_whatever_stands_beside_it(speak, learner_of, prompts_of, manner, fault):
    server = speak(fault)
    rows = [f"{row} \u00fcber \u6771\u4eac" for row in ROWS]
    learner = learner_of(LAB, **manner)
    answers = ask(learner, prompts_of, rows)
    assert [(answer.text, answer.stop_reason) for answer in answers] == [(row, "end") for row in rows]
    assert server.n_requests == len(rows)
    spent = check_books(learner, server)
    is_told = fault not in (*USAGES, "no-usage", "bare") or fault == "usage-strings"
    assert spent.n_estimated == (0 if is_told else len(rows))
    if is_told:
        assert spent.total_usd == pytest.approx(server.bill_usd)


BROKEN = [
    *((CHAT, fault) for fault in ("cut connection", "cut quietly", "error server", "error rate", "error 503", "error words",
                                  "not-json", "nothing", "only-done")),
    *((RESPONSES, fault) for fault in ("failed", "failed rate", "cancelled", "in_progress", "queued", "cut body", "raw html",
                                       "raw string", "raw nothing")),
    *((BOTH_AT_ONCE, fault) for fault in ("cut connection", "cut quietly", "error server", "error rate", "failed",
                                          "failed rate", "nothing", "not-json")),
]  # fmt: skip


@pytest.mark.parametrize(("manner", "fault"), BROKEN)
def test_half_an_answer_is_none_and_is_asked_for_again(speak, learner_of, prompts_of, manner, fault):
    server = speak(fault, times=2)
    learner = learner_of(LAB, concurrency=1, **manner)
    answers = ask(learner, prompts_of)
    assert [answer.text for answer in answers] == ROWS, answers
    assert server.n_requests == len(ROWS) + 2
    assert check_books(learner, server).n_doubtful == 2


@pytest.mark.parametrize(
    ("manner", "fault", "ended"),
    [
        (CHAT, "length", "length"),
        (CHAT, "blocked", "blocked"),
        (CHAT, "error filter", "blocked"),
        (RESPONSES, "incomplete max_output_tokens", "length"),
        (RESPONSES, "incomplete content_filter", "blocked"),
        (RESPONSES, "incomplete out_of_patience", "length"),
        (RESPONSES, "refusal", "refused"),
        (BOTH_AT_ONCE, "incomplete max_output_tokens", "length"),
        (BOTH_AT_ONCE, "error filter", "blocked"),
        (BOTH_AT_ONCE, "refusal", "refused"),
    ],
)
def test_an_answer_that_is_not_whole_says_so(speak, learner_of, prompts_of, manner, fault, ended):
    server = speak(fault)
    learner = learner_of(LAB, **manner)
    answers = ask(learner, prompts_of)
    assert {answer.stop_reason for answer in answers} == {ended}
    assert all(bool(answer.text) == (ended == "length") for answer in answers)
    assert server.n_requests == len(ROWS)
    check_books(learner, server)


@pytest.mark.parametrize("manner", [CHAT, BOTH_AT_ONCE])
def test_too_long_a_prompt_within_a_stream_is_a_row_without_an_answer(speak, learner_of, prompts_of, manner):
    server = speak("error long", times=1)
    learner = learner_of(LAB, concurrency=1, failed_rows_allowed=0.5, **manner)
    answers = ask(learner, prompts_of)
    assert [answer.stop_reason for answer in answers] == ["error", *["end"] * 5]
    check_books(learner, server)


def test_a_server_that_does_not_stream_is_told_apart(speak, learner_of, prompts_of):
    server = speak("plain")
    line = ask(learner_of(LAB, concurrency=1, **CHAT), prompts_of)
    assert "not with a stream; leave hosted.stream unset" in line
    assert server.n_requests == 1


def test_a_server_that_only_streams_names_the_setting(speak, learner_of, prompts_of):
    server = speak(only_streams=True)
    line = ask(learner_of(LAB, concurrency=1), prompts_of)
    assert "set hosted.stream: true" in line
    assert server.n_requests <= 3
    assert [answer.text for answer in ask(learner_of(LAB, **CHAT), prompts_of)] == ROWS


@pytest.mark.parametrize("fault", ["no-output", "error-in-200"])
def test_a_response_without_an_answer_ends_in_a_line(speak, learner_of, prompts_of, fault):
    server = speak(fault)
    learner = learner_of(LAB, concurrency=1, max_attempts=2, **RESPONSES)
    line = ask(learner, prompts_of)
    assert "the server answered 200 with" in line
    assert "NoneType" not in line
    check_books(learner, server)


def test_a_server_that_does_not_know_stream_options_is_asked_without(speak, learner_of, prompts_of):
    server = speak("old")
    learner = learner_of(LAB, concurrency=1, **CHAT)
    assert [answer.text for answer in ask(learner, prompts_of)] == ROWS
    assert server.n_requests == len(ROWS) + 1
    assert check_books(learner, server).n_estimated == len(ROWS)
    assert sum("stream_options" in body for body in server.bodies) == 1


@pytest.mark.parametrize("manner", [CHAT, RESPONSES, BOTH_AT_ONCE])
@pytest.mark.parametrize("fault", ["", "cut quietly", "error server"])
def test_openais_own_provider_speaks_the_same_ways(speak, learner_of, prompts_of, monkeypatch, manner, fault):
    if fault and manner == RESPONSES:
        pytest.skip("nothing streams")
    server = speak(fault, times=1)
    monkeypatch.setenv("OPENAI_API_KEY", "canary-openai-key")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url + "/v1")
    learner = learner_of("openai/gpt-4.1-mini", concurrency=1, **manner)
    assert [answer.text for answer in ask(learner, prompts_of)] == ROWS
    assert server.n_requests == len(ROWS) + bool(fault)
    assert check_books(learner, server).n_doubtful == bool(fault)
    assert all(("input" in body) == (manner != CHAT) for body in server.bodies)
    assert all(bool(body.get("stream")) == ("stream" in manner) for body in server.bodies)


def test_the_responses_api_stores_nothing_and_takes_the_settings(speak, learner_of, prompts_of):
    server = speak()
    ask(learner_of(LAB, reasoning_effort="low", system_as_user=True, extra_body={"lab": 1}, **RESPONSES), prompts_of)
    body = server.bodies[0]
    assert body["store"] is False
    assert body["reasoning"]["effort"] == "low"
    assert [turn["role"] for turn in body["input"]] == ["user"]
    assert body["lab"] == 1
    assert body["max_output_tokens"] > 0
