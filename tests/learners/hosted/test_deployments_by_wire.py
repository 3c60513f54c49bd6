"""Tuned models that answer from a deployment, over the wire: every fault of a creation, a look, a deletion and an answer, at
every provider, with the outcome in money, in answers, in lines, and in what stands at the provider in the end."""

from __future__ import annotations

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.fakes.faulty_foundry import ACCOUNT, FaultyFoundry
from tests.fakes.faulty_serving import ServingBedrock, ServingFireworks, ServingNebius
from tests.fakes.faulty_together import FaultyFirstTogether, FaultyTogether
from tests.learners.hosted.test_job_faults import follow
from tests.learners.hosted.test_jobs import examples
from tunecurve import cancellation
from tunecurve.errors import EnvironmentProblem, ModelError, MoneyError, TunecurveError
from tunecurve.learners.base import TrainingJob, predict
from tunecurve.learners.hosted.deployments import (
    azure as azure_deployments,
)
from tunecurve.learners.hosted.deployments import (
    keeper as deployment_keeper,
)
from tunecurve.learners.hosted.deployments import (
    lifecycle as deployments,
)
from tunecurve.learners.hosted.deployments import (
    new_deployment,
)
from tunecurve.learners.hosted.deployments import (
    together as together_deployments,
)

KEYS = {"AZURE_MANAGEMENT_TOKEN": "canary-management-token", "LAB_API_KEY": "canary-lab-key",
        "TOGETHER_API_KEY": "canary-together-key", "NEBIUS_API_KEY": "canary-nebius-key",
        "FIREWORKS_API_KEY": "canary-fireworks-key", "AWS_ACCESS_KEY_ID": "AKIACANARY", "AWS_REGION": "us-east-1",
        "AWS_SECRET_ACCESS_KEY": "canary-secret-of-aws"}  # fmt: skip
