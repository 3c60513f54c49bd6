"""Tuning at Azure AI Foundry: OpenAI's format, with a type of training and a byte-order mark before the rows.

Its documents (learn.microsoft.com, customizing a model with the OpenAI SDK and by REST; read in November 2026) ask for UTF-8
with a byte-order mark, and name the types of training Standard, GlobalStandard and Developer.
"""

from __future__ import annotations

import codecs
from collections.abc import Collection

from tunecurve.learners.hosted.ledger.job_rows import Place
from tunecurve.learners.hosted.names import HostedName
from tunecurve.learners.hosted.transport.rest import JsonObject
from tunecurve.learners.hosted.tuning.openai import OpenAITuning
from tunecurve.learners.hosted.tuning.types import JobRequest


class AzureTuning(OpenAITuning):
    """Fine-tuning jobs of an Azure AI Foundry resource, of a training type, or as the service does by itself."""

    name, file_mark = "azure", codecs.BOM_UTF8

    def __init__(self, name: HostedName, fields: str, training_type: str | None) -> None:
        super().__init__(name, fields)
        self.training_type = training_type

    def place(self) -> Place:
        """Return whose key, which address and which type of training hold."""
        return super().place() | {"training_type": self.training_type}

    def _creation(self, request: JobRequest, training_file: str, left_out: Collection[str]) -> JsonObject:
        body = super()._creation(request, training_file, left_out)
        return body | ({"extra_body": {"trainingType": self.training_type}} if self.training_type else {})
