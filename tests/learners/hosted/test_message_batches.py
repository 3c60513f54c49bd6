"""Batches at Anthropic: where their results are asked for, and what each way in which a row can end is."""

from __future__ import annotations

import pytest

from tests.fakes.message_batches import MODEL, MessageBatches
from tunecurve.errors import ModelError
from tunecurve.learners.base import predict

NAME = f"anthropic/{MODEL}"
TEXTS = [f"row {number}" for number in range(8)]


@pytest.fixture(autouse=True)
def quick_batches(monkeypatch):
    from inspect_ai.model._providers.util import batch

    monkeypatch.setattr(batch, "DEFAULT_SEND_DELAY", 0.2)
    monkeypatch.setattr(batch, "DEFAULT_BATCH_TICK", 0.05)


@pytest.fixture
def serve(monkeypatch, only_loopback, started):
    def start(*arguments, **behaviour):
        server = started(MessageBatches(*arguments, **behaviour))
        monkeypatch.setenv("ANTHROPIC_API_KEY", "canary-key-of-anthropic")
        monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
        return server

    return start


def learner(learner_of, **settings):
    prices = {NAME: {"input": 1.0, "output": 2.0}}
    return learner_of(NAME, batch=True, prices=prices, poll_seconds=0.05, **settings)


@pytest.mark.parametrize("elsewhere", ["other server", "http://localhost:9", "https://api.anthropic.com", "same"])
def test_results_are_asked_for_where_the_batch_was_made(serve, learner_of, prompts_of, elsewhere):
    other = serve()
    there = {"other server": other.url, "same": None}.get(elsewhere, elsewhere)
    server = serve(results_at=there)
    asked = learner(learner_of)
    assert [answer.text for answer in predict(asked, prompts_of(TEXTS))] == TEXTS
    assert other.paths == []
    assert len(set(server.keys)) == 1
    assert "canary-key-of-anthropic" in server.keys[0]
    assert server.paths[-1] == "GET /v1/messages/batches/msgbatch_1/results"
    assert asked.account.spending().total_usd == pytest.approx(server.bill_usd)


@pytest.mark.parametrize("end", ["expired", "canceled", "errored"])
@pytest.mark.parametrize("n_ended", [1, 4])
def test_rows_that_end_without_an_answer_are_asked_again_or_counted(serve, learner_of, prompts_of, end, n_ended):
    server = serve(lambda number: end if number < n_ended else "succeeded")
    asked = learner(learner_of, max_attempts=1, failed_rows_allowed=0.6)
    answers = predict(asked, prompts_of(TEXTS))
    assert sum(answer.stop_reason == "end" for answer in answers) == len(TEXTS) - n_ended
    assert sum(answer.stop_reason == "error" for answer in answers) == n_ended
    assert len(server.batches) == 1
    assert asked.account.spending().total_usd >= server.bill_usd - 1e-12


@pytest.mark.parametrize("status", [404, 403, 500])
def test_results_that_cannot_be_had_are_no_unknown_model(serve, learner_of, prompts_of, status):
    server = serve(results_status=status)
    asked = learner(learner_of, max_attempts=1)
    with pytest.raises(ModelError) as caught:
        predict(asked, prompts_of(TEXTS))
    assert "results" in str(caught.value)
    assert "knows no model" not in str(caught.value)
    spent = asked.account.spending()
    assert spent.n_doubtful == len(TEXTS)  # the batch has ended, and is billed
    assert len(server.batches) == 1