AZURE, TOGETHER = "openai-api/lab/gpt-4.1-mini", "together/Qwen/Qwen3-8B"
FIRST = "hosted:together/Qwen/Qwen3-8B"  # the same, at a server of its first interface
NEBIUS = "openai-api/nebius/meta-llama/Llama-3.1-8B-Instruct"
BEDROCK = "bedrock/amazon.nova-micro-v1:0:128k"
FIREWORKS = "fireworks/accounts/fireworks/models/llama-v3p1-8b-instruct"
ROLE = "arn:aws:iam::123456789012:role/tunes"
PROVIDERS = {
    AZURE: (
        FaultyFoundry,
        {"tuning": "azure", "azure": {"subscription": "sub", "resource_group": "group", "resource": "mine"}},
    ),
    TOGETHER: (FaultyTogether, {"tuning": "auto"}),
    FIRST: (FaultyFirstTogether, {"tuning": "auto"}),
    NEBIUS: (ServingNebius, {"tuning": "nebius"}),
    BEDROCK: (ServingBedrock, {"tuning": "bedrock", "bedrock": {"bucket": "b", "role_arn": ROLE}}),
    FIREWORKS: (ServingFireworks, {"tuning": "fireworks", "fireworks": {"account": "ada"}}),
}
ALL = list(PROVIDERS)
BY_TIME = [AZURE, TOGETHER, FIRST, FIREWORKS]
FAST = {"poll_seconds": 0.02, "adopt_wait_seconds": 0.3, "timeout_seconds": 5.0}
TEXTS = ["Ada met Zoe.", "Bo is here.", "Cleo left."]


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(deployment_keeper, "CONFIRMATION_SECONDS", 60.0)
    monkeypatch.setattr(cancellation, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(new_deployment, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(new_deployment, "SETTLING_SECONDS", 30.0)


@pytest.fixture
def serve(monkeypatch, only_loopback, tmp_path, started):
    def start(name, **behaviour):
        server = PROVIDERS[name][0](**behaviour)
        addresses = {
            "LAB_BASE_URL": server.url + "/openai/v1", "AZURE_MANAGEMENT_URL": server.url,
            "TOGETHER_BASE_URL": server.url + "/v1", "NEBIUS_BASE_URL": server.url + "/v1",
            "FIREWORKS_BASE_URL": server.url + "/inference/v1", "AWS_ENDPOINT_URL_BEDROCK": server.url,
            "AWS_ENDPOINT_URL_S3": server.url, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": server.url,
            "TUNECURVE_LEDGER": str(tmp_path / "ledger.sqlite"),
        }  # fmt: skip
        return started(server, {**KEYS, **addresses})

    return start


def tuned_of(learner_of, tmp_path, name, price=True, hosting=(), **settings):
    """Return a learner and its tuned model."""
    prices = {name: {"input": 1.0, "output": 2.0, "training": 3.0}} if price else {}
    hosting = {"poll_seconds": 0.02, "longest_start_minutes": 1.0, **dict(hosting)}
    values = {**FAST, **PROVIDERS[name][1], "prices": prices, "hosting": hosting, **settings}
    learner = learner_of(name, **values)
    learner.account.said = []
    learner.account.on_message = learner.account.said.append
    found = follow(learner, tmp_path, seconds=60.0)
    if isinstance(found, str):
        return learner, found
    return learner, learner.load_tuned(tmp_path)


def answers_of(tuned, prompts_of):
    """Return the answers, or the line of the error."""
    try:
        return [answer.text for answer in predict(tuned, prompts_of(TEXTS))]
    except TunecurveError as error:
        return f"{type(error).__name__}: {error}"


def check_books(learner, server):
    """The books are no lower than the whole bill; nothing stands at the provider that the ledger does not know."""
    spent = learner.account.spending()
    assert spent.total_usd >= server.whole_bill_usd - 1e-9
    one_unit = server.billed_seconds * server.usd_per_hour / 3600
    unsure = spent.doubtful_usd + spent.estimated_usd + spent.estimated_jobs_usd
    assert spent.total_usd <= server.whole_bill_usd + one_unit + unsure + 1e-9
    assert learner.account.budget.reserved_usd == pytest.approx(0)
    assert learner.account.budget.spent_usd == pytest.approx(spent.total_usd, abs=max(one_unit, 1e-9))
    rows = learner.account.ledger.deployments()
    may_stand = {row.key for row in rows if row.state not in ("deleted", "not made")}
    assert {entry["name"] for entry in server.deployments.values()} <= may_stand
    return spent


@pytest.mark.parametrize("name", ALL)
def test_from_rows_to_answers_and_nothing_stands_afterwards(serve, learner_of, prompts_of, tmp_path, name):
    server = serve(name)
    learner, tuned = tuned_of(learner_of, tmp_path, name)
    assert answers_of(tuned, prompts_of) == TEXTS
    assert server.deployments == {}
    assert getattr(server, "endpoints", {}) == {}
    assert len(server.stood_seconds) == 1
    assert server.files == {}
    assert check_books(learner, server).doubtful_usd == 0
    assert answers_of(tuned, prompts_of) == TEXTS  # recorded: nothing stands up for them
    assert len(server.deployment_bodies) == 1
    secrets = str(learner.account.ledger.deployments()) + " ".join(learner.account.said)
    assert "canary" not in secrets


# Behaviour of the provider; what comes of it: answers or a part of the line; deployments asked for; states; what stands.
FAULTS = [
    ({"deploy": "made 500", "deploys_wrong": 1}, True, 1, ["deleted"], 0),
    ({"deploy": "made 504", "deploys_wrong": 1}, True, 1, ["deleted"], 0),
    ({"deploy": "made cut", "deploys_wrong": 1}, True, 1, ["deleted"], 0),
    ({"deploy": "made empty", "deploys_wrong": 1}, True, 1, ["deleted"], 0),
    ({"deploy": "made html", "deploys_wrong": 1}, True, 1, ["deleted"], 0),
    ({"deploy": "unmade 500", "deploys_wrong": 1}, True, 2, ["in doubt", "deleted"], 0),
    ({"deploy": "unmade cut"}, "2 creations", 2, ["in doubt", "in doubt"], 0),
    ({"deploy": "made 502", "hides": True}, "2 creations", 2, ["in doubt", "in doubt"], 2),
    ({"deploy": "says 400 no such model"}, "no such model", 1, ["not made"], 0),
    ({"deploy": "says 401 token expired"}, "token expired", 1, ["not made"], 0),
    ({"deploy": "says 403 not allowed"}, "not allowed", 1, ["not made"], 0),
    ({"deploy": "says 429 slow down", "deploys_wrong": 2}, True, 3, ["deleted"], 0),
    ({"stand": "500", "stands_wrong": 3}, True, 1, ["deleted"], 0),
    ({"stand": "Failed", "stands_wrong": 1}, "failed", 1, ["deleted"], 0),
    ({"stand": "Frobnicating", "stands_wrong": 3}, True, 1, ["deleted"], 0),
    ({"stand": "Frobnicating", "stands_wrong": 10**9}, "does not answer after", 1, ["deleted"], 0),
    ({"looks": 5}, True, 1, ["deleted"], 0),
    ({"looks": 10**9}, "does not answer after", 1, ["deleted"], 0),
    ({"settles": 6}, True, 1, ["deleted"], 0),
    ({"settles": 10**9}, "(404)", 1, ["deleted"], 0),
    ({"undeploy": "404"}, True, 1, ["deleted"], 0),
    ({"undeploy": "late"}, True, 1, ["deleted"], 0),
    ({"undeploy": "500"}, True, 1, ["undeleted"], 1),
    ({"undeploy": "401"}, True, 1, ["undeleted"], 1),
    ({"undeploy": "ignored"}, True, 1, ["undeleted"], 1),
    ({"chat": "no usage"}, True, 1, ["deleted"], 0),
    ({"chat": "slow"}, True, 1, ["deleted"], 0),
]


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(("behaviour", "outcome", "n_asked", "states", "n_standing"), FAULTS)
def test_faults(
    serve, learner_of, prompts_of, tmp_path, monkeypatch, name, behaviour, outcome, n_asked, states, n_standing
):
    server = serve(name, **behaviour)
    patience = 0.5 if outcome in ("does not answer after", "(404)") else 60.0
    monkeypatch.setattr(new_deployment, "SETTLING_SECONDS", patience)
    if states == ["undeleted"]:  # only what is never confirmed is to be given up
        monkeypatch.setattr(deployment_keeper, "CONFIRMATION_SECONDS", 1.0)
    learner, tuned = tuned_of(learner_of, tmp_path, name, hosting={"longest_start_minutes": patience / 60})
    answers = answers_of(tuned, prompts_of)
    if outcome is True:
        assert answers == TEXTS, answers
    else:
        assert isinstance(answers, str), answers
        assert outcome in answers
    assert len(server.deployment_bodies) == n_asked
    assert [row.state for row in learner.account.ledger.deployments()] == states
    assert len(server.deployments) == n_standing
    spent = check_books(learner, server)
    assert spent.n_doubtful_deployments == sum(state in ("in doubt", "undeleted") for state in states)
    assert "canary" not in str(answers) + " ".join(learner.account.said)
    if "undeleted" in states:
        warning = next(line for line in learner.account.said if "MAY STILL STAND" in line)
        row = learner.account.ledger.deployments()[0]
        assert row.provider_id in warning
        server.behaviour |= {"undeploy": "", "hides": False}
        monkeypatch.setattr(deployment_keeper, "CONFIRMATION_SECONDS", 60.0)
        from tunecurve.learners.hosted.build import remove_left_overs

        remove_left_overs(learner.account)  # as the next start does
        assert server.deployments == {}
        assert check_books(learner, server).doubtful_usd == 0


@pytest.mark.parametrize("name", ALL)
def test_a_redirect_of_the_deployments_is_not_followed(serve, learner_of, prompts_of, tmp_path, name):
    elsewhere = PROVIDERS[name][0]()
    server = serve(name, deploy="redirect", elsewhere=elsewhere.url)
    learner, tuned = tuned_of(learner_of, tmp_path, name)
    line = answers_of(tuned, prompts_of)
    assert f"sends calls on to {elsewhere.url}" in line
    assert elsewhere.log == []
    assert learner.account.ledger.deployments()[0].state == "not made"
    elsewhere.shutdown()
    elsewhere.server_close()
    assert server.deployments == {}


@pytest.mark.parametrize("name", BY_TIME)
def test_the_cap_covers_hosting_before_anything_is_created(serve, learner_of, prompts_of, tmp_path, name):
    server = serve(name)
    learner, tuned = tuned_of(learner_of, tmp_path, name, max_cost=server.usd_per_hour * 0.9)
    assert "hosting a deployment" in answers_of(tuned, prompts_of)
    assert server.deployment_bodies == []
    check_books(learner, server)


@pytest.mark.parametrize("name", BY_TIME)
def test_the_quote_holds_hosting_and_says_so(serve, learner_of, tmp_path, name):
    from tunecurve.learners.base import Workload

    server = serve(name)
    learner = learner_of(name, **{**FAST, **PROVIDERS[name][1]})
    work = Workload(1000, 1000, 1000, 10, 3, 2)
    answers = (1000 * 1.0 + 1000 * 2.0) / 1e6 if server.bills_tokens else 0.0
    without = answers + 1000 * 3.0 / 1e6
    assert learner.quote_usd(work, is_tuned=True) == pytest.approx(without + server.usd_per_hour)
    assert learner.quote_usd(work, is_tuned=False) == pytest.approx((1000 * 1.0 + 1000 * 2.0) / 1e6)
    assert "60 min a trial (hosting.minutes)" in learner.hosting_line()
    dearer = learner_of(name, ledger="b.sqlite", **{**FAST, **PROVIDERS[name][1], "hosting": {"minutes": 180.0}})
    assert dearer.quote_usd(work, is_tuned=True) == pytest.approx(without + 3 * server.usd_per_hour)


# What is Azure's own


def test_azure_is_asked_as_its_documents_say(serve, learner_of, prompts_of, tmp_path):
    server = serve(AZURE)
    azure = {**PROVIDERS[AZURE][1]["azure"], "training_type": "Developer", "deploy_as": "developertier", "capacity": 30}
    learner, tuned = tuned_of(learner_of, tmp_path, AZURE, azure=azure)
    assert answers_of(tuned, prompts_of) == TEXTS
    job = server.creations[0]
    assert job["trainingType"] == "Developer"
    assert "." not in job["suffix"]
    sent = server.deployment_bodies[0]
    assert sent["sku"] == {"name": "DeveloperTier", "capacity": 30}
    assert sent["properties"]["model"] == {"format": "OpenAI", "name": tuned.target.model, "version": "1"}
    request, headers = next(entry for entry in server.headers if entry[0].startswith("PUT"))
    assert request.startswith(f"PUT {ACCOUNT}/deployments/tunecurve-")
    assert request.endswith("?api-version=2025-07-01-preview")
    assert headers["Authorization"] == "Bearer canary-management-token"
    chats = [headers for request, headers in server.headers if "chat" in request]
    assert all("canary-management-token" not in str(headers) for headers in chats)
    assert learner.account.spending().hosting_usd == 0  # the developer tier hosts free of charge
    assert learner.hosting_line().count("$0.00") == 2


def test_the_training_file_begins_with_a_byte_order_mark(serve, learner_of, tmp_path):
    server = serve(AZURE)
    learner = learner_of(AZURE, **{**FAST, **PROVIDERS[AZURE][1]})
    assert learner.backend.file_mark == b"\xef\xbb\xbf"
    request = learner._request(TrainingJob(examples(), learner.resolve_recipe({"epochs": 1}, 12), 0, Path()))
    file = learner.backend.upload(request)
    assert server.sizes[file] == len(server.files[file].encode()) + 3
    assert learner.backend.upload(request) == file  # found by name and size


def token(end):
    claims = base64.urlsafe_b64encode(json.dumps({"exp": end}).encode()).decode().rstrip("=")
    return f"h.{claims}.s"


def test_a_token_that_ends_before_the_deployment_could_be_deleted_is_refused(
    serve, learner_of, prompts_of, tmp_path, monkeypatch
):
    server = serve(AZURE)
    learner, tuned = tuned_of(learner_of, tmp_path, AZURE)
    monkeypatch.setenv("AZURE_MANAGEMENT_TOKEN", token(time.time() + 600))
    line = answers_of(tuned, prompts_of)
    assert "AZURE_MANAGEMENT_TOKEN ends in 10 min" in line
    assert server.deployment_bodies == []
    monkeypatch.setenv("AZURE_MANAGEMENT_TOKEN", token(time.time() + 7200))
    assert answers_of(tuned, prompts_of) == TEXTS
    check_books(learner, server)


@pytest.mark.parametrize(
    ("azure", "unset", "words"),
    [
        ({}, [], "AZURE_SUBSCRIPTION_ID"),
        ({"subscription": "s"}, [], "AZURE_RESOURCE_GROUP"),
        ({"subscription": "s", "resource_group": "g"}, [], "hosted.azure.resource"),
        ({"subscription": "s", "resource_group": "g", "resource": "r"}, ["AZURE_MANAGEMENT_TOKEN"], "az login"),
    ],
)
def test_what_a_deployment_needs_is_said_before_anything_is_paid(serve, learner_of, monkeypatch, azure, unset, words):
    serve(AZURE)
    for variable in unset:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("PATH", "/nowhere")
    learner = learner_of(AZURE, **{**FAST, "tuning": "azure", "azure": azure})
    with pytest.raises(EnvironmentProblem, match=words):
        learner.check_access(will_tune=True)
    learner.check_access()  # prompting needs none of it


def test_a_token_of_the_command_line_is_renewed_and_never_asked_for_with_local_only(monkeypatch, tmp_path):
    from tunecurve.learners.hosted.transport.azure_access import ManagementToken
    from tunecurve.privacy import network as local_only

    monkeypatch.delenv("AZURE_MANAGEMENT_TOKEN", raising=False)
    fake = tmp_path / "az"
    fake.write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/asked\necho {token(time.time() + 100)}\n')
    fake.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    bearer = ManagementToken()
    first = bearer()
    assert first.startswith("h.")
    bearer()  # the first ends within five minutes
    assert (tmp_path / "asked").read_text().count("get-access-token") == 2
    monkeypatch.setattr(local_only, "_is_on", True)
    with pytest.raises(EnvironmentProblem, match="--local-only"):
        ManagementToken()()
    monkeypatch.setattr(local_only, "_is_on", False)
    fake.write_text("#!/bin/sh\necho 'Please run az login' >&2\nexit 1\n")
    with pytest.raises(EnvironmentProblem, match="run: az login"):
        ManagementToken()()


@pytest.mark.parametrize("code", [400, 404])
def test_a_tuned_model_that_azure_does_not_know_yet_is_waited_for(serve, learner_of, prompts_of, tmp_path, code):
    fault = f"says {code} DeploymentModelNotFound: the model format 'OpenAI', name 'ft:x' could not be found"
    server = serve(AZURE, deploy=fault, deploys_wrong=2)
    learner, tuned = tuned_of(learner_of, tmp_path, AZURE)
    assert [answer.text for answer in predict(tuned, prompts_of(TEXTS))]
    assert len(server.deployment_bodies) == 3
    assert any("is not known there yet" in line for line in learner.account.said)
    assert not server.deployments


def test_a_model_that_azure_never_knows_ends_the_trial(serve, learner_of, prompts_of, tmp_path, monkeypatch):
    monkeypatch.setattr(azure_deployments, "SETTLING_SECONDS", 0.1)
    server = serve(AZURE, deploy="says 400 DeploymentModelNotFound: no such model")
    _, tuned = tuned_of(learner_of, tmp_path, AZURE)
    with pytest.raises(ModelError, match="DeploymentModelNotFound"):
        predict(tuned, prompts_of(TEXTS))
    assert not server.deployments


def test_a_quota_names_the_setting(serve, learner_of, prompts_of, tmp_path):
    serve(
        AZURE,
        deploy="says 400 This operation requires 50 new capacity in quota, which is bigger than 10",
        deploys_wrong=1,
    )
    _, tuned = tuned_of(learner_of, tmp_path, AZURE)
    assert "hosted.azure.capacity asks for less" in answers_of(tuned, prompts_of)


def test_a_list_that_goes_on_elsewhere_gets_no_token(serve, learner_of, monkeypatch):
    serve(AZURE)
    learner = learner_of(AZURE, **{**FAST, **PROVIDERS[AZURE][1]})
    backend = learner.hosting.open("")
    monkeypatch.setattr(
        backend.service, "ask", lambda *a, **k: {"value": [], "nextLink": "https://elsewhere.example/more?x=1"}
    )
    with pytest.raises(ValueError, match="another address"):
        backend.ours()


def test_by_hand_as_before(serve, learner_of, tmp_path, monkeypatch):
    serve(AZURE)
    learner, _ = tuned_of(learner_of, tmp_path, AZURE, azure={"deploy_as": "none"})
    assert learner.hosting is None
    monkeypatch.setenv("LAB_BASE_URL", "https://mine.openai.azure.com/openai/v1")
    with pytest.raises(ModelError, match=r"hosted\.deployments"):
        learner.load_tuned(tmp_path)


def test_an_unknown_hosting_price_is_refused_with_a_cap(serve, learner_of):
    from dataclasses import replace

    serve(AZURE)
    learner = learner_of(AZURE, max_cost=5.0, **{**FAST, **PROVIDERS[AZURE][1]})
    learner.hosting = replace(learner.hosting, usd_per_hour=None)
    with pytest.raises(MoneyError, match="hosting tuned models"):
        learner.check_access(will_tune=True)


# What is Together's own


def test_together_is_asked_as_its_documents_say(serve, learner_of, prompts_of, tmp_path):
    server = serve(TOGETHER)
    learner, tuned = tuned_of(learner_of, tmp_path, TOGETHER, together={"learning_rate": 1e-4}, adapter_size=16)
    assert answers_of(tuned, prompts_of) == TEXTS
    job = server.creations[0]
    assert (job["n_checkpoints"], job["learning_rate"], job["batch_size"]) == (1, 1e-4, 8)
    assert job["training_type"] == {"type": "Lora", "lora_r": 16, "lora_alpha": 32}
    assert tuned.target.model == "ml_ft-1"
    sent = server.deployment_bodies[0]
    assert sent["config"] == "projects/proj_platform/configs/cr_small"  # one GPU rather than two
    assert sent["inactiveTimeout"] == 30
    spent = check_books(learner, server)
    assert spent.hosting_usd == pytest.approx(3.99 / 60)  # a minute that has begun


@pytest.mark.parametrize("counts", ["all epochs", "one pass"])
@pytest.mark.parametrize("epochs", [1, 2, 7, 20])
def test_the_tokens_of_a_job_are_never_fewer_than_those_billed(serve, learner_of, tmp_path, counts, epochs):
    server = serve(TOGETHER, tells_tokens_of=counts)
    learner = learner_of(TOGETHER, **FAST)
    record = follow(learner, tmp_path, epochs=epochs)
    assert record.cost_usd >= server.bill_usd - 1e-12, record
    if counts == "one pass":
        assert record.cost_usd == pytest.approx(server.bill_usd, rel=0.05)
    if record.cost_usd > server.bill_usd * 1.05:
        assert record.job["cost_is_estimated"]


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ("error", "failed ('error')"), ("user_error", "failed ('user_error')"), ("cancelled", "cancelled"),
        ("cancel_requested", "waits: tuning job ft-1 is running"), ("uploading", "is running"), ("compressing", "is running"),
        ("pending", "is waiting"), ("queued", "is waiting"), ("frobnicating", "not known here ('frobnicating')"),
    ],
)  # fmt: skip
def test_the_states_of_togethers_jobs(serve, learner_of, tmp_path, ends, words):
    serve(TOGETHER, ends=ends)
    assert words in follow(learner_of(TOGETHER, **FAST), tmp_path, until=words)


