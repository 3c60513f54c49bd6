"""Tuning on Amazon Bedrock: training files on S3, model customization jobs, found again by their name, which is our key.

Written from Amazon's service description and user guide (read in November 2026). Only models that are served on demand
afterwards are tuned: a custom model of another kind answers from bought throughput alone, which is not bought here.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from tunecurve.errors import EnvironmentProblem, ModelError
from tunecurve.learners.hosted.ledger.job_rows import OUR_PREFIX, Place, ProviderJob
from tunecurve.learners.hosted.transport.aws_access import as_told, aws_client, bedrock_url, need_boto3, region_of
from tunecurve.learners.hosted.transport.failures import AWS_LOGIN_HINT, plain_reason
from tunecurve.learners.hosted.transport.rest import JsonObject, all_entries
from tunecurve.learners.hosted.tuning.backend import TuningBackend, as_file, our_key
from tunecurve.learners.hosted.tuning.errors import asking
from tunecurve.learners.hosted.tuning.limits import SERVED_ON_DEMAND
from tunecurve.learners.hosted.tuning.types import JobRequest, state_by_word, told_numbers
from tunecurve.privacy.redact import redacted
from tunecurve.prompts import TuningExample
from tunecurve.spec.hosted import BedrockSpec

MOST_A_PAGE = 100
_NOVA = re.compile(r"amazon\.nova")
# A prompt that holds one of these fails the job, says the guide to Nova's tuning data.
_RESERVED = ("User:", "Bot:", "Assistant:", "System:", "<image>", "<video>", "[EOS]")


class BedrockTuning(TuningBackend):
    """Fine-tuning by model customization jobs."""

    name = "bedrock"

    def __init__(self, where: BedrockSpec) -> None:
        need_boto3("bedrock/...")
        self.where = where
        self.client = aws_client("bedrock", where)
        self._storage: Any = None

    @property
    def storage(self) -> Any:
        """The client for S3."""
        if self._storage is None:
            self._storage = aws_client("s3", self.where)
        return self._storage

    def place(self) -> Place:
        """Return region and address; the account is that of the login."""
        return {
            "backend": self.name,
            "provider": "bedrock",
            "service": None,
            "region": self.client.meta.region_name,
            "base_url": redacted(bedrock_url()),
        }

    def check_limits(self, request: JobRequest) -> None:
        """Refuse what Amazon would refuse after the upload."""
        model = request.base_model
        if not SERVED_ON_DEMAND.search(model):
            raise ModelError(
                f"'{model}' cannot be served on demand once it is tuned, only from bought throughput, which is not bought here; "
                "tune amazon.nova-micro, -lite, -pro, amazon.nova-2-lite or meta.llama3-3-70b-instruct"
            )
        super().check_limits(request)
        if not self.where.bucket or not self.where.role_arn:
            raise EnvironmentProblem("tuning on Amazon Bedrock needs hosted.bedrock.bucket and hosted.bedrock.role_arn")
        if _NOVA.search(model):
            _refuse_reserved_words(request)

    def preflight(self, base_model: str) -> None:
        """See whether this login may list customization jobs; costs nothing."""
        from botocore.exceptions import CredentialRetrievalError, NoCredentialsError, PartialCredentialsError

        region = region_of(self.where) or "the profile's region"
        with asking(f"this AWS login cannot tune '{base_model}' in {region}"):
            try:
                self.client.list_model_customization_jobs(maxResults=1)
            except (NoCredentialsError, PartialCredentialsError, CredentialRetrievalError) as error:
                raise EnvironmentProblem(f"no login at Amazon: {error}; {AWS_LOGIN_HINT}") from None

    def training_file(self, request: JobRequest) -> bytes:
        """Return the rows as conversations in JSON Lines."""
        return as_file([json.dumps(_training_row(example), ensure_ascii=False) for example in request.examples])

    def upload(self, request: JobRequest) -> str:
        """Store the rows under our key; return the s3:// address."""
        path = f"tunecurve/{request.key}.jsonl"
        with asking(f"cannot upload the training rows to s3://{self.where.bucket}"):
            self.storage.put_object(Bucket=self.where.bucket, Key=path, Body=self.training_file(request))
        return f"s3://{self.where.bucket}/{path}"

    def delete_file(self, training_file: str) -> None:
        """Delete the rows in the bucket."""
        bucket, _, path = training_file.removeprefix("s3://").partition("/")
        self.storage.delete_object(Bucket=bucket, Key=path)

    def _create(self, request: JobRequest, training_file: str) -> ProviderJob:
        """Amazon makes no second job for the same token."""
        made = self.client.create_model_customization_job(
            jobName=request.key,
            customModelName=request.key,
            clientRequestToken=request.key,
            roleArn=self.where.role_arn,
            baseModelIdentifier=request.base_model,
            customizationType="FINE_TUNING",
            trainingDataConfig={"s3Uri": training_file},
            outputDataConfig={"s3Uri": f"s3://{self.where.bucket}/tunecurve/output/"},
            hyperParameters={"epochCount": str(request.recipe.epochs)},
        )
        return ProviderJob(
            made["jobArn"], "waiting", key=request.key, base_model=request.base_model, training_file=training_file
        )

    def jobs(self) -> list[ProviderJob]:
        """Return the account's customization jobs in this region that are ours by name."""

        def ask(mark: str | None) -> JsonObject:
            asked = {"nameContains": OUR_PREFIX, "sortBy": "CreationTime", "sortOrder": "Descending"}
            more = {"nextToken": mark} if mark else {}
            return as_told(self.client.list_model_customization_jobs(maxResults=MOST_A_PAGE, **asked, **more))

        return [_view(job) for job in all_entries(ask, "modelCustomizationJobSummaries", "nextToken", may_lack=True)]

    def get(self, provider_id: str) -> ProviderJob:
        """Return one job."""
        job = as_told(self.client.get_model_customization_job(jobIdentifier=provider_id))
        return replace(_view(job), provider_id=provider_id)

    def cancel(self, provider_id: str) -> None:
        """Ask for a job's end."""
        self.client.stop_model_customization_job(jobIdentifier=provider_id)


