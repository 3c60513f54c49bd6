"""Several trainings over one frozen model in one process: all sizes and seeds of a ladder at the price of a few.

On a GPU a step of a small model waits for its kernels to be launched, not for arithmetic; one launch can serve the
adapters of every training (`stacked`), and a step's launches can be recorded (`recorded`). Every training keeps its own
rows, optimizer, clipping and learning rates, and leaves when its steps are done. Its adapters are those of a training of
its own, but for the order of additions.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from subprocess import CalledProcessError
from typing import Any

import torch

from tunecurve.errors import Interrupted
from tunecurve.learners.base import TrainingProgress, TrainingRecord
from tunecurve.learners.lm.attention import packed_attention
from tunecurve.learners.lm.chat_format import EncodedExample
from tunecurve.learners.lm.recipe import Recipe
from tunecurve.learners.lm.training.backends import (
    NOT_ALLOWED,
    difference_between,
    loss_and_gradients,
    plain_way,
    shared_prefix_length,
)
from tunecurve.learners.lm.training.cuda_graphs import RecordedSteps
from tunecurve.learners.lm.training.multi_lora import NotStackable, StackedAdapters, losses_together, step_tensors
from tunecurve.learners.lm.training.one_pass import FewShapes, losses_in_one_pass, one_pass_step
from tunecurve.learners.lm.training.train import (
    check_loss,
    new_optimizer,
    take_optimizer_step,
    training_fingerprint,
    training_record,
)
from tunecurve.learners.torch.batches import all_batches
from tunecurve.learners.torch.checkpoint import (
    Training,
    TrainingState,
    load_trainings,
    save_trainings,
)
from tunecurve.spec.study import stable_hash

# On a GPU, lengths are padded to multiples of it: few shapes occur, so that recording them pays.
LENGTHS_MULTIPLE = 32


@dataclass(frozen=True)
class EncodedTraining:
    """What one of the trainings learns from, and how."""

    examples: Sequence[EncodedExample]
    recipe: Recipe
    seed: int

    def steps(self) -> list[list[int]]:
        """Return the rows of every step."""
        lengths = [len(example.token_ids) for example in self.examples]
        return all_batches(lengths, self.recipe.batch_size, self.recipe.epochs, seed=self.seed)


@dataclass(frozen=True)
class TogetherWay:
    """One way to compute a step of all trainings.

    Attributes
    ----------
    description : str
        What it is.
    tensors : callable
        From one batch of every training, and the shapes of all steps if they are known, to the step's tensors on the CPU.
    losses : callable
        (model, tensors) to every training's mean loss; inside `prepared` only.
    prepared : callable
        Model to the context in which `losses` works.
    """

    description: str
    tensors: Callable[[Sequence[Sequence[EncodedExample]], FewShapes | None], Any]
    losses: Callable[[Any, Any], torch.Tensor]
    prepared: Callable[[Any], AbstractContextManager[None]]


def together_ways(n_prefix: int, pad_id: int, device: torch.device) -> list[TogetherWay]:
    """Return the ways that a device has, the fastest first."""
    is_gpu = device.type == "cuda"
    cached = TogetherWay(
        f"cached shared prefix of {n_prefix} tokens",
        lambda batches, shapes: step_tensors(batches, n_prefix, pad_id, LENGTHS_MULTIPLE if is_gpu else 1),
        losses_together,
        lambda model: nullcontext(),
    )
    one_pass = TogetherWay(
        f"shared prefix of {n_prefix} tokens and rows in one pass",
        lambda batches, shapes: one_pass_step(batches, n_prefix, pad_id, shapes),
        losses_in_one_pass,
        packed_attention,
    )
    short = replace(one_pass, description=f"{one_pass.description}, own kernels", prepared=_packed_with_short_kernels)
    return [short, one_pass, cached] if device.type == "cuda" else [cached]


@contextmanager
def _packed_with_short_kernels(model: Any) -> Iterator[None]:
    try:
        from tunecurve.learners.lm.training.gpu_kernels import short_kernels
    except ImportError as error:  # Triton is not there
        raise RuntimeError(str(error)) from None
    with packed_attention(model), short_kernels(model):
        yield


def train_together(
    model: Any,
    trainings: Sequence[EncodedTraining],
    initial: Sequence[dict[str, torch.Tensor]],
    *,
    pad_id: int,
    compute: dict[str, Any],
    folder: Path,
    on_step: Callable[[int, TrainingProgress], None],
    checkpoint_every_seconds: float = 60.0,
) -> list[tuple[dict[str, torch.Tensor], TrainingRecord]]:
    """Train adapters for every training, and return them with what was done.

    Parameters
    ----------
    model : peft.PeftModel
        With the adapters of the first training, untrained; they are left as they are.
    trainings : sequence of EncodedTraining
        All with adapters of one shape.
    initial : sequence of dict of str to Tensor
        Every training's untrained adapters.
    pad_id : int
        Token for padding.
    compute : dict
        Description of device and precision, part of the checkpoint's identity.
    folder : Path
        Holds the checkpoint of all trainings; a run of the same trainings continues from it.
    on_step : callable
        Called with a training's number after each of its steps; when it raises `Interrupted`, a checkpoint is written.
    checkpoint_every_seconds : float, default 60
        Time between checkpoints.

    Raises
    ------
    NotStackable
        When this model's adapters cannot be trained together.
    ModelError
        When a loss is not a number.
    """
    adapters = StackedAdapters(model, initial)
    n_prefix = shared_prefix_length([example for training in trainings for example in training.examples])
    base = model.get_base_model()
    way, path = _choose_way(model, adapters, trainings[0].examples[:2], n_prefix, pad_id)

    def loss_and_backward(step: Any) -> torch.Tensor:
        losses = way.losses(base, step)
        losses.sum().backward()
        return losses.detach()

    compute_step = RecordedSteps(loss_and_backward, base.device)
    runs = [
        Training({"adapters": parameter}, new_optimizer({"adapters": parameter}, training.recipe), TrainingState.new())
        for training, parameter in zip(trainings, adapters.parameters, strict=True)
    ]
    fingerprint = stable_hash(
        ["flat", *(training_fingerprint(t.examples, t.recipe, t.seed, compute) for t in trainings)]
    )
    load_trainings(folder, runs, fingerprint)
    steps = [training.steps() for training in trainings]
    shapes = FewShapes(_planned(trainings, steps), n_prefix)
    last_saved = time.monotonic()
    with adapters.in_use(), way.prepared(base):
        while active := [number for number, run in enumerate(runs) if run.state.step < len(steps[number])]:
            if adapters.activate(active):
                compute_step.forget()
            batches = [[trainings[n].examples[row] for row in steps[n][runs[n].state.step]] for n in active]
            started = time.perf_counter()
            adapters.prepare_step()
            losses = compute_step(way.tensors(batches, shapes)).tolist()
            adapters.hand_over_gradients()
            _take_steps(runs, trainings, dict(zip(active, losses, strict=True)), started)
            try:
                for number in active:
                    state = runs[number].state
                    speed = _tokens_per_second(batches, n_prefix, state, len(active))
                    on_step(number, TrainingProgress(state.step, len(steps[number]), state.losses[-1], speed))
            except Interrupted:
                save_trainings(folder, runs, fingerprint)
                raise
            if time.monotonic() - last_saved > checkpoint_every_seconds:
                save_trainings(folder, runs, fingerprint)
                last_saved = time.monotonic()
    return [
        (
            adapters.by_name(parameter.detach()),
            training_record(training.examples, batches, training.recipe, run.state, path),
        )
        for parameter, training, batches, run in zip(adapters.parameters, trainings, steps, runs, strict=True)
    ]


def _planned(
    trainings: Sequence[EncodedTraining], steps: Sequence[Sequence[Sequence[int]]]
) -> Iterator[list[list[EncodedExample]]]:
    """Yield the batches of every step, one of each training that has so many."""
    for step in range(max(map(len, steps))):
        yield [
            [training.examples[row] for row in own[step]]
            for training, own in zip(trainings, steps, strict=True)
            if step < len(own)
        ]


def _take_steps(
    runs: Sequence[Training], trainings: Sequence[EncodedTraining], losses: Mapping[int, float], started: float
) -> None:
    """Take the optimizer step of every training that was computed, and note it in its state."""
    for number, loss in losses.items():
        run = runs[number]
        check_loss(loss, run.state.step)
        take_optimizer_step(run.optimizer, run.parameters, trainings[number].recipe, run.state.step)
        run.state.step += 1
        run.state.losses.append(loss)
    share = (time.perf_counter() - started) / len(losses)
    for number in losses:
        runs[number].state.seconds += share


def _tokens_per_second(
    batches: Sequence[Sequence[EncodedExample]], n_prefix: int, state: TrainingState, n_active: int
) -> float:
    tokens = sum(n_prefix + sum(len(row.token_ids) - n_prefix for row in batch) for batch in batches)
    return tokens / n_active / (state.seconds / state.step)


def _choose_way(
    model: Any, adapters: StackedAdapters, few: Sequence[EncodedExample], n_prefix: int, pad_id: int
) -> tuple[TogetherWay, str]:
    """Return the fastest way that gives the plain way's loss and gradients of the first training, and both in words."""
    expected = loss_and_gradients(model, plain_way(pad_id, "reference"), few)
    failures: list[str] = []
    others = len(adapters.active) - 1
    for way in together_ways(n_prefix, pad_id, model.get_base_model().device):
        failure = _difference(model, adapters, way, few, expected)
        if failure is None:
            with_others = f"together with {others} other trainings, behind a " if others else ""
            described = f"{with_others}{way.description}; loss and gradients equal the plain way's"
            return way, "; ".join([described, *failures])
        failures.append(f"not {way.description}: {failure}")
    raise NotStackable(
        f"trainings of this model cannot be computed together: {failures[-1].partition(': ')[2]}; "
        "set train_together: false"
    )


def _difference(
    model: Any,
    adapters: StackedAdapters,
    way: TogetherWay,
    few: Sequence[EncodedExample],
    expected: tuple[float, dict[str, torch.Tensor]],
) -> str | None:
    """Return why the way cannot be used, or None when it gives what is expected."""
    base = model.get_base_model()
    try:
        with adapters.in_use(), way.prepared(base):
            adapters.prepare_step()
            losses = way.losses(base, way.tensors([few] * len(adapters.active), None).to(base.device))
            losses.sum().backward()
    except (*NOT_ALLOWED, CalledProcessError) as error:  # the latter where kernels cannot be compiled
        return f"it does not allow it ({type(error).__name__})"
    adapters.hand_over_gradients()
    gradient = adapters.parameters[0].grad
    assert gradient is not None
    found = adapters.by_name(gradient)
    for parameter in adapters.parameters:
        parameter.grad = None
    return difference_between((float(losses[0].detach()), found), expected, base.dtype)
