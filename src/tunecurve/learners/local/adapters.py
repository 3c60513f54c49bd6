"""LoRA adapters on a model, new or from a folder, through PEFT."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from tunecurve.learners.local.recipe import Recipe


@contextmanager
def _without_warning() -> Iterator[None]:
    """PEFT asks the model by a name that transformers is giving up; nothing a user could do about it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing", category=FutureWarning)
        yield


def add_adapters(model: Any, recipe: Recipe, seed: int) -> Any:
    """Return the PEFT model: LoRA on all linear layers, initialised from the seed alone."""

    config = LoraConfig(
        r=recipe.lora_rank,
        lora_alpha=recipe.lora_alpha,
        lora_dropout=recipe.lora_dropout,
        target_modules="all-linear",
        task_type="CAUSAL_LM",
    )
    with torch.random.fork_rng(devices=[]), _without_warning():
        torch.manual_seed(seed)
        return get_peft_model(model, config)


def load_adapters(model: Any, folder: Path) -> Any:
    """Return the model with the adapters stored in a folder."""
    with _without_warning():
        return PeftModel.from_pretrained(model, folder)
