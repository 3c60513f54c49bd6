"""Tuning at Nebius Token Factory: OpenAI's format with hyperparameters of its own, and checkpoints instead of a model.

Its documents (docs.tokenfactory.nebius.com, read in November 2026) know no metadata, so that jobs are found by suffix and
training file. ``lora`` has to be asked for, since only adapters are served by the token. ``packing`` is switched off: packed,
a step would hold as many rows as fit into the context, and a small size would be trained for a handful of steps.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from typing import Any

from tunecurve.learners.hosted.ledger.job_rows import ProviderJob
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.transport.rest import JsonObject
from tunecurve.learners.hosted.transport.usage import fields_of, whole_number
from tunecurve.learners.hosted.tuning.openai import OpenAITuning
from tunecurve.learners.hosted.tuning.types import JobRequest

LONGEST_SUFFIX = 64


class NebiusTuning(OpenAITuning):
    """Fine-tuning jobs at Nebius Token Factory."""

    name, most_file_bytes, most_tokens_a_row = "nebius", 5_000_000_000, None

    def __init__(self, name: HostedName) -> None:
        super().__init__(name, "top-level")

    def _creation(self, request: JobRequest, training_file: str, left_out: Collection[str]) -> JsonObject:
        body = super()._creation(request, training_file, {*left_out, "metadata", "learning_rate_multiplier"})
        size = request.recipe.adapter_size
        body["hyperparameters"] |= {"lora": True, "packing": False, **({"lora_r": size} if size else {})}
        if "suffix" in body:
            body["suffix"] = body["suffix"][-LONGEST_SUFFIX:]
        return body

    def get(self, provider_id: str) -> ProviderJob:
        """Return one job; once it has succeeded, with its checkpoints, the last of which is its model."""
        told = self.client.fine_tuning.jobs.retrieve(provider_id)
        job = replace(self.viewed(told, provider_id), remarks=_remarks(told))
        return replace(job, tuned_model=job.points[-1][1]) if job.points and not job.tuned_model else job

    def _points(self, provider_id: str) -> tuple[tuple[int, str], ...]:
        """Return step and ``JOB:CHECKPOINT`` of the checkpoints, as the deployment of an adapter names its source."""
        found = list(self.client.fine_tuning.jobs.checkpoints.list(provider_id, limit=100))
        steps = [(getattr(point, "step_number", None), getattr(point, "id", None)) for point in found]
        return tuple(sorted((int(step or 0), f"{provider_id}:{name}") for step, name in steps if name))


def _remarks(job: Any) -> tuple[str, ...]:
    """Return in what a job trains otherwise than it was asked to, beside its numbers."""
    supervised = getattr(getattr(job, "method", None), "supervised", None)
    told = {**fields_of(supervised), **fields_of(getattr(job, "hyperparameters", None))}
    made, planned = whole_number(getattr(job, "trained_steps", None)), whole_number(getattr(job, "total_steps", None))
    remarks = ["no adapter, but all weights"] if told.get("lora") is False else []
    remarks += ["rows packed"] if told.get("packing") is True else []
    if getattr(job, "status", None) == "succeeded" and made and planned and made < planned:
        remarks.append(f"{made} of {planned} steps")
    return tuple(remarks)
