"""Tuned models on Amazon Bedrock, deployed for inference on demand: paid by the token, not by time.

Written from Amazon's service description and its page "Deploy a custom model for on-demand inference", read in November 2026.
"""

from __future__ import annotations

from collections.abc import Iterable
from uuid import uuid4

from tunecurve.learners.hosted.deployments.types import (
    Deployment,
    DeploymentBackend,
    Hosting,
    state_by_word,
)
from tunecurve.learners.hosted.ledger.job_rows import OUR_PREFIX, Place
from tunecurve.learners.hosted.transport.aws_access import as_told, aws_client, bedrock_url, need_boto3
from tunecurve.learners.hosted.transport.failures import plain_reason
from tunecurve.learners.hosted.transport.rest import JsonObject, all_entries
from tunecurve.privacy.redact import redacted
from tunecurve.spec.hosted import BedrockSpec

SOURCE = "no price by time: on demand, a custom model is paid by the token (Amazon's user guide, 2026-11)"


class BedrockDeployments(DeploymentBackend):
    """Custom model deployments of one region."""

    name, billed_seconds = "bedrock", 1

    def __init__(self, where: BedrockSpec) -> None:
        need_boto3("bedrock/...")
        self.client = aws_client("bedrock", where)

    def place(self) -> Place:
        """Return region and address; the account is that of the login."""
        return {"backend": self.name, "region": self.client.meta.region_name, "base_url": redacted(bedrock_url())}

    def probe(self) -> None:
        """List one deployment."""
        as_told(self.client.list_custom_model_deployments(maxResults=1))

    def _create(self, name: str, model: str) -> Deployment:
        """Amazon takes a name once, and a token once, also when what it made is gone."""
        made = self.client.create_custom_model_deployment(
            modelDeploymentName=name, modelArn=model, clientRequestToken=uuid4().hex, description="made by tunecurve"
        )
        return Deployment(made["customModelDeploymentArn"], "starting", name=name, model=model, raw_state="Creating")

    def get(self, provider_id: str) -> Deployment:
        """Return one deployment."""
        told = as_told(self.client.get_custom_model_deployment(customModelDeploymentIdentifier=provider_id))
        return _view({"customModelDeploymentArn": provider_id, **told}, told.get("modelDeploymentName"))

    def find(self, name: str) -> Deployment | None:
        """Return the deployment of this name."""
        return next((found for found in self._named(name) if found.name == name), None)

    def _all(self) -> Iterable[Deployment]:
        return self._named(OUR_PREFIX)

    def _named(self, part: str) -> list[Deployment]:
        def ask(mark: str | None) -> JsonObject:
            more = {"nextToken": mark} if mark else {}
            return as_told(self.client.list_custom_model_deployments(nameContains=part, **more))

        entries = all_entries(ask, "modelDeploymentSummaries", "nextToken", may_lack=True)
        return [_view(entry, entry.get("customModelDeploymentName")) for entry in entries]

    def delete(self, provider_id: str) -> None:
        """Delete a deployment; the custom model stays."""
        self.client.delete_custom_model_deployment(customModelDeploymentIdentifier=provider_id)

    def delete_command(self, provider_id: str) -> str:
        """Return the command of Amazon's command line that deletes it."""
        region = self.client.meta.region_name
        return (
            "aws bedrock delete-custom-model-deployment --custom-model-deployment-identifier "
            f"{provider_id} --region {region}"
        )


def bedrock_hosting(where: BedrockSpec) -> Hosting:
    """Return how tuned models are served on demand; that costs nothing by time."""
    return Hosting(lambda model: BedrockDeployments(where), lambda: None, 0.0, 1, SOURCE)


def _view(told: JsonObject, name: str | None) -> Deployment:
    raw = str(told.get("status") or "")
    arn, failure = str(told["customModelDeploymentArn"]), told.get("failureMessage")
    return Deployment(
        provider_id=arn,
        state=state_by_word(raw),
        name=name or "",
        model=str(told.get("modelArn") or ""),
        answers_as=arn,
        raw_state=raw,
        error=plain_reason(failure) if failure else None,
    )