@pytest.mark.parametrize("echo", ["all", "suffix", "file", "time"])
@pytest.mark.parametrize("fault", ["made 500", "made 504", "made cut", "made empty", "made html"])
def test_a_job_at_together_whose_creation_got_no_answer_is_found(serve, learner_of, tmp_path, fault, echo):
    server = serve(TOGETHER, create=fault, times=1, echo=echo)
    learner = learner_of(TOGETHER, **FAST)
    record = follow(learner, tmp_path)
    assert record.job["id"] == "ft-1", record
    assert len(server.creations) == 1
    assert server.n_uploads == 1
    assert learner.account.spending().total_usd >= server.bill_usd
    assert record.steps == 0  # rows are packed: how many steps that makes, nobody tells


@pytest.mark.parametrize("fault", ["says 400 no such model", "says 401 bad key", "says 402 no credits", "says 403 no"])
def test_a_job_that_together_refuses_costs_nothing_and_leaves_no_file(serve, learner_of, tmp_path, fault):
    server = serve(TOGETHER, create=fault)
    learner = learner_of(TOGETHER, **FAST)
    assert fault.split(" ", 2)[2] in follow(learner, tmp_path)
    assert server.files == {}
    assert learner.account.spending().total_usd == 0


def test_a_model_that_together_does_not_tune_is_said_before_anything_is_paid(serve, learner_of):
    serve(TOGETHER, lists="no tuning")
    learner = learner_of(TOGETHER, **FAST)
    rows = examples()
    said = learner.tuning_obstacle([TrainingJob(rows, learner.resolve_recipe({"epochs": 1}, len(rows)), 0, Path())])
    assert "does not tune 'Qwen/Qwen3-8B'" in said
    assert "hosted.tuning: none" in said


