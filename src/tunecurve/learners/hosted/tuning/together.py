"""Tuning at Together AI: its own jobs (``/fine-tunes``), LoRA by default, billed by the token of all epochs.

Written from Together's documents as they were in November 2026 (its OpenAPI page, docs.together.ai on fine-tuning, its own
Python SDK). Jobs carry neither metadata nor a key, so that they are found by their training file, and by the suffix in the
name of the model they make. Rows are packed: a step holds as many as fit, so that small sizes are trained for few steps.
"""

from __future__ import annotations

import re

from tunecurve.learners.hosted.ledger.job_rows import Place, ProviderJob, suffix_of
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.transport.failures import plain_reason
from tunecurve.learners.hosted.transport.rest import JsonObject, JsonService, all_entries, part, told_object
from tunecurve.learners.hosted.transport.usage import whole_number
from tunecurve.learners.hosted.tuning.backend import TuningBackend
from tunecurve.learners.hosted.tuning.errors import asking
from tunecurve.learners.hosted.tuning.limits import USUAL_BATCH
from tunecurve.learners.hosted.tuning.types import JobRequest, state_by_word, told_numbers, told_time
from tunecurve.privacy.redact import redacted

USUAL_ADDRESS = "https://api.together.ai/v1"
_OUR_SUFFIX = re.compile(r"n\d+-[0-9a-z]{8}")


def together_service(name: HostedName, version: str = "v1") -> JsonService:
    """Return Together's service, in the version asked for; another address in the environment holds for both.

    Raises
    ------
    EnvironmentProblem
        When no key is set.
    """
    key = name.key_for_tuning()
    base = re.sub(r"/v\d+/?$", "", name.base_url() or USUAL_ADDRESS)
    return JsonService(f"{base}/{version}", key or "")


class TogetherTuning(TuningBackend):
    """Fine-tuning jobs at Together."""

    name, most_file_bytes = "together", 25_000_000_000

    def __init__(self, name: HostedName) -> None:
        self.whose, self.service = name, together_service(name)

    def place(self) -> Place:
        """Return which address holds."""
        return {
            "backend": "together",
            "provider": "together",
            "service": None,
            "base_url": redacted(self.whose.base_url()),
        }

    def preflight(self, base_model: str) -> None:
        """See whether this account may tune, and whether this model can be; costs nothing."""
        alone = "to measure prompting alone, set hosted.tuning: none"
        with asking(f"Together does not tune '{base_model}' for this account ({alone})"):
            self.service.ask("GET", "/fine-tunes/models/limits", query={"model_name": base_model})

    def _upload(self, request: JobRequest, content: bytes) -> str:
        name = f"{request.key}.jsonl"
        there = self._uploaded(name, len(content))
        if there is not None:
            return there
        form = {"file_name": name, "purpose": "fine-tune", "file_type": "jsonl"}
        file = self.service.ask("POST", "/files/upload", file=(name, content), form=form)
        return str(told_object(file, "uploaded file", "id")["id"])

    def _uploaded(self, name: str, n_bytes: int) -> str | None:
        """Return the file of this name and size, None where there is none, or files are not listed."""
        try:
            files = self.service.ask("GET", "/files")["data"]
            return next((file["id"] for file in files if (file["filename"], file["bytes"]) == (name, n_bytes)), None)
        except Exception:
            return None

    def delete_file(self, training_file: str) -> None:
        """Delete the rows at the provider."""
        self.service.ask("DELETE", f"/files/{part(training_file)}")

    def _create(self, request: JobRequest, training_file: str) -> ProviderJob:
        recipe = request.recipe
        body: JsonObject = {
            "model": request.base_model,
            "training_file": training_file,
            "n_epochs": recipe.epochs,
            "n_checkpoints": 1,
            "batch_size": USUAL_BATCH,  # of packed sequences, not of rows
            "suffix": f"n{len(request.examples)}-{suffix_of(request.key)}",
            "random_seed": request.seed,
        }
        if recipe.learning_rate is not None:
            body["learning_rate"] = recipe.learning_rate
        if recipe.adapter_size is not None:
            size = recipe.adapter_size
            body["training_type"] = {"type": "Lora", "lora_r": size, "lora_alpha": 2 * size}
        return _view(self.service.ask_for_object("POST", "/fine-tunes", body=body))

    def jobs(self) -> list[ProviderJob]:
        """Return the account's jobs."""
        entries = all_entries(lambda _: self.service.ask("GET", "/fine-tunes"), "data")
        return [_view(entry) for entry in entries if entry.get("id")]

    def get(self, provider_id: str) -> ProviderJob:
        """Return one job."""
        return _view(self.service.ask_for_object("GET", f"/fine-tunes/{part(provider_id)}"))

    def cancel(self, provider_id: str) -> None:
        """Ask for a job's end."""
        self.service.ask("POST", f"/fine-tunes/{part(provider_id)}/cancel")


def _view(told: JsonObject) -> ProviderJob:
    """Return a job as told."""
    job = told_object(told, "fine-tuning job", "id")
    status = job.get("status")
    output = job.get("model_output_name") or job.get("x_model_output_name")
    # Since its second version a deployment names its model by an id of its own.
    model = job.get("model_object_id") or job.get("api_model_object_id") or output
    suffix = _OUR_SUFFIX.search(str(output or job.get("suffix") or ""))
    state, tokens = state_by_word(status), _tokens(job)
    return ProviderJob(
        provider_id=str(job["id"]),
        state=state,
        base_model=str(job.get("model") or ""),
        tuned_model=str(model) if model and state == "succeeded" else None,
        tokens_billed=tokens,
        tokens_are_most=tokens is not None and tokens != whole_number(job.get("token_count")),
        error=_reason(job) if state in ("failed", "cancelled") else None,
        suffix=suffix.group() if suffix else None,
        raw_state=str(status or ""),
        training_file=job.get("training_file"),
        created_at=told_time(job.get("created_at")),
        hyperparameters=told_numbers({"epochs": job.get("n_epochs"), "learning_rate": job.get("learning_rate")}),
        epochs_made=whole_number(job.get("epochs_completed")) if state == "succeeded" else None,
        examples=whole_number(job.get("trainingfile_numlines")),
        remarks=("training ended early",) if job.get("early_stopped") is True else (),
    )


def _tokens(job: JsonObject) -> int | None:
    """Return the tokens of all epochs: a count that may be that of one pass, since it is no more than the file has bytes, is
    taken for one, so that the books are never lower than the bill."""
    count, epochs = whole_number(job.get("token_count")), whole_number(job.get("n_epochs"))
    if not count or not epochs:
        return None
    size = whole_number(job.get("trainingfile_size"))
    return count if size and count > size else count * epochs


def _reason(job: JsonObject) -> str | None:
    """Return what the last of a job's events says."""
    events = job.get("events")
    messages = [event.get("message") for event in events if isinstance(event, dict)] if isinstance(events, list) else []
    said = next((message for message in reversed(messages) if message), None)
    return plain_reason(str(said)) if said else None
