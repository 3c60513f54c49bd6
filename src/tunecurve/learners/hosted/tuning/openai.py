"""Tuning through the wire format of OpenAI's fine-tuning jobs: OpenAI itself and servers that speak it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Collection
from dataclasses import replace
from typing import Any

from tunecurve.errors import ModelError, needing
from tunecurve.learners.hosted.ledger.job_rows import Place, ProviderJob, suffix_of
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.transport.failures import plain_reason, quota_is_used_up
from tunecurve.learners.hosted.transport.rest import JsonObject
from tunecurve.learners.hosted.transport.usage import whole_number
from tunecurve.learners.hosted.tuning.backend import TuningBackend, training_lines
from tunecurve.learners.hosted.tuning.errors import asking
from tunecurve.learners.hosted.tuning.types import (
    CreationUnclear,
    JobRequest,
    NotCreated,
    NotReadyYet,
    QuotaFull,
    state_by_word,
    told_numbers,
)
from tunecurve.privacy.redact import redacted

METADATA = "tunecurve_key"
MOST_A_PAGE = 100
# What a server that does not know a field says of it, and the fields that can be left out.
_UNWELCOME = re.compile(
    r"unknown|unrecogni[sz]ed|unexpected|unsupported|not supported|not permitted|not allowed|extra|additional|forbidden|"
    r"no such (field|parameter)|does not (take|accept|support)",
    re.IGNORECASE,
)
# A training file that its provider has not read yet: its own word, and what a creation is told meanwhile.
_UNREAD_FILE = ("uploaded", "pending", "running", "notrunning", "queued", "processing", "importing")
_NOT_READ_YET = re.compile(
    r"not (yet )?(been )?(ready|processed|imported|available)|(is|are|being|still) (being )?(processed|processing|pending|imported)|"
    r"pending|in progress",
    re.IGNORECASE,
)
# Whose fault a failed job is, where its rows were refused before they were trained on.
_OF_THE_FILE = frozenset({"training_file", "validation_file", "invalid_training_file", "invalid_validation_file"})
_OPTIONAL_FIELDS = ("method", "metadata", "seed", "suffix", "batch_size", "learning_rate_multiplier")


class OpenAITuning(TuningBackend):
    """Fine-tuning jobs of OpenAI's format.

    Parameters
    ----------
    name : HostedName
        Says whose key and address hold.
    fields : {"auto", "method", "top-level"}
        Where the hyperparameters stand in a creation; "auto": under ``method``, and at the top for a server that refuses it.
    """

    name = "openai"
    file_mark = b""  # what a training file begins with
    most_tokens_a_row: int | None = 65_536

    def __init__(self, name: HostedName, fields: str = "auto") -> None:
        with needing("hosted", "tuning"):
            import openai
        key = name.key_for_tuning()
        self.openai, self.whose, self.base_url, self.fields = openai, name, name.base_url(), fields
        straight = openai.DefaultHttpxClient(follow_redirects=False)
        self.client = openai.OpenAI(
            api_key=key, base_url=self.base_url, max_retries=0, timeout=60.0, http_client=straight
        )

    def place(self) -> Place:
        """Return whose key and which address hold."""
        provider = {"provider": self.whose.provider, "service": self.whose.service}
        return {"backend": self.name, **provider, "base_url": redacted(self.base_url)}

    def check_limits(self, request: JobRequest) -> None:
        """Refuse what the provider would refuse after the upload."""
        super().check_limits(request)
        longest = max(map(len, training_lines(request.examples)))
        if self.most_tokens_a_row is not None and longest // 2 > self.most_tokens_a_row:
            raise ModelError(
                f"a training row has {longest:,} characters, the limit is {self.most_tokens_a_row:,} tokens; lower data.max_tokens"
            )

    def preflight(self, base_model: str) -> None:
        """See whether this account and address offer fine-tuning jobs; costs nothing."""
        alone = "to measure prompting alone, set hosted.tuning: none"
        with asking(f"this account or address cannot tune '{base_model}' ({alone})"):
            self._page(limit=1)

    def training_file(self, request: JobRequest) -> bytes:
        """Return the rows as chat messages in JSON Lines."""
        return self.file_mark + super().training_file(request)

    def _upload(self, request: JobRequest, content: bytes) -> str:
        name = f"{request.key}.jsonl"
        there = self._uploaded(name, len(content))
        if there is not None:
            return there
        file = self.client.files.create(file=(name, io.BytesIO(content)), purpose="fine-tune")
        if not getattr(file, "id", None):
            raise ValueError("the answer to the upload names no file")
        return file.id

    def _uploaded(self, name: str, n_bytes: int) -> str | None:
        """Return the file of this name and size; not every server lists its files."""
        try:
            files = self.client.files.list(purpose="fine-tune", limit=MOST_A_PAGE).data
            return next((file.id for file in files if (file.filename, file.bytes) == (name, n_bytes)), None)
        except Exception:
            return None

    def delete_file(self, training_file: str) -> None:
        """Delete the rows at the provider."""
        self.client.files.delete(training_file)

    def _create(self, request: JobRequest, training_file: str) -> ProviderJob:
        """One attempt counts: a refused one is sent again without the field that is not known."""
        left_out = {"method"} if self.fields == "top-level" else set()
        was_unread = False
        while True:
            try:
                return _view(self.client.fine_tuning.jobs.create(**self._creation(request, training_file, left_out)))
            except self.openai.RateLimitError as error:
                raise (NotCreated if quota_is_used_up(error) else QuotaFull)(plain_reason(error)) from None
            except self.openai.APIStatusError as error:
                if error.status_code >= 500 or error.status_code in (408, 409):
                    raise CreationUnclear(plain_reason(error)) from None
                if _NOT_READ_YET.search(str(error)) and not was_unread:
                    if self._is_unread(training_file):
                        raise NotReadyYet(plain_reason(error)) from None
                    was_unread = True  # perhaps until a moment ago
                    continue
                field = _unwelcome_field(error, left_out)
                if field is None or (field == "method" and self.fields == "method"):
                    raise NotCreated(plain_reason(error)) from None
                left_out.add(field)

    def _is_unread(self, training_file: str) -> bool:
        """Return whether the provider says of a file that it has still to read it."""
        try:
            status = self.client.files.retrieve(training_file).status
        except Exception:
            return False
        return str(status).lower() in _UNREAD_FILE

    def _creation(self, request: JobRequest, training_file: str, left_out: Collection[str]) -> JsonObject:
        recipe = request.recipe
        hyperparameters = {
            "n_epochs": recipe.epochs,
            "batch_size": recipe.batch_size,
            "learning_rate_multiplier": recipe.learning_rate_multiplier,
        }
        hyperparameters = {k: v for k, v in hyperparameters.items() if v is not None and k not in left_out}
        optional: JsonObject = {
            "method": {"type": "supervised", "supervised": {"hyperparameters": hyperparameters}},
            "metadata": {METADATA: request.key},
            "seed": request.seed,
            "suffix": f"n{len(request.examples)}-{suffix_of(request.key)}",
        }
        body = {key: value for key, value in optional.items() if key not in left_out}
        if "method" in left_out:
            body["hyperparameters"] = hyperparameters
        return {"model": request.base_model, "training_file": training_file, **body}

    def jobs(self) -> list[ProviderJob]:
        """Return the account's fine-tuning jobs."""
        found: dict[str, ProviderJob] = {}
        page = self._page(limit=MOST_A_PAGE)
        while True:
            new = {job.id: _view(job) for job in page.data if getattr(job, "id", None) and job.id not in found}
            found |= new
            # A server that knows no pages answers with the first one again.
            if not new or not page.has_next_page():
                return list(found.values())
            page = self._page(limit=MOST_A_PAGE, after=page.data[-1].id)

    def _page(self, **asked: Any) -> Any:
        """Return a page of the list of jobs; what is none must not be read as an empty list, since jobs would be made again."""
        try:
            page = self.client.fine_tuning.jobs.list(**asked)
        except (AttributeError, TypeError):  # how the SDK meets a text or a null where a page should be
            page = None
        if not isinstance(getattr(page, "data", None), list):
            raise ValueError("the address answers with something that is no list of fine-tuning jobs")
        return page

    def get(self, provider_id: str) -> ProviderJob:
        """Return one job, with its checkpoints once it has succeeded."""
        return self.viewed(self.client.fine_tuning.jobs.retrieve(provider_id), provider_id)

    def viewed(self, found: Any, provider_id: str) -> ProviderJob:
        """Return a job as it was told, with its checkpoints once it has succeeded."""
        job = replace(_view(found, needs_id=False), provider_id=provider_id)
        return job if job.state != "succeeded" else replace(job, points=self._points(provider_id))

    def _points(self, provider_id: str) -> tuple[tuple[int, str], ...]:
        """Return step and model of the checkpoints; not every server that speaks the format keeps them."""
        found: JsonObject = {}
        try:
            page = self.client.fine_tuning.jobs.checkpoints.list(provider_id, limit=MOST_A_PAGE)
            # A server that knows no pages answers with the first one again.
            while new := {point.id: point for point in page.data if point.id not in found}:
                found |= new
                if not page.has_next_page():
                    break
                page = page.get_next_page()
        except Exception:
            return ()
        named = [
            (getattr(point, "step_number", None), getattr(point, "fine_tuned_model_checkpoint", None))
            for point in found.values()
        ]
        return tuple(sorted((int(step), model) for step, model in named if isinstance(step, int | float) and model))

    def cancel(self, provider_id: str) -> None:
        """Ask for a job's end."""
        self.client.fine_tuning.jobs.cancel(provider_id)