def test_several_ways_to_run_a_model_are_asked_about(serve, learner_of, prompts_of, tmp_path):
    server = serve(TOGETHER, twins=True)
    learner, tuned = tuned_of(learner_of, tmp_path, TOGETHER)
    line = answers_of(tuned, prompts_of)
    assert "hosted.together.config" in line
    assert "cr_small" in line
    assert "cr_twin" in line
    assert (server.deployment_bodies, server.endpoints) == ([], {})
    assert learner.account.spending().hosting_usd == 0
    assert [row.state for row in learner.account.ledger.deployments()] == ["not made"]
    _, tuned = tuned_of(learner_of, tmp_path, TOGETHER, together={"config": "cr_twin"})
    assert answers_of(tuned, prompts_of) == TEXTS
    _, tuned = tuned_of(learner_of, tmp_path, TOGETHER, ledger="other.sqlite", together={"config": "cr_none"})
    assert "'cr_none' is none of this model's" in answers_of(tuned, prompts_of)


@pytest.mark.parametrize("fault", ["made 500", "unmade 500"])
def test_an_endpoint_without_an_answer_is_found_or_made_again(serve, learner_of, prompts_of, tmp_path, fault):
    server = serve(TOGETHER, endpoint=fault)
    learner, tuned = tuned_of(learner_of, tmp_path, TOGETHER)
    assert answers_of(tuned, prompts_of) == TEXTS
    assert (server.deployments, server.endpoints) == ({}, {})
    assert check_books(learner, server).doubtful_usd == 0


