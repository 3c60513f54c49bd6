"""Tuning Gemini on Vertex AI: training files on Cloud Storage, jobs through google-genai."""

from __future__ import annotations

import json
import logging
import os
import warnings
from dataclasses import replace
from typing import Any

from tunecurve.errors import EnvironmentProblem, ModelError, needing
from tunecurve.learners.hosted.ledger.job_rows import Place, ProviderJob
from tunecurve.learners.hosted.transport.failures import plain_reason
from tunecurve.learners.hosted.transport.google_access import credentials_from_environment, tuning_region
from tunecurve.learners.hosted.transport.redirects import refuse_redirects_of_google, refuse_redirects_of_storage
from tunecurve.learners.hosted.transport.rest import JsonObject
from tunecurve.learners.hosted.transport.usage import whole_number
from tunecurve.learners.hosted.tuning.backend import TuningBackend, as_file
from tunecurve.learners.hosted.tuning.errors import asking
from tunecurve.learners.hosted.tuning.types import CreationUnclear, JobRequest, state_by_word, told_numbers
from tunecurve.privacy.redact import redacted
from tunecurve.prompts import TuningExample
from tunecurve.spec.hosted import VertexSpec

# Documented for supervised tuning of Gemini 2.5 Flash and Flash-Lite; counted here at two characters a token at worst.
MOST_TOKENS_A_ROW = 131_072
MOST_ROWS = 1_000_000
LABEL = "tunecurve-key"
_SIZES = {1: "ONE", 2: "TWO", 4: "FOUR", 8: "EIGHT", 16: "SIXTEEN"}


