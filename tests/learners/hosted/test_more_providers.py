"""Tuning services with interfaces of their own: what goes over the wire, and the faults that every service shares.

The rows of `test_job_faults` hold for these, too; after every one the books are held against the server's own bill.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

import pytest
import yaml

from tests.fakes.faulty_providers import FaultyBedrock, FaultyFireworks, FaultyNebius
from tests.learners.hosted.test_job_faults import FAST, UNCLEAR, check_books, follow, uploads_of
from tests.learners.hosted.test_jobs import NAMES, begin, examples
from tunecurve.cli.main import run_command
from tunecurve.errors import ModelError
from tunecurve.learners.base import predict
from tunecurve.learners.hosted.build import tuning_backend_of, why_not_tunable
from tunecurve.learners.hosted.names import parse_hosted_name
from tunecurve.learners.hosted.prices import find_price
from tunecurve.learners.hosted.transport import aws_access
from tunecurve.learners.hosted.tuning import job_keeper
from tunecurve.prompts import PromptRenderer
from tunecurve.spec.hosted import HostedSpec
from tunecurve.spec.study import StudySpec

NEBIUS = "openai-api/nebius/meta-llama/Llama-3.1-8B-Instruct"
BEDROCK = "bedrock/amazon.nova-micro-v1:0:128k"
FIREWORKS = "fireworks/accounts/fireworks/models/llama-v3p1-8b-instruct"
ROLE = "arn:aws:iam::123456789012:role/tunes"
KINDS = {
    NEBIUS: (FaultyNebius, {"tuning": "nebius"}),
    BEDROCK: (FaultyBedrock, {"tuning": "bedrock", "bedrock": {"bucket": "b", "role_arn": ROLE}}),
    FIREWORKS: (FaultyFireworks, {"tuning": "fireworks", "fireworks": {"account": "ada"}}),
}
ALL = tuple(KINDS)


@pytest.fixture
def serve(monkeypatch, only_loopback, tmp_path, started):
    """Return a function that starts a provider's server and points the environment at it."""

    def start(name, create="", **behaviour):
        server = KINDS[name][0](create, **behaviour)
        values = {
            "NEBIUS_API_KEY": "canary-nebius-key", "NEBIUS_BASE_URL": server.url + "/v1", "AWS_ACCESS_KEY_ID": "AKIACANARY",
            "AWS_SECRET_ACCESS_KEY": "canary-secret-of-aws", "AWS_REGION": "us-east-1",
            "AWS_ENDPOINT_URL_BEDROCK": server.url, "AWS_ENDPOINT_URL_S3": server.url,
            "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": server.url,
            "FIREWORKS_API_KEY": "canary-fireworks-key", "FIREWORKS_BASE_URL": server.url + "/inference/v1",
            "TUNECURVE_LEDGER": str(tmp_path / "ledger.sqlite"),
        }  # fmt: skip
        return started(server, values)

    return start


@pytest.fixture
def tunable(learner_of):
    """Return a function that makes the learner of a provider's model; what is to be found is looked for long enough."""
    return lambda name, **settings: learner_of(name, **{**FAST, "adopt_wait_seconds": 20, **KINDS[name][1], **settings})


@pytest.mark.parametrize("name", ALL)
def test_a_job_from_nothing_to_its_end(serve, tunable, tmp_path, name):
    server = serve(name, polls=2)
    learner = tunable(name)
    record = follow(learner, tmp_path)
    assert list(server.jobs) == [record.job["id"]], record
    assert record.epochs == 2
    assert not server.files
    assert server.n_uploads == 1
    assert check_books(learner, server).n_doubtful_jobs == 0
    follow(learner, tmp_path)
    assert len(server.creations) == 1


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("fault", UNCLEAR)
def test_a_job_whose_creation_got_no_clear_answer_is_found_again(serve, tunable, tmp_path, name, fault):
    server = serve(name, fault)
    learner = tunable(name)
    record = follow(learner, tmp_path)
    assert record.job["id"] in server.jobs, record
    assert len(server.creations) == server.n_uploads == 1
    assert check_books(learner, server).n_doubtful_jobs == 0


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("fault", ["made 500", "made cut"])
def test_a_creation_that_is_never_found_is_repeated_once_and_stays_booked(serve, tunable, tmp_path, name, fault):
    server = serve(name, fault, look="hidden")
    learner = tunable(name, adopt_wait_seconds=0.15)
    line = follow(learner, tmp_path)
    assert "2 creations got no answer" in line
    assert len(server.jobs) == len(server.creations) == 2
    assert check_books(learner, server).n_doubtful_jobs == 2


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("fault", ["unmade 500", "unmade 503", "unmade cut", "made empty"])
def test_after_a_lost_creation_the_repeat_trains(serve, tunable, tmp_path, name, fault):
    server = serve(name, fault, times=1)
    learner = tunable(name, adopt_wait_seconds=0.15)
    record = follow(learner, tmp_path)
    assert record.job["id"] in server.jobs, record
    assert len(server.jobs) == 1
    check_books(learner, server)