# Time, and others


def test_slow_answers_are_ended_by_the_cap_and_the_deployment_with_them(
    serve, learner_of, prompts_of, tmp_path, monkeypatch
):
    """At a dollar a second, with answers that take a third of one: what is paid stays below the cap, whoever is slow.

    That is promised for deletions that take no longer than `DELETION_SECONDS`: a minute, for a machine that is busy.
    """
    monkeypatch.setattr(deployments, "DELETION_SECONDS", 60.0)
    monkeypatch.setattr(deployments, "AHEAD_SECONDS", 0.2)
    monkeypatch.setattr(FaultyTogether, "billed_seconds", 1)
    monkeypatch.setattr(FaultyTogether, "usd_per_hour", 3600.0)
    monkeypatch.setattr(together_deployments.TogetherDeployments, "billed_seconds", 1)
    server = serve(TOGETHER, chat="slow")
    prices = {TOGETHER: {"input": 1.0, "output": 2.0, "training": 3.0, "hosting": 3600.0}}
    learner, tuned = tuned_of(
        learner_of, tmp_path, TOGETHER, prices=prices, max_cost=68.0, hosting={"minutes": 3 / 60}, timeout_seconds=1.0,
        concurrency=1,
    )  # fmt: skip
    with pytest.raises(MoneyError, match="the deployment that answers from 'ml_ft-1'"):
        predict(tuned, prompts_of([f"Row {number} is here." for number in range(100)]))
    assert server.deployments == {}
    assert server.n_answers > 0
    assert server.whole_bill_usd <= 68.0
    spent = check_books(learner, server)
    assert spent.total_usd <= 68.0
    answered = learner.account.ledger.spending("study").n_answers
    assert answered == server.n_answers  # what was paid for is kept