class VertexTuning(TuningBackend):
    """Supervised tuning on Vertex AI; the environment fills in what is unset of project, region and bucket."""

    name, most_file_bytes = "vertex", 1_000_000_000

    def __init__(self, where: VertexSpec) -> None:
        self.project, self.location = tuning_region(where.project, where.location, where.tuning_location)
        self.bucket = where.bucket
        self.base_url = os.environ.get("GOOGLE_VERTEX_BASE_URL") or None
        with needing("hosted", "tuning on Vertex AI"):
            from google import genai
            from google.genai import types
        logging.getLogger("google_genai").setLevel(logging.ERROR)
        self.types = types
        self.client = refuse_redirects_of_google(
            genai.Client(
                vertexai=True,
                project=self.project,
                location=self.location,
                credentials=credentials_from_environment(),
                http_options=types.HttpOptions(base_url=self.base_url, timeout=60_000),
            )
        )

    def place(self) -> Place:
        """Return project, region and address."""
        return {
            "backend": "vertex",
            "project": self.project,
            "location": self.location,
            "base_url": redacted(self.base_url),
        }

    def check_limits(self, request: JobRequest) -> None:
        """Refuse what Vertex AI would refuse after the upload."""
        super().check_limits(request)
        lines = training_lines(request.examples)
        if len(lines) > MOST_ROWS:
            raise ModelError(
                f"{len(lines)} rows are more than Vertex AI takes ({MOST_ROWS:,} rows, 1 GB); lower --train-sizes"
            )
        longest = max(map(len, lines))
        if longest // 2 > MOST_TOKENS_A_ROW:
            raise ModelError(
                f"a training row has {longest:,} characters, Vertex AI takes {MOST_TOKENS_A_ROW:,} tokens; lower data.max_tokens"
            )
        if not self.bucket:
            raise EnvironmentProblem(
                "tuning on Vertex AI needs a Cloud Storage bucket for its training files; set hosted.vertex.bucket"
            )

    def preflight(self, base_model: str) -> None:
        """See whether this account may list tuning jobs; costs nothing."""
        with asking(f"this account cannot tune '{base_model}' in project {self.project}, {self.location}"):
            next(iter(self.client.tunings.list(config={"page_size": 1})), None)

    def training_file(self, request: JobRequest) -> bytes:
        """Return the rows as Gemini's contents in JSON Lines."""
        return as_file(training_lines(request.examples))

    def upload(self, request: JobRequest) -> str:
        """Store the rows as JSON Lines under our key; return the gs:// address."""
        address = f"gs://{self.bucket}/tunecurve/{request.key}.jsonl"
        with asking(f"cannot upload the training rows to gs://{self.bucket}"):
            self._blob(address).upload_from_string(self.training_file(request), content_type="application/jsonl")
        return address

    def delete_file(self, training_file: str) -> None:
        """Delete the rows in the bucket."""
        self._blob(training_file).delete(timeout=60.0)

    def _blob(self, address: str) -> Any:
        from google.cloud import storage

        bucket, _, path = address.removeprefix("gs://").partition("/")
        client = refuse_redirects_of_storage(
            storage.Client(project=self.project, credentials=credentials_from_environment())
        )
        return client.bucket(bucket).blob(path)

    def _create(self, request: JobRequest, training_file: str) -> ProviderJob:
        types, recipe = self.types, request.recipe
        size = recipe.adapter_size
        config = types.CreateTuningJobConfig(
            tuned_model_display_name=f"{request.label}-{request.key}"[:128],
            labels={LABEL: request.key},
            epoch_count=recipe.epochs,
            learning_rate_multiplier=recipe.learning_rate_multiplier,
            adapter_size=types.AdapterSize(f"ADAPTER_SIZE_{_SIZES[size]}") if size else None,
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*experimental")  # the SDK says so of all tuning
            job = self.client.tunings.tune(
                base_model=request.base_model,
                training_dataset=types.TuningDataset(gcs_uri=training_file),
                config=config,
            )
        if not job.name:
            raise CreationUnclear("the answer names no job")
        return _view(job)

    def jobs(self) -> list[ProviderJob]:
        """Return the project's tuning jobs in this region."""
        return [_view(job) for job in self.client.tunings.list(config={"page_size": 100}) if job.name]

    def get(self, provider_id: str) -> ProviderJob:
        """Return one job."""
        return replace(_view(self.client.tunings.get(name=provider_id)), provider_id=provider_id)

    def cancel(self, provider_id: str) -> None:
        """Ask for a job's end."""
        self.client.tunings.cancel(name=provider_id)


def training_lines(examples: Any) -> list[str]:
    """Return the rows as Gemini's tuning takes them, one JSON text each."""
    return [json.dumps(_training_row(example), ensure_ascii=False) for example in examples]


def _training_row(example: TuningExample) -> JsonObject:
    roles = {"user": "user", "assistant": "model"}
    turns = [message for message in example.prompt.messages if message.role != "system"]
    contents = [{"role": roles[turn.role], "parts": [{"text": turn.content}]} for turn in turns]
    row: JsonObject = {"contents": [*contents, {"role": "model", "parts": [{"text": example.answer}]}]}
    system = [message.content for message in example.prompt.messages if message.role == "system"]
    if system:
        row = {"systemInstruction": {"role": "system", "parts": [{"text": "\n".join(system)}]}, **row}
    return row


def _view(job: Any) -> ProviderJob:
    tuned, stats = job.tuned_model, job.tuning_data_stats
    supervised = stats.supervised_tuning_data_stats if stats else None
    checkpoints = (tuned.checkpoints or []) if tuned else []
    spec = job.supervised_tuning_spec
    asked = spec.hyper_parameters if spec else None
    size = asked.adapter_size.value.removeprefix("ADAPTER_SIZE_") if asked and asked.adapter_size else None
    told = {
        "epochs": asked.epoch_count if asked else None,
        "learning_rate_multiplier": asked.learning_rate_multiplier if asked else None,
        "adapter_size": next((number for number, word in _SIZES.items() if word == size), None),
    }
    raw = job.state.value if job.state else ""
    return ProviderJob(
        provider_id=job.name or "",
        state=state_by_word(raw),
        raw_state=raw,
        training_file=spec.training_dataset_uri if spec else None,
        created_at=job.create_time.timestamp() if job.create_time else None,
        hyperparameters=told_numbers(told),
        key=(job.labels or {}).get(LABEL),
        base_model=job.base_model or "",
        tuned_model=tuned.endpoint if tuned else None,
        checkpoints=tuple((int(point.epoch or 0), point.endpoint) for point in checkpoints if point.endpoint),
        tokens_billed=_number(supervised.total_billable_token_count if supervised else None),
        steps=_number(supervised.tuning_step_count if supervised else None),
        error=plain_reason(job.error.message) if job.error and job.error.message else None,
        examples=_examples(supervised),
        remarks=("only in part",) if raw == "JOB_STATE_PARTIALLY_SUCCEEDED" else (),
    )


def _examples(told: Any) -> int | None:
    """Return how many rows were trained on: those of the data set without those that were dropped."""
    count = whole_number(told.tuning_dataset_example_count) if told else None
    dropped = whole_number(told.total_truncated_example_count) if told else None
    return None if not count else max(1, count - (dropped or 0))


def _number(value: Any) -> int | None:
    return None if value is None else int(value)
