"""The frozen weights of a local model, as they are computed with: in the machine's precision, or packed into four bits."""

from __future__ import annotations

import importlib.util
from dataclasses import replace
from typing import Any, Literal

import torch
from transformers import AutoConfig, AutoModelForCausalLM

from tunecurve.errors import how_to_install
from tunecurve.findings import Finding
from tunecurve.learners.lm.four_bit import as_if_packed, check_installed, packed
from tunecurve.learners.lm.training.memory_plan import (
    ModelShape,
    StepShape,
    in_gigabytes,
    plan_memory,
    total_memory,
)
from tunecurve.learners.model_files import ModelFiles
from tunecurve.learners.torch.device import Compute
from tunecurve.learners.torch.weights import count_parameters
from tunecurve.learners.torch.whole_models import load_weights

# What must fit beside weights in the machine's precision, so that they are not packed: a row of so many tokens, its layers computed again.
USUAL_STEP = StepShape(n_trainings=1, n_rows=1, n_prefix=0, n_own=1024, n_answer=64, rank=16)


def read_weights(files: ModelFiles, dtype: torch.dtype) -> Any:
    """Return a fresh copy of the model in a precision, on the processor.

    Raises
    ------
    ModelError
        When its files cannot be read as a model, lack weights, or hold some that are misshapen, NaN or infinite.
    """
    return load_weights(AutoModelForCausalLM, files, dtype)


def frozen(model: Any, compute: Compute) -> Any:
    """Return the model as it is computed with: in its precision, on its device, not trained.

    Weights alone are rounded: the frequencies of positions stay in float32, as transformers loads them. Rounded to eight
    bits, 0.2 % of an angle that grows with the position is lost.
    """
    if compute.four_bit:
        model = packed(model, compute.device, compute.dtype)
    model = model.to(compute.device).eval().requires_grad_(False)
    for weight in model.parameters():
        weight.data = weight.data.to(compute.dtype)
    return model


def read_for_export(files: ModelFiles, compute: Compute) -> Any:
    """Return the model in float32, with the values that it was trained and answered with."""
    model = read_weights(files, torch.float32)
    return as_if_packed(model, compute.device, compute.dtype) if compute.four_bit else model


def with_base_weights(compute: Compute, files: ModelFiles, asked: bool | Literal["auto"]) -> Compute:
    """Return how a model is computed: its weights packed where that is asked for, or left open and nothing else fits.

    Raises
    ------
    EnvironmentProblem
        When it is asked for and bitsandbytes is missing.
    """
    if asked is True:
        check_installed(f"four_bit_weights: true for model '{files.name}'", ", or set four_bit_weights: false")
        return replace(compute, four_bit=True)
    is_needed = asked == "auto" and compute.device.type == "cuda" and why_packed(files, compute)
    is_there = importlib.util.find_spec("bitsandbytes") is not None
    return replace(compute, four_bit=True) if is_needed and is_there else compute


def why_packed(files: ModelFiles, compute: Compute) -> str:
    """Return in words that weights in the machine's precision leave no room for a training; empty where they do.

    Decided by the whole memory of the device, not by what is free now or by the rows: a study that goes on decides alike.
    """
    total = total_memory(compute.device)
    try:
        config = AutoConfig.from_pretrained(files.folder, trust_remote_code=False).get_text_config()
    except (OSError, ValueError, KeyError, ImportError):
        return ""  # said where the model is loaded
    shape = ModelShape.of(config, count_parameters(files.folder), compute.dtype)
    if total is None or shape is None:
        return ""
    plan = plan_memory(shape, USUAL_STEP, recomputes=True)
    if plan.fits(total):
        return ""
    dtype = compute.describe()["dtype"]
    return (
        f"in {dtype} they take {in_gigabytes(plan.weights)}, with a row of {USUAL_STEP.n_own:,} tokens whose layers are computed again "
        f"{in_gigabytes(plan.least)}, of {in_gigabytes(total)}"
    )


def weight_findings(files: ModelFiles, compute: Compute) -> list[Finding]:
    """Return that weights are packed, and why; or that they should be and bitsandbytes is missing."""
    why = why_packed(files, compute) if compute.device.type == "cuda" or compute.four_bit else ""
    if compute.four_bit:
        because = f": {why}" if why else ", as four_bit_weights: true asks"
        text = f"{files.name}: frozen weights are kept in 4 bits (NF4, scales quantised, too){because}"
        return [Finding("four-bit-weights", text, "scores are those of the model with these weights", is_note=True)]
    if not why:
        return []
    text = f"{files.name}: frozen weights leave no room for a training: {why}"
    remedy = f"{how_to_install('4bit')} to keep them in 4 bits (four_bit_weights: auto or true), or use a smaller model"
    return [Finding("weights-too-large", text, remedy)]


def or_packed(compute: Compute) -> str:
    """Return what else to do where memory does not suffice, behind other remedies; empty where weights are packed already."""
    return "" if compute.four_bit else ", or set four_bit_weights: true"