@pytest.mark.parametrize("name", ALL)
def test_a_full_quota_is_waited_for_with_one_upload(serve, tunable, tmp_path, name):
    server = serve(name, "says 429 one job at a time", times=4)
    learner = tunable(name)
    record = follow(learner, tmp_path)
    assert record.job["id"] in server.jobs, record
    assert len(server.creations) == 5
    assert server.n_uploads == 1
    assert check_books(learner, server).n_doubtful_jobs == 0


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "refusal", ["says 400 the training file is invalid", "says 403 no rights", "says 307 elsewhere"]
)
def test_a_refused_creation_leaves_no_file_and_no_money(serve, tunable, tmp_path, name, refusal):
    server = serve(name, refusal)
    learner = tunable(name)
    assert "no tuning job was made" in follow(learner, tmp_path)
    assert not server.files
    assert check_books(learner, server).total_usd == 0


@pytest.mark.parametrize("name", ALL)
def test_nothing_leaves_before_the_cap_is_checked(serve, tunable, tmp_path, name):
    server = serve(name)
    assert "--max-cost" in follow(tunable(name, max_cost=0.0001), tmp_path)
    assert not server.log


@pytest.mark.parametrize("name", ALL)
def test_success_without_a_model_is_a_failure_that_is_billed(serve, tunable, tmp_path, monkeypatch, name):
    monkeypatch.setattr(job_keeper, "NAMELESS_SECONDS", 0.1)
    server = serve(name, named=False)
    learner = tunable(name)
    line = follow(learner, tmp_path)
    assert "names no tuned model" in line
    assert check_books(learner, server).total_usd > 0


@pytest.mark.parametrize("name", ALL)
def test_a_lost_job_is_said_and_stays_booked(serve, tunable, tmp_path, name):
    server = serve(name, polls=100)
    learner = tunable(name, adopt_wait_seconds=0.15)
    assert "running" in follow(learner, tmp_path, until="running")
    bill = server.bill_usd
    server.jobs.clear()
    line = follow(learner, tmp_path)
    assert "is lost" in line
    assert "jobs retry" in line
    assert learner.account.spending().total_usd >= bill


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("look", ["500", "html"])
def test_a_service_that_is_down_is_waited_for(serve, tunable, tmp_path, name, look):
    server = serve(name, polls=10**6)
    learner = tunable(name)
    assert "running" in follow(learner, tmp_path, until="running")
    server.behaviour["look"] = look
    assert "trying again" in follow(learner, tmp_path, until="trying again")
    server.behaviour |= {"look": "", "polls": 1}
    assert follow(learner, tmp_path).job["id"] in server.jobs
    check_books(learner, server)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("trains", [1, 5])
def test_passes_are_those_that_were_trained(serve, tunable, tmp_path, name, trains):
    server = serve(name, trains=trains)
    learner = tunable(name)
    record = follow(learner, tmp_path)
    assert record.epochs == trains
    assert record.job["differences"] == [f"{trains} epochs instead of 2"]
    check_books(learner, server)


@pytest.mark.parametrize("name", ALL)
def test_a_job_is_cancelled_by_command(serve, tunable, tmp_path, name, capsys):
    server = serve(name, polls=100)
    learner = tunable(name)
    assert "running" in follow(learner, tmp_path, until="running")
    (key,) = (row.key for row in learner.account.ledger.jobs())
    learner.account.close()
    assert run_command(["jobs", "cancel", key]) == 0, capsys.readouterr().err
    assert "cancelled" in capsys.readouterr().out
    assert "cancelled" in follow(tunable(name), tmp_path)
    assert not server.files


