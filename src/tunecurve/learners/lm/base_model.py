"""The frozen weights of a local model, as they are computed with."""

from __future__ import annotations

from typing import Any

import torch
from transformers import AutoModelForCausalLM

from tunecurve.errors import ModelError
from tunecurve.learners.torch.device import Compute
from tunecurve.learners.torch.weights import ModelFiles


def read_weights(files: ModelFiles, dtype: torch.dtype) -> Any:
    """Return a fresh copy of the model in a precision, on the processor.

    Raises
    ------
    ModelError
        When its files cannot be read as a model.
    """
    try:
        return AutoModelForCausalLM.from_pretrained(
            files.folder, dtype=dtype, trust_remote_code=False, use_safetensors=True
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ModelError(f"cannot load the model '{files.name}': {str(error).splitlines()[0][:200]}") from None


def frozen(model: Any, compute: Compute) -> Any:
    """Return the model as it is computed with: in its precision, on its device, not trained.

    Weights alone are rounded: the frequencies of positions stay in float32, as transformers loads them. Rounded to eight
    bits, 0.2 % of an angle that grows with the position is lost.
    """
    model = model.to(compute.device).eval().requires_grad_(False)
    for weight in model.parameters():
        weight.data = weight.data.to(compute.dtype)
    return model
