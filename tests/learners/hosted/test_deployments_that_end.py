"""Deployments that end otherwise than planned: deleted by somebody else, not to be stopped, not to be deleted, made anew."""

from __future__ import annotations

import time

import pytest

from tests.fakes.faulty_together import TogetherHandler
from tests.learners.hosted.test_deployments_by_wire import (
    ALL,
    AZURE,
    FIREWORKS,
    FIRST,
    NEBIUS,
    TEXTS,
    TOGETHER,
    answers_of,
    check_books,
    serve,
    soon,
    tuned_of,
)
from tunecurve.errors import EnvironmentProblem
from tunecurve.learners.answers import answer_stream
from tunecurve.learners.base import predict
from tunecurve.learners.hosted.deployments import keeper, together
from tunecurve.learners.hosted.transport.failures import plain_reason

__all__ = ["serve", "soon"]


@pytest.mark.parametrize("name", [AZURE, TOGETHER, FIRST, FIREWORKS, NEBIUS])
@pytest.mark.parametrize("after", [0, 1, 2])
def test_one_that_somebody_else_deletes_ends_the_trial_at_once(serve, learner_of, prompts_of, tmp_path, name, after):
    server = serve(name, vanishes=after)
    learner, tuned = tuned_of(learner_of, tmp_path, name, concurrency=1)
    begun = time.monotonic()
    line = answers_of(tuned, prompts_of)
    assert "nobody here has ended it" in line
    assert time.monotonic() - begun < 120.0  # it did not sit out a wait for the deployment: 120 and 300 seconds
    assert [row.state for row in learner.account.ledger.deployments()] == ["deleted"]
    check_books(learner, server)
    answers = predict(tuned, prompts_of(TEXTS))  # the same command: another one for what is left
    assert [answer.text for answer in answers] == TEXTS
    assert server.n_answers == len(TEXTS)
    assert len(server.deployment_bodies) == 2
    check_books(learner, server)


@pytest.mark.parametrize("name", ALL)
def test_answers_of_two_deployments_are_of_one_model(serve, learner_of, prompts_of, tmp_path, name):
    serve(name)
    _, tuned = tuned_of(learner_of, tmp_path, name)
    first = predict(tuned, prompts_of(TEXTS[:1]))
    second = predict(tuned, prompts_of(TEXTS))
    told = {answer.model_version for answer in [*first, *second]}
    assert len(told) == 1


@pytest.mark.parametrize("status", [400, 409, 412])
def test_one_that_cannot_be_stopped_is_deleted_all_the_same(
    serve, learner_of, prompts_of, tmp_path, monkeypatch, status
):
    monkeypatch.setattr(TogetherHandler, "scale", lambda self, found, raw: self.fail(status, "etag mismatch"))
    monkeypatch.setattr(
        TogetherHandler, "undeploy", lambda self, found, raw: super(TogetherHandler, self).undeploy(found, raw)
    )
    server = serve(TOGETHER)
    learner, tuned = tuned_of(learner_of, tmp_path, TOGETHER)
    assert answers_of(tuned, prompts_of) == TEXTS
    assert server.deployments == {}
    assert check_books(learner, server).doubtful_usd == 0


@pytest.mark.parametrize("refusals", [1, 2, 3])
def test_an_endpoint_that_holds_on_for_a_moment_is_deleted(
    serve, learner_of, prompts_of, tmp_path, monkeypatch, refusals
):
    monkeypatch.setattr(together, "PAUSE_SECONDS", 0.01)
    left, delete = [refusals], TogetherHandler.delete_endpoint

    def delete_endpoint(self, found, raw):
        if not any(entry["endpoint"] == found["endpoint"] for entry in self.server.deployments.values()) and left[0]:
            left[0] -= 1
            return self.fail(409, "its deployment is on its way out")
        return delete(self, found, raw)

    monkeypatch.setattr(TogetherHandler, "delete_endpoint", delete_endpoint)
    server = serve(TOGETHER)
    learner, tuned = tuned_of(learner_of, tmp_path, TOGETHER)
    assert answers_of(tuned, prompts_of) == TEXTS
    assert server.endpoints == {}
    check_books(learner, server)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("status", ["401", "403"])