@pytest.mark.parametrize("name", ALL)
def test_two_studies_at_once_share_one_deployment_and_every_answer(serve, learner_of, prompts_of, tmp_path, name):
    server = serve(name, chat="slow")
    learners = []
    for number in range(2):
        learner, tuned = tuned_of(learner_of, tmp_path, name)
        learner.account.study = f"study-{number}"
        learners.append((learner, tuned))
    with ThreadPoolExecutor(2) as pool:
        both = list(pool.map(lambda pair: answers_of(pair[1], prompts_of), learners))
    assert both == [TEXTS, TEXTS]
    assert len(server.deployment_bodies) == 1
    assert server.n_answers == len(TEXTS)
    assert server.deployments == {}
    said = [line for learner, _ in learners for line in learner.account.said]
    assert any("waits for another study" in line for line in said)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("code", [401, 403, 404])
def test_a_login_that_may_not_deploy_is_said_before_anything_is_paid(serve, learner_of, monkeypatch, name, code):
    server = serve(name)
    handler = type(server).handler

    def refuse(self, found, raw):
        error = {"message": "you may not", "code": "ResourceGroupNotFound"}
        self.send({**error, "error": error}, code)  # Amazon's and Fireworks' messages stand at the top

    for method in ("list_deployments", "list_endpoints", "look_at"):
        monkeypatch.setattr(handler, method, refuse, raising=False)
    learner, rows = learner_of(name, **{**FAST, **PROVIDERS[name][1]}), examples()
    said = learner.tuning_obstacle([TrainingJob(rows, learner.resolve_recipe({"epochs": 1}, len(rows)), 0, Path())])
    assert "deployments of tuned models" in said
    # Where the second interface is not there at all, the first is asked.
    assert ("no route" if (name, code) == (TOGETHER, 404) else "you may not") in said
    assert (server.creations, server.files) == ([], {})


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://control.example", "over http"), ("control.example", "no address"), ("https://", "no address"),
        ("ftp://control.example/", "no address"),
    ],
)  # fmt: skip
def test_the_address_of_the_control_plane(serve, learner_of, monkeypatch, url, words):
    serve(AZURE)
    monkeypatch.setenv("AZURE_MANAGEMENT_URL", url)
    with pytest.raises(EnvironmentProblem, match=words):
        learner_of(AZURE, **{**FAST, **PROVIDERS[AZURE][1]}).check_access(will_tune=True)


