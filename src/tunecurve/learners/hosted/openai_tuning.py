"""Tuning through the wire format of OpenAI's fine-tuning jobs: OpenAI itself and servers that speak it."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Sequence
from typing import Any

from tunecurve.errors import EnvironmentProblem, ModelError
from tunecurve.learners.hosted.failures import quota_is_used_up
from tunecurve.learners.hosted.jobs import (
    FEWEST_ROWS,
    CreationUnclear,
    JobRequest,
    JobState,
    NotCreated,
    ProviderJob,
    QuotaFull,
    suffix_of,
)
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.trouble import asking, plain_reason
from tunecurve.prompts import TuningExample
from tunecurve.redact import redact

MOST_TOKENS_A_ROW = 65_536
MOST_FILE_BYTES = 512_000_000
METADATA = "tunecurve_key"
_STATES: dict[str, JobState] = {
    "succeeded": "succeeded",
    "failed": "failed",
    "cancelled": "cancelled",
    "running": "running",
    "paused": "running",
}


class OpenAITuning:
    """Fine-tuning jobs of OpenAI's format.

    Parameters
    ----------
    name : HostedName
        Says whose key and address hold.
    """

    name = "openai"

    def __init__(self, name: HostedName) -> None:
        try:
            import openai
        except ImportError as error:
            raise EnvironmentProblem(
                f"tuning needs the extra 'hosted' ({error.name or error} is missing); run: pip install 'tunecurve[hosted]'"
            ) from None
        missing = name.missing_key()
        if missing:
            raise EnvironmentProblem(f"tuning '{name.full_name}' needs a key in the environment: set {missing}")
        key = next((os.environ[variable] for variable in name.key_variables() if os.environ.get(variable)), None)
        self.openai, self.whose, self.base_url = openai, name, name.base_url()
        straight = openai.DefaultHttpxClient(follow_redirects=False)
        self.client = openai.OpenAI(
            api_key=key, base_url=self.base_url, max_retries=0, timeout=60.0, http_client=straight
        )

    def place(self) -> dict[str, Any]:
        """Return whose key and which address hold."""
        provider = {"provider": self.whose.provider, "service": self.whose.service}
        return {"backend": "openai", **provider, "base_url": redact(self.base_url) if self.base_url else None}

    def check_limits(self, request: JobRequest) -> None:
        """Refuse what the provider would refuse after the upload."""
        lines = training_lines(request.examples)
        fewest = FEWEST_ROWS["openai"]
        if len(lines) < fewest:
            raise ModelError(
                f"{len(lines)} rows are fewer than the {fewest} that fine-tuning jobs take; raise --train-sizes"
            )
        if sum(map(len, lines)) > MOST_FILE_BYTES:
            raise ModelError(f"the training file would be larger than {MOST_FILE_BYTES:,} bytes; lower --train-sizes")
        longest = max(map(len, lines))
        if longest // 2 > MOST_TOKENS_A_ROW:
            raise ModelError(
                f"a training row has {longest:,} characters, the limit is {MOST_TOKENS_A_ROW:,} tokens; lower data.max_tokens"
            )

    def preflight(self, base_model: str) -> None:
        """See whether this account and address offer fine-tuning jobs; costs nothing."""
        alone = "to measure prompting alone, set hosted.tuning: none"
        with asking(f"this account or address cannot tune '{base_model}' ({alone})"):
            self.client.fine_tuning.jobs.list(limit=1)

    def upload(self, request: JobRequest) -> str:
        """Store the rows; return the file's id."""
        content = io.BytesIO(("\n".join(training_lines(request.examples)) + "\n").encode())
        with asking("cannot upload the training rows"):
            return self.client.files.create(file=(f"{request.key}.jsonl", content), purpose="fine-tune").id

    def create(self, request: JobRequest, training_file: str) -> ProviderJob:
        """Create the job, in one attempt."""
        recipe = request.recipe
        values = {
            "n_epochs": recipe["epochs"],
            "batch_size": recipe["batch_size"],
            "learning_rate_multiplier": recipe["learning_rate_multiplier"],
        }
        hyperparameters: Any = {key: value for key, value in values.items() if value is not None}
        try:
            job = self.client.fine_tuning.jobs.create(
                model=request.base_model,
                training_file=training_file,
                suffix=f"n{len(request.examples)}-{suffix_of(request.key)}",
                metadata={METADATA: request.key},
                seed=request.seed,
                method={"type": "supervised", "supervised": {"hyperparameters": hyperparameters}},
            )
        except self.openai.RateLimitError as error:
            raise (NotCreated if quota_is_used_up(error) else QuotaFull)(plain_reason(error)) from None
        except self.openai.APIStatusError as error:
            if error.status_code < 500 and error.status_code not in (408, 409):
                raise NotCreated(plain_reason(error)) from None
            raise CreationUnclear(plain_reason(error)) from None
        except Exception as error:
            raise CreationUnclear(plain_reason(error)) from None
        return _view(job)

    def jobs(self) -> list[ProviderJob]:
        """Return the account's fine-tuning jobs."""
        return [_view(job) for job in self.client.fine_tuning.jobs.list(limit=100)]

    def get(self, provider_id: str) -> ProviderJob:
        """Return one job, with its checkpoints once it has succeeded."""
        job = _view(self.client.fine_tuning.jobs.retrieve(provider_id))
        return job if job.state != "succeeded" else self._with_checkpoints(job)

    def _with_checkpoints(self, job: ProviderJob) -> ProviderJob:
        try:
            found = list(self.client.fine_tuning.jobs.checkpoints.list(job.provider_id, limit=100))
        except self.openai.APIError:  # not every server that speaks the format keeps them
            return job
        in_order = sorted(found, key=lambda point: point.step_number)
        named = tuple((number, point.fine_tuned_model_checkpoint) for number, point in enumerate(in_order, 1))
        return ProviderJob(**{**vars(job), "checkpoints": named})

    def cancel(self, provider_id: str) -> None:
        """Ask for a job's end."""
        self.client.fine_tuning.jobs.cancel(provider_id)


def training_lines(examples: Sequence[TuningExample]) -> list[str]:
    """Return the rows as chat messages, one JSON text each."""
    rows = []
    for example in examples:
        turns = [{"role": message.role, "content": message.content} for message in example.prompt.messages]
        rows.append({"messages": [*turns, {"role": "assistant", "content": example.answer}]})
    return [json.dumps(row, ensure_ascii=False) for row in rows]


def _view(job: Any) -> ProviderJob:
    return ProviderJob(
        provider_id=job.id,
        state=_STATES.get(job.status, "waiting"),
        key=(job.metadata or {}).get(METADATA),
        base_model=job.model,
        tuned_model=job.fine_tuned_model,
        tokens_billed=job.trained_tokens,
        error=plain_reason(job.error.message) if job.error and job.error.message else None,
        suffix=getattr(job, "user_provided_suffix", None) or getattr(job, "suffix", None),
    )
