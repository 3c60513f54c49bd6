"""All that is imported of inspect_ai, private parts above all; `pyproject.toml` pins the versions that have them.

Nothing is imported before it is used: a study of local models needs none of it.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import SimpleNamespace
from typing import Any


@functools.cache
def model_layer() -> SimpleNamespace:
    """Return the parts of the model layer.

    Raises
    ------
    ImportError
        When it is not installed, or another version.
    """
    model, constants = import_module("inspect_ai.model"), import_module("inspect_ai._util.constants")
    return SimpleNamespace(
        get_model=model.get_model,
        set_model_info=model.set_model_info,
        ModelInfo=model.ModelInfo,
        GenerateConfig=model.GenerateConfig,
        message_kinds={
            "system": model.ChatMessageSystem,
            "user": model.ChatMessageUser,
            "assistant": model.ChatMessageAssistant,
        },
        NO_CONTENT=constants.NO_CONTENT,
    )


@contextmanager
def as_outside_a_notebook() -> Iterator[None]:
    """Let the model layer be set up within a notebook as anywhere else.

    It would ask for widgets, which it shows nothing in here, and nest the notebook's own event loop; calls have a thread and a loop of
    their own.
    """
    platform: Any = import_module("inspect_ai._util.platform")
    before = platform.running_in_notebook
    platform.running_in_notebook = lambda: False
    try:
        yield
    finally:
        platform.running_in_notebook = before


@functools.cache
def batch_layer() -> SimpleNamespace:
    """Return the parts that gather calls into batches."""
    util = "inspect_ai.model._providers.util"
    batch, hooks = import_module(f"{util}.batch"), import_module(f"{util}.hooks")
    return SimpleNamespace(
        Batcher=batch.Batcher,
        Batch=batch.Batch,
        BatchRequest=batch.BatchRequest,
        BatchCheckResult=batch.BatchCheckResult,
        request_id_header=hooks.HttpxHooks.REQUEST_ID_HEADER,
        set_log=import_module(f"{util}.batch_log").set_batch_log_callback,
        run_in_background=import_module("inspect_ai._util.background").run_in_background,
    )


def provider_module(name: str) -> Any:
    """Return the layer's module on a provider, whose values are changed before its models are made."""
    return import_module(f"inspect_ai.model._providers.{name}")