@pytest.mark.parametrize("name", ALL)
def test_whoever_dies_between_creation_and_record_leaves_no_second_job(serve, tunable, tmp_path, name, monkeypatch):
    server = serve(name)
    first = tunable(name)
    create = first.backend.create

    def create_and_die(request, file):
        create(request, file)
        raise KeyboardInterrupt

    monkeypatch.setattr(first.backend, "create", create_and_die)
    with pytest.raises(KeyboardInterrupt):
        begin(first, tmp_path)
    first.account.close()
    later = tunable(name)
    record = follow(later, tmp_path)
    assert [record.job["id"]] == list(server.jobs), record
    assert len(server.creations) == server.n_uploads == 1
    assert not server.files
    assert check_books(later, server).n_doubtful_jobs == 0


@pytest.mark.parametrize("name", [BEDROCK, FIREWORKS])
@pytest.mark.parametrize("code", ["301", "302", "307", "308"])
def test_rows_are_not_sent_on(serve, tunable, tmp_path, name, code):
    server = serve(name, files=code)
    line = follow(tunable(name), tmp_path)
    assert "sends calls on to http://127.0.0.1:9" in line
    assert "nothing was sent there" in line
    assert not server.files
    assert not server.jobs


@pytest.mark.parametrize("name", ALL)
def test_no_secret_is_kept_or_shown(serve, tunable, tmp_path, name):
    server = serve(
        name, "says 400 your key canary-nebius-key or canary-secret-of-aws or canary-fireworks-key is not allowed"
    )
    learner = tunable(name)
    line = follow(learner, tmp_path)
    assert "is not allowed" in line
    assert "canary" not in line
    learner.account.close()
    assert b"canary" not in (tmp_path / "ledger.sqlite").read_bytes()
    assert server.creations


# Nebius Token Factory


def test_what_nebius_is_sent(serve, tunable, tmp_path):
    server = serve(NEBIUS)
    record = follow(tunable(NEBIUS, adapter_size=16), tmp_path)
    (body,) = server.creations
    assert body["hyperparameters"] == {"n_epochs": 2, "batch_size": 8, "lora": True, "packing": False, "lora_r": 16}
    assert set(body) == {"model", "training_file", "seed", "suffix", "hyperparameters"}
    assert len(body["suffix"]) <= 64
    assert record.job["tuned_model"] == "ftjob-1:ftckpt-2"
    assert [pass_ for pass_, _ in record.job["checkpoints"]] == [1, 2]


def test_a_multiplier_is_never_sent_as_nebius_learning_rate(serve, tunable, tmp_path):
    server = serve(NEBIUS)
    line = follow(tunable(NEBIUS, learning_rate_multiplier=1.5), tmp_path)
    assert line.startswith(ModelError.__name__)
    assert "learning_rate_multiplier" in line
    assert not server.log


def test_checkpoints_that_cannot_be_listed_are_asked_for_again(serve, tunable, tmp_path):
    server = serve(NEBIUS, lists="no checkpoints")
    learner = tunable(NEBIUS)
    assert "trying again" in follow(learner, tmp_path, until="trying again")
    server.behaviour["lists"] = ""
    assert follow(learner, tmp_path).job["tuned_model"] == "ftjob-1:ftckpt-2"


@pytest.mark.parametrize("size", [1, 2, 4])
def test_an_adapter_that_a_service_does_not_offer_is_refused(serve, tunable, tmp_path, size):
    server = serve(NEBIUS)
    assert f"rank {size}" in follow(tunable(NEBIUS, adapter_size=size), tmp_path, rows=examples())
    assert not server.log


# Amazon Bedrock


def test_what_bedrock_is_sent(serve, tunable, tmp_path):
    server = serve(BEDROCK)
    learner = tunable(BEDROCK, keep_training_files=True)
    record = follow(learner, tmp_path)
    (body,) = server.creations
    (key,) = {row.key for row in learner.account.ledger.jobs()}
    assert body == {
        "jobName": key, "customModelName": key, "clientRequestToken": key, "roleArn": ROLE,
        "baseModelIdentifier": "amazon.nova-micro-v1:0:128k", "customizationType": "FINE_TUNING",
        "trainingDataConfig": {"s3Uri": f"s3://b/tunecurve/{key}.jsonl"},
        "outputDataConfig": {"s3Uri": "s3://b/tunecurve/output/"}, "hyperParameters": {"epochCount": "2"},
    }  # fmt: skip
    assert re.fullmatch(r"[a-zA-Z0-9](-*[a-zA-Z0-9\+\-\.])*", key)
    assert len(key) <= 63
    (content,) = server.files.values()
    first = json.loads(content.splitlines()[0])
    assert first == {
        "schemaVersion": "bedrock-conversation-2024",
        "system": [{"text": "Mask the names."}],
        "messages": [
            {"role": "user", "content": [{"text": "Ada is here."}]},
            {"role": "assistant", "content": [{"text": "[FIRSTNAME] is here."}]},
        ],
    }
    assert record.job["tuned_model"].startswith("arn:aws:bedrock:us-east-1:123456789012:custom-model/")


