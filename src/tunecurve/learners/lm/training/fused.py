"""The same arithmetic in fewer passes over memory: LoRA layers, gated units, norms and the loss.

Inside `fused_modules` these parts of a model compute what transformers and PEFT compute, with hand-written backward
passes that keep less and touch memory less often. A part is replaced only where its kind is known; whether the whole
gives the same loss is checked on the model at hand before it is used (`backends.choose_backend`).
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch.nn import functional

from tunecurve.learners.lm.four_bit import FourBitLinear

# Answer tokens whose logits exist together, and of those the ones whose shares are computed together: in the cache.
_ROWS_AT_ONCE = 256
_ROWS_IN_CACHE = 8


class LoraWeights(NamedTuple):
    """A linear layer and its adapter: ``x W' + bias + scale * (x A') B'``."""

    base: torch.nn.Linear
    down: torch.Tensor
    up: torch.Tensor
    scale: float

    @property
    def weight(self) -> torch.Tensor:
        """The frozen weights; packed ones are unpacked each time."""
        return self.base.weight

    @property
    def bias(self) -> torch.Tensor | None:
        """The frozen bias."""
        return self.base.bias


def _lora_forward(rows: torch.Tensor, lora: LoraWeights) -> tuple[torch.Tensor, torch.Tensor]:
    """Return output and the adapter's inner values, for rows of shape (tokens, width)."""
    output = functional.linear(rows, lora.weight, lora.bias)
    inner = rows @ lora.down.to(rows.dtype).t()
    output.addmm_(inner, lora.up.to(rows.dtype).t(), alpha=lora.scale)
    return output, inner


def _lora_backward(
    gradient: torch.Tensor, rows: torch.Tensor, inner: torch.Tensor, lora: LoraWeights, *, wants_input: bool
) -> tuple[torch.Tensor | None, torch.Tensor, torch.Tensor]:
    """Return the gradients for rows, A and B."""
    to_inner = (gradient @ lora.up.to(gradient.dtype)).mul_(lora.scale)
    to_up = (gradient.t() @ inner).to(lora.up.dtype).mul_(lora.scale)
    to_down = (to_inner.t() @ rows).to(lora.down.dtype)
    to_rows = None
    if wants_input:
        to_rows = gradient @ lora.weight
        to_rows.addmm_(to_inner, lora.down.to(gradient.dtype))
    return to_rows, to_down, to_up