def _unwelcome_field(error: Any, left_out: Collection[str]) -> str | None:
    """Return which optional field a refusal names as not known."""
    said = f"{json.dumps(error.body, default=str)} {error}"
    if error.status_code not in (400, 422) or not _UNWELCOME.search(said):
        return None
    return next(
        (field for field in _OPTIONAL_FIELDS if field not in left_out and re.search(rf"\b{field}\b", said)), None
    )


def _view(job: Any, *, needs_id: bool = True) -> ProviderJob:
    """Return a job as told; of servers that tell little, as much as they tell."""
    if isinstance(job, str) or not hasattr(job, "model_extra"):
        raise ValueError("the address answers with something that is no fine-tuning job")
    told = lambda name: getattr(job, name, None)  # noqa: E731
    if needs_id and not told("id"):
        raise ValueError("the answer names no job")
    error, status = told("error"), told("status")
    reason = error if isinstance(error, str) else getattr(error, "message", None)
    metadata = told("metadata")
    reasons = {getattr(error, "code", None), getattr(error, "param", None)}
    created = told("created_at")
    return ProviderJob(
        provider_id=told("id") or "",
        state=state_by_word(status),
        key=metadata.get(METADATA) if isinstance(metadata, dict) else None,
        base_model=told("model") or "",
        tuned_model=told("fine_tuned_model"),
        tokens_billed=told("trained_tokens"),
        error=plain_reason(reason) if reason else None,
        suffix=told("user_provided_suffix") or told("suffix"),
        raw_state=str(status or ""),
        training_file=told("training_file"),
        created_at=float(created) if isinstance(created, int | float) and created > 1e9 else None,
        hyperparameters=_hyperparameters(job),
        has_not_run=bool(reasons & _OF_THE_FILE) or "validation" in str(status).lower() or told("trained_tokens") == 0,
        steps=whole_number(told("trained_steps")),
    )


def _hyperparameters(job: Any) -> dict[str, float]:
    """Return what a job says of its own training, which need not be what it was asked for."""
    method = getattr(job, "method", None)
    places = [
        getattr(getattr(method, "supervised", None), "hyperparameters", None),
        getattr(job, "hyperparameters", None),
    ]
    found: dict[str, float] = {}
    for place in places:
        values = place if isinstance(place, dict) else getattr(place, "__dict__", {})
        told = {"epochs": values.get("n_epochs"), "batch_size": values.get("batch_size"),
                "learning_rate_multiplier": values.get("learning_rate_multiplier")}  # fmt: skip
        found = {**told_numbers(told), **found}
    return found
