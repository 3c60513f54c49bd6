"""LoRA adapters on a model, new or from a folder, through PEFT; and how a training finds them."""

from __future__ import annotations

import math
import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model

from tunecurve.learners.lm.recipe import Recipe
from tunecurve.learners.torch.backend_choice import NotUsable
from tunecurve.learners.torch.checkpoint import trainable_parameters
from tunecurve.spec.study import stable_hash


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
    first, dtype = adapter_values(model), model.get_base_model().dtype
    if len(seeds) == 1:
        return model, [first]
    drawn = _drawn(first, seeds[0], dtype)
    if all(torch.equal(drawn[name], value) for name, value in first.items()):
        return model, [first, *(_drawn(first, seed, dtype) for seed in seeds[1:])]
    found: list[dict[str, torch.Tensor]] = []
    for seed in reversed(seeds):  # the first one last: the model is left with its adapters
        model = add_adapters(model.unload(), recipe, seed)
        found.insert(0, adapter_values(model))
    return model, found


def adapter_values(model: Any) -> dict[str, torch.Tensor]:
    """Return a copy of what a model's adapters are, by name."""
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


def save_adapters(model: Any, folder: Path, base: str) -> None:
    """Store a PEFT model's adapters in a folder, with the name of the model that they belong to."""
    model.peft_config["default"].base_model_name_or_path = base
    # Without this PEFT asks the hub whether the vocabulary changed.
    model.save_pretrained(folder, save_embedding_layers=False)


class Adapters(ABC):
    """The adapters of one or several trainings, as a backend keeps them.

    Attributes
    ----------
    parameters : list of dict of str to Parameter
        What each training changes.
    draw_dropout : bool
        Whether they are computed with dropout.
    stay_in_place : bool
        Whether parameters and gradients keep their places in memory, as CUDA graphs need.
    """

    parameters: list[dict[str, torch.nn.Parameter]]
    draw_dropout = False
    stay_in_place = False

    @abstractmethod
    def __init__(self, model: Any, initial: Sequence[dict[str, torch.Tensor]]) -> None: ...

    @property
    def n_trainings(self) -> int:
        """How many trainings they belong to."""
        return len(self.parameters)

    def activate(self, numbers: Sequence[int]) -> bool:
        """Compute these trainings from now on, in this order; returns whether they are others than before."""
        return False

    def prepare_step(self) -> None:  # noqa: B027  (most have nothing to do)
        """Let the layers compute with the parameters' present values, and forget the gradients."""

    def hand_over_gradients(self) -> None:  # noqa: B027
        """Give every computed training its gradients."""

    @contextmanager
    def in_use(self) -> Iterator[None]:
        """Let the model's layers compute with them inside this context."""
        yield

    @abstractmethod
    def by_name(self, number: int, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return tensors that stand for a training's parameters by the names of the adapters in the model."""

    def values(self) -> list[dict[str, torch.Tensor]]:
        """Return what each training's adapters are now, by name."""
        return [
            self.by_name(number, {name: parameter.detach() for name, parameter in own.items()})
            for number, own in enumerate(self.parameters)
        ]

    def take_gradients(self) -> dict[str, torch.Tensor]:
        """Return the first training's gradients by name, and forget those of all."""
        first = self.parameters[0].items()
        found = {name: torch.zeros_like(part) if part.grad is None else part.grad for name, part in first}
        for parameter in (part for own in self.parameters for part in own.values()):
            parameter.grad = None
        return self.by_name(0, found)

    def fingerprint(self, trainings: Sequence[str]) -> str:
        """Return the hash of a run from those of its trainings."""
        return stable_hash(["flat", *trainings])


class PeftAdapters(Adapters):
    """The adapters of one training, where PEFT keeps them."""

    draw_dropout = True

    def __init__(self, model: Any, initial: Sequence[dict[str, torch.Tensor]]) -> None:
        if len(initial) > 1:
            raise NotUsable("PEFT's adapters are those of one training")
        self.parameters = [trainable_parameters(model)]

    def by_name(self, number: int, tensors: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Return them as they are: they have the names of the model's."""
        return dict(tensors)

    def fingerprint(self, trainings: Sequence[str]) -> str:
        """Return that of the one training."""
        return trainings[0]