def test_a_refused_deletion_is_told_soon(serve, learner_of, prompts_of, tmp_path, monkeypatch, name, status):
    monkeypatch.setattr(keeper, "CONFIRMATION_SECONDS", 600.0)
    server = serve(name, undeploy=status)
    learner, tuned = tuned_of(learner_of, tmp_path, name)
    begun = time.monotonic()
    assert answers_of(tuned, prompts_of) == TEXTS
    assert time.monotonic() - begun < 300.0  # not the 600 seconds of a confirmation
    assert "MAY STILL STAND" in " ".join(learner.account.said)
    assert [row.state for row in learner.account.ledger.deployments()] == ["undeleted"]
    assert len(server.deployments) == 1


def test_batches_at_together_need_its_package(serve, learner_of, monkeypatch):
    serve(TOGETHER)
    from tunecurve.learners.hosted.transport import access

    learner = learner_of(TOGETHER, batch=True)
    monkeypatch.setattr(access, "find_spec", lambda name: None)
    with pytest.raises(EnvironmentProblem, match="pip install together"):
        learner.check_access()
    monkeypatch.setattr(access, "find_spec", lambda name: object())
    learner.check_access()


def refusal_of_amazon(status, code, said, headers=None):
    from botocore.exceptions import ClientError

    metadata = {"HTTPStatusCode": status, "HTTPHeaders": headers or {}}
    return ClientError({"Error": {"Code": code, "Message": said}, "ResponseMetadata": metadata}, "PutObject")


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (refusal_of_amazon(301, "PermanentRedirect", "elsewhere", {"x-amz-bucket-region": "eu-west-1"}), "is in eu-west-1"),
        (refusal_of_amazon(400, "AuthorizationHeaderMalformed", "wrong", {"x-amz-bucket-region": "ap-south-1"}), "is in ap-south-1"),
        (refusal_of_amazon(307, "TemporaryRedirect", "wait", {"location": "https://b.example/x"}), "https://b.example"),
        (refusal_of_amazon(403, "RequestTimeTooSkewed", "The difference is too large."), "is the clock"),
        (refusal_of_amazon(403, "InvalidSignatureException", "Signature expired: 2026 is now earlier than 2026"), "is the clock"),
        (refusal_of_amazon(403, "AccessDenied", "Access Denied"), "403: Access Denied"),
    ],
)  # fmt: skip
def test_amazon_s_refusals_name_the_culprit(error, said):
    assert said in plain_reason(error)


def test_a_stream_that_is_left_ends_its_deployment_before_the_next_line(serve, learner_of, prompts_of, tmp_path):
    server = serve(FIREWORKS)
    _, tuned = tuned_of(learner_of, tmp_path, FIREWORKS, concurrency=1)
    stream = answer_stream(tuned, prompts_of(TEXTS))
    next(stream)
    assert len(server.deployments) == 1
    held = stream  # as a traceback holds it: nothing may hang on when it is collected
    stream.close()
    assert server.deployments == {}
    assert held is stream


@pytest.mark.parametrize(
    ("refusal", "hint"),
    [("says 400 baseModel requires at least 2 NVIDIA_H100_80GB accelerators", True), ("says 400 no such model", False)],
)
def test_a_machine_that_is_too_small_is_named_with_its_setting(serve, learner_of, prompts_of, tmp_path, refusal, hint):
    server = serve(FIREWORKS, deploy=refusal)
    learner, tuned = tuned_of(learner_of, tmp_path, FIREWORKS)
    assert ("hosted.fireworks.accelerators" in answers_of(tuned, prompts_of)) == hint
    check_books(learner, server)