@pytest.mark.parametrize("word", ["Failed", "Stopped", "Stopping", "Frozen"])
def test_states_of_bedrock(serve, tunable, tmp_path, word):
    server = serve(BEDROCK, ends=word)
    learner = tunable(BEDROCK)
    expected = {
        "Failed": "failed",
        "Stopped": "cancelled",
        "Stopping": "running",
        "Frozen": "not known here ('Frozen')",
    }[word]
    line = follow(learner, tmp_path, until=expected)
    assert expected in line
    assert check_books(learner, server).total_usd >= server.bill_usd


@pytest.mark.parametrize(
    ("training", "is_booked"), [("NotStarted", False), ("Failed", True), ("InProgress", True), (None, True)]
)
def test_a_job_of_bedrocks_that_failed_is_free_only_where_it_was_not_trained(
    serve, tunable, tmp_path, training, is_booked
):
    server = serve(BEDROCK, ends="Failed", training=training)
    learner = tunable(BEDROCK)
    assert "failed" in follow(learner, tmp_path)
    spent = learner.account.spending()
    assert (spent.n_doubtful_jobs, spent.total_usd >= server.bill_usd) == ((1, True) if is_booked else (0, False))


def test_bedrocks_own_limit_of_jobs_is_waited_for(serve, tunable, tmp_path):
    server = serve(BEDROCK, "quota", times=3)
    learner = tunable(BEDROCK)
    record = follow(learner, tmp_path)
    assert record.job["id"] in server.jobs, record
    assert (len(server.creations), server.n_uploads) == (4, 1)
    check_books(learner, server)


@pytest.mark.parametrize("files", ["307", "301", "403", "500"])
def test_rows_go_to_no_other_address_than_the_bucket(serve, tunable, tmp_path, files):
    server = serve(BEDROCK, files=files)
    line = follow(tunable(BEDROCK), tmp_path, until="s3://b" if files != "500" else "trying again")
    assert "s3://b" in line or files == "500"
    assert not server.jobs
    assert not server.files
    if files in ("301", "307"):
        assert server.n_uploads == 1
        assert "127.0.0.1:9" in line


@pytest.mark.parametrize(
    ("settings", "model", "words"),
    [
        ({"bedrock": {"role_arn": ROLE}}, BEDROCK, "hosted.bedrock.bucket"),
        ({"bedrock": {"bucket": "b"}}, BEDROCK, "hosted.bedrock.role_arn"),
        ({"bedrock": {"bucket": "b", "role_arn": "tunes"}}, BEDROCK, "expected arn:aws:iam::ACCOUNT:role/NAME"),
        ({}, "bedrock/meta.llama3-1-8b-instruct-v1:0:128k", "cannot be served on demand"),
        ({}, "bedrock/anthropic.claude-3-haiku-20240307-v1:0:200k", "cannot be served on demand"),
        ({"learning_rate_multiplier": 2.0}, BEDROCK, "learning_rate_multiplier"),
    ],
)
def test_what_bedrock_still_needs_is_said_before_anything_is_sent(
    serve, tunable, learner_of, tmp_path, settings, model, words
):
    server = serve(BEDROCK)
    learner = learner_of(model, **{**FAST, **KINDS[BEDROCK][1], **settings})
    assert words in follow(learner, tmp_path)
    assert not server.log


def test_without_boto3_the_extra_is_named(serve, tunable, tmp_path, monkeypatch):
    server = serve(BEDROCK)
    monkeypatch.setattr(aws_access, "find_spec", lambda name: None)
    line = follow(tunable(BEDROCK), tmp_path)
    assert "pip install '.[bedrock]'" in line
    assert line.startswith("EnvironmentProblem")
    assert not server.log


