"""LoRA adapters on a model, new or from a folder, through PEFT."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from tunecurve.learners.lm.recipe import Recipe
from tunecurve.learners.torch.checkpoint import trainable_parameters


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


def initial_adapters(model: Any, recipe: Recipe, seeds: Sequence[int]) -> tuple[Any, list[dict[str, torch.Tensor]]]:
    """Return the PEFT model with the first seed's adapters, and what adapters of every seed start from, by name.

    Building a model takes PEFT a second or more, drawing numbers none: they are drawn as PEFT draws them, if that gives
    the first seed's adapters.
    """
    model = add_adapters(model, recipe, seeds[0])
    first, dtype = _values(model), model.get_base_model().dtype
    drawn = _drawn(first, seeds[0], dtype)
    if all(torch.equal(drawn[name], value) for name, value in first.items()):
        return model, [first, *(_drawn(first, seed, dtype) for seed in seeds[1:])]
    found: list[dict[str, torch.Tensor]] = []
    for seed in reversed(seeds):  # the first one last: the model is left with its adapters
        model = add_adapters(model.unload(), recipe, seed)
        found.insert(0, _values(model))
    return model, found


def _values(model: Any) -> dict[str, torch.Tensor]:
    return {name: part.detach().clone() for name, part in trainable_parameters(model).items()}


def _drawn(like: dict[str, torch.Tensor], seed: int, dtype: torch.dtype) -> dict[str, torch.Tensor]:
    """Return adapters that start from a seed: both parts drawn as linear layers, A drawn again, B set to 0.

    PEFT rounds them to the precision of the model, and then keeps them in float32.
    """
    found = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for name, part in like.items():
            weight = torch.empty(part.shape)
            torch.nn.init.kaiming_uniform_(weight, a=math.sqrt(5))
            found[name] = weight
            if ".lora_B." in name:
                down = found[name.replace(".lora_B.", ".lora_A.")]
                torch.nn.init.kaiming_uniform_(down, a=math.sqrt(5))
                weight.zero_()
    return {name: weight.to(dtype).to(like[name]) for name, weight in found.items()}


def load_adapters(model: Any, folder: Path) -> Any:
    """Return the model with the adapters stored in a folder."""
    with _without_warning():
        return PeftModel.from_pretrained(model, folder)