def test_a_token_with_a_line_break_is_said(serve, learner_of, monkeypatch):
    serve(AZURE)
    monkeypatch.setenv("AZURE_MANAGEMENT_TOKEN", "abc\ndef")
    with pytest.raises(EnvironmentProblem, match="AZURE_MANAGEMENT_TOKEN holds"):
        learner_of(AZURE, **{**FAST, **PROVIDERS[AZURE][1]}).check_access(will_tune=True)


def test_a_token_of_the_command_line_is_blanked_out_like_one_of_the_environment(monkeypatch, tmp_path):
    from tunecurve.learners.hosted.transport.azure_access import ManagementToken
    from tunecurve.privacy.redact import redact

    monkeypatch.delenv("AZURE_MANAGEMENT_TOKEN", raising=False)
    fake = tmp_path / "az"
    fake.write_text("#!/bin/sh\necho canary-of-the-command-line\n")
    fake.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert ManagementToken()() == "canary-of-the-command-line"
    assert redact("the server says: canary-of-the-command-line is bad") == "the server says: *** is bad"


# What is Nebius', Amazon's and Fireworks' own


def test_nebius_is_asked_as_its_documents_say(serve, learner_of, prompts_of, tmp_path):
    server = serve(NEBIUS)
    served = {"meta-llama/Llama-3.1-8B-Instruct": "meta-llama/Meta-Llama-3.1-8B-Instruct"}
    learner, tuned = tuned_of(learner_of, tmp_path, NEBIUS, deployments=served)
    assert answers_of(tuned, prompts_of) == TEXTS
    (sent,) = server.deployment_bodies
    assert sent["source"] == "ftjob-1:ftckpt-2"
    assert sent["base_model"] == "meta-llama/Meta-Llama-3.1-8B-Instruct"
    assert server.creations[0]["model"] == "meta-llama/Llama-3.1-8B-Instruct"
    assert learner.account.spending().hosting_usd == 0
    assert "paid by the token" in learner.hosting_line()