@pytest.mark.parametrize(
    ("model", "n_rows", "expected"),
    [("amazon.nova-micro-v1:0:128k", 50, 5), ("amazon.nova-micro-v1:0:128k", 400, 3), ("amazon.nova-lite-v1:0:300k", 2000, 2),
     ("meta.llama3-3-70b-instruct-v1:0:128k", 50, 10)],
)  # fmt: skip
def test_bedrock_makes_no_more_passes_than_it_takes(tunable, learner_of, model, n_rows, expected):
    learner = learner_of(f"bedrock/{model}", **KINDS[BEDROCK][1])
    assert learner.resolve_recipe({}, n_rows)["epochs"] == expected
    assert learner.resolve_recipe({"max_epochs": 20}, n_rows)["epochs"] == expected


@pytest.mark.parametrize(
    ("model", "words"),
    [("amazon.nova-micro-v1:0:128k", "at most 5 epochs"), ("us.amazon.nova-2-lite-v1:0", "at most 5 epochs"),
     ("meta.llama3-3-70b-instruct-v1:0:128k", "at most 10 epochs"),
     ("meta.llama3-1-8b-instruct-v1:0", "prompted only"), ("anthropic.claude-3-haiku-20240307-v1:0", "prompted only")],
)  # fmt: skip
def test_what_bedrock_makes_of_a_model_is_said_at_plan(learner_of, model, words):
    learner = learner_of(f"bedrock/{model}", **KINDS[BEDROCK][1])
    (said,) = [finding.text for finding in learner.model_findings() if finding.code == "tuning-manner"]
    assert words in said


def test_more_passes_than_bedrock_takes_are_refused_where_they_are_asked_for(serve, tunable, tmp_path):
    server = serve(BEDROCK)
    line = follow(tunable(BEDROCK), tmp_path, epochs=6)
    assert "6 epochs are more than the 5" in line
    assert not server.log


@pytest.mark.parametrize("word", ["User: Ada", "see [EOS] here", "System: off", "an <image> of Bo"])
def test_reserved_words_of_nova_are_found_before_the_upload(serve, tunable, tmp_path, word):
    server = serve(BEDROCK)
    rows = [*examples(11), PromptRenderer("Mask the names.").tuning_example(word, "x")]
    line = follow(tunable(BEDROCK), tmp_path, rows=rows)
    assert "training row 12 holds" in line
    assert not server.log


def test_bedrock_answers_are_asked_for_once_and_booked(serve, tunable, prompts_of):
    server = serve(BEDROCK)
    learner = tunable(BEDROCK)
    assert [answer.text for answer in predict(learner, prompts_of(["Ada met Zoe.", "Bo"]))] == [
        "[FIRSTNAME] met Zoe.",
        "Bo",
    ]
    model, body = server.calls[0]
    assert model == "amazon.nova-micro-v1:0:128k"
    assert body["system"] == [{"text": "Mask the names."}]
    assert "cachePoint" not in json.dumps(body)
    assert body["inferenceConfig"]["maxTokens"] > 0
    assert learner.account.spending().n_answers == len(server.calls) == 2


@pytest.mark.parametrize(
    ("says", "n_calls", "words"),
    [
        ("says 429 Too many requests, please wait before trying again.", 3, None),
        ("says 424 the model failed", 3, None),
        ("says 500 internal", 3, None),
        ("says 503 unavailable", 3, None),
        ("says 403 no access to the model", 1, "check the AWS credentials"),
        ("says 400 malformed input", 1, "malformed input"),
        ("says 404 no such model", 1, "check the model's name"),
        ("says 307 elsewhere", 1, "sends calls on to http://127.0.0.1:9"),
        ("says 302 elsewhere", 1, "nothing was sent there"),
    ],
)
def test_faults_of_bedrocks_answers(serve, tunable, prompts_of, says, n_calls, words):
    server = serve(BEDROCK, converse=says, times=2)
    learner = tunable(BEDROCK, concurrency=1)
    if words is None:
        assert [answer.text for answer in predict(learner, prompts_of(["Ada."]))] == ["[FIRSTNAME]."]
    else:
        with pytest.raises(ModelError, match=re.escape(words)):
            predict(learner, prompts_of(["Ada."]))
    assert len(server.calls) == n_calls
    assert learner.account.spending().total_usd >= 0 if words else learner.account.spending().answers_usd > 0


