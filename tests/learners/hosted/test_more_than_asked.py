"""Deployments of which more stands than was asked for: more replicas, larger machines. Time costs as many times as much."""

from __future__ import annotations

import pytest

from tests.learners.hosted.test_deployments_by_wire import (
    FIREWORKS,
    FIRST,
    TEXTS,
    TOGETHER,
    answers_of,
    check_books,
    serve,
    soon,
    tuned_of,
)

__all__ = ["serve", "soon"]
BY_REPLICA = [TOGETHER, FIRST, FIREWORKS]


@pytest.mark.parametrize("name", BY_REPLICA)
@pytest.mark.parametrize(("replicas", "machines"), [(3, 1), (1, 4), (2, 2), (16, 8)])
@pytest.mark.parametrize("own_price", [None, 3600.0])
def test_what_stands_is_what_is_booked(serve, learner_of, prompts_of, tmp_path, name, replicas, machines, own_price):
    server = serve(name, replicas=replicas, machines=machines)
    server.usd_per_hour = own_price or server.usd_per_hour
    prices = {name: {"input": 1.0, "output": 2.0, "training": 3.0, **({"hosting": own_price} if own_price else {})}}
    learner, tuned = tuned_of(learner_of, tmp_path, name, prices=prices)
    assert answers_of(tuned, prompts_of) == TEXTS
    spent = learner.account.spending().total_usd
    assert spent >= server.whole_bill_usd > 0
    unit = replicas * machines * server.usd_per_hour * server.billed_seconds / 3600
    assert spent <= server.whole_bill_usd + unit + learner.account.spending().estimated_jobs_usd
    line = next(line for line in learner.account.said if "takes" in line)
    assert (f"{replicas} replicas" in line) == (replicas > 1)
    assert (f"{machines} times the machine" in line) == (machines > 1)


@pytest.mark.parametrize("name", BY_REPLICA)
def test_what_was_asked_for_is_no_line(serve, learner_of, prompts_of, tmp_path, name):
    server = serve(name)
    learner, tuned = tuned_of(learner_of, tmp_path, name)
    assert answers_of(tuned, prompts_of) == TEXTS
    assert not [line for line in learner.account.said if "takes" in line]
    check_books(learner, server)


@pytest.mark.parametrize("name", BY_REPLICA)
def test_a_cap_ends_what_costs_more_than_was_asked_for(serve, learner_of, prompts_of, tmp_path, name):
    server = serve(name, replicas=50)
    server.usd_per_hour = 3600.0
    prices = {name: {"input": 1.0, "output": 2.0, "training": 3.0, "hosting": 3600.0}}
    settings = {"max_cost": 500.0, "hosting": {"minutes": 1.0}}
    _, tuned = tuned_of(learner_of, tmp_path, name, prices=prices, **settings)
    assert "MoneyError" in answers_of(tuned, prompts_of)
    assert server.deployments == {}