def _training_row(example: TuningExample) -> JsonObject:
    turns = [
        {"role": message.role, "content": [{"text": message.content}]}
        for message in example.prompt.messages
        if message.role != "system"
    ]
    system = [{"text": message.content} for message in example.prompt.messages if message.role == "system"]
    answer = {"role": "assistant", "content": [{"text": example.answer}]}
    row = {"schemaVersion": "bedrock-conversation-2024", "messages": [*turns, answer]}
    return {**row, "system": system} if system else row


def _refuse_reserved_words(request: JobRequest) -> None:
    for number, example in enumerate(request.examples, start=1):
        for message in example.prompt.messages:
            word = next((word for word in _RESERVED if word in message.content), None)
            if word is not None:
                raise ModelError(
                    f"training row {number} holds '{word}', a reserved word with which Nova's tuning jobs fail; leave such rows "
                    "out, or write it otherwise in data and prompt"
                )


def _view(job: JsonObject) -> ProviderJob:
    # "NotStarted": it ended before it was trained, e.g. while its rows were checked. The summaries in lists tell no details.
    training = ((job.get("statusDetails") or {}).get("trainingDetails") or {}).get("status")
    name, status, failure = job.get("jobName"), job.get("status"), job.get("failureMessage")
    created = job.get("creationTime")
    return ProviderJob(
        provider_id=job.get("jobArn") or "",
        # It is told as in progress from the start; what is not trained yet costs nothing.
        state="waiting" if status == "InProgress" and training == "NotStarted" else state_by_word(status),
        raw_state=str(status or ""),
        key=our_key(name),
        base_model=job.get("baseModelArn") or "",
        tuned_model=job.get("outputModelArn") or job.get("customModelArn"),
        error=plain_reason(failure) if failure else None,
        training_file=(job.get("trainingDataConfig") or {}).get("s3Uri"),
        created_at=created.timestamp() if created is not None else None,
        has_not_run=training == "NotStarted",
        hyperparameters=told_numbers({"epochs": (job.get("hyperParameters") or {}).get("epochCount")}),
    )