@pytest.mark.parametrize("leaves_out", [("usage",), ("metrics",), ("stopReason",), ("usage", "metrics", "stopReason")])
def test_bedrocks_answers_are_kept_where_fields_are_missing(serve, tunable, prompts_of, leaves_out):
    server = serve(BEDROCK, leaves_out=leaves_out)
    learner = tunable(BEDROCK)
    assert [answer.text for answer in predict(learner, prompts_of(["Ada."]))] == ["[FIRSTNAME]."]
    assert len(server.calls) == 1
    spent = learner.account.spending()
    assert (spent.n_estimated, spent.answers_usd > 0) == ("usage" in leaves_out, True)


@pytest.mark.parametrize("variable", ["BEDROCK_BASE_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"])
def test_an_address_of_ones_own_is_part_of_what_determines_bedrocks_answers(tunable, monkeypatch, variable):
    for other in ("BEDROCK_BASE_URL", "AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(other, raising=False)
    own = tunable(BEDROCK).identity()
    monkeypatch.setenv(variable, "http://proxy.example:8000")
    learner = tunable(BEDROCK)
    assert learner.identity()["base_url"] == "http://proxy.example:8000"
    assert own["base_url"] is None
    assert "sent-in-the-clear" in [finding.code for finding in learner.model_findings()]


def test_without_a_login_at_amazon_nothing_is_sent_and_nothing_booked(
    serve, tunable, prompts_of, tmp_path, monkeypatch
):
    server = serve(BEDROCK)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(variable)
    aws_access._session.cache_clear()
    learner = tunable(BEDROCK)
    with pytest.raises(ModelError, match="log in to AWS"):
        predict(learner, prompts_of(["Ada."]))
    assert "no login at Amazon" in follow(learner, tmp_path)
    assert not server.calls
    assert not server.log
    assert learner.account.spending().total_usd == 0
    aws_access._session.cache_clear()


# Fireworks


def test_what_fireworks_is_sent(serve, tunable, tmp_path):
    server = serve(FIREWORKS)
    learner = tunable(FIREWORKS, keep_training_files=True, adapter_size=8)
    record = follow(learner, tmp_path)
    (body,) = server.creations
    (key,) = {row.key for row in learner.account.ledger.jobs()}
    assert body == {
        "displayName": key, "dataset": f"accounts/ada/datasets/{key}", "outputModel": f"accounts/ada/models/{key}",
        "baseModel": "accounts/fireworks/models/llama-v3p1-8b-instruct", "epochs": 2, "batchSizeSamples": 8, "loraRank": 8,
        "earlyStop": False, "evalAutoCarveout": False,
    }  # fmt: skip
    assert re.fullmatch(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", key)
    assert record.job["id"] == f"accounts/ada/supervisedFineTuningJobs/{key}"
    assert record.job["tuned_model"] == f"accounts/ada/models/{key}"
    (content,) = server.files.values()
    roles = [message["role"] for message in json.loads(content.splitlines()[0])["messages"]]
    assert roles == ["system", "user", "assistant"]
    (dataset,) = server.datasets.values()
    assert dataset["exampleCount"] == "12"


def test_a_dataset_whose_creation_got_no_answer_is_used(serve, tunable, tmp_path):
    server = serve(FIREWORKS, files="lost once")
    learner = tunable(FIREWORKS)
    assert follow(learner, tmp_path).job["id"] in server.jobs
    assert not server.datasets
    check_books(learner, server)


@pytest.mark.parametrize(
    ("word", "expected"),
    [("JOB_STATE_FAILED", "failed"), ("JOB_STATE_CANCELLED", "cancelled"), ("JOB_STATE_EXPIRED", "expired"),
     ("JOB_STATE_EARLY_STOPPED", None), ("JOB_STATE_PAUSED", "not known here ('JOB_STATE_PAUSED')"),
     ("JOB_STATE_WRITING_RESULTS", "running"), ("JOB_STATE_RE_QUEUEING", "waiting"), ("JOB_STATE_DELETING", "running"),
     ("JOB_STATE_VALIDATING", "waiting"), ("JOB_STATE_CREATING_INPUT_DATASET", "waiting")],
)  # fmt: skip
def test_states_of_fireworks(serve, tunable, tmp_path, word, expected):
    server = serve(FIREWORKS, ends=word)
    learner = tunable(FIREWORKS)
    found = follow(learner, tmp_path, until=expected)
    if expected is None:
        assert found.job["id"] in server.jobs
    else:
        assert expected in found
    check_books(learner, server)


@pytest.mark.parametrize(
    ("cost", "usd"),
    [({"currencyCode": "USD", "units": "3", "nanos": 500_000_000}, 3.5), ({"units": "2"}, 2.0), ({"nanos": 1000}, None),
     ({"currencyCode": "EUR", "units": "3"}, None), ({"units": "many"}, None), ({"units": "-3"}, None)],
)  # fmt: skip
def test_fireworks_own_estimate_is_booked_where_it_is_higher(serve, tunable, tmp_path, cost, usd):
    server = serve(FIREWORKS, cost=cost)
    learner = tunable(FIREWORKS)
    record = follow(learner, tmp_path)
    spent = check_books(learner, server)
    at_most = 2 * sum(len(text.encode()) for text in uploads_of(learner)) * 3.0 / 1e6
    assert spent.total_usd == pytest.approx(usd or at_most)
    assert record.job["cost_is_estimated"]


@pytest.mark.parametrize("cancel", [None, 404, 405, 501])
def test_fireworks_estimate_above_the_cap_ends_the_job(serve, tunable, tmp_path, cancel):
    server = serve(FIREWORKS, cost={"units": "3"}, polls=100, cancel=cancel)
    line = follow(tunable(FIREWORKS, max_cost=1.0), tmp_path)
    assert line.startswith("MoneyError")
    assert "costs more than was quoted and may bring the study to $3.00" in line
    assert [job["force"] for job in server.jobs.values()] == ([] if cancel else ["JOB_STATE_CANCELLED"])


def test_fireworks_account_is_asked_for(serve, learner_of, tmp_path, monkeypatch):
    server = serve(FIREWORKS)
    monkeypatch.delenv("FIREWORKS_ACCOUNT_ID", raising=False)
    learner = learner_of(FIREWORKS, **{**FAST, "tuning": "fireworks"})
    assert "hosted.fireworks.account" in follow(learner, tmp_path)
    assert not server.log
    monkeypatch.setenv("FIREWORKS_ACCOUNT_ID", "ada")
    assert follow(learner, tmp_path).job["id"] in server.jobs


@pytest.mark.parametrize("n_rows", [1, 2])
def test_fireworks_takes_three_rows_at_least(serve, tunable, tmp_path, n_rows):
    server = serve(FIREWORKS)
    learner = tunable(FIREWORKS)
    assert learner.fewest_training_rows == 3
    assert "fewer than the 3" in follow(learner, tmp_path, rows=examples(n_rows))
    assert not server.log


# Prices


@pytest.mark.parametrize(
    ("provider", "model", "usd"),
    [("bedrock", "amazon.nova-micro-v1:0", (0.035, 0.14)), ("bedrock", "amazon.nova-micro-v1:0:128k", (0.035, 0.14)),
     ("fireworks", "llama-v3p1-8b-instruct", (0.2, 0.2)), ("bedrock", "nobody.knows-v1:0", (None, None))],
)  # fmt: skip
def test_prices_of_answers_are_found_and_those_of_tuned_models_are_unknown(provider, model, usd):
    base, tuned = find_price(provider, model), find_price(provider, model, tuned=True)
    assert (base.input_usd, base.output_usd) == pytest.approx(usd) if usd[0] else base.input_usd is None
    assert (tuned.input_usd, tuned.output_usd, tuned.training_usd) == (None, None, None)
    own = find_price(provider, model, {"input": 1.0, "output": 2.0, "training": 3.0}, tuned=True)
    assert (own.input_usd, own.output_usd, own.training_usd, own.source) == (1.0, 2.0, 3.0, "study file")


CALL = "the price of a call to "


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("prices", "words"),
    [
        ({}, "tuning '"),
        ({"training": 3.0}, CALL),
        ({"training": 3.0, "input": 1.0}, CALL),
        ({"input": 1.0, "output": 2.0}, "tuning '"),
    ],
)
def test_with_a_cap_unknown_prices_are_refused_before_anything_is_sent(serve, tunable, tmp_path, name, prices, words):
    server = serve(name)
    learner = tunable(name, max_cost=5.0, prices={name: prices})
    line = follow(learner, tmp_path)
    assert line.startswith("MoneyError")
    assert "is unknown" in line
    assert words in line
    # A model of Nebius answers under its own price, the others' tuned ones from a deployment.
    assert ("what is tuned from" in line) == (words == CALL and not name.startswith("openai-api/nebius"))
    assert not server.log


# Who tunes no more


@pytest.mark.parametrize(
    ("name", "address", "who"),
    [
        ("mistral/mistral-small-latest", None, "Mistral"),
        ("openai-api/mistral/open-mistral-7b", "https://api.mistral.ai/v1", "Mistral"),
        ("openai-api/lab/open-mistral-7b", "https://api.mistral.ai/v1", "Mistral"),
        ("openai-api/cohere/command-r", "https://api.cohere.ai/compatibility/v1", "Cohere"),
        ("openai-api/lab/command-r", "https://api.cohere.com/compatibility/v1", "Cohere"),
    ],
)
@pytest.mark.parametrize("tuning", ["openai", "nebius", "auto"])
def test_who_has_given_tuning_up_is_said(monkeypatch, name, address, who, tuning):
    parts = parse_hosted_name(name)
    if address:
        monkeypatch.setenv(parts.base_url_variable(), address)
    assert tuning_backend_of(parts, HostedSpec(tuning=tuning)) is None
    line = why_not_tunable(parts)
    assert f"{who}'s fine-tuning" in line
    assert "deprecated" in line


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("openai-api/lab/mistral-7b-tuned-by-us", "set hosted.tuning: openai or azure or nebius"),
        ("openai-api/lab/cohere-like", "set hosted.tuning"),
        ("anthropic/claude-haiku", "no tuning service of its provider is known here"),
        ("google/gemini-3.5-flash", "google/vertex/gemini-3.5-flash"),
    ],
)
def test_who_else_is_not_tuned_is_told_the_way_on(name, words):
    parts = parse_hosted_name(name)
    assert tuning_backend_of(parts, HostedSpec()) is None
    assert words in why_not_tunable(parts)