def test_every_pass_of_nebius_answers_from_its_own_checkpoint(serve, learner_of, prompts_of, tmp_path):
    server = serve(NEBIUS)
    learner, _ = tuned_of(learner_of, tmp_path, NEBIUS)
    for _, model in learner.checkpoints(tmp_path):
        assert answers_of(model, prompts_of) == TEXTS
    assert [sent["source"] for sent in server.deployment_bodies] == ["ftjob-1:ftckpt-1", "ftjob-1:ftckpt-2"]
    assert server.deployments == {}


def test_bedrock_is_asked_as_its_documents_say(serve, learner_of, prompts_of, tmp_path):
    server = serve(BEDROCK)
    _, tuned = tuned_of(learner_of, tmp_path, BEDROCK)
    for texts in (TEXTS, ["Another one."]):
        assert [answer.text for answer in predict(tuned, prompts_of(texts))] == texts
    first, second = server.deployment_bodies
    assert first["modelArn"] == tuned.target.model
    assert first["modelArn"].startswith("arn:aws:bedrock:us-east-1:123456789012:custom-model/")
    assert first["clientRequestToken"] != second["clientRequestToken"]  # else Amazon makes no second one
    assert server.deployments == {}


def test_fireworks_is_asked_as_its_documents_say(serve, learner_of, prompts_of, tmp_path):
    server = serve(FIREWORKS)
    account = {"account": "ada", "accelerator": "NVIDIA_H200_141GB", "accelerators": 2}
    learner, tuned = tuned_of(learner_of, tmp_path, FIREWORKS, fireworks=account)
    assert answers_of(tuned, prompts_of) == TEXTS
    (sent,) = server.deployment_bodies
    assert sent["baseModel"] == tuned.target.model
    assert (sent["acceleratorType"], sent["acceleratorCount"]) == ("NVIDIA_H200_141GB", 2)
    assert (sent["minReplicaCount"], sent["maxReplicaCount"]) == (1, 1)
    end = datetime.fromisoformat(sent["expireTime"])
    assert 23 <= (end - datetime.now(UTC)).total_seconds() / 3600 <= 24
    (row,) = learner.account.ledger.deployments()
    assert row.usd_per_hour == 14.0


def test_what_fireworks_really_runs_is_what_is_booked(serve, learner_of, prompts_of, tmp_path, monkeypatch):
    server = serve(FIREWORKS)
    server.usd_per_hour = 28.0
    show = server.handler.show
    monkeypatch.setattr(server.handler, "show", lambda self, *a: show(self, *a) | {"acceleratorCount": 4})
    learner, tuned = tuned_of(learner_of, tmp_path, FIREWORKS)
    assert answers_of(tuned, prompts_of) == TEXTS
    assert learner.account.ledger.deployments()[0].usd_per_hour == 28.0
    check_books(learner, server)


def test_an_accelerator_without_a_price_is_refused_with_a_cap(serve, learner_of):
    serve(FIREWORKS)
    settings = {**FAST, **PROVIDERS[FIREWORKS][1], "fireworks": {"account": "ada", "accelerator": "AMD_MI325X_256GB"}}
    with pytest.raises(MoneyError, match="hosting tuned models"):
        learner_of(FIREWORKS, max_cost=5.0, **settings).check_access(will_tune=True)
    prices = {FIREWORKS: {"input": 1.0, "output": 2.0, "training": 3.0, "hosting": 4.0}}
    learner_of(FIREWORKS, max_cost=5.0, **{**settings, "prices": prices}).check_access(will_tune=True)