class _LoraLinear(torch.autograd.Function):
    """`down` and `up` are those of `lora`: what is given by itself gets a gradient."""

    @staticmethod
    def forward(ctx: Any, hidden: Any, down: Any, up: Any, lora: LoraWeights) -> torch.Tensor:
        rows = hidden.reshape(-1, hidden.shape[-1])
        output, inner = _lora_forward(rows, lora)
        ctx.save_for_backward(rows, inner)
        ctx.lora, ctx.shape = lora, hidden.shape
        return output.view(*hidden.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        rows, inner = ctx.saved_tensors
        gradient = gradients[0].reshape(-1, gradients[0].shape[-1])
        to_rows, to_down, to_up = _lora_backward(gradient, rows, inner, ctx.lora, wants_input=ctx.needs_input_grad[0])
        return None if to_rows is None else to_rows.view(ctx.shape), to_down, to_up, None


class _GatedLoraLinear(torch.autograd.Function):
    """``lora(silu(gate) * up_values)``: the product is computed again in backward instead of kept."""

    @staticmethod
    def forward(ctx: Any, gate: Any, up_values: Any, down: Any, up: Any, lora: LoraWeights) -> torch.Tensor:
        product = functional.silu(gate).mul_(up_values)
        rows = product.view(-1, product.shape[-1])
        output, inner = _lora_forward(rows, lora)
        ctx.save_for_backward(gate, up_values, inner)
        ctx.lora = lora
        return output.view(*gate.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        gate, up_values, inner = ctx.saved_tensors
        gradient = gradients[0].reshape(-1, gradients[0].shape[-1])
        opened = functional.silu(gate)
        rows = (opened * up_values).view(-1, gate.shape[-1])
        to_product, to_down, to_up = _lora_backward(gradient, rows, inner, ctx.lora, wants_input=True)
        assert to_product is not None
        to_product = to_product.view(gate.shape)
        to_gate = torch.ops.aten.silu_backward(to_product * up_values, gate)
        return to_gate, opened.mul_(to_product), to_down, to_up, None


class _RmsNorm(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: Any, weight: Any, epsilon: float) -> torch.Tensor:
        squares = torch.linalg.vector_norm(hidden, dim=-1, keepdim=True).square_()
        inverse = squares.div_(hidden.shape[-1]).add_(epsilon).rsqrt_()
        ctx.save_for_backward(hidden, weight, inverse)
        return (hidden * inverse).mul_(weight)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        hidden, weight, inverse = ctx.saved_tensors
        scaled = gradients[0] * weight
        along = (scaled * hidden).sum(-1, keepdim=True).mul_(inverse.pow(3)).div_(hidden.shape[-1])
        return scaled.mul_(inverse).addcmul_(hidden, along, value=-1), None, None


def _loss_and_gradient(logits: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the summed cross-entropy of a few rows, and put its gradient in the logits' place."""
    log_shares = functional.log_softmax(logits.float(), dim=-1)
    loss = -log_shares.gather(1, labels[:, None]).sum()
    shares = log_shares.exp_()
    shares.scatter_add_(1, labels[:, None], shares.new_full((len(labels), 1), -1.0))
    logits.copy_(shares)
    return loss


class _AnswerLoss(torch.autograd.Function):
    """Mean cross-entropy of `hidden @ head'`, a few rows at a time: the logits of all rows never exist together."""

    @staticmethod
    def forward(ctx: Any, hidden: Any, head: Any, labels: Any) -> torch.Tensor:
        to_hidden = torch.empty_like(hidden)
        total = torch.zeros((), dtype=torch.float32, device=hidden.device)
        for start in range(0, len(hidden), _ROWS_AT_ONCE):
            some = slice(start, start + _ROWS_AT_ONCE)
            logits = hidden[some] @ head.t()
            for few, wanted in zip(logits.split(_ROWS_IN_CACHE), labels[some].split(_ROWS_IN_CACHE), strict=True):
                total += _loss_and_gradient(few, wanted)
            to_hidden[some] = logits @ head
        ctx.save_for_backward(to_hidden.div_(len(hidden)))
        return total / len(hidden)

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        (to_hidden,) = ctx.saved_tensors
        return to_hidden * gradients[0], None, None


def answer_loss(hidden: torch.Tensor, head: torch.nn.Linear, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy of labels, shape (tokens,), under a frozen head without bias."""
    return _AnswerLoss.apply(hidden, head.weight, labels)


def plain_head(model: Any) -> torch.nn.Linear | None:
    """Return the output layer if logits are its output and nothing else; else None."""
    head = model.get_output_embeddings()
    config = model.config.get_text_config()
    is_changed = any(
        getattr(config, name, None) not in (None, 1, 1.0)
        for name in ("final_logit_softcapping", "logits_scaling", "logit_scale", "lm_head_multiplier")
    )
    if is_changed or type(head) is not torch.nn.Linear or head.bias is not None or head.weight.requires_grad:
        return None
    return head


def lora_weights(module: Any) -> LoraWeights | None:
    """Return the weights of a PEFT LoRA layer of the simple kind; None for any other module."""
    from peft.tuners.lora.layer import Linear

    if type(module) is not Linear or type(module.base_layer) not in (torch.nn.Linear, FourBitLinear) or module.merged:
        return None
    if module.disable_adapters or list(module.active_adapters) != ["default"] or len(module.lora_A) != 1:
        return None
    is_simple = isinstance(module.lora_dropout["default"], torch.nn.Identity) and module.lora_B["default"].bias is None
    if not is_simple or module.lora_variant:
        return None
    base, down, up = module.base_layer, module.lora_A["default"], module.lora_B["default"]
    assert isinstance(base, torch.nn.Linear)
    assert isinstance(down, torch.nn.Linear)
    assert isinstance(up, torch.nn.Linear)
    return LoraWeights(base, down.weight, up.weight, module.scaling["default"])


def is_rms_norm(module: Any) -> bool:
    """Return whether a module is an RMS norm of the simple kind: values over their root mean square, times weights."""
    return type(module).__name__.endswith("RMSNorm") and type(getattr(module, "variance_epsilon", None)) is float


def is_gated_unit(module: Any) -> bool:
    """Return whether a module is ``down(silu(gate(x)) * up(x))`` and nothing else."""
    is_silu = type(getattr(module, "act_fn", None)).__name__ in ("SiLU", "SiLUActivation")
    return is_silu and {name for name, _ in module.named_children()} == {"gate_proj", "up_proj", "down_proj", "act_fn"}


def _fused_forward(module: Any) -> Callable[..., torch.Tensor] | None:
    """Return the fused forward of a module, or None for a kind that is not known."""
    lora = lora_weights(module)
    if lora is not None:
        return lambda self, hidden: _LoraLinear.apply(hidden, lora.down, lora.up, lora)
    if is_rms_norm(module):
        return lambda self, hidden: _RmsNorm.apply(hidden, self.weight, self.variance_epsilon)
    gated_lora = lora_weights(getattr(module, "down_proj", None))
    if gated_lora is not None and is_gated_unit(module):
        down, up = gated_lora.down, gated_lora.up
        return lambda self, hidden: _GatedLoraLinear.apply(
            self.gate_proj(hidden), self.up_proj(hidden), down, up, gated_lora
        )
    return None


@contextmanager
def fused_modules(model: Any) -> Iterator[int]:
    """Let the known parts of the model compute fused inside this context; gives how many there are."""
    found = [(module, forward) for module in model.modules() if (forward := _fused_forward(module)) is not None]
    with replaced_forwards(found):
        yield len(found)


@contextmanager
def replaced_forwards(replacements: Sequence[tuple[Any, Callable[..., torch.Tensor]]]) -> Iterator[None]:
    """Let modules compute by other functions, which get the module first, inside this context."""
    for module, forward in replacements:
        module.forward = types.MethodType(forward, module)
    try:
        yield
    finally:
        for module, _ in replacements:
            del module.forward