def test_plan_says_it_where_tuning_is_asked_of_a_provider_without(monkeypatch, tmp_path, capsys):
    monkeypatch.setenv("MISTRAL_API_KEY", "canary-of-mistral")
    rows = [{"source_text": f"{name} is here.", "target_text": "[A] is here."} for name in NAMES * 5]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    study = {"name": "m", "data": {"source": str(tmp_path / "rows.jsonl")}, "models": ["mistral/mistral-small-latest"],
             "train_sizes": [10], "split": {"test_size": 10}, "hosted": {"tuning": "openai"}}  # fmt: skip
    (tmp_path / "study.yaml").write_text(json.dumps(study))
    monkeypatch.chdir(tmp_path)
    run_command(["plan", "study.yaml"])
    shown = capsys.readouterr()
    assert "Mistral's fine-tuning API is deprecated" in shown.out + shown.err
    assert "canary" not in shown.out + shown.err


# The examples of the page


def examples_of_the_page():
    page = (Path(__file__).parents[3] / "docs" / "hosted.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block.split("```")[0]) for block in page.split("```yaml\n")[1:]]
    return {block["name"]: block for block in blocks if block.get("name") in ("nebius", "bedrock", "fireworks")}


@pytest.mark.parametrize("which", ["nebius", "bedrock", "fireworks"])
def test_the_examples_of_the_page_are_accepted_by_plan(serve, tmp_path, monkeypatch, capsys, which):
    server = serve(NEBIUS)
    study = examples_of_the_page()[which]
    StudySpec.model_validate(study)
    dice = random.Random(3)
    texts = [" ".join("".join(dice.choices("abdegiklmnorstu", k=6)) for _ in range(8)) for _ in range(1200)]
    rows = [{"source_text": f"Ada {text}", "target_text": f"[A] {text}"} for text in texts]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    (tmp_path / "study.yaml").write_text(json.dumps(study))
    monkeypatch.chdir(tmp_path)
    assert run_command(["plan", "study.yaml"]) == 0, capsys.readouterr().err
    shown = capsys.readouterr()
    assert f"fine-tune-n{study['train_sizes'][0]}" in shown.out
    assert "unknown" not in shown.out
    assert "prompted only" not in shown.out + shown.err
    assert not server.log
